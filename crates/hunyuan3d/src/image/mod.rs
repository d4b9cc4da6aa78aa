//! The preprocessing of images that the image encoder was trained with (section 5).

mod area;
mod cubic;
mod decode;
mod enlarge;
mod lines;
mod pixels;
mod processor;
mod resample;

pub use decode::decode_image;
pub use pixels::Pixels;
pub use processor::{ImageProcessor, Processed, Recentered, View8};
pub use resample::Filter;
