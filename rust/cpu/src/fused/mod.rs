//! Fused forms. `None` means that the reference composition is used.
use corten_core::{FusedOp, Result};

use crate::{In, memory::Buffer};

pub(crate) fn fused(_op: &FusedOp, _inputs: &[In<'_>]) -> Result<Option<Vec<Buffer>>> {
    Ok(None)
}

pub(crate) fn fused_grad(
    _op: &FusedOp,
    _inputs: &[In<'_>],
    _outputs: &[In<'_>],
    _grads: &[Option<In<'_>>],
    _needs: &[bool],
) -> Result<Option<Vec<Option<Buffer>>>> {
    Ok(None)
}
