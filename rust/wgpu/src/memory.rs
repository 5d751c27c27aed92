//! Memory of the device: one buffer of the driver per array, kept by exact size for the next one.
//!
//! The queue runs in order, so memory may be used again as soon as its array is gone, even while work on it is queued.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use corten_core::{Error, Result};

use crate::{
    device::{Gpu, lock},
    future::block_on,
};

/// Sizes are rounded up to this many bytes.
const ROUND: u64 = 256;
/// Pooled bytes beyond the peak of live ones that are tolerated.
const SLACK: u64 = 64 << 20;
/// Bytes of an element on the device, of every dtype it has.
pub(crate) const ELEMENT: u64 = 4;

/// A buffer of the driver.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) buffer: wgpu::Buffer,
    pub(crate) size: u64,
    /// Never given twice: names the block in cached bind groups.
    pub(crate) id: u64,
    /// The batch of queued work that uses it last.
    pub(crate) epoch: AtomicU64,
}

/// Blocks nobody uses, by size.
#[derive(Default)]
pub(crate) struct Pool {
    free: HashMap<u64, Vec<Arc<Block>>>,
    next: u64,
    pub(crate) live: u64,
    pub(crate) pooled: u64,
    pub(crate) peak: u64,
    pub(crate) limit: Option<u64>,
}

impl Pool {
    pub(crate) fn clear(&mut self) {
        self.free.clear();
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
        self.free.entry(block.size).or_default().push(block);
    }
}

/// Elements on a device; going, it leaves its memory to the device's pool.
pub struct Buffer {
    gpu: Gpu,
    block: Arc<Block>,
    len: usize,
}

impl Buffer {
    /// The device whose memory it is.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Bytes on the device, where bool takes four bytes an element.
    pub fn len_bytes(&self) -> usize {
        self.len * ELEMENT as usize
    }

    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.len
    }

    pub(crate) fn block(&self) -> &Arc<Block> {
        &self.block
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Buffer").field("gpu", &self.gpu.index()).field("elements", &self.len).finish()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        lock(&self.gpu.0.pool).put(Arc::clone(&self.block));
    }
}

/// Memory for `len` elements; what it holds is anything.
pub(crate) fn alloc(gpu: &Gpu, len: usize) -> Result<Buffer> {
    gpu.alive()?;
    let bytes = (len as u64).saturating_mul(ELEMENT).max(ELEMENT);
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
    Ok(Buffer { gpu: gpu.clone(), block, len })
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
    Ok(Some(Arc::new(Block { buffer, size, id, epoch: AtomicU64::new(0) })))
}

impl Block {
    pub(crate) fn used_in(&self, epoch: u64) -> bool {
        self.epoch.load(Ordering::Relaxed) == epoch
    }
    pub(crate) fn use_in(&self, epoch: u64) {
        self.epoch.store(epoch, Ordering::Relaxed);
    }
}
