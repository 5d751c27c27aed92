//! DLPack both ways: tensors of other libraries in and out without a copy.
//!
//! The structures are those of the DLPack specification, version 1.0.

use std::ffi::{CStr, c_void};
use std::ptr::NonNull;

use corten_tensor::core::{DType, Layout, Strides};
use corten_tensor::cpu::Buffer;
use corten_tensor::{Device, Tensor, ops};
use pyo3::exceptions::{PyBufferError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict};
use pyo3::{ffi, intern};

use crate::{error, funnel};

/// Main memory, in DLPack's numbering of devices.
const CPU: i32 = 1;
/// A GPU whose memory only its own library can address.
#[cfg(feature = "gpu")]
const VULKAN: i32 = 7;
const READ_ONLY: u64 = 1;

const NAME: &CStr = c"dltensor";
const USED: &CStr = c"used_dltensor";
const NAME_VERSIONED: &CStr = c"dltensor_versioned";
const USED_VERSIONED: &CStr = c"used_dltensor_versioned";

#[repr(C)]
struct DlTensor {
    data: *mut c_void,
    device_type: i32,
    device_id: i32,
    ndim: i32,
    code: u8,
    bits: u8,
    lanes: u16,
    shape: *mut i64,
    strides: *mut i64,
    byte_offset: u64,
}

#[repr(C)]
struct Managed {
    tensor: DlTensor,
    context: *mut c_void,
    deleter: Option<unsafe extern "C" fn(*mut Self)>,
}

#[repr(C)]
struct ManagedVersioned {
    major: u32,
    minor: u32,
    context: *mut c_void,
    deleter: Option<unsafe extern "C" fn(*mut Self)>,
    flags: u64,
    tensor: DlTensor,
}

/// What an exported structure points to; `managed` comes first and holds the context pointer back.
struct Exported<M> {
    managed: M,
    shape: Vec<i64>,
    strides: Vec<i64>,
    _tensor: Tensor,
}

/// # Safety
/// `managed` must be what [`export`] made, and not be used afterwards.
unsafe extern "C" fn delete(managed: *mut Managed) {
    // SAFETY: the context was made by `Box::into_raw` in `export`, and a consumer deletes once.
    drop(unsafe { Box::from_raw((*managed).context.cast::<Exported<Managed>>()) });
}

unsafe extern "C" fn delete_versioned(managed: *mut ManagedVersioned) {
    // SAFETY: as above.
    drop(unsafe { Box::from_raw((*managed).context.cast::<Exported<ManagedVersioned>>()) });
}

/// Frees what no consumer took over.
unsafe extern "C" fn drop_capsule(capsule: *mut ffi::PyObject) {
    // SAFETY: Python calls this with the capsule; a consumer renames it when it takes over, so a valid
    // name means that the pointer is still ours.
    unsafe {
        if ffi::PyCapsule_IsValid(capsule, NAME.as_ptr()) == 1 {
            delete(ffi::PyCapsule_GetPointer(capsule, NAME.as_ptr()).cast());
        } else if ffi::PyCapsule_IsValid(capsule, NAME_VERSIONED.as_ptr()) == 1 {
            delete_versioned(ffi::PyCapsule_GetPointer(capsule, NAME_VERSIONED.as_ptr()).cast());
        }
    }
}

const fn type_code(dtype: DType) -> u8 {
    match dtype {
        DType::I8 | DType::I16 | DType::I32 | DType::I64 => 0,
        DType::U8 | DType::U16 | DType::U32 | DType::U64 => 1,
        DType::F16 | DType::F32 | DType::F64 => 2,
        DType::BF16 => 4,
        DType::Bool => 6,
    }
}

fn from_code(code: u8, bits: u8, lanes: u16) -> Option<DType> {
    if lanes != 1 {
        return None;
    }
    DType::ALL.into_iter().find(|&dtype| type_code(dtype) == code && dtype.size() * 8 == usize::from(bits))
}

/// Where a tensor is, in the protocol's numbers.
pub(crate) fn device_of(tensor: &Tensor) -> (i32, i32) {
    match tensor.device() {
        Device::Cpu | Device::Meta => (CPU, 0),
        #[cfg(feature = "gpu")]
        Device::Gpu(index) => (VULKAN, i32::from(index)),
    }
}

/// The capsule that `Tensor.__dlpack__` gives, or an error for another device.
pub(crate) fn offer<'py>(
    py: Python<'py>,
    tensor: &Tensor,
    stream: Option<&Bound<'py, PyAny>>,
    max_version: Option<(u32, u32)>,
    dl_device: Option<(i32, i32)>,
    copy: Option<bool>,
) -> PyResult<Bound<'py, PyCapsule>> {
    if stream.is_some_and(|stream| !stream.is_none()) || dl_device.is_some_and(|(kind, _)| kind != CPU) {
        return Err(PyBufferError::new_err("__dlpack__: this tensor lies on the CPU"));
    }
    let tensor = if matches!(tensor.device(), Device::Cpu | Device::Meta) {
        tensor.clone()
    } else if dl_device.is_some() && copy != Some(false) {
        funnel::run(py, tensor.len(), || tensor.on_cpu())?
    } else {
        return Err(PyBufferError::new_err(format!(
            "__dlpack__: this tensor is on {}, whose memory other libraries cannot address; use `.to(\"cpu\")`",
            tensor.device()
        )));
    };
    let tensor = if copy == Some(true) {
        funnel::run(py, tensor.len(), || ops::copy(&tensor.detach()))?
    } else {
        tensor.clone()
    };
    export(py, &tensor, max_version.is_some_and(|(major, _)| major >= 1))
}

/// A capsule over the tensor's memory; `versioned` where the consumer understands version 1.
fn export<'py>(py: Python<'py>, tensor: &Tensor, versioned: bool) -> PyResult<Bound<'py, PyCapsule>> {
    let buffer = tensor.buffer().map_err(error::to_python)?;
    let layout = tensor.layout();
    let shape: Vec<i64> = layout.shape().iter().map(|&dim| dim as i64).collect();
    let strides: Vec<i64> = layout.strides().iter().map(|&stride| stride as i64).collect();
    let described = |shape: *mut i64, strides: *mut i64| DlTensor {
        data: buffer.as_ptr().cast_mut().cast(),
        device_type: CPU,
        device_id: 0,
        ndim: layout.rank() as i32,
        code: type_code(tensor.dtype()),
        bits: (tensor.dtype().size() * 8) as u8,
        lanes: 1,
        shape,
        strides,
        byte_offset: if layout.is_empty() { 0 } else { (layout.offset() * tensor.dtype().size()) as u64 },
    };
    let empty = || described(std::ptr::null_mut(), std::ptr::null_mut());
    let (pointer, name) = if versioned {
        let managed = ManagedVersioned {
            major: 1,
            minor: 0,
            context: std::ptr::null_mut(),
            deleter: Some(delete_versioned),
            flags: READ_ONLY,
            tensor: empty(),
        };
        let mut owner = Box::new(Exported { managed, shape, strides, _tensor: tensor.detach() });
        owner.managed.tensor = described(owner.shape.as_mut_ptr(), owner.strides.as_mut_ptr());
        let owner = Box::into_raw(owner);
        // SAFETY: the box was just leaked; `delete_versioned` takes it back.
        unsafe {
            (*owner).managed.context = owner.cast();
            (NonNull::new_unchecked((&raw mut (*owner).managed).cast::<c_void>()), NAME_VERSIONED)
        }
    } else {
        let managed = Managed { tensor: empty(), context: std::ptr::null_mut(), deleter: Some(delete) };
        let mut owner = Box::new(Exported { managed, shape, strides, _tensor: tensor.detach() });
        owner.managed.tensor = described(owner.shape.as_mut_ptr(), owner.strides.as_mut_ptr());
        let owner = Box::into_raw(owner);
        // SAFETY: as above, with `delete`.
        unsafe {
            (*owner).managed.context = owner.cast();
            (NonNull::new_unchecked((&raw mut (*owner).managed).cast::<c_void>()), NAME)
        }
    };
    // SAFETY: the pointer stays valid until the destructor or the consumer deletes it.
    unsafe { PyCapsule::new_with_pointer_and_destructor(py, pointer, name, Some(drop_capsule)) }
}

/// Memory of another library, given back when dropped.
enum Owner {
    Plain(NonNull<Managed>),
    Versioned(NonNull<ManagedVersioned>),
}

// SAFETY: DLPack deleters may be called from any thread (those of Python libraries take the lock).
unsafe impl Send for Owner {}
// SAFETY: the owner is only kept and dropped, never read.
unsafe impl Sync for Owner {}

impl Drop for Owner {
    fn drop(&mut self) {
        // SAFETY: the structure is alive until its deleter runs, which happens once, here.
        unsafe {
            match self {
                Self::Plain(managed) => {
                    if let Some(deleter) = managed.as_ref().deleter {
                        deleter(managed.as_ptr());
                    }
                }
                Self::Versioned(managed) => {
                    if let Some(deleter) = managed.as_ref().deleter {
                        deleter(managed.as_ptr());
                    }
                }
            }
        }
    }
}

/// A tensor over (or with a copy of) the memory of an object with `__dlpack__`, or of a capsule.
pub(crate) fn import(object: &Bound<'_, PyAny>, copy: bool) -> PyResult<Tensor> {
    let py = object.py();
    let capsule = if object.is_instance_of::<PyCapsule>() {
        object.clone()
    } else {
        let method = object.getattr_opt(intern!(py, "__dlpack__"))?.ok_or_else(|| {
            PyTypeError::new_err(format!("from_dlpack: {} has no __dlpack__ method", object.get_type()))
        })?;
        let options = PyDict::new(py);
        options.set_item(intern!(py, "max_version"), (1, 0))?;
        match method.call((), Some(&options)) {
            Err(failure) if failure.is_instance_of::<PyTypeError>(py) => method.call0()?,
            result => result?,
        }
    };
    let (owner, described) = take(&capsule)?;
    // Read now: once wrapped, an empty tensor no longer holds the structure.
    let is_bool = described.code == type_code(DType::Bool);
    let tensor = wrap(owner, described)?;
    match (is_bool, copy) {
        (true, _) => ops::cast(&tensor, DType::Bool).map_err(error::to_python),
        (false, true) => ops::copy(&tensor).map_err(error::to_python),
        (false, false) => Ok(tensor),
    }
}

/// Takes the structure out of a capsule.
fn take<'a>(capsule: &'a Bound<'_, PyAny>) -> PyResult<(Owner, &'a DlTensor)> {
    let raw = capsule.as_ptr();
    // SAFETY: names are checked before pointers are used; a producer's capsule of that name holds the
    // structure of that version. Renaming marks it as taken, so that its destructor leaves it alone.
    unsafe {
        if ffi::PyCapsule_IsValid(raw, NAME_VERSIONED.as_ptr()) == 1 {
            let pointer = ffi::PyCapsule_GetPointer(raw, NAME_VERSIONED.as_ptr()).cast::<ManagedVersioned>();
            let managed = NonNull::new(pointer).ok_or_else(|| PyBufferError::new_err("from_dlpack: empty capsule"))?;
            if (*pointer).major != 1 {
                return Err(PyBufferError::new_err(format!(
                    "from_dlpack: DLPack version {} is not supported",
                    (*pointer).major
                )));
            }
            ffi::PyCapsule_SetName(raw, USED_VERSIONED.as_ptr());
            return Ok((Owner::Versioned(managed), &(*pointer).tensor));
        }
        if ffi::PyCapsule_IsValid(raw, NAME.as_ptr()) == 1 {
            let pointer = ffi::PyCapsule_GetPointer(raw, NAME.as_ptr()).cast::<Managed>();
            let managed = NonNull::new(pointer).ok_or_else(|| PyBufferError::new_err("from_dlpack: empty capsule"))?;
            ffi::PyCapsule_SetName(raw, USED.as_ptr());
            return Ok((Owner::Plain(managed), &(*pointer).tensor));
        }
    }
    Err(PyValueError::new_err("from_dlpack: the capsule holds no DLPack tensor, or it was used before"))
}

/// Wraps the memory; bool as bytes, because other libraries may store any byte for true.
fn wrap(owner: Owner, described: &DlTensor) -> PyResult<Tensor> {
    if described.device_type != CPU {
        return Err(PyBufferError::new_err(format!(
            "from_dlpack: the tensor lies on device type {}; move it to the CPU first",
            described.device_type
        )));
    }
    let dtype = from_code(described.code, described.bits, described.lanes).ok_or_else(|| {
        PyTypeError::new_err(format!(
            "from_dlpack: element type code {} with {} bits is not supported",
            described.code, described.bits
        ))
    })?;
    let dtype = if dtype == DType::Bool { DType::U8 } else { dtype };
    let rank = usize::try_from(described.ndim).unwrap_or(0);
    // SAFETY: a DLPack tensor has `ndim` sizes, and as many strides where they are given.
    let (shape, given) = unsafe {
        let shape: &[i64] = if rank == 0 { &[] } else { std::slice::from_raw_parts(described.shape, rank) };
        let given =
            (rank > 0 && !described.strides.is_null()).then(|| std::slice::from_raw_parts(described.strides, rank));
        (shape, given)
    };
    let shape: Vec<usize> = shape.iter().map(|&dim| usize::try_from(dim).unwrap_or(0)).collect();
    let strides: Strides = match given {
        Some(given) => given.iter().map(|&stride| stride as isize).collect(),
        None => corten_tensor::core::contiguous_strides(&shape),
    };
    let probe = Layout::new(shape[..].into(), strides.clone(), usize::MAX / 4);
    let Some((low, high)) = probe.bounds() else {
        let buffer = Buffer::for_elements(dtype, 0).map_err(error::to_python)?;
        return Ok(Tensor::from_buffer(buffer, Layout::contiguous(&shape), dtype));
    };
    let before = usize::MAX / 4 - low;
    let start = described
        .data
        .cast::<u8>()
        .cast_const()
        .wrapping_add(described.byte_offset as usize)
        .wrapping_sub(before * dtype.size());
    if !(start as usize).is_multiple_of(dtype.size()) {
        return Err(PyBufferError::new_err("from_dlpack: the memory is not aligned to its elements"));
    }
    // SAFETY: shape and strides say that these elements belong to the producer's tensor, which lives
    // until the owner is dropped.
    let buffer = unsafe { Buffer::from_foreign(start, (high - low) * dtype.size(), Box::new(owner)) };
    Ok(Tensor::from_buffer(buffer, Layout::new(shape[..].into(), strides, before), dtype))
}

/// A tensor that shares the memory of `x`, an object with `__dlpack__` (of NumPy, PyTorch, JAX, ...).
///
/// Nothing is copied (except bool values): if the other library changes its memory later, the tensor
/// changes with it. Use `tensor(x)` for an independent copy.
///
/// Args:
///     x: An array whose memory lies on the CPU.
///
/// Returns:
///     A tensor.
#[pyfunction]
pub(crate) fn from_dlpack(x: &Bound<'_, PyAny>) -> PyResult<crate::tensor::PyTensor> {
    import(x, false).map(Into::into)
}
