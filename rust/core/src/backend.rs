//! What a device must be able to do: the whole contract. Shapes and dtypes were checked by
//! [`crate::infer`] before a backend is called; operands may have any strides, results are new
//! row-major buffers unless a method says otherwise.

use crate::{
    ArgReduceOp, BinaryOp, CompareOp, ConvSpec, DType, Distribution, FusedOp, Key, Layout, LinalgOp, OptimizerOp,
    PoolSpec, ReduceOp, Result, Scalar, ScanOp, ScatterMode, UnaryOp,
};

/// An operand: a buffer and where in it the elements lie.
#[derive(Debug)]
pub struct View<'a, B> {
    pub buffer: &'a B,
    pub layout: &'a Layout,
    pub dtype: DType,
}

impl<B> Clone for View<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<B> Copy for View<'_, B> {}

/// One parameter of an optimizer step: `value` and `slots` are row-major, updated in place.
#[derive(Debug)]
pub struct Parameter<'a, B> {
    pub value: &'a mut B,
    pub slots: Vec<&'a mut B>,
    pub gradient: View<'a, B>,
    /// Decoupled weight decay, already multiplied by the learning rate where the rule says so:
    /// `value -= decay * value` before the update.
    pub decay: f64,
    pub learning_rate: f64,
}

type In<'a, B> = View<'a, <B as Backend>::Buffer>;

pub trait Backend: Send + Sync {
    /// Untyped memory of the device; a buffer knows its length in bytes.
    type Buffer: Send + Sync + std::fmt::Debug;

    // Memory
    /// Uninitialised memory for `len` elements.
    fn alloc(&self, dtype: DType, len: usize) -> Result<Self::Buffer>;
    fn upload(&self, dtype: DType, bytes: &[u8]) -> Result<Self::Buffer>;
    /// Writes the elements row-major into `out`, which has exactly their size in bytes.
    fn download(&self, x: In<'_, Self>, out: &mut [u8]) -> Result<()>;
    /// Writes the elements of `x` to the elements of `out` that `layout` names; equal shapes and dtypes.
    fn copy(&self, x: In<'_, Self>, out: &mut Self::Buffer, layout: &Layout) -> Result<()>;
    fn fill(&self, dtype: DType, len: usize, value: Scalar) -> Result<Self::Buffer>;
    fn iota(&self, dtype: DType, len: usize) -> Result<Self::Buffer>;

    // Elementwise; operands arrive broadcast to one shape
    fn cast(&self, x: In<'_, Self>, dtype: DType) -> Result<Self::Buffer>;
    fn unary(&self, op: UnaryOp, x: In<'_, Self>) -> Result<Self::Buffer>;
    fn binary(&self, op: BinaryOp, a: In<'_, Self>, b: In<'_, Self>) -> Result<Self::Buffer>;
    /// Writes the result over `x`, row-major float32 or float64.
    fn unary_in_place(&self, op: UnaryOp, x: &mut Self::Buffer, dtype: DType) -> Result<()>;
    /// Writes the result over `x`, row-major float32 or float64. `other`, row-major and as long, is the left operand if
    /// `other_is_left`, else the right one.
    fn binary_in_place(
        &self,
        op: BinaryOp,
        x: &mut Self::Buffer,
        other: In<'_, Self>,
        other_is_left: bool,
    ) -> Result<()>;
    fn compare(&self, op: CompareOp, a: In<'_, Self>, b: In<'_, Self>) -> Result<Self::Buffer>;
    fn select(&self, condition: In<'_, Self>, a: In<'_, Self>, b: In<'_, Self>) -> Result<Self::Buffer>;

    // Reductions and order
    /// `axes` is sorted and not empty.
    fn reduce(&self, op: ReduceOp, x: In<'_, Self>, axes: &[usize]) -> Result<Self::Buffer>;
    fn arg_reduce(&self, op: ArgReduceOp, x: In<'_, Self>, axis: usize) -> Result<Self::Buffer>;
    fn scan(&self, op: ScanOp, x: In<'_, Self>, axis: usize, reverse: bool) -> Result<Self::Buffer>;
    /// Values and int32 indices, stable.
    fn sort(&self, x: In<'_, Self>, axis: usize, descending: bool) -> Result<(Self::Buffer, Self::Buffer)>;
    fn top_k(&self, x: In<'_, Self>, k: usize) -> Result<(Self::Buffer, Self::Buffer)>;
    fn search_sorted(&self, sorted: In<'_, Self>, values: In<'_, Self>, right: bool) -> Result<Self::Buffer>;

    // Movement by index; indices are int32 or int64, negative ones count from the end, out of range is an error
    fn gather(&self, x: In<'_, Self>, indices: In<'_, Self>, axis: usize) -> Result<Self::Buffer>;
    fn scatter(
        &self,
        mode: ScatterMode,
        base: In<'_, Self>,
        indices: In<'_, Self>,
        updates: In<'_, Self>,
        axis: usize,
    ) -> Result<Self::Buffer>;
    fn take_along(&self, x: In<'_, Self>, indices: In<'_, Self>, axis: usize) -> Result<Self::Buffer>;
    fn scatter_along(
        &self,
        mode: ScatterMode,
        base: In<'_, Self>,
        indices: In<'_, Self>,
        updates: In<'_, Self>,
        axis: usize,
    ) -> Result<Self::Buffer>;

    // Linear algebra
    /// Batch axes arrive broadcast (stride 0 where repeated).
    fn matmul(&self, a: In<'_, Self>, b: In<'_, Self>) -> Result<Self::Buffer>;
    /// The same of int8, summed in int32.
    fn wide_matmul(&self, a: In<'_, Self>, b: In<'_, Self>) -> Result<Self::Buffer>;
    fn linalg(&self, op: LinalgOp, inputs: &[In<'_, Self>]) -> Result<Vec<Self::Buffer>>;

    // Convolution and pooling; `out` is the shape of the result
    fn conv(&self, spec: &ConvSpec, x: In<'_, Self>, w: In<'_, Self>, out: &[usize]) -> Result<Self::Buffer>;
    fn conv_grad_input(
        &self,
        spec: &ConvSpec,
        dy: In<'_, Self>,
        w: In<'_, Self>,
        out: &[usize],
    ) -> Result<Self::Buffer>;
    fn conv_grad_weight(
        &self,
        spec: &ConvSpec,
        x: In<'_, Self>,
        dy: In<'_, Self>,
        out: &[usize],
    ) -> Result<Self::Buffer>;
    fn max_pool(&self, spec: &PoolSpec, x: In<'_, Self>, out: &[usize]) -> Result<Self::Buffer>;
    fn max_pool_grad(&self, spec: &PoolSpec, x: In<'_, Self>, dy: In<'_, Self>) -> Result<Self::Buffer>;
    fn max_pool_select(&self, spec: &PoolSpec, x: In<'_, Self>, v: In<'_, Self>, out: &[usize])
    -> Result<Self::Buffer>;
    fn avg_pool(&self, spec: &PoolSpec, x: In<'_, Self>, out: &[usize]) -> Result<Self::Buffer>;
    fn avg_pool_grad(&self, spec: &PoolSpec, dy: In<'_, Self>, out: &[usize]) -> Result<Self::Buffer>;

    // Random; the element at position i depends on (key, i) alone
    fn random(&self, distribution: Distribution, dtype: DType, len: usize, key: Key) -> Result<Self::Buffer>;
    fn random_gamma(&self, alpha: In<'_, Self>, key: Key) -> Result<Self::Buffer>;

    // Fused forms; `None` means: use the reference composition
    fn fused(&self, op: &FusedOp, inputs: &[In<'_, Self>]) -> Result<Option<Vec<Self::Buffer>>>;
    /// Gradients with respect to the inputs whose `needs` is set.
    fn fused_grad(
        &self,
        op: &FusedOp,
        inputs: &[In<'_, Self>],
        outputs: &[In<'_, Self>],
        grads: &[Option<In<'_, Self>>],
        needs: &[bool],
    ) -> Result<Option<Vec<Option<Self::Buffer>>>>;
    /// One optimizer step over all parameters.
    fn optimizer_step(
        &self,
        op: &OptimizerOp,
        dtype: DType,
        parameters: &mut [Parameter<'_, Self::Buffer>],
    ) -> Result<()>;
}
