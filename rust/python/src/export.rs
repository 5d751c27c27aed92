//! Tensors out: NumPy arrays, Python numbers, text.

use corten_tensor::core::half::{bf16, f16};
use corten_tensor::core::{DType, Error, Tuple};
use corten_tensor::{Device, Tensor, ops};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};

use crate::array;
use crate::{error, funnel};

/// Memory of a tensor as NumPy reads it; keeps the tensor alive as long as an array refers to it.
#[pyclass(frozen, name = "Memory", module = "corten._core")]
pub(crate) struct Memory {
    tensor: Tensor,
}

#[pymethods]
impl Memory {
    /// Address, shape, strides and type, in NumPy's array interface (version 3). Read only.
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let layout = self.tensor.layout();
        let size = self.tensor.dtype().size();
        let buffer = self.tensor.buffer().map_err(error::to_python)?;
        let address = buffer.as_ptr() as usize + if layout.is_empty() { 0 } else { layout.offset() * size };
        let strides = layout.strides().iter().map(|stride| stride * size as isize);
        let interface = PyDict::new(py);
        interface.set_item(intern!(py, "shape"), PyTuple::new(py, layout.shape())?)?;
        interface.set_item(intern!(py, "typestr"), type_string(self.tensor.dtype()))?;
        interface.set_item(intern!(py, "data"), (address, true))?;
        if !layout.is_contiguous() {
            interface.set_item(intern!(py, "strides"), PyTuple::new(py, strides.collect::<Vec<_>>())?)?;
        }
        interface.set_item(intern!(py, "version"), 3)?;
        Ok(interface)
    }
}

/// NumPy's name for the memory of a dtype; bfloat16, which NumPy lacks, as its bits.
const fn type_string(dtype: DType) -> &'static str {
    macro_rules! ordered {
        ($name:literal) => {
            if cfg!(target_endian = "little") { concat!("<", $name) } else { concat!(">", $name) }
        };
    }
    match dtype {
        DType::Bool => "|b1",
        DType::U8 => "|u1",
        DType::I8 => "|i1",
        DType::U16 | DType::BF16 => ordered!("u2"),
        DType::U32 => ordered!("u4"),
        DType::U64 => ordered!("u8"),
        DType::I16 => ordered!("i2"),
        DType::I32 => ordered!("i4"),
        DType::I64 => ordered!("i8"),
        DType::F16 => ordered!("f2"),
        DType::F32 => ordered!("f4"),
        DType::F64 => ordered!("f8"),
    }
}

/// `ml_dtypes.bfloat16`, where that package is installed.
fn bfloat16_type(py: Python<'_>) -> Option<&Bound<'_, PyAny>> {
    static TYPE: PyOnceLock<Option<Py<PyAny>>> = PyOnceLock::new();
    TYPE.get_or_init(py, || {
        let module = PyModule::import(py, "ml_dtypes").ok()?;
        module.getattr("bfloat16").ok().map(Bound::unbind)
    })
    .as_ref()
    .map(|class| class.bind(py))
}

/// A NumPy array of the values: its own copy, or a read-only view of the tensor's memory.
pub(crate) fn to_numpy<'py>(py: Python<'py>, tensor: &Tensor, copy: bool) -> PyResult<Bound<'py, PyAny>> {
    if tensor.device() == Device::Cpu {
        tensor.buffer().map_err(error::to_python)?;
    } else {
        let here = funnel::run(py, tensor.len(), || tensor.on_cpu())?;
        return to_numpy(py, &here, copy);
    }
    let special = if tensor.dtype() == DType::BF16 { Some(bfloat16_type(py)) } else { None };
    let tensor = match special {
        Some(None) => ops::cast(&tensor.detach(), DType::F32).map_err(error::to_python)?,
        Some(Some(_)) | None => tensor.detach(),
    };
    let memory = Bound::new(py, Memory { tensor })?;
    let numpy = array::numpy(py)?;
    let name = if copy { intern!(py, "array") } else { intern!(py, "asarray") };
    let array = numpy.call_method1(name, (memory,))?;
    match special {
        Some(Some(class)) => array.call_method1(intern!(py, "view"), (class,)),
        Some(None) | None => Ok(array),
    }
}

/// A read-only view of the values where `copy` and `dtype` allow it: what `Tensor.__array__` gives.
pub(crate) fn as_numpy<'py>(
    py: Python<'py>,
    tensor: &Tensor,
    dtype: Option<&Bound<'py, PyAny>>,
    copy: Option<bool>,
) -> PyResult<Bound<'py, PyAny>> {
    if copy == Some(false) && tensor.device() != Device::Cpu {
        return Err(PyValueError::new_err(format!(
            "NumPy cannot look at values on {} without a copy; allow one, or use `.to(\"cpu\")`",
            tensor.device()
        )));
    }
    let array = to_numpy(py, tensor, copy == Some(true))?;
    let Some(dtype) = dtype.filter(|dtype| !dtype.is_none()) else { return Ok(array) };
    let same = array.getattr("dtype")?.eq(dtype)?;
    if !same && copy == Some(false) {
        return Err(PyValueError::new_err("a view cannot have another dtype; allow a copy"));
    }
    if same { Ok(array) } else { array.call_method1("astype", (dtype,)) }
}

/// The single element as a Python number.
pub(crate) fn item<'py>(py: Python<'py>, tensor: &Tensor) -> PyResult<Bound<'py, PyAny>> {
    if tensor.len() != 1 {
        let message = format!("item: one element is needed; got shape {}", Tuple(tensor.shape()));
        return Err(error::to_python(Error::shape(message)));
    }
    if !matches!(tensor.device(), Device::Cpu | Device::Meta) {
        return item(py, &funnel::run(py, funnel::LONG, || tensor.on_cpu())?);
    }
    let at = tensor.layout().offset();
    let buffer = tensor.buffer().map_err(error::to_python)?;
    macro_rules! python {
        ($value:expr) => {
            $value.into_pyobject(py)?.into_any()
        };
    }
    Ok(match tensor.dtype() {
        DType::Bool => pyo3::types::PyBool::new(py, buffer.as_slice::<bool>()[at]).to_owned().into_any(),
        DType::U8 => python!(buffer.as_slice::<u8>()[at]),
        DType::U16 => python!(buffer.as_slice::<u16>()[at]),
        DType::U32 => python!(buffer.as_slice::<u32>()[at]),
        DType::U64 => python!(buffer.as_slice::<u64>()[at]),
        DType::I8 => python!(buffer.as_slice::<i8>()[at]),
        DType::I16 => python!(buffer.as_slice::<i16>()[at]),
        DType::I32 => python!(buffer.as_slice::<i32>()[at]),
        DType::I64 => python!(buffer.as_slice::<i64>()[at]),
        DType::BF16 => python!(buffer.as_slice::<bf16>()[at].to_f64()),
        DType::F16 => python!(buffer.as_slice::<f16>()[at].to_f64()),
        DType::F32 => python!(f64::from(buffer.as_slice::<f32>()[at])),
        DType::F64 => python!(buffer.as_slice::<f64>()[at]),
    })
}

/// Nested lists of Python numbers; a number for a 0-dimensional tensor.
pub(crate) fn to_list<'py>(py: Python<'py>, tensor: &Tensor) -> PyResult<Bound<'py, PyAny>> {
    if tensor.rank() == 0 {
        return item(py, tensor);
    }
    let tensor = if tensor.dtype() == DType::BF16 {
        ops::cast(&tensor.detach(), DType::F32).map_err(error::to_python)?
    } else {
        tensor.detach()
    };
    to_numpy(py, &tensor, false)?.call_method0(intern!(py, "tolist"))
}

/// The values as NumPy prints them, with shape and dtype.
pub(crate) fn represent(py: Python<'_>, tensor: &Tensor) -> PyResult<String> {
    let shape = Tuple(tensor.shape());
    let dtype = tensor.dtype();
    let gradient = if tensor.requires_grad() { ", requires_grad=True" } else { "" };
    let device = tensor.device();
    if device == Device::Meta {
        return Ok(format!("Tensor(shape={shape}, dtype={dtype}, device=meta{gradient})"));
    }
    let place = if device == Device::Cpu { String::new() } else { format!(", device={device}") };
    let readable = tensor.on_cpu().map_err(error::to_python)?;
    let readable =
        if dtype == DType::BF16 { ops::cast(&readable, DType::F32).map_err(error::to_python)? } else { readable };
    let array = to_numpy(py, &readable, false)?;
    let options = PyDict::new(py);
    options.set_item("separator", ", ")?;
    options.set_item("prefix", "Tensor(")?;
    let text: String = array::numpy(py)?.call_method("array2string", (array,), Some(&options))?.extract()?;
    Ok(format!("Tensor({text}, shape={shape}, dtype={dtype}{place}{gradient})"))
}

/// A truth value, for `if tensor:`.
pub(crate) fn truth(tensor: &Tensor) -> PyResult<bool> {
    if tensor.len() != 1 {
        let message = format!(
            "the truth value of a tensor of shape {} is ambiguous; use `.any()` or `.all()`, or compare one element",
            Tuple(tensor.shape())
        );
        return Err(error::to_python(Error::argument(message)));
    }
    Ok(tensor.item().map_err(error::to_python)? != 0.0)
}

/// An exact integer, for `int(tensor)` and use as an index.
pub(crate) fn integer<'py>(py: Python<'py>, tensor: &Tensor, exact: bool) -> PyResult<Bound<'py, PyAny>> {
    if exact && !tensor.dtype().is_integer() {
        return Err(PyTypeError::new_err(format!(
            "only integer tensors can be used as an index; got {}",
            tensor.dtype()
        )));
    }
    py.get_type::<pyo3::types::PyInt>().call1((item(py, tensor)?,))
}
