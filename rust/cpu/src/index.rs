//! Movement by index.
use corten_core::{Error, Result, ScatterMode};

use crate::{In, memory::Buffer};

pub(crate) fn gather(_x: In<'_>, _indices: In<'_>, _axis: usize) -> Result<Buffer> {
    Err(Error::unsupported("take"))
}
pub(crate) fn scatter(_m: ScatterMode, _b: In<'_>, _i: In<'_>, _u: In<'_>, _axis: usize) -> Result<Buffer> {
    Err(Error::unsupported("scatter"))
}
pub(crate) fn take_along(_x: In<'_>, _indices: In<'_>, _axis: usize) -> Result<Buffer> {
    Err(Error::unsupported("take_along_axis"))
}
pub(crate) fn scatter_along(_m: ScatterMode, _b: In<'_>, _i: In<'_>, _u: In<'_>, _axis: usize) -> Result<Buffer> {
    Err(Error::unsupported("scatter_along_axis"))
}
