use model::LoadError;
use serde::Deserialize;
use std::path::Path;

/// The file `spheres.json`. Every key is optional.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Whether the model takes any views of an object, not only the front.
    pub(crate) multi_view: bool,
    /// Steps when a request names none.
    pub(crate) steps: u32,
    /// Cells along a side of the grid when a request names none.
    pub(crate) octree_resolution: u32,
    /// Cells along a side of the finest grid.
    pub(crate) max_octree_resolution: u32,
    /// Faults that occur while the model runs.
    pub(crate) faults: Vec<Fault>,
}

impl Default for Config {
    fn default() -> Self {
        Self { multi_view: false, steps: 5, octree_resolution: 32, max_octree_resolution: 1024, faults: Vec::new() }
    }
}

/// A planned fault, for tests of the services around a model. It occurs in each call that meets all its conditions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The call: `encode`, `step`, `decode`, or `drop` for the end of a row.
    pub call: String,
    /// What happens.
    pub kind: FaultKind,
    /// Only in the call of this number, from 1.
    #[serde(default)]
    pub nth: Option<u64>,
    /// Only in calls with more rows than this.
    #[serde(default)]
    pub rows_above: usize,
    /// Only in calls with a row of this seed.
    #[serde(default)]
    pub seed: Option<u64>,
    /// Only so many times.
    #[serde(default)]
    pub times: Option<u64>,
}

/// What happens at a [`Fault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The call panics.
    Panic,
    /// The call fails, and the device is usable.
    Fail,
    /// The call finds too little memory.
    OutOfMemory,
    /// The call finds the device broken.
    DeviceFault,
    /// The call never returns, and cannot be abandoned.
    Hang,
    /// The call takes so many milliseconds longer. A decoding can be abandoned meanwhile.
    SlowMs(u64),
}

impl Config {
    /// The name of the file.
    pub(crate) const FILE: &str = "spheres.json";

    /// Reads the file of a directory; also returns its digest.
    pub(crate) fn read(dir: &Path) -> Result<(Self, String), LoadError> {
        let text = std::fs::read(dir.join(Self::FILE))?;
        let config = serde_json::from_slice(&text)?;
        let digest = ring::digest::digest(&ring::digest::SHA256, &text);
        Ok((config, digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()))
    }
}
