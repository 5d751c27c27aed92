//! The CPU backend: kernels over row-major buffers and strided views of them.
//!
//! Work is split by shape into fixed chunks ([`parallel`]) and every reduction combines its partial
//! results in a fixed order, so results have the same bits on any number of threads.

mod conv;
mod copy;
mod dense;
mod elementwise;
mod fork;
mod fused;
#[cfg(all(test, target_os = "linux"))]
mod guarded;
mod index;
mod linalg;
pub(crate) mod math;
mod matmul;
mod memo;
pub mod memory;
mod optimizer;
pub mod parallel;
mod pool;
mod random;
mod reduce;
mod scan;
pub mod simd;
mod sort;
pub mod strided;

use corten_core::{
    ArgReduceOp, Backend, BinaryOp, CompareOp, ConvSpec, DType, Distribution, FusedOp, Key, Layout, LinalgOp,
    OptimizerOp, Parameter, PoolSpec, ReduceOp, Result, Scalar, ScanOp, ScatterMode, UnaryOp, View,
};

pub use memory::Buffer;

/// An operand of a CPU kernel.
pub type In<'a> = View<'a, Buffer>;

/// The CPU.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu;

impl Cpu {
    /// Replaces slices of a row-major buffer along an axis, where it lies.
    ///
    /// # Errors
    /// An index is out of range; nothing has changed then.
    pub fn set_slices(
        self,
        base: &mut Buffer,
        kind: (DType, &Layout),
        indices: In<'_>,
        updates: In<'_>,
        axis: usize,
    ) -> Result<()> {
        index::set_in_place(base, kind, indices, updates, axis)
    }
}

impl Backend for Cpu {
    type Buffer = Buffer;

    fn alloc(&self, dtype: DType, len: usize) -> Result<Buffer> {
        Buffer::for_elements(dtype, len)
    }
    fn upload(&self, dtype: DType, bytes: &[u8]) -> Result<Buffer> {
        copy::upload(dtype, bytes)
    }
    fn download(&self, x: In<'_>, out: &mut [u8]) -> Result<()> {
        copy::download(x, out)
    }
    fn copy(&self, x: In<'_>, out: &mut Buffer, layout: &Layout) -> Result<()> {
        copy::copy(x, out, layout)
    }
    fn fill(&self, dtype: DType, len: usize, value: Scalar) -> Result<Buffer> {
        copy::fill(dtype, len, value)
    }
    fn iota(&self, dtype: DType, len: usize) -> Result<Buffer> {
        copy::iota(dtype, len)
    }

    fn cast(&self, x: In<'_>, dtype: DType) -> Result<Buffer> {
        elementwise::cast(x, dtype)
    }
    fn unary(&self, op: UnaryOp, x: In<'_>) -> Result<Buffer> {
        elementwise::unary(op, x)
    }
    fn binary(&self, op: BinaryOp, a: In<'_>, b: In<'_>) -> Result<Buffer> {
        elementwise::binary(op, a, b)
    }
    fn unary_in_place(&self, op: UnaryOp, x: &mut Buffer, dtype: DType) -> Result<()> {
        elementwise::unary_in_place(op, x, dtype)
    }
    fn binary_in_place(&self, op: BinaryOp, x: &mut Buffer, other: In<'_>, other_is_left: bool) -> Result<()> {
        elementwise::binary_in_place(op, x, other, other_is_left)
    }
    fn compare(&self, op: CompareOp, a: In<'_>, b: In<'_>) -> Result<Buffer> {
        elementwise::compare(op, a, b)
    }
    fn select(&self, condition: In<'_>, a: In<'_>, b: In<'_>) -> Result<Buffer> {
        elementwise::select(condition, a, b)
    }

    fn reduce(&self, op: ReduceOp, x: In<'_>, axes: &[usize]) -> Result<Buffer> {
        reduce::reduce(op, x, axes)
    }
    fn arg_reduce(&self, op: ArgReduceOp, x: In<'_>, axis: usize) -> Result<Buffer> {
        reduce::arg_reduce(op, x, axis)
    }
    fn scan(&self, op: ScanOp, x: In<'_>, axis: usize, reverse: bool) -> Result<Buffer> {
        scan::scan(op, x, axis, reverse)
    }
    fn sort(&self, x: In<'_>, axis: usize, descending: bool) -> Result<(Buffer, Buffer)> {
        sort::sort(x, axis, descending)
    }
    fn top_k(&self, x: In<'_>, k: usize) -> Result<(Buffer, Buffer)> {
        sort::top_k(x, k)
    }
    fn search_sorted(&self, sorted: In<'_>, values: In<'_>, right: bool) -> Result<Buffer> {
        sort::search_sorted(sorted, values, right)
    }

    fn gather(&self, x: In<'_>, indices: In<'_>, axis: usize) -> Result<Buffer> {
        index::gather(x, indices, axis)
    }
    fn scatter(
        &self,
        mode: ScatterMode,
        base: In<'_>,
        indices: In<'_>,
        updates: In<'_>,
        axis: usize,
    ) -> Result<Buffer> {
        index::scatter(mode, base, indices, updates, axis)
    }
    fn take_along(&self, x: In<'_>, indices: In<'_>, axis: usize) -> Result<Buffer> {
        index::take_along(x, indices, axis)
    }
    fn scatter_along(
        &self,
        mode: ScatterMode,
        base: In<'_>,
        indices: In<'_>,
        updates: In<'_>,
        axis: usize,
    ) -> Result<Buffer> {
        index::scatter_along(mode, base, indices, updates, axis)
    }

    fn matmul(&self, a: In<'_>, b: In<'_>) -> Result<Buffer> {
        matmul::matmul(a, b)
    }
    fn wide_matmul(&self, a: In<'_>, b: In<'_>) -> Result<Buffer> {
        matmul::matmul_i8_i32(a, b)
    }
    fn linalg(&self, op: LinalgOp, inputs: &[In<'_>]) -> Result<Vec<Buffer>> {
        linalg::linalg(op, inputs)
    }

    fn conv(&self, spec: &ConvSpec, x: In<'_>, w: In<'_>, out: &[usize]) -> Result<Buffer> {
        conv::conv(spec, x, w, out)
    }
    fn conv_grad_input(&self, spec: &ConvSpec, dy: In<'_>, w: In<'_>, out: &[usize]) -> Result<Buffer> {
        conv::conv_grad_input(spec, dy, w, out)
    }
    fn conv_grad_weight(&self, spec: &ConvSpec, x: In<'_>, dy: In<'_>, out: &[usize]) -> Result<Buffer> {
        conv::conv_grad_weight(spec, x, dy, out)
    }
    fn max_pool(&self, spec: &PoolSpec, x: In<'_>, out: &[usize]) -> Result<Buffer> {
        pool::max_pool(spec, x, out)
    }
    fn max_pool_grad(&self, spec: &PoolSpec, x: In<'_>, dy: In<'_>) -> Result<Buffer> {
        pool::max_pool_grad(spec, x, dy)
    }
    fn max_pool_select(&self, spec: &PoolSpec, x: In<'_>, v: In<'_>, out: &[usize]) -> Result<Buffer> {
        pool::max_pool_select(spec, x, v, out)
    }
    fn avg_pool(&self, spec: &PoolSpec, x: In<'_>, out: &[usize]) -> Result<Buffer> {
        pool::avg_pool(spec, x, out)
    }
    fn avg_pool_grad(&self, spec: &PoolSpec, dy: In<'_>, out: &[usize]) -> Result<Buffer> {
        pool::avg_pool_grad(spec, dy, out)
    }

    fn random(&self, distribution: Distribution, dtype: DType, len: usize, key: Key) -> Result<Buffer> {
        random::random(distribution, dtype, len, key)
    }
    fn random_gamma(&self, alpha: In<'_>, key: Key) -> Result<Buffer> {
        random::random_gamma(alpha, key)
    }

    fn fused(&self, op: &FusedOp, inputs: &[In<'_>]) -> Result<Option<Vec<Buffer>>> {
        fused::fused(op, inputs)
    }
    fn fused_grad(
        &self,
        op: &FusedOp,
        inputs: &[In<'_>],
        outputs: &[In<'_>],
        grads: &[Option<In<'_>>],
        needs: &[bool],
    ) -> Result<Option<Vec<Option<Buffer>>>> {
        fused::fused_grad(op, inputs, outputs, grads, needs)
    }
    fn optimizer_step(&self, op: &OptimizerOp, dtype: DType, parameters: &mut [Parameter<'_, Buffer>]) -> Result<()> {
        optimizer::optimizer_step(op, dtype, parameters)
    }
}
