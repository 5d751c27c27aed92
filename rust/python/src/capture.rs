//! Steps that are traced and then run again without Python.

use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use corten_tensor::core::{Key, Result};
use corten_tensor::cpu::parallel;
use corten_tensor::{Device, Plan, Table, Tensor, capture, ops, rows};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::convert::Array;
use crate::funnel;
use crate::program::describe;
use crate::tensor::PyTensor;

/// How long a run goes on before Python gets to look at signals and flags.
const RUN_FOR: Duration = Duration::from_millis(20);

/// Batches of so many bytes are gathered by a thread of their own while the step before them runs...
const GATHERED_AHEAD_FROM: usize = 128 << 10;
/// ...where the team has more than so many threads: a step on two leaves no core to gather on, and a third thread there
/// gained nothing.
const THREADS_BUSY: usize = 2;

/// What one step did. Made by `trace_end`.
#[pyclass(frozen, module = "corten._core")]
pub(crate) struct StepTrace(capture::Trace);

#[pymethods]
impl StepTrace {
    /// The ops in order: for each its kind, its attributes, the places of its operands, and place, shape and dtype of
    /// its results. Arguments have the first places, then variables.
    ///
    /// Raises:
    ///     ValueError: It is the trace of a training step.
    fn calls<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let calls =
            self.0.calls().ok_or_else(|| PyValueError::new_err("the trace of a training step is no function"))?;
        calls.iter().map(|call| describe(py, call)?.into_pyobject(py)).collect()
    }

    /// The places of the results.
    fn results(&self) -> Vec<usize> {
        self.0.results().to_vec()
    }

    /// The constants by place.
    fn constants(&self) -> Vec<(usize, PyTensor)> {
        self.0.constants().iter().map(|(place, value)| (*place, value.clone().into())).collect()
    }
}

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

/// Starts to note the ops of this thread, for a look at a function. What comes from elsewhere is a constant of it.
///
/// Args:
///     inputs: The arguments.
///     variables: The values of the variables.
#[pyfunction]
pub(crate) fn trace_function(inputs: Vec<Array>, variables: Vec<Array>) {
    capture::begin_with_constants(&plain(inputs), &plain(variables));
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

    /// Runs the step once, on whole arguments, of which there are no optimizer and no random keys.
    ///
    /// Args:
    ///     inputs: The arguments, in the shapes of the traces.
    ///     variables: The values of the variables.
    ///     states: A list with the values of the states. It is emptied: what nobody else holds is changed in place.
    ///
    /// Returns:
    ///     The new values of the states, then what else the step gives.
    ///
    /// Raises:
    ///     ValueError: The step trains or draws, or was captured for other shapes or dtypes.
    fn call(
        &self,
        py: Python<'_>,
        inputs: Vec<Array>,
        variables: Vec<Array>,
        states: &Bound<'_, PyList>,
    ) -> PyResult<Vec<PyTensor>> {
        let plan = &self.0;
        let (inputs, variables) = (plain(inputs), plain(variables));
        let given: Vec<Tensor> = plain(states.extract()?);
        if plan.updates() || plan.draws() > 0 || !plan.fits(&inputs, &variables, &given) {
            return Err(other_plan());
        }
        states.del_slice(0, states.len())?;
        let mut table = plan.table();
        let found = funnel::run(py, plan.cost(), || plan.run_over(&mut table, &inputs, &variables, given, &[]))?;
        Ok(found.into_iter().map(PyTensor::from).collect())
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
    ///     outcome: A list that gets how many batches were done with the results of the last (new values of the
    ///         states, then what else the step gives), and after that pair the exception of a first batch that
    ///         failed. A value that is returned would be lost to a signal that comes meanwhile: its exception is
    ///         raised before anybody has the value.
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
        outcome: &Bound<'_, PyList>,
    ) -> PyResult<()> {
        let plan = &self.0;
        let (sources, order) = (plain(sources), order.map(|order| order.0));
        let draws: Vec<Draw> = draws.into_iter().map(|(seed, stream, stride)| Draw { seed, stream, stride }).collect();
        if draws.len() != plan.draws() {
            return Err(other_plan());
        }
        let mut states = plain(states);
        let count_of_states = states.len();
        let cost = plan.cost();
        // What was given up before is none of this run's failures.
        funnel::gave_up();
        let begun = Instant::now();
        let mut table = plan.table();
        let mut done = 0;
        let (mut failure, mut interrupt) = (None, None);
        let update = |table: &mut Table, done: usize| {
            if !plan.updates() {
                return Ok(());
            }
            let rate = rates.get(done).or(rates.last()).copied().unwrap_or(0.0);
            let mut guards = variables
                .iter()
                .map(|variable| Ok(variable.try_borrow_mut()?))
                .collect::<PyResult<Vec<PyRefMut<'_, PyTensor>>>>()?;
            let mut exclusive: Vec<&mut Tensor> = guards.iter_mut().map(|guard| &mut guard.inner).collect();
            funnel::run(py, cost, || plan.update(table, &mut exclusive, rate, rate * weight_decay, step + done as u64))
        };
        let device = variables.first().map(|variable| variable.try_borrow().map(|variable| variable.inner.device()));
        let device = device.transpose()?.unwrap_or_default();
        let batches = Batches { sources: &sources, order: order.as_ref(), start, size, count, device };
        batches.visit(|batch| {
            let values = variables
                .iter()
                .map(|variable| Ok(variable.try_borrow()?.inner.clone()))
                .collect::<PyResult<Vec<Tensor>>>()?;
            let outcome = funnel::run(py, cost, || {
                let batch = batch()?;
                if done == 0 && !plan.fits(&batch, &values, &states) {
                    return Ok(None);
                }
                let keys = draws.iter().map(|draw| draw.of_step(done)).collect::<Vec<Key>>();
                let found = plan.run(&mut table, &batch, &values, &states[..count_of_states], &keys);
                // The optimizer works in place where nobody else holds a variable.
                drop(values);
                found.map(Some)
            });
            let outcome = match outcome {
                Ok(Some(results)) => update(&mut table, done).map(|()| results),
                Ok(None) => Err(other_plan()),
                Err(raised) => Err(raised),
            };
            match outcome {
                Ok(results) => states = results,
                // Nothing of this batch is kept, all of those before it.
                Err(raised) => {
                    if funnel::gave_up() {
                        interrupt = Some(raised);
                    } else if done == 0 {
                        // Later on the next run begins with this batch, and fails.
                        failure = Some(raised);
                    }
                    return Ok(false);
                }
            }
            done += 1;
            Ok(begun.elapsed() < RUN_FOR)
        })?;
        let states: Vec<PyTensor> = states.into_iter().map(PyTensor::from).collect();
        outcome.append((done, states))?;
        if let Some(failure) = failure {
            outcome.append(failure.into_value(py))?;
        }
        interrupt.map_or(Ok(()), Err)
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

/// The batches of some arrays, one after the other.
struct Batches<'a> {
    sources: &'a [Tensor],
    /// The order of the rows; without it a batch is a view.
    order: Option<&'a Tensor>,
    start: usize,
    size: usize,
    count: usize,
    /// Where the step computes.
    device: Device,
}

impl Batches<'_> {
    fn cut(&self, number: usize) -> Result<Vec<Tensor>> {
        let start = self.start + number * self.size;
        let chosen = self.order.map(|order| rows(order, start, self.size));
        self.sources
            .iter()
            .map(|source| match &chosen {
                Some(chosen) => ops::gather(source, chosen, 0)?.placed(self.device),
                None => rows(source, start, self.size).placed(self.device),
            })
            .collect()
    }

    /// Whether gathering a batch takes long enough for a thread of its own.
    fn are_gathered_ahead(&self) -> bool {
        let bytes = |source: &Tensor| source.len() / source.shape()[0].max(1) * source.dtype().size() * self.size;
        self.order.is_some()
            && self.count > 2
            && parallel::num_threads() > THREADS_BUSY
            && self.sources.iter().map(bytes).sum::<usize>() >= GATHERED_AHEAD_FROM
    }

    /// Calls `step` with what gives the next batch until there is none or it says to stop.
    fn visit(
        &self,
        mut step: impl FnMut(&mut (dyn FnMut() -> Result<Vec<Tensor>> + Send)) -> PyResult<bool>,
    ) -> PyResult<()> {
        if !self.are_gathered_ahead() {
            for number in 0..self.count {
                if !step(&mut || self.cut(number))? {
                    break;
                }
            }
            return Ok(());
        }
        std::thread::scope(|scope| {
            let (sender, mut receiver) = sync_channel(1);
            scope.spawn(move || {
                for number in 0..self.count {
                    let batch = parallel::serially(|| self.cut(number));
                    // Nobody takes it: the run is over.
                    if sender.send(batch).is_err() {
                        break;
                    }
                }
            });
            for number in 0..self.count {
                // A thread that ended early leaves the batch to this one.
                let receiver = &mut receiver;
                let mut take = move || {
                    let receiver: &mut Receiver<_> = receiver;
                    receiver.recv().unwrap_or_else(|_| self.cut(number))
                };
                if !step(&mut take)? {
                    break;
                }
            }
            drop(receiver);
            Ok(())
        })
    }
}
