//! Access to a model's tensors by path: `&weights / "attn" / "qkv"` walks down as the checkpoint's names do.

use std::fmt::Display;
use std::ops::Div;
use std::path::Path;
use std::sync::Arc;

use checkpoint::WeightFile;
use tch::{Device, Kind, Tensor};

use crate::error::Error;

/// A place in a weights file: the file, a name prefix, and the device and type to which tensors are converted.
///
/// Cheap to clone. Tensors are read from the mapped file one at a time, so loading needs no second copy of the model.
///
/// ```no_run,standalone_crate
/// # fn main() -> Result<(), hunyuan3d::Error> {
/// use hunyuan3d::Weights;
/// use tch::{Device, Kind};
///
/// let w = Weights::open("model.safetensors".as_ref(), Device::Cpu, Kind::Float)?;
/// let attn = &w / "model" / "double_blocks" / 0 / "img_attn";
/// let bias = attn.tensor("proj.bias", &[1024])?; // model.double_blocks.0.img_attn.proj.bias
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Weights {
    file: Arc<WeightFile>,
    prefix: String,
    device: Device,
    kind: Kind,
}

impl Weights {
    /// The root of `file`; floating-point tensors are converted to `kind` on `device`.
    pub fn new(file: Arc<WeightFile>, device: Device, kind: Kind) -> Weights {
        Weights { file, prefix: String::new(), device, kind }
    }

    /// As [`Weights::new`], from a safetensors file.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if the file is missing or not a sound safetensors file.
    pub fn open(path: &Path, device: Device, kind: Kind) -> Result<Weights, Error> {
        Ok(Weights::new(Arc::new(WeightFile::open(path)?), device, kind))
    }

    /// Device of the tensors.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Type of the tensors.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The same place, with another type.
    pub fn with_kind(&self, kind: Kind) -> Weights {
        Weights { kind, ..self.clone() }
    }

    /// Whether a tensor of this name (below the prefix) exists.
    pub fn contains(&self, name: &str) -> bool {
        self.file.tensor(&self.full_name(name)).is_some()
    }

    /// The tensor `name` (below the prefix), on the device and of the type asked for.
    ///
    /// # Errors
    /// [`Error::Weights`] if it is missing, of another shape, or not of a floating-point type.
    pub fn tensor(&self, name: &str, shape: &[i64]) -> Result<Tensor, Error> {
        let name = self.full_name(name);
        let refuse = |problem: String| Error::Weights { name: name.clone(), problem };
        let Some(view) = self.file.tensor(&name) else {
            return Err(refuse("missing".to_owned()));
        };
        if view.shape.len() != shape.len() || view.shape.iter().zip(shape).any(|(&have, &want)| have as i64 != want) {
            return Err(refuse(format!("shape is {:?}, not {shape:?}", view.shape)));
        }
        let stored = match view.dtype {
            checkpoint::Dtype::F32 => Kind::Float,
            checkpoint::Dtype::F16 => Kind::Half,
            checkpoint::Dtype::BF16 => Kind::BFloat16,
            checkpoint::Dtype::F64 => Kind::Double,
            other => return Err(refuse(format!("element type is {other:?}, not a floating-point type"))),
        };
        let tensor = Tensor::f_from_data_size(view.data, shape, stored)?;
        // To the device first: the transfer is smaller in the stored type when that is the half-precision one.
        Ok(tensor.f_to_device(self.device)?.f_to_kind(self.kind)?)
    }

    fn full_name(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}.{name}", self.prefix) }
    }
}

impl<T: Display> Div<T> for &Weights {
    type Output = Weights;

    /// The place whose names begin with this one's prefix and `name`.
    fn div(self, name: T) -> Weights {
        Weights { prefix: self.full_name(&name.to_string()), ..self.clone() }
    }
}

impl<T: Display> Div<T> for Weights {
    type Output = Weights;

    /// As for a reference.
    fn div(self, name: T) -> Weights {
        &self / name
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn file() -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::with_suffix(".safetensors").unwrap();
        let tensors = [
            ("a.0.weight", Tensor::from_slice(&[1.5f32, -2.0, 0.25, 4.0]).view([2, 2]).to_kind(Kind::Half)),
            ("a.0.count", Tensor::from_slice(&[3i64])),
        ];
        Tensor::write_safetensors(&tensors, file.path()).unwrap();
        file
    }

    #[test]
    fn a_path_leads_to_a_tensor_of_the_type_asked_for() {
        let file = file();
        let w = Weights::open(file.path(), Device::Cpu, Kind::Float).unwrap();
        let place = &w / "a" / 0;
        assert!(place.contains("weight") && !place.contains("bias") && !w.contains("weight"));
        let tensor = place.tensor("weight", &[2, 2]).unwrap();
        assert_eq!(tensor.kind(), Kind::Float);
        assert_eq!(Vec::<f32>::try_from(tensor.view(-1)).unwrap(), [1.5, -2.0, 0.25, 4.0]);
        assert_eq!(place.with_kind(Kind::BFloat16).tensor("weight", &[2, 2]).unwrap().kind(), Kind::BFloat16);
    }

    #[test]
    fn a_tensor_that_does_not_fit_is_refused_by_name() {
        let file = file();
        let w = &Weights::open(file.path(), Device::Cpu, Kind::Float).unwrap() / "a" / 0;
        for (name, shape) in [("bias", &[2][..]), ("weight", &[4]), ("weight", &[2, 3]), ("count", &[1])] {
            match w.tensor(name, shape) {
                Err(Error::Weights { name: full, .. }) => assert_eq!(full, format!("a.0.{name}")),
                other => panic!("{name} {shape:?}: {other:?}"),
            }
        }
    }
}
