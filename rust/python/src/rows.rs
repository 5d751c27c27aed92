//! Iteration over tensors.

use corten_tensor::{Tensor, ops};
use pyo3::prelude::*;

use crate::error;
use crate::tensor::PyTensor;

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
