//! The GPU backend: Vulkan, Metal and DirectX 12 through wgpu, with shaders made from templates.
//!
//! [`adapters`] lists what there is, [`open`] gives the device of one: a [`Gpu`], which implements
//! [`Backend`]. Work is queued in one compute pass and sent when there is enough of it or a value is read;
//! only [`Backend::download`] and [`Gpu::synchronize`] wait. So an index out of range, which the device finds, is
//! reported there. Elementwise ops wait until their result is read, so that a chain of them is one dispatch.
//!
//! Read [`kernel`] first, then `copy.rs` as an example; [`strided`] brings operands of any layout to kernels.
//! float32, int32, uint32 and bool (one word an element) are there, and float16 where the adapter has it (`half.rs`); other
//! dtypes are refused with the way out.
//! Reductions combine in a fixed order, so results have the same bits in every run.

// Shaders are text, written once for each: pieces are appended as they read best.
#![allow(clippy::format_push_string, clippy::format_collect)]

mod adapter;
mod cache;
mod clock;
mod conv;
mod copy;
mod device;
mod elementwise;
mod ending;
mod fused;
mod future;
mod half;
mod index;
mod join;
mod kernel;
mod matmul;
mod memory;
mod optimizer;
mod pool;
mod product;
mod random;
mod reduce;
mod scan;
mod sort;
mod stream;
mod strided;
mod tile;
mod windows;

use crate::half::{Widened, arithmetic, narrow, wide};
use corten_core::{
    ArgReduceOp, Backend, BinaryOp, CompareOp, ConvSpec, DType, Distribution, Error, FusedOp, Key, Layout, LinalgOp,
    OptimizerOp, Parameter, PoolSpec, ReduceOp, Result, Scalar, ScanOp, ScatterMode, UnaryOp, View,
};

pub use adapter::{ALLOW_SOFTWARE, Adapter, AdapterKind, DEFAULT_LIMITS, adapters, close, keep, open};
pub use device::{Gpu, Statistics};
pub use memory::Buffer;
pub use tile::{chosen as chosen_tile, force as force_tile};

/// An operand of a GPU kernel.
pub type In<'a> = View<'a, Buffer>;

/// What the GPU has no kernel for.
fn unsupported<T>(op: &str) -> Result<T> {
    Err(Error::unsupported(format!("{op}: the GPU has no kernel for it; run it on device \"cpu\"")))
}

impl Gpu {
    /// Refuses operands of another device.
    fn own(&self, operands: &[In<'_>]) -> Result<()> {
        operands.iter().try_for_each(|x| self.owns(x.buffer))
    }

    /// Refuses memory of another device.
    fn owns(&self, buffer: &Buffer) -> Result<()> {
        if buffer.gpu().same(self) {
            return Ok(());
        }
        buffer.gpu().alive()?;
        let index = self.index();
        Err(Error::device(format!(
            "an operand lies on another device than GPU {index}: move it with .to(\"gpu:{index}\")"
        )))
    }
}

impl Backend for Gpu {
    type Buffer = Buffer;

    fn alloc(&self, dtype: DType, len: usize) -> Result<Buffer> {
        self.check("empty", dtype)?;
        memory::alloc_of(self, dtype, len)
    }
    fn upload(&self, dtype: DType, bytes: &[u8]) -> Result<Buffer> {
        copy::upload(self, dtype, bytes)
    }
    fn download(&self, x: In<'_>, out: &mut [u8]) -> Result<()> {
        self.own(&[x])?;
        copy::download(self, x, out)
    }
    fn copy(&self, x: In<'_>, out: &mut Buffer, layout: &Layout) -> Result<()> {
        self.own(&[x])?;
        copy::copy(self, x, out, layout)
    }
    fn fill(&self, dtype: DType, len: usize, value: Scalar) -> Result<Buffer> {
        copy::fill(self, dtype, len, value)
    }
    fn iota(&self, dtype: DType, len: usize) -> Result<Buffer> {
        copy::iota(self, dtype, len)
    }

    fn cast(&self, x: In<'_>, dtype: DType) -> Result<Buffer> {
        self.own(&[x])?;
        elementwise::cast(self, x, dtype)
    }
    fn unary(&self, op: UnaryOp, x: In<'_>) -> Result<Buffer> {
        self.own(&[x])?;
        elementwise::unary(self, op, x)
    }
    fn binary(&self, op: BinaryOp, a: In<'_>, b: In<'_>) -> Result<Buffer> {
        self.own(&[a, b])?;
        elementwise::binary(self, op, a, b)
    }
    fn unary_in_place(&self, op: UnaryOp, x: &mut Buffer, dtype: DType) -> Result<()> {
        elementwise::unary_in_place(self, op, x, dtype)
    }
    fn binary_in_place(&self, op: BinaryOp, x: &mut Buffer, other: In<'_>, other_is_left: bool) -> Result<()> {
        self.own(&[other])?;
        elementwise::binary_in_place(self, op, x, other, other_is_left)
    }
    fn compare(&self, op: CompareOp, a: In<'_>, b: In<'_>) -> Result<Buffer> {
        self.own(&[a, b])?;
        elementwise::compare(self, op, a, b)
    }
    fn select(&self, condition: In<'_>, a: In<'_>, b: In<'_>) -> Result<Buffer> {
        self.own(&[condition, a, b])?;
        elementwise::select(self, condition, a, b)
    }

    fn reduce(&self, op: ReduceOp, x: In<'_>, axes: &[usize]) -> Result<Buffer> {
        self.own(&[x])?;
        narrow(self, x.dtype, reduce::reduce(self, op, wide(x), axes)?)
    }
    fn arg_reduce(&self, op: ArgReduceOp, x: In<'_>, axis: usize) -> Result<Buffer> {
        self.own(&[x])?;
        reduce::arg_reduce(self, op, wide(x), axis)
    }
    fn scan(&self, op: ScanOp, x: In<'_>, axis: usize, reverse: bool) -> Result<Buffer> {
        self.own(&[x])?;
        narrow(self, x.dtype, scan::scan(self, op, wide(x), axis, reverse)?)
    }
    fn sort(&self, x: In<'_>, axis: usize, descending: bool) -> Result<(Buffer, Buffer)> {
        self.own(&[x])?;
        sort::sort(self, x, axis, descending)
    }
    fn top_k(&self, x: In<'_>, k: usize) -> Result<(Buffer, Buffer)> {
        self.own(&[x])?;
        sort::top_k(self, x, k)
    }
    fn search_sorted(&self, sorted: In<'_>, values: In<'_>, right: bool) -> Result<Buffer> {
        self.own(&[sorted, values])?;
        sort::search_sorted(self, sorted, values, right)
    }

    fn gather(&self, x: In<'_>, indices: In<'_>, axis: usize) -> Result<Buffer> {
        self.own(&[x, indices])?;
        index::gather(self, x, indices, axis)
    }
    fn scatter(
        &self,
        mode: ScatterMode,
        base: In<'_>,
        indices: In<'_>,
        updates: In<'_>,
        axis: usize,
    ) -> Result<Buffer> {
        self.own(&[base, indices, updates])?;
        let (wide, updates) = (Widened::new(self, base)?, Widened::new(self, updates)?);
        let made = index::scatter(self, mode, wide.view(), indices, updates.view(), axis)?;
        narrow(self, base.dtype, made)
    }
    fn take_along(&self, x: In<'_>, indices: In<'_>, axis: usize) -> Result<Buffer> {
        self.own(&[x, indices])?;
        index::take_along(self, x, indices, axis)
    }
    fn scatter_along(
        &self,
        mode: ScatterMode,
        base: In<'_>,
        indices: In<'_>,
        updates: In<'_>,
        axis: usize,
    ) -> Result<Buffer> {
        self.own(&[base, indices, updates])?;
        let (wide, updates) = (Widened::new(self, base)?, Widened::new(self, updates)?);
        let made = index::scatter_along(self, mode, wide.view(), indices, updates.view(), axis)?;
        narrow(self, base.dtype, made)
    }

    fn matmul(&self, a: In<'_>, b: In<'_>) -> Result<Buffer> {
        self.own(&[a, b])?;
        matmul::matmul(self, a, b)
    }
    fn wide_matmul(&self, _a: In<'_>, _b: In<'_>) -> Result<Buffer> {
        unsupported("the product of int8")
    }
    fn linalg(&self, op: LinalgOp, _inputs: &[In<'_>]) -> Result<Vec<Buffer>> {
        unsupported(op.name())
    }

    fn conv(&self, spec: &ConvSpec, x: In<'_>, w: In<'_>, out: &[usize]) -> Result<Buffer> {
        self.own(&[x, w])?;
        narrow(self, x.dtype, conv::conv(self, spec, x, w, out)?)
    }
    fn conv_grad_input(&self, spec: &ConvSpec, dy: In<'_>, w: In<'_>, out: &[usize]) -> Result<Buffer> {
        self.own(&[dy, w])?;
        narrow(self, dy.dtype, conv::conv_grad_input(self, spec, dy, w, out)?)
    }
    fn conv_grad_weight(&self, spec: &ConvSpec, x: In<'_>, dy: In<'_>, out: &[usize]) -> Result<Buffer> {
        self.own(&[x, dy])?;
        narrow(self, x.dtype, conv::conv_grad_weight(self, spec, x, dy, out)?)
    }
    fn max_pool(&self, spec: &PoolSpec, x: In<'_>, out: &[usize]) -> Result<Buffer> {
        self.own(&[x])?;
        narrow(self, x.dtype, pool::max_pool(self, spec, wide(x), out)?)
    }
    fn max_pool_grad(&self, spec: &PoolSpec, x: In<'_>, dy: In<'_>) -> Result<Buffer> {
        self.own(&[x, dy])?;
        narrow(self, dy.dtype, pool::max_pool_grad(self, spec, wide(x), wide(dy))?)
    }
    fn max_pool_select(&self, spec: &PoolSpec, x: In<'_>, v: In<'_>, out: &[usize]) -> Result<Buffer> {
        self.own(&[x, v])?;
        pool::max_pool_select(self, spec, wide(x), v, out)
    }
    fn avg_pool(&self, spec: &PoolSpec, x: In<'_>, out: &[usize]) -> Result<Buffer> {
        self.own(&[x])?;
        narrow(self, x.dtype, pool::avg_pool(self, spec, wide(x), out)?)
    }
    fn avg_pool_grad(&self, spec: &PoolSpec, dy: In<'_>, out: &[usize]) -> Result<Buffer> {
        self.own(&[dy])?;
        narrow(self, dy.dtype, pool::avg_pool_grad(self, spec, wide(dy), out)?)
    }

    fn random(&self, distribution: Distribution, dtype: DType, len: usize, key: Key) -> Result<Buffer> {
        self.check("random", dtype)?;
        narrow(self, dtype, random::random(self, distribution, arithmetic(dtype), len, key)?)
    }
    fn random_gamma(&self, alpha: In<'_>, key: Key) -> Result<Buffer> {
        self.own(&[alpha])?;
        narrow(self, alpha.dtype, random::random_gamma(self, wide(alpha), key)?)
    }

    fn fused(&self, op: &FusedOp, inputs: &[In<'_>]) -> Result<Option<Vec<Buffer>>> {
        self.own(inputs)?;
        fused::fused(self, op, inputs)
    }
    fn fused_grad(
        &self,
        op: &FusedOp,
        inputs: &[In<'_>],
        outputs: &[In<'_>],
        grads: &[Option<In<'_>>],
        needs: &[bool],
    ) -> Result<Option<Vec<Option<Buffer>>>> {
        for operands in [inputs, outputs] {
            self.own(operands)?;
        }
        grads.iter().flatten().try_for_each(|grad| self.own(&[*grad]))?;
        fused::fused_grad(self, op, inputs, outputs, grads, needs)
    }
    fn optimizer_step(&self, op: &OptimizerOp, dtype: DType, parameters: &mut [Parameter<'_, Buffer>]) -> Result<()> {
        optimizer::optimizer_step(self, op, dtype, parameters)
    }
}
