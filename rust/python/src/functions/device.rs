//! Devices: which there are, and where new tensors are made.

use corten_tensor::{Device, core::Error, device};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use crate::convert::Array;
use crate::{error, funnel};

fn named(name: &str) -> PyResult<Device> {
    Device::from_name(name).map_err(error::to_python)
}

/// A device that new tensors can be made on, opened.
fn opened(name: &str) -> PyResult<Device> {
    let device = named(name)?;
    match device {
        Device::Cpu => {}
        Device::Meta => {
            let message =
                "device: new tensors cannot be made on 'meta', where there are no values; use `.to(\"meta\")`";
            return Err(pyo3::exceptions::PyValueError::new_err(message));
        }
        #[cfg(feature = "gpu")]
        Device::Gpu(index) => {
            corten_tensor::gpu::open(index).map_err(error::to_python)?;
        }
    }
    Ok(device)
}

/// The device of that name, where tensors are to go.
pub(crate) fn target(py: Python<'_>, name: &str) -> PyResult<Device> {
    let device = named(name)?;
    if !matches!(device, Device::Cpu | Device::Meta) {
        note_use(py)?;
    }
    Ok(device)
}

/// Tells the Python code, once, that there is more than the CPU.
fn note_use(py: Python<'_>) -> PyResult<()> {
    static NOTED: PyOnceLock<()> = PyOnceLock::new();
    NOTED
        .get_or_try_init(py, || PyModule::import(py, "corten._state")?.getattr("Seen")?.setattr("devices", true))
        .copied()
}

/// The name of a device as tensors have it, after a look whether it is there.
///
/// Args:
///     name: Such as `"gpu"`, `"GPU:0"` or `"cpu"`.
///
/// Returns:
///     Such as `"gpu:0"`.
#[pyfunction]
pub(crate) fn open_device(py: Python<'_>, name: &str) -> PyResult<&'static str> {
    target(py, name)?;
    let name = name.to_owned();
    py.detach(|| opened(&name)).map(Device::name)
}

/// Where new tensors of this thread are made.
#[pyfunction]
pub(crate) fn current_device() -> &'static str {
    device::current().name()
}

/// Where new tensors are made that no scope says it of.
#[pyfunction]
pub(crate) fn default_device() -> &'static str {
    device::everywhere().name()
}

/// Sets where new tensors are made that no scope says it of, in all threads.
///
/// Args:
///     name: The device.
#[pyfunction]
pub(crate) fn set_default_device(py: Python<'_>, name: &str) -> PyResult<()> {
    target(py, name)?;
    device::set_everywhere(opened(name)?);
    Ok(())
}

/// Sets where new tensors of this thread are made.
///
/// Args:
///     name: The device; None for the one of all threads.
///
/// Returns:
///     What was set before.
#[pyfunction]
#[pyo3(signature = (name))]
pub(crate) fn set_device_scope(name: Option<&str>) -> PyResult<Option<&'static str>> {
    let device = name.map(named).transpose()?;
    Ok(device::set_here(device).map(Device::name))
}

/// Whether this build has a GPU backend.
#[pyfunction]
pub(crate) const fn has_gpu_backend() -> bool {
    device::HAS_GPUS
}

/// The GPUs of this machine as the backend sees them: for each its `name`, `backend`, `kind`, `driver`, whether it has
/// `float16`, the largest tensor (`max_buffer_bytes`), and in `refusal` why it is not used, else None. Without a GPU
/// backend there are none.
#[pyfunction]
#[cfg_attr(not(feature = "gpu"), expect(clippy::unnecessary_wraps, reason = "fails where there are GPUs"))]
pub(crate) fn adapters(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyDict>>> {
    #[cfg(feature = "gpu")]
    {
        py.detach(corten_tensor::gpu::adapters)
            .iter()
            .map(|adapter| {
                let result = PyDict::new(py);
                result.set_item("name", &adapter.name)?;
                result.set_item("backend", adapter.backend)?;
                result.set_item("kind", adapter.kind.name())?;
                result.set_item("driver", &adapter.driver)?;
                result.set_item("refusal", adapter.refusal.as_deref())?;
                result.set_item("float16", adapter.float16)?;
                result.set_item("max_buffer_bytes", adapter.max_buffer_bytes)?;
                Ok(result)
            })
            .collect()
    }
    #[cfg(not(feature = "gpu"))]
    {
        let _ = py;
        Ok(Vec::new())
    }
}

/// What a GPU did since it was opened: `dispatches`, `submits`, `uploads` and `downloads` with their bytes, `pipelines`
/// compiled, memory `allocated` and `cached`, `ops_over_the_cpu`, the ops that all GPUs left to the CPU, and `kernels`, the
/// dispatches by the ops in them.
///
/// Args:
///     name: The GPU.
///
/// Returns:
///     The counts.
#[pyfunction]
pub(crate) fn device_statistics<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyDict>> {
    let result = PyDict::new(py);
    match opened(name)? {
        Device::Cpu | Device::Meta => {
            let stats = corten_tensor::cpu::memory::stats();
            result.set_item("allocated", stats.allocated)?;
            result.set_item("cached", stats.cached)?;
            result.set_item("peak", stats.peak)?;
        }
        #[cfg(feature = "gpu")]
        Device::Gpu(index) => {
            let gpu = corten_tensor::gpu::open(index).map_err(error::to_python)?;
            let stats = gpu.statistics();
            result.set_item("dispatches", stats.dispatches)?;
            result.set_item("submits", stats.submits)?;
            result.set_item("uploads", stats.uploads)?;
            result.set_item("upload_bytes", stats.upload_bytes)?;
            result.set_item("downloads", stats.downloads)?;
            result.set_item("download_bytes", stats.download_bytes)?;
            result.set_item("pipelines", stats.pipelines)?;
            result.set_item("allocated", stats.live_bytes)?;
            result.set_item("cached", stats.pooled_bytes)?;
            result.set_item("peak", stats.peak_bytes)?;
            result.set_item("ops_over_the_cpu", corten_tensor::ops_over_the_cpu())?;
            result.set_item("kernels", gpu.kernels())?;
        }
    }
    Ok(result)
}

/// Waits until a device did all it was asked for, and raises what went wrong on it.
///
/// Args:
///     name: The device.
#[pyfunction]
pub(crate) fn synchronize(py: Python<'_>, name: &str) -> PyResult<()> {
    let device = opened(name)?;
    funnel::run(py, funnel::LONG, || match device {
        Device::Cpu | Device::Meta => Ok(()),
        #[cfg(feature = "gpu")]
        Device::Gpu(index) => corten_tensor::gpu::open(index)?.synchronize(),
    })
}

/// A GPU notes from here on how long its work takes: for measuring.
///
/// Args:
///     name: The GPU.
#[pyfunction]
pub(crate) fn start_device_clock(py: Python<'_>, name: &str) -> PyResult<()> {
    let device = opened(name)?;
    funnel::run(py, funnel::LONG, || match device {
        Device::Cpu | Device::Meta => Err(without_clock(device)),
        #[cfg(feature = "gpu")]
        Device::Gpu(index) => corten_tensor::gpu::open(index)?.start_clock(),
    })
}

/// Waits for what a GPU was asked for since its clock was started.
///
/// Args:
///     name: The GPU.
///
/// Returns:
///     The seconds it spent on that, by its own clock.
#[pyfunction]
pub(crate) fn stop_device_clock(py: Python<'_>, name: &str) -> PyResult<f64> {
    let device = opened(name)?;
    funnel::run(py, funnel::LONG, || match device {
        Device::Cpu | Device::Meta => Err(without_clock(device)),
        #[cfg(feature = "gpu")]
        Device::Gpu(index) => corten_tensor::gpu::open(index)?.stop_clock().map(|time| time.as_secs_f64()),
    })
}

fn without_clock(device: Device) -> Error {
    Error::device(format!("device \"{device}\": only GPUs have a clock of their own"))
}

/// Gives a GPU up, for instance one that was lost: it is opened anew when it is needed, and tensors that were on it are
/// lost. Nothing happens to the CPU.
///
/// Args:
///     name: The device.
#[pyfunction]
pub(crate) fn close_device(py: Python<'_>, name: &str) -> PyResult<()> {
    let device = named(name)?;
    py.detach(|| match device {
        Device::Cpu | Device::Meta => {}
        #[cfg(feature = "gpu")]
        Device::Gpu(index) => corten_tensor::gpu::close(usize::from(index)),
    });
    Ok(())
}

/// Takes a GPU away as a driver does that resets it: for tests. Nothing happens to the CPU.
///
/// Args:
///     name: The device.
#[pyfunction]
pub(crate) fn lose_device(name: &str) -> PyResult<()> {
    match opened(name)? {
        Device::Cpu | Device::Meta => {}
        #[cfg(feature = "gpu")]
        Device::Gpu(index) => corten_tensor::gpu::open(index).map_err(error::to_python)?.destroy(),
    }
    Ok(())
}

/// Asks for a tensor's values, if they wait for somebody who reads them: for measuring.
///
/// Args:
///     x: The tensor.
#[pyfunction]
#[cfg_attr(not(feature = "gpu"), expect(clippy::unnecessary_wraps, reason = "fails where there are GPUs"))]
pub(crate) fn compute(py: Python<'_>, x: Array) -> PyResult<()> {
    #[cfg(feature = "gpu")]
    funnel::run(py, funnel::LONG, || corten_tensor::gpu::compute(&x.0))?;
    #[cfg(not(feature = "gpu"))]
    let _ = (py, x);
    Ok(())
}

/// Makes all products of GPUs take one tile, to measure which is best.
///
/// Args:
///     name: `"ROWSxCOLUMNSxDEPTH:LANE_ROWSxLANE_COLUMNS"`, with `"*TEAMS"` behind it for several teams of lanes and
///         `"/PARTS"` for the depth in so many parts; None for what they choose.
#[pyfunction]
#[pyo3(signature = (name))]
#[cfg_attr(not(feature = "gpu"), expect(clippy::unnecessary_wraps, reason = "fails where there are GPUs"))]
pub(crate) fn force_gpu_tile(name: Option<&str>) -> PyResult<()> {
    #[cfg(feature = "gpu")]
    corten_tensor::gpu::force_tile(name).map_err(error::to_python)?;
    #[cfg(not(feature = "gpu"))]
    let _ = name;
    Ok(())
}

/// The tile that a product takes on GPUs; empty without a GPU backend.
///
/// Args:
///     batches: How many products.
///     rows: Of each.
///     columns: Of each.
///     depth: Of each.
#[pyfunction]
pub(crate) fn gpu_tile(batches: usize, rows: usize, columns: usize, depth: usize) -> String {
    #[cfg(feature = "gpu")]
    {
        corten_tensor::gpu::chosen_tile(batches, rows, columns, depth)
    }
    #[cfg(not(feature = "gpu"))]
    {
        let _ = (batches, rows, columns, depth);
        String::new()
    }
}
