//! What the reducing methods of `Tensor` share.

use corten_tensor::core::{ReduceOp, ScanOp};
use corten_tensor::{Tensor, ops};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::convert::{self, Axes, Type};
use crate::tensor::{PyTensor, on_one};
use crate::{error, funnel};

/// Reduces over some axes, all if `None`.
pub(crate) fn reduce(py: Python<'_>, op: ReduceOp, x: &Tensor, axis: &Axes, keepdims: bool) -> PyResult<PyTensor> {
    let axes = ops::axes_or_all(op.name(), convert::axes(axis.as_ref()), x.rank()).map_err(error::to_python)?;
    on_one(py, x, |x| ops::reduce(op, x, &axes, keepdims))
}

pub(crate) fn variance(py: Python<'_>, x: &Tensor, axis: &Axes, keepdims: bool, ddof: f64) -> PyResult<Tensor> {
    let axes = ops::axes_or_all("var", convert::axes(axis.as_ref()), x.rank()).map_err(error::to_python)?;
    funnel::run(py, x.len(), || ops::var(x, &axes, keepdims, ddof))
}

/// The operand and the result of a reduction in the dtype asked for, as NumPy's `dtype` argument means it.
pub(crate) fn reduce_in(
    py: Python<'_>,
    x: &Tensor,
    dtype: Option<Type>,
    work: impl FnOnce(&Tensor) -> PyResult<Tensor>,
) -> PyResult<PyTensor> {
    let Some(Type(dtype)) = dtype else { return work(x).map(PyTensor::from) };
    let operand = on_one(py, x, |x| ops::cast(x, dtype))?.inner;
    ops::cast(&work(&operand)?, dtype).map(PyTensor::from).map_err(error::to_python)
}

/// A running reduction, of the flattened operand if `axis` is None.
pub(crate) fn scan(py: Python<'_>, op: ScanOp, x: &Tensor, axis: Option<isize>) -> PyResult<PyTensor> {
    on_one(py, x, |x| match axis {
        Some(axis) => ops::scan(op, x, axis, false),
        None => ops::scan(op, &ops::reshape(x, &[x.len()])?, 0, false),
    })
}

/// NumPy's functions pass `out=None` to methods; tensors are not written into.
pub(crate) fn refuse_out(out: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    match out {
        Some(out) if !out.is_none() => {
            Err(PyTypeError::new_err("out: results cannot be written into an array; use the returned tensor"))
        }
        _ => Ok(()),
    }
}
