//! The model families that this worker can run.

use model::{Family, LoadError, LoadOptions, Model};
use std::path::Path;

/// A family is one line here; see `docs/engines.md`.
const FAMILIES: &[Family] = &[
    hunyuan3d::FAMILY,
    spheres::FAMILY, //
];

/// Loads a model directory with the first family that recognises it.
///
/// # Errors
/// When no family does, and when the one that does cannot load it.
pub fn load(dir: &Path, options: &LoadOptions) -> Result<Box<dyn Model>, LoadError> {
    if !dir.is_dir() {
        return Err("there is no such directory".into());
    }
    match FAMILIES.iter().find(|family| (family.recognises)(dir)) {
        Some(family) => (family.load)(dir, options),
        None => {
            let names: Vec<&str> = FAMILIES.iter().map(|family| family.name).collect();
            Err(format!("it is not a model of a known family ({})", names.join(", ")).into())
        }
    }
}
