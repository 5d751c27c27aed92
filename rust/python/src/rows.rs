//! Iteration over tensors, and their way back from a pickle.

use corten_tensor::core::{DType, Layout};
use corten_tensor::{Tensor, ops};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::convert::{Ints, Type};
use crate::error;
use crate::tensor::{PyTensor, watched};

/// The rows of a tensor, one after the other.
#[pyclass(name = "Rows", module = "corten._core")]
pub(crate) struct Rows {
    pub(crate) tensor: Tensor,
    pub(crate) next: usize,
    pub(crate) len: usize,
}

#[pymethods]
impl Rows {
    const fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&mut self) -> PyResult<Option<PyTensor>> {
        if self.next == self.len {
            return Ok(None);
        }
        let at = self.next as i64;
        self.next += 1;
        ops::index(&self.tensor, &[ops::Index::At(at)]).map(|row| Some(row.into())).map_err(error::to_python)
    }

    fn __len__(&self) -> usize {
        self.len - self.next
    }
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
