//! A GPU made of the CPU, for tests: memory of its own that no CPU op can read, the dtypes a GPU has, copies counted.

use std::sync::{
    LazyLock,
    atomic::{AtomicU64, Ordering},
};

use corten_core::{
    ArgReduceOp, Backend, BinaryOp, CompareOp, ConvSpec, DType, Distribution, Error, FusedOp, Key, Layout, LinalgOp,
    OptimizerOp, Parameter, PoolSpec, ReduceOp, Result, Scalar, ScanOp, ScatterMode, UnaryOp, View,
};
use corten_cpu::{self as cpu, Cpu};

/// Memory of the stand-in.
#[derive(Debug)]
pub struct Buffer {
    memory: cpu::Buffer,
    elements: usize,
}

impl Buffer {
    #[expect(clippy::unused_self, reason = "a method of the real one")]
    pub(crate) const fn gpu(&self) -> &Gpu {
        &Gpu
    }

    pub(crate) const fn elements(&self) -> usize {
        self.elements
    }
}

/// The stand-in.
#[derive(Clone, Copy, Debug)]
pub struct Gpu;

/// What it did since the process began.
#[derive(Clone, Copy, Debug, Default)]
pub struct Statistics {
    pub dispatches: u64,
    pub submits: u64,
    pub pipelines: u64,
    pub uploads: u64,
    pub upload_bytes: u64,
    pub downloads: u64,
    pub download_bytes: u64,
    pub live_bytes: u64,
    pub pooled_bytes: u64,
    pub peak_bytes: u64,
}

static DISPATCHES: AtomicU64 = AtomicU64::new(0);
static UPLOADS: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
static DOWNLOADS: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

fn count(counters: &[AtomicU64; 2], bytes: usize) {
    counters[0].fetch_add(1, Ordering::Relaxed);
    counters[1].fetch_add(bytes as u64, Ordering::Relaxed);
}

/// What kind of hardware an adapter is.
#[derive(Clone, Copy, Debug)]
pub struct AdapterKind;

impl AdapterKind {
    pub const fn name(self) -> &'static str {
        "stand-in for tests"
    }
}

/// An adapter of this machine.
#[derive(Clone, Debug)]
pub struct Adapter {
    pub name: String,
    pub backend: &'static str,
    pub kind: AdapterKind,
    pub driver: String,
    pub refusal: Option<String>,
    pub float16: bool,
    pub max_buffer_bytes: u64,
}

static ADAPTERS: LazyLock<[Adapter; 1]> = LazyLock::new(|| {
    [Adapter {
        name: "the CPU".to_owned(),
        backend: "none",
        kind: AdapterKind,
        driver: String::new(),
        refusal: None,
        float16: true,
        max_buffer_bytes: u64::MAX,
    }]
});

/// The adapters of this machine.
pub fn adapters() -> &'static [Adapter] {
    &*ADAPTERS
}

/// The GPU of that number.
#[inline]
pub(crate) fn open(index: usize) -> Result<Gpu> {
    if index == 0 {
        return Ok(Gpu);
    }
    Err(Error::device(format!("device: there is no gpu:{index}; the stand-in is gpu:0")))
}

/// Forgets a device.
pub const fn close(_: usize) {}

#[expect(clippy::unused_self, reason = "methods of the real one")]
impl Gpu {
    pub(crate) const fn index(self) -> usize {
        0
    }

    pub(crate) const fn same(self, _: &Self) -> bool {
        true
    }

    /// What it did since the process began.
    pub fn statistics(self) -> Statistics {
        let [uploads, upload_bytes] = [0, 1].map(|i| UPLOADS[i].load(Ordering::Relaxed));
        let [downloads, download_bytes] = [0, 1].map(|i| DOWNLOADS[i].load(Ordering::Relaxed));
        let dispatches = DISPATCHES.load(Ordering::Relaxed);
        Statistics { dispatches, uploads, upload_bytes, downloads, download_bytes, ..Statistics::default() }
    }

    /// Waits for all that was asked for.
    pub const fn synchronize(self) -> Result<()> {
        Ok(())
    }

    /// Gives memory that waits for reuse back.
    pub const fn empty_cache(self) {}

    /// Sets how much memory there is.
    pub const fn set_memory_limit(self, _: Option<u64>) {}
}

type In<'a> = View<'a, Buffer>;

fn there(x: In<'_>) -> View<'_, cpu::Buffer> {
    View { buffer: &x.buffer.memory, layout: x.layout, dtype: x.dtype }
}

fn has(dtype: DType) -> Result<()> {
    if matches!(dtype, DType::F32 | DType::F16 | DType::I32 | DType::U32 | DType::Bool) {
        return Ok(());
    }
    let fix = if dtype.is_float() { "float32" } else { "int32" };
    Err(Error::dtype(format!("the GPU has no {dtype}: use `.astype(\"{fix}\")`, or the CPU")))
}

/// A result whose dtype is checked before it is computed.
fn made(dtype: DType, elements: usize, work: impl FnOnce() -> Result<cpu::Buffer>) -> Result<Buffer> {
    has(dtype)?;
    DISPATCHES.fetch_add(1, Ordering::Relaxed);
    Ok(Buffer { memory: work()?, elements })
}

fn product(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// Memory of which only the kernel knew how long it is.
fn of_bytes(memory: cpu::Buffer, dtype: DType) -> Buffer {
    let elements = memory.len_bytes() / dtype.size();
    Buffer { memory, elements }
}

impl Backend for Gpu {
    type Buffer = Buffer;

    fn alloc(&self, dtype: DType, len: usize) -> Result<Buffer> {
        made(dtype, len, || Cpu.alloc(dtype, len))
    }
    fn upload(&self, dtype: DType, bytes: &[u8]) -> Result<Buffer> {
        let len = bytes.len() / dtype.size();
        let buffer = made(dtype, len, || Cpu.upload(dtype, bytes))?;
        count(&UPLOADS, bytes.len());
        Ok(buffer)
    }
    fn download(&self, x: In<'_>, out: &mut [u8]) -> Result<()> {
        count(&DOWNLOADS, out.len());
        Cpu.download(there(x), out)
    }
    fn copy(&self, x: In<'_>, out: &mut Buffer, layout: &Layout) -> Result<()> {
        Cpu.copy(there(x), &mut out.memory, layout)
    }
    fn fill(&self, dtype: DType, len: usize, value: Scalar) -> Result<Buffer> {
        made(dtype, len, || Cpu.fill(dtype, len, value))
    }
    fn iota(&self, dtype: DType, len: usize) -> Result<Buffer> {
        made(dtype, len, || Cpu.iota(dtype, len))
    }

    fn cast(&self, x: In<'_>, dtype: DType) -> Result<Buffer> {
        made(dtype, x.layout.len(), || Cpu.cast(there(x), dtype))
    }
    fn unary(&self, op: UnaryOp, x: In<'_>) -> Result<Buffer> {
        let dtype = if op.is_predicate() { DType::Bool } else { x.dtype };
        made(dtype, x.layout.len(), || Cpu.unary(op, there(x)))
    }
    fn binary(&self, op: BinaryOp, a: In<'_>, b: In<'_>) -> Result<Buffer> {
        made(a.dtype, a.layout.len(), || Cpu.binary(op, there(a), there(b)))
    }
    fn unary_in_place(&self, op: UnaryOp, x: &mut Buffer, dtype: DType) -> Result<()> {
        Cpu.unary_in_place(op, &mut x.memory, dtype)
    }
    fn binary_in_place(&self, op: BinaryOp, x: &mut Buffer, other: In<'_>, other_is_left: bool) -> Result<()> {
        Cpu.binary_in_place(op, &mut x.memory, there(other), other_is_left)
    }
    fn compare(&self, op: CompareOp, a: In<'_>, b: In<'_>) -> Result<Buffer> {
        made(DType::Bool, a.layout.len(), || Cpu.compare(op, there(a), there(b)))
    }
    fn select(&self, condition: In<'_>, a: In<'_>, b: In<'_>) -> Result<Buffer> {
        made(a.dtype, a.layout.len(), || Cpu.select(there(condition), there(a), there(b)))
    }

    fn reduce(&self, op: ReduceOp, x: In<'_>, axes: &[usize]) -> Result<Buffer> {
        let dtype = if matches!(op, ReduceOp::Any | ReduceOp::All) { DType::Bool } else { x.dtype };
        has(dtype)?;
        Cpu.reduce(op, there(x), axes).map(|memory| of_bytes(memory, dtype))
    }
    fn arg_reduce(&self, op: ArgReduceOp, x: In<'_>, axis: usize) -> Result<Buffer> {
        Cpu.arg_reduce(op, there(x), axis).map(|memory| of_bytes(memory, DType::I32))
    }
    fn scan(&self, op: ScanOp, x: In<'_>, axis: usize, reverse: bool) -> Result<Buffer> {
        made(x.dtype, x.layout.len(), || Cpu.scan(op, there(x), axis, reverse))
    }
    fn sort(&self, x: In<'_>, axis: usize, descending: bool) -> Result<(Buffer, Buffer)> {
        let (values, indices) = Cpu.sort(there(x), axis, descending)?;
        Ok((of_bytes(values, x.dtype), of_bytes(indices, DType::I32)))
    }
    fn top_k(&self, x: In<'_>, k: usize) -> Result<(Buffer, Buffer)> {
        let (values, indices) = Cpu.top_k(there(x), k)?;
        Ok((of_bytes(values, x.dtype), of_bytes(indices, DType::I32)))
    }
    fn search_sorted(&self, sorted: In<'_>, values: In<'_>, right: bool) -> Result<Buffer> {
        made(DType::I32, values.layout.len(), || Cpu.search_sorted(there(sorted), there(values), right))
    }

    fn gather(&self, x: In<'_>, indices: In<'_>, axis: usize) -> Result<Buffer> {
        Cpu.gather(there(x), there(indices), axis).map(|memory| of_bytes(memory, x.dtype))
    }
    fn scatter(
        &self,
        mode: ScatterMode,
        base: In<'_>,
        indices: In<'_>,
        updates: In<'_>,
        axis: usize,
    ) -> Result<Buffer> {
        made(base.dtype, base.layout.len(), || Cpu.scatter(mode, there(base), there(indices), there(updates), axis))
    }
    fn take_along(&self, x: In<'_>, indices: In<'_>, axis: usize) -> Result<Buffer> {
        made(x.dtype, indices.layout.len(), || Cpu.take_along(there(x), there(indices), axis))
    }
    fn scatter_along(
        &self,
        mode: ScatterMode,
        base: In<'_>,
        indices: In<'_>,
        updates: In<'_>,
        axis: usize,
    ) -> Result<Buffer> {
        made(base.dtype, base.layout.len(), || {
            Cpu.scatter_along(mode, there(base), there(indices), there(updates), axis)
        })
    }

    fn matmul(&self, a: In<'_>, b: In<'_>) -> Result<Buffer> {
        Cpu.matmul(there(a), there(b)).map(|memory| of_bytes(memory, a.dtype))
    }
    fn wide_matmul(&self, a: In<'_>, b: In<'_>) -> Result<Buffer> {
        Cpu.wide_matmul(there(a), there(b)).map(|memory| of_bytes(memory, DType::I32))
    }
    fn linalg(&self, op: LinalgOp, _: &[In<'_>]) -> Result<Vec<Buffer>> {
        Err(Error::unsupported(format!("{op:?} has no kernel on the GPU")))
    }

    fn conv(&self, spec: &ConvSpec, x: In<'_>, w: In<'_>, out: &[usize]) -> Result<Buffer> {
        made(x.dtype, product(out), || Cpu.conv(spec, there(x), there(w), out))
    }
    fn conv_grad_input(&self, spec: &ConvSpec, dy: In<'_>, w: In<'_>, out: &[usize]) -> Result<Buffer> {
        made(dy.dtype, product(out), || Cpu.conv_grad_input(spec, there(dy), there(w), out))
    }
    fn conv_grad_weight(&self, spec: &ConvSpec, x: In<'_>, dy: In<'_>, out: &[usize]) -> Result<Buffer> {
        made(x.dtype, product(out), || Cpu.conv_grad_weight(spec, there(x), there(dy), out))
    }
    fn max_pool(&self, spec: &PoolSpec, x: In<'_>, out: &[usize]) -> Result<Buffer> {
        made(x.dtype, product(out), || Cpu.max_pool(spec, there(x), out))
    }
    fn max_pool_grad(&self, spec: &PoolSpec, x: In<'_>, dy: In<'_>) -> Result<Buffer> {
        made(dy.dtype, x.layout.len(), || Cpu.max_pool_grad(spec, there(x), there(dy)))
    }
    fn max_pool_select(&self, spec: &PoolSpec, x: In<'_>, v: In<'_>, out: &[usize]) -> Result<Buffer> {
        made(v.dtype, product(out), || Cpu.max_pool_select(spec, there(x), there(v), out))
    }
    fn avg_pool(&self, spec: &PoolSpec, x: In<'_>, out: &[usize]) -> Result<Buffer> {
        made(x.dtype, product(out), || Cpu.avg_pool(spec, there(x), out))
    }
    fn avg_pool_grad(&self, spec: &PoolSpec, dy: In<'_>, out: &[usize]) -> Result<Buffer> {
        made(dy.dtype, product(out), || Cpu.avg_pool_grad(spec, there(dy), out))
    }

    fn random(&self, distribution: Distribution, dtype: DType, len: usize, key: Key) -> Result<Buffer> {
        made(dtype, len, || Cpu.random(distribution, dtype, len, key))
    }
    fn random_gamma(&self, _: In<'_>, _: Key) -> Result<Buffer> {
        Err(Error::unsupported("random_gamma has no kernel on the GPU"))
    }

    fn fused(&self, op: &FusedOp, inputs: &[In<'_>]) -> Result<Option<Vec<Buffer>>> {
        let dtype = inputs[0].dtype;
        let inputs: Vec<_> = inputs.iter().map(|x| there(*x)).collect();
        // Some have kernels, others are composed.
        if matches!(op, FusedOp::Lstm | FusedOp::Gru | FusedOp::Dropout { .. } | FusedOp::Attention { .. }) {
            return Ok(None);
        }
        let results = Cpu.fused(op, &inputs)?;
        Ok(results.map(|results| results.into_iter().map(|memory| of_bytes(memory, dtype)).collect()))
    }
    fn fused_grad(
        &self,
        op: &FusedOp,
        inputs: &[In<'_>],
        outputs: &[In<'_>],
        grads: &[Option<In<'_>>],
        needs: &[bool],
    ) -> Result<Option<Vec<Option<Buffer>>>> {
        if matches!(op, FusedOp::Lstm | FusedOp::Gru | FusedOp::Dropout { .. } | FusedOp::Attention { .. }) {
            return Ok(None);
        }
        let dtypes: Vec<DType> = inputs.iter().map(|x| x.dtype).collect();
        let inputs: Vec<_> = inputs.iter().map(|x| there(*x)).collect();
        let outputs: Vec<_> = outputs.iter().map(|x| there(*x)).collect();
        let grads: Vec<_> = grads.iter().map(|x| x.map(there)).collect();
        let results = Cpu.fused_grad(op, &inputs, &outputs, &grads, needs)?;
        Ok(results.map(|results| {
            let each = results.into_iter().zip(dtypes);
            each.map(|(memory, dtype)| memory.map(|memory| of_bytes(memory, dtype))).collect()
        }))
    }
    fn optimizer_step(&self, op: &OptimizerOp, dtype: DType, parameters: &mut [Parameter<'_, Buffer>]) -> Result<()> {
        let mut there_too: Vec<Parameter<'_, cpu::Buffer>> = parameters
            .iter_mut()
            .map(|one| Parameter {
                value: &mut one.value.memory,
                slots: one.slots.iter_mut().map(|slot| &mut slot.memory).collect(),
                gradient: there(one.gradient),
                decay: one.decay,
                learning_rate: one.learning_rate,
            })
            .collect();
        Cpu.optimizer_step(op, dtype, &mut there_too)
    }
}
