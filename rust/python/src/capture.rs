//! Steps that are traced and then run again without Python.

use std::time::{Duration, Instant};

use corten_tensor::core::{Key, Result};
use corten_tensor::{Plan, Tensor, capture, ops, rows};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::convert::Array;
use crate::funnel;
use crate::tensor::PyTensor;

/// How long a run goes on before Python gets to look at signals and flags.
const RUN_FOR: Duration = Duration::from_millis(20);

/// What one step did. Made by `trace_end`.
#[pyclass(frozen, module = "corten._core")]
pub(crate) struct StepTrace(capture::Trace);

/// Starts to note the ops of this thread.
///
/// Args:
///     inputs: The tensors of the batch.
///     variables: What the optimizer changes in place.
///     states: What the step gives new values.
#[pyfunction]
pub(crate) fn trace_begin(inputs: Vec<Array>, variables: Vec<Array>, states: Vec<Array>) {
    capture::begin(&plain(inputs), &plain(variables), &plain(states));
}

/// Ends the trace of this thread.
///
/// Args:
///     results: The tensors that hold the new values of the states, then what else the step gives.
///     drawn: The random keys drawn for the step, as pairs (seed, stream).
///
/// Returns:
///     The trace, or the reason why the step cannot be run again.
#[pyfunction]
pub(crate) fn trace_end(py: Python<'_>, results: Vec<Array>, drawn: Vec<(u64, u64)>) -> PyResult<Py<PyAny>> {
    let drawn: Vec<Key> = drawn.into_iter().map(|(seed, stream)| Key { seed, stream }).collect();
    match capture::end(&plain(results), &drawn) {
        Ok(trace) => Ok(Py::new(py, StepTrace(trace))?.into_any()),
        Err(reason) => Ok(reason.into_pyobject(py)?.into_any().unbind()),
    }
}

/// Forgets the trace of this thread.
#[pyfunction]
pub(crate) fn trace_abort() {
    capture::abort();
}

fn plain(arrays: Vec<Array>) -> Vec<Tensor> {
    arrays.into_iter().map(|array| array.0).collect()
}

/// A step that runs again, for one size of batch.
#[pyclass(frozen, module = "corten._core")]
pub(crate) struct StepPlan(Plan);

/// Where a random key of a step comes from: each further step is so many streams on.
struct Draw {
    seed: u64,
    stream: u64,
    stride: u64,
}

#[pymethods]
impl StepPlan {
    /// Makes a plan of two traces of one step.
    ///
    /// Args:
    ///     first: A trace.
    ///     second: The trace of another batch.
    ///     decays: For each variable whether weight decay applies to it.
    ///
    /// Raises:
    ///     ValueError: The traces differ.
    #[new]
    fn new(first: &StepTrace, second: &StepTrace, decays: Vec<bool>) -> PyResult<Self> {
        Plan::new(&first.0, &second.0, decays).map(Self).map_err(PyValueError::new_err)
    }

    /// The number of ops of a step.
    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// Runs the step on one batch after the other, for some 20 ms.
    ///
    /// Args:
    ///     sources: The arrays that the batches are cut from.
    ///     order: The order of their rows; None takes them as they are.
    ///     start: The first row.
    ///     size: Rows of a batch.
    ///     count: How many batches there are.
    ///     variables: The values of the variables; they are changed.
    ///     states: The values of the states.
    ///     rates: The learning rate of each step; the last one goes on.
    ///     weight_decay: Times the learning rate it is taken off the variables that decay.
    ///     step: The number of the first step, from 1.
    ///     draws: The random keys of the first step, as (seed, stream, streams to that of the next step).
    ///
    /// Returns:
    ///     How many batches were done, and the results of the last: new values of the states, then what
    ///     else the step gives.
    ///
    /// Raises:
    ///     ValueError: The plan is for other shapes or dtypes.
    #[allow(clippy::too_many_arguments)]
    fn run(
        &self,
        py: Python<'_>,
        sources: Vec<Array>,
        order: Option<Array>,
        start: usize,
        size: usize,
        count: usize,
        variables: Vec<Bound<'_, PyTensor>>,
        states: Vec<Array>,
        rates: Vec<f64>,
        weight_decay: f64,
        step: u64,
        draws: Vec<(u64, u64, u64)>,
    ) -> PyResult<(usize, Vec<PyTensor>)> {
        let plan = &self.0;
        let (sources, order) = (plain(sources), order.map(|order| order.0));
        let draws: Vec<Draw> = draws.into_iter().map(|(seed, stream, stride)| Draw { seed, stream, stride }).collect();
        if draws.len() != plan.draws() {
            return Err(other_plan());
        }
        let mut results = plain(states);
        let states = results.len();
        let cost = plan.cost();
        let begun = Instant::now();
        let mut table = plan.table();
        let mut done = 0;
        while done < count && (done == 0 || begun.elapsed() < RUN_FOR) {
            let values = variables
                .iter()
                .map(|variable| Ok(variable.try_borrow()?.inner.clone()))
                .collect::<PyResult<Vec<Tensor>>>()?;
            let outcome = funnel::run(py, cost, || {
                let batch = cut(&sources, order.as_ref(), start + done * size, size)?;
                if done == 0 && !plan.fits(&batch, &values, &results[..states]) {
                    return Ok(None);
                }
                let keys = draws.iter().map(|draw| draw.of_step(done)).collect::<Vec<Key>>();
                let found = plan.run(&mut table, &batch, &values, &results[..states], &keys);
                // The optimizer works in place where nobody else holds a variable.
                drop(values);
                found.map(Some)
            });
            results = match outcome {
                Ok(Some(results)) => results,
                Ok(None) => return Err(other_plan()),
                // Nothing of this batch is kept; the next run begins with it, and says so.
                Err(_) if done > 0 => break,
                Err(failure) => return Err(failure),
            };
            if plan.updates() {
                let rate = rates.get(done).or(rates.last()).copied().unwrap_or(0.0);
                let mut guards = variables
                    .iter()
                    .map(|variable| Ok(variable.try_borrow_mut()?))
                    .collect::<PyResult<Vec<PyRefMut<'_, PyTensor>>>>()?;
                let mut exclusive: Vec<&mut Tensor> = guards.iter_mut().map(|guard| &mut guard.inner).collect();
                funnel::run(py, cost, || {
                    plan.update(&mut table, &mut exclusive, rate, rate * weight_decay, step + done as u64)
                })?;
            }
            done += 1;
        }
        Ok((done, results.into_iter().map(PyTensor::from).collect()))
    }
}

impl Draw {
    const fn of_step(&self, number: usize) -> Key {
        Key { seed: self.seed, stream: self.stream + self.stride * number as u64 }
    }
}

fn other_plan() -> PyErr {
    PyValueError::new_err("StepPlan.run: the step was captured for other shapes or dtypes")
}

/// One batch of the arrays: a view, or the rows that the order names.
fn cut(sources: &[Tensor], order: Option<&Tensor>, start: usize, size: usize) -> Result<Vec<Tensor>> {
    let chosen = order.map(|order| rows(order, start, size));
    sources
        .iter()
        .map(|source| match &chosen {
            Some(chosen) => ops::gather(source, chosen, 0),
            None => Ok(rows(source, start, size)),
        })
        .collect()
}
