//! What the GPUs of this machine are doing, for the gauges.

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;
use std::time::Duration;
use telemetry::names;

/// How often the driver is asked.
const PERIOD: Duration = Duration::from_secs(5);

/// Keeps the gauges of every GPU right for as long as the process lives. Their numbers are the driver's own, which
/// `CUDA_VISIBLE_DEVICES` does not change. Without NVIDIA's management library there are no such gauges.
///
/// # Errors
/// When the system has no thread to give.
pub(crate) fn watch() -> std::io::Result<()> {
    let nvml = match Nvml::init() {
        Ok(nvml) => nvml,
        Err(error) => {
            tracing::info!(%error, "memory and load of the GPU cannot be told");
            return Ok(());
        }
    };
    let watch = move || {
        loop {
            if let Err(error) = read(&nvml) {
                tracing::debug!(%error, "the GPU cannot be asked");
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
