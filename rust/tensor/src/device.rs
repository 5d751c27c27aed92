//! Devices by name, and the one that new tensors are made on.

use corten_core::{DType, Error, Result, Scalar};

/// Where values are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Device {
    #[default]
    Cpu,
    /// Carries shape and dtype only: symbolic inputs, shape dry-runs.
    Meta,
    /// The GPU of this number.
    #[cfg(feature = "gpu")]
    Gpu(u8),
}

/// So many GPUs have names.
#[cfg(feature = "gpu")]
const GPU_NAMES: [&str; 16] = [
    "gpu:0", "gpu:1", "gpu:2", "gpu:3", "gpu:4", "gpu:5", "gpu:6", "gpu:7", "gpu:8", "gpu:9", "gpu:10", "gpu:11",
    "gpu:12", "gpu:13", "gpu:14", "gpu:15",
];

impl Device {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Meta => "meta",
            #[cfg(feature = "gpu")]
            Self::Gpu(index) => GPU_NAMES[index as usize],
        }
    }

    /// The device of that name: `cpu`, `gpu:0`, `meta`; in any case, the number left out for the first one, and as
    /// `TensorFlow` writes it (`/GPU:0`, `/device:GPU:0`).
    ///
    /// # Errors
    /// There is no such device in this build.
    pub fn from_name(name: &str) -> Result<Self> {
        let plain = name.to_ascii_lowercase();
        let plain = plain.strip_prefix('/').unwrap_or(&plain);
        let plain = plain.strip_prefix("device:").unwrap_or(plain);
        let (kind, number) = plain.split_once(':').unwrap_or((plain, "0"));
        match (kind, number.parse::<usize>()) {
            ("cpu", Ok(0)) => Ok(Self::Cpu),
            ("meta", Ok(0)) => Ok(Self::Meta),
            ("gpu", Ok(index)) => gpu_of(name, index),
            _ => Err(Error::argument(format!("device: there is no {name:?}; known: {KNOWN}"))),
        }
    }
}

impl Device {
    /// The dtype of new values up to `largest`: integers that a GPU lacks are int32 there.
    pub fn dtype_of_new(self, dtype: DType, largest: Scalar) -> DType {
        let lacks = matches!(dtype, DType::I8 | DType::I16 | DType::I64 | DType::U8 | DType::U16 | DType::U64);
        let fits = largest.to_f64().abs() <= f64::from(i32::MAX);
        if lacks && fits && !matches!(self, Self::Cpu | Self::Meta) { DType::I32 } else { dtype }
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(feature = "gpu")]
const KNOWN: &str = "cpu, meta, gpu:0 to gpu:15";
#[cfg(not(feature = "gpu"))]
const KNOWN: &str = "cpu, meta";

#[cfg(feature = "gpu")]
fn gpu_of(name: &str, index: usize) -> Result<Device> {
    if index < GPU_NAMES.len() {
        return Ok(Device::Gpu(index as u8));
    }
    Err(Error::argument(format!("device: there is no {name:?}; known: {KNOWN}")))
}

#[cfg(not(feature = "gpu"))]
fn gpu_of(name: &str, _: usize) -> Result<Device> {
    Err(Error::argument(format!(
        "device: there is no {name:?}: this build of Corten has the CPU only. Use 'cpu', or build Corten with its GPU \
         backend: `make wheel-gpu` in its sources (docs/gpu.md)"
    )))
}

/// Whether this build has GPUs.
pub const HAS_GPUS: bool = cfg!(feature = "gpu");

#[cfg(feature = "gpu")]
mod default {
    use std::{
        cell::Cell,
        sync::atomic::{AtomicU8, Ordering},
    };

    use super::Device;

    /// 0 is the CPU, 1 the first GPU.
    static EVERYWHERE: AtomicU8 = AtomicU8::new(0);

    thread_local! {
        static HERE: Cell<Option<Device>> = const { Cell::new(None) };
    }

    /// Where new tensors of this thread are made.
    #[inline]
    pub fn current() -> Device {
        HERE.get().unwrap_or_else(everywhere)
    }

    /// Where new tensors are made that no scope says it of.
    #[inline]
    pub fn everywhere() -> Device {
        match EVERYWHERE.load(Ordering::Relaxed) {
            0 => Device::Cpu,
            number => Device::Gpu(number - 1),
        }
    }

    /// Sets where new tensors are made that no scope says it of.
    pub fn set_everywhere(device: Device) {
        let number = if let Device::Gpu(index) = device { index + 1 } else { 0 };
        EVERYWHERE.store(number, Ordering::Relaxed);
    }

    /// Sets where new tensors of this thread are made; gives what was set before.
    pub fn set_here(device: Option<Device>) -> Option<Device> {
        HERE.replace(device)
    }

    /// Puts back where new tensors are made when dropped.
    #[derive(Debug)]
    pub(crate) struct Within(Option<Device>);

    impl Drop for Within {
        fn drop(&mut self) {
            HERE.set(self.0);
        }
    }

    /// New tensors are made there until the guard is dropped; a device without values changes nothing.
    #[must_use]
    pub(crate) fn within(device: Device) -> Within {
        let before = HERE.get();
        if device != Device::Meta {
            HERE.set(Some(device));
        }
        Within(before)
    }
}

#[cfg(not(feature = "gpu"))]
mod default {
    use super::Device;

    /// Where new tensors of this thread are made.
    #[inline]
    pub const fn current() -> Device {
        Device::Cpu
    }

    /// Where new tensors are made that no scope says it of.
    pub const fn everywhere() -> Device {
        Device::Cpu
    }

    /// Sets where new tensors are made that no scope says it of.
    pub const fn set_everywhere(_: Device) {}

    /// Sets where new tensors of this thread are made; gives what was set before.
    pub const fn set_here(device: Option<Device>) -> Option<Device> {
        device
    }

    #[derive(Debug)]
    pub(crate) struct Within;

    /// New tensors are made there until the guard is dropped.
    #[inline]
    #[must_use]
    pub(crate) const fn within(_: Device) -> Within {
        Within
    }
}

pub(crate) use default::within;
pub use default::{current, everywhere, set_everywhere, set_here};
