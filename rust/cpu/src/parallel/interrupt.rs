//! Giving long work up between two of its chunks, when the user wants it.

use std::{
    cell::Cell,
    panic::resume_unwind,
    sync::OnceLock,
    time::{Duration, Instant},
};

use super::Restore;

thread_local! {
    /// While this thread's work may be given up: when it asks next whether it should be.
    static ASKS_AT: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// How long work goes on between two questions whether to give it up.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// Says whether the user wants the work of this thread given up (Ctrl-C).
static GIVES_UP: OnceLock<fn() -> bool> = OnceLock::new();

/// What is raised, as a panic without a message, out of work that was given up.
#[derive(Debug)]
pub struct Interrupted;

/// Sets what [`interruptible`] work asks, once for all.
pub fn set_interrupt(gives_up: fn() -> bool) {
    let _ = GIVES_UP.set(gives_up);
}

/// Runs `work`, which is given up between two chunks if the user wants it: then this raises [`Interrupted`]. For work
/// that leaves nothing half done where others see it.
pub fn interruptible<R>(work: impl FnOnce() -> R) -> R {
    let _restore = Restore(&ASKS_AT, ASKS_AT.replace(GIVES_UP.get().map(|_| Instant::now() + ASK_EVERY)));
    work()
}

/// Runs `work`, which is not given up: it changes memory in place.
pub fn to_the_end<R>(work: impl FnOnce() -> R) -> R {
    let _restore = Restore(&ASKS_AT, ASKS_AT.replace(None));
    work()
}

/// Whether this thread's work is to be given up now.
#[inline]
pub(super) fn gives_up() -> bool {
    ASKS_AT.get().is_some_and(|at| Instant::now() >= at && asks())
}

#[cold]
fn asks() -> bool {
    ASKS_AT.set(Some(Instant::now() + ASK_EVERY));
    GIVES_UP.get().is_some_and(|gives_up| gives_up())
}

/// Leaves the work.
#[cold]
pub(super) fn raise() -> ! {
    ASKS_AT.set(None);
    resume_unwind(Box::new(Interrupted))
}
