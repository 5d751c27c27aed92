//! The single choke point: infer, dispatch, record. Fusion, capture, profiling and NaN tracing hook in
//! here and nowhere else.

use std::sync::Arc;

use corten_core::{Backend as _, BinaryOp, DType, Dims, Error, Layout, Op, Result, Scalar, Spec, UnaryOp, infer};
use corten_cpu::{Cpu, parallel};
use smallvec::SmallVec;

use crate::{
    autograd,
    capture::{self, Work},
    device::{self, Device},
    dispatch::{Wide, dispatch, materialized, stored, views},
    storage::{CPU, Home, Storage, with_backend},
    tensor::{Data, Tensor},
    watch,
};
#[cfg(feature = "gpu")]
use crate::{gpu, transfer};

pub type Outputs = SmallVec<[Tensor; 2]>;
pub(crate) type Values = SmallVec<[Arc<Data>; 2]>;

/// Runs one op on checked operands and records it where a gradient may be asked for.
pub fn run(op: Op, inputs: &[&Tensor]) -> Result<Outputs> {
    #[cfg(feature = "gpu")]
    if let Some(moved) = transfer::together(op.name(), inputs)? {
        return run(op, &moved.iter().collect::<SmallVec<[&Tensor; 3]>>());
    }
    let specs: SmallVec<[Spec; 3]> = inputs.iter().map(|x| Spec::new(x.shape(), x.dtype())).collect();
    let results = infer(&op, &specs)?;
    let device = device_of(inputs);
    let values = if device == Device::Meta {
        results.iter().map(hollow).collect()
    } else {
        let values =
            compute(&op, inputs, &results, device).map_err(|error| watch::located(error, op.name(), &results))?;
        if watch::active() {
            watch::check(&op, inputs.iter().copied(), values.iter().map(Arc::as_ref))?;
        }
        if capture::tracing() {
            let outputs: SmallVec<[_; 2]> = values.iter().map(Some).collect();
            capture::note(Work::Op(op.clone()), inputs.iter().copied(), &outputs);
        }
        values
    };
    Ok(autograd::record(op, inputs, values))
}

/// Where an op computes: where its operands are, of which one without values is enough, or where new tensors are made.
fn device_of(inputs: &[&Tensor]) -> Device {
    if inputs.iter().any(|x| matches!(x.storage(), Storage::Meta)) {
        return Device::Meta;
    }
    inputs.first().map_or_else(device::current, |x| x.device())
}

/// Computes the results of an op whose operands were checked and are on that device.
pub(crate) fn compute(op: &Op, inputs: &[&Tensor], results: &[Spec], device: Device) -> Result<Values> {
    #[cfg(feature = "gpu")]
    if transfer::goes_over_the_cpu(op, device) {
        return transfer::over_the_cpu(op, inputs, results, device);
    }
    with_backend!(device, backend => dispatch(backend, op, inputs, results), without_values())
}

#[cold]
fn without_values() -> Error {
    Error::device("an op was to compute without values")
}

/// Runs an op that gives one tensor.
pub fn run_one(op: Op, inputs: &[&Tensor]) -> Result<Tensor> {
    if let Some(value) = elementwise(&op, inputs) {
        let value = Arc::new(value.map_err(|error| located_elementwise(error, &op, inputs))?);
        if watch::active() {
            watch::check(&op, inputs.iter().copied(), std::iter::once(&*value))?;
        }
        if capture::tracing() {
            capture::note(Work::Op(op.clone()), inputs.iter().copied(), &[Some(&value)]);
        }
        return Ok(autograd::record_one(op, inputs, value));
    }
    let mut outputs = run(op, inputs)?;
    Ok(outputs.swap_remove(0))
}

#[cold]
fn located_elementwise(error: Error, op: &Op, inputs: &[&Tensor]) -> Error {
    let specs: SmallVec<[Spec; 2]> = inputs.iter().map(|x| Spec::new(x.shape(), x.dtype())).collect();
    infer(op, &specs).map_or_else(|refused| refused, |results| watch::located(error, op.name(), &results))
}

/// The short way of [`run`] for what small models do most: arithmetic on floats of one dtype and one
/// shape (or with a 0-dimensional partner). `infer` has nothing to refuse there; `None` means: ask it.
#[inline]
fn elementwise(op: &Op, inputs: &[&Tensor]) -> Option<Result<Data>> {
    if !matches!(op, Op::Binary(_) | Op::Unary(_) | Op::Compare(_)) {
        return None;
    }
    let (a, b) = match inputs {
        [a] => (*a, *a),
        [a, b] => (*a, *b),
        _ => return None,
    };
    let dtype = a.dtype();
    if dtype != b.dtype() || !dtype.is_float() {
        return None;
    }
    let shape = if b.rank() == 0 || a.shape() == b.shape() {
        a.shape()
    } else if a.rank() == 0 {
        b.shape()
    } else {
        return None;
    };
    match (a.storage(), b.storage()) {
        (Storage::Cpu(_), Storage::Cpu(_)) => elementwise_on(&CPU, op, [a, b], shape),
        #[cfg(feature = "gpu")]
        (Storage::Gpu(one), Storage::Gpu(other)) if gpu::device_of(one) == gpu::device_of(other) => {
            let Device::Gpu(index) = gpu::device_of(one) else { return None };
            gpu::open(index).map_or_else(|error| Some(Err(error)), |gpu| elementwise_on(&gpu, op, [a, b], shape))
        }
        _ => None,
    }
}

#[inline]
fn elementwise_on<B: Home>(backend: &B, op: &Op, [a, b]: [&Tensor; 2], shape: &[usize]) -> Option<Result<Data>> {
    let (Ok(left), Ok(right)) = (a.view::<B>(), b.view::<B>()) else { return None };
    let dtype = a.dtype();
    let both = || (Wide::new(left, shape), Wide::new(right, shape));
    let (buffer, dtype) = if let Op::Binary(binary) = op {
        let arithmetic = matches!(
            binary,
            BinaryOp::Add
                | BinaryOp::Sub
                | BinaryOp::Mul
                | BinaryOp::Div
                | BinaryOp::Pow
                | BinaryOp::Max
                | BinaryOp::Min
        );
        if !arithmetic {
            return None;
        }
        let (left, right) = both();
        (backend.binary(*binary, left.view(), right.view()), dtype)
    } else if let Op::Unary(unary) = op {
        if unary.is_predicate() || *unary == UnaryOp::Not {
            return None;
        }
        (backend.unary(*unary, left), dtype)
    } else if let Op::Compare(compare) = op {
        let (left, right) = both();
        (backend.compare(*compare, left.view(), right.view()), DType::Bool)
    } else {
        return None;
    };
    Some(buffer.map(|buffer| stored::<B>(buffer, Layout::contiguous(shape), dtype)))
}

/// Smaller results are in the caches anyway.
const IN_PLACE_FROM: usize = 1 << 12;

/// Computes an elementwise op over its operand `which`, if nobody else holds that one's memory and the result fits in;
/// else changes nothing and gives false. Outside any history; the bits are those of [`run`].
pub(crate) fn in_place(op: &Op, target: &mut Tensor, which: usize, other: Option<&Tensor>) -> Result<bool> {
    let (dtype, len) = (target.dtype(), target.len());
    let fits = |x: &Tensor| x.dtype() == dtype && x.layout().is_contiguous();
    if !matches!(dtype, DType::F32 | DType::F64)
        || len < IN_PLACE_FROM
        || !fits(target)
        || target.device() == Device::Meta
        || capture::tracing()
        || watch::active()
    {
        return Ok(false);
    }
    if other.is_some_and(|other| !fits(other) || other.shape() != target.shape()) {
        return Ok(false);
    }
    let device = target.device();
    if other.is_some_and(|other| other.device() != device) {
        return Ok(false);
    }
    with_backend!(device, backend => in_place_on(backend, op, target, which, other), without_values())
}

fn in_place_on<B: Home>(
    backend: &B,
    op: &Op,
    target: &mut Tensor,
    which: usize,
    other: Option<&Tensor>,
) -> Result<bool> {
    let (dtype, len) = (target.dtype(), target.len());
    let Some(buffer) = target.exclusive::<B>().filter(|buffer| B::is_filled_by(buffer, dtype, len)) else {
        return Ok(false);
    };
    match (op, other) {
        (Op::Unary(unary), None) if !unary.is_predicate() && !matches!(unary, UnaryOp::Polygamma(_)) => {
            parallel::to_the_end(|| backend.unary_in_place(*unary, buffer, dtype))?;
        }
        (Op::Binary(binary), Some(other)) => {
            let other = other.view::<B>()?;
            parallel::to_the_end(|| backend.binary_in_place(*binary, buffer, other, which == 1))?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Replaces slices of a tensor along an axis where it lies, if nobody else holds its memory; else changes nothing and
/// gives false. Outside any history; the values are those of [`run`].
pub(crate) fn set_in_place(target: &mut Tensor, indices: &Tensor, updates: &Tensor, axis: usize) -> Result<bool> {
    let device = target.device();
    let elsewhere = device == Device::Meta || indices.device() != device || updates.device() != device;
    if elsewhere
        || !target.layout().is_contiguous()
        || updates.dtype() != target.dtype()
        || capture::tracing()
        || watch::active()
    {
        return Ok(false);
    }
    with_backend!(device, backend => set_in_place_on(backend, target, indices, updates, axis), without_values())
}

fn set_in_place_on<B: Home>(
    backend: &B,
    target: &mut Tensor,
    indices: &Tensor,
    updates: &Tensor,
    axis: usize,
) -> Result<bool> {
    let (dtype, layout) = (target.dtype(), target.layout().clone());
    let Some(buffer) = target.exclusive::<B>().filter(|buffer| B::is_filled_by(buffer, dtype, layout.len())) else {
        return Ok(false);
    };
    let (indices, updates) = (indices.view::<B>()?, updates.view::<B>()?);
    parallel::to_the_end(|| backend.set_slices(buffer, (dtype, &layout), indices, updates, axis))
}

/// A 0-dimensional tensor of the CPU, from where it goes to its partners.
pub fn scalar(value: Scalar, dtype: DType) -> Result<Tensor> {
    let buffer = CPU.fill(dtype, 1, value)?;
    let tensor = Tensor::from_data(stored::<Cpu>(buffer, Layout::contiguous(&[]), dtype));
    if capture::tracing() {
        let op = Op::Full { shape: Dims::new(), value, dtype };
        capture::note(Work::Op(op), std::iter::empty(), &[Some(tensor.data())]);
    }
    Ok(tensor)
}

/// A tensor of one value.
pub fn full(shape: &[usize], value: Scalar, dtype: DType) -> Result<Tensor> {
    run_one(Op::Full { shape: Dims::from_slice(shape), value, dtype }, &[])
}

/// A tensor of one value on a device; of int32 where that has no such integers.
pub fn full_on(device: Device, shape: &[usize], value: Scalar, dtype: DType) -> Result<Tensor> {
    let _here = device::within(device);
    full(shape, value, device.dtype_of_new(dtype, value))
}

/// A row-major copy of the values, outside any history.
pub(crate) fn materialize(x: &Tensor) -> Result<Data> {
    with_backend!(x.device(), backend => materialized(backend, x), x.has_no_values())
}

/// The values row-major, copied only if they are not.
pub(crate) fn row_major(x: &Tensor) -> Result<Data> {
    if x.layout().is_contiguous() {
        return Ok(Data { storage: x.storage().clone(), layout: x.layout().clone(), dtype: x.dtype() });
    }
    materialize(x)
}

/// Runs a fused op's own gradient kernel, if the device has one.
pub(crate) fn fused_grad(
    op: &corten_core::FusedOp,
    inputs: &[Tensor],
    outputs: &[Tensor],
    grads: &[Option<Tensor>],
    needs: &[bool],
) -> Result<Option<Vec<Option<Tensor>>>> {
    let any_meta =
        inputs.iter().chain(outputs).chain(grads.iter().flatten()).any(|x| matches!(x.storage(), Storage::Meta));
    if any_meta {
        return Ok(None);
    }
    let device = inputs[0].device();
    let results =
        with_backend!(device, backend => fused_grad_on(backend, op, inputs, outputs, grads, needs), without_values())
            .map_err(|error| {
            let specs: SmallVec<[Spec; 6]> = inputs.iter().map(|x| Spec::new(x.shape(), x.dtype())).collect();
            watch::located(error, op.name(), &specs)
        })?;
    if watch::checks()
        && let Some(results) = &results
    {
        let operands = inputs.iter().chain(grads.iter().flatten());
        let made = results.iter().flatten().map(|result| &**result.data());
        watch::check_results(op.name(), operands, made, false)?;
    }
    if capture::tracing()
        && let Some(results) = &results
    {
        let work = Work::FusedGrad {
            op: op.clone(),
            inputs: inputs.len(),
            outputs: outputs.len(),
            grads: grads.iter().map(Option::is_some).collect(),
            needs: needs.into(),
        };
        let operands = inputs.iter().chain(outputs).chain(grads.iter().flatten());
        let made: SmallVec<[_; 6]> = results.iter().map(|result| result.as_ref().map(Tensor::data)).collect();
        capture::note(work, operands, &made);
    }
    Ok(results)
}

fn fused_grad_on<B: Home>(
    backend: &B,
    op: &corten_core::FusedOp,
    inputs: &[Tensor],
    outputs: &[Tensor],
    grads: &[Option<Tensor>],
    needs: &[bool],
) -> Result<Option<Vec<Option<Tensor>>>> {
    let inputs_views = views::<B>(&inputs.iter().collect::<SmallVec<[&Tensor; 6]>>())?;
    let outputs_views = views::<B>(&outputs.iter().collect::<SmallVec<[&Tensor; 6]>>())?;
    let grads_views = grads
        .iter()
        .map(|grad| grad.as_ref().map(Tensor::view::<B>).transpose())
        .collect::<Result<SmallVec<[_; 3]>>>()?;
    let buffers = backend.fused_grad(op, &inputs_views, &outputs_views, &grads_views, needs)?;
    let made = |(buffer, x): (Option<B::Buffer>, &Tensor)| {
        buffer.map(|buffer| Tensor::from_data(stored::<B>(buffer, Layout::contiguous(x.shape()), x.dtype())))
    };
    Ok(buffers.map(|buffers| buffers.into_iter().zip(inputs).map(made).collect()))
}

/// The region of a tensor as a view of its memory.
pub(crate) fn relaid_view(x: &Tensor, ranges: &[corten_core::Range]) -> Tensor {
    Tensor::from_data(Data { storage: x.storage().clone(), layout: x.layout().slice(ranges), dtype: x.dtype() })
}

fn hollow(result: &Spec) -> Arc<Data> {
    Arc::new(Data { storage: Storage::Meta, layout: Layout::contiguous(&result.shape), dtype: result.dtype })
}
