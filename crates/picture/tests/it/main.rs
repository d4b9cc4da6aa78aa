//! Image files of every kind: valid, broken and malicious.

#![allow(clippy::unwrap_used)]

mod clean;
mod content;
mod damage;
mod formats;
mod pictures;

use bytes::Bytes;
use picture::{CheckedPicture, PictureLimits, Refused, check};

const LIMITS: PictureLimits = PictureLimits { max_pixels: 1_000_000, min_side: 16, ..PictureLimits::MAX };

fn checked(file: &[u8]) -> CheckedPicture {
    check(&Bytes::copy_from_slice(file), LIMITS).unwrap()
}

fn verdict(file: &[u8]) -> &'static str {
    match check(&Bytes::copy_from_slice(file), LIMITS) {
        Ok(_) => "fine",
        Err(Refused::Unsupported(_)) => "unsupported",
        Err(Refused::Animated(_)) => "animated",
        Err(Refused::TooSmall(_)) => "too small",
        Err(Refused::TooLarge(_)) => "too large",
        Err(Refused::TooThin(_)) => "too thin",
        Err(Refused::Corrupt { .. }) => "corrupt",
        Err(Refused::Empty(_)) => "empty",
        Err(Refused::Unwritable(_)) => "unwritable",
    }
}
