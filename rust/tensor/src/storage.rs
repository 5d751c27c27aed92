//! Where values live, and how a backend's memory is put there and found again.

use std::sync::Arc;

use corten_core::{Backend, DType, Layout, Result, View};
use corten_cpu::{Buffer, Cpu};

use crate::device::Device;
#[cfg(feature = "gpu")]
use crate::gpu;

/// The one CPU backend.
pub(crate) static CPU: Cpu = Cpu;

/// The memory behind a tensor, shared by its views.
#[derive(Clone, Debug)]
pub enum Storage {
    Cpu(Arc<Buffer>),
    Meta,
    #[cfg(feature = "gpu")]
    Gpu(Arc<gpu::Buffer>),
}

impl Storage {
    #[inline]
    pub fn device(&self) -> Device {
        match self {
            Self::Cpu(_) => Device::Cpu,
            Self::Meta => Device::Meta,
            #[cfg(feature = "gpu")]
            Self::Gpu(buffer) => gpu::device_of(buffer),
        }
    }
}

/// A backend whose memory tensors hold. Code that is written over it is compiled for each backend by itself.
pub(crate) trait Home: Backend + Sized {
    /// Takes memory over.
    fn store(buffer: Self::Buffer) -> Storage;
    /// The memory, if it is of this backend.
    fn memory(storage: &Storage) -> Option<&Self::Buffer>;
    /// The memory for writing, if it is of this backend and nobody else holds it.
    fn exclusive(storage: &mut Storage) -> Option<&mut Self::Buffer>;
    /// Whether these elements are all that is in the memory.
    fn is_filled_by(buffer: &Self::Buffer, dtype: DType, len: usize) -> bool;
    /// Replaces slices of row-major memory along an axis, where it lies. False where the backend cannot: nothing has
    /// changed then.
    fn set_slices(
        &self,
        base: &mut Self::Buffer,
        kind: (DType, &Layout),
        indices: View<'_, Self::Buffer>,
        updates: View<'_, Self::Buffer>,
        axis: usize,
    ) -> Result<bool>;
}

impl Home for Cpu {
    #[inline]
    fn store(buffer: Buffer) -> Storage {
        Storage::Cpu(Arc::new(buffer))
    }

    #[inline]
    fn memory(storage: &Storage) -> Option<&Buffer> {
        if let Storage::Cpu(buffer) = storage { Some(buffer) } else { None }
    }

    #[inline]
    fn exclusive(storage: &mut Storage) -> Option<&mut Buffer> {
        let Storage::Cpu(buffer) = storage else { return None };
        Arc::get_mut(buffer).filter(|buffer| !buffer.is_foreign())
    }

    #[inline]
    fn is_filled_by(buffer: &Buffer, dtype: DType, len: usize) -> bool {
        buffer.len_bytes() == len * dtype.size()
    }

    fn set_slices(
        &self,
        base: &mut Buffer,
        kind: (DType, &Layout),
        indices: View<'_, Buffer>,
        updates: View<'_, Buffer>,
        axis: usize,
    ) -> Result<bool> {
        Self::set_slices(*self, base, kind, indices, updates, axis).map(|()| true)
    }
}

/// Works with the backend of a device, as `$backend`. For a device without values the last argument is the error.
macro_rules! with_backend {
    ($device:expr, $backend:ident => $work:expr, $error:expr) => {
        match $device {
            $crate::Device::Cpu => {
                let $backend = &$crate::storage::CPU;
                $work
            }
            #[cfg(feature = "gpu")]
            $crate::Device::Gpu(index) => {
                let $backend = &$crate::gpu::open(index)?;
                $work
            }
            $crate::Device::Meta => return Err($error),
        }
    };
}
pub(crate) use with_backend;
