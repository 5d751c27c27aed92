//! Gradients, and gradients written in Python.

use corten_tensor::core::Error;
use corten_tensor::{Tensor, autograd};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::convert::{self, Array};
use crate::tensor::PyTensor;
use crate::{error, funnel};

/// One gradient for each output: those given, or ones.
fn upstream(outputs: &[Tensor], grads: Option<Vec<Option<Array>>>) -> PyResult<Vec<Option<Tensor>>> {
    match grads {
        None => Ok(vec![None; outputs.len()]),
        Some(grads) if grads.len() == outputs.len() => {
            Ok(grads.into_iter().map(|grad| grad.map(|grad| grad.0)).collect())
        }
        Some(grads) => {
            let message = format!(
                "gradients: one upstream gradient per output is needed; got {} for {} outputs",
                grads.len(),
                outputs.len()
            );
            Err(error::to_python(Error::argument(message)))
        }
    }
}

/// A single tensor counts as a list of one.
fn listed(objects: &Bound<'_, PyAny>) -> PyResult<Vec<Tensor>> {
    if let Ok(single) = objects.cast::<PyTensor>() {
        return Ok(vec![single.try_borrow()?.inner.clone()]);
    }
    convert::tensors(objects)
}

/// Adds the gradients of outputs to the `.grad` of every leaf they were computed from.
///
/// Args:
///     outputs: A tensor or a list of tensors.
///     grads: Upstream gradients, one for each output; ones if None.
#[pyfunction]
#[pyo3(signature = (outputs, grads=None))]
pub(crate) fn backward(py: Python<'_>, outputs: &Bound<'_, PyAny>, grads: Option<Vec<Option<Array>>>) -> PyResult<()> {
    let outputs = listed(outputs)?;
    let upstream = upstream(&outputs, grads)?;
    funnel::run(py, funnel::LONG, || autograd::backward(&outputs, &upstream))
}

/// Gradients of outputs with respect to inputs.
///
/// Args:
///     outputs: A tensor or a list of tensors.
///     inputs: A tensor or a list of tensors.
///     grads: Upstream gradients, one for each output; ones if None.
///     create_graph: Whether the gradients can be differentiated again.
///
/// Returns:
///     One tensor for each input, or None where an input did not take part.
#[pyfunction]
#[pyo3(signature = (outputs, inputs, grads=None, create_graph=false))]
pub(crate) fn gradients(
    py: Python<'_>,
    outputs: &Bound<'_, PyAny>,
    inputs: &Bound<'_, PyAny>,
    grads: Option<Vec<Option<Array>>>,
    create_graph: bool,
) -> PyResult<Vec<Option<PyTensor>>> {
    let (outputs, inputs) = (listed(outputs)?, listed(inputs)?);
    let upstream = upstream(&outputs, grads)?;
    let found = funnel::run(py, funnel::LONG, || autograd::gradients(&outputs, &upstream, &inputs, create_graph))?;
    Ok(found.into_iter().map(|gradient| gradient.map(PyTensor::from)).collect())
}

/// Switches recording for gradients on this thread.
///
/// Args:
///     enabled: Whether to record.
///
/// Returns:
///     Whether it recorded before.
#[pyfunction]
pub(crate) fn set_grad_enabled(enabled: bool) -> bool {
    autograd::set_grad_enabled(enabled)
}

/// Whether operations on this thread are recorded for gradients.
///
/// Returns:
///     The state.
#[pyfunction]
pub(crate) fn is_grad_enabled() -> bool {
    autograd::is_grad_enabled()
}

/// A gradient rule written in Python.
struct PythonRule {
    callback: Py<PyAny>,
}

impl PythonRule {
    fn call(&self, py: Python<'_>, upstream: &[Option<Tensor>]) -> PyResult<Vec<Option<Tensor>>> {
        let upstream = PyList::new(py, upstream.iter().map(|gradient| gradient.clone().map(PyTensor::from)))?;
        let result = self.callback.bind(py).call1((upstream,))?;
        if result.is_instance_of::<PyTensor>() {
            return Ok(vec![Some(convert::tensor(&result)?)]);
        }
        let items = result.try_iter().map_err(|_| {
            PyTypeError::new_err(format!(
                "custom_node: the backward function must return a list of gradients; got {}",
                result.get_type()
            ))
        })?;
        items
            .map(|item| {
                let item = item?;
                if item.is_none() { Ok(None) } else { convert::tensor(&item).map(Some) }
            })
            .collect()
    }
}

impl autograd::CustomGradient for PythonRule {
    fn gradient(&self, upstream: &[Option<Tensor>]) -> corten_tensor::core::Result<Vec<Option<Tensor>>> {
        Python::attach(|py| self.call(py, upstream)).map_err(error::from_python)
    }
}

/// Gives tensors a history of one step whose gradient is a Python function.
///
/// Args:
///     outputs: What was computed, in any way.
///     inputs: What it was computed from.
///     backward: Takes the list of upstream gradients (None where an output was not used) and returns
///         one gradient for each input (None for none).
///
/// Returns:
///     The outputs, with that history.
#[pyfunction]
pub(crate) fn custom_node(
    outputs: &Bound<'_, PyAny>,
    inputs: &Bound<'_, PyAny>,
    backward: Py<PyAny>,
) -> PyResult<Vec<PyTensor>> {
    let (outputs, inputs) = (listed(outputs)?, listed(inputs)?);
    let rule = Box::new(PythonRule { callback: backward });
    Ok(autograd::custom(&outputs, &inputs, rule).into_iter().map(PyTensor::from).collect())
}
