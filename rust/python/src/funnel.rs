//! The one way from Python into the engine: gives up the interpreter lock where work is long, turns
//! engine errors into exceptions and panics into `RuntimeError`.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use corten_tensor::Tensor;
use corten_tensor::core::Result;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::error;

/// Work that takes a few microseconds, in elements of an elementwise op. Below it, giving up the
/// lock and taking it back costs more than it gives other threads.
const DETACH_FROM: usize = 1 << 14;

/// Work of unknown, possibly long duration.
pub(crate) const LONG: usize = usize::MAX;

/// Runs `work`; `cost` is how much there is to do, in elements of an elementwise op.
#[inline]
pub(crate) fn run<T: Send>(py: Python<'_>, cost: usize, work: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    let guarded = || catch_unwind(AssertUnwindSafe(work));
    let outcome = if cost >= DETACH_FROM { py.detach(guarded) } else { guarded() };
    match outcome {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(failure)) => Err(error::to_python(failure)),
        Err(payload) => Err(panicked(&*payload)),
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
