//! The preprocessing of images that the image encoder was trained with (section 5).

mod area;
mod cubic;
mod enlarge;
mod lines;
mod pixels;
mod processor;
mod resample;

pub use pixels::Pixels;
pub use processor::{ImageProcessor, Processed, Recentered, View8};
pub use resample::Filter;
