//! The devices and number types of [`model::LoadOptions`] in libtorch.

use std::sync::OnceLock;

pub use model::{Device, Dtype};
use tch::{Cuda, Kind};

use crate::error::Error;

/// Finds a device; loads libtorch's CUDA part if it may be needed.
///
/// To be called before anything else of libtorch, unless the process uses the CPU only: libtorch determines its
/// parts once per process.
///
/// # Errors
/// [`Error::NoDevice`] if a CUDA device was asked for and is missing; the reason says why.
pub fn open(device: Device) -> Result<tch::Device, Error> {
    let unavailable = |reason: String| Error::NoDevice { device: device.to_string(), reason };
    match device {
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

/// The type to compute with on `device`; never `Auto`.
pub fn resolve(dtype: Dtype, device: tch::Device) -> Dtype {
    match dtype {
        Dtype::Auto if device.is_cuda() => Dtype::F16,
        Dtype::Auto => Dtype::F32,
        chosen => chosen,
    }
}

/// libtorch's name for the type to compute with on `device`.
pub fn kind(dtype: Dtype, device: tch::Device) -> Kind {
    match resolve(dtype, device) {
        Dtype::F16 => Kind::Half,
        Dtype::Bf16 => Kind::BFloat16,
        Dtype::F32 | Dtype::Auto => Kind::Float,
    }
}

/// The number of CUDA devices, at least 1, or why there is none.
fn cuda_devices() -> Result<usize, String> {
    load_cuda_library()?;
    match Cuda::device_count() {
        count if count > 0 && Cuda::is_available() => Ok(count as usize),
        _ => Err("libtorch finds none; is there a driver, and was libtorch used before?".to_owned()),
    }
}

/// Loads libtorch's CUDA part, once per process.
///
/// The linker leaves out `libtorch_cuda`, because no symbol of it is referenced, so libtorch would know only the CPU.
/// Loading it registers its kernels. An installation without it has no CUDA device, which is not an error.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_missing_cuda_device_is_an_error_only_when_asked_for() {
        assert!(open(Device::Auto).is_ok());
        match open(Device::Cuda(4096)) {
            Err(Error::NoDevice { device, reason }) => {
                assert_eq!(device, "cuda:4096");
                assert!(!reason.is_empty());
            }
            other => panic!("{other:?}"),
        }
    }
}
