//! Which graphics adapters there are, and which of them may be used.
//!
//! A driver that computes on the CPU is listed but refused: it is slower than Corten's own CPU kernels, and
//! choosing it without being asked would look like a slow GPU.

use std::sync::{Mutex, OnceLock};

use corten_core::{Error, Result};

use crate::{
    device::{Gpu, lock},
    future::block_on,
};

/// Set to 1, it allows adapters that compute on the CPU: for tests.
pub const ALLOW_SOFTWARE: &str = "CORTEN_ALLOW_SOFTWARE_GPU";
/// Set to 1, devices are opened with the limits that every adapter has, and without optional features: for tests.
pub const DEFAULT_LIMITS: &str = "CORTEN_GPU_DEFAULT_LIMITS";

/// What an adapter is, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AdapterKind {
    Discrete,
    Integrated,
    Virtual,
    Other,
    /// A driver that computes on the CPU.
    Software,
}

impl AdapterKind {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Discrete => "discrete GPU",
            Self::Integrated => "integrated GPU",
            Self::Virtual => "virtual GPU",
            Self::Other => "other",
            Self::Software => "software",
        }
    }

    const fn of(kind: wgpu::DeviceType) -> Self {
        match kind {
            wgpu::DeviceType::DiscreteGpu => Self::Discrete,
            wgpu::DeviceType::IntegratedGpu => Self::Integrated,
            wgpu::DeviceType::VirtualGpu => Self::Virtual,
            wgpu::DeviceType::Cpu => Self::Software,
            wgpu::DeviceType::Other => Self::Other,
        }
    }
}

/// One graphics adapter of this machine.
#[derive(Clone, Debug)]
pub struct Adapter {
    /// Its place among [`adapters`].
    pub index: usize,
    pub name: String,
    /// The interface it is reached through: `vulkan`, `metal` or `dx12`.
    pub backend: &'static str,
    pub kind: AdapterKind,
    /// The driver's name and version; may be empty.
    pub driver: String,
    /// Why it may not be used, and what would allow it; `None` if it may.
    pub refusal: Option<String>,
    /// Whether its shaders have 16-bit floats.
    pub float16: bool,
    /// Bytes of the largest array.
    pub max_buffer_bytes: u64,
}

struct Found {
    adapter: Adapter,
    handle: wgpu::Adapter,
}

fn found() -> &'static [Found] {
    static FOUND: OnceLock<Vec<Found>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = backends;
        descriptor.flags = wgpu::InstanceFlags::empty();
        let instance = wgpu::Instance::new(descriptor);
        let mut all: Vec<Found> = block_on(instance.enumerate_adapters(backends)).into_iter().map(describe).collect();
        // Stable: among equals the driver's order stays.
        all.sort_by_key(|found| (found.adapter.refusal.is_some(), found.adapter.kind));
        for (index, found) in all.iter_mut().enumerate() {
            found.adapter.index = index;
        }
        all
    })
}

pub(crate) fn is_set(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| value == "1")
}

fn describe(handle: wgpu::Adapter) -> Found {
    let info = handle.get_info();
    let kind = AdapterKind::of(info.device_type);
    let backend = match info.backend {
        wgpu::Backend::Vulkan => "vulkan",
        wgpu::Backend::Metal => "metal",
        wgpu::Backend::Dx12 => "dx12",
        wgpu::Backend::Gl => "gl",
        wgpu::Backend::BrowserWebGpu => "webgpu",
        wgpu::Backend::Noop => "none",
    };
    let refusal = if kind == AdapterKind::Software && !is_set(ALLOW_SOFTWARE) {
        Some(format!(
            "it computes on the CPU, slower than Corten's own CPU kernels; set {ALLOW_SOFTWARE}=1 to test with it"
        ))
    } else if !handle.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS) {
        Some("it has no compute shaders".to_owned())
    } else {
        None
    };
    let limits = if is_set(DEFAULT_LIMITS) { wgpu::Limits::default() } else { handle.limits() };
    let adapter = Adapter {
        index: 0,
        name: info.name,
        backend,
        kind,
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        refusal,
        float16: handle.features().contains(wgpu::Features::SHADER_F16) && !is_set(DEFAULT_LIMITS),
        max_buffer_bytes: limits.max_buffer_size.min(limits.max_storage_buffer_binding_size),
    };
    Found { adapter, handle }
}

/// All adapters, best first; those that may be used come before the others. Looked for once, on the first call;
/// a machine without a graphics driver has none.
pub fn adapters() -> &'static [Adapter] {
    static ADAPTERS: OnceLock<Vec<Adapter>> = OnceLock::new();
    ADAPTERS.get_or_init(|| found().iter().map(|found| found.adapter.clone()).collect())
}

/// Devices that were opened, by index of their adapter.
static OPENED: OnceLock<Mutex<Vec<Option<Gpu>>>> = OnceLock::new();

fn opened() -> &'static Mutex<Vec<Option<Gpu>>> {
    OPENED.get_or_init(|| Mutex::new(vec![None; found().len()]))
}

/// The device of an adapter: opened on the first call, the same one afterwards until [`close`].
///
/// # Errors
/// There is no such adapter, it may not be used, or its driver fails.
pub fn open(index: usize) -> Result<Gpu> {
    let Some(found) = found().get(index) else {
        return Err(Error::device(match adapters() {
            [] => {
                "no GPU was found: install a driver with Vulkan, Metal or DirectX 12, or use device \"cpu\"".to_owned()
            }
            all => format!("there is no GPU {index}: this machine has {}; the first is \"gpu:0\"", all.len()),
        }));
    };
    if let Some(refusal) = &found.adapter.refusal {
        return Err(Error::device(format!("GPU {index} ({}) is not used: {refusal}", found.adapter.name)));
    }
    let mut opened = lock(opened());
    if let Some(gpu) = &opened[index] {
        return Ok(gpu.clone());
    }
    let gpu = Gpu::new(&adapters()[index], &found.handle)?;
    gpu.try_units()?;
    opened[index] = Some(gpu.clone());
    Ok(gpu)
}

/// Gives the device of an adapter up, after a loss for example: the next [`open`] makes a new one, and buffers of the
/// old one give errors from then on.
pub fn close(index: usize) {
    let taken = lock(opened()).get_mut(index).and_then(Option::take);
    if let Some(gpu) = taken {
        gpu.retire();
    }
}

/// Writes what is to be there for the next process: compiled shaders. For the end of a program.
pub fn keep() {
    // No lock is waited for: at the end of a program its holder may be gone.
    let open: Vec<Gpu> = match OPENED.get().map(Mutex::try_lock) {
        Some(Ok(opened)) => opened.iter().flatten().cloned().collect(),
        Some(Err(_)) | None => Vec::new(),
    };
    for gpu in open {
        gpu.keep_pipelines();
    }
}
