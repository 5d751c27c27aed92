//! Whether dicts and lists still hold the very objects they held.

use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

/// What a dict or a list held.
enum Held {
    /// Keys and values in order; no value where it does not matter.
    Dict(Py<PyDict>, Vec<(Py<PyAny>, Option<Py<PyAny>>)>),
    List(Py<PyList>, Vec<Py<PyAny>>),
}

/// The objects in some dicts and lists, to be compared with those that are there later.
///
/// Args:
///     containers: The dicts and lists.
///     passing: Keys whose values do not matter.
///
/// Raises:
///     TypeError: A container is neither a dict nor a list.
#[pyclass(frozen, module = "corten._core")]
pub(crate) struct Identities(Vec<Held>);

#[pymethods]
impl Identities {
    #[new]
    fn new(containers: &Bound<'_, PyList>, passing: &Bound<'_, PyAny>) -> PyResult<Self> {
        let held = |container: Bound<'_, PyAny>| {
            if let Ok(dict) = container.cast::<PyDict>() {
                let mut items = Vec::with_capacity(dict.len());
                for (key, value) in dict {
                    let value = (!passing.contains(&key)?).then(|| value.unbind());
                    items.push((key.unbind(), value));
                }
                return Ok(Held::Dict(dict.clone().unbind(), items));
            }
            let Ok(list) = container.cast::<PyList>() else {
                return Err(PyTypeError::new_err("Identities: containers must be dicts and lists"));
            };
            Ok(Held::List(list.clone().unbind(), list.iter().map(Bound::unbind).collect()))
        };
        containers.iter().map(held).collect::<PyResult<_>>().map(Self)
    }

    /// Whether all hold the same objects in the same order.
    fn hold(&self, py: Python<'_>) -> bool {
        self.0.iter().all(|held| match held {
            Held::Dict(dict, items) => {
                let dict = dict.bind(py);
                dict.len() == items.len()
                    && dict.iter().zip(items).all(|((key, value), (known, expected))| {
                        key.is(known) && expected.as_ref().is_none_or(|expected| value.is(expected))
                    })
            }
            Held::List(list, items) => {
                let list = list.bind(py);
                list.len() == items.len() && list.iter().zip(items).all(|(item, known)| item.is(known))
            }
        })
    }

    /// Shows Python's collector what is held: a model holds its captured steps, which hold this, which holds the
    /// model. The dicts and lists of such a circle are what the collector empties.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        for held in &self.0 {
            match held {
                Held::Dict(dict, items) => {
                    visit.call(dict)?;
                    for (key, value) in items {
                        visit.call(key)?;
                        visit.call(value)?;
                    }
                }
                Held::List(list, items) => {
                    visit.call(list)?;
                    for item in items {
                        visit.call(item)?;
                    }
                }
            }
        }
        Ok(())
    }
}
