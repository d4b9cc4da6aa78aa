//! Which device computes, and with which type of number.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use tch::{Cuda, Kind};

use crate::error::Error;

/// The computing device to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Device {
    /// The first CUDA device if there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA device of this number, or none: there is no silent fallback.
    Cuda(usize),
}

impl Device {
    /// Finds the device, loading libtorch's CUDA part if it may be needed.
    ///
    /// To be called before a process does anything else with libtorch, unless that is on the CPU for good: libtorch
    /// looks once which parts it has.
    ///
    /// # Errors
    /// [`Error::NoDevice`] if a CUDA device was asked for and is not there; the reason says what is missing.
    pub fn open(self) -> Result<tch::Device, Error> {
        let unavailable = |reason: String| Error::NoDevice { device: self.to_string(), reason };
        match self {
            Device::Cpu => Ok(tch::Device::Cpu),
            Device::Cuda(index) => match cuda_devices() {
                Ok(count) if index < count => Ok(tch::Device::Cuda(index)),
                Ok(count) => Err(unavailable(format!("there are {count} CUDA devices"))),
                Err(reason) => Err(unavailable(reason)),
            },
            Device::Auto => match cuda_devices() {
                Ok(_) => Ok(tch::Device::Cuda(0)),
                Err(reason) => {
                    tracing::info!(%reason, "computing on the CPU: no CUDA device");
                    Ok(tch::Device::Cpu)
                }
            },
        }
    }
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
                _ => Err(format!("{text}: not one of auto, cpu, cuda, cuda:N")),
            },
        }
    }
}

/// The number of CUDA devices, at least 1, or why there is none.
fn cuda_devices() -> Result<usize, String> {
    load_cuda_library()?;
    match Cuda::device_count() {
        count if count > 0 && Cuda::is_available() => Ok(count as usize),
        _ => Err("libtorch sees none; is there a driver, and was this asked before libtorch was used?".to_owned()),
    }
}

/// Loads libtorch's CUDA part, once per process.
///
/// The linker leaves out `libtorch_cuda`, as no symbol of it is named, so libtorch would know only the CPU. Loading it
/// registers its kernels. A lean installation does not have it, which is no error here but an answer.
fn load_cuda_library() -> Result<(), String> {
    static LOADED: OnceLock<Result<(), String>> = OnceLock::new();
    LOADED.get_or_init(open_cuda_library).clone()
}

#[cfg(target_os = "linux")]
fn open_cuda_library() -> Result<(), String> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

    // SAFETY: this is libtorch's own library, of the same version as the libtorch in this process because the same
    // search path finds both; its initialisers only register kernels.
    match unsafe { Library::open(Some("libtorch_cuda.so"), RTLD_NOW | RTLD_GLOBAL) } {
        Ok(library) => {
            // Kernels stay registered until the process ends, and so must their code.
            std::mem::forget(library);
            Ok(())
        }
        Err(error) => Err(format!("libtorch's CUDA part cannot be loaded: {error}")),
    }
}

#[cfg(not(target_os = "linux"))]
fn open_cuda_library() -> Result<(), String> {
    Err("CUDA is only supported on Linux".to_owned())
}

/// The type of number in which the networks compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// float16 on a CUDA device (the type of the released weights), float32 on the CPU.
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
    /// The type to use on `device`; never `Auto`.
    pub fn resolve(self, device: tch::Device) -> Dtype {
        match self {
            Dtype::Auto if device.is_cuda() => Dtype::F16,
            Dtype::Auto => Dtype::F32,
            chosen => chosen,
        }
    }

    /// libtorch's name for the type to use on `device`.
    pub fn kind(self, device: tch::Device) -> Kind {
        match self.resolve(device) {
            Dtype::F16 => Kind::Half,
            Dtype::Bf16 => Kind::BFloat16,
            Dtype::F32 | Dtype::Auto => Kind::Float,
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Dtype::Auto => "auto",
            Dtype::F32 => "f32",
            Dtype::Bf16 => "bf16",
            Dtype::F16 => "f16",
        })
    }
}

impl FromStr for Dtype {
    type Err = String;

    /// `auto`, `f32`, `bf16` or `f16`.
    fn from_str(text: &str) -> Result<Dtype, String> {
        match text {
            "auto" => Ok(Dtype::Auto),
            "f32" => Ok(Dtype::F32),
            "bf16" => Ok(Dtype::Bf16),
            "f16" => Ok(Dtype::F16),
            _ => Err(format!("{text}: not one of auto, f32, bf16, f16")),
        }
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

    #[test]
    fn a_missing_cuda_device_is_an_error_only_when_asked_for() {
        assert!(Device::Auto.open().is_ok());
        match Device::Cuda(4096).open() {
            Err(Error::NoDevice { device, reason }) => {
                assert_eq!(device, "cuda:4096");
                assert!(!reason.is_empty());
            }
            other => panic!("{other:?}"),
        }
    }
}
