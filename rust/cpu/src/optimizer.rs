//! Optimizer steps over many parameters at once.
use corten_core::{DType, Error, OptimizerOp, Parameter, Result};

use crate::memory::Buffer;

pub(crate) fn optimizer_step(
    _op: &OptimizerOp,
    _dtype: DType,
    _parameters: &mut [Parameter<'_, Buffer>],
) -> Result<()> {
    Err(Error::unsupported("optimizer_step: not available on this device yet"))
}
