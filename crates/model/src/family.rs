use crate::Model;
use std::error::Error as StdError;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// A model family: an implementation of [`Model`] and the directories that it can load.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Its name, as [`ModelInfo::family`](domain::ModelInfo::family) has it.
    pub name: &'static str,
    /// Whether a directory is a model of this family. It looks at the configuration only, and is quick.
    pub recognises: fn(&Path) -> bool,
    /// Loads a directory.
    pub load: Load,
}

/// Loads the model of a directory.
pub type Load = fn(&Path, &LoadOptions) -> Result<Box<dyn Model>, LoadError>;

/// Why a model cannot be loaded.
pub type LoadError = Box<dyn StdError + Send + Sync>;

/// Where and how a model is to compute. A family ignores what it has no use for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// The device.
    pub device: Device,
    /// The type of number.
    pub dtype: Dtype,
    /// CPU threads of the framework; `None` for one per core.
    pub threads: Option<usize>,
    /// How fields are evaluated, by a name that the family knows; `None` for its default.
    pub decoder: Option<String>,
    /// Points of the field that are evaluated at a time; `None` for what suits the device.
    pub chunk: Option<usize>,
}

/// The device to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Device {
    /// The first CUDA device if there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA device of this number; if it is missing, the model is not loaded.
    Cuda(usize),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Auto => f.write_str("auto"),
            Device::Cpu => f.write_str("cpu"),
            Device::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl FromStr for Device {
    type Err = String;

    /// `auto`, `cpu`, `cuda` (the first) or `cuda:N`.
    fn from_str(text: &str) -> Result<Device, String> {
        match text {
            "auto" => Ok(Device::Auto),
            "cpu" => Ok(Device::Cpu),
            "cuda" => Ok(Device::Cuda(0)),
            _ => match text.strip_prefix("cuda:").map(str::parse) {
                Some(Ok(index)) => Ok(Device::Cuda(index)),
                _ => Err("not one of auto, cpu, cuda, cuda:N".to_owned()),
            },
        }
    }
}

/// The type of number to compute with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// float16 on a GPU, float32 on the CPU.
    #[default]
    Auto,
    /// float32.
    F32,
    /// bfloat16.
    Bf16,
    /// float16.
    F16,
}

impl Dtype {
    /// The name in options and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Dtype::Auto => "auto",
            Dtype::F32 => "f32",
            Dtype::Bf16 => "bf16",
            Dtype::F16 => "f16",
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Dtype {
    type Err = String;

    /// `auto`, `f32`, `bf16` or `f16`.
    fn from_str(text: &str) -> Result<Dtype, String> {
        let known = [Dtype::Auto, Dtype::F32, Dtype::Bf16, Dtype::F16];
        known
            .into_iter()
            .find(|dtype| dtype.as_str() == text)
            .ok_or_else(|| "not one of auto, f32, bf16, f16".to_owned())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn names_read_back() {
        for device in [Device::Auto, Device::Cpu, Device::Cuda(0), Device::Cuda(3)] {
            assert_eq!(device.to_string().parse::<Device>().unwrap(), device);
        }
        assert_eq!("cuda".parse::<Device>().unwrap(), Device::Cuda(0));
        for wrong in ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "CPU"] {
            assert!(wrong.parse::<Device>().is_err(), "{wrong}");
        }
        for dtype in [Dtype::Auto, Dtype::F32, Dtype::Bf16, Dtype::F16] {
            assert_eq!(dtype.to_string().parse::<Dtype>().unwrap(), dtype);
        }
    }
}
