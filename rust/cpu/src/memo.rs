//! What kernels prepare of a buffer's contents, kept beside them until they change: weights that are multiplied with
//! again and again lie ready in panels.

use std::sync::{
    OnceLock,
    atomic::{AtomicU8, Ordering},
};

use corten_core::{DType, Result};

use crate::memory::Buffer;

/// The use from which preparing pays: what is used once only is not prepared.
const USES: u8 = 2;

/// The notes of one buffer.
#[derive(Default)]
pub(crate) struct Memo {
    uses: AtomicU8,
    panels: OnceLock<Box<Prepared>>,
}

/// The right operand of products in panels of adjacent columns.
pub(crate) struct Prepared {
    pub(crate) data: Buffer,
    pub(crate) dtype: DType,
    pub(crate) depth: usize,
    pub(crate) columns: usize,
}

impl Memo {
    /// The panels of contents that have been used before; `make` makes them the first time.
    pub(crate) fn panels(&self, make: impl FnOnce() -> Result<Prepared>) -> Result<Option<&Prepared>> {
        if let Some(panels) = self.panels.get() {
            return Ok(Some(panels));
        }
        // Several threads may count or make at once: the first to keep its panels wins, and all are alike.
        let uses = self.uses.load(Ordering::Relaxed) + 1;
        if uses < USES {
            self.uses.store(uses, Ordering::Relaxed);
            return Ok(None);
        }
        let made = Box::new(make()?);
        Ok(Some(self.panels.get_or_init(|| made)))
    }

    /// Forgets everything: the contents may change.
    #[inline]
    pub(crate) fn clear(&mut self) {
        if *self.uses.get_mut() > 0 {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::stats;

    fn prepared() -> Result<Prepared> {
        Ok(Prepared { data: Buffer::from_slice(&[0f32; 4096])?, dtype: DType::F32, depth: 64, columns: 64 })
    }

    #[test]
    fn kept_from_the_second_use_until_the_contents_change() {
        let mut buffer = Buffer::from_slice(&[1f32; 4096]).expect("memory");
        for _ in 0..2 {
            assert!(buffer.memo().panels(prepared).expect("no error").is_none());
            assert!(buffer.memo().panels(prepared).expect("no error").is_some());
            assert!(buffer.memo().panels(|| unreachable!("made already")).expect("no error").is_some());
            buffer.as_mut_slice::<f32>()[0] = 2.0;
        }
        assert!(buffer.memo().panels(prepared).expect("no error").is_none());
        buffer.as_mut_bytes()[0] = 1;
        assert!(buffer.memo().panels(prepared).expect("no error").is_none());
    }

    #[test]
    fn memory_is_counted_and_freed() {
        let buffer = Buffer::from_slice(&[1f32; 4096]).expect("memory");
        let bytes =
            |buffer: &Buffer| buffer.memo().panels(prepared).expect("no error").map(|made| made.data.len_bytes());
        assert_eq!([bytes(&buffer), bytes(&buffer)], [None, Some(4 * 4096)]);
        assert!(stats().allocated >= 8 * 4096);
    }
}
