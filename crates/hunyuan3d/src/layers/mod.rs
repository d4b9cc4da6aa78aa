//! The layers that all networks share.

mod attention;
mod layer_norm;
mod linear;
mod rms_norm;

pub use attention::{biased_attention, merge_heads, scaled_dot_product_attention};
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use rms_norm::RmsNorm;
