use std::path::{Path, PathBuf};

use crate::Error;

/// The weights of a model directory: `model.fp16.safetensors`, else `model.safetensors` (section 3).
///
/// # Errors
/// [`Error::NotFound`] if neither is there.
pub fn find_weights(dir: &Path) -> Result<PathBuf, Error> {
    first_file(dir, &["model.fp16.safetensors", "model.safetensors"], "model.fp16.safetensors or model.safetensors")
}

/// The configuration of a model directory: `config.yaml`, else `config.json`.
///
/// # Errors
/// [`Error::NotFound`] if neither is there.
pub fn find_config(dir: &Path) -> Result<PathBuf, Error> {
    first_file(dir, &["config.yaml", "config.json"], "config.yaml or config.json")
}

fn first_file(dir: &Path, names: &[&str], wanted: &'static str) -> Result<PathBuf, Error> {
    names
        .iter()
        .map(|name| dir.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| Error::NotFound { directory: dir.to_owned(), wanted })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn half_precision_goes_first() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(find_weights(dir.path()), Err(Error::NotFound { .. })));
        std::fs::write(dir.path().join("model.safetensors"), b"").unwrap();
        assert_eq!(find_weights(dir.path()).unwrap(), dir.path().join("model.safetensors"));
        std::fs::write(dir.path().join("model.fp16.safetensors"), b"").unwrap();
        assert_eq!(find_weights(dir.path()).unwrap(), dir.path().join("model.fp16.safetensors"));
    }

    #[test]
    fn a_folder_is_not_a_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("config.yaml")).unwrap();
        assert!(find_config(dir.path()).is_err());
    }
}
