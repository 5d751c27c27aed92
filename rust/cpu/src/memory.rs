//! Tensor memory: 64-byte aligned buffers from a caching allocator.
//!
//! A fresh page costs microseconds, so freed blocks are kept by size class and handed out again. Small
//! blocks wait in a list of the freeing thread, the others in one shared list. Block contents are
//! always initialised bytes (zeros from the system, old contents after reuse), so a typed slice over a
//! block never reads uninitialised memory.

mod buffer;
#[cfg(all(target_os = "linux", any(test, feature = "guard-pages")))]
pub(crate) mod guard;
mod system;

use std::{
    cell::{RefCell, UnsafeCell},
    ptr::NonNull,
    sync::{
        OnceLock,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
};

use corten_core::{Error, Result};

pub use self::buffer::{Buffer, contiguous, elements};
use crate::fork;

/// Alignment of every block the allocator gives: a cache line and a 512-bit register.
pub const ALIGNMENT: usize = 64;
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
        let fresh = system::allocate(class_bytes(class)).or_else(|| {
            empty_cache();
            system::allocate(class_bytes(class))
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
        system::release(pointer, size);
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
    *LIMIT.get_or_init(|| system::physical_memory().map_or(1 << 30, |bytes| bytes / 2))
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
                system::release(pointer, class_bytes(class));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use corten_core::DType;

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
