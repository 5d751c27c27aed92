//! The one way from Python into the engine: gives up the interpreter lock where work is long, turns
//! engine errors into exceptions and panics into `RuntimeError`.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use corten_tensor::Tensor;
use corten_tensor::core::Result;
use corten_tensor::cpu::parallel::{self, Interrupted};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::error;

/// Work that takes a few microseconds, in elements of an elementwise op. Below it, giving up the
/// lock and taking it back costs more than it gives other threads.
const DETACH_FROM: usize = 1 << 14;

/// Work of unknown, possibly long duration.
pub(crate) const LONG: usize = usize::MAX;

thread_local! {
    /// What a signal handler raised while a kernel ran.
    static RAISED: Cell<Option<PyErr>> = const { Cell::new(None) };
    static GAVE_UP: Cell<bool> = const { Cell::new(false) };
}

/// Whether the interpreter is about to end.
static CLOSING: AtomicBool = AtomicBool::new(false);
/// The thread that ends it.
static LAST: OnceLock<ThreadId> = OnceLock::new();
/// Threads that are about to take the interpreter's lock again after work.
static RETURNING: AtomicUsize = AtomicUsize::new(0);

/// Keeps daemon threads out of an interpreter that is about to end: it would end them while they take its lock, by
/// unwinding, which Rust frames do not survive. So they stay here until the process ends.
#[pyfunction]
pub(crate) fn shut_down(py: Python<'_>) {
    let _ = LAST.set(std::thread::current().id());
    CLOSING.store(true, Ordering::SeqCst);
    let begun = Instant::now();
    py.detach(|| {
        while RETURNING.load(Ordering::SeqCst) > 0 && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_micros(100));
        }
        #[cfg(feature = "gpu")]
        corten_tensor::gpu::keep();
    });
}

/// How long [`shut_down`] waits for threads that are on their way.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether this thread must not enter the interpreter again.
fn is_shut_out() -> bool {
    CLOSING.load(Ordering::SeqCst) && LAST.get() != Some(&std::thread::current().id())
}

fn park() {
    loop {
        std::thread::park();
    }
}

/// Lets long work ask whether the user pressed Ctrl-C.
pub(crate) fn watch_signals() {
    parallel::set_interrupt(|| {
        if !is_main_thread() {
            return false;
        }
        // Nobody waits for the lock of an interpreter that is being shut down.
        let raised = Python::try_attach(|py| py.check_signals().err()).flatten();
        let gives_up = raised.is_some();
        RAISED.set(raised);
        gives_up
    });
}

/// Signal handlers run in the main thread alone.
#[cfg(target_os = "linux")]
fn is_main_thread() -> bool {
    // SAFETY: neither call has preconditions.
    unsafe { libc::gettid() == libc::getpid() }
}

#[cfg(not(target_os = "linux"))]
const fn is_main_thread() -> bool {
    true
}

/// Whether work of this thread was given up since this was asked last.
pub(crate) fn gave_up() -> bool {
    GAVE_UP.replace(false)
}

/// Runs `work`; `cost` is how much there is to do, in elements of an elementwise op.
#[inline]
pub(crate) fn run<T: Send>(py: Python<'_>, cost: usize, work: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    let outcome = if cost >= DETACH_FROM {
        if is_shut_out() {
            py.detach(park);
        }
        let outcome = py.detach(|| {
            let outcome = catch_unwind(AssertUnwindSafe(|| parallel::interruptible(work)));
            RETURNING.fetch_add(1, Ordering::SeqCst);
            if is_shut_out() {
                RETURNING.fetch_sub(1, Ordering::SeqCst);
                park();
            }
            outcome
        });
        RETURNING.fetch_sub(1, Ordering::SeqCst);
        outcome
    } else {
        catch_unwind(AssertUnwindSafe(work))
    };
    match outcome {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(failure)) => Err(error::to_python(failure)),
        Err(payload) => Err(match RAISED.take() {
            Some(raised) if payload.is::<Interrupted>() => {
                GAVE_UP.set(true);
                raised
            }
            _ => panicked(&*payload),
        }),
    }
}

#[cold]
fn panicked(payload: &(dyn Any + Send)) -> PyErr {
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown reason");
    PyRuntimeError::new_err(format!(
        "corten stopped at an internal check ({message}); this is a bug in Corten, please report it with the call that led here"
    ))
}

/// The cost of a matrix product-like op: multiply-adds run about sixteen to an elementwise step.
pub(crate) fn product_cost(a: &Tensor, b: &Tensor) -> usize {
    let inner = a.shape().last().copied().unwrap_or(1).max(1);
    let columns = b.shape().last().copied().unwrap_or(1).max(1);
    (a.len() / 16).saturating_mul(columns).max(b.len() / 16).max(a.len() / inner)
}
