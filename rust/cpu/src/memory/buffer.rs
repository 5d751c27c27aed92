//! Untyped memory of tensors, own and foreign, and typed views of it.

use std::{any::Any, ptr::NonNull};

use corten_core::{DType, Element, Error, Result};

#[cfg(all(target_os = "linux", any(test, feature = "guard-pages")))]
use super::guard;
use super::{Pointer, allocate, release};
use crate::{In, memo::Memo};

enum Source {
    /// A block of the allocator, of this class.
    Owned(usize),
    /// A block beside a page without access.
    #[cfg(all(target_os = "linux", any(test, feature = "guard-pages")))]
    Guarded,
    /// Memory of someone else, which stays valid as long as the owner lives. Read only.
    Foreign { _owner: Box<dyn Any + Send + Sync> },
    /// No bytes at all.
    Empty,
}

/// Untyped memory of the CPU.
pub struct Buffer {
    pointer: Pointer,
    bytes: usize,
    source: Source,
    memo: Memo,
}

// SAFETY: a buffer is plain memory; shared access is read only, writing needs `&mut`.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// A buffer of `bytes` bytes with unspecified contents.
    pub fn alloc(bytes: usize) -> Result<Self> {
        if bytes == 0 {
            let pointer = NonNull::<Aligned>::dangling().cast();
            return Ok(Self { pointer, bytes, source: Source::Empty, memo: Memo::default() });
        }
        #[cfg(all(target_os = "linux", any(test, feature = "guard-pages")))]
        if guard::is_on() {
            let pointer = guard::allocate(bytes).ok_or(Error::memory(bytes))?;
            return Ok(Self { pointer, bytes, source: Source::Guarded, memo: Memo::default() });
        }
        let (pointer, class) = allocate(bytes)?;
        Ok(Self { pointer, bytes, source: Source::Owned(class), memo: Memo::default() })
    }

    /// A buffer for `len` elements with unspecified contents.
    pub fn for_elements(dtype: DType, len: usize) -> Result<Self> {
        let bytes = len.checked_mul(dtype.size()).ok_or(Error::memory(usize::MAX))?;
        Self::alloc(bytes)
    }

    /// A buffer that holds these elements.
    pub fn from_slice<T: Element>(values: &[T]) -> Result<Self> {
        let mut buffer = Self::for_elements(T::DTYPE, values.len())?;
        buffer.as_mut_slice::<T>().copy_from_slice(values);
        Ok(buffer)
    }

    /// A read-only buffer over memory of someone else.
    ///
    /// # Safety
    /// `bytes` bytes from `pointer` must be initialised, stay valid as long as `owner` lives, and not
    /// be written meanwhile by anyone who is not synchronised with the readers. A buffer read as bool
    /// must hold only zeros and ones.
    pub unsafe fn from_foreign(pointer: *const u8, bytes: usize, owner: Box<dyn Any + Send + Sync>) -> Self {
        let memo = Memo::default();
        #[cfg(all(target_os = "linux", any(test, feature = "guard-pages")))]
        if guard::is_on() && !pointer.is_null() && bytes > 0 {
            let mut own = Self::alloc(bytes).expect("memory for a guarded copy");
            // SAFETY: the caller says that these bytes may be read.
            own.as_mut_bytes().copy_from_slice(unsafe { std::slice::from_raw_parts(pointer, bytes) });
            return own;
        }
        match NonNull::new(pointer.cast_mut()) {
            Some(pointer) if bytes > 0 => Self { pointer, bytes, source: Source::Foreign { _owner: owner }, memo },
            Some(_) | None => {
                Self { pointer: NonNull::<Aligned>::dangling().cast(), bytes: 0, source: Source::Empty, memo }
            }
        }
    }

    #[inline]
    pub fn len_bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the memory belongs to someone else and must not be written.
    #[inline]
    pub fn is_foreign(&self) -> bool {
        matches!(self.source, Source::Foreign { .. })
    }

    /// What was prepared of the contents.
    pub(crate) fn memo(&self) -> &Memo {
        &self.memo
    }

    /// Copies foreign memory into an own block, so that the buffer can be written.
    pub fn make_owned(&mut self) -> Result<()> {
        if self.is_foreign() {
            let mut own = Self::alloc(self.bytes)?;
            own.as_mut_bytes().copy_from_slice(self.as_bytes());
            *self = own;
        }
        Ok(())
    }

    #[inline]
    pub fn as_ptr(&self) -> *const u8 {
        self.pointer.as_ptr()
    }

    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        // SAFETY: the buffer holds `bytes` initialised bytes.
        unsafe { std::slice::from_raw_parts(self.pointer.as_ptr(), self.bytes) }
    }

    /// The bytes for writing.
    ///
    /// # Panics
    /// If the memory is foreign; call [`Buffer::make_owned`] first where it may be.
    #[inline]
    pub fn as_mut_bytes(&mut self) -> &mut [u8] {
        assert!(!self.is_foreign(), "foreign memory is read only");
        self.memo.clear();
        // SAFETY: the buffer holds `bytes` initialised bytes, and `&mut self` makes the access exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.as_ptr(), self.bytes) }
    }

    /// The elements; bytes beyond the last whole one are left out.
    ///
    /// # Panics
    /// If the memory is not aligned for `T`, which only foreign memory can be.
    #[inline]
    pub fn as_slice<T: Element>(&self) -> &[T] {
        assert!(self.is_aligned_for::<T>(), "a buffer is not aligned for {}", T::DTYPE);
        // SAFETY: alignment was checked, the length is within the buffer, and the bytes are initialised;
        // bool buffers hold zeros and ones only.
        unsafe { std::slice::from_raw_parts(self.pointer.as_ptr().cast::<T>(), self.bytes / size_of::<T>()) }
    }

    /// The elements for writing. Contents of a new bool buffer must be written before they are read.
    ///
    /// # Panics
    /// If the memory is foreign; call [`Buffer::make_owned`] first where it may be.
    #[inline]
    pub fn as_mut_slice<T: Element>(&mut self) -> &mut [T] {
        assert!(!self.is_foreign(), "foreign memory is read only");
        debug_assert!(self.is_aligned_for::<T>(), "a buffer is not aligned for {}", T::DTYPE);
        self.memo.clear();
        // SAFETY: own blocks are aligned for every element type; the rest as in `as_slice`, and `&mut self`
        // makes the access exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.as_ptr().cast::<T>(), self.bytes / size_of::<T>()) }
    }

    /// Whether the memory may be read as elements of this type.
    #[inline]
    pub fn is_aligned_for<T>(&self) -> bool {
        self.pointer.as_ptr().addr().is_multiple_of(align_of::<T>())
    }
}

#[repr(align(64))]
struct Aligned;

impl Drop for Buffer {
    #[inline]
    fn drop(&mut self) {
        match self.source {
            Source::Owned(class) => release(self.pointer, class),
            #[cfg(all(target_os = "linux", any(test, feature = "guard-pages")))]
            Source::Guarded => guard::release(self.pointer, self.bytes),
            Source::Foreign { .. } | Source::Empty => {}
        }
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} bytes{})", self.bytes, if self.is_foreign() { ", foreign" } else { "" })
    }
}

/// The elements of a view's whole buffer, after checking that the layout stays within it: kernels may
/// then follow the strides without further checks.
///
/// # Panics
/// If the layout reaches outside the buffer, which is a mistake of the caller, not of the user.
#[inline]
pub fn elements<T: Element>(x: In<'_>) -> &[T] {
    debug_assert_eq!(x.dtype.size(), size_of::<T>());
    let slice = x.buffer.as_slice::<T>();
    if let Some((_, end)) = x.layout.bounds() {
        assert!(end <= slice.len(), "a layout reaches outside its buffer: {end} > {}", slice.len());
    }
    slice
}

/// The elements of a view as one slice, if they lie row-major without gaps.
#[inline]
pub fn contiguous<T: Element>(x: In<'_>) -> Option<&[T]> {
    x.layout.is_contiguous().then(|| {
        let start = x.layout.offset();
        let len = x.layout.len();
        if len == 0 { &[] } else { &x.buffer.as_slice::<T>()[start..start + len] }
    })
}
