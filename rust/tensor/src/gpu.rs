//! The backend of GPUs, `corten-wgpu`, as tensors need it.

use std::sync::Arc;

use corten_core::{Backend, DType, Layout, Result, View};

pub use corten_wgpu::{Adapter, Buffer, Gpu, Statistics, adapters, chosen_tile, close, force_tile, keep};

use crate::{
    device::Device,
    storage::{Home, Storage},
    tensor::Tensor,
};

/// The GPU of that number.
///
/// # Errors
/// There is none, or it cannot be used.
#[inline]
pub fn open(index: u8) -> Result<Gpu> {
    corten_wgpu::open(usize::from(index))
}

/// Asks for a tensor's values if they wait for somebody who reads them. Elsewhere they are there.
///
/// # Errors
/// The GPU was lost or has no memory for them.
pub fn compute(x: &Tensor) -> Result<()> {
    if let Storage::Gpu(buffer) = x.storage() { buffer.compute() } else { Ok(()) }
}

/// Where a buffer is.
#[inline]
pub(crate) fn device_of(buffer: &Buffer) -> Device {
    Device::Gpu(buffer.gpu().index() as u8)
}

impl Home for Gpu {
    #[inline]
    fn store(buffer: Buffer) -> Storage {
        Storage::Gpu(Arc::new(buffer))
    }

    #[inline]
    fn memory(storage: &Storage) -> Option<&Buffer> {
        if let Storage::Gpu(buffer) = storage { Some(buffer) } else { None }
    }

    #[inline]
    fn exclusive(storage: &mut Storage) -> Option<&mut Buffer> {
        let Storage::Gpu(buffer) = storage else { return None };
        Arc::get_mut(buffer)
    }

    #[inline]
    fn is_filled_by(buffer: &Buffer, _: DType, len: usize) -> bool {
        buffer.elements() == len
    }

    fn set_slices(
        &self,
        _: &mut Buffer,
        _: (DType, &Layout),
        _: View<'_, <Self as Backend>::Buffer>,
        _: View<'_, <Self as Backend>::Buffer>,
        _: usize,
    ) -> Result<bool> {
        Ok(false)
    }
}
