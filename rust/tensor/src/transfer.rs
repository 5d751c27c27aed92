//! From device to device.

use corten_core::{Error, Result, Tuple};

use crate::{device::Device, tensor::Tensor};

/// The tensor on another device; see [`Tensor::to`].
pub(crate) fn to(x: &Tensor, device: Device) -> Result<Tensor> {
    let from = x.device();
    if from == device {
        return Ok(x.clone());
    }
    match (from, device) {
        (Device::Cpu, Device::Cpu) => Ok(x.clone()),
        (_, Device::Meta) => Ok(Tensor::meta(x.shape(), x.dtype())),
        (Device::Meta, _) => Err(Error::device(format!(
            "to: a meta tensor has no values to move to {device}; its shape is {}",
            Tuple(x.shape())
        ))),
        #[cfg(feature = "gpu")]
        (Device::Gpu(_), _) | (_, Device::Gpu(_)) => across::to(x, device),
    }
}

/// The tensor as a partner of values on a device: a single number of the CPU goes there by itself.
///
/// # Errors
/// It is more than a number, and elsewhere.
pub(crate) fn beside(x: &Tensor, device: Device, what: &str) -> Result<Tensor> {
    let from = x.device();
    if from == device || device == Device::Meta || from == Device::Meta {
        return Ok(x.clone());
    }
    if from == Device::Cpu && x.rank() == 0 {
        return to(x, device);
    }
    Err(Error::device(format!(
        "{what} on different devices: {device} and {from} (shape {}). Move one to the other: `.to(\"{device}\")`",
        Tuple(x.shape())
    )))
}

/// New data where new tensors are made, or on another device. Integers that a GPU lacks become int32.
///
/// # Errors
/// An integer does not fit, or the device lacks the dtype.
pub(crate) fn place(x: &Tensor, device: Device) -> Result<Tensor> {
    match device {
        Device::Cpu | Device::Meta => to(x, device),
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => across::place(x, device),
    }
}

#[cfg(feature = "gpu")]
pub use across::{forget_constants, ops_over_the_cpu};
#[cfg(feature = "gpu")]
pub(crate) use across::{goes_over_the_cpu, moved, over_the_cpu, together};

#[cfg(feature = "gpu")]
mod across {
    use std::{
        collections::HashMap,
        sync::{
            Arc, LazyLock, Mutex, PoisonError,
            atomic::{AtomicU64, Ordering},
        },
    };

    use corten_core::{Backend as _, DType, Element as _, Error, Layout, Op, Result, Scalar, Spec, Tuple, View};
    use smallvec::SmallVec;

    use super::beside;
    use crate::{
        autograd::{self, CustomGradient},
        capture::{self, Work},
        device::Device,
        dispatch::{dispatch, stored},
        execute::Values,
        gpu::{self, Gpu},
        ops,
        storage::{CPU, Storage},
        tensor::{Data, Tensor},
    };

    pub(super) fn to(x: &Tensor, device: Device) -> Result<Tensor> {
        let value = Arc::new(moved(x, device)?);
        if capture::tracing() {
            capture::note(Work::Move, std::iter::once(x), &[Some(&value)]);
        }
        let result = Tensor::with_origin(value, None);
        Ok(autograd::custom(&[result], std::slice::from_ref(x), Box::new(Back(x.device()))).swap_remove(0))
    }

    /// The derivative of a move: the gradient goes back.
    struct Back(Device);

    impl CustomGradient for Back {
        fn gradient(&self, upstream: &[Option<Tensor>]) -> Result<Vec<Option<Tensor>>> {
            upstream.iter().map(|gradient| gradient.as_ref().map(|gradient| gradient.to(self.0)).transpose()).collect()
        }
    }

    /// The values on another device, outside any history. Both have some.
    pub(crate) fn moved(x: &Tensor, device: Device) -> Result<Data> {
        if let (Storage::Cpu(_), Device::Gpu(index)) = (x.storage(), device) {
            if x.rank() == 0 {
                return constant(x, index);
            }
            let source = x.detach();
            let _pause = capture::pause();
            let source = source.contiguous()?;
            let (start, size) = (source.layout().offset() * x.dtype().size(), x.len() * x.dtype().size());
            let bytes = &source.memory::<corten_cpu::Cpu>()?.as_bytes()[start..start + size];
            let buffer = gpu::open(index)?.upload(x.dtype(), bytes)?;
            return Ok(stored::<Gpu>(buffer, Layout::contiguous(x.shape()), x.dtype()));
        }
        let Storage::Gpu(source) = x.storage() else {
            return Ok(Data { storage: x.storage().clone(), layout: x.layout().clone(), dtype: x.dtype() });
        };
        let mut buffer = CPU.alloc(x.dtype(), x.len())?;
        let view = View { buffer: &**source, layout: x.layout(), dtype: x.dtype() };
        let Device::Gpu(index) = gpu::device_of(source) else { return Err(x.has_no_values()) };
        gpu::open(index)?.download(view, buffer.as_mut_bytes())?;
        let value = stored::<corten_cpu::Cpu>(buffer, Layout::contiguous(x.shape()), x.dtype());
        if device == Device::Cpu { Ok(value) } else { moved(&Tensor::from_data(value), device) }
    }

    type Constants = HashMap<(u8, DType, u64), Arc<gpu::Buffer>>;

    /// Numbers that were needed on a device before: most steps need the same ones again.
    static CONSTANTS: LazyLock<Mutex<Constants>> = LazyLock::new(Mutex::default);
    const CONSTANTS_AT_MOST: usize = 512;

    /// Gives up what is kept on devices.
    pub fn forget_constants() {
        CONSTANTS.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// A single number of the CPU as one of the device, without a copy: the device writes it down.
    fn constant(x: &Tensor, index: u8) -> Result<Data> {
        let (dtype, at) = (x.dtype(), x.layout().offset());
        let memory = x.memory::<corten_cpu::Cpu>()?;
        let value = corten_core::with_dtype!(dtype, T => {
            let value = memory.as_slice::<T>()[at];
            if dtype == DType::Bool {
                Scalar::Bool(value.to_f64() != 0.0)
            } else if dtype.is_integer() {
                Scalar::Int(value.to_i64())
            } else {
                Scalar::Float(value.to_f64())
            }
        });
        let bits = match value {
            Scalar::Bool(value) => u64::from(value),
            Scalar::Int(value) => value as u64,
            Scalar::Float(value) => value.to_bits(),
        };
        let mut constants = CONSTANTS.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (index, dtype, bits);
        let gpu = gpu::open(index)?;
        let buffer = match constants.get(&key) {
            // Not one of a device that was lost.
            Some(buffer) if buffer.gpu().same(&gpu) => Arc::clone(buffer),
            _ => {
                if constants.len() >= CONSTANTS_AT_MOST {
                    constants.clear();
                }
                let buffer = Arc::new(gpu.fill(dtype, 1, value)?);
                constants.insert(key, Arc::clone(&buffer));
                buffer
            }
        };
        Ok(Data { storage: Storage::Gpu(buffer), layout: Layout::contiguous(&[]), dtype })
    }

    /// Operands on one device, if they are not: single numbers of the CPU go to where the others are.
    #[inline]
    pub(crate) fn together(op: &'static str, inputs: &[&Tensor]) -> Result<Option<SmallVec<[Tensor; 3]>>> {
        let [first, rest @ ..] = inputs else { return Ok(None) };
        let device = first.device();
        if rest.iter().all(|x| x.device() == device) {
            return Ok(None);
        }
        brought(op, inputs)
    }

    #[cold]
    fn brought(op: &'static str, inputs: &[&Tensor]) -> Result<Option<SmallVec<[Tensor; 3]>>> {
        let mut devices = inputs.iter().map(|x| x.device());
        if devices.clone().any(|device| device == Device::Meta) {
            return Ok(None);
        }
        let Some(device) = devices.find(|&device| device != Device::Cpu) else { return Ok(None) };
        let what = format!("{op}: the operands are");
        inputs
            .iter()
            .map(|x| {
                // Which positions are counted in where 64 bits are too many.
                let is_position = x.dtype() == DType::I64 && x.device() == Device::Cpu && x.rank() == 0;
                if is_position { beside(&narrowed(x)?, device, &what) } else { beside(x, device, &what) }
            })
            .collect::<Result<_>>()
            .map(Some)
    }

    /// Whether GPUs have no integers of this kind: such data becomes int32.
    const fn is_narrowed(dtype: DType) -> bool {
        matches!(dtype, DType::I8 | DType::I16 | DType::I64 | DType::U8 | DType::U16 | DType::U64)
    }

    pub(super) fn place(x: &Tensor, device: Device) -> Result<Tensor> {
        let dtype = x.dtype();
        if x.device() == device {
            return Ok(x.clone());
        }
        if dtype == DType::F64 {
            return Err(Error::dtype(format!(
                "float64 data of shape {} cannot be put on {device}, which has no float64: convert it with \
                 `.astype(\"float32\")`, or keep it on the CPU: `corten.tensor(data, device=\"cpu\")`",
                Tuple(x.shape())
            )));
        }
        if !is_narrowed(dtype) {
            return x.to(device);
        }
        if matches!(dtype, DType::I64 | DType::U64) && x.device() == Device::Cpu {
            let far = if dtype == DType::U64 {
                x.to_vec::<u64>()?.into_iter().find(|&v| i32::try_from(v).is_err()).map(|v| v.to_string())
            } else {
                x.to_vec::<i64>()?.into_iter().find(|&v| i32::try_from(v).is_err()).map(|v| v.to_string())
            };
            if let Some(far) = far {
                return Err(Error::argument(format!(
                    "{dtype} data of shape {} cannot be put on {device}, which counts in 32 bits: it holds {far}. Keep it \
                     on the CPU: `corten.tensor(data, device=\"cpu\")`",
                    Tuple(x.shape())
                )));
            }
        }
        ops::cast(x, DType::I32)?.to(device)
    }

    /// An int64 as an int32 if it is one.
    fn narrowed(x: &Tensor) -> Result<Tensor> {
        let value = x.memory::<corten_cpu::Cpu>()?.as_slice::<i64>()[x.layout().offset()];
        if i32::try_from(value).is_ok() { ops::cast(x, DType::I32) } else { Ok(x.clone()) }
    }

    static OVER_THE_CPU: AtomicU64 = AtomicU64::new(0);

    /// How many ops of GPU tensors the CPU computed since the process began.
    pub fn ops_over_the_cpu() -> u64 {
        OVER_THE_CPU.load(Ordering::Relaxed)
    }

    /// Whether a GPU leaves this op to the CPU: decompositions and solvers, which are long chains of small dependent
    /// steps, and the rejection sampling of gamma. This is the whole list.
    pub(crate) const fn goes_over_the_cpu(op: &Op, device: Device) -> bool {
        matches!(device, Device::Gpu(_)) && matches!(op, Op::Linalg(_) | Op::RandomGamma { .. })
    }

    /// Computes an op of GPU tensors on the CPU: values come over, results go back. Counted.
    pub(crate) fn over_the_cpu(op: &Op, inputs: &[&Tensor], results: &[Spec], device: Device) -> Result<Values> {
        OVER_THE_CPU.fetch_add(1, Ordering::Relaxed);
        let there: SmallVec<[Tensor; 3]> =
            inputs.iter().map(|x| moved(x, Device::Cpu).map(Tensor::from_data)).collect::<Result<_>>()?;
        let values = dispatch(&CPU, op, &there.iter().collect::<SmallVec<[&Tensor; 3]>>(), results)?;
        values.into_iter().map(|value| moved(&Tensor::with_origin(value, None), device).map(Arc::new)).collect()
    }
}
