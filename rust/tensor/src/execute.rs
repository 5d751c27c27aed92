//! The single choke point: infer, dispatch, record. Fusion, capture, profiling and NaN tracing hook in
//! here and nowhere else.

use std::sync::Arc;

use corten_core::{Backend as _, BinaryOp, DType, Dims, Error, Layout, Op, Result, Scalar, Spec, UnaryOp, View, infer};
use corten_cpu::{Buffer, parallel};
use smallvec::{SmallVec, smallvec};

use crate::{
    autograd,
    capture::{self, Work},
    storage::{CPU, Storage},
    tensor::{Data, Tensor},
    watch,
};

pub type Outputs = SmallVec<[Tensor; 2]>;
pub(crate) type Values = SmallVec<[Arc<Data>; 2]>;

/// Runs one op on checked operands and records it where a gradient may be asked for.
pub fn run(op: Op, inputs: &[&Tensor]) -> Result<Outputs> {
    let specs: SmallVec<[Spec; 3]> = inputs.iter().map(|x| Spec::new(x.shape(), x.dtype())).collect();
    let results = infer(&op, &specs)?;
    let values = if inputs.iter().any(|x| matches!(x.storage(), Storage::Meta)) {
        results.iter().map(hollow).collect()
    } else {
        let values = dispatch(&op, inputs, &results).map_err(|error| watch::located(error, op.name(), &results))?;
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
    let (Ok(left), Ok(right)) = (a.view(), b.view()) else { return None };
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
        (CPU.binary(*binary, left.view(), right.view()), dtype)
    } else if let Op::Unary(unary) = op {
        if unary.is_predicate() || *unary == UnaryOp::Not {
            return None;
        }
        (CPU.unary(*unary, left), dtype)
    } else if let Op::Compare(compare) = op {
        let (left, right) = both();
        (CPU.compare(*compare, left.view(), right.view()), DType::Bool)
    } else {
        return None;
    };
    Some(buffer.map(|buffer| stored(buffer, Layout::contiguous(shape), dtype)))
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
        || capture::tracing()
        || watch::active()
    {
        return Ok(false);
    }
    if other.is_some_and(|other| !fits(other) || other.shape() != target.shape()) {
        return Ok(false);
    }
    let Some(buffer) = target.exclusive().filter(|buffer| buffer.len_bytes() == len * dtype.size()) else {
        return Ok(false);
    };
    match (op, other) {
        (Op::Unary(unary), None) if !unary.is_predicate() && !matches!(unary, UnaryOp::Polygamma(_)) => {
            parallel::to_the_end(|| CPU.unary_in_place(*unary, buffer, dtype))?;
        }
        (Op::Binary(binary), Some(other)) => {
            let other = other.view()?;
            parallel::to_the_end(|| CPU.binary_in_place(*binary, buffer, other, which == 1))?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Replaces slices of a tensor along an axis where it lies, if nobody else holds its memory; else changes nothing and
/// gives false. Outside any history; the values are those of [`run`].
pub(crate) fn set_in_place(target: &mut Tensor, indices: &Tensor, updates: &Tensor, axis: usize) -> Result<bool> {
    let (dtype, layout) = (target.dtype(), target.layout().clone());
    if !layout.is_contiguous() || updates.dtype() != dtype || capture::tracing() || watch::active() {
        return Ok(false);
    }
    let Some(buffer) = target.exclusive().filter(|buffer| buffer.len_bytes() == layout.len() * dtype.size()) else {
        return Ok(false);
    };
    let (indices, updates) = (indices.view()?, updates.view()?);
    parallel::to_the_end(|| CPU.set_slices(buffer, (dtype, &layout), indices, updates, axis))?;
    Ok(true)
}

/// A 0-dimensional tensor.
pub fn scalar(value: Scalar, dtype: DType) -> Result<Tensor> {
    let buffer = CPU.fill(dtype, 1, value)?;
    let tensor = Tensor::from_data(stored(buffer, Layout::contiguous(&[]), dtype));
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

/// A row-major copy of the values, outside any history.
pub(crate) fn materialize(x: &Tensor) -> Result<Data> {
    let mut buffer = CPU.alloc(x.dtype(), x.len())?;
    let layout = Layout::contiguous(x.shape());
    CPU.copy(x.view()?, &mut buffer, &layout)?;
    Ok(stored(buffer, layout, x.dtype()))
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
    let inputs_views = views(&inputs.iter().collect::<SmallVec<[&Tensor; 6]>>())?;
    let outputs_views = views(&outputs.iter().collect::<SmallVec<[&Tensor; 6]>>())?;
    let grads_views =
        grads.iter().map(|grad| grad.as_ref().map(Tensor::view).transpose()).collect::<Result<SmallVec<[_; 3]>>>()?;
    let buffers = CPU.fused_grad(op, &inputs_views, &outputs_views, &grads_views, needs).map_err(|error| {
        let specs: SmallVec<[Spec; 6]> = inputs.iter().map(|x| Spec::new(x.shape(), x.dtype())).collect();
        watch::located(error, op.name(), &specs)
    })?;
    let results: Option<Vec<Option<Tensor>>> = buffers.map(|buffers| {
        buffers
            .into_iter()
            .zip(inputs)
            .map(|(buffer, x)| {
                buffer.map(|buffer| Tensor::from_buffer(buffer, Layout::contiguous(x.shape()), x.dtype()))
            })
            .collect()
    });
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

/// The region of a tensor as a view of its memory.
pub(crate) fn relaid_view(x: &Tensor, ranges: &[corten_core::Range]) -> Tensor {
    Tensor::from_data(Data { storage: x.storage().clone(), layout: x.layout().slice(ranges), dtype: x.dtype() })
}

fn hollow(result: &Spec) -> Arc<Data> {
    Arc::new(Data { storage: Storage::Meta, layout: Layout::contiguous(&result.shape), dtype: result.dtype })
}

fn stored(buffer: Buffer, layout: Layout, dtype: DType) -> Data {
    Data { storage: Storage::Cpu(Arc::new(buffer)), layout, dtype }
}

fn views<'a>(inputs: &[&'a Tensor]) -> Result<SmallVec<[View<'a, Buffer>; 6]>> {
    inputs.iter().map(|x| x.view()).collect()
}

fn single(data: Data) -> Values {
    smallvec![Arc::new(data)]
}

/// The same memory under another layout.
fn relaid(x: &Tensor, layout: Layout) -> Values {
    single(Data { storage: x.storage().clone(), layout, dtype: x.dtype() })
}

/// Computes the results of an op whose operands were checked.
pub(crate) fn dispatch(op: &Op, inputs: &[&Tensor], results: &[Spec]) -> Result<Values> {
    let out = &results[0];
    let one = |buffer: Buffer| -> Values { single(stored(buffer, Layout::contiguous(&out.shape), out.dtype)) };
    let many = |buffers: Vec<Buffer>| -> Values {
        buffers
            .into_iter()
            .zip(results)
            .map(|(buffer, result)| Arc::new(stored(buffer, Layout::contiguous(&result.shape), result.dtype)))
            .collect()
    };
    let x = views(inputs)?;
    Ok(match op {
        Op::Full { value, dtype, .. } => one(CPU.fill(*dtype, out.len(), *value)?),
        Op::Iota { len, dtype } => one(CPU.iota(*dtype, *len)?),
        Op::Random { distribution, dtype, key, .. } => one(CPU.random(*distribution, *dtype, out.len(), *key)?),
        Op::RandomGamma { key } => one(CPU.random_gamma(x[0], *key)?),

        Op::Unary(unary) => one(CPU.unary(*unary, x[0])?),
        Op::Binary(binary) => {
            let (a, b) = (Wide::new(x[0], &out.shape), Wide::new(x[1], &out.shape));
            one(CPU.binary(*binary, a.view(), b.view())?)
        }
        Op::Compare(compare) => {
            let (a, b) = (Wide::new(x[0], &out.shape), Wide::new(x[1], &out.shape));
            one(CPU.compare(*compare, a.view(), b.view())?)
        }
        Op::Select => {
            let [c, a, b] = [0, 1, 2].map(|i| Wide::new(x[i], &out.shape));
            one(CPU.select(c.view(), a.view(), b.view())?)
        }
        Op::Cast(dtype) => one(CPU.cast(x[0], *dtype)?),

        Op::Reshape(shape) => {
            if let Some(layout) = inputs[0].layout().reshape(shape) {
                relaid(inputs[0], layout)
            } else {
                single(Data { layout: Layout::contiguous(shape), ..materialize(inputs[0])? })
            }
        }
        Op::Permute(axes) => relaid(inputs[0], inputs[0].layout().permute(axes)),
        Op::Expand(shape) => relaid(inputs[0], inputs[0].layout().expand(shape)),
        Op::Slice(ranges) => relaid(inputs[0], inputs[0].layout().slice(ranges)),

        Op::Copy => single(materialize(inputs[0])?),
        Op::SliceScatter(ranges) => {
            let base = materialize(inputs[0])?;
            let region = base.layout.slice(ranges);
            single(write(base, x[1], &region)?)
        }
        Op::Pad { padding, value } => {
            let buffer = CPU.fill(out.dtype, out.len(), *value)?;
            let base = stored(buffer, Layout::contiguous(&out.shape), out.dtype);
            let ranges: SmallVec<[_; 6]> = padding
                .iter()
                .zip(inputs[0].shape())
                .map(|((low, _), &len)| corten_core::Range { start: *low, step: 1, len })
                .collect();
            let region = base.layout.slice(&ranges);
            single(write(base, x[0], &region)?)
        }
        Op::Concat { axis } => {
            let mut buffer = CPU.alloc(out.dtype, out.len())?;
            let layout = Layout::contiguous(&out.shape);
            let mut start = 0;
            for operand in &x {
                let ranges: SmallVec<[_; 6]> = operand
                    .layout
                    .shape()
                    .iter()
                    .enumerate()
                    .map(|(i, &len)| corten_core::Range { start: if i == *axis { start } else { 0 }, step: 1, len })
                    .collect();
                CPU.copy(*operand, &mut buffer, &layout.slice(&ranges))?;
                start += operand.layout.shape()[*axis];
            }
            single(stored(buffer, layout, out.dtype))
        }
        Op::Gather { axis } => one(CPU.gather(x[0], x[1], *axis)?),
        Op::Scatter { axis, mode } => one(CPU.scatter(*mode, x[0], x[1], x[2], *axis)?),
        Op::TakeAlong { axis } => one(CPU.take_along(x[0], x[1], *axis)?),
        Op::ScatterAlong { axis, mode } => one(CPU.scatter_along(*mode, x[0], x[1], x[2], *axis)?),

        Op::Reduce { axes, .. } if axes.is_empty() => single(materialize(inputs[0])?),
        Op::Reduce { op, axes, .. } => one(CPU.reduce(*op, x[0], axes)?),
        Op::ArgReduce { op, axis, .. } => one(CPU.arg_reduce(*op, x[0], *axis)?),
        Op::Scan { op, axis, reverse } => one(CPU.scan(*op, x[0], *axis, *reverse)?),
        Op::Sort { axis, descending } => {
            let (values, indices) = CPU.sort(x[0], *axis, *descending)?;
            many(vec![values, indices])
        }
        Op::TopK { k } => {
            let (values, indices) = CPU.top_k(x[0], *k)?;
            many(vec![values, indices])
        }
        Op::SearchSorted { right } => one(CPU.search_sorted(x[0], x[1], *right)?),

        Op::Matmul | Op::WideMatmul => {
            let batch = &out.shape[..out.shape.len() - 2];
            let widen = |operand: View<'_, Buffer>| {
                let shape = operand.layout.shape();
                let tail = &shape[shape.len() - 2..];
                operand.layout.expand(&batch.iter().chain(tail).copied().collect::<Dims>())
            };
            let (a, b) = (widen(x[0]), widen(x[1]));
            let (a, b) = (View { layout: &a, ..x[0] }, View { layout: &b, ..x[1] });
            one(if matches!(op, Op::Matmul) { CPU.matmul(a, b)? } else { CPU.wide_matmul(a, b)? })
        }
        Op::Linalg(linalg) => many(CPU.linalg(*linalg, &x)?),

        Op::Conv(spec) => one(CPU.conv(spec, x[0], x[1], &out.shape)?),
        Op::ConvGradInput { spec, .. } => one(CPU.conv_grad_input(spec, x[0], x[1], &out.shape)?),
        Op::ConvGradWeight { spec, .. } => one(CPU.conv_grad_weight(spec, x[0], x[1], &out.shape)?),
        Op::MaxPool(spec) => one(CPU.max_pool(spec, x[0], &out.shape)?),
        Op::MaxPoolGrad(spec) => one(CPU.max_pool_grad(spec, x[0], x[1])?),
        Op::MaxPoolSelect(spec) => one(CPU.max_pool_select(spec, x[0], x[1], &out.shape)?),
        Op::AvgPool(spec) => one(CPU.avg_pool(spec, x[0], &out.shape)?),
        Op::AvgPoolGrad { spec, .. } => one(CPU.avg_pool_grad(spec, x[0], &out.shape)?),

        Op::Fused(fused_op) => {
            if let Some(buffers) = CPU.fused(fused_op, &x)? {
                many(buffers)
            } else {
                let plain: SmallVec<[Tensor; 6]> = inputs.iter().map(|x| x.detach()).collect();
                let (_guard, _pause) = (autograd::no_grad(), capture::pause());
                let results = crate::fused::reference(fused_op, &plain)?;
                results.iter().map(|x| row_major(x).map(Arc::new)).collect::<Result<_>>()?
            }
        }
    })
}

/// An operand broadcast to the shape of the result.
struct Wide<'a> {
    operand: View<'a, Buffer>,
    layout: Option<Layout>,
}

impl<'a> Wide<'a> {
    fn new(operand: View<'a, Buffer>, shape: &[usize]) -> Self {
        let layout = (operand.layout.shape() != shape).then(|| operand.layout.expand(shape));
        Self { operand, layout }
    }

    fn view(&self) -> View<'_, Buffer> {
        View { layout: self.layout.as_ref().unwrap_or(self.operand.layout), ..self.operand }
    }
}

/// Writes `value` into a region of fresh memory.
fn write(base: Data, value: View<'_, Buffer>, region: &Layout) -> Result<Data> {
    let Data { storage, layout, dtype } = base;
    let Storage::Cpu(mut shared) = storage else {
        return Ok(Data { storage, layout, dtype });
    };
    if let Some(buffer) = Arc::get_mut(&mut shared) {
        CPU.copy(value, buffer, region)?;
    }
    Ok(Data { storage: Storage::Cpu(shared), layout, dtype })
}
