//! Guarded memory, for tests: each block of tensor memory touches a page that cannot be accessed, so that a kernel
//! that reads or writes one byte too far stops the process instead of passing by luck.
//!
//! `CORTEN_GUARD_PAGES=end` lets each block end at such a page, `begin` lets it begin right after one. Freed blocks
//! lose their access, so that a use after the release stops the process too; small ones wait so until [`WAITING`]
//! others of their size have been freed, and are then used again, as mapping new pages costs three times as much. New
//! blocks are full of ones (NaN for floats): a kernel that reads what nobody wrote gives wrong values rather than
//! lucky ones. The bytes between a block and its other, unguarded side are checked when it is freed.
//!
//! `CORTEN_GUARD_PAGES=heap` is for Valgrind and the address sanitizer, which watch both ends of what the system's heap
//! gives: each block has exactly the bytes asked for and is freed at once. Nothing is written to it, so that Valgrind
//! tells where a decision depends on what nobody wrote (`scripts/check_memory.py`).

use std::{
    alloc,
    collections::VecDeque,
    ptr::NonNull,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    Pointer,
    system::{block, page_size},
};

/// Which side of a block the page without access is on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Begin,
    End,
    /// Neither: another program watches the heap.
    Heap,
}

/// What the bytes beside a block hold.
const MARGIN: u8 = 0xA5;
/// What a new block holds.
const FRESH: u8 = 0xFF;

/// Blocks of up to so many pages are used again.
const PAGES: usize = 16;
/// So many freed blocks of a size stay without access.
const WAITING: usize = 64;

/// Where the pages of freed blocks begin, by their number less one; the oldest come first.
static FREED: Mutex<[VecDeque<usize>; PAGES]> = Mutex::new([const { VecDeque::new() }; PAGES]);

static BLOCKS: AtomicUsize = AtomicUsize::new(0);

/// How many guarded blocks there have been.
#[cfg(test)]
pub(crate) fn blocks() -> usize {
    BLOCKS.load(Ordering::Relaxed)
}

fn side() -> Option<Side> {
    static SIDE: OnceLock<Option<Side>> = OnceLock::new();
    *SIDE.get_or_init(|| match std::env::var("CORTEN_GUARD_PAGES").as_deref() {
        Ok("begin") => Some(Side::Begin),
        Ok("end") => Some(Side::End),
        Ok("heap") => Some(Side::Heap),
        Ok("") | Err(_) => None,
        Ok(other) => panic!("CORTEN_GUARD_PAGES is 'begin', 'end' or 'heap'; got '{other}'"),
    })
}

/// Whether blocks are guarded in this process.
pub(crate) fn is_on() -> bool {
    side().is_some()
}

/// Bytes of the pages between the two without access.
fn inner(bytes: usize) -> usize {
    bytes.next_multiple_of(page_size())
}

/// What waits of the blocks that have so many bytes in pages, where such blocks are used again.
fn with_freed<R>(inner: usize, use_them: impl FnOnce(&mut VecDeque<usize>) -> R) -> Option<R> {
    let mut all = FREED.lock().unwrap_or_else(PoisonError::into_inner);
    (inner / page_size()).checked_sub(1).and_then(|i| all.get_mut(i)).map(use_them)
}

/// Accessible pages of these bytes between two without access.
fn pages(inner: usize) -> Option<*mut u8> {
    let page = page_size();
    let oldest = with_freed(inner, |freed| (freed.len() > WAITING).then(|| freed.pop_front())).flatten().flatten();
    // SAFETY: a new private mapping, or one that `release` kept for blocks of this size, and that is in use no more.
    unsafe {
        let start = if let Some(start) = oldest {
            std::ptr::with_exposed_provenance_mut::<u8>(start)
        } else {
            let base = libc::mmap(
                std::ptr::null_mut(),
                inner.checked_add(2 * page)?,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            if base == libc::MAP_FAILED {
                return None;
            }
            base.cast::<u8>().add(page)
        };
        if libc::mprotect(start.cast(), inner, libc::PROT_READ | libc::PROT_WRITE) != 0 {
            libc::munmap(start.sub(page).cast(), inner + 2 * page);
            return None;
        }
        Some(start)
    }
}

/// A block of exactly these bytes from the heap, as it comes. The compiler must not see that nobody wrote it.
#[inline(never)]
fn heap_allocate(bytes: usize) -> Option<Pointer> {
    // SAFETY: nobody asks for no bytes: such buffers have no block.
    NonNull::new(std::hint::black_box(unsafe { alloc::alloc(block(bytes)?) }))
}

/// A block of exactly these bytes beside a page without access.
pub(super) fn allocate(bytes: usize) -> Option<Pointer> {
    if side() == Some(Side::Heap) {
        BLOCKS.fetch_add(1, Ordering::Relaxed);
        return heap_allocate(bytes);
    }
    let inner = inner(bytes);
    let start = pages(inner)?;
    let margin = inner - bytes;
    // SAFETY: all that is written lies in the accessible pages, and the block within them.
    unsafe {
        let (block, beside) = match side() {
            Some(Side::Begin) => (start, start.add(bytes)),
            Some(Side::End | Side::Heap) | None => (start.add(margin), start),
        };
        block.write_bytes(FRESH, bytes);
        beside.write_bytes(MARGIN, margin);
        BLOCKS.fetch_add(1, Ordering::Relaxed);
        NonNull::new(block)
    }
}

/// Checks the bytes beside the block and takes the access to it away.
pub(super) fn release(pointer: Pointer, bytes: usize) {
    if side() == Some(Side::Heap) {
        if let Some(block) = block(bytes) {
            // SAFETY: `heap_allocate` made it with this very layout.
            unsafe { alloc::dealloc(pointer.as_ptr(), block) };
        }
        return;
    }
    let inner = inner(bytes);
    let page = page_size();
    let margin = inner - bytes;
    // SAFETY: the block was made by `allocate`, whose pages begin and end here, and nobody uses it any more.
    unsafe {
        let (start, beside) = match side() {
            Some(Side::Begin) => (pointer.as_ptr(), pointer.as_ptr().add(bytes)),
            Some(Side::End | Side::Heap) | None => (pointer.as_ptr().sub(margin), pointer.as_ptr().sub(margin)),
        };
        let margin = std::slice::from_raw_parts(beside, margin);
        if margin.iter().any(|&byte| byte != MARGIN) {
            eprintln!("a kernel wrote beside a block of {bytes} bytes");
            std::process::abort();
        }
        if inner > PAGES * page || libc::mprotect(start.cast(), inner, libc::PROT_NONE) != 0 {
            libc::munmap(start.sub(page).cast(), inner + 2 * page);
            return;
        }
        with_freed(inner, |freed| freed.push_back(start.expose_provenance()));
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use crate::memory::Buffer;

    /// Reads before or after a block, as no safe code could.
    fn read_at(offset: isize) {
        let buffer = Buffer::alloc(100).expect("memory");
        // SAFETY: none: the process is to be stopped here.
        let byte = unsafe { buffer.as_ptr().offset(offset).read_volatile() };
        eprintln!("read {byte}");
    }

    #[test]
    #[ignore = "started by guards_stop_the_process"]
    fn reads_after_the_end() {
        read_at(100);
    }

    #[test]
    #[ignore = "started by guards_stop_the_process"]
    fn reads_before_the_beginning() {
        read_at(-1);
    }

    #[test]
    #[ignore = "started by guards_stop_the_process"]
    fn writes_beside_the_block() {
        let mut buffer = Buffer::alloc(100).expect("memory");
        let start = buffer.as_mut_bytes().as_mut_ptr();
        // SAFETY: the byte lies in the block's page, but nobody may write it: the release finds it.
        unsafe { start.sub(1).write_volatile(0) };
    }

    #[test]
    #[ignore = "started by guards_stop_the_process"]
    fn reads_after_the_release() {
        let buffer = Buffer::alloc(100).expect("memory");
        let first = buffer.as_ptr();
        drop(buffer);
        // Others come and go meanwhile.
        for _ in 0..super::WAITING {
            drop(Buffer::alloc(100).expect("memory"));
        }
        // SAFETY: none: the process is to be stopped here.
        let byte = unsafe { first.read_volatile() };
        eprintln!("read {byte}");
    }

    #[test]
    #[ignore = "started by guards_stop_the_process"]
    fn freed_blocks_are_used_again() {
        let places: std::collections::HashSet<usize> =
            (0..1000).map(|_| Buffer::alloc(100).expect("memory").as_ptr().addr()).collect();
        assert_eq!(places.len(), super::WAITING + 1);
    }

    #[test]
    fn guards_stop_the_process() {
        let this = std::env::current_exe().expect("the test's own program");
        for (test, side, stops) in [
            ("reads_after_the_end", "end", true),
            ("reads_after_the_end", "begin", false),
            ("reads_before_the_beginning", "begin", true),
            ("reads_before_the_beginning", "end", false),
            ("writes_beside_the_block", "end", true),
            ("reads_after_the_release", "begin", true),
            ("reads_after_the_release", "end", true),
            ("freed_blocks_are_used_again", "end", false),
        ] {
            let name = format!("memory::guard::tests::{test}");
            let status = Command::new(&this)
                .args([&name, "--exact", "--ignored"])
                .env("CORTEN_GUARD_PAGES", side)
                .output()
                .expect("the program starts")
                .status;
            // A signal leaves no exit code.
            assert_eq!(status.code().is_none(), stops, "{test} {side}: {status}");
            assert!(stops || status.success(), "{test} {side}: {status}");
        }
    }
}
