//! Image files: an accepted image is accepted again in the form in which it is stored, with the same size, and the worker
//! can decode it.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use picture::{PictureLimits, check, decode_rgba};

const LIMITS: PictureLimits = PictureLimits { max_pixels: 1 << 16, ..PictureLimits::MAX };

fuzz_target!(|input: &[u8]| {
    let Ok(accepted) = check(&Bytes::copy_from_slice(input), LIMITS) else { return };
    assert!(u64::from(accepted.width) * u64::from(accepted.height) <= LIMITS.max_pixels);
    let again = check(&accepted.bytes, LIMITS).expect("it was accepted before");
    assert_eq!((again.width, again.height), (accepted.width, accepted.height));
    let pixels = decode_rgba(&accepted.bytes).expect("it was decoded before");
    assert_eq!(pixels.dimensions(), (accepted.width, accepted.height));
});
