//! Queued work: dispatches wait, are put in order of what they need, and go to one open compute pass, which is sent when
//! there is enough of it or a value is read.
//!
//! A dispatch belongs one level above those whose results it reads, and above those that use memory which it writes. Within
//! a level nothing depends on anything, so small dispatches of one become one dispatch: see `join.rs`.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Instant,
};

use corten_core::{Error, Result};
use smallvec::SmallVec;

use crate::{
    clock::Clock,
    device::{Gpu, Shared, count, lock},
    join::{self, Bound},
    kernel::{Access, PARAMETER_BYTES, Pipeline},
    memory::Block,
};

/// Dispatches that wait at most.
const WAITING_UP_TO: usize = 64;
/// Dispatches that are sent together.
const BATCH: usize = 64;
/// Batches that may be on their way before the next one waits.
const IN_FLIGHT: usize = 16;
/// Buffers of parameters that take turns.
const ARENAS: usize = 4;
/// Bind groups that are kept.
const GROUPS: usize = 2048;
/// Bytes of the record of the first index out of range.
pub(crate) const FLAG_BYTES: u64 = 32;

/// What the library says of memory that is to be read.
const WAITING: u8 = 0;
const MAPPED: u8 = 1;
const FAILED: u8 = 2;

type GroupKey = SmallVec<[u64; 8]>;

struct Arena {
    buffer: wgpu::Buffer,
    group: wgpu::BindGroup,
}

/// The open compute pass, in front of the encoder it belongs to: passes end before their encoder.
struct Open {
    pass: wgpu::ComputePass<'static>,
    encoder: wgpu::CommandEncoder,
}

pub(crate) struct Stream {
    waiting: Vec<Waiting>,
    /// By block: one more than the level of the last dispatch that writes it, and of the last one that reads it.
    levels: HashMap<u64, (usize, usize)>,
    /// How often what waits was put in order.
    round: u64,
    open: Option<Open>,
    arenas: Vec<Arena>,
    /// Parameters of the open batch.
    parameters: Vec<u8>,
    dispatches: usize,
    /// The number of the open batch.
    epoch: u64,
    /// The pipeline that is set.
    pipeline: u64,
    groups: HashMap<GroupKey, wgpu::BindGroup>,
    in_flight: VecDeque<wgpu::SubmissionIndex>,
    /// Buffers for reading, by size.
    staging: HashMap<u64, Vec<wgpu::Buffer>>,
    pub(crate) flags: Arc<Block>,
    /// What the ops that may meet an index out of range are called, and along which axis they go.
    marks: Vec<(&'static str, usize)>,
    /// Notes how long passes take, while somebody measures.
    pub(crate) clock: Option<Clock>,
}

/// One dispatch.
pub(crate) struct Dispatch {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) parameters: SmallVec<[u32; 32]>,
    pub(crate) blocks: SmallVec<[Arc<Block>; 8]>,
    pub(crate) groups: [u32; 2],
}

struct Waiting {
    level: usize,
    work: Dispatch,
}

impl Dispatch {
    /// Its buffers as its shader declares them.
    pub(crate) fn bound(&self) -> impl Iterator<Item = Bound<'_>> {
        self.pipeline.shader.bindings.iter().zip(&self.blocks).map(|(declared, block)| Bound { declared, block })
    }
}

/// The layout of the group that holds the parameters.
pub(crate) fn parameter_layout(device: &wgpu::Device) -> wgpu::BindGroupLayout {
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("parameters"),
        entries: &[wgpu::BindGroupLayoutEntry {
            binding: 0,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Uniform,
                has_dynamic_offset: true,
                min_binding_size: wgpu::BufferSize::new(PARAMETER_BYTES),
            },
            count: None,
        }],
    })
}

impl Stream {
    pub(crate) fn new(device: &wgpu::Device) -> Self {
        let layout = parameter_layout(device);
        let arenas = (0..ARENAS)
            .map(|_| {
                let buffer = device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some("parameters"),
                    size: BATCH as u64 * PARAMETER_BYTES,
                    usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                    mapped_at_creation: false,
                });
                let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
                    label: Some("parameters"),
                    layout: &layout,
                    entries: &[wgpu::BindGroupEntry {
                        binding: 0,
                        resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                            buffer: &buffer,
                            offset: 0,
                            size: wgpu::BufferSize::new(PARAMETER_BYTES),
                        }),
                    }],
                });
                Arena { buffer, group }
            })
            .collect();
        let flags = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("flags"),
            size: FLAG_BYTES,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let flags = Arc::new(Block::new(flags, FLAG_BYTES, 0));
        Self {
            waiting: Vec::new(),
            levels: HashMap::new(),
            round: 0,
            open: None,
            arenas,
            parameters: Vec::new(),
            dispatches: 0,
            epoch: 1,
            pipeline: 0,
            groups: HashMap::new(),
            in_flight: VecDeque::new(),
            staging: HashMap::new(),
            flags,
            marks: Vec::new(),
            clock: None,
        }
    }

    pub(crate) fn forget_groups(&mut self) {
        self.groups.clear();
        self.staging.clear();
    }

    /// Names an op whose indices may be out of range; gives the number that its kernel reports.
    pub(crate) fn mark(&mut self, op: &'static str, axis: usize) -> usize {
        if let Some(known) = self.marks.iter().position(|mark| *mark == (op, axis)) {
            return known;
        }
        self.marks.push((op, axis));
        self.marks.len() - 1
    }

    /// Takes a dispatch, to be put in order with others.
    pub(crate) fn queue(&mut self, gpu: &Gpu, work: Dispatch) -> Result<()> {
        if self.waiting.len() >= WAITING_UP_TO {
            self.put_in_order(gpu)?;
        }
        let mut level = 0;
        for Bound { declared, block } in work.bound().filter(|bound| !bound.declared.is_record()) {
            let (written, read) = self.levels.get(&block.id).copied().unwrap_or_default();
            level = level.max(if declared.access == Access::Write { written.max(read) } else { written });
        }
        for Bound { declared, block } in work.bound() {
            let (written, read) = self.levels.entry(block.id).or_default();
            let last = if declared.access == Access::Write { written } else { read };
            *last = (*last).max(level + 1);
            block.use_in(self.epoch, self.round);
        }
        self.waiting.push(Waiting { level, work });
        Ok(())
    }

    /// Hands what waits to the open pass, level by level.
    pub(crate) fn put_in_order(&mut self, gpu: &Gpu) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        self.levels.clear();
        self.round += 1;
        lock(&gpu.0.pool).wake(self.round);
        waiting.sort_by_key(|one| one.level);
        let outcome = waiting.chunk_by(|one, other| one.level == other.level).try_for_each(|level| {
            let level: Vec<&Dispatch> = level.iter().map(|one| &one.work).collect();
            join::sets(gpu, &level).iter().try_for_each(|set| match join::joined(gpu, set)? {
                Some(joined) => self.dispatch(&gpu.0, &joined),
                None => set.members().try_for_each(|work| self.dispatch(&gpu.0, work)),
            })
        });
        waiting.clear();
        self.waiting = waiting;
        outcome
    }

    fn dispatch(&mut self, shared: &Shared, work: &Dispatch) -> Result<()> {
        if self.dispatches >= BATCH {
            self.submit_open(shared)?;
        }
        let (device, clock) = (&shared.device, &mut self.clock);
        let open = self.open.get_or_insert_with(|| {
            let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            let timestamp_writes = clock.as_mut().and_then(Clock::pass);
            let pass = encoder
                .begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes })
                .forget_lifetime();
            Open { pass, encoder }
        });
        let pipeline = &*work.pipeline;
        let key: GroupKey =
            std::iter::once(pipeline.layout_id).chain(work.blocks.iter().map(|block| block.id)).collect();
        if self.groups.len() >= GROUPS && !self.groups.contains_key(&key) {
            self.groups.clear();
        }
        let group = self.groups.entry(key).or_insert_with(|| {
            let entries: SmallVec<[wgpu::BindGroupEntry<'_>; 8]> = work
                .blocks
                .iter()
                .enumerate()
                .map(|(binding, block)| wgpu::BindGroupEntry {
                    binding: binding as u32,
                    resource: block.buffer.as_entire_binding(),
                })
                .collect();
            device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &pipeline.layout.buffers,
                entries: &entries,
            })
        });
        if self.pipeline != pipeline.id {
            open.pass.set_pipeline(&pipeline.compiled);
            self.pipeline = pipeline.id;
        }
        let offset = self.dispatches as u64 * PARAMETER_BYTES;
        self.parameters.extend(work.parameters.iter().flat_map(|word| word.to_ne_bytes()));
        self.parameters.resize(offset as usize + PARAMETER_BYTES as usize, 0);
        let arena = &self.arenas[self.epoch as usize % ARENAS];
        open.pass.set_bind_group(0, &arena.group, &[offset as u32]);
        open.pass.set_bind_group(1, &*group, &[]);
        let [x, y] = work.groups;
        open.pass.dispatch_workgroups(x, y, 1);
        for block in &work.blocks {
            // The batch may have changed since it was queued.
            block.use_in(self.epoch, self.round);
        }
        self.dispatches += 1;
        count(&shared.counters.dispatches, 1);
        count(&pipeline.dispatches, 1);
        Ok(())
    }

    /// Whether queued work uses a block.
    pub(crate) fn uses(&self, block: &Block) -> bool {
        (self.open.is_some() || !self.waiting.is_empty()) && block.used_in(self.epoch)
    }

    /// Sends what is queued.
    pub(crate) fn flush(&mut self, gpu: &Gpu) -> Result<()> {
        self.put_in_order(gpu)?;
        self.submit_open(&gpu.0)
    }

    fn submit_open(&mut self, shared: &Shared) -> Result<()> {
        match self.open.take() {
            Some(Open { pass, encoder }) => {
                drop(pass);
                self.submit(shared, encoder).map(drop)
            }
            None => Ok(()),
        }
    }

    fn submit(&mut self, shared: &Shared, encoder: wgpu::CommandEncoder) -> Result<wgpu::SubmissionIndex> {
        if !self.parameters.is_empty() {
            shared.queue.write_buffer(&self.arenas[self.epoch as usize % ARENAS].buffer, 0, &self.parameters);
        }
        let index = shared.queue.submit([encoder.finish()]);
        self.parameters.clear();
        self.dispatches = 0;
        self.pipeline = 0;
        self.epoch += 1;
        self.in_flight.push_back(index.clone());
        count(&shared.counters.submits, 1);
        let waits = if self.in_flight.len() > IN_FLIGHT { self.in_flight.pop_front() } else { None };
        match waits {
            Some(index) => wait(shared, index)?,
            // Lets the library free what finished work has used.
            None => drop(shared.device.poll(wgpu::PollType::Poll)),
        }
        Ok(index)
    }

    /// Queues the reading of `bytes` from a block, and of the flags behind them, and sends everything.
    fn read(
        &mut self,
        gpu: &Gpu,
        source: Option<(&Block, u64, u64)>,
    ) -> Result<(wgpu::Buffer, u64, wgpu::SubmissionIndex)> {
        self.put_in_order(gpu)?;
        let shared = &gpu.0;
        let mut encoder = match self.open.take() {
            Some(Open { pass, encoder }) => {
                drop(pass);
                encoder
            }
            None => shared.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default()),
        };
        let bytes = source.map_or(0, |(_, _, bytes)| bytes);
        let size = (bytes + FLAG_BYTES).next_power_of_two();
        let staging = self.staging.get_mut(&size).and_then(Vec::pop).unwrap_or_else(|| {
            shared.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("staging"),
                size,
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        });
        if let Some((block, offset, bytes)) = source {
            encoder.copy_buffer_to_buffer(&block.buffer, offset, &staging, 0, bytes);
        }
        encoder.copy_buffer_to_buffer(&self.flags.buffer, 0, &staging, bytes, FLAG_BYTES);
        encoder.clear_buffer(&self.flags.buffer, 0, None);
        let index = self.submit(shared, encoder)?;
        Ok((staging, size, index))
    }
}

fn wait(shared: &Shared, index: wgpu::SubmissionIndex) -> Result<()> {
    let waiting = wgpu::PollType::Wait { submission_index: Some(index), timeout: Some(shared.timeout) };
    let Err(error) = shared.device.poll(waiting) else { return Ok(()) };
    let message = match error {
        wgpu::PollError::Timeout => {
            let seconds = shared.timeout.as_secs();
            let message =
                format!("it does not answer after {seconds} seconds (CORTEN_GPU_TIMEOUT sets how long to wait)");
            shared.faults.lose(message.clone());
            message
        }
        wgpu::PollError::WrongSubmissionIndex(..) => format!("it did not take what it was asked for: {error}"),
    };
    Err(Error::device(format!("GPU {} ({}): {message}", shared.adapter.index, shared.adapter.name)))
}

/// Waits for everything queued, and gives bytes of a block to `take`. Raises what went wrong on the device since.
pub(crate) fn read(gpu: &Gpu, source: Option<(&Block, u64, u64)>, take: &mut dyn FnMut(&[u8])) -> Result<()> {
    gpu.alive()?;
    let shared = &gpu.0;
    let (staging, size, index) = lock(&shared.stream).read(gpu, source)?;
    let mapped = Arc::new(AtomicU8::new(WAITING));
    let told = Arc::clone(&mapped);
    staging.slice(..).map_async(wgpu::MapMode::Read, move |result| {
        told.store(if result.is_ok() { MAPPED } else { FAILED }, Ordering::Release);
    });
    if let Err(error) = wait(shared, index) {
        // It may have said why before.
        gpu.raise()?;
        return Err(error);
    }
    // Another thread that waits may be the one that tells, a little later.
    let start = Instant::now();
    while mapped.load(Ordering::Acquire) == WAITING && start.elapsed() < shared.timeout && !gpu.is_lost() {
        drop(shared.device.poll(wgpu::PollType::Poll));
        std::thread::yield_now();
    }
    gpu.raise()?;
    if mapped.load(Ordering::Acquire) != MAPPED {
        return Err(Error::device(format!("GPU {}: its memory could not be read", gpu.index())));
    }
    let bytes = source.map_or(0, |(_, _, bytes)| bytes) as usize;
    let mut flags = [0u32; FLAG_BYTES as usize / 4];
    {
        let view = staging
            .slice(..)
            .get_mapped_range()
            .map_err(|error| Error::device(format!("GPU {}: its memory could not be read: {error}", gpu.index())))?;
        take(&view[..bytes]);
        for (flag, word) in flags.iter_mut().zip(view[bytes..].as_chunks::<4>().0) {
            *flag = u32::from_ne_bytes(*word);
        }
    }
    staging.unmap();
    if let Some(cache) = &shared.cache {
        cache.keep_when_settled();
    }
    let mut stream = lock(&shared.stream);
    stream.staging.entry(size).or_default().push(staging);
    let [wrong, index, extent, mark, ..] = flags;
    if wrong == 0 {
        return Ok(());
    }
    let (op, axis) = stream.marks.get(mark as usize).copied().unwrap_or(("index", 0));
    Err(Error::index(format!("{op}: index {} is out of range for axis {axis} of size {extent}", index.cast_signed())))
}

/// Writes bytes to a block that no array uses yet.
pub(crate) fn write(gpu: &Gpu, block: &Block, bytes: &[u8]) -> Result<()> {
    let shared = &gpu.0;
    let mut stream = lock(&shared.stream);
    // Writes come before the open batch: work in it that used the block's memory before must have been sent.
    if stream.uses(block) {
        stream.flush(gpu)?;
    }
    shared.queue.write_buffer(&block.buffer, 0, bytes);
    Ok(())
}
