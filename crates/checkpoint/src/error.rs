use std::path::{Path, PathBuf};

use crate::manifest::Mismatch;

/// Errors of a model's files.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory has no file of this kind.
    #[error("{}: no {wanted} found{}", directory.display(), hint(models))]
    NotFound {
        /// The directory that was searched.
        directory: PathBuf,
        /// The names of the file.
        wanted: &'static str,
        /// Model directories below it, some of them if there are many.
        models: Vec<PathBuf>,
    },

    /// A file operation failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },

    /// A configuration lacks a value or has an invalid one.
    #[error("configuration, {section}: {reason}")]
    Config {
        /// Which part, e.g. `vae.params`.
        section: String,
        /// What is wrong with it.
        reason: String,
    },

    /// A configuration names a class or option that is not implemented.
    #[error("configuration, {section}: {what} is not supported")]
    Unsupported {
        /// Which part, e.g. `model.target`.
        section: String,
        /// The class or option asked for.
        what: String,
    },

    /// The file is not a valid safetensors file.
    #[error("{}: {source}", path.display())]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// Why.
        source: safetensors::SafeTensorError,
    },

    /// The file has other tensors than the configuration asks for.
    #[error("{}: {mismatch}", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// What differs.
        mismatch: Box<Mismatch>,
    },

    /// A `.ckpt` is malformed, or its pickle uses something that a dictionary of tensors does not need.
    #[error("{}: {reason}", path.display())]
    Ckpt {
        /// The file.
        path: PathBuf,
        /// What was refused.
        reason: String,
    },

    /// A download differs from what the server announced.
    #[error("{}: {reason}", path.display())]
    Download {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },

    /// A tensor cannot be written.
    #[error("tensor {name}: {reason}")]
    Tensor {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },

    /// No published model has this name.
    #[error("no published model is called {name}; there are {known}")]
    UnknownModel {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
}

/// Lists the model directories that were found instead.
fn hint(models: &[PathBuf]) -> String {
    let names: Vec<String> = models.iter().map(|path| path.display().to_string()).collect();
    if names.is_empty() { String::new() } else { format!("; there are models in {}", names.join(", ")) }
}

impl Error {
    /// Whether the directory that was given holds model directories instead of a model.
    pub fn names_models(&self) -> bool {
        matches!(self, Self::NotFound { models, .. } if !models.is_empty())
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
        move |source| Error::Io { path: path.to_owned(), source }
    }

    pub(crate) fn config(section: impl Into<String>, reason: impl ToString) -> Error {
        Error::Config { section: section.into(), reason: reason.to_string() }
    }

    pub(crate) fn download(path: &Path, reason: impl ToString) -> Error {
        Error::Download { path: path.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn tensor(name: &str, reason: impl ToString) -> Error {
        Error::Tensor { name: name.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn unsupported(section: impl Into<String>, what: impl Into<String>) -> Error {
        Error::Unsupported { section: section.into(), what: what.into() }
    }
}
