//! Which process this is: a number that changes in the child of a `fork()`.
//!
//! Threads do not survive a fork and locks held by them stay held, so whoever owns threads or locks
//! remembers the generation it was made in and starts afresh where the number differs.

use std::sync::{
    OnceLock,
    atomic::{AtomicU32, Ordering},
};

static GENERATION: AtomicU32 = AtomicU32::new(1);

/// The current generation; never zero in practice.
#[inline]
pub(crate) fn generation() -> u32 {
    static REGISTERED: OnceLock<()> = OnceLock::new();
    REGISTERED.get_or_init(register);
    GENERATION.load(Ordering::Relaxed)
}

#[cfg(unix)]
fn register() {
    extern "C" fn child() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: the handler only touches a static atomic, which is async-signal-safe.
    unsafe {
        libc::pthread_atfork(None, None, Some(child));
    }
}

#[cfg(not(unix))]
fn register() {}
