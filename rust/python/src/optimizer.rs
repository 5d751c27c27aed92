//! Optimizer steps on many parameters at once.

use corten_tensor::core::OptimizerOp;
use corten_tensor::{Slot, Tensor};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::Array;
use crate::funnel;
use crate::tensor::PyTensor;

/// Hyper-parameters by name.
struct Hyper<'a, 'py> {
    rule: &'a str,
    values: &'a Bound<'py, PyDict>,
}

impl Hyper<'_, '_> {
    fn number<T: for<'a, 'py> FromPyObject<'a, 'py, Error = PyErr>>(&self, name: &str) -> PyResult<T> {
        let value = self.values.get_item(name)?.ok_or_else(|| {
            PyTypeError::new_err(format!("optimizer_step: {} needs the hyper-parameter {name:?}", self.rule))
        })?;
        value.extract::<T>().map_err(|failure: PyErr| {
            PyTypeError::new_err(format!("optimizer_step: hyper-parameter {name:?}: {failure}"))
        })
    }

    fn op(&self) -> PyResult<OptimizerOp> {
        Ok(match self.rule {
            "sgd" => OptimizerOp::Sgd { momentum: self.number("momentum")?, nesterov: self.number("nesterov")? },
            "rmsprop" => OptimizerOp::RmsProp {
                rho: self.number("rho")?,
                momentum: self.number("momentum")?,
                epsilon: self.number("epsilon")?,
                centered: self.number("centered")?,
            },
            "adagrad" => OptimizerOp::Adagrad { epsilon: self.number("epsilon")? },
            "adadelta" => OptimizerOp::Adadelta { rho: self.number("rho")?, epsilon: self.number("epsilon")? },
            "adam" => OptimizerOp::Adam {
                beta_1: self.number("beta_1")?,
                beta_2: self.number("beta_2")?,
                epsilon: self.number("epsilon")?,
                amsgrad: self.number("amsgrad")?,
                step: self.number("step")?,
            },
            "adamax" => OptimizerOp::Adamax {
                beta_1: self.number("beta_1")?,
                beta_2: self.number("beta_2")?,
                epsilon: self.number("epsilon")?,
                step: self.number("step")?,
            },
            "nadam" => OptimizerOp::Nadam {
                beta_1: self.number("beta_1")?,
                beta_2: self.number("beta_2")?,
                epsilon: self.number("epsilon")?,
                step: self.number("step")?,
                u_product: self.number("u_product")?,
            },
            "lion" => OptimizerOp::Lion { beta_1: self.number("beta_1")?, beta_2: self.number("beta_2")? },
            other => {
                return Err(PyValueError::new_err(format!(
                    "optimizer_step: unknown rule {other:?}; known: sgd, rmsprop, adagrad, adadelta, adam, adamax, nadam, lion"
                )));
            }
        })
    }
}

fn same_length(what: &str, found: usize, expected: usize) -> PyResult<()> {
    if found == expected {
        return Ok(());
    }
    Err(PyValueError::new_err(format!("optimizer_step: {expected} values, but {found} {what}")))
}

/// Applies one optimizer rule to many parameters, in place and in one pass.
///
/// Args:
///     name: `"sgd"`, `"rmsprop"`, `"adagrad"`, `"adadelta"`, `"adam"`, `"adamax"`, `"nadam"` or `"lion"`.
///     hyper: The rule's hyper-parameters by Keras's names; `step` counts from 1, and `u_product` is the
///         product of Nadam's momentum schedule before this step.
///     values: The parameters.
///     gradients: One for each parameter; where None, the parameter stays as it is.
///     slots: For each parameter the list of what the rule carries: sgd [momentum if nonzero]; rmsprop
///         [velocity, momentum if nonzero, average gradient if centered]; adagrad [accumulator]; adadelta
///         [accumulated gradient, accumulated delta]; adam [momentum, velocity, largest velocity if
///         amsgrad]; adamax [momentum, norm]; nadam [momentum, velocity]; lion [momentum].
///     learning_rate: The step size.
///     decays: For each parameter the share of it that is taken off before the update; None for none.
#[pyfunction]
#[pyo3(signature = (name, hyper, values, gradients, slots, learning_rate, decays=None))]
pub(crate) fn optimizer_step(
    py: Python<'_>,
    name: &str,
    hyper: &Bound<'_, PyDict>,
    values: Vec<Bound<'_, PyAny>>,
    gradients: Vec<Option<Array>>,
    slots: Vec<Vec<Bound<'_, PyAny>>>,
    learning_rate: f64,
    decays: Option<Vec<f64>>,
) -> PyResult<()> {
    let op = Hyper { rule: name, values: hyper }.op()?;
    same_length("gradients", gradients.len(), values.len())?;
    same_length("lists of slots", slots.len(), values.len())?;
    if let Some(decays) = &decays {
        same_length("decays", decays.len(), values.len())?;
    }
    // Guards first, references second: the engine works on the tensors inside the Python objects.
    let mut guards = Vec::with_capacity(values.len());
    let mut rest = Vec::with_capacity(values.len());
    for (i, ((value, gradient), slots)) in values.iter().zip(gradients).zip(&slots).enumerate() {
        let Some(Array(gradient)) = gradient else { continue };
        let value = exclusive(value)?;
        let slots = slots.iter().map(exclusive).collect::<PyResult<Vec<_>>>()?;
        guards.push((value, slots));
        rest.push((gradient, decays.as_ref().map_or(0.0, |decays| decays[i])));
    }
    let mut parameters: Vec<Slot<'_>> = guards
        .iter_mut()
        .zip(rest)
        .map(|((value, slots), (gradient, decay))| Slot {
            value: &mut value.inner,
            gradient,
            slots: slots.iter_mut().map(|slot| -> &mut Tensor { &mut slot.inner }).collect(),
            decay,
        })
        .collect();
    let cost = parameters.iter().map(|parameter| parameter.gradient.len()).sum();
    funnel::run(py, cost, || corten_tensor::optimizer_step(&op, learning_rate, &mut parameters))
}

/// Exclusive access to the tensor inside a Python object.
fn exclusive<'py>(object: &Bound<'py, PyAny>) -> PyResult<PyRefMut<'py, PyTensor>> {
    let tensor = match object.cast::<PyTensor>() {
        Ok(tensor) => tensor.clone(),
        Err(_) => match object.getattr_opt("__corten_tensor__")? {
            Some(convert) => convert.call0()?.cast_into::<PyTensor>()?,
            None => {
                return Err(PyTypeError::new_err(format!(
                    "optimizer_step: parameters and slots must be tensors; got {}",
                    object.get_type()
                )));
            }
        },
    };
    tensor.try_borrow_mut().map_err(|_| {
        PyValueError::new_err("optimizer_step: a tensor is in use elsewhere, or appears twice among values and slots")
    })
}
