//! Memory of the device: one buffer of the driver per array, kept by exact size for the next one.
//!
//! The queue runs in order, so memory may be used again as soon as its array is gone, even while work on it is queued.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use corten_core::{DType, Error, Result};

use crate::{
    device::{Gpu, lock},
    elementwise::lazy::{self, Pending},
    future::block_on,
    half,
};

/// Sizes are rounded up to this many bytes.
const ROUND: u64 = 256;
/// Pooled bytes beyond the peak of live ones that are tolerated.
const SLACK: u64 = 64 << 20;
/// Blocks of so many bytes, if dispatches that wait use them, are not used for anything else before these are in order:
/// else those that only share memory would be kept apart.
const RESTING_UP_TO: u64 = 256 << 10;
/// Bytes of an element on the device, of every dtype it has but float16.
const ELEMENT: u64 = 4;
const HALF: u64 = 2;

/// A buffer of the driver.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) buffer: wgpu::Buffer,
    pub(crate) size: u64,
    /// Never given twice: names the block in cached bind groups.
    pub(crate) id: u64,
    /// The batch of queued work that uses it last.
    epoch: AtomicU64,
    /// The round of putting dispatches in order that it is used in last.
    round: AtomicU64,
    /// Cells that hold it; the last one gives it back.
    pub(crate) owners: AtomicUsize,
}

/// Blocks nobody uses.
#[derive(Default)]
pub(crate) struct Pool {
    /// By size, and then from the youngest to the oldest: the oldest is taken first, so that what repeats gets the same.
    free: HashMap<u64, Vec<Arc<Block>>>,
    /// Those that wait for a round to end.
    resting: Vec<Arc<Block>>,
    round: u64,
    next: u64,
    pub(crate) live: u64,
    pub(crate) pooled: u64,
    pub(crate) peak: u64,
    pub(crate) limit: Option<u64>,
}

impl Pool {
    pub(crate) fn clear(&mut self) {
        self.free.clear();
        self.resting.clear();
        self.pooled = 0;
    }

    fn take(&mut self, size: u64) -> Option<Arc<Block>> {
        let block = self.free.get_mut(&size)?.pop()?;
        self.pooled -= size;
        self.hold(size);
        Some(block)
    }

    fn hold(&mut self, size: u64) {
        self.live += size;
        self.peak = self.peak.max(self.live);
    }

    fn put(&mut self, block: Arc<Block>) {
        self.live -= block.size;
        if self.live + self.pooled + block.size > self.peak + SLACK {
            // Sizes changed: what is kept for the old ones is in the way.
            self.clear();
        }
        self.pooled += block.size;
        if block.size <= RESTING_UP_TO && block.round.load(Ordering::Relaxed) == self.round {
            self.resting.push(block);
        } else {
            self.keep(block);
        }
    }

    fn keep(&mut self, block: Arc<Block>) {
        let same = self.free.entry(block.size).or_default();
        let place = same.partition_point(|other| other.id > block.id);
        same.insert(place, block);
    }

    /// A round begins: what rested may be used.
    pub(crate) fn wake(&mut self, round: u64) {
        self.round = round;
        while let Some(block) = self.resting.pop() {
            self.keep(block);
        }
    }
}

/// Elements on a device; going, it leaves its memory to the device's pool.
///
/// The result of an elementwise op has no memory until something reads it: see `elementwise/lazy.rs`.
pub struct Buffer {
    cell: Arc<Cell>,
}

/// What a buffer holds, shared with the expressions that read it.
pub(crate) struct Cell {
    pub(crate) gpu: Gpu,
    len: usize,
    /// Whether the elements are float16.
    half: bool,
    block: OnceLock<Arc<Block>>,
    /// How to compute the elements, until they are.
    pub(crate) pending: Mutex<Option<Pending>>,
    /// Cells that are computed from this one and were not when they were made.
    readers: Mutex<Vec<Weak<Self>>>,
}

impl Buffer {
    /// The device whose memory it is.
    pub fn gpu(&self) -> &Gpu {
        &self.cell.gpu
    }

    /// Bytes on the device: four an element, of float16 two.
    pub fn len_bytes(&self) -> usize {
        self.cell.len * self.element_bytes()
    }

    pub(crate) fn element_bytes(&self) -> usize {
        (if self.cell.half { HALF } else { ELEMENT }) as usize
    }

    /// Whether the elements are float16.
    pub(crate) fn is_half(&self) -> bool {
        self.cell.half
    }

    /// The dtype, of an array of floats.
    pub(crate) fn float(&self) -> DType {
        if self.cell.half { DType::F16 } else { DType::F32 }
    }

    /// What kernels call the elements that only move them.
    pub(crate) fn moved(&self) -> &'static str {
        if self.cell.half { half::HALF } else { "u32" }
    }

    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.cell.len
    }

    /// Asks for the elements, if they wait for somebody who reads them.
    ///
    /// # Errors
    /// The device was lost or has no memory for them.
    pub fn compute(&self) -> Result<()> {
        self.ready().map(drop)
    }

    pub(crate) fn cell(&self) -> &Arc<Cell> {
        &self.cell
    }

    /// The buffer of a cell.
    pub(crate) fn of(cell: &Arc<Cell>) -> Self {
        Self { cell: Arc::clone(cell) }
    }

    /// Its memory; the elements are computed first if they were not.
    pub(crate) fn ready(&self) -> Result<&Arc<Block>> {
        self.cell.ready()
    }

    /// A buffer that is computed when it is read.
    pub(crate) fn pending(gpu: &Gpu, len: usize, how: Pending) -> Self {
        let cell = Arc::new(Cell::new(gpu, len, how.is_half()));
        for operand in &how.operands {
            operand.cell.add_reader(&cell);
        }
        *lock(&cell.pending) = Some(how);
        Self { cell }
    }
}

impl Cell {
    fn new(gpu: &Gpu, len: usize, half: bool) -> Self {
        Self {
            gpu: gpu.clone(),
            len,
            half,
            block: OnceLock::new(),
            pending: Mutex::new(None),
            readers: Mutex::default(),
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.block.get().is_some()
    }

    pub(crate) fn ready(self: &Arc<Self>) -> Result<&Arc<Block>> {
        if !self.is_ready() {
            lazy::compute(self)?;
        }
        self.block.get().ok_or_else(|| Error::device("an array of the GPU has no memory"))
    }

    /// Takes the memory of a buffer that nothing else uses.
    pub(crate) fn settle(&self, buffer: &Buffer) {
        if let Some(block) = buffer.cell.block.get() {
            let block = Arc::clone(block);
            block.owners.fetch_add(1, Ordering::Relaxed);
            if self.block.set(Arc::clone(&block)).is_err() {
                block.owners.fetch_sub(1, Ordering::Relaxed);
            }
        }
        drop(lock(&self.pending).take());
    }

    fn add_reader(&self, reader: &Arc<Self>) {
        let mut readers = lock(&self.readers);
        if readers.len() >= 16 {
            readers.retain(|reader| reader.upgrade().is_some_and(|reader| !reader.is_ready()));
        }
        readers.push(Arc::downgrade(reader));
    }

    /// Computes what is still to be computed from the elements: they are about to change.
    pub(crate) fn compute_readers(&self) -> Result<()> {
        let readers = std::mem::take(&mut *lock(&self.readers));
        readers.iter().filter_map(Weak::upgrade).try_for_each(|reader| reader.ready().map(drop))
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Buffer").field("gpu", &self.gpu().index()).field("elements", &self.cell.len).finish()
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        if let Some(block) = self.block.take()
            && block.owners.fetch_sub(1, Ordering::AcqRel) == 1
        {
            lock(&self.gpu.0.pool).put(block);
        }
    }
}

/// Memory for `len` elements of a dtype; what it holds is anything.
pub(crate) fn alloc_of(gpu: &Gpu, dtype: DType, len: usize) -> Result<Buffer> {
    allocate(gpu, dtype == DType::F16, len)
}

/// Memory for `len` elements of the kind that another array has.
pub(crate) fn alloc_like(gpu: &Gpu, other: &Buffer, len: usize) -> Result<Buffer> {
    allocate(gpu, other.is_half(), len)
}

/// Memory for `len` elements of four bytes.
pub(crate) fn alloc(gpu: &Gpu, len: usize) -> Result<Buffer> {
    allocate(gpu, false, len)
}

fn allocate(gpu: &Gpu, half: bool, len: usize) -> Result<Buffer> {
    gpu.alive()?;
    let bytes = (len as u64).saturating_mul(if half { HALF } else { ELEMENT }).max(ELEMENT);
    let limits = &gpu.0.limits;
    let largest = limits.max_buffer_size.min(limits.max_storage_buffer_binding_size).min(u64::from(u32::MAX) - ROUND);
    if bytes > largest {
        return Err(Error::Memory {
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            wanted: format!(" on the GPU, where one array has {largest} bytes at most"),
        });
    }
    let size = bytes.next_multiple_of(ROUND);
    let block = {
        let mut pool = lock(&gpu.0.pool);
        match pool.take(size) {
            Some(block) => Some(block),
            None if pool.limit.is_some_and(|limit| pool.live + pool.pooled + size > limit) => None,
            None => {
                pool.next += 1;
                let id = pool.next;
                drop(pool);
                create(gpu, size, id)?
            }
        }
    };
    let block = match block {
        Some(block) => block,
        None => retry(gpu, size)?,
    };
    block.owners.store(1, Ordering::Relaxed);
    let cell = Cell::new(gpu, len, half);
    // A new cell has no memory yet.
    drop(cell.block.set(block));
    Ok(Buffer { cell: Arc::new(cell) })
}

/// After giving back all that is pooled.
fn retry(gpu: &Gpu, size: u64) -> Result<Arc<Block>> {
    let refused = |wanted: String| Error::Memory { bytes: size as usize, wanted };
    gpu.empty_cache();
    gpu.alive()?;
    let id = {
        let mut pool = lock(&gpu.0.pool);
        if let Some(limit) = pool.limit.filter(|&limit| pool.live + size > limit) {
            return Err(refused(format!(" on the GPU, whose limit was set to {limit} bytes")));
        }
        pool.next += 1;
        pool.next
    };
    create(gpu, size, id)?.ok_or_else(|| refused(" on the GPU".to_owned()))
}

/// A new buffer; `None` if there is no memory for it.
fn create(gpu: &Gpu, size: u64, id: u64) -> Result<Option<Arc<Block>>> {
    let device = &gpu.0.device;
    let validation = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let (short, wrong) = (block_on(memory.pop()), block_on(validation.pop()));
    if let Some(wrong) = wrong {
        gpu.alive()?;
        return Err(Error::device(format!("GPU memory of {size} bytes: {wrong}")));
    }
    if short.is_some() {
        return Ok(None);
    }
    lock(&gpu.0.pool).hold(size);
    Ok(Some(Arc::new(Block::new(buffer, size, id))))
}

impl Block {
    pub(crate) const fn new(buffer: wgpu::Buffer, size: u64, id: u64) -> Self {
        Self {
            buffer,
            size,
            id,
            epoch: AtomicU64::new(0),
            round: AtomicU64::new(u64::MAX),
            owners: AtomicUsize::new(0),
        }
    }

    pub(crate) fn used_in(&self, epoch: u64) -> bool {
        self.epoch.load(Ordering::Relaxed) == epoch
    }
    pub(crate) fn use_in(&self, epoch: u64, round: u64) {
        self.epoch.store(epoch, Ordering::Relaxed);
        self.round.store(round, Ordering::Relaxed);
    }
}
