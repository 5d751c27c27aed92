//! Pooling.
use corten_core::{Error, PoolSpec, Result};

use crate::{In, memory::Buffer};

pub(crate) fn max_pool(_spec: &PoolSpec, _x: In<'_>, _out: &[usize]) -> Result<Buffer> {
    Err(Error::unsupported("max_pool: not available on this device yet"))
}
pub(crate) fn max_pool_grad(_spec: &PoolSpec, _x: In<'_>, _dy: In<'_>) -> Result<Buffer> {
    Err(Error::unsupported("max_pool_grad: not available on this device yet"))
}
pub(crate) fn max_pool_select(_spec: &PoolSpec, _x: In<'_>, _v: In<'_>, _out: &[usize]) -> Result<Buffer> {
    Err(Error::unsupported("max_pool_select: not available on this device yet"))
}
pub(crate) fn avg_pool(_spec: &PoolSpec, _x: In<'_>, _out: &[usize]) -> Result<Buffer> {
    Err(Error::unsupported("average_pool: not available on this device yet"))
}
pub(crate) fn avg_pool_grad(_spec: &PoolSpec, _dy: In<'_>, _out: &[usize]) -> Result<Buffer> {
    Err(Error::unsupported("average_pool_grad: not available on this device yet"))
}
