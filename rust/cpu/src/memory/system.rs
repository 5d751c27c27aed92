//! Memory of the operating system, zeroed.

#[cfg(target_os = "linux")]
use std::sync::OnceLock;
use std::{
    alloc::{self, Layout as Block},
    ptr::NonNull,
};

use super::{ALIGNMENT, Pointer};

/// From here on blocks come from the system directly, aligned for huge pages.
const HUGE_FROM: usize = 4 << 20;
const HUGE_PAGE: usize = 2 << 20;

pub(super) fn block(bytes: usize) -> Option<Block> {
    Block::from_size_align(bytes, ALIGNMENT).ok()
}

/// Zeroed memory from the system.
pub(super) fn allocate(bytes: usize) -> Option<Pointer> {
    #[cfg(target_os = "linux")]
    if bytes >= HUGE_FROM {
        return map_huge(bytes);
    }
    // SAFETY: the size is not zero: the smallest class has 64 bytes.
    NonNull::new(unsafe { alloc::alloc_zeroed(block(bytes)?) })
}

pub(super) fn release(pointer: Pointer, bytes: usize) {
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
pub(super) fn page_size() -> usize {
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

#[cfg(unix)]
pub(super) fn physical_memory() -> Option<usize> {
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
pub(super) fn physical_memory() -> Option<usize> {
    None
}
