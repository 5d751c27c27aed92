//! Working memory of kernels: blocks kept per thread, so that packing never asks the system twice.
//! For panels and tiles; whatever grows with an operand is a [`crate::memory::Buffer`].

use std::{cell::RefCell, marker::PhantomData, ops};

use corten_core::{DType, Element};

/// One cache line; blocks are vectors of these, hence aligned.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

type Block = Vec<Line>;

/// Blocks a thread keeps, and the largest it keeps (in lines): more is given back.
const KEPT: usize = 6;
const LARGEST: usize = (16 << 20) / 64;

thread_local! {
    static FREE: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
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
        let lines = (len * size_of::<T>()).div_ceil(64);
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
        Self { block, len, elements: PhantomData }
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
        // SAFETY: the block has at least `len * size_of::<T>()` initialised bytes, 64-byte aligned,
        // and `T` is a number, of which all bits are values: `new` asserts that.
        unsafe { std::slice::from_raw_parts(self.block.as_ptr().cast(), self.len) }
    }
}

impl<T> ops::DerefMut for Scratch<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as for `deref`, and `&mut self` is the only way to the block.
        unsafe { std::slice::from_raw_parts_mut(self.block.as_mut_ptr().cast(), self.len) }
    }
}

impl<T> Drop for Scratch<T> {
    fn drop(&mut self) {
        let block = std::mem::take(&mut self.block);
        if block.len() <= LARGEST {
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
