//! Engine errors as Python exceptions.

use corten_tensor::core::{Error, NonFinite, Statistics};
use pyo3::create_exception;
use pyo3::exceptions::{
    PyFloatingPointError, PyIndexError, PyMemoryError, PyNotImplementedError, PyRuntimeError, PyTypeError, PyValueError,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;

create_exception!(
    corten._core,
    ShapeError,
    PyValueError,
    "Shapes that do not fit one another or the operation. A kind of ValueError."
);

create_exception!(
    corten._core,
    NonFiniteError,
    PyFloatingPointError,
    "NaN or infinity in a result, while checks are on. A kind of FloatingPointError."
);

/// The exception a Python user sees for an engine error.
pub(crate) fn to_python(error: Error) -> PyErr {
    match error {
        Error::Shape(message) => ShapeError::new_err(message),
        Error::Axis(message) | Error::Argument(message) => PyValueError::new_err(message),
        Error::DType(message) => PyTypeError::new_err(message),
        Error::Index(message) => PyIndexError::new_err(message),
        Error::Unsupported(message) => PyNotImplementedError::new_err(message),
        Error::Device(message) => PyRuntimeError::new_err(message),
        error @ Error::Memory { .. } => PyMemoryError::new_err(error.to_string()),
        Error::NonFinite(report) => non_finite(&report),
        // A Python callback failed: its own exception goes on, traceback included.
        Error::Callback(source) => match source.downcast::<PyErr>() {
            Ok(raised) => *raised,
            Err(other) => PyRuntimeError::new_err(other.to_string()),
        },
    }
}

/// The exception with what it says as attributes.
fn non_finite(report: &NonFinite) -> PyErr {
    let error = NonFiniteError::new_err(report.to_string());
    Python::attach(|py| {
        let value = error.value(py);
        let operands = report.operands.iter().map(|one| describe(py, one)).collect::<PyResult<Vec<_>>>()?;
        value.setattr("op", report.op)?;
        value.setattr("gradient_of", report.gradient_of)?;
        value.setattr("phase", report.phase.name())?;
        value.setattr("place", (!report.place.is_empty()).then_some(&report.place))?;
        value.setattr("parameter", report.parameter)?;
        value.setattr("operands", operands)?;
        value.setattr("result", describe(py, &report.result)?)?;
        value.setattr("hint", report.hint())
    })
    .err()
    .unwrap_or(error)
}

/// Statistics as a dict.
pub(crate) fn describe<'py>(py: Python<'py>, of: &Statistics) -> PyResult<Bound<'py, PyDict>> {
    let result = PyDict::new(py);
    result.set_item("shape", pyo3::types::PyTuple::new(py, &of.shape)?)?;
    result.set_item("dtype", of.dtype.name())?;
    result.set_item("count", of.count)?;
    result.set_item("nan", of.nan)?;
    result.set_item("inf", of.infinite)?;
    result.set_item("zero", of.zeros)?;
    result.set_item("negative", of.negative)?;
    result.set_item("min", of.min)?;
    result.set_item("max", of.max)?;
    result.set_item("mean", of.mean)?;
    Ok(result)
}

/// An exception raised by a callback, on its way through the engine.
pub(crate) fn from_python(raised: PyErr) -> Error {
    Error::Callback(Box::new(raised))
}
