//! The interface between decoders and the consumers of pixels.

/// A consumer of the rows of an image.
pub(crate) trait Rows {
    /// Takes pixels of row `y`: columns `x`, `x + dx` and so on, 8 bits per channel.
    fn row(&mut self, y: u32, x: u32, dx: u32, samples: &[u8]);
}
