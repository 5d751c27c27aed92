//! Counter-based random numbers.
use corten_core::{DType, Distribution, Error, Key, Result};

use crate::{In, memory::Buffer};

pub(crate) fn random(_distribution: Distribution, _dtype: DType, _len: usize, _key: Key) -> Result<Buffer> {
    Err(Error::unsupported("random: not available on this device yet"))
}
pub(crate) fn random_gamma(_alpha: In<'_>, _key: Key) -> Result<Buffer> {
    Err(Error::unsupported("random_gamma: not available on this device yet"))
}
