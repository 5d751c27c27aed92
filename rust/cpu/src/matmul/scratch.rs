//! Working memory of kernels: blocks kept per thread, so that packing never asks the system twice. Large ones come
//! from the allocator of tensors. For panels and tiles; whatever grows with an operand is a [`Buffer`].

use std::{cell::RefCell, marker::PhantomData, ops};

use corten_core::{DType, Element};

use crate::memory::Buffer;

/// One cache line; blocks are vectors of these, hence aligned.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

enum Block {
    Own(Vec<Line>),
    /// Large ones come from the allocator of tensors, which keeps them itself.
    Large(Buffer),
}

/// Blocks a thread keeps.
const KEPT: usize = 6;
/// Bytes from which blocks are large, and what such a block has at least: then the allocator asks for huge pages.
const LARGE: usize = 1 << 20;
const HUGE: usize = 4 << 20;

thread_local! {
    static FREE: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// `len` elements of unspecified value, returned to the thread when dropped.
pub(crate) struct Scratch<T> {
    block: Block,
    len: usize,
    elements: PhantomData<T>,
}

impl<T: Element> Scratch<T> {
    pub(crate) fn new(len: usize) -> Self {
        assert!(T::DTYPE != DType::Bool, "not all bytes are truth values");
        let bytes = len * size_of::<T>();
        #[cfg(all(target_os = "linux", any(test, feature = "guard-pages")))]
        if crate::memory::guard::is_on()
            && let Ok(buffer) = Buffer::alloc(bytes.next_multiple_of(size_of::<Line>()))
        {
            return Self { block: Block::Large(buffer), len, elements: PhantomData };
        }
        if bytes >= LARGE
            && let Ok(buffer) = Buffer::alloc(bytes.max(HUGE))
        {
            return Self { block: Block::Large(buffer), len, elements: PhantomData };
        }
        let lines = bytes.div_ceil(64);
        let kept = FREE.with_borrow_mut(|free| {
            // The smallest that is large enough, else the largest, which grows.
            let best = (0..free.len()).min_by_key(|&i| {
                let capacity = free[i].len();
                if capacity >= lines { (0, capacity) } else { (1, usize::MAX - capacity) }
            });
            best.map(|i| free.swap_remove(i))
        });
        let mut block = kept.unwrap_or_default();
        if block.len() < lines {
            // A new vector rather than a longer one: nothing needs to be copied.
            block = vec![Line([0; 64]); lines];
        }
        Self { block: Block::Own(block), len, elements: PhantomData }
    }

    pub(crate) fn zeroed(len: usize) -> Self {
        let mut scratch = Self::new(len);
        scratch.fill(T::ZERO);
        scratch
    }
}

impl<T> ops::Deref for Scratch<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        let start: *const T = match &self.block {
            Block::Own(lines) => lines.as_ptr().cast(),
            Block::Large(buffer) => buffer.as_bytes().as_ptr().cast(),
        };
        // SAFETY: the block has at least `len * size_of::<T>()` initialised bytes, 64-byte aligned,
        // and `T` is a number, of which all bits are values: `new` asserts that.
        unsafe { std::slice::from_raw_parts(start, self.len) }
    }
}

impl<T> ops::DerefMut for Scratch<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        let start: *mut T = match &mut self.block {
            Block::Own(lines) => lines.as_mut_ptr().cast(),
            Block::Large(buffer) => buffer.as_mut_bytes().as_mut_ptr().cast(),
        };
        // SAFETY: as for `deref`, and `&mut self` is the only way to the block.
        unsafe { std::slice::from_raw_parts_mut(start, self.len) }
    }
}

impl<T> Drop for Scratch<T> {
    fn drop(&mut self) {
        if let Block::Own(block) = &mut self.block {
            let block = std::mem::take(block);
            // A thread that is ending has no list any more.
            let _ = FREE.try_with(|free| {
                let mut free = free.borrow_mut();
                if free.len() < KEPT {
                    free.push(block);
                }
            });
        }
    }
}
