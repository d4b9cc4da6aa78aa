//! The tensors that a configuration requires, by name and shape, and the comparison with a file.

mod conditioner;
mod denoiser;
mod vae;
mod walk;

use std::collections::HashSet;

use serde::Serialize;

use self::walk::Walk;
use crate::config::{PartialConfig, PipelineConfig};
use crate::{Dtype, Entry, Error, WeightFile};

/// A tensor that a configuration requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// Name in the file, with the component's prefix.
    pub name: String,
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// Whether the file must have it. The one exception is `mask_token`, which no computation uses.
    pub required: bool,
    /// Its role in the network.
    pub role: Role,
}

/// The role of a tensor in a network; the distribution of synthetic values depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Matrix of a linear layer or kernel of a convolution: the first size is the output.
    Weight,
    /// An offset, such as a bias.
    Bias,
    /// A factor near one, such as the gain of a norm.
    Gain,
    /// Tokens and positions.
    Embedding,
}

/// All tensors of a configuration.
#[derive(Debug, Clone, Default)]
pub struct Manifest {
    tensors: Vec<TensorSpec>,
    /// Groups, by prefix, that a file has as a whole or not at all.
    optional: Vec<String>,
    /// Prefixes of tensors that a file may have although the configuration does not determine their shapes.
    tolerated: Vec<String>,
}

/// The differences between a file and its manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Missing tensors.
    pub missing: Vec<String>,
    /// Unexpected tensors.
    pub unexpected: Vec<String>,
    /// Tensors with another shape.
    pub misshapen: Vec<Misshapen>,
}

/// A tensor with another shape than required.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Misshapen {
    /// Its name.
    pub name: String,
    /// The required shape.
    pub expected: Vec<usize>,
    /// The shape in the file.
    pub found: Vec<usize>,
}

impl TensorSpec {
    /// Number of elements.
    pub fn elements(&self) -> u64 {
        self.shape.iter().map(|&size| size as u64).product()
    }
}

impl PipelineConfig {
    /// The tensors of a bundle: `model.…`, `vae.…`, `conditioner.…` (section 3).
    pub fn manifest(&self) -> Manifest {
        let mut manifest = Manifest::default();
        denoiser::walk(&self.model, &mut manifest.walk("model"));
        vae::add(&self.vae, "vae", &mut manifest);
        manifest.add_conditioner(&self.conditioner);
        manifest
    }
}

impl PartialConfig {
    /// The tensors of the configured parts; those of a stand-alone VAE have no prefix.
    pub fn manifest(&self) -> Manifest {
        let mut manifest = Manifest::default();
        if let Some(model) = &self.model {
            denoiser::walk(model, &mut manifest.walk("model"));
        }
        if let Some(config) = &self.vae {
            vae::add(config, if self.stand_alone_vae { "" } else { "vae" }, &mut manifest);
        }
        if let Some(conditioner) = &self.conditioner {
            manifest.add_conditioner(conditioner);
        }
        manifest
    }
}

impl Manifest {
    /// The tensors, in the order of the networks.
    pub fn tensors(&self) -> &[TensorSpec] {
        &self.tensors
    }

    /// Number of parameters.
    pub fn parameters(&self) -> u64 {
        self.tensors.iter().map(TensorSpec::elements).sum()
    }

    /// Number of parameters of the component with that prefix, e.g. `model`.
    pub fn parameters_of(&self, component: &str) -> u64 {
        let of = |spec: &&TensorSpec| spec.name.split('.').next() == Some(component);
        self.tensors.iter().filter(of).map(TensorSpec::elements).sum()
    }

    /// The tensors as they are stored with that element type.
    pub fn entries(&self, dtype: Dtype) -> Vec<Entry> {
        let entry = |spec: &TensorSpec| Entry { name: spec.name.clone(), dtype, shape: spec.shape.clone() };
        self.tensors.iter().map(entry).collect()
    }

    /// Compares names and shapes with a file's, in both directions. Element types are free.
    ///
    /// # Errors
    /// [`Error::Mismatch`] with everything that differs.
    pub fn check(&self, file: &WeightFile) -> Result<(), Error> {
        let mut mismatch = Mismatch::default();
        let absent: Vec<&str> = self.absent_groups(file);
        let is_absent = |name: &str| absent.iter().any(|group| name.starts_with(group));
        for spec in &self.tensors {
            match file.tensor(&spec.name) {
                None if spec.required && !is_absent(&spec.name) => mismatch.missing.push(spec.name.clone()),
                Some(view) if view.shape != spec.shape => mismatch.misshapen.push(Misshapen {
                    name: spec.name.clone(),
                    expected: spec.shape.clone(),
                    found: view.shape.to_vec(),
                }),
                _ => {}
            }
        }
        let known: HashSet<&str> = self.tensors.iter().map(|spec| spec.name.as_str()).collect();
        let is_tolerated = |name: &str| self.tolerated.iter().any(|prefix| name.starts_with(prefix));
        let unexpected = file.names().filter(|name| !known.contains(name) && !is_tolerated(name));
        mismatch.unexpected.extend(unexpected.map(str::to_owned));
        if mismatch == Mismatch::default() {
            return Ok(());
        }
        Err(Error::Mismatch { path: file.path().to_owned(), mismatch: Box::new(mismatch) })
    }

    /// The optional groups that are absent from the file.
    fn absent_groups(&self, file: &WeightFile) -> Vec<&str> {
        let absent = |group: &&str| !file.names().any(|name| name.starts_with(*group));
        self.optional.iter().map(String::as_str).filter(absent).collect()
    }

    fn add_conditioner(&mut self, config: &crate::config::ConditionerConfig) {
        conditioner::walk(&config.config, &mut self.walk("conditioner.main_image_encoder.model"));
        self.optional.push("conditioner.".to_owned());
    }

    fn walk(&mut self, prefix: &str) -> Walk<'_> {
        Walk::new(prefix, &mut self.tensors)
    }
}

impl std::fmt::Display for Mismatch {
    /// One line; names the first three of each kind.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let misshapen: Vec<String> = self.misshapen.iter().map(Misshapen::to_string).collect();
        let kinds = [("missing", &self.missing), ("unexpected", &self.unexpected), ("misshapen", &misshapen)];
        let mut separator = "";
        for (kind, names) in kinds.into_iter().filter(|(_, names)| !names.is_empty()) {
            write!(f, "{separator}{} {kind}: {}", names.len(), names[..names.len().min(3)].join(", "))?;
            if names.len() > 3 {
                write!(f, ", …")?;
            }
            separator = "; ";
        }
        Ok(())
    }
}

impl std::fmt::Display for Misshapen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is {:?}, not {:?}", self.name, self.found, self.expected)
    }
}
