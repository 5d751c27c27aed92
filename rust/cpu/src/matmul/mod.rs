//! Matrix products.
use corten_core::{Error, Result};

use crate::{In, memory::Buffer};

pub(crate) fn matmul(_a: In<'_>, _b: In<'_>) -> Result<Buffer> {
    Err(Error::unsupported("matmul: not available on this device yet"))
}
