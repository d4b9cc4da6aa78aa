//! One golden case: its folder, its configuration, its tensors, and the tensors that a check has not read yet.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tch::Tensor;

/// The case folders under `root`, by name: those with an `io.safetensors` (`root` itself may be one).
pub(crate) fn folders(root: &Path) -> Vec<PathBuf> {
    if root.join("io.safetensors").is_file() {
        return vec![root.to_owned()];
    }
    let entries = std::fs::read_dir(root).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// A golden case.
pub(crate) struct Case {
    /// Folder name, for example `dit-v2-0`.
    pub(crate) name: String,
    /// Where `model.safetensors`, `config.json` and pictures are.
    pub(crate) dir: PathBuf,
    /// `config.json`, or null.
    pub(crate) config: Value,
    tensors: BTreeMap<String, Tensor>,
    touched: RefCell<BTreeSet<String>>,
}

impl Case {
    pub(crate) fn read(dir: &Path) -> Case {
        let io = dir.join("io.safetensors");
        let tensors = Tensor::read_safetensors(&io).unwrap_or_else(|error| panic!("{}: {error}", io.display()));
        Case {
            name: dir.file_name().unwrap().to_string_lossy().into_owned(),
            dir: dir.to_owned(),
            config: if dir.join("config.json").is_file() { read_json(&dir.join("config.json")) } else { Value::Null },
            tensors: tensors.into_iter().collect(),
            touched: RefCell::default(),
        }
    }

    /// How many tensors `io.safetensors` holds.
    pub(crate) fn len(&self) -> usize {
        self.tensors.len()
    }

    /// All tensor names, sorted; listing a name does not consume it.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Whether there is such a tensor; does not consume it.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The tensor of this name, if there is one, which is now consumed.
    pub(crate) fn find(&self, name: &str) -> Option<Tensor> {
        let tensor = self.tensors.get(name)?;
        self.touched.borrow_mut().insert(name.to_owned());
        Some(tensor.shallow_clone())
    }

    /// The tensor of this name, which is now consumed. Panics if there is none.
    pub(crate) fn tensor(&self, name: &str) -> Tensor {
        self.find(name).unwrap_or_else(|| panic!("{}: no tensor {name}", self.name))
    }

    /// The tensors that no check has consumed.
    pub(crate) fn untouched(&self) -> Vec<String> {
        let touched = self.touched.borrow();
        self.tensors.keys().filter(|name| !touched.contains(*name)).cloned().collect()
    }

    /// A JSON file of the case (`meshes.json`, `run.json`, `cases.json`).
    pub(crate) fn json(&self, file: &str) -> Value {
        read_json(&self.dir.join(file))
    }

    /// Last component of the configuration's `target`, at the top or in the section `component` (`model`, `vae` ...).
    pub(crate) fn target(&self, component: &str) -> String {
        let section = self.config.get(component).unwrap_or(&self.config);
        let target = section["target"].as_str().unwrap_or_else(|| panic!("{}: no target in config.json", self.name));
        target.rsplit('.').next().unwrap().to_owned()
    }
}

fn read_json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
