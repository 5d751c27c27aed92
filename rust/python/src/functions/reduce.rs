//! Reductions, scans and order by name.

use corten_tensor::core::{ArgReduceOp, ReduceOp, ScanOp};
use corten_tensor::ops;
use pyo3::prelude::*;

use crate::convert::{self, Array, Axes};
use crate::tensor::{PyTensor, on_one};
use crate::{error, funnel, reductions};

/// Reduces over axes.
///
/// Args:
///     name: `"sum"`, `"prod"`, `"max"`, `"min"`, `"mean"`, `"any"` or `"all"`.
///     x: The operand.
///     axis: One axis, several, or None for all.
///     keepdims: Whether reduced axes stay with length 1.
///
/// Returns:
///     A tensor. Sums of bool and narrow integers are int32 or uint32, means of integers float32.
#[pyfunction]
#[pyo3(signature = (name, x, axis=None, keepdims=false))]
pub(crate) fn reduce(py: Python<'_>, name: &str, x: Array, axis: Axes, keepdims: bool) -> PyResult<PyTensor> {
    let op = ReduceOp::from_name(name)
        .ok_or_else(|| convert::unknown("reduce", name, ReduceOp::ALL.iter().map(|op| op.name())))?;
    reductions::reduce(py, op, &x.0, &axis, keepdims)
}

/// Index of the first extreme element.
///
/// Args:
///     name: `"argmax"` or `"argmin"`.
///     x: The operand.
///     axis: The axis, or None for the flattened operand.
///     keepdims: Whether the axis stays with length 1.
///
/// Returns:
///     An int32 tensor.
#[pyfunction]
#[pyo3(signature = (name, x, axis=None, keepdims=false))]
pub(crate) fn arg_reduce(
    py: Python<'_>,
    name: &str,
    x: Array,
    axis: Option<isize>,
    keepdims: bool,
) -> PyResult<PyTensor> {
    let op = ArgReduceOp::from_name(name)
        .ok_or_else(|| convert::unknown("arg_reduce", name, ArgReduceOp::ALL.iter().map(|op| op.name())))?;
    on_one(py, &x.0, |x| ops::arg_reduce(op, x, axis, keepdims))
}

/// Running reduction along an axis.
///
/// Args:
///     name: `"cumsum"`, `"cumprod"`, `"cummax"` or `"cummin"`.
///     x: The operand.
///     axis: The axis.
///     reverse: Whether to run from the end.
///
/// Returns:
///     A tensor of the shape of `x`.
#[pyfunction]
#[pyo3(signature = (name, x, axis, reverse=false))]
pub(crate) fn scan(py: Python<'_>, name: &str, x: Array, axis: isize, reverse: bool) -> PyResult<PyTensor> {
    let op = ScanOp::from_name(name)
        .ok_or_else(|| convert::unknown("scan", name, ScanOp::ALL.iter().map(|op| op.name())))?;
    on_one(py, &x.0, |x| ops::scan(op, x, axis, reverse))
}

/// Variance over axes, in two passes.
///
/// Args:
///     x: The operand.
///     axis: One axis, several, or None for all.
///     keepdims: Whether reduced axes stay with length 1.
///     ddof: The divisor is the count less this.
///
/// Returns:
///     A float tensor.
#[pyfunction]
#[pyo3(signature = (x, axis=None, keepdims=false, ddof=0.0))]
pub(crate) fn var(py: Python<'_>, x: Array, axis: Axes, keepdims: bool, ddof: f64) -> PyResult<PyTensor> {
    reductions::variance(py, &x.0, &axis, keepdims, ddof).map(Into::into)
}

/// `log(sum(exp(x)))` over axes without overflow.
///
/// Args:
///     x: The operand.
///     axis: One axis, several, or None for all.
///     keepdims: Whether reduced axes stay with length 1.
///
/// Returns:
///     A float tensor.
#[pyfunction]
#[pyo3(signature = (x, axis=None, keepdims=false))]
pub(crate) fn logsumexp(py: Python<'_>, x: Array, axis: Axes, keepdims: bool) -> PyResult<PyTensor> {
    let axes = ops::axes_or_all("logsumexp", convert::axes(axis.as_ref()), x.0.rank()).map_err(error::to_python)?;
    on_one(py, &x.0, |x| ops::logsumexp(x, &axes, keepdims))
}

/// Sorts along an axis, stably.
///
/// Args:
///     x: The operand.
///     axis: The axis.
///     descending: Whether the largest comes first.
///
/// Returns:
///     The values and their int32 indices.
#[pyfunction]
#[pyo3(signature = (x, axis=-1, descending=false))]
pub(crate) fn sort(py: Python<'_>, x: Array, axis: isize, descending: bool) -> PyResult<(PyTensor, PyTensor)> {
    let cost = x.0.len().saturating_mul(20);
    let (values, indices) = funnel::run(py, cost, || ops::sort(&x.0, axis, descending))?;
    Ok((values.into(), indices.into()))
}

/// The largest elements along the last axis, largest first.
///
/// Args:
///     x: The operand.
///     k: How many.
///
/// Returns:
///     The values and their int32 indices.
#[pyfunction]
pub(crate) fn top_k(py: Python<'_>, x: Array, k: usize) -> PyResult<(PyTensor, PyTensor)> {
    let cost = x.0.len().saturating_mul(4);
    let (values, indices) = funnel::run(py, cost, || ops::top_k(&x.0, k))?;
    Ok((values.into(), indices.into()))
}

/// Where values would be inserted into a sorted sequence.
///
/// Args:
///     sorted: An ascending 1-dimensional sequence.
///     values: What to insert.
///     right: Whether to go behind equal elements.
///
/// Returns:
///     An int32 tensor of the shape of `values`.
#[pyfunction]
#[pyo3(signature = (sorted, values, right=false))]
pub(crate) fn searchsorted(py: Python<'_>, sorted: Array, values: Array, right: bool) -> PyResult<PyTensor> {
    let cost = values.0.len().saturating_mul(10);
    funnel::run(py, cost, || ops::search_sorted(&sorted.0, &values.0, right)).map(Into::into)
}
