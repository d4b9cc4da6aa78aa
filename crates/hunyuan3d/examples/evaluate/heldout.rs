//! The held-out set, as `training/heldout.py` writes it.

use checkpoint::WeightFile;
use std::error::Error;
use std::path::{Path, PathBuf};

/// A folder of pictures and `truth.safetensors`:
///
/// * `occupancy` u8 `[N, 32768]`: the 64^3 cell centres of [-1, 1]^3, x slowest, eight to a byte, first in the lowest bit;
/// * `surface` f16 `[N, P, 3]`: points of the surface;
/// * `family` u8 `[N]`: index into `families`;
/// * its metadata: `families` and `pictures`, JSON lists of names.
pub(crate) struct HeldOut {
    folder: PathBuf,
    truth: WeightFile,
    families: Vec<String>,
    pictures: Vec<String>,
}

/// The ground truth of one picture.
pub(crate) struct Truth {
    /// The picture's file.
    pub(crate) picture: PathBuf,
    /// The name of the family.
    pub(crate) family: String,
    /// Which cell centres are inside.
    pub(crate) occupancy: Vec<bool>,
    /// Points of the surface.
    pub(crate) surface: Vec<[f32; 3]>,
}

impl HeldOut {
    /// Opens a set.
    pub(crate) fn open(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let path = folder.join("truth.safetensors");
        let file = std::fs::read(&path)?;
        let (_, header) = safetensors::SafeTensors::read_metadata(&file)?;
        let metadata = header.metadata().as_ref().ok_or("the set has no metadata")?;
        let list = |name: &str| -> Result<Vec<String>, Box<dyn Error>> {
            Ok(serde_json::from_str(metadata.get(name).ok_or("a list of names is missing")?)?)
        };
        let (families, pictures) = (list("families")?, list("pictures")?);
        Ok(Self { folder: folder.to_owned(), truth: WeightFile::open(path)?, families, pictures })
    }

    /// The number of pictures.
    pub(crate) fn len(&self) -> usize {
        self.pictures.len()
    }

    /// The ground truth of picture `n`.
    pub(crate) fn truth(&self, n: usize) -> Result<Truth, Box<dyn Error>> {
        let row = |name: &str| -> Result<Vec<u8>, Box<dyn Error>> {
            let tensor = self.truth.tensor(name).ok_or_else(|| format!("the set has no {name}"))?;
            let bytes = tensor.data.len() / tensor.shape[0];
            Ok(tensor.data[n * bytes..(n + 1) * bytes].to_vec())
        };
        let family = self.families.get(usize::from(row("family")?[0])).ok_or("a family without a name")?;
        let occupancy = row("occupancy")?.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1)).collect();
        let values: Vec<f32> =
            row("surface")?.chunks_exact(2).map(|half| half::f16::from_le_bytes([half[0], half[1]]).to_f32()).collect();
        let surface = values.chunks_exact(3).map(|p| [p[0], p[1], p[2]]).collect();
        Ok(Truth { picture: self.folder.join(&self.pictures[n]), family: family.clone(), occupancy, surface })
    }
}
