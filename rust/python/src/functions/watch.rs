//! Checks for NaN and infinity, and where an op ran.

use corten_tensor::core::Phase;
use corten_tensor::watch::{self, Switch};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::Array;
use crate::error;

/// Switches checks of results on or off.
///
/// Args:
///     what: `"everywhere"` (all threads), `"here"` (this thread, counted), `"pause"` (no checks in this thread,
///         counted), `"lenient"` (no checks of gradients in this thread) or `"places"` (note where ops run, counted).
///     on: Whether it is switched on.
#[pyfunction]
pub(crate) fn watch_switch(what: &str, on: bool) -> PyResult<()> {
    let what = match what {
        "everywhere" => Switch::Everywhere,
        "here" => Switch::Here,
        "pause" => Switch::Pause,
        "lenient" => Switch::Lenient,
        "places" => Switch::Places,
        other => return Err(PyValueError::new_err(format!("watch_switch: unknown switch {other:?}"))),
    };
    watch::switch(what, on);
    Ok(())
}

/// Whether results of this thread are checked.
#[pyfunction]
pub(crate) fn watch_checks() -> bool {
    watch::checks()
}

/// Says in which layer, or other part of the step, the next ops of this thread run.
///
/// Args:
///     place: Its name.
///     phase: `"forward"`, `"backward"` or `"update"`; None leaves it as it is.
#[pyfunction]
#[pyo3(signature = (place, phase=None))]
pub(crate) fn watch_enter(place: &str, phase: Option<&str>) -> PyResult<()> {
    let known = |name| Phase::from_name(name).ok_or_else(|| PyValueError::new_err("watch_enter: unknown phase"));
    watch::enter(place, phase.map(known).transpose()?);
    Ok(())
}

/// Leaves what was entered last.
#[pyfunction]
pub(crate) fn watch_leave() {
    watch::leave();
}

/// What the elements of a tensor are like.
///
/// Returns:
///     `shape`, `dtype`, `count`, how many elements are `nan`, `inf`, `zero` and `negative`, and `min`, `max` and `mean`
///     of the finite ones.
#[pyfunction]
pub(crate) fn statistics(py: Python<'_>, x: Array) -> PyResult<Bound<'_, PyDict>> {
    error::describe(py, &watch::look_at(&x.0))
}
