//! Operands as row-major slices, for kernels that gain nothing from strides.

use corten_core::{Element, Layout, Result};

use crate::{
    In, copy,
    memory::{self, Buffer},
};

/// The operand row-major: itself, or a copy.
pub(crate) enum Dense<'a, S> {
    Here(&'a [S]),
    Copied(Buffer),
}

impl<'a, S: Element> Dense<'a, S> {
    pub(crate) fn new(x: In<'a>) -> Result<Self> {
        if let Some(slice) = memory::contiguous::<S>(x) {
            return Ok(Self::Here(slice));
        }
        let mut buffer = Buffer::for_elements(S::DTYPE, x.layout.len())?;
        copy::copy(x, &mut buffer, &Layout::contiguous(x.layout.shape()))?;
        Ok(Self::Copied(buffer))
    }

    pub(crate) fn slice(&self) -> &[S] {
        match self {
            Self::Here(slice) => slice,
            Self::Copied(buffer) => buffer.as_slice(),
        }
    }
}
