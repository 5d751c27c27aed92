//! Convolutions.
use corten_core::{ConvSpec, Error, Result};

use crate::{In, memory::Buffer};

pub(crate) fn conv(_spec: &ConvSpec, _x: In<'_>, _w: In<'_>, _out: &[usize]) -> Result<Buffer> {
    Err(Error::unsupported("conv: not available on this device yet"))
}
pub(crate) fn conv_grad_input(_spec: &ConvSpec, _dy: In<'_>, _w: In<'_>, _out: &[usize]) -> Result<Buffer> {
    Err(Error::unsupported("conv_transpose: not available on this device yet"))
}
pub(crate) fn conv_grad_weight(_spec: &ConvSpec, _x: In<'_>, _dy: In<'_>, _out: &[usize]) -> Result<Buffer> {
    Err(Error::unsupported("conv_grad_weight: not available on this device yet"))
}
