//! Elementwise functions by name.

use corten_tensor::core::{BinaryOp, CompareOp, DType, Scalar, UnaryOp};
use corten_tensor::device;
use corten_tensor::ops::{self, Arg};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt, PyString, PyType};

use crate::convert::{self, Array, Data, Operand, Type, Values};
use crate::tensor::{PyTensor, arg_len, on_one};
use crate::{array, funnel};

/// Applies a function of one operand.
///
/// Args:
///     name: Such as `"exp"`, `"negative"`, `"isnan"`; see `corten.ops`.
///     x: The operand. Float functions of integers compute in float32.
///
/// Returns:
///     A tensor of the shape of `x`.
#[pyfunction]
pub(crate) fn unary(py: Python<'_>, name: &str, x: Array) -> PyResult<PyTensor> {
    let op =
        UnaryOp::from_name(name).ok_or_else(|| convert::unknown("unary", name, UnaryOp::all().map(UnaryOp::name)))?;
    on_one(py, &x.0, |x| ops::unary(op, x))
}

/// The polygamma function of an order: the order-th derivative of digamma.
///
/// Args:
///     order: 0 for digamma itself.
///     x: The operand.
///
/// Returns:
///     A tensor of the shape of `x`.
#[pyfunction]
pub(crate) fn polygamma(py: Python<'_>, order: u32, x: Array) -> PyResult<PyTensor> {
    on_one(py, &x.0, |x| ops::unary(UnaryOp::Polygamma(order), x))
}

/// Applies a function of two operands, broadcast and promoted.
///
/// Args:
///     name: Such as `"add"`, `"power"`, `"maximum"`; see `corten.ops`.
///     a: Left operand.
///     b: Right operand.
///
/// Returns:
///     A tensor of the broadcast shape.
#[pyfunction]
pub(crate) fn binary(py: Python<'_>, name: &str, a: Operand, b: Operand) -> PyResult<PyTensor> {
    let op = BinaryOp::from_name(name)
        .ok_or_else(|| convert::unknown("binary", name, BinaryOp::ALL.iter().map(|op| op.name())))?;
    let cost = arg_len(&a.0).max(arg_len(&b.0));
    funnel::run(py, cost, || ops::binary(op, a.0, b.0)).map(Into::into)
}

/// Compares two operands elementwise.
///
/// Args:
///     name: `"equal"`, `"not_equal"`, `"less"`, `"less_equal"`, `"greater"`, `"greater_equal"`.
///     a: Left operand.
///     b: Right operand.
///
/// Returns:
///     A bool tensor of the broadcast shape.
#[pyfunction]
pub(crate) fn compare(py: Python<'_>, name: &str, a: Operand, b: Operand) -> PyResult<PyTensor> {
    let op = CompareOp::from_name(name)
        .ok_or_else(|| convert::unknown("compare", name, CompareOp::ALL.iter().map(|op| op.name())))?;
    let cost = arg_len(&a.0).max(arg_len(&b.0));
    funnel::run(py, cost, || ops::compare(op, a.0, b.0)).map(Into::into)
}

/// Elements of `a` where the condition holds, else of `b`.
///
/// Args:
///     condition: Taken as truth values.
///     a: Chosen where true.
///     b: Chosen where false.
///
/// Returns:
///     A tensor of the broadcast shape.
#[pyfunction]
#[pyo3(name = "where")]
pub(crate) fn where_(py: Python<'_>, condition: Array, a: Operand, b: Operand) -> PyResult<PyTensor> {
    let cost = condition.0.len().max(arg_len(&a.0)).max(arg_len(&b.0));
    funnel::run(py, cost, || ops::select(&condition.0, a.0, b.0)).map(Into::into)
}

/// The values as another dtype; a GPU gives int32 for int64.
///
/// Args:
///     x: The operand.
///     dtype: Name of the element type.
///
/// Returns:
///     A tensor; `x` itself if it has that dtype.
#[pyfunction]
pub(crate) fn cast(py: Python<'_>, x: Data, dtype: Type) -> PyResult<PyTensor> {
    let Data(Values { tensor, are_numbers, are_new }) = x;
    let tensor = array::settled((tensor, are_numbers))?;
    if are_new {
        // Before it goes to a device that may lack its dtype.
        return funnel::run(py, tensor.len(), || ops::cast(&tensor, dtype.0)?.placed(device::current()))
            .map(Into::into);
    }
    on_one(py, &tensor, |x| ops::cast_there(x, dtype.0))
}

/// The dtype in which operands meet.
///
/// Args:
///     *args: Tensors, arrays, dtype names, numbers, or Python's `bool`, `int`, `float`; numbers and
///         Python types are weak: they follow the others' dtype.
///
/// Returns:
///     The name of the dtype.
#[pyfunction]
#[pyo3(signature = (*args))]
pub(crate) fn result_type(args: Vec<Bound<'_, PyAny>>) -> PyResult<&'static str> {
    let args = args.iter().map(typed).collect::<PyResult<Vec<_>>>()?;
    Ok(ops::common_dtype(&args.iter().collect::<Vec<_>>()).name())
}

fn typed(object: &Bound<'_, PyAny>) -> PyResult<Arg> {
    let py = object.py();
    if let Ok(class) = object.cast::<PyType>() {
        if class.is(py.get_type::<PyFloat>()) {
            return Ok(Arg::Scalar(Scalar::Float(0.0)));
        }
        if class.is(py.get_type::<PyBool>()) {
            return Ok(Arg::Scalar(Scalar::Bool(false)));
        }
        if class.is(py.get_type::<PyInt>()) {
            return Ok(Arg::Scalar(Scalar::Int(0)));
        }
    }
    let of_dtype = |dtype: DType| Arg::Tensor(corten_tensor::Tensor::meta(&[], dtype));
    if object.is_instance_of::<PyString>() || object.is_instance_of::<PyType>() {
        return object.extract::<Type>().map(|dtype| of_dtype(dtype.0));
    }
    if let Some(arg) = convert::operand_or_none(object)? {
        return Ok(arg);
    }
    match object.getattr_opt("dtype")? {
        Some(dtype) => dtype.extract::<Type>().map(|dtype| of_dtype(dtype.0)),
        None => object.extract::<Type>().map(|dtype| of_dtype(dtype.0)),
    }
}
