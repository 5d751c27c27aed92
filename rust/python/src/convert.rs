//! What comes in from Python: tensors, numbers, arrays, nested lists, and objects that say how
//! they convert. Axes, shapes and dtypes as users write them.

use corten_tensor::core::{DType, Scalar};
use corten_tensor::ops::{self, Arg};
use corten_tensor::{Tensor, execute};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
#[cfg(feature = "stubs")]
use pyo3::inspect::PyStaticExpr;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyComplex, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::array;
use crate::error;
use crate::tensor::PyTensor;

/// An operand that may be a number without a dtype of its own.
pub(crate) struct Operand(pub(crate) Arg);

/// Anything that becomes a tensor; numbers become bool, int32 or float32.
pub(crate) struct Array(pub(crate) Tensor);

/// The same before that, on the CPU.
pub(crate) struct Data(pub(crate) Values);

/// What data is before it is a tensor of the user's.
pub(crate) struct Values {
    pub(crate) tensor: Tensor,
    /// Python numbers still have all their digits (float64, int64), so that a cast to a wide dtype loses nothing.
    pub(crate) are_numbers: bool,
    /// Whether no tensor was given: the result goes where new tensors are made.
    pub(crate) are_new: bool,
}

macro_rules! extract_with {
    ($name:ident, $convert:expr, $hint:expr) => {
        impl<'py> FromPyObject<'_, 'py> for $name {
            type Error = PyErr;

            #[cfg(feature = "stubs")]
            const INPUT_TYPE: PyStaticExpr = $hint;

            #[inline]
            fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
                $convert(&*object).map(Self)
            }
        }
    };
}

extract_with!(Operand, operand, pyo3::type_hint_identifier!("numpy.typing", "ArrayLike"));
extract_with!(Array, tensor, pyo3::type_hint_identifier!("numpy.typing", "ArrayLike"));
extract_with!(Data, data, pyo3::type_hint_identifier!("numpy.typing", "ArrayLike"));
extract_with!(Type, dtype, pyo3::type_hint_identifier!("builtins", "str"));
extract_with!(Ints, integers, pyo3::type_hint_identifier!("typing", "Any"));

fn operand(object: &Bound<'_, PyAny>) -> PyResult<Arg> {
    operand_or_none(object)?.ok_or_else(|| no_array(object))
}

/// Converts to a tensor.
pub(crate) fn tensor(object: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    match operand(object)? {
        Arg::Tensor(tensor) => Ok(tensor),
        scalar @ Arg::Scalar(_) => scalar.into_default().map_err(error::to_python),
    }
}

/// Converts what is to become a tensor of some dtype.
pub(crate) fn data(object: &Bound<'_, PyAny>) -> PyResult<Values> {
    if let Some(value) = number(object)? {
        let dtype = match value {
            Scalar::Bool(_) => DType::Bool,
            Scalar::Int(_) => DType::I64,
            Scalar::Float(_) => DType::F64,
        };
        let tensor = execute::scalar(value, dtype).map_err(error::to_python)?;
        return Ok(Values { tensor, are_numbers: true, are_new: true });
    }
    if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
        let (tensor, are_numbers) = array::from_sequence(object)?;
        return Ok(Values { tensor, are_numbers, are_new: are_numbers });
    }
    if let Ok(tensor) = object.cast::<PyTensor>() {
        return Ok(Values { tensor: tensor.try_borrow()?.inner.clone(), are_numbers: false, are_new: false });
    }
    let (tensor, are_new) = read(object)?.ok_or_else(|| no_array(object))?;
    Ok(Values { tensor, are_numbers: false, are_new })
}

#[cold]
fn no_array(object: &Bound<'_, PyAny>) -> PyErr {
    let name = object.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string());
    let hint = if object.is_none() { " (was a value left out?)" } else { "" };
    PyTypeError::new_err(format!("expected a tensor, a number, or an array-like; got {name}{hint}"))
}

/// A Python number, if the object is one. NumPy's float64 is a Python float and counts as such.
#[inline]
fn number(object: &Bound<'_, PyAny>) -> PyResult<Option<Scalar>> {
    if let Ok(value) = object.cast::<PyFloat>() {
        return Ok(Some(Scalar::Float(value.value())));
    }
    if let Ok(value) = object.cast::<PyBool>() {
        return Ok(Some(Scalar::Bool(value.is_true())));
    }
    if object.is_instance_of::<PyInt>() {
        return match object.extract::<i64>() {
            Ok(value) => Ok(Some(Scalar::Int(value))),
            Err(_) => Err(PyOverflowError::new_err(format!("the integer {object} does not fit into int64"))),
        };
    }
    Ok(None)
}

/// Converts what can be an operand; `None` for an object that is no array at all.
#[inline]
pub(crate) fn operand_or_none(object: &Bound<'_, PyAny>) -> PyResult<Option<Arg>> {
    if let Ok(tensor) = object.cast::<PyTensor>() {
        return Ok(Some(Arg::Tensor(tensor.try_borrow()?.inner.clone())));
    }
    if let Some(scalar) = number(object)? {
        return Ok(Some(Arg::Scalar(scalar)));
    }
    foreign(object).map(|tensor| tensor.map(Arg::Tensor))
}

fn foreign(object: &Bound<'_, PyAny>) -> PyResult<Option<Tensor>> {
    match read(object)? {
        Some((tensor, true)) => array::placed(&tensor).map(Some),
        found => Ok(found.map(|(tensor, _)| tensor)),
    }
}

/// The tensor of what is none, and whether its values are new: those of arrays and lists are, on the CPU.
fn read(object: &Bound<'_, PyAny>) -> PyResult<Option<(Tensor, bool)>> {
    let py = object.py();
    let new = |tensor: Tensor| Some((tensor, true));
    let of_sequence = |sequence: &Bound<'_, PyAny>| {
        let (tensor, of_numbers) = array::from_sequence(sequence)?;
        array::settled((tensor, of_numbers)).map(|tensor| Some((tensor, of_numbers)))
    };
    if object.is_none() || object.is_instance_of::<PyDict>() {
        return Ok(None);
    }
    if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
        return of_sequence(object);
    }
    let no_numbers = object.is_instance_of::<PyString>()
        || object.is_instance_of::<PyBytes>()
        || object.is_instance_of::<PyByteArray>()
        || object.is_instance_of::<PyComplex>();
    if no_numbers {
        return Ok(None);
    }
    if array::has_buffer(object) {
        return array::from_buffer(object).map(new);
    }
    if let Some(convert) = object.getattr_opt(intern!(py, "__corten_tensor__"))? {
        let result = convert.call0()?;
        let tensor = result.cast::<PyTensor>().map_err(|_| {
            PyTypeError::new_err(format!("__corten_tensor__ must return a corten.Tensor; got {}", result.get_type()))
        })?;
        return Ok(Some((tensor.try_borrow()?.inner.clone(), false)));
    }
    if object.hasattr(intern!(py, "_corten_complex"))? {
        // A pair of tensors: its own operators answer. Asked late, as a variable is slow to say what it lacks.
        return Ok(None);
    }
    if object.hasattr(intern!(py, "__array__"))? && !object.hasattr(intern!(py, "_corten_symbolic"))? {
        return array::from_buffer(&array::as_numpy(object)?).map(new);
    }
    if object.hasattr(intern!(py, "__dlpack__"))? {
        return crate::dlpack::import(object, true).map(new);
    }
    // Ranges, generators of rows and the like.
    let sequence = object.hasattr(intern!(py, "__getitem__"))? && object.hasattr(intern!(py, "__len__"))?;
    if sequence && let Ok(list) = py.get_type::<PyList>().call1((object,)) {
        return of_sequence(&list);
    }
    Ok(None)
}

/// Several arrays in a list or tuple.
pub(crate) fn tensors(objects: &Bound<'_, PyAny>) -> PyResult<Vec<Tensor>> {
    if let Ok(single) = objects.cast::<PyTensor>() {
        // A tensor is a sequence of its rows.
        return rows(&single.try_borrow()?.inner);
    }
    objects.try_iter()?.map(|item| tensor(&item?)).collect()
}

fn rows(x: &Tensor) -> PyResult<Vec<Tensor>> {
    let len = *x.shape().first().ok_or_else(|| PyTypeError::new_err("a 0-dimensional tensor has no rows"))?;
    (0..len).map(|i| ops::index(x, &[ops::Index::At(i as i64)]).map_err(error::to_python)).collect()
}

/// A dtype by name. NumPy dtypes, scalar types and Python's `bool`, `int`, `float` are understood.
pub(crate) struct Type(pub(crate) DType);

fn dtype(object: &Bound<'_, PyAny>) -> PyResult<DType> {
    let py = object.py();
    let unknown = || {
        let known: Vec<&str> = DType::ALL.iter().map(|dtype| dtype.name()).collect();
        PyTypeError::new_err(format!("unknown dtype {object}; known dtypes: {}", known.join(", ")))
    };
    if let Ok(name) = object.cast::<PyString>() {
        return named(name.to_str()?).ok_or_else(unknown);
    }
    for attribute in [intern!(py, "name"), intern!(py, "__name__")] {
        if let Some(name) = object.getattr_opt(attribute)?
            && let Ok(name) = name.extract::<String>()
        {
            return named(&name).ok_or_else(unknown);
        }
    }
    Err(unknown())
}

fn named(name: &str) -> Option<DType> {
    DType::from_name(name).or(match name {
        "bool_" => Some(DType::Bool),
        "int" => Some(DType::I32),
        "float" => Some(DType::F32),
        "half" => Some(DType::F16),
        "double" => Some(DType::F64),
        _ => None,
    })
}

/// One integer or several: a shape, axes, strides.
pub(crate) struct Ints(pub(crate) Vec<isize>);

pub(crate) fn integers(object: &Bound<'_, PyAny>) -> PyResult<Vec<isize>> {
    let one = |item: &Bound<'_, PyAny>| {
        item.extract::<isize>()
            .map_err(|_| PyTypeError::new_err(format!("expected an integer in a sequence of integers; got {item}")))
    };
    // Tuples first: trying them as a number would raise and drop an exception on every call.
    if let Ok(tuple) = object.cast::<PyTuple>() {
        return tuple.iter().map(|item| one(&item)).collect();
    }
    if let Ok(list) = object.cast::<PyList>() {
        return list.iter().map(|item| one(&item)).collect();
    }
    if let Ok(value) = object.extract::<isize>() {
        return Ok(vec![value]);
    }
    if object.is_none() {
        return Err(PyTypeError::new_err("expected an integer or a sequence of integers; got None"));
    }
    object
        .try_iter()
        .map_err(|_| PyTypeError::new_err(format!("expected an integer or a sequence of integers; got {object}")))?
        .map(|item| one(&item?))
        .collect()
}

impl Ints {
    /// The values, none of which may be negative.
    pub(crate) fn sizes(&self, what: &str) -> PyResult<Vec<usize>> {
        self.0
            .iter()
            .map(|&value| {
                usize::try_from(value)
                    .map_err(|_| PyValueError::new_err(format!("{what} must not be negative; got {value}")))
            })
            .collect()
    }
}

/// `None` (every axis), one axis or several.
pub(crate) type Axes = Option<Ints>;

/// The axes as the engine takes them.
pub(crate) fn axes(axes: Option<&Ints>) -> Option<&[isize]> {
    axes.map(|axes| &axes.0[..])
}

/// A fill value.
pub(crate) fn scalar(object: &Bound<'_, PyAny>) -> PyResult<Scalar> {
    if let Some(value) = number(object)? {
        return Ok(value);
    }
    let value = tensor(object)?;
    if value.len() != 1 {
        return Err(PyTypeError::new_err(format!("expected a number; got {object}")));
    }
    let float = value.dtype().is_float();
    let is_bool = value.dtype() == DType::Bool;
    let value = value.item().map_err(error::to_python)?;
    Ok(if float {
        Scalar::Float(value)
    } else if is_bool {
        Scalar::Bool(value != 0.0)
    } else {
        Scalar::Int(value as i64)
    })
}

/// A name that an op family does not know.
#[cold]
pub(crate) fn unknown(family: &str, name: &str, known: impl Iterator<Item = &'static str>) -> PyErr {
    let known: Vec<&str> = known.collect();
    PyValueError::new_err(format!("{family}: unknown operation {name:?}; known: {}", known.join(", ")))
}
