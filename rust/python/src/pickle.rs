//! Tensors into a pickle and out of it.

use corten_tensor::core::{DType, Layout};
use corten_tensor::{Device, Tensor};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::convert::{Ints, Type};
use crate::error;
use crate::tensor::{PyTensor, watched};

/// The function `_rebuild` and its arguments: what `Tensor.__reduce__` gives.
pub(crate) fn reduce<'py>(py: Python<'py>, x: &Tensor) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
    let rebuild = PyModule::import(py, "corten._core")?.getattr("_rebuild")?;
    let bytes = if x.device() == Device::Meta {
        None
    } else {
        let size = x.len() * x.dtype().size();
        Some(PyBytes::new_with(py, size, |out| x.download(out).map_err(error::to_python))?)
    };
    Ok((rebuild, (bytes, x.shape().to_vec(), x.dtype().name(), x.requires_grad()).into_pyobject(py)?))
}

/// Restores a pickled tensor. Not for use by hand.
#[pyfunction]
#[pyo3(name = "_rebuild")]
pub(crate) fn rebuild(
    values: Option<&Bound<'_, PyBytes>>,
    shape: Ints,
    dtype: Type,
    requires_grad: bool,
) -> PyResult<PyTensor> {
    let shape = shape.sizes("shape")?;
    let dtype = dtype.0;
    let len = corten_tensor::core::checked_len("unpickle", &shape).map_err(error::to_python)?;
    let tensor = match values {
        None => Tensor::meta(&shape, dtype),
        Some(values) => {
            let bytes = values.as_bytes();
            let truth_values = dtype != DType::Bool || bytes.iter().all(|&byte| byte < 2);
            if bytes.len() != len * dtype.size() || !truth_values {
                return Err(PyValueError::new_err("unpickle: the bytes are no tensor of this shape and dtype"));
            }
            let mut buffer = corten_tensor::cpu::Buffer::for_elements(dtype, len).map_err(error::to_python)?;
            buffer.as_mut_bytes().copy_from_slice(bytes);
            Tensor::from_buffer(buffer, Layout::contiguous(&shape), dtype)
        }
    };
    Ok(PyTensor::from(if requires_grad { watched(&tensor)? } else { tensor }))
}
