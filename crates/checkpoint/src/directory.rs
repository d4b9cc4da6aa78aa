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
    names.iter().map(|name| dir.join(name)).find(|path| path.is_file()).ok_or_else(|| {
        let mut models = Vec::new();
        models_below(dir, DEPTH, &mut models);
        Error::NotFound { directory: dir.to_owned(), wanted, models }
    })
}

/// Levels of folders that are searched for models: a download of a whole repository has one, one of several has two.
const DEPTH: u32 = 2;

/// The most models that an error names.
const MAX_MODELS: usize = 8;

/// The most entries of a folder that are looked at.
const MAX_ENTRIES: usize = 1000;

/// Finds directories below `dir` that hold a configuration, in the order of their names.
fn models_below(dir: &Path, depth: u32, models: &mut Vec<PathBuf>) {
    if depth == 0 {
        return;
    }
    let entries = std::fs::read_dir(dir).into_iter().flatten().take(MAX_ENTRIES).filter_map(Result::ok);
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    for folder in folders {
        if models.len() == MAX_MODELS {
            return;
        }
        match ["config.yaml", "config.json"].iter().any(|name| folder.join(name).is_file()) {
            true => models.push(folder),
            false => models_below(&folder, depth - 1, models),
        }
    }
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
    fn an_error_names_models_in_folders_below() {
        let dir = tempfile::tempdir().unwrap();
        for model in ["a", "repo/b", "repo/c", "repo/too/deep", "empty"] {
            let folder = dir.path().join(model);
            std::fs::create_dir_all(&folder).unwrap();
            if model != "empty" {
                std::fs::write(folder.join("config.yaml"), b"").unwrap();
            }
        }
        let error = find_config(dir.path()).unwrap_err().to_string();
        let below = |name: &str| dir.path().join(name).display().to_string();
        let expected = format!("there are models in {}, {}, {}", below("a"), below("repo/b"), below("repo/c"));
        assert!(error.contains("no config.yaml or config.json found; ") && error.ends_with(&expected), "{error}");
        let error = find_config(&dir.path().join("empty")).unwrap_err().to_string();
        assert!(error.ends_with("no config.yaml or config.json found"), "{error}");
    }

    #[test]
    fn a_folder_is_not_a_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("config.yaml")).unwrap();
        assert!(find_config(dir.path()).is_err());
    }
}
