//! Cumulative reductions.
use corten_core::{Error, Result, ScanOp};

use crate::{In, memory::Buffer};

pub(crate) fn scan(op: ScanOp, _x: In<'_>, _axis: usize, _reverse: bool) -> Result<Buffer> {
    Err(Error::unsupported(op.name()))
}
