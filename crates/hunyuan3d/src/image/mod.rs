//! Pictures: decoding, and bringing them into the form that the image encoder was trained on (section 5).

mod area;
mod cubic;
mod enlarge;
mod picture;
mod processor;
mod resample;

pub use picture::{Picture, View};
pub use processor::{ImageProcessor, Processed, Recentered, View8};
pub use resample::{Filter, Pixels};
