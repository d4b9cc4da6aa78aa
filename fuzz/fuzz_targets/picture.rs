//! A picture's file: what is taken is taken again as what it became, with the same size.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use picture::{PictureLimits, check};

const LIMITS: PictureLimits = PictureLimits { max_pixels: 1 << 16, min_side: 2 };

fuzz_target!(|input: &[u8]| {
    let Ok(taken) = check(&Bytes::copy_from_slice(input), LIMITS) else { return };
    assert!(u64::from(taken.width) * u64::from(taken.height) <= LIMITS.max_pixels);
    let again = check(&taken.bytes, LIMITS).expect("it was taken");
    assert_eq!((again.width, again.height), (taken.width, taken.height));
});
