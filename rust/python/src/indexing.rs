//! `x[...]` as NumPy users write it.

use corten_tensor::core::{DType, Error, Kind, ScatterMode};
use corten_tensor::ops::{self, Arg, Index};
use corten_tensor::{Device, Tensor};
use pyo3::exceptions::PyOverflowError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyEllipsis, PyFloat, PyInt, PyList, PySlice, PyString, PyTuple};

use crate::convert::{self, Values};
use crate::error;
use crate::funnel;

/// The entries of an index expression.
pub(crate) fn parse(key: &Bound<'_, PyAny>) -> PyResult<Vec<Index>> {
    match key.cast::<PyTuple>() {
        Ok(entries) => entries.iter().map(|entry| parse_one(&entry)).collect(),
        Err(_) => Ok(vec![parse_one(key)?]),
    }
}

fn parse_one(entry: &Bound<'_, PyAny>) -> PyResult<Index> {
    if entry.is_exact_instance_of::<PyInt>() {
        return at(entry).map(Index::At);
    }
    if entry.is_none() {
        return Ok(Index::NewAxis);
    }
    if entry.is_instance_of::<PyEllipsis>() {
        return Ok(Index::Ellipsis);
    }
    if let Ok(slice) = entry.cast::<PySlice>() {
        let py = entry.py();
        let bound = |name: &Bound<'_, PyString>| -> PyResult<Option<i64>> {
            let value = slice.getattr(name)?;
            if value.is_none() { Ok(None) } else { at(&value).map(Some) }
        };
        return Ok(Index::Slice {
            start: bound(intern!(py, "start"))?,
            stop: bound(intern!(py, "stop"))?,
            step: bound(intern!(py, "step"))?.unwrap_or(1),
        });
    }
    let plain = !entry.is_instance_of::<PyBool>()
        && !entry.is_instance_of::<PyList>()
        && !entry.is_instance_of::<crate::tensor::PyTensor>();
    if plain && let Ok(value) = entry.extract::<i64>() {
        return Ok(Index::At(value));
    }
    if entry.is_instance_of::<PyFloat>() || entry.is_instance_of::<PyString>() {
        return Err(refuse(&format!("{} {}", entry.get_type().name()?, entry.repr()?)));
    }
    let array = match convert::operand_or_none(entry)? {
        Some(Arg::Tensor(tensor)) => tensor,
        Some(scalar @ Arg::Scalar(_)) => scalar.into_default().map_err(error::to_python)?,
        None => return Err(refuse(&entry.get_type().name()?.to_string())),
    };
    let dtype = array.dtype();
    if dtype == DType::Bool {
        return Ok(Index::Mask(array));
    }
    if dtype.is_integer() {
        return Ok(Index::Array(array));
    }
    // NumPy reads an empty list as float64; as an index it stands for no elements.
    if array.is_empty() && entry.is_instance_of::<PyList>() {
        return ops::cast(&array, DType::I32).map(Index::Array).map_err(error::to_python);
    }
    Err(refuse(&format!("an array of dtype {dtype}")))
}

fn at(value: &Bound<'_, PyAny>) -> PyResult<i64> {
    // Beyond int64 a bound means "to the end" just as well.
    value.extract::<i64>().or_else(|failure| {
        if failure.is_instance_of::<pyo3::exceptions::PyOverflowError>(value.py()) {
            Ok(if value.lt(0)? { i64::MIN } else { i64::MAX })
        } else {
            Err(refuse(&format!("slice bound {}", value.repr()?)))
        }
    })
}

#[cold]
fn refuse(what: &str) -> PyErr {
    error::to_python(Error::index(format!(
        "index: only integers, slices, `...`, `None`, and arrays of integers or bool are valid indices; got {what}"
    )))
}

/// A mask without axes takes all of `x` or nothing, along a new axis: `x` as its row, and the mask for it.
fn whole(x: &Tensor, key: &Bound<'_, PyAny>, indices: &[Index]) -> PyResult<Option<(Tensor, Index)>> {
    let [Index::Mask(mask)] = indices else { return Ok(None) };
    if mask.rank() > 0 || key.is_instance_of::<PyBool>() {
        return Ok(None);
    }
    let shape: Vec<usize> = std::iter::once(1).chain(x.shape().iter().copied()).collect();
    let row = ops::reshape(x, &shape).map_err(error::to_python)?;
    let mask = ops::reshape(mask, &[1]).map_err(error::to_python)?;
    Ok(Some((row, Index::Mask(mask))))
}

/// `x[key]`
pub(crate) fn get(py: Python<'_>, x: &Tensor, key: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    let indices = parse(key)?;
    if let Some((row, mask)) = whole(x, key, &indices)? {
        return funnel::run(py, x.len(), || ops::index(&row, &[mask]));
    }
    let copies = indices.iter().any(|index| matches!(index, Index::Array(_) | Index::Mask(_)));
    funnel::run(py, if copies { x.len() } else { 0 }, || ops::index(x, &indices))
}

/// `x` with `x[key]` replaced by `value`.
pub(crate) fn set(py: Python<'_>, x: &Tensor, key: &Bound<'_, PyAny>, given: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    let indices = parse(key)?;
    let value = assigned(x, given)?;
    if let Some((row, mask)) = whole(x, key, &indices)? {
        let row = funnel::run(py, x.len(), || ops::index_update(&row, &[mask], &value, ScatterMode::Set))?;
        return ops::reshape(&row, x.shape()).map_err(error::to_python);
    }
    funnel::run(py, x.len(), || ops::index_update(x, &indices, &value, ScatterMode::Set))
}

/// The value of an assignment. What is no tensor goes to where the elements are, in their dtype, with all the digits of
/// Python's numbers; integers that do not fit are refused, as NumPy refuses them.
fn assigned(x: &Tensor, given: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    let Values { tensor: value, are_numbers, are_new } = convert::data(given)?;
    if are_numbers && value.dtype() == DType::I64 && x.dtype().is_integer() && x.dtype() != DType::I64 {
        let bits = x.dtype().size() * 8;
        let (low, high) = match (x.dtype().kind() == Kind::Unsigned, bits) {
            (true, 64) => (0, i64::MAX),
            (true, _) => (0, (1 << bits) - 1),
            (false, _) => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
        };
        let all = value.to_vec::<i64>().map_err(error::to_python)?;
        if let Some(far) = all.into_iter().find(|number| !(low..=high).contains(number)) {
            return Err(PyOverflowError::new_err(format!("the integer {far} does not fit into {}", x.dtype())));
        }
    }
    if !are_new {
        return Ok(value);
    }
    let value = ops::cast(&value, x.dtype()).map_err(error::to_python)?;
    if x.device() == Device::Meta { Ok(value) } else { value.to(x.device()).map_err(error::to_python) }
}

/// The element that `x.item(...)` names: the only one, the one at a flat index, or at one index per axis.
pub(crate) fn element(py: Python<'_>, x: &Tensor, index: &Bound<'_, PyTuple>) -> PyResult<Tensor> {
    match index.len() {
        0 => Ok(x.clone()),
        1 if !index.get_item(0)?.is_instance_of::<PyTuple>() => {
            let flat = ops::reshape(x, &[x.len()]).map_err(error::to_python)?;
            get(py, &flat, index.as_any())
        }
        1 => get(py, x, &index.get_item(0)?),
        _ => get(py, x, index.as_any()),
    }
}
