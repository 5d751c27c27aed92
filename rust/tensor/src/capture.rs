//! Steps that repeat. While a thread traces, the choke point notes every op it runs; two traces of the
//! same step that agree make a [`Plan`](crate::plan::Plan), which runs the ops again on other values
//! without anybody asking for them one by one.
//!
//! What makes a trace whole: all values come from ops, so a value that none of them made (and that was
//! not named as a source) is a refusal, as is a look at a value that the step computed.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, HashSet},
    sync::{Arc, Weak},
};

use corten_core::{AttentionSpec, FusedOp, Key, Op, OptimizerOp, Spec};
use smallvec::SmallVec;

use crate::{
    device::Device,
    tensor::{Data, Tensor},
};

/// A place for a value within a step.
pub(crate) type Place = usize;

/// In place of the seed of a key that is drawn anew for each step; the stream is its number.
pub(crate) const DRAWN: u64 = u64::MAX;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Work {
    Op(Op),
    /// The gradient kernel of a fused op: its inputs, outputs and those upstream gradients there are.
    FusedGrad {
        op: FusedOp,
        inputs: usize,
        outputs: usize,
        grads: SmallVec<[bool; 2]>,
        needs: SmallVec<[bool; 6]>,
    },
    /// Inputs: for each parameter its value, its gradient and its slots (so many for each).
    Optimizer {
        op: OptimizerOp,
        slots: usize,
    },
    /// To the step's device.
    #[cfg(feature = "gpu")]
    Move,
}

/// One op and where its operands are and its results go.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) work: Work,
    pub(crate) inputs: SmallVec<[Place; 4]>,
    /// `None` where a gradient kernel gave nothing.
    pub(crate) outputs: SmallVec<[Option<(Place, Spec)>; 2]>,
    /// Where it runs.
    pub(crate) device: Device,
}

/// What a move is to those who know one device.
#[cfg(feature = "gpu")]
static MOVED: Op = Op::Copy;

impl Step {
    fn call(&self) -> Option<Call<'_>> {
        let op = match &self.work {
            Work::Op(op) => op,
            #[cfg(feature = "gpu")]
            Work::Move => &MOVED,
            Work::FusedGrad { .. } | Work::Optimizer { .. } => return None,
        };
        let outputs = self.outputs.iter().map(|output| output.as_ref().map(|(place, spec)| (*place, spec)));
        Some(Call { op, inputs: &self.inputs, outputs: outputs.collect::<Option<_>>()? })
    }
}

#[derive(Debug, Default)]
struct Recorder {
    places: HashMap<*const Data, Place>,
    /// Keeps every address in use, so that none stands for two values; the values themselves may go.
    held: Vec<Weak<Data>>,
    steps: Vec<Step>,
    sources: [usize; 3],
    specs: Vec<(Spec, Device)>,
    /// Operands that come from elsewhere, where these are taken for constants.
    constants: Option<Vec<(Place, Tensor)>>,
    refusal: Option<&'static str>,
}

/// What one step did.
#[derive(Debug)]
pub struct Trace {
    pub(crate) steps: Vec<Step>,
    pub(crate) places: usize,
    pub(crate) sources: [usize; 3],
    /// Where the new value of each state is, and after these the other results.
    pub(crate) results: Vec<Place>,
    /// How many random keys each step draws.
    pub(crate) draws: usize,
    pub(crate) specs: Vec<(Spec, Device)>,
    constants: Vec<(Place, Tensor)>,
}

/// One op of a [`Trace`] as others read it: operands by place, results by place, shape and dtype.
#[derive(Debug)]
pub struct Call<'a> {
    pub op: &'a Op,
    pub inputs: &'a [usize],
    pub outputs: Vec<(usize, &'a Spec)>,
}

impl Trace {
    /// The ops in order; none if there is more than ops in it. Sources have the first places.
    pub fn calls(&self) -> Option<Vec<Call<'_>>> {
        self.steps.iter().map(Step::call).collect()
    }

    /// Where the results are.
    pub fn results(&self) -> &[usize] {
        &self.results
    }

    /// What came from elsewhere, by place.
    pub fn constants(&self) -> &[(usize, Tensor)] {
        &self.constants
    }
}

thread_local! {
    static TRACING: Cell<bool> = const { Cell::new(false) };
    static RECORDER: RefCell<Recorder> = RefCell::default();
}

/// Whether this thread traces.
#[inline]
pub(crate) fn tracing() -> bool {
    TRACING.get()
}

/// Goes on tracing when dropped.
pub(crate) struct Pause(bool);

impl Drop for Pause {
    fn drop(&mut self) {
        TRACING.set(self.0);
    }
}

/// Notes nothing until the guard is dropped: for ops inside an op.
pub(crate) fn pause() -> Pause {
    Pause(TRACING.replace(false))
}

/// Starts a trace on this thread. `inputs` is the batch, `variables` what the optimizer changes in
/// place, `states` what the step gives new values.
pub fn begin(inputs: &[Tensor], variables: &[Tensor], states: &[Tensor]) {
    start(inputs, variables, states, None);
}

/// As [`begin`], for a look at a function: operands that come from elsewhere are constants of it.
pub fn begin_with_constants(inputs: &[Tensor], variables: &[Tensor]) {
    start(inputs, variables, &[], Some(Vec::new()));
}

fn start(inputs: &[Tensor], variables: &[Tensor], states: &[Tensor], constants: Option<Vec<(Place, Tensor)>>) {
    let sources = [inputs.len(), variables.len(), states.len()];
    let mut recorder = Recorder { sources, constants, ..Recorder::default() };
    for source in inputs.iter().chain(variables).chain(states) {
        if recorder.places.contains_key(&Arc::as_ptr(source.data())) {
            recorder.refusal = Some("two sources are one tensor");
        }
        recorder.place_new(source.data());
        recorder.specs.push((Spec::new(source.shape(), source.dtype()), source.device()));
    }
    RECORDER.replace(recorder);
    TRACING.set(true);
}

/// Ends the trace of this thread. `results` are the tensors that now hold the states' values and then
/// what else the step is run for, `drawn` the random keys that were drawn for this step.
///
/// # Errors
/// The reason why the step cannot be repeated.
pub fn end(results: &[Tensor], drawn: &[Key]) -> Result<Trace, &'static str> {
    TRACING.set(false);
    let recorder = RECORDER.take();
    if let Some(reason) = recorder.refusal {
        return Err(reason);
    }
    if drawn.iter().collect::<HashSet<_>>().len() != drawn.len() {
        return Err("one random key was drawn twice");
    }
    let place = |result: &Tensor| recorder.places.get(&Arc::as_ptr(result.data())).copied();
    let results: Option<Vec<Place>> = results.iter().map(place).collect();
    let results = results.ok_or("a result comes from elsewhere")?;
    let mut steps = alive(recorder.steps, &results);
    for step in &mut steps {
        let key = match &mut step.work {
            Work::Op(op) => key_of(op),
            Work::FusedGrad { op, .. } => fused_key_of(op),
            Work::Optimizer { .. } => None,
            #[cfg(feature = "gpu")]
            Work::Move => None,
        };
        if let Some(key) = key
            && let Some(number) = drawn.iter().position(|drawn| drawn == key)
        {
            *key = Key { seed: DRAWN, stream: number as u64 };
        }
        if let Work::Optimizer { op, .. } = &mut step.work {
            *op = at_step(*op, 0);
        }
    }
    Ok(Trace {
        steps,
        places: recorder.held.len(),
        sources: recorder.sources,
        results,
        draws: drawn.len(),
        specs: recorder.specs,
        constants: recorder.constants.unwrap_or_default(),
    })
}

/// Forgets the trace of this thread.
pub fn abort() {
    TRACING.set(false);
    RECORDER.take();
}

/// The steps whose results reach a result or the optimizer.
fn alive(steps: Vec<Step>, results: &[Place]) -> Vec<Step> {
    let mut needed: HashSet<Place> = results.iter().copied().collect();
    let mut kept: Vec<Step> = Vec::with_capacity(steps.len());
    for step in steps.into_iter().rev() {
        let gives = step.outputs.iter().flatten().any(|(place, _)| needed.contains(place));
        if gives || matches!(step.work, Work::Optimizer { .. }) {
            needed.extend(&step.inputs);
            kept.push(step);
        }
    }
    kept.reverse();
    kept
}

/// The random key of an op.
pub(crate) fn key_of(op: &mut Op) -> Option<&mut Key> {
    if let Op::Random { key, .. } | Op::RandomGamma { key } = op {
        Some(key)
    } else if let Op::Fused(fused) = op {
        fused_key_of(fused)
    } else {
        None
    }
}

pub(crate) fn fused_key_of(op: &mut FusedOp) -> Option<&mut Key> {
    if let FusedOp::Dropout(spec) | FusedOp::Attention(AttentionSpec { dropout: Some(spec), .. }) = op {
        Some(&mut spec.key)
    } else {
        None
    }
}

/// The rule at another step count.
pub(crate) fn at_step(mut op: OptimizerOp, now: u64) -> OptimizerOp {
    if let OptimizerOp::Adam { step, .. } | OptimizerOp::Adamax { step, .. } | OptimizerOp::Nadam { step, .. } = &mut op
    {
        *step = now;
    }
    op
}

impl Recorder {
    fn place_new(&mut self, data: &Arc<Data>) -> Place {
        let place = self.held.len();
        self.places.insert(Arc::as_ptr(data), place);
        self.held.push(Arc::downgrade(data));
        place
    }

    /// Where an operand is; what no op made is a constant or refused, as nobody could tell when it changes.
    fn place_of(&mut self, x: &Tensor) -> Place {
        if let Some(&place) = self.places.get(&Arc::as_ptr(x.data())) {
            return place;
        }
        if self.constants.is_none() {
            self.refusal = Some("an operand comes from elsewhere");
            return 0;
        }
        let place = self.place_new(x.data());
        self.constants.get_or_insert_default().push((place, x.detach()));
        place
    }
}

/// Notes an op that ran.
#[cold]
pub(crate) fn note<'a>(work: Work, inputs: impl Iterator<Item = &'a Tensor>, outputs: &[Option<&Arc<Data>>]) {
    let device = outputs.iter().flatten().next().map_or(Device::Cpu, |data| data.storage.device());
    RECORDER.with_borrow_mut(|recorder| {
        let inputs = inputs.map(|x| recorder.place_of(x)).collect();
        let outputs = outputs
            .iter()
            .map(|data| data.map(|data| (recorder.place_new(data), Spec::new(data.layout.shape(), data.dtype))))
            .collect();
        recorder.steps.push(Step { work, inputs, outputs, device });
    });
}

/// Notes that somebody looks at a value. Where it depends on the step, what follows may depend on it.
#[inline]
pub(crate) fn note_read(x: &Tensor) {
    if tracing() {
        RECORDER.with_borrow_mut(|recorder| {
            if recorder.places.contains_key(&Arc::as_ptr(x.data())) {
                recorder.refusal = Some("a value was read");
            }
        });
    }
}

/// Notes that the optimizer put a variable into other memory.
pub(crate) fn note_moved(before: *const Data, now: &Tensor) {
    RECORDER.with_borrow_mut(|recorder| {
        if let Some(&place) = recorder.places.get(&before) {
            recorder.places.insert(Arc::as_ptr(now.data()), place);
            recorder.held.push(Arc::downgrade(now.data()));
        }
    });
}
