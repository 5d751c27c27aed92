//! Threads, memory, the machine.

use corten_tensor::Device;
use corten_tensor::cpu::{memory, parallel, simd};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

#[cfg(feature = "gpu")]
use crate::error;
use crate::functions::device::target;

/// Sets how many threads operations use. Results do not depend on it.
///
/// Args:
///     threads: At least 1, the calling thread included.
#[pyfunction]
pub(crate) fn set_num_threads(threads: usize) -> PyResult<()> {
    if threads == 0 {
        return Err(PyValueError::new_err("set_num_threads: at least one thread is needed"));
    }
    parallel::set_num_threads(threads);
    Ok(())
}

/// How many threads operations use.
///
/// Returns:
///     The number, the calling thread included.
#[pyfunction]
pub(crate) fn num_threads() -> usize {
    parallel::num_threads()
}

/// What the allocator holds, in bytes.
///
/// Returns:
///     `allocated` (in use), `cached` (kept for reuse) and `peak` (the most in use at one time).
#[pyfunction]
pub(crate) fn memory_stats(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let stats = memory::stats();
    let result = PyDict::new(py);
    result.set_item("allocated", stats.allocated)?;
    result.set_item("cached", stats.cached)?;
    result.set_item("peak", stats.peak)?;
    Ok(result)
}

/// Sets the most bytes that tensors may take.
///
/// Args:
///     limit: At least 1; None for no limit.
///     device: Of which device; the CPU if None.
#[pyfunction]
#[pyo3(signature = (limit, device=None))]
pub(crate) fn set_memory_limit(py: Python<'_>, limit: Option<usize>, device: Option<&str>) -> PyResult<()> {
    if limit == Some(0) {
        return Err(PyValueError::new_err("set_memory_limit: at least one byte is needed; None takes the limit away"));
    }
    match device.map_or(Ok(Device::Cpu), |name| target(py, name))? {
        Device::Cpu | Device::Meta => memory::set_limit(limit),
        #[cfg(feature = "gpu")]
        Device::Gpu(index) => {
            let gpu = corten_tensor::gpu::open(index).map_err(error::to_python)?;
            gpu.set_memory_limit(limit.map(|limit| limit as u64));
        }
    }
    Ok(())
}

/// The most bytes that tensors may take.
///
/// Returns:
///     The number; None where there is no limit.
#[pyfunction]
pub(crate) fn memory_limit() -> Option<usize> {
    Some(memory::limit()).filter(|&limit| limit != usize::MAX)
}

/// Gives memory that waits for reuse back to the system.
///
/// Args:
///     device: Of which device; the CPU if None.
#[pyfunction]
#[pyo3(signature = (device=None))]
pub(crate) fn empty_cache(py: Python<'_>, device: Option<&str>) -> PyResult<()> {
    match device.map_or(Ok(Device::Cpu), |name| target(py, name))? {
        Device::Cpu | Device::Meta => py.detach(memory::empty_cache),
        #[cfg(feature = "gpu")]
        Device::Gpu(index) => {
            corten_tensor::forget_constants();
            let gpu = corten_tensor::gpu::open(index).map_err(error::to_python)?;
            py.detach(|| gpu.empty_cache());
        }
    }
    Ok(())
}

/// Which instruction sets the machine has and which one is in use.
///
/// Returns:
///     `isa` (the name of the one in use) and whether each known one, and each extension of it
///     (`amx_bf16`, `amx_int8`, `avx512_bf16`, `avx512_vnni`), is used.
#[pyfunction]
pub(crate) fn cpu_features(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let result = PyDict::new(py);
    result.set_item("isa", simd::isa().name())?;
    for (name, is_used) in simd::features() {
        result.set_item(name, is_used)?;
    }
    Ok(result)
}
