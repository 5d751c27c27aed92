//! An open device: its queue, its memory, its pipelines, and what went wrong on it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use corten_core::{DType, Error, Result};

use crate::{
    adapter::{Adapter, DEFAULT_LIMITS, is_set},
    cache::Cache,
    future::block_on,
    kernel::Pipelines,
    memory::Pool,
    product::cooperative::Units,
    stream::Stream,
};

/// Seconds to wait for the device before it is given up; `CORTEN_GPU_TIMEOUT` changes it.
const TIMEOUT_SECONDS: u64 = 300;

/// An open GPU: a cheap handle. What it computes is queued; only reading values waits.
#[derive(Clone)]
pub struct Gpu(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) adapter: &'static Adapter,
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    pub(crate) limits: wgpu::Limits,
    pub(crate) faults: Arc<Faults>,
    pub(crate) pool: Mutex<Pool>,
    pub(crate) stream: Mutex<Stream>,
    pub(crate) pipelines: Mutex<Pipelines>,
    /// Compiled shaders on disk.
    pub(crate) cache: Option<Arc<Cache>>,
    pub(crate) counters: Counters,
    /// Held while expressions are computed.
    pub(crate) computing: Mutex<()>,
    /// Matrix units that are asked for and there.
    pub(crate) units: Option<Units>,
    pub(crate) timeout: Duration,
    /// The process that opened the device: a forked one cannot use it.
    process: u32,
}

/// What a device has done since it was opened, and the memory it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    pub dispatches: u64,
    pub submits: u64,
    /// Shaders that were compiled.
    pub pipelines: u64,
    pub uploads: u64,
    pub upload_bytes: u64,
    pub downloads: u64,
    pub download_bytes: u64,
    /// Bytes of tensors.
    pub live_bytes: u64,
    /// Bytes kept for the next tensors.
    pub pooled_bytes: u64,
    /// The most bytes of tensors at one time.
    pub peak_bytes: u64,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) dispatches: AtomicU64,
    pub(crate) submits: AtomicU64,
    pub(crate) pipelines: AtomicU64,
    pub(crate) uploads: AtomicU64,
    pub(crate) upload_bytes: AtomicU64,
    pub(crate) downloads: AtomicU64,
    pub(crate) download_bytes: AtomicU64,
}

pub(crate) fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

/// What the driver reported outside any call that could return it.
#[derive(Default)]
pub(crate) struct Faults {
    lost: AtomicBool,
    reason: Mutex<String>,
    /// Whether another device takes its place.
    replaced: AtomicBool,
    first: Mutex<Option<Fault>>,
}

enum Fault {
    Memory,
    Other(String),
}

/// A lock whose data stays usable if a thread panicked: every change under it is complete at any point that can panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Faults {
    fn note(&self, error: wgpu::Error) {
        let mut first = lock(&self.first);
        if first.is_none() {
            *first = Some(match error {
                wgpu::Error::OutOfMemory { .. } => Fault::Memory,
                wgpu::Error::Validation { description, .. } | wgpu::Error::Internal { description, .. } => {
                    Fault::Other(description)
                }
            });
        }
    }

    pub(crate) fn lose(&self, reason: String) {
        let mut first = lock(&self.reason);
        // A driver goes on complaining about a device that is gone.
        if !self.lost.load(Ordering::Acquire) {
            *first = reason;
            self.lost.store(true, Ordering::Release);
        }
    }
}

impl Gpu {
    pub(crate) fn new(adapter: &'static Adapter, handle: &wgpu::Adapter) -> Result<Self> {
        let plain = is_set(DEFAULT_LIMITS);
        let mut wanted = wgpu::Features::SUBGROUP
            | wgpu::Features::SHADER_F16
            | wgpu::Features::PIPELINE_CACHE
            | wgpu::Features::TIMESTAMP_QUERY;
        let units = if plain { None } else { Units::of(handle) };
        if units.is_some() {
            wanted |= wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
        }
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("corten"),
            required_features: if plain { wgpu::Features::empty() } else { handle.features() & wanted },
            required_limits: if plain { wgpu::Limits::default() } else { handle.limits() },
            memory_hints: wgpu::MemoryHints::Performance,
            experimental_features: Units::experiment(units),
            ..wgpu::DeviceDescriptor::default()
        };
        let (device, queue) = block_on(handle.request_device(&descriptor))
            .map_err(|error| Error::device(format!("GPU {} ({}): {error}", adapter.index, adapter.name)))?;
        let faults = Arc::new(Faults::default());
        let uncaptured = Arc::clone(&faults);
        device.on_uncaptured_error(Arc::new(move |error| uncaptured.note(error)));
        let losing = Arc::clone(&faults);
        device.set_device_lost_callback(move |reason, message| {
            let message = message.trim();
            losing.lose(if message.is_empty() { format!("{reason:?}") } else { message.to_owned() });
        });
        let seconds = std::env::var("CORTEN_GPU_TIMEOUT").ok().and_then(|value| value.parse().ok());
        let limits = device.limits();
        let stream = Stream::new(&device);
        let cache = Cache::open(&device, &handle.get_info()).map(Arc::new);
        let pipelines = Pipelines::new(&device, cache.clone());
        Ok(Self(Arc::new(Shared {
            adapter,
            limits,
            faults,
            pool: Mutex::new(Pool::default()),
            stream: Mutex::new(stream),
            pipelines: Mutex::new(pipelines),
            cache,
            counters: Counters::default(),
            computing: Mutex::new(()),
            units,
            timeout: Duration::from_secs(seconds.unwrap_or(TIMEOUT_SECONDS).max(1)),
            process: std::process::id(),
            device,
            queue,
        })))
    }

    /// The place of its adapter among [`crate::adapters`].
    pub fn index(&self) -> usize {
        self.0.adapter.index
    }

    pub fn adapter(&self) -> &'static Adapter {
        self.0.adapter
    }

    /// Whether both handles are of one device.
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether arrays of a dtype can lie on this device.
    pub fn supports(&self, dtype: DType) -> bool {
        match dtype {
            DType::Bool | DType::U32 | DType::I32 | DType::F32 => true,
            DType::F16 => self.0.device.features().contains(wgpu::Features::SHADER_F16),
            DType::U8 | DType::U16 | DType::U64 | DType::I8 | DType::I16 | DType::I64 | DType::BF16 | DType::F64 => {
                false
            }
        }
    }

    /// Refuses dtypes that the device has not got.
    ///
    /// # Errors
    /// The dtype is not [supported](Self::supports); the message says the way out.
    pub fn check(&self, op: &str, dtype: DType) -> Result<()> {
        if self.supports(dtype) {
            return Ok(());
        }
        let instead = match dtype {
            DType::U64 => "uint32",
            DType::U8 | DType::U16 | DType::I8 | DType::I16 | DType::I64 => "int32",
            DType::Bool | DType::U32 | DType::I32 | DType::BF16 | DType::F16 | DType::F32 | DType::F64 => "float32",
        };
        Err(Error::dtype(format!(
            "{op}: the GPU has no {dtype}; use .astype(\"{instead}\"), or run this on device \"cpu\""
        )))
    }

    /// Whether the driver has given the device up; every op gives an error then.
    pub fn is_lost(&self) -> bool {
        self.0.faults.lost.load(Ordering::Acquire)
    }

    /// Gives the device up on purpose, as a driver that resets does: for tests of what happens then.
    pub fn destroy(&self) {
        self.0.faults.lose("it was destroyed".to_owned());
        self.0.device.destroy();
    }

    /// Gives the device up, as another one is to take its place.
    pub(crate) fn retire(&self) {
        self.keep_pipelines();
        self.0.faults.lose("it was reset".to_owned());
        self.0.faults.replaced.store(true, Ordering::Release);
        if self.0.process == std::process::id() {
            self.0.device.destroy();
        }
    }

    /// Writes compiled shaders to disk, for the next process.
    pub(crate) fn keep_pipelines(&self) {
        if let Some(cache) = self.0.cache.as_ref().filter(|_| self.alive().is_ok()) {
            cache.keep();
        }
    }

    /// What the device has done; what waits counts too, and goes to the queue for that.
    pub fn statistics(&self) -> Statistics {
        self.step_ends();
        let counters = &self.0.counters;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let pool = lock(&self.0.pool);
        Statistics {
            dispatches: get(&counters.dispatches),
            submits: get(&counters.submits),
            pipelines: get(&counters.pipelines),
            uploads: get(&counters.uploads),
            upload_bytes: get(&counters.upload_bytes),
            downloads: get(&counters.downloads),
            download_bytes: get(&counters.download_bytes),
            live_bytes: pool.live,
            pooled_bytes: pool.pooled,
            peak_bytes: pool.peak,
        }
    }

    /// How often shaders were dispatched, by the names of the ops in them; for those that were.
    pub fn kernels(&self) -> BTreeMap<String, u64> {
        self.step_ends();
        let mut found = BTreeMap::new();
        for pipeline in lock(&self.0.pipelines).all() {
            match pipeline.dispatches.load(Ordering::Relaxed) {
                0 => {}
                n => *found.entry(pipeline.shader.name.clone()).or_default() += n,
            }
        }
        found
    }

    /// Puts what waits in order: where work that repeats ends, so that it is put in the same order each time.
    pub fn step_ends(&self) {
        if self.alive().is_ok() {
            // What goes wrong is a lost device, or one that does not answer: the next op says so.
            drop(lock(&self.0.stream).put_in_order(self));
        }
    }

    /// Sends what is queued to the device, without waiting for it.
    ///
    /// # Errors
    /// The device was lost, or something before went wrong on it.
    pub fn flush(&self) -> Result<()> {
        self.alive()?;
        lock(&self.0.stream).flush(self)?;
        self.raise()
    }

    /// Waits until everything queued is done.
    ///
    /// # Errors
    /// The device was lost, does not answer, or something went wrong on it: an index out of range for example.
    pub fn synchronize(&self) -> Result<()> {
        crate::stream::read(self, None, &mut |_| ())
    }

    /// Gives memory that is kept for the next tensors back to the driver.
    pub fn empty_cache(&self) {
        let mut stream = lock(&self.0.stream);
        // What goes wrong here is reported by the next op.
        if !self.is_lost() && stream.flush(self).is_err() {
            return;
        }
        stream.forget_groups();
        lock(&self.0.pool).clear();
        drop(stream);
        if let Err(error) =
            self.0.device.poll(wgpu::PollType::Wait { submission_index: None, timeout: Some(self.0.timeout) })
        {
            self.0.faults.lose(format!("{error}"));
        }
    }

    /// Bounds the memory of tensors and what is kept for the next ones; `None` leaves it to the driver.
    pub fn set_memory_limit(&self, bytes: Option<u64>) {
        lock(&self.0.pool).limit = bytes;
    }

    /// An error if the device was lost.
    pub(crate) fn alive(&self) -> Result<()> {
        if !self.is_lost() {
            if self.0.process == std::process::id() {
                return Ok(());
            }
            return Err(Error::device(format!(
                "GPU {} was opened before this process was forked, and cannot be used in it: start processes with \
                 multiprocessing.get_context(\"spawn\"), or use the GPU in the child alone",
                self.index()
            )));
        }
        let (index, name) = (self.index(), &self.0.adapter.name);
        let reason = lock(&self.0.faults.reason).trim_end_matches('.').to_owned();
        let restored = "a model's weights come back from a file: load_weights, or fit with BackupAndRestore";
        Err(Error::device(if self.0.faults.replaced.load(Ordering::Acquire) {
            format!(
                "GPU {index} ({name}) was lost: {reason}. An operand was on it and is gone, though the GPU works again: \
                 make it anew; {restored}"
            )
        } else {
            format!(
                "GPU {index} ({name}) was lost: {reason}. What was on it is gone, the CPU works on. \
                 corten.config.reset_device(\"gpu:{index}\") opens it anew; {restored}"
            )
        }))
    }

    /// The first error that the driver reported on its own.
    pub(crate) fn raise(&self) -> Result<()> {
        self.alive()?;
        match lock(&self.0.faults.first).take() {
            None => Ok(()),
            Some(Fault::Memory) => Err(Error::Memory { bytes: 0, wanted: " on the GPU".to_owned() }),
            Some(Fault::Other(description)) => {
                Err(Error::device(format!("GPU {} ({}): {description}", self.index(), self.0.adapter.name)))
            }
        }
    }
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gpu").field("index", &self.index()).field("name", &self.0.adapter.name).finish()
    }
}

/// Layouts of bind groups by how many buffers there are and which of them are written.
pub(crate) type Layouts = HashMap<(usize, u32), Arc<GroupLayout>>;

pub(crate) struct GroupLayout {
    pub(crate) buffers: wgpu::BindGroupLayout,
    pub(crate) pipeline: wgpu::PipelineLayout,
}
