//! Dense linear algebra.
use corten_core::{Error, LinalgOp, Result};

use crate::{In, memory::Buffer};

pub(crate) fn linalg(op: LinalgOp, _inputs: &[In<'_>]) -> Result<Vec<Buffer>> {
    Err(Error::unsupported(format!("{}: not available on this device yet", op.name())))
}
