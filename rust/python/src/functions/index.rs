//! Movement by index.

use corten_tensor::core::ScatterMode;
use corten_tensor::ops;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::convert::{self, Array};
use crate::tensor::PyTensor;
use crate::{funnel, indexing};

fn mode(name: &str) -> PyResult<ScatterMode> {
    ScatterMode::from_name(name)
        .ok_or_else(|| convert::unknown("scatter", name, ScatterMode::ALL.iter().map(|mode| mode.name())))
}

/// Elements at indices along an axis; the shape of the indices takes the place of the axis.
///
/// Args:
///     x: The operand.
///     indices: Integers; negative ones count from the end.
///     axis: The axis.
///
/// Returns:
///     A tensor.
#[pyfunction]
#[pyo3(signature = (x, indices, axis=0))]
pub(crate) fn gather(py: Python<'_>, x: Array, indices: Array, axis: isize) -> PyResult<PyTensor> {
    let cost = x.0.len().max(indices.0.len());
    funnel::run(py, cost, || ops::gather(&x.0, &indices.0, axis)).map(Into::into)
}

/// `base` with updates written (or combined) at indices of an axis.
///
/// Args:
///     base: What is changed; a copy of it is.
///     indices: Integers.
///     updates: Values, of the shape that `gather` would give.
///     axis: The axis.
///     mode: `"set"`, `"add"`, `"multiply"`, `"max"` or `"min"`.
///
/// Returns:
///     A tensor of the shape of `base`.
#[pyfunction]
#[pyo3(signature = (base, indices, updates, axis=0, mode="set"))]
pub(crate) fn scatter(
    py: Python<'_>,
    base: Array,
    indices: Array,
    updates: Array,
    axis: isize,
    mode: &str,
) -> PyResult<PyTensor> {
    let mode = self::mode(mode)?;
    funnel::run(py, base.0.len(), || ops::scatter(&base.0, &indices.0, &updates.0, axis, mode)).map(Into::into)
}

/// One element for each index along an axis; other axes broadcast.
///
/// Args:
///     x: The operand.
///     indices: Integers, with as many axes as `x`.
///     axis: The axis.
///
/// Returns:
///     A tensor of the shape of the indices.
#[pyfunction]
#[pyo3(signature = (x, indices, axis=-1))]
pub(crate) fn take_along(py: Python<'_>, x: Array, indices: Array, axis: isize) -> PyResult<PyTensor> {
    let cost = x.0.len().max(indices.0.len());
    funnel::run(py, cost, || ops::take_along(&x.0, &indices.0, axis)).map(Into::into)
}

/// The inverse of `take_along`: `base` with updates written (or combined) at indices.
///
/// Args:
///     base: What is changed; a copy of it is.
///     indices: Integers, with as many axes as `base`.
///     updates: Values, of the shape of the indices.
///     axis: The axis.
///     mode: `"set"`, `"add"`, `"multiply"`, `"max"` or `"min"`.
///
/// Returns:
///     A tensor of the shape of `base`.
#[pyfunction]
#[pyo3(signature = (base, indices, updates, axis=-1, mode="set"))]
pub(crate) fn scatter_along(
    py: Python<'_>,
    base: Array,
    indices: Array,
    updates: Array,
    axis: isize,
    mode: &str,
) -> PyResult<PyTensor> {
    let mode = self::mode(mode)?;
    funnel::run(py, base.0.len(), || ops::scatter_along(&base.0, &indices.0, &updates.0, axis, mode)).map(Into::into)
}

/// `x` with `x[key]` replaced by (or combined with) a value.
///
/// Args:
///     x: What is changed; a copy of it is.
///     key: An index expression, as between `[` and `]`.
///     value: Broadcasts to the place.
///     mode: `"set"`, `"add"`, `"multiply"`, `"max"` or `"min"`.
///
/// Returns:
///     A tensor of the shape of `x`.
#[pyfunction]
#[pyo3(signature = (x, key, value, mode="set"))]
pub(crate) fn slice_update(
    py: Python<'_>,
    x: Array,
    key: &Bound<'_, PyAny>,
    value: Array,
    mode: &str,
) -> PyResult<PyTensor> {
    let mode = self::mode(mode)?;
    let indices = indexing::parse(key)?;
    funnel::run(py, x.0.len(), || ops::index_update(&x.0, &indices, &value.0, mode)).map(Into::into)
}

/// Indices of the elements that are not zero.
///
/// Args:
///     x: The operand.
///
/// Returns:
///     One int32 vector for each axis.
#[pyfunction]
pub(crate) fn nonzero(py: Python<'_>, x: Array) -> PyResult<Bound<'_, PyTuple>> {
    let found = funnel::run(py, x.0.len(), || ops::nonzero(&x.0))?;
    PyTuple::new(py, found.into_iter().map(PyTensor::from))
}
