//! Volume decoding (specification section 12): a shape's tokens to a [`Field`].
//!
//! - [`Decoder::Dense`] evaluates every lattice point.
//! - [`Decoder::Hierarchical`] starts at a coarse lattice and refines near the surface only: same surface for closed
//!   shapes, an order of magnitude fewer points.
//! - [`Decoder::FlashVdm`] also lets each block of points attend to a selection of tokens only: an approximation for
//!   large token counts, on a slightly coarser lattice.
//!
//! Fourier features are computed in float32 whatever the type of the model; the released half-precision run rounds
//! coordinates first (section 16), which coarsens them for no gain.
//!
//! ```no_run,standalone_crate
//! # fn meshes(vae: hunyuan3d::vae::ShapeVae, latents: tch::Tensor) -> Result<(), hunyuan3d::Error> {
//! use hunyuan3d::probe::Probe;
//! use hunyuan3d::volume::{DecodeOptions, VertexMapping, decode};
//!
//! let tokens = vae.decode(&(latents / vae.scale_factor()), Probe::NONE);
//! let shapes = vae.geo_decoder().latent_key_values(&tokens, Probe::NONE);
//! for field in decode(vae.geo_decoder(), &shapes, &DecodeOptions::default())? {
//!     let mesh = field.to_mesh(0.0, VertexMapping::Corrected);
//! }
//! # Ok(()) }
//! # fn main() {}
//! ```

mod bounds;
mod dense;
mod flash;
mod hierarchical;
mod levels;
mod near_surface;
mod points;
mod selection;
mod sparse;

use std::str::FromStr;

use tch::Device;

pub use model::{Bounds, Field, Values, VertexMapping};
pub use selection::{SelectionRule, SelectiveAttention, selective_attention};

use crate::error::Error;
use crate::vae::{GeometryDecoder, LatentKeyValues};

/// Which points are evaluated, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Decoder {
    /// Every lattice point (section 12.1).
    Dense,
    /// Coarse to fine (section 12.3).
    #[default]
    Hierarchical,
    /// Coarse to fine with selected keys (section 12.4).
    FlashVdm(FlashMode),
}

/// The names that [`Decoder`] is read from.
const DECODERS: [(&str, Decoder); 4] = [
    ("hierarchical", Decoder::Hierarchical),
    ("dense", Decoder::Dense),
    ("flash-mean", Decoder::FlashVdm(FlashMode::Mean)),
    ("flash-merge", Decoder::FlashVdm(FlashMode::Merge)),
];

impl FromStr for Decoder {
    type Err = Error;

    /// `hierarchical`, `dense`, `flash-mean` or `flash-merge`.
    fn from_str(name: &str) -> Result<Decoder, Error> {
        let found = DECODERS.iter().find(|(known, _)| *known == name).map(|(_, decoder)| *decoder);
        let names = || DECODERS.map(|(name, _)| name).join(", ");
        found.ok_or_else(|| Error::Unsupported(format!("decoder {name:?}; there are {}", names())))
    }
}

/// How the FlashVDM decoder selects keys on refinement levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FlashMode {
    /// The third of the keys, per head, with the highest mean score for a group's sampled queries.
    #[default]
    Mean,
    /// Every key with an attention weight above 1e-6 for one of the group's sampled queries.
    Merge,
}

/// How fields are decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct DecodeOptions {
    /// Cells per axis R; the lattice has R + 1 points per axis. 1 to [`DecodeOptions::MAX_RESOLUTION`].
    pub octree_resolution: u32,
    /// Which points are evaluated.
    pub decoder: Decoder,
    /// Points per network call, at least 1; results do not depend on it. `None` for what suits the device.
    pub chunk: Option<usize>,
    /// The box to decode.
    pub bounds: Bounds,
    /// Coarse-to-fine decoding starts at the smallest of R, R/2, R/4 ... that is not below this.
    pub min_resolution: u32,
    /// The level at which a surface will be extracted; refinement looks for it.
    pub mc_level: f32,
}

impl DecodeOptions {
    /// Largest resolution: a field of 2^31 values is not addressed.
    pub const MAX_RESOLUTION: u32 = 1024;
}

impl Default for DecodeOptions {
    fn default() -> DecodeOptions {
        DecodeOptions {
            octree_resolution: 384,
            decoder: Decoder::default(),
            chunk: None,
            bounds: Bounds::default(),
            min_resolution: 63,
            mc_level: 0.0,
        }
    }
}

/// Decodes a batch of shapes; one field for each. Shapes are independent.
///
/// # Errors
/// [`Error::Invalid`] if the resolution or chunk is out of range, if the box is empty, or if FlashVDM is asked of a
/// geometry decoder with a single attention head.
pub fn decode(
    geo_decoder: &GeometryDecoder,
    shapes: &LatentKeyValues,
    options: &DecodeOptions,
) -> Result<Vec<Field>, Error> {
    decode_while(geo_decoder, shapes, options, &|| true)
}

/// As [`decode`]; `proceed` is called before each network call, on any thread, and ends the work by returning `false`.
///
/// # Errors
/// As [`decode`]; [`Error::Abandoned`] when `proceed` returned `false`.
pub fn decode_while(
    geo_decoder: &GeometryDecoder,
    shapes: &LatentKeyValues,
    options: &DecodeOptions,
    proceed: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<Field>, Error> {
    check(geo_decoder, options)?;
    let run = Run {
        geo_decoder,
        options,
        chunk: options.chunk.map_or_else(|| default_chunk(geo_decoder), |chunk| chunk as i64),
        device: geo_decoder.device(),
        proceed,
    };
    match options.decoder {
        Decoder::Dense => dense::decode(&run, shapes),
        Decoder::Hierarchical => hierarchical::decode(&run, shapes),
        Decoder::FlashVdm(mode) => (0..shapes.len()).map(|row| flash::decode(&run, &shapes.shape(row), mode)).collect(),
    }
}

/// The inputs of every decoder.
struct Run<'a> {
    geo_decoder: &'a GeometryDecoder,
    options: &'a DecodeOptions,
    /// Points per network call.
    chunk: i64,
    device: Device,
    /// Called before each network call; `false` ends the work.
    proceed: &'a (dyn Fn() -> bool + Sync),
}

impl Run<'_> {
    /// Calls `proceed`.
    ///
    /// # Errors
    /// [`Error::Abandoned`] if it returned `false`.
    fn check(&self) -> Result<(), Error> {
        if (self.proceed)() { Ok(()) } else { Err(Error::Abandoned) }
    }

    fn field(&self, values: Values, points: usize) -> Field {
        Field {
            values,
            shape: [points; 3],
            bounds: self.options.bounds,
            octree_resolution: self.options.octree_resolution,
        }
    }
}

fn check(geo_decoder: &GeometryDecoder, options: &DecodeOptions) -> Result<(), Error> {
    let invalid = |problem: String| Err(Error::Invalid(problem));
    if !(1..=DecodeOptions::MAX_RESOLUTION).contains(&options.octree_resolution) {
        let (resolution, max) = (options.octree_resolution, DecodeOptions::MAX_RESOLUTION);
        return invalid(format!("octree resolution {resolution} is not within 1 to {max}"));
    }
    if options.chunk == Some(0) {
        return invalid("a chunk of 0 points".to_owned());
    }
    let Bounds { min, max } = options.bounds;
    if !min.iter().zip(max).all(|(min, max)| min.is_finite() && max.is_finite() && *min < max) {
        return invalid(format!("bounds {min:?} to {max:?} are not a box"));
    }
    if !options.mc_level.is_finite() {
        return invalid("the surface level is not a number".to_owned());
    }
    if matches!(options.decoder, Decoder::FlashVdm(_)) && geo_decoder.heads() < 2 {
        return invalid("the FlashVDM decoder needs a geometry decoder with at least 2 attention heads".to_owned());
    }
    Ok(())
}

/// Points per call that keep what a call touches inside the processor's cache, or fill a GPU with about a gigabyte.
fn default_chunk(geo_decoder: &GeometryDecoder) -> i64 {
    let (bytes, least) = if geo_decoder.device().is_cuda() { (1 << 30, 8192) } else { (6 << 20, 256) };
    (bytes / geo_decoder.bytes_per_point()).max(least)
}
