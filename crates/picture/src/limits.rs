//! The limits on an image's size. Gateway and worker apply the same ones, so nothing is accepted that cannot be decoded.

use crate::Refused;

/// Limits on the width and height of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureLimits {
    /// Maximum number of pixels, width times height.
    pub max_pixels: u64,
    /// Minimum width and height, in pixels.
    pub min_side: u32,
    /// Maximum width and height, in pixels.
    pub max_side: u32,
    /// Maximum ratio of the longer side to the shorter one.
    pub max_aspect: u32,
}

impl PictureLimits {
    /// The widest limits that any part of the system accepts, and those that the worker decodes by. A gateway may be
    /// configured to accept less, never more. The aspect ratio is limited because models see a square image of 512
    /// pixels or so: at 16 to 1 the object is 32 pixels wide there.
    pub const MAX: PictureLimits =
        PictureLimits { max_pixels: 64_000_000, min_side: 2, max_side: 16_384, max_aspect: 16 };

    /// Checks the size of an image.
    ///
    /// # Errors
    /// [`Refused::TooSmall`], [`Refused::TooLarge`] or [`Refused::TooThin`].
    pub fn check(self, width: u32, height: u32) -> Result<(), Refused> {
        let Self { max_pixels, min_side, max_side, max_aspect } = self;
        let (longer, shorter) = (width.max(height), width.min(height));
        let refusal = if shorter < min_side {
            (Refused::TooSmall as fn(String) -> Refused, format!("each side must have at least {min_side}"))
        } else if longer > max_side {
            (Refused::TooLarge as fn(String) -> Refused, format!("each side may have at most {max_side}"))
        } else if u64::from(width) * u64::from(height) > max_pixels {
            let (all, most) = (megapixels(u64::from(width) * u64::from(height)), megapixels(max_pixels));
            (Refused::TooLarge as fn(String) -> Refused, format!("that is {all} megapixels, and the limit is {most}"))
        } else if longer > shorter.saturating_mul(max_aspect) {
            let rule = format!("the longer side may be at most {max_aspect} times as long as the shorter one");
            (Refused::TooThin as fn(String) -> Refused, rule)
        } else {
            return Ok(());
        };
        Err(refusal.0(format!("The image is {width} x {height} pixels; {}.", refusal.1)))
    }
}

/// Millions of pixels, with as many decimals as are needed to tell the image from the limit.
fn megapixels(pixels: u64) -> f64 {
    let millions = pixels as f64 / 1e6;
    if millions < 10.0 { (millions * 1000.0).round() / 1000.0 } else { (millions * 10.0).round() / 10.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_includes_its_bound_and_nothing_beyond() {
        let limits = PictureLimits { max_pixels: 1000, min_side: 4, max_side: 100, max_aspect: 10 };
        for (width, height) in [(4, 4), (4, 40), (100, 10), (10, 100), (40, 25)] {
            assert!(limits.check(width, height).is_ok(), "{width} x {height}");
        }
        let verdict = |width, height| match limits.check(width, height) {
            Err(Refused::TooSmall(_)) => "small",
            Err(Refused::TooLarge(_)) => "large",
            Err(Refused::TooThin(_)) => "thin",
            other => panic!("{width} x {height}: {other:?}"),
        };
        for (size, expected) in [
            ((3, 40), "small"),
            ((0, 0), "small"),
            ((101, 10), "large"),
            ((1, 101), "small"),
            ((40, 26), "large"),
            ((4, 41), "thin"),
            ((91, 9), "thin"),
            ((u32::MAX, u32::MAX), "large"),
        ] {
            assert_eq!(verdict(size.0, size.1), expected, "{size:?}");
            assert_eq!(verdict(size.1, size.0), expected, "{size:?} on its side");
        }
    }

    #[test]
    fn megapixels_differ_from_the_limit_that_they_exceed() {
        let limits = PictureLimits { max_pixels: 40_000_000, ..PictureLimits::MAX };
        let refused = limits.check(8064, 6048).unwrap_err().to_string();
        assert_eq!(refused, "The image is 8064 x 6048 pixels; that is 48.8 megapixels, and the limit is 40.");
    }
}
