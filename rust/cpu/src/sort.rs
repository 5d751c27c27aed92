//! Sorting and searching.
use corten_core::{Error, Result};

use crate::{In, memory::Buffer};

pub(crate) fn sort(_x: In<'_>, _axis: usize, _descending: bool) -> Result<(Buffer, Buffer)> {
    Err(Error::unsupported("sort"))
}
pub(crate) fn top_k(_x: In<'_>, _k: usize) -> Result<(Buffer, Buffer)> {
    Err(Error::unsupported("top_k"))
}
pub(crate) fn search_sorted(_sorted: In<'_>, _values: In<'_>, _right: bool) -> Result<Buffer> {
    Err(Error::unsupported("searchsorted"))
}
