//! A step as a list of ops, run again on other values: no promotion, no inference, no history, and
//! values are dropped after their last use.

use corten_core::{Error, Key, Op, Range, Result, ScatterMode, Spec};
use smallvec::SmallVec;

#[cfg(feature = "gpu")]
use crate::transfer;
use crate::{
    autograd,
    capture::{DRAWN, Place, Step, Trace, Work, at_step, fused_key_of, key_of},
    device::{self, Device},
    execute,
    optimizer::{Slot, optimizer_step},
    tensor::Tensor,
};

/// Constants up to this many elements are computed once and kept.
const KEPT_UP_TO: usize = 1 << 12;

/// One op with what is dropped after it.
#[derive(Debug)]
struct Instruction {
    step: Step,
    last_uses: SmallVec<[Place; 4]>,
    /// The operand whose memory the result of an elementwise op, or of one that sets slices, may take.
    dying: Option<usize>,
    drawn: bool,
}

/// A step that can be run again.
#[derive(Debug)]
pub struct Plan {
    /// All but the optimizer.
    instructions: Vec<Instruction>,
    optimizer: Option<Step>,
    constants: Vec<(Place, Tensor)>,
    decays: Vec<bool>,
    places: usize,
    sources: [usize; 3],
    results: Vec<Place>,
    draws: usize,
    specs: Vec<(Spec, Device)>,
    cost: usize,
}

/// The values of a step while it runs.
#[derive(Debug)]
pub struct Table(Vec<Option<Tensor>>);

impl Plan {
    /// Makes a plan of two traces of the same step. `decays` says which variables decay.
    ///
    /// # Errors
    /// The reason why they do not make one.
    pub fn new(first: &Trace, second: &Trace, decays: Vec<bool>) -> std::result::Result<Self, &'static str> {
        let same = first.places == second.places
            && first.sources == second.sources
            && first.specs == second.specs
            && first.results == second.results
            && first.draws == second.draws
            && first.steps == second.steps;
        if !same {
            return Err("the step differs from batch to batch");
        }
        let [inputs, variables, _] = first.sources;
        let mut known: Vec<Option<Tensor>> = vec![None; first.places];
        let mut steps: Vec<Step> = Vec::with_capacity(first.steps.len());
        let mut optimizer = None;
        for step in &first.steps {
            if optimizer.is_some() && step.inputs.iter().any(|place| (inputs..inputs + variables).contains(place)) {
                return Err("an op reads a variable after the optimizer changed it");
            }
            if let Some(values) = constant(step, &known) {
                for (output, value) in step.outputs.iter().zip(values) {
                    if let Some((place, _)) = output {
                        known[*place] = Some(value);
                    }
                }
            } else if let Work::Optimizer { .. } = step.work {
                // What follows reads no variable, so it may as well run before.
                optimizer = Some(step.clone());
            } else {
                steps.push(step.clone());
            }
        }
        if let Some(Step { work: Work::Optimizer { slots, .. }, inputs: operands, .. }) = &optimizer {
            let mut changed = operands.chunks(slots + 2).flat_map(|one| [&one[..1], &one[2..]].concat());
            if !changed.all(|place| (inputs..inputs + variables).contains(&place)) {
                return Err("the optimizer changes what it was not given");
            }
        }
        let cost = steps.iter().flat_map(|step| step.outputs.iter().flatten()).map(|(_, spec)| spec.len()).sum();
        let mut stays: Vec<bool> = known.iter().map(Option::is_some).collect();
        // States are given up for their new values.
        stays[..inputs + variables].fill(true);
        let gradients = optimizer.iter().flat_map(|step| &step.inputs);
        for &place in gradients.chain(&first.results) {
            stays[place] = true;
        }
        Ok(Self {
            instructions: with_last_uses(steps, stays),
            optimizer,
            constants: known.into_iter().enumerate().filter_map(|(place, value)| Some((place, value?))).collect(),
            decays,
            places: first.places,
            sources: first.sources,
            results: first.results.clone(),
            draws: first.draws,
            specs: first.specs.clone(),
            cost,
        })
    }

    /// How many elements the ops of a step write.
    pub const fn cost(&self) -> usize {
        self.cost
    }

    /// How many random keys a step draws.
    pub const fn draws(&self) -> usize {
        self.draws
    }

    /// Whether there is an optimizer in it.
    pub const fn updates(&self) -> bool {
        self.optimizer.is_some()
    }

    /// How many ops a step has.
    pub fn len(&self) -> usize {
        self.instructions.len() + usize::from(self.optimizer.is_some())
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether these are the shapes, dtypes and devices that the plan was made for.
    pub fn fits(&self, inputs: &[Tensor], variables: &[Tensor], states: &[Tensor]) -> bool {
        let given = [inputs.len(), variables.len(), states.len()];
        given == self.sources
            && inputs.iter().chain(variables).chain(states).zip(&self.specs).all(|(x, (spec, device))| {
                x.shape() == &spec.shape[..] && x.dtype() == spec.dtype && x.device() == *device
            })
    }

    /// A table for [`Self::run`].
    pub fn table(&self) -> Table {
        let mut table = vec![None; self.places];
        for (place, value) in &self.constants {
            table[*place] = Some(value.clone());
        }
        Table(table)
    }

    /// Runs all of a step but the optimizer and gives the results.
    ///
    /// # Errors
    /// An op failed; nothing outside the table has changed.
    pub fn run(
        &self,
        table: &mut Table,
        inputs: &[Tensor],
        variables: &[Tensor],
        states: &[Tensor],
        keys: &[Key],
    ) -> Result<Vec<Tensor>> {
        self.run_over(table, inputs, variables, states.iter().map(Tensor::detach).collect(), keys)
    }

    /// The same with states that are given up: what nobody else holds of them is changed in place.
    ///
    /// # Errors
    /// An op failed; the states are lost.
    pub fn run_over(
        &self,
        table: &mut Table,
        inputs: &[Tensor],
        variables: &[Tensor],
        states: Vec<Tensor>,
        keys: &[Key],
    ) -> Result<Vec<Tensor>> {
        let table = &mut table.0;
        let first_state = inputs.len() + variables.len();
        for (place, source) in inputs.iter().chain(variables).enumerate() {
            table[place] = Some(source.detach());
        }
        for (place, state) in states.into_iter().enumerate() {
            table[first_state + place] = Some(state.detach());
        }
        let _guard = autograd::no_grad();
        for instruction in &self.instructions {
            if !compute_in_place(instruction, table)? {
                let values = compute(instruction, table, keys)?;
                for (output, value) in instruction.step.outputs.iter().zip(values) {
                    if let Some((place, _)) = output {
                        table[*place] = value;
                    }
                }
            }
            for place in &instruction.last_uses {
                table[*place] = None;
            }
        }
        let results = self.results.iter().map(|place| table[*place].clone()).collect::<Option<Vec<Tensor>>>();
        #[cfg(feature = "gpu")]
        {
            // What waits to be read would be computed in some steps and not in others.
            results.iter().flatten().try_for_each(crate::gpu::compute)?;
            if !self.updates() {
                step_ends(results.iter().flatten().next().map(Tensor::device))?;
            }
        }
        // The optimizer works in place where nobody else holds a variable.
        table[..self.sources.iter().sum()].fill(None);
        results.ok_or_else(disordered)
    }

    /// Changes the variables in place; `step` counts from 1.
    ///
    /// # Errors
    /// There is no memory for a copy of a variable that somebody else holds.
    pub fn update(
        &self,
        table: &mut Table,
        variables: &mut [&mut Tensor],
        rate: f64,
        decay: f64,
        step: u64,
    ) -> Result<()> {
        let Some(Step { work: Work::Optimizer { op, slots }, inputs, .. }) = &self.optimizer else {
            return Ok(());
        };
        #[cfg(feature = "gpu")]
        let device = variables.first().map(|variable| variable.device());
        let first = self.sources[0];
        let mut free: Vec<Option<&mut Tensor>> = variables.iter_mut().map(|variable| Some(&mut **variable)).collect();
        let mut parameters: Vec<Slot<'_>> = Vec::with_capacity(inputs.len() / (slots + 2));
        for one in inputs.chunks(slots + 2) {
            let number = one[0] - first;
            let (Some(value), Some(gradient)) = (free[number].take(), table.0[one[1]].take()) else {
                return Err(disordered());
            };
            let slots = one[2..].iter().filter_map(|place| free[place - first].take()).collect();
            let decays = self.decays.get(number).copied().unwrap_or(false);
            parameters.push(Slot { value, gradient, slots, decay: if decays { decay } else { 0.0 } });
        }
        let _guard = autograd::no_grad();
        optimizer_step(&at_step(*op, step), rate, &mut parameters)?;
        #[cfg(feature = "gpu")]
        step_ends(device)?;
        Ok(())
    }
}

/// Lets a GPU put a step in order by itself, so that equal steps are put in the same order.
#[cfg(feature = "gpu")]
fn step_ends(device: Option<Device>) -> Result<()> {
    match device {
        Some(Device::Gpu(index)) => crate::gpu::open(index).map(|gpu| gpu.step_ends()),
        Some(Device::Cpu | Device::Meta) | None => Ok(()),
    }
}

fn disordered() -> Error {
    Error::argument("a captured step ran out of order")
}

/// The results of a step that depends on nothing, if they are small.
fn constant(step: &Step, known: &[Option<Tensor>]) -> Option<Vec<Tensor>> {
    #[cfg(feature = "gpu")]
    if let Work::Move = &step.work {
        return known[step.inputs[0]].as_ref()?.to(step.device).ok().map(|value| vec![value]);
    }
    let Work::Op(op) = &step.work else { return None };
    let small = step.outputs.iter().all(|output| output.as_ref().is_some_and(|(_, spec)| spec.len() <= KEPT_UP_TO));
    let random = key_of(&mut op.clone()).is_some();
    if !small || random {
        return None;
    }
    let inputs: SmallVec<[&Tensor; 4]> =
        step.inputs.iter().map(|place| known[*place].as_ref()).collect::<Option<_>>()?;
    let (_guard, _here) = (autograd::no_grad(), device::within(step.device));
    execute::run(op.clone(), &inputs).ok().map(|values| values.into_iter().collect())
}

/// Finds where each value is used last; `stays` are the values that are not dropped.
fn with_last_uses(steps: Vec<Step>, stays: Vec<bool>) -> Vec<Instruction> {
    let mut seen = stays;
    let mut instructions: Vec<Instruction> = steps
        .into_iter()
        .rev()
        .map(|step| {
            let results = step.outputs.iter().flatten().map(|(place, _)| *place);
            let mut last_uses: SmallVec<[Place; 4]> = SmallVec::new();
            // A result that nobody wants is dropped at once.
            for place in results.chain(step.inputs.iter().copied()) {
                if !std::mem::replace(&mut seen[place], true) {
                    last_uses.push(place);
                }
            }
            let drawn = match &step.work {
                Work::Op(op) => key_of(&mut op.clone()).is_some_and(|key| key.seed == DRAWN),
                Work::FusedGrad { op, .. } => fused_key_of(&mut op.clone()).is_some_and(|key| key.seed == DRAWN),
                Work::Optimizer { .. } => false,
                #[cfg(feature = "gpu")]
                Work::Move => false,
            };
            let elementwise = matches!(step.work, Work::Op(Op::Unary(_) | Op::Binary(_)));
            let sets = matches!(step.work, Work::Op(Op::Scatter { mode: ScatterMode::Set, .. }));
            let dying = step.inputs.iter().position(|place| (elementwise || sets) && last_uses.contains(place));
            let dying = dying.filter(|&which| step.inputs.first() != step.inputs.get(1) && (elementwise || which == 0));
            Instruction { step, last_uses, dying, drawn }
        })
        .collect();
    instructions.reverse();
    instructions
}

/// Whether the result could take the place of an operand that is not used again.
fn compute_in_place(Instruction { step, dying, .. }: &Instruction, table: &mut [Option<Tensor>]) -> Result<bool> {
    let (Some(which), Work::Op(op), [Some((output, spec))]) = (*dying, &step.work, &step.outputs[..]) else {
        return Ok(false);
    };
    let place = step.inputs[which];
    let Some(mut target) = table[place].take() else { return Err(disordered()) };
    let done = if let Op::Scatter { axis, .. } = op {
        match (table[step.inputs[1]].as_ref(), table[step.inputs[2]].as_ref()) {
            (Some(indices), Some(updates)) => execute::set_in_place(&mut target, indices, updates, *axis),
            _ => Ok(false),
        }
    } else if target.shape() == &spec.shape[..] && target.dtype() == spec.dtype {
        let other = step.inputs.iter().enumerate().find_map(|(i, place)| (i != which).then(|| table[*place].as_ref()));
        execute::in_place(op, &mut target, which, other.flatten())
    } else {
        Ok(false)
    };
    let place = if matches!(done, Ok(true)) { *output } else { place };
    table[place] = Some(target);
    done
}

fn compute(
    Instruction { step, drawn, .. }: &Instruction,
    table: &[Option<Tensor>],
    keys: &[Key],
) -> Result<SmallVec<[Option<Tensor>; 2]>> {
    let operands: SmallVec<[&Tensor; 6]> =
        step.inputs.iter().map(|place| table[*place].as_ref()).collect::<Option<_>>().ok_or_else(disordered)?;
    Ok(match &step.work {
        Work::Op(op) => {
            let values = if *drawn {
                let mut op = op.clone();
                draw(key_of(&mut op), keys)?;
                again(&op, &operands, step)?
            } else {
                again(op, &operands, step)?
            };
            values.into_iter().map(|value| Some(Tensor::with_origin(value, None))).collect()
        }
        Work::FusedGrad { op, inputs, outputs, grads, needs } => {
            let owned: SmallVec<[Tensor; 8]> = operands.iter().map(|&operand| operand.clone()).collect();
            let (inputs, others) = owned.split_at(*inputs);
            let (outputs, upstream) = others.split_at(*outputs);
            let mut upstream = upstream.iter();
            let grads: SmallVec<[Option<Tensor>; 2]> =
                grads.iter().map(|&given| if given { upstream.next().cloned() } else { None }).collect();
            let mut op = op.clone();
            if *drawn {
                draw(fused_key_of(&mut op), keys)?;
            }
            execute::fused_grad(&op, inputs, outputs, &grads, needs)?.ok_or_else(disordered)?.into_iter().collect()
        }
        Work::Optimizer { .. } => return Err(disordered()),
        #[cfg(feature = "gpu")]
        Work::Move => {
            let value = transfer::moved(operands[0], step.device)?;
            SmallVec::from_iter([Some(Tensor::from_data(value))])
        }
    })
}

/// Puts the key of this step in the place of its number.
fn draw(key: Option<&mut Key>, keys: &[Key]) -> Result<()> {
    let key = key.ok_or_else(disordered)?;
    *key = *usize::try_from(key.stream).ok().and_then(|number| keys.get(number)).ok_or_else(disordered)?;
    Ok(())
}

fn again(op: &Op, operands: &[&Tensor], step: &Step) -> Result<execute::Values> {
    let results: SmallVec<[Spec; 2]> = step
        .outputs
        .iter()
        .map(|output| output.as_ref().map(|(_, spec)| spec.clone()))
        .collect::<Option<_>>()
        .ok_or_else(disordered)?;
    execute::compute(op, operands, &results, step.device)
}

/// So many rows of a tensor from `start` on, without a copy.
pub fn rows(x: &Tensor, start: usize, len: usize) -> Tensor {
    if x.shape().first() == Some(&len) {
        return x.detach();
    }
    let ranges: SmallVec<[Range; 6]> = x
        .shape()
        .iter()
        .enumerate()
        .map(
            |(axis, &all)| {
                if axis == 0 { Range { start, step: 1, len } } else { Range { start: 0, step: 1, len: all } }
            },
        )
        .collect();
    execute::relaid_view(x, &ranges)
}
