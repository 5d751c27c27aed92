//! Guarded memory, for tests: each block of tensor memory touches a page that cannot be accessed, so that a kernel
//! that reads or writes one byte too far stops the process instead of passing by luck.
//!
//! `CORTEN_GUARD_PAGES=end` lets each block end at such a page, `begin` lets it begin right after one. Freed blocks
//! are unmapped, so that a use after the release stops the process too. New blocks are full of ones (NaN for floats):
//! a kernel that reads what nobody wrote gives wrong values rather than lucky ones. The bytes between a block and
//! its other, unguarded side are checked when it is freed.

use std::{
    ptr::NonNull,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{Pointer, system::page_size};

/// Which side of a block the page without access is on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Begin,
    End,
}

/// What the bytes beside a block hold.
const MARGIN: u8 = 0xA5;
/// What a new block holds.
const FRESH: u8 = 0xFF;

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
        Ok("") | Err(_) => None,
        Ok(other) => panic!("CORTEN_GUARD_PAGES is 'begin' or 'end'; got '{other}'"),
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

/// A block of exactly these bytes beside a page without access.
pub(super) fn allocate(bytes: usize) -> Option<Pointer> {
    let inner = inner(bytes);
    let page = page_size();
    // SAFETY: a new private mapping; all that is written lies in its accessible pages, and the block within them.
    unsafe {
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
        let start = base.cast::<u8>().add(page);
        if libc::mprotect(start.cast(), inner, libc::PROT_READ | libc::PROT_WRITE) != 0 {
            libc::munmap(base, inner + 2 * page);
            return None;
        }
        let margin = inner - bytes;
        let (block, beside) = match side() {
            Some(Side::Begin) => (start, start.add(bytes)),
            Some(Side::End) | None => (start.add(margin), start),
        };
        block.write_bytes(FRESH, bytes);
        beside.write_bytes(MARGIN, margin);
        BLOCKS.fetch_add(1, Ordering::Relaxed);
        NonNull::new(block)
    }
}

/// Checks the bytes beside the block and unmaps it.
pub(super) fn release(block: Pointer, bytes: usize) {
    let inner = inner(bytes);
    let page = page_size();
    let margin = inner - bytes;
    // SAFETY: the block was made by `allocate`, whose pages begin and end here, and nobody uses it any more.
    unsafe {
        let (start, beside) = match side() {
            Some(Side::Begin) => (block.as_ptr(), block.as_ptr().add(bytes)),
            Some(Side::End) | None => (block.as_ptr().sub(margin), block.as_ptr().sub(margin)),
        };
        let margin = std::slice::from_raw_parts(beside, margin);
        if margin.iter().any(|&byte| byte != MARGIN) {
            eprintln!("a kernel wrote beside a block of {bytes} bytes");
            std::process::abort();
        }
        libc::munmap(start.sub(page).cast(), inner + 2 * page);
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
    fn guards_stop_the_process() {
        let this = std::env::current_exe().expect("the test's own program");
        for (test, side, stops) in [
            ("reads_after_the_end", "end", true),
            ("reads_after_the_end", "begin", false),
            ("reads_before_the_beginning", "begin", true),
            ("reads_before_the_beginning", "end", false),
            ("writes_beside_the_block", "end", true),
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
        }
    }
}
