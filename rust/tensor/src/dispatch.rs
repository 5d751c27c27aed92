//! One op on one device: what the backend is asked for. Operands were checked and are on that device.

use std::sync::Arc;

use corten_core::{DType, Dims, Layout, Op, Result, Spec, View};
use smallvec::{SmallVec, smallvec};

use crate::{
    autograd, capture, device,
    execute::{Values, row_major},
    storage::Home,
    tensor::{Data, Tensor},
};

/// Computes the results of an op whose operands were checked.
pub(crate) fn dispatch<B: Home>(backend: &B, op: &Op, inputs: &[&Tensor], results: &[Spec]) -> Result<Values> {
    let out = &results[0];
    let one = |buffer: B::Buffer| -> Values { single(stored::<B>(buffer, Layout::contiguous(&out.shape), out.dtype)) };
    let many = |buffers: Vec<B::Buffer>| -> Values {
        buffers
            .into_iter()
            .zip(results)
            .map(|(buffer, result)| Arc::new(stored::<B>(buffer, Layout::contiguous(&result.shape), result.dtype)))
            .collect()
    };
    let x = views::<B>(inputs)?;
    Ok(match op {
        Op::Full { value, dtype, .. } => one(backend.fill(*dtype, out.len(), *value)?),
        Op::Iota { len, dtype } => one(backend.iota(*dtype, *len)?),
        Op::Random { distribution, dtype, key, .. } => one(backend.random(*distribution, *dtype, out.len(), *key)?),
        Op::RandomGamma { key } => one(backend.random_gamma(x[0], *key)?),

        Op::Unary(unary) => one(backend.unary(*unary, x[0])?),
        Op::Binary(binary) => {
            let (a, b) = (Wide::new(x[0], &out.shape), Wide::new(x[1], &out.shape));
            one(backend.binary(*binary, a.view(), b.view())?)
        }
        Op::Compare(compare) => {
            let (a, b) = (Wide::new(x[0], &out.shape), Wide::new(x[1], &out.shape));
            one(backend.compare(*compare, a.view(), b.view())?)
        }
        Op::Select => {
            let [c, a, b] = [0, 1, 2].map(|i| Wide::new(x[i], &out.shape));
            one(backend.select(c.view(), a.view(), b.view())?)
        }
        Op::Cast(dtype) => one(backend.cast(x[0], *dtype)?),

        Op::Reshape(shape) => {
            if let Some(layout) = inputs[0].layout().reshape(shape) {
                relaid(inputs[0], layout)
            } else {
                single(Data { layout: Layout::contiguous(shape), ..materialized(backend, inputs[0])? })
            }
        }
        Op::Permute(axes) => relaid(inputs[0], inputs[0].layout().permute(axes)),
        Op::Expand(shape) => relaid(inputs[0], inputs[0].layout().expand(shape)),
        Op::Slice(ranges) => relaid(inputs[0], inputs[0].layout().slice(ranges)),

        Op::Copy => single(materialized(backend, inputs[0])?),
        Op::SliceScatter(ranges) => {
            let base = materialized(backend, inputs[0])?;
            let region = base.layout.slice(ranges);
            single(write(backend, base, x[1], &region)?)
        }
        Op::Pad { padding, value } => {
            let buffer = backend.fill(out.dtype, out.len(), *value)?;
            let base = stored::<B>(buffer, Layout::contiguous(&out.shape), out.dtype);
            let ranges: SmallVec<[_; 6]> = padding
                .iter()
                .zip(inputs[0].shape())
                .map(|((low, _), &len)| corten_core::Range { start: *low, step: 1, len })
                .collect();
            let region = base.layout.slice(&ranges);
            single(write(backend, base, x[0], &region)?)
        }
        Op::Concat { axis } => {
            let mut buffer = backend.alloc(out.dtype, out.len())?;
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
                backend.copy(*operand, &mut buffer, &layout.slice(&ranges))?;
                start += operand.layout.shape()[*axis];
            }
            single(stored::<B>(buffer, layout, out.dtype))
        }
        Op::Gather { axis } => one(backend.gather(x[0], x[1], *axis)?),
        Op::Scatter { axis, mode } => one(backend.scatter(*mode, x[0], x[1], x[2], *axis)?),
        Op::TakeAlong { axis } => one(backend.take_along(x[0], x[1], *axis)?),
        Op::ScatterAlong { axis, mode } => one(backend.scatter_along(*mode, x[0], x[1], x[2], *axis)?),

        Op::Reduce { axes, .. } if axes.is_empty() => single(materialized(backend, inputs[0])?),
        Op::Reduce { op, axes, .. } => one(backend.reduce(*op, x[0], axes)?),
        Op::ArgReduce { op, axis, .. } => one(backend.arg_reduce(*op, x[0], *axis)?),
        Op::Scan { op, axis, reverse } => one(backend.scan(*op, x[0], *axis, *reverse)?),
        Op::Sort { axis, descending } => {
            let (values, indices) = backend.sort(x[0], *axis, *descending)?;
            many(vec![values, indices])
        }
        Op::TopK { k } => {
            let (values, indices) = backend.top_k(x[0], *k)?;
            many(vec![values, indices])
        }
        Op::SearchSorted { right } => one(backend.search_sorted(x[0], x[1], *right)?),

        Op::Matmul | Op::WideMatmul => {
            let batch = &out.shape[..out.shape.len() - 2];
            let widen = |operand: View<'_, B::Buffer>| {
                let shape = operand.layout.shape();
                let tail = &shape[shape.len() - 2..];
                operand.layout.expand(&batch.iter().chain(tail).copied().collect::<Dims>())
            };
            let (a, b) = (widen(x[0]), widen(x[1]));
            let (a, b) = (View { layout: &a, ..x[0] }, View { layout: &b, ..x[1] });
            one(if matches!(op, Op::Matmul) { backend.matmul(a, b)? } else { backend.wide_matmul(a, b)? })
        }
        Op::Linalg(linalg) => many(backend.linalg(*linalg, &x)?),

        Op::Conv(spec) => one(backend.conv(spec, x[0], x[1], &out.shape)?),
        Op::ConvGradInput { spec, .. } => one(backend.conv_grad_input(spec, x[0], x[1], &out.shape)?),
        Op::ConvGradWeight { spec, .. } => one(backend.conv_grad_weight(spec, x[0], x[1], &out.shape)?),
        Op::MaxPool(spec) => one(backend.max_pool(spec, x[0], &out.shape)?),
        Op::MaxPoolGrad(spec) => one(backend.max_pool_grad(spec, x[0], x[1])?),
        Op::MaxPoolSelect(spec) => one(backend.max_pool_select(spec, x[0], x[1], &out.shape)?),
        Op::AvgPool(spec) => one(backend.avg_pool(spec, x[0], &out.shape)?),
        Op::AvgPoolGrad { spec, .. } => one(backend.avg_pool_grad(spec, x[0], &out.shape)?),

        Op::Fused(fused_op) => {
            if let Some(buffers) = backend.fused(fused_op, &x)? {
                many(buffers)
            } else {
                let plain: SmallVec<[Tensor; 6]> = inputs.iter().map(|x| x.detach()).collect();
                let (_guard, _pause) = (autograd::no_grad(), capture::pause());
                let _here = device::within(inputs[0].device());
                let results = crate::fused::reference(fused_op, &plain)?;
                results.iter().map(|x| row_major(x).map(Arc::new)).collect::<Result<_>>()?
            }
        }
    })
}

/// An operand broadcast to the shape of the result.
pub(crate) struct Wide<'a, B> {
    operand: View<'a, B>,
    layout: Option<Layout>,
}

impl<'a, B> Wide<'a, B> {
    pub(crate) fn new(operand: View<'a, B>, shape: &[usize]) -> Self {
        let layout = (operand.layout.shape() != shape).then(|| operand.layout.expand(shape));
        Self { operand, layout }
    }

    pub(crate) fn view(&self) -> View<'_, B> {
        View { layout: self.layout.as_ref().unwrap_or(self.operand.layout), ..self.operand }
    }
}

/// A row-major copy of the values.
pub(crate) fn materialized<B: Home>(backend: &B, x: &Tensor) -> Result<Data> {
    let mut buffer = backend.alloc(x.dtype(), x.len())?;
    let layout = Layout::contiguous(x.shape());
    backend.copy(x.view::<B>()?, &mut buffer, &layout)?;
    Ok(stored::<B>(buffer, layout, x.dtype()))
}

/// Writes `value` into a region of fresh memory.
fn write<B: Home>(backend: &B, mut base: Data, value: View<'_, B::Buffer>, region: &Layout) -> Result<Data> {
    if let Some(buffer) = B::exclusive(&mut base.storage) {
        backend.copy(value, buffer, region)?;
    }
    Ok(base)
}

pub(crate) fn stored<B: Home>(buffer: B::Buffer, layout: Layout, dtype: DType) -> Data {
    Data { storage: B::store(buffer), layout, dtype }
}

pub(crate) fn views<'a, B: Home>(inputs: &[&'a Tensor]) -> Result<SmallVec<[View<'a, B::Buffer>; 6]>> {
    inputs.iter().map(|x| x.view::<B>()).collect()
}

fn single(data: Data) -> Values {
    smallvec![Arc::new(data)]
}

/// The same memory under another layout.
fn relaid(x: &Tensor, layout: Layout) -> Values {
    single(Data { storage: x.storage().clone(), layout, dtype: x.dtype() })
}
