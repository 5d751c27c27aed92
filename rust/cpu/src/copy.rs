//! Copies, fills and host transfers.
use corten_core::{DType, Error, Layout, Result, Scalar};

use crate::{In, memory::Buffer};

fn later<T>(name: &str) -> Result<T> {
    Err(Error::unsupported(format!("{name}: not available on this device yet")))
}
pub(crate) fn upload(_dtype: DType, _bytes: &[u8]) -> Result<Buffer> {
    later("upload")
}
pub(crate) fn download(_x: In<'_>, _out: &mut [u8]) -> Result<()> {
    later("download")
}
pub(crate) fn copy(_x: In<'_>, _out: &mut Buffer, _layout: &Layout) -> Result<()> {
    later("copy")
}
pub(crate) fn fill(_dtype: DType, _len: usize, _value: Scalar) -> Result<Buffer> {
    later("full")
}
pub(crate) fn iota(_dtype: DType, _len: usize) -> Result<Buffer> {
    later("arange")
}
