use serde::{Deserialize, Serialize};

use super::section::Section;
use crate::Error;

/// How a picture is cropped, centred and scaled (section 5).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImageProcessorConfig {
    /// One picture or named views.
    pub processor: ImageProcessor,
    /// Side of the result in pixels.
    pub size: i64,
    /// Share of the side left free around the object, 0 to 1.
    pub border_ratio: f64,
}

/// Kinds of image processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ImageProcessor {
    /// `ImageProcessorV2` (section 5.1).
    V2,
    /// `MVImageProcessorV2` (section 5.2).
    MvV2,
}

#[derive(Deserialize)]
struct Params {
    #[serde(default = "default_size")]
    size: i64,
    #[serde(default)]
    border_ratio: Option<f64>,
}

fn default_size() -> i64 {
    512
}

impl ImageProcessorConfig {
    pub(super) fn from_section(section: Section) -> Result<Self, Error> {
        let processor = match section.class()? {
            "ImageProcessorV2" => ImageProcessor::V2,
            "MVImageProcessorV2" => ImageProcessor::MvV2,
            _ => return Err(section.unknown_class()),
        };
        let Params { size, border_ratio } = section.params()?;
        let border_ratio = border_ratio.unwrap_or(0.15);
        section.check_sizes(&[("size", size)])?;
        if size > 8192 {
            return Err(section.invalid(format!("size is {size}, more than 8192 pixels")));
        }
        if !(0.0..1.0).contains(&border_ratio) {
            return Err(section.invalid(format!("border_ratio is {border_ratio}, not within 0 to 1")));
        }
        Ok(Self { processor, size, border_ratio })
    }
}
