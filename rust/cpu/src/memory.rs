//! Tensor memory: 64-byte aligned buffers from a caching allocator.
//!
//! A fresh page costs microseconds, so freed blocks are kept by size class and handed out again. Small
//! blocks wait in a list of the freeing thread, the others in one shared list. Block contents are
//! always initialised bytes (zeros from the system, old contents after reuse), so a typed slice over a
//! block never reads uninitialised memory.

#[cfg(all(target_os = "linux", any(test, feature = "guard-pages")))]
pub(crate) mod guard;

use std::{
    alloc::{self, Layout as Block},
    any::Any,
    cell::{RefCell, UnsafeCell},
    ptr::NonNull,
    sync::{
        OnceLock,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
};

use corten_core::{DType, Element, Error, Result};

use crate::{In, fork, memo::Memo};

/// Alignment of every block the allocator gives: a cache line and a 512-bit register.
pub const ALIGNMENT: usize = 64;
/// From here on blocks come from the system directly, aligned for huge pages.
const HUGE_FROM: usize = 4 << 20;
const HUGE_PAGE: usize = 2 << 20;
/// Blocks up to this class wait in the list of the thread that freed them.
const LOCAL_CLASSES: usize = 80;
/// How many blocks of one class a thread keeps.
const LOCAL_DEPTH: usize = 8;
const CLASSES: usize = 400;
/// A request may be served by a block this many classes larger than needed.
const CLASS_SLACK: usize = 2;

// Size classes: multiples of 64 up to 512 bytes, then eight steps to each doubling.

/// The class of the smallest block that holds `bytes`.
fn class_of(bytes: usize) -> usize {
    let units = bytes.div_ceil(ALIGNMENT).max(1);
    if units <= 8 {
        return units - 1;
    }
    let octave = (units - 1).ilog2() as usize - 3;
    let step = ((units - 1) >> octave) - 8;
    8 + octave * 8 + step
}

/// Bytes of a block of `class`.
fn class_bytes(class: usize) -> usize {
    if class < 8 {
        return (class + 1) * ALIGNMENT;
    }
    let (octave, step) = ((class - 8) / 8, (class - 8) % 8);
    ((9 + step) << octave) * ALIGNMENT
}

/// A block of memory whose size follows from its class.
type Pointer = NonNull<u8>;

/// Freed blocks that any thread may take, under a lock that a forked child can reclaim.
struct Shared {
    /// Zero, or the fork generation of the holder.
    holder: AtomicU32,
    lists: UnsafeCell<Vec<Vec<usize>>>,
}

// SAFETY: `lists` is only touched while `holder` is held.
unsafe impl Sync for Shared {}

static SHARED: Shared = Shared { holder: AtomicU32::new(0), lists: UnsafeCell::new(Vec::new()) };
/// Bytes of blocks in use.
static ALLOCATED: AtomicUsize = AtomicUsize::new(0);
/// Bytes of blocks waiting for reuse.
static CACHED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
/// The most bytes that may be in use; zero until first asked.
static LIMIT: AtomicUsize = AtomicUsize::new(0);

impl Shared {
    fn with<R>(&self, work: impl FnOnce(&mut Vec<Vec<usize>>) -> R) -> R {
        let generation = fork::generation();
        let mut spins = 0u32;
        let stolen = loop {
            match self.holder.compare_exchange_weak(0, generation, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => break false,
                // Held by a thread that a fork left behind in the parent.
                Err(holder) if holder != 0 && holder != generation => {
                    if self.holder.compare_exchange(holder, generation, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                        break true;
                    }
                }
                Err(_) => {
                    spins += 1;
                    if spins.is_multiple_of(64) {
                        std::thread::yield_now();
                    } else {
                        std::hint::spin_loop();
                    }
                }
            }
        };
        // SAFETY: the lock is held until the store below, so this is the only reference.
        let lists = unsafe { &mut *self.lists.get() };
        if stolen {
            // The holder may have been in the middle of a change: leave its lists alone for good.
            std::mem::forget(std::mem::take(lists));
        }
        if lists.is_empty() {
            lists.resize_with(CLASSES, Vec::new);
        }
        let result = work(lists);
        self.holder.store(0, Ordering::Release);
        result
    }
}

/// Blocks a thread freed; given to the shared lists when the thread ends.
struct Local {
    lists: [[usize; LOCAL_DEPTH]; LOCAL_CLASSES],
    lengths: [u8; LOCAL_CLASSES],
}

impl Local {
    const fn new() -> Self {
        Self { lists: [[0; LOCAL_DEPTH]; LOCAL_CLASSES], lengths: [0; LOCAL_CLASSES] }
    }
    #[inline]
    fn pop(&mut self, class: usize) -> Option<Pointer> {
        let length = self.lengths[class].checked_sub(1)?;
        self.lengths[class] = length;
        NonNull::new(std::ptr::with_exposed_provenance_mut(self.lists[class][length as usize]))
    }
    #[inline]
    fn push(&mut self, class: usize, pointer: Pointer) -> bool {
        let length = self.lengths[class] as usize;
        if length == LOCAL_DEPTH {
            return false;
        }
        self.lists[class][length] = pointer.as_ptr().expose_provenance();
        self.lengths[class] += 1;
        true
    }
    fn flush(&mut self) {
        SHARED.with(|shared| {
            for (class, length) in self.lengths.iter_mut().enumerate() {
                shared[class].extend_from_slice(&self.lists[class][..*length as usize]);
                *length = 0;
            }
        });
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.flush();
    }
}

thread_local! {
    static LOCAL: RefCell<Local> = const { RefCell::new(Local::new()) };
}

/// Takes a cached block of at least this class; gives it with its own class.
fn take_cached(class: usize) -> Option<(Pointer, usize)> {
    if class < LOCAL_CLASSES
        && let Ok(Some(pointer)) = LOCAL.try_with(|local| local.borrow_mut().pop(class))
    {
        return Some((pointer, class));
    }
    if CACHED.load(Ordering::Relaxed) == 0 {
        return None;
    }
    SHARED.with(|lists| {
        (class..=(class + CLASS_SLACK).min(CLASSES - 1)).find_map(|candidate| {
            let pointer = NonNull::new(std::ptr::with_exposed_provenance_mut(lists[candidate].pop()?))?;
            Some((pointer, candidate))
        })
    })
}

fn allocate(bytes: usize) -> Result<(Pointer, usize)> {
    let class = class_of(bytes);
    if class >= CLASSES || bytes > isize::MAX as usize / 2 {
        return Err(Error::memory(bytes));
    }
    let (pointer, class) = if let Some((pointer, class)) = take_cached(class) {
        CACHED.fetch_sub(class_bytes(class), Ordering::Relaxed);
        (pointer, class)
    } else {
        let fresh = system_allocate(class_bytes(class)).or_else(|| {
            empty_cache();
            system_allocate(class_bytes(class))
        });
        (fresh.ok_or(Error::memory(bytes))?, class)
    };
    let size = class_bytes(class);
    let allocated = ALLOCATED.fetch_add(size, Ordering::Relaxed) + size;
    if allocated > limit() {
        release(pointer, class);
        let wanted = format!(", as {} bytes are in use and {} is the limit", allocated - size, limit());
        return Err(Error::Memory { bytes, wanted });
    }
    if allocated > PEAK.load(Ordering::Relaxed) {
        PEAK.fetch_max(allocated, Ordering::Relaxed);
    }
    Ok((pointer, class))
}

fn release(pointer: Pointer, class: usize) {
    let size = class_bytes(class);
    ALLOCATED.fetch_sub(size, Ordering::Relaxed);
    if CACHED.fetch_add(size, Ordering::Relaxed) + size > cache_limit() {
        CACHED.fetch_sub(size, Ordering::Relaxed);
        system_release(pointer, size);
        return;
    }
    if class < LOCAL_CLASSES && LOCAL.try_with(|local| local.borrow_mut().push(class, pointer)).unwrap_or(false) {
        return;
    }
    SHARED.with(|lists| lists[class].push(pointer.as_ptr().expose_provenance()));
}

/// The most bytes that tensors may take: what [`set_limit`] said, else `CORTEN_MEMORY_LIMIT`, else there is no limit.
#[inline]
pub fn limit() -> usize {
    match LIMIT.load(Ordering::Relaxed) {
        0 => {
            let variable = std::env::var("CORTEN_MEMORY_LIMIT").ok();
            let limit = variable.and_then(|value| value.trim().parse().ok()).filter(|&limit| limit > 0);
            set_limit(limit);
            limit.unwrap_or(usize::MAX)
        }
        limit => limit,
    }
}

/// Sets how many bytes tensors may take from now on.
pub fn set_limit(bytes: Option<usize>) {
    LIMIT.store(bytes.unwrap_or(usize::MAX).max(1), Ordering::Relaxed);
}

/// How many bytes may wait for reuse: half of the machine's memory.
fn cache_limit() -> usize {
    static LIMIT: OnceLock<usize> = OnceLock::new();
    *LIMIT.get_or_init(|| physical_memory().map_or(1 << 30, |bytes| bytes / 2))
}

#[cfg(unix)]
fn physical_memory() -> Option<usize> {
    // SAFETY: sysconf has no preconditions.
    let (pages, page) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    let machine = usize::try_from(pages).ok()?.checked_mul(usize::try_from(page).ok()?)?;
    // A container may have less than the machine.
    let container = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok()?.trim().parse().ok());
    Some(container.map_or(machine, |limit: usize| limit.min(machine)))
}

#[cfg(not(unix))]
fn physical_memory() -> Option<usize> {
    None
}

fn block(bytes: usize) -> Option<Block> {
    Block::from_size_align(bytes, ALIGNMENT).ok()
}

/// Zeroed memory from the system.
fn system_allocate(bytes: usize) -> Option<Pointer> {
    #[cfg(target_os = "linux")]
    if bytes >= HUGE_FROM {
        return map_huge(bytes);
    }
    // SAFETY: the size is not zero: the smallest class has 64 bytes.
    NonNull::new(unsafe { alloc::alloc_zeroed(block(bytes)?) })
}

fn system_release(pointer: Pointer, bytes: usize) {
    #[cfg(target_os = "linux")]
    if bytes >= HUGE_FROM {
        // SAFETY: blocks of this size are mappings of exactly this range.
        unsafe { libc::munmap(pointer.as_ptr().cast(), bytes.next_multiple_of(page_size())) };
        return;
    }
    if let Some(block) = block(bytes) {
        // SAFETY: the block was allocated with this very layout.
        unsafe { alloc::dealloc(pointer.as_ptr(), block) };
    }
}

#[cfg(target_os = "linux")]
fn page_size() -> usize {
    static SIZE: OnceLock<usize> = OnceLock::new();
    // SAFETY: sysconf has no preconditions.
    *SIZE.get_or_init(|| unsafe { usize::try_from(libc::sysconf(libc::_SC_PAGESIZE)).unwrap_or(4096) })
}

/// Maps memory at a huge page boundary and asks for huge pages.
#[cfg(target_os = "linux")]
fn map_huge(bytes: usize) -> Option<Pointer> {
    let bytes = bytes.next_multiple_of(page_size());
    let reserve = bytes.checked_add(HUGE_PAGE)?;
    // SAFETY: a new private mapping; the parts before and after the aligned range are unmapped again.
    unsafe {
        let base = libc::mmap(
            std::ptr::null_mut(),
            reserve,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        if base == libc::MAP_FAILED {
            return None;
        }
        let lead = base.cast::<u8>().align_offset(HUGE_PAGE);
        let start = base.cast::<u8>().add(lead);
        if lead > 0 {
            libc::munmap(base, lead);
        }
        if HUGE_PAGE > lead {
            libc::munmap(start.add(bytes).cast(), HUGE_PAGE - lead);
        }
        // Refused where huge pages are switched off: then small pages serve.
        libc::madvise(start.cast(), bytes, libc::MADV_HUGEPAGE);
        NonNull::new(start)
    }
}

/// What the allocator holds, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// In blocks that tensors use.
    pub allocated: usize,
    /// In blocks that wait for reuse.
    pub cached: usize,
    /// The most that was allocated at one time.
    pub peak: usize,
}

/// What the allocator holds now.
pub fn stats() -> Stats {
    Stats {
        allocated: ALLOCATED.load(Ordering::Relaxed),
        cached: CACHED.load(Ordering::Relaxed),
        peak: PEAK.load(Ordering::Relaxed),
    }
}

/// Starts the count of the peak afresh.
pub fn reset_peak() {
    PEAK.store(ALLOCATED.load(Ordering::Relaxed), Ordering::Relaxed);
}

/// Gives cached blocks back to the system, except the few small ones that other threads keep.
pub fn empty_cache() {
    // A thread that is ending has no list of its own any more.
    let _ = LOCAL.try_with(|local| local.borrow_mut().flush());
    let lists = SHARED.with(std::mem::take);
    for (class, list) in lists.into_iter().enumerate() {
        for address in list {
            if let Some(pointer) = NonNull::new(std::ptr::with_exposed_provenance_mut(address)) {
                CACHED.fetch_sub(class_bytes(class), Ordering::Relaxed);
                system_release(pointer, class_bytes(class));
            }
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_what_they_promise() {
        for bytes in (1..5000).chain([1 << 20, (1 << 20) + 1, (4 << 20) - 1, 4 << 20, 123_456_789]) {
            let class = class_of(bytes);
            assert!(class_bytes(class) >= bytes, "{bytes}");
            assert!(class == 0 || class_bytes(class - 1) < bytes, "{bytes}: a smaller class would do");
        }
        assert!(class_of(isize::MAX as usize / 2) < 8 + 64 * 8);
    }

    #[test]
    fn blocks_are_aligned_writable_and_reused() {
        // Sizes that no other test uses, so that nobody else takes the block.
        for bytes in [40 << 20, 60 << 20] {
            let mut first = Buffer::alloc(bytes).unwrap();
            assert!(first.as_ptr().addr().is_multiple_of(ALIGNMENT));
            first.as_mut_bytes().fill(7);
            let address = first.as_ptr();
            drop(first);
            assert_eq!(Buffer::alloc(bytes).unwrap().as_ptr(), address, "{bytes}");
        }
    }

    #[test]
    fn blocks_of_any_size_hold_their_bytes() {
        for bytes in [1, 64, 1000, 100_000, 5 << 20] {
            let mut buffer = Buffer::alloc(bytes).unwrap();
            assert!(buffer.as_ptr().addr().is_multiple_of(ALIGNMENT));
            buffer.as_mut_bytes().fill(7);
            assert!(buffer.as_bytes().iter().all(|&byte| byte == 7));
        }
        assert_eq!(Buffer::alloc(0).unwrap().as_slice::<f64>(), []);
    }

    #[test]
    fn an_impossible_request_is_an_error() {
        assert!(matches!(Buffer::alloc(1 << 60), Err(Error::Memory { .. })));
        assert!(matches!(Buffer::for_elements(DType::F64, usize::MAX / 4), Err(Error::Memory { .. })));
    }

    #[test]
    fn blocks_freed_on_another_thread_come_back() {
        let buffers: Vec<_> = (0..100).map(|i| Buffer::alloc(i * 100 + 1).unwrap()).collect();
        std::thread::spawn(move || drop(buffers)).join().unwrap();
        empty_cache();
        assert!(stats().peak >= stats().allocated);
    }

    #[test]
    fn foreign_memory_is_copied_before_writing() {
        let owner = Box::new([1.0f32, 2.0, 3.0]);
        let pointer = owner.as_ptr().cast();
        // SAFETY: the box lives as long as the buffer holds it.
        let mut buffer = unsafe { Buffer::from_foreign(pointer, 12, owner) };
        assert!(buffer.is_foreign());
        assert_eq!(buffer.as_slice::<f32>(), [1.0, 2.0, 3.0]);
        buffer.make_owned().unwrap();
        buffer.as_mut_slice::<f32>()[0] = 5.0;
        assert_eq!(buffer.as_slice::<f32>(), [5.0, 2.0, 3.0]);
    }
}
