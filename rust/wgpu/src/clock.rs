//! The time that the device itself spends: it notes when compute passes begin and end, between a start and a stop.

use std::time::Duration;

use corten_core::{Error, Result};

use crate::{
    device::{Gpu, Shared, lock},
    memory::Block,
    stream,
};

/// Passes that one clock has room for.
const PASSES: u32 = wgpu::QUERY_SET_MAX_QUERIES / 2;
/// Bytes of a timestamp.
const BYTES: u64 = wgpu::QUERY_SIZE as u64;

/// Timestamps of the passes since it was started.
pub(crate) struct Clock {
    queries: wgpu::QuerySet,
    passes: u32,
}

impl Clock {
    fn new(shared: &Shared) -> Result<Self> {
        if !shared.device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            let adapter = shared.adapter;
            return Err(Error::device(format!(
                "GPU {} ({}): it does not tell how long its work takes",
                adapter.index, adapter.name
            )));
        }
        let queries = shared.device.create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("clock"),
            ty: wgpu::QueryType::Timestamp,
            count: 2 * PASSES,
        });
        Ok(Self { queries, passes: 0 })
    }

    /// What the next pass notes; nothing when there is no room, which [`Gpu::stop_clock`] says.
    pub(crate) fn pass(&mut self) -> Option<wgpu::ComputePassTimestampWrites<'_>> {
        let first = 2 * self.passes.min(PASSES);
        self.passes = self.passes.saturating_add(1);
        (first < 2 * PASSES).then_some(wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        })
    }

    /// The sum of the times of all passes. All of them were sent.
    fn read(&self, gpu: &Gpu) -> Result<Duration> {
        let shared = &gpu.0;
        if self.passes > PASSES {
            return Err(Error::device(format!(
                "GPU {}: its clock takes at most {PASSES} passes; {} were sent since it was started",
                gpu.index(),
                self.passes
            )));
        }
        if self.passes == 0 {
            return Ok(Duration::ZERO);
        }
        let size = u64::from(2 * self.passes) * BYTES;
        let buffer = shared.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("clock"),
            size,
            usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let mut encoder = shared.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.resolve_query_set(&self.queries, 0..2 * self.passes, &buffer, 0);
        shared.queue.submit([encoder.finish()]);
        let mut ticks = 0;
        stream::read(gpu, Some((&Block::new(buffer, size, 0), 0, size)), &mut |bytes| {
            for pass in bytes.as_chunks::<{ 2 * BYTES as usize }>().0 {
                let (begin, end) = pass.split_at(BYTES as usize);
                let at = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().unwrap_or_default());
                ticks += at(end).saturating_sub(at(begin));
            }
        })?;
        Ok(Duration::from_secs_f64(ticks as f64 * f64::from(shared.queue.get_timestamp_period()) * 1e-9))
    }
}

impl Gpu {
    /// From here on the device notes how long its work takes.
    ///
    /// # Errors
    /// It cannot, it was lost, or something before went wrong on it.
    pub fn start_clock(&self) -> Result<()> {
        self.flush()?;
        lock(&self.0.stream).clock = Some(Clock::new(&self.0)?);
        Ok(())
    }

    /// Waits for the work since [`Self::start_clock`], and gives the time that the device spent on it.
    ///
    /// # Errors
    /// The clock was not started, there was more work than it takes, or something went wrong on the device.
    pub fn stop_clock(&self) -> Result<Duration> {
        self.flush()?;
        let clock = lock(&self.0.stream).clock.take();
        match clock {
            Some(clock) => clock.read(self),
            None => Err(Error::device(format!("GPU {}: its clock was not started", self.index()))),
        }
    }
}
