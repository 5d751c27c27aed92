//! Reductions.
use corten_core::{ArgReduceOp, Error, ReduceOp, Result};

use crate::{In, memory::Buffer};

pub(crate) fn reduce(op: ReduceOp, _x: In<'_>, _axes: &[usize]) -> Result<Buffer> {
    Err(Error::unsupported(op.name()))
}
pub(crate) fn arg_reduce(op: ArgReduceOp, _x: In<'_>, _axis: usize) -> Result<Buffer> {
    Err(Error::unsupported(op.name()))
}
