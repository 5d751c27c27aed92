//! Engine errors as Python exceptions.

use corten_tensor::core::Error;
use pyo3::create_exception;
use pyo3::exceptions::{PyIndexError, PyMemoryError, PyNotImplementedError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;

create_exception!(
    corten._core,
    ShapeError,
    PyValueError,
    "Shapes that do not fit one another or the operation. A kind of ValueError."
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
        // A Python callback failed: its own exception goes on, traceback included.
        Error::Callback(source) => match source.downcast::<PyErr>() {
            Ok(raised) => *raised,
            Err(other) => PyRuntimeError::new_err(other.to_string()),
        },
    }
}

/// An exception raised by a callback, on its way through the engine.
pub(crate) fn from_python(raised: PyErr) -> Error {
    Error::Callback(Box::new(raised))
}
