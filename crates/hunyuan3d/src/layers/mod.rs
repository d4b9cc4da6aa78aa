//! The layers that all networks share.

mod attention;
mod layer_norm;
mod linear;
#[cfg_attr(not(all(target_arch = "x86_64", feature = "avx512")), path = "unpacked.rs")]
mod packed;
mod rms_norm;

pub use attention::{biased_attention, merge_heads, scaled_dot_product_attention};
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use rms_norm::RmsNorm;
