//! Views and movement.

use corten_tensor::core::Range;
use corten_tensor::{Tensor, ops};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::convert::{self, Array, Axes, Ints};
use crate::tensor::{PyTensor, on_one};
use crate::{error, funnel};

/// The same elements under another shape.
///
/// Args:
///     x: The operand.
///     shape: Length of each axis; one may be -1.
///
/// Returns:
///     A tensor, sharing memory where strides allow.
#[pyfunction]
pub(crate) fn reshape(py: Python<'_>, x: Array, shape: Ints) -> PyResult<PyTensor> {
    let shape = ops::resolve_shape("reshape", &shape.0, x.0.len()).map_err(error::to_python)?;
    on_one(py, &x.0, |x| ops::reshape(x, &shape))
}

/// Axes in another order.
///
/// Args:
///     x: The operand.
///     axes: The new order; reversed if None.
///
/// Returns:
///     A tensor that shares memory.
#[pyfunction]
#[pyo3(signature = (x, axes=None))]
pub(crate) fn transpose(x: Array, axes: Axes) -> PyResult<PyTensor> {
    ops::transpose(&x.0, convert::axes(axes.as_ref())).map(Into::into).map_err(error::to_python)
}

/// Repeats axes of length 1 without copying.
///
/// Args:
///     x: The operand.
///     shape: The shape to reach.
///
/// Returns:
///     A tensor that shares memory.
#[pyfunction]
pub(crate) fn broadcast_to(x: Array, shape: Ints) -> PyResult<PyTensor> {
    ops::broadcast_to(&x.0, &shape.sizes("broadcast_to: shape")?).map(Into::into).map_err(error::to_python)
}

/// Adds axes of length 1.
///
/// Args:
///     x: The operand.
///     axis: Where in the result; one place or several.
///
/// Returns:
///     A tensor that shares memory.
#[pyfunction]
pub(crate) fn expand_dims(x: Array, axis: Ints) -> PyResult<PyTensor> {
    ops::expand_dims(&x.0, &axis.0).map(Into::into).map_err(error::to_python)
}

/// Removes axes of length 1.
///
/// Args:
///     x: The operand.
///     axis: Which; all of length 1 if None.
///
/// Returns:
///     A tensor that shares memory.
#[pyfunction]
#[pyo3(signature = (x, axis=None))]
pub(crate) fn squeeze(x: Array, axis: Axes) -> PyResult<PyTensor> {
    ops::squeeze(&x.0, convert::axes(axis.as_ref())).map(Into::into).map_err(error::to_python)
}

/// Reverses the order of elements.
///
/// Args:
///     x: The operand.
///     axis: Along which axes; all if None.
///
/// Returns:
///     A tensor that shares memory.
#[pyfunction]
#[pyo3(signature = (x, axis=None))]
pub(crate) fn flip(x: Array, axis: Axes) -> PyResult<PyTensor> {
    let axes = ops::axes_or_all("flip", convert::axes(axis.as_ref()), x.0.rank()).map_err(error::to_python)?;
    ops::flip(&x.0, &axes).map(Into::into).map_err(error::to_python)
}

/// One range of each axis, with Python's rules for negative and missing bounds.
///
/// Args:
///     x: The operand.
///     starts: First index of each axis.
///     stops: End of each axis.
///     steps: Step of each axis; 1 if None.
///
/// Returns:
///     A tensor that shares memory.
#[pyfunction]
#[pyo3(signature = (x, starts, stops, steps=None))]
pub(crate) fn slice(
    x: Array,
    starts: Vec<Option<i64>>,
    stops: Vec<Option<i64>>,
    steps: Option<Vec<i64>>,
) -> PyResult<PyTensor> {
    let rank = x.0.rank();
    let steps = steps.unwrap_or_else(|| vec![1; rank]);
    if starts.len() != rank || stops.len() != rank || steps.len() != rank {
        return Err(PyValueError::new_err(format!(
            "slice: one start, stop and step per axis is needed; got {}, {} and {} for {rank} axes",
            starts.len(),
            stops.len(),
            steps.len()
        )));
    }
    let ranges = (0..rank)
        .map(|axis| ops::resolve_slice(starts[axis], stops[axis], steps[axis], x.0.shape()[axis]))
        .collect::<Result<Vec<Range>, _>>()
        .map_err(error::to_python)?;
    ops::slice(&x.0, &ranges).map(Into::into).map_err(error::to_python)
}

fn joined_cost(tensors: &[Tensor]) -> usize {
    tensors.iter().map(Tensor::len).sum()
}

/// Joins tensors along an axis.
///
/// Args:
///     tensors: A list or tuple.
///     axis: The axis.
///
/// Returns:
///     A tensor of the promoted dtype.
#[pyfunction]
#[pyo3(signature = (tensors, axis=0))]
pub(crate) fn concatenate(py: Python<'_>, tensors: &Bound<'_, PyAny>, axis: isize) -> PyResult<PyTensor> {
    let tensors = convert::tensors(tensors)?;
    funnel::run(py, joined_cost(&tensors), || ops::concatenate(&tensors, axis)).map(Into::into)
}

/// Joins tensors of one shape along a new axis.
///
/// Args:
///     tensors: A list or tuple.
///     axis: Where the new axis lies in the result.
///
/// Returns:
///     A tensor of the promoted dtype.
#[pyfunction]
#[pyo3(signature = (tensors, axis=0))]
pub(crate) fn stack(py: Python<'_>, tensors: &Bound<'_, PyAny>, axis: isize) -> PyResult<PyTensor> {
    let tensors = convert::tensors(tensors)?;
    funnel::run(py, joined_cost(&tensors), || ops::stack(&tensors, axis)).map(Into::into)
}

/// Surrounds a tensor with a value.
///
/// Args:
///     x: The operand.
///     padding: One (before, after) pair for each axis.
///     value: The value of new elements; 0 if None.
///
/// Returns:
///     A tensor.
#[pyfunction]
#[pyo3(signature = (x, padding, value=None))]
pub(crate) fn pad(
    py: Python<'_>,
    x: Array,
    padding: Vec<(usize, usize)>,
    value: Option<&Bound<'_, PyAny>>,
) -> PyResult<PyTensor> {
    let value = value.map_or(Ok(corten_tensor::core::Scalar::Int(0)), convert::scalar)?;
    on_one(py, &x.0, |x| ops::pad(x, &padding, value))
}

/// A row-major copy.
///
/// Args:
///     x: The operand.
///
/// Returns:
///     A tensor with memory of its own.
#[pyfunction]
pub(crate) fn copy(py: Python<'_>, x: Array) -> PyResult<PyTensor> {
    on_one(py, &x.0, ops::copy)
}
