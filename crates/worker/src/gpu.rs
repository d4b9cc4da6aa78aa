//! Memory and load of the GPUs, as gauges.

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;
use std::time::Duration;
use telemetry::names;

/// The interval at which the driver is queried.
const PERIOD: Duration = Duration::from_secs(5);

/// Updates the gauges of all GPUs for as long as the process lives. GPUs are numbered as the driver does, which
/// `CUDA_VISIBLE_DEVICES` does not change. Without NVIDIA's management library there are no such gauges.
///
/// # Errors
/// When no thread can be started.
pub(crate) fn watch() -> std::io::Result<()> {
    let nvml = match Nvml::init() {
        Ok(nvml) => nvml,
        Err(error) => {
            tracing::info!(%error, "there are no metrics of the GPU");
            return Ok(());
        }
    };
    let watch = move || {
        loop {
            if let Err(error) = read(&nvml) {
                tracing::debug!(%error, "the metrics of the GPU cannot be read");
            }
            std::thread::sleep(PERIOD);
        }
    };
    std::thread::Builder::new().name("gpu-gauges".to_owned()).spawn(watch).map(drop)
}

fn read(nvml: &Nvml) -> Result<(), NvmlError> {
    for index in 0..nvml.device_count()? {
        let (device, label) = (nvml.device_by_index(index)?, index.to_string());
        let memory = device.memory_info()?;
        for (kind, bytes) in [("used", memory.used), ("total", memory.total)] {
            metrics::gauge!(names::DEVICE_MEMORY_BYTES, "device" => label.clone(), "kind" => kind).set(bytes as f64);
        }
        let busy = f64::from(device.utilization_rates()?.gpu) / 100.0;
        metrics::gauge!(names::DEVICE_BUSY_RATIO, "device" => label).set(busy);
    }
    Ok(())
}
