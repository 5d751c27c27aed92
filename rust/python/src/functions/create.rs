//! Tensors from data, from a value, from a range, from random bits.

use corten_tensor::core::{BinaryOp, DType, Distribution, Key, Scalar, saturating_len};
use corten_tensor::{device, execute, ops};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::array;
use crate::convert::{self, Array, Data, Ints, Type, Values};
use crate::functions::device::target;
use crate::funnel;
use crate::tensor::{PyTensor, watched};

/// A tensor with a copy of the data.
///
/// Args:
///     data: A number, a nested list, a NumPy array, or another tensor. Python floats become float32,
///         integers int32 (int64 where they need it); arrays keep their dtype.
///     dtype: Name of the element type; that of the data if None.
///     device: `"cpu"`, `"gpu:0"`, or `"meta"` for shape and dtype only; where new tensors are made if None, or where
///         `data` is if that is a tensor. Integers that a GPU lacks become int32 where they fit.
///     requires_grad: Whether gradients with respect to the tensor can be asked for.
///
/// Returns:
///     A tensor outside any recorded history (unless `data` is a tensor with one).
#[pyfunction]
#[pyo3(signature = (data, dtype=None, device=None, requires_grad=false))]
pub(crate) fn tensor(
    py: Python<'_>,
    data: Data,
    dtype: Option<Type>,
    device: Option<&str>,
    requires_grad: bool,
) -> PyResult<PyTensor> {
    let Data(Values { tensor, are_numbers, are_new }) = data;
    let mut result = match dtype {
        None => array::settled((tensor, are_numbers))?,
        Some(Type(dtype)) => funnel::run(py, tensor.len(), || ops::cast(&tensor, dtype))?,
    };
    let place = match device {
        Some(name) => Some(target(py, name)?),
        None => are_new.then(device::current),
    };
    if let Some(place) = place.filter(|&place| place != result.device()) {
        result = funnel::run(py, result.len(), || if are_new { result.placed(place) } else { result.to(place) })?;
    }
    if requires_grad && !result.requires_grad() {
        result = watched(&result)?;
    }
    Ok(result.into())
}

/// A tensor of one value.
///
/// Args:
///     shape: Length of each axis.
///     value: The value of every element.
///     dtype: Name of the element type; bool, int32 or float32 after the value if None.
///     device: `"cpu"` or `"gpu:0"`; where new tensors are made if None.
///
/// Returns:
///     A tensor.
#[pyfunction]
#[pyo3(signature = (shape, value, dtype=None, device=None))]
pub(crate) fn full(
    py: Python<'_>,
    shape: Ints,
    value: &Bound<'_, PyAny>,
    dtype: Option<Type>,
    device: Option<&str>,
) -> PyResult<PyTensor> {
    let shape = shape.sizes("full: shape")?;
    let value = convert::scalar(value)?;
    let dtype = dtype.map_or(default_dtype(value), |dtype| dtype.0);
    let cost = saturating_len(&shape);
    let device = device.map(|name| target(py, name)).transpose()?;
    funnel::run(py, cost, || execute::full_on(device.unwrap_or_else(device::current), &shape, value, dtype))
        .map(Into::into)
}

const fn default_dtype(value: Scalar) -> DType {
    match value {
        Scalar::Bool(_) => DType::Bool,
        Scalar::Int(_) => DType::I32,
        Scalar::Float(_) => DType::F32,
    }
}

/// `start, start + step, ...` up to, not including, `stop`.
///
/// Args:
///     start: First value, or the end if `stop` is None.
///     stop: The end.
///     step: Distance of neighbors.
///     dtype: Name of the element type; int32, or float32 if any argument is a float.
///
/// Returns:
///     A 1-dimensional tensor.
#[pyfunction]
#[pyo3(signature = (start, stop=None, step=None, dtype=None))]
pub(crate) fn arange(
    py: Python<'_>,
    start: &Bound<'_, PyAny>,
    stop: Option<&Bound<'_, PyAny>>,
    step: Option<&Bound<'_, PyAny>>,
    dtype: Option<Type>,
) -> PyResult<PyTensor> {
    let first = convert::scalar(start)?;
    let (start, stop) = match stop {
        Some(stop) => (first, convert::scalar(stop)?),
        None => (Scalar::Int(0), first),
    };
    let step = step.map_or(Ok(Scalar::Int(1)), convert::scalar)?;
    let float = [start, stop, step].iter().any(|value| matches!(value, Scalar::Float(_)));
    let dtype = dtype.map_or(if float { DType::F32 } else { DType::I32 }, |dtype| dtype.0);
    if step.to_f64() == 0.0 {
        return Err(PyValueError::new_err("arange: step must not be zero"));
    }
    let count = ((stop.to_f64() - start.to_f64()) / step.to_f64()).ceil();
    if !count.is_finite() {
        return Err(PyValueError::new_err("arange: start, stop and step must be finite"));
    }
    let len = if count > 0.0 { count as usize } else { 0 };
    let largest = if start.to_f64().abs() > stop.to_f64().abs() { start } else { stop };
    let dtype = device::current().dtype_of_new(dtype, largest);
    funnel::run(py, len, || ops::arange(start, step, len, dtype)).map(Into::into)
}

/// Random numbers that depend on (seed, stream) and position alone.
///
/// Args:
///     distribution: `"bits"` (uint32), `"uniform"` on [low, high), `"normal"`, `"truncated_normal"`
///         (within two deviations), or `"integers"` on [low, high).
///     shape: Length of each axis.
///     dtype: Name of the element type.
///     seed: First half of the key.
///     stream: Second half of the key.
///     low: Lower end; 0 if None.
///     high: Upper end; 1 for `"uniform"` if None.
///     device: `"cpu"` or `"gpu:0"`; where new tensors are made if None. The bits are the same everywhere.
///
/// Returns:
///     A tensor.
#[pyfunction]
#[pyo3(signature = (distribution, shape, dtype, seed, stream=0, low=None, high=None, device=None))]
pub(crate) fn random(
    py: Python<'_>,
    distribution: &str,
    shape: Ints,
    dtype: Type,
    seed: u64,
    stream: u64,
    low: Option<&Bound<'_, PyAny>>,
    high: Option<&Bound<'_, PyAny>>,
    device: Option<&str>,
) -> PyResult<PyTensor> {
    let shape = shape.sizes("random: shape")?;
    let device = device.map(|name| target(py, name)).transpose()?;
    let drawn = match distribution {
        "bits" => Distribution::Bits,
        "uniform" => Distribution::Uniform,
        "normal" => Distribution::Normal,
        "truncated_normal" => Distribution::TruncatedNormal,
        "integers" => {
            let end = |value: Option<&Bound<'_, PyAny>>, name: &str| match value {
                Some(value) => value.extract::<i64>(),
                None if name == "low" => Ok(0),
                None => Err(PyTypeError::new_err("random: integers need `high`")),
            };
            Distribution::Integers { low: end(low, "low")?, high: end(high, "high")? }
        }
        other => {
            return Err(PyValueError::new_err(format!(
                "random: unknown distribution {other:?}; known: bits, uniform, normal, truncated_normal, integers"
            )));
        }
    };
    let key = Key { seed, stream };
    let scaled = distribution == "uniform" && (low.is_some() || high.is_some());
    let low = low.map_or(Ok(0.0), PyAnyMethods::extract::<f64>)?;
    let high = high.map_or(Ok(1.0), PyAnyMethods::extract::<f64>)?;
    // Each draw costs about ten elementwise steps.
    let cost = saturating_len(&shape).saturating_mul(10);
    funnel::run(py, cost, || {
        let result = ops::random_on(device.unwrap_or_else(device::current), drawn, &shape, dtype.0, key)?;
        if !scaled {
            return Ok(result);
        }
        let stretched = ops::binary(BinaryOp::Mul, result, Scalar::Float(high - low))?;
        ops::binary(BinaryOp::Add, stretched, Scalar::Float(low))
    })
    .map(Into::into)
}

/// Gamma(alpha, 1) samples, one for each element of `alpha`.
///
/// Args:
///     alpha: Shape parameters, positive.
///     seed: First half of the key.
///     stream: Second half of the key.
///
/// Returns:
///     A float tensor of the shape of `alpha`.
#[pyfunction]
#[pyo3(signature = (alpha, seed, stream=0))]
pub(crate) fn random_gamma(py: Python<'_>, alpha: Array, seed: u64, stream: u64) -> PyResult<PyTensor> {
    let cost = alpha.0.len().saturating_mul(50);
    funnel::run(py, cost, || ops::random_gamma(&alpha.0, Key { seed, stream })).map(Into::into)
}
