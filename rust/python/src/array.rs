//! Arrays of other libraries in: the buffer protocol, NumPy, nested sequences. Values are copied, so
//! that later changes to the array do not reach the tensor.

use corten_tensor::core::half::bf16;
use corten_tensor::core::{DType, Layout, Strides};
use corten_tensor::cpu::Buffer;
use corten_tensor::{Tensor, device, ops};
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyTuple};
use pyo3::{ffi, intern};

use crate::convert;
use crate::error;
use crate::funnel;
use crate::tensor::PyTensor;

/// Below this size a copy is one move of bytes.
const SMALL_BYTES: usize = 1 << 20;

/// The `numpy` module.
pub(crate) fn numpy(py: Python<'_>) -> PyResult<&Bound<'_, PyModule>> {
    static NUMPY: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    NUMPY.get_or_try_init(py, || PyModule::import(py, "numpy").map(Bound::unbind)).map(|module| module.bind(py))
}

/// `numpy.asarray(object)`.
pub(crate) fn as_numpy<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    static ASARRAY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = object.py();
    let asarray =
        ASARRAY.get_or_try_init(py, || numpy(py)?.getattr(intern!(py, "asarray")).map(Bound::unbind))?.bind(py);
    asarray.call1((object,))
}

/// Whether the object exports its memory.
pub(crate) fn has_buffer(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: the pointer is a live object.
    unsafe { ffi::PyObject_CheckBuffer(object.as_ptr()) == 1 }
}

/// A tensor with the values of an object that exports its memory.
pub(crate) fn from_buffer(object: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    let py = object.py();
    let buffer = match PyUntypedBuffer::get(object) {
        Ok(buffer) => buffer,
        Err(failure) => return from_unbuffered(object, &failure),
    };
    let dtype = element_type(object, &buffer)?;
    let tensor = copy(py, &buffer, dtype)?;
    buffer.release(py);
    match tensor {
        Some(tensor) => Ok(tensor),
        // Unaligned memory, or strides that are no multiple of the element: NumPy sorts it out.
        None => from_buffer(&numpy(py)?.call_method1(intern!(py, "array"), (object,))?),
    }
}

/// NumPy scalars, which export no shape, and types the buffer protocol has no code for; of those,
/// bfloat16 is read through its bits.
fn from_unbuffered(object: &Bound<'_, PyAny>, failure: &PyErr) -> PyResult<Tensor> {
    let py = object.py();
    if let Some(rank) = object.getattr_opt(intern!(py, "ndim"))?
        && rank.eq(0)?
    {
        let vector = as_numpy(object)?.call_method1(intern!(py, "reshape"), (1,))?;
        return ops::reshape(&from_buffer(&vector)?, &[]).map_err(error::to_python);
    }
    let name = object.getattr_opt(intern!(py, "dtype"))?.map(|dtype| dtype.to_string()).unwrap_or_default();
    if name == "bfloat16" {
        let words = as_numpy(object)?.call_method1(intern!(py, "view"), ("uint16",))?;
        let bits = from_buffer(&words)?;
        let values: Vec<bf16> =
            bits.to_vec::<u16>().map_err(error::to_python)?.into_iter().map(bf16::from_bits).collect();
        return Tensor::from_slice(&values, bits.shape()).map_err(error::to_python);
    }
    Err(PyTypeError::new_err(format!("arrays of dtype {name} cannot become tensors ({failure})")))
}

/// The dtype that a `struct` format and an item size name.
fn element_type(object: &Bound<'_, PyAny>, buffer: &PyUntypedBuffer) -> PyResult<DType> {
    let format = buffer.format().to_bytes();
    let size = buffer.item_size();
    let refuse = |hint: &str| {
        let name = object
            .getattr_opt(intern!(object.py(), "dtype"))
            .ok()
            .flatten()
            .map_or_else(|| String::from_utf8_lossy(format).into_owned(), |dtype| dtype.to_string());
        PyTypeError::new_err(format!("arrays of dtype {name} cannot become tensors{hint}"))
    };
    let code = match format {
        [b'>' | b'!', _] if size > 1 => {
            return Err(refuse("; convert to native byte order first, with `x.astype(x.dtype.newbyteorder('='))`"));
        }
        [b'@' | b'=' | b'<' | b'>' | b'!', code] | [code] => *code,
        _ if format.starts_with(b"Z") => {
            return Err(refuse(": complex numbers are not supported; take `.real` or `.imag`"));
        }
        _ if format.ends_with(b"w") || format.ends_with(b"s") => return Err(refuse(": text is no number")),
        _ => return Err(refuse("")),
    };
    let dtype = match (code, size) {
        (b'?', 1) => DType::Bool,
        (b'b', 1) => DType::I8,
        (b'h', 2) => DType::I16,
        (b'i' | b'l' | b'q' | b'n', 4) => DType::I32,
        (b'l' | b'q' | b'n', 8) => DType::I64,
        (b'B', 1) => DType::U8,
        (b'H', 2) => DType::U16,
        (b'I' | b'L' | b'Q' | b'N', 4) => DType::U32,
        (b'L' | b'Q' | b'N', 8) => DType::U64,
        (b'e', 2) => DType::F16,
        (b'f', 4) => DType::F32,
        (b'd' | b'g', 8) => DType::F64,
        (b'O', _) => return Err(refuse(": the array holds Python objects (rows of unequal length, or mixed types?)")),
        (b's' | b'c' | b'w', _) => return Err(refuse(": text is no number")),
        _ => return Err(refuse("")),
    };
    Ok(dtype)
}

/// Copies the elements; `None` where memory is not aligned to elements.
fn copy(py: Python<'_>, source: &PyUntypedBuffer, dtype: DType) -> PyResult<Option<Tensor>> {
    let shape = source.shape();
    let len: usize = shape.iter().product();
    // Truth values are read as bytes first: other libraries may store any byte for true.
    let read = if dtype == DType::Bool { DType::U8 } else { dtype };
    let tensor = if len == 0 {
        let buffer = Buffer::for_elements(dtype, 0).map_err(error::to_python)?;
        return Ok(Some(Tensor::from_buffer(buffer, Layout::contiguous(shape), dtype)));
    } else if source.is_c_contiguous() && len * dtype.size() < SMALL_BYTES {
        let bytes = len * dtype.size();
        let mut buffer = Buffer::for_elements(read, len).map_err(error::to_python)?;
        // SAFETY: the exporter holds `bytes` contiguous bytes while the buffer is held, ours has as
        // many, and they do not overlap.
        unsafe {
            std::ptr::copy_nonoverlapping(source.buf_ptr().cast::<u8>(), buffer.as_mut_bytes().as_mut_ptr(), bytes);
        }
        Tensor::from_buffer(buffer, Layout::contiguous(shape), read)
    } else {
        // All threads copy: one does not fill the memory bus.
        let Some(view) = strided(source, read) else { return Ok(None) };
        funnel::run(py, len, || ops::copy(&view))?
    };
    if dtype == DType::Bool {
        return ops::cast(&tensor, DType::Bool).map(Some).map_err(error::to_python);
    }
    Ok(Some(tensor))
}

/// The exporter's memory as a tensor, for the moment of a copy.
fn strided(source: &PyUntypedBuffer, dtype: DType) -> Option<Tensor> {
    let size = dtype.size() as isize;
    let (mut low, mut high) = (0isize, size);
    let mut strides = Strides::new();
    for (&dim, &stride) in source.shape().iter().zip(source.strides()) {
        if stride % size != 0 {
            return None;
        }
        strides.push(stride / size);
        let reach = (dim as isize - 1) * stride;
        if reach < 0 { low += reach } else { high += reach }
    }
    let start = source.buf_ptr().cast::<u8>().wrapping_offset(low);
    if !(start as usize).is_multiple_of(dtype.size()) {
        return None;
    }
    // SAFETY: shape and strides of the exporter say that these bytes are its own; the caller keeps
    // the exporter's buffer until the copy is done.
    let buffer = unsafe { Buffer::from_foreign(start, (high - low) as usize, Box::new(())) };
    let layout = Layout::new(source.shape().into(), strides, (-low / size) as usize);
    Some(Tensor::from_buffer(buffer, layout, dtype))
}

/// Nested lists. Numbers become bool, int32 (int64 where needed) or float32; tensors are stacked.
pub(crate) fn from_sequence(object: &Bound<'_, PyAny>) -> PyResult<(Tensor, bool)> {
    if holds_tensors(object, 0)? {
        let parts = object.try_iter()?.map(|item| convert::tensor(&item?)).collect::<PyResult<Vec<_>>>()?;
        return ops::stack(&parts, 0).map(|tensor| (tensor, false)).map_err(error::to_python);
    }
    let array = as_numpy(object).map_err(|failure| {
        if failure.is_instance_of::<PyValueError>(object.py()) {
            PyValueError::new_err(format!("a nested list must be rectangular and hold numbers: {failure}"))
        } else {
            failure
        }
    })?;
    from_buffer(&array).map(|tensor| (tensor, true))
}

/// New values on the device where new tensors are made.
pub(crate) fn placed(tensor: &Tensor) -> PyResult<Tensor> {
    tensor.placed(device::current()).map_err(error::to_python)
}

/// The tensor of a list or number for which nobody asked for a dtype.
pub(crate) fn settled((tensor, of_numbers): (Tensor, bool)) -> PyResult<Tensor> {
    if of_numbers { narrowed(&tensor).map_err(error::to_python) } else { Ok(tensor) }
}

/// NumPy's float64 and int64 of Python numbers as float32 and int32.
fn narrowed(x: &Tensor) -> corten_tensor::core::Result<Tensor> {
    match x.dtype() {
        DType::F64 => ops::cast(x, DType::F32),
        DType::I64 if x.to_vec::<i64>()?.iter().all(|&value| i32::try_from(value).is_ok()) => ops::cast(x, DType::I32),
        DType::I64
        | DType::Bool
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::U64
        | DType::I8
        | DType::I16
        | DType::I32
        | DType::BF16
        | DType::F16
        | DType::F32 => Ok(x.clone()),
    }
}

/// Whether a nested list holds tensors (or objects that become one) rather than plain numbers. The
/// first element of each list tells, so that long lists of numbers are not searched.
fn holds_tensors(object: &Bound<'_, PyAny>, depth: usize) -> PyResult<bool> {
    if depth > 32 {
        return Err(PyValueError::new_err("a list is nested deeper than 32 levels, or contains itself"));
    }
    let first = if let Ok(list) = object.cast::<PyList>() {
        if list.is_empty() { None } else { Some(list.get_item(0)?) }
    } else if let Ok(tuple) = object.cast::<PyTuple>() {
        if tuple.is_empty() { None } else { Some(tuple.get_item(0)?) }
    } else {
        return Ok(object.is_instance_of::<PyTensor>() || object.hasattr(intern!(object.py(), "__corten_tensor__"))?);
    };
    match first {
        None => Ok(false),
        Some(first) if holds_tensors(&first, depth + 1)? => Ok(true),
        // `[0.0, x]`: a number first, a tensor later.
        Some(_) if object.len()? <= 64 => {
            for item in object.try_iter()? {
                if item?.is_instance_of::<PyTensor>() {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Some(_) => Ok(false),
    }
}
