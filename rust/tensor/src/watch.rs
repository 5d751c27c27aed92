//! Looking at every result for NaN and infinity, and knowing in which layer an op ran. Off, it costs the choke point a
//! look at one number.

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use corten_core::{DType, Element, Error, NonFinite, Op, Phase, Result, Spec, Statistics, Tuple, half, with_dtype};

use crate::{
    capture,
    device::Device,
    execute,
    storage::Storage,
    tensor::{Data, Tensor},
};

/// How many switches are on, in all threads.
static ACTIVE: AtomicUsize = AtomicUsize::new(0);
/// Whether the results of all threads are checked.
static EVERYWHERE: AtomicBool = AtomicBool::new(false);

/// In what an op runs.
#[derive(Clone, Debug, Default)]
struct Scope {
    place: Option<Arc<str>>,
    phase: Phase,
    gradient_of: Option<&'static str>,
}

#[derive(Debug, Default)]
struct State {
    /// Open scopes in which the results of this thread are checked, and in which none are.
    checked: usize,
    paused: usize,
    /// Whether infinite gradients are somebody else's matter.
    lenient: bool,
    scopes: Vec<Scope>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

/// What is switched by [`switch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Checks of all threads.
    Everywhere,
    /// Checks of this thread; counted.
    Here,
    /// No checks in this thread; counted.
    Pause,
    /// No checks of gradients in this thread.
    Lenient,
    /// Places are noted, results are not checked; counted.
    Places,
}

/// Whether anything is to be done for any op.
#[inline]
pub(crate) fn active() -> bool {
    ACTIVE.load(Ordering::Relaxed) != 0
}

/// Whether results of this thread are checked.
pub fn checks() -> bool {
    active()
        && STATE.with_borrow(|state| {
            let wanted = state.checked > 0 || EVERYWHERE.load(Ordering::Relaxed);
            let gradient = state.scopes.last().is_some_and(|scope| scope.phase == Phase::Backward);
            wanted && state.paused == 0 && !(state.lenient && gradient)
        })
}

/// Switches on or off.
pub fn switch(what: Switch, on: bool) {
    let count = |on: bool| {
        if on {
            ACTIVE.fetch_add(1, Ordering::Relaxed);
        } else {
            // Never below zero, whoever switches off once too often.
            let _ = ACTIVE.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |active| active.checked_sub(1));
        }
    };
    let step = |number: usize| if on { number + 1 } else { number.saturating_sub(1) };
    match what {
        Switch::Everywhere => {
            if EVERYWHERE.swap(on, Ordering::Relaxed) != on {
                count(on);
            }
        }
        Switch::Here => {
            STATE.with_borrow_mut(|state| state.checked = step(state.checked));
            count(on);
        }
        Switch::Pause => STATE.with_borrow_mut(|state| state.paused = step(state.paused)),
        Switch::Lenient => STATE.with_borrow_mut(|state| state.lenient = on),
        Switch::Places => count(on),
    }
}

/// Says in which layer, or other part of the step, the next ops run. Without a phase it is that of the scope around.
pub fn enter(place: &str, phase: Option<Phase>) {
    STATE.with_borrow_mut(|state| {
        let around = state.scopes.last().map_or(Phase::Forward, |scope| scope.phase);
        state.scopes.push(Scope { place: Some(place.into()), phase: phase.unwrap_or(around), gradient_of: None });
    });
}

/// Leaves what was entered last.
pub fn leave() {
    STATE.with_borrow_mut(|state| state.scopes.pop());
}

/// Where this thread is, for a step of a history.
pub(crate) fn place() -> Option<Arc<str>> {
    if !active() {
        return None;
    }
    STATE.with_borrow(|state| state.scopes.last()?.place.clone())
}

/// Leaves its scope when dropped.
pub(crate) struct Left;

impl Drop for Left {
    fn drop(&mut self) {
        leave();
    }
}

/// The next ops, until the guard is dropped, are the gradient of an op.
pub(crate) fn backward(place: Option<&Arc<str>>, op: &'static str) -> Option<Left> {
    if !active() {
        return None;
    }
    STATE.with_borrow_mut(|state| {
        state.scopes.push(Scope { place: place.cloned(), phase: Phase::Backward, gradient_of: Some(op) });
    });
    Some(Left)
}

fn scope() -> Scope {
    STATE.with_borrow(|state| state.scopes.last().cloned().unwrap_or_default())
}

/// Says what memory was wanted for.
#[cold]
pub(crate) fn located(error: Error, op: &str, results: &[Spec]) -> Error {
    let Error::Memory { bytes, wanted } = error else { return error };
    let largest = results.iter().max_by_key(|spec| spec.len() * spec.dtype.size());
    let result = largest
        .map(|spec| format!(" for the result of {op}, shape {}, dtype {}", Tuple(&spec.shape), spec.dtype))
        .unwrap_or_default();
    let Scope { place, gradient_of, .. } = scope();
    let gradient = gradient_of.map(|op| format!(" in the gradient of {op}")).unwrap_or_default();
    let place = place.map(|place| format!(", in {place}")).unwrap_or_default();
    Error::Memory { bytes, wanted: format!("{result}{gradient}{place}{wanted}") }
}

/// Checks what an op gave.
///
/// # Errors
/// NaN, or infinity where no operand had any.
#[cold]
pub(crate) fn check<'a>(
    op: &Op,
    inputs: impl Iterator<Item = &'a Tensor>,
    values: impl Iterator<Item = &'a Data>,
) -> Result<()> {
    // Views, and what was written down.
    let made = !matches!(
        op,
        Op::Reshape(_) | Op::Permute(_) | Op::Expand(_) | Op::Slice(_) | Op::Full { .. } | Op::Iota { .. }
    );
    let fills = matches!(op, Op::Pad { value, .. } if !value.to_f64().is_finite());
    if made && checks() { check_results(op.name(), inputs, values, fills) } else { Ok(()) }
}

/// As [`check`], of work that is no op.
#[cold]
pub(crate) fn check_results<'a>(
    op: &'static str,
    inputs: impl Iterator<Item = &'a Tensor>,
    mut values: impl Iterator<Item = &'a Data>,
    fills: bool,
) -> Result<()> {
    let Some(result) = values.find(|value| !is_finite(value)).map(statistics) else { return Ok(()) };
    let operands: Vec<Statistics> = inputs.map(|x| statistics(x.data())).collect();
    if result.nan == 0 && (fills || operands.iter().any(|operand| operand.infinite > 0)) {
        return Ok(());
    }
    Err(report(op, operands, result, None))
}

/// What is wrong with the values an optimizer left, if something is.
pub(crate) fn check_updated(
    op: &'static str,
    parameter: usize,
    value: &Tensor,
    gradient: &Tensor,
    before: &Tensor,
) -> Result<()> {
    if is_finite(value.data()) {
        return Ok(());
    }
    let operands = [before, gradient].map(|x| statistics(x.data())).into();
    Err(report(op, operands, statistics(value.data()), Some(parameter)))
}

fn report(op: &'static str, operands: Vec<Statistics>, result: Statistics, parameter: Option<usize>) -> Error {
    let Scope { place, phase, gradient_of } = scope();
    let place = place.map(|place| place.to_string()).unwrap_or_default();
    let phase = if parameter.is_some() { Phase::Update } else { phase };
    Error::NonFinite(Box::new(NonFinite { op, gradient_of, phase, place, parameter, operands, result }))
}

/// What the elements of a tensor are like.
pub fn look_at(x: &Tensor) -> Statistics {
    capture::note_read(x);
    statistics(x.data())
}

fn is_finite(value: &Data) -> bool {
    let Storage::Cpu(buffer) = &value.storage else {
        return value.storage.device() == Device::Meta || statistics(value).is_finite();
    };
    if !value.layout.is_contiguous() {
        return statistics(value).is_finite();
    }
    let (start, len) = (value.layout.offset(), value.layout.len());
    // The exponent is all ones in NaN and infinity alone.
    macro_rules! is_all_finite {
        ($t:ty) => {{
            let [sign, infinity] = [-0.0, f64::INFINITY].map(|value| <$t as Element>::from_f64(value).to_bits());
            let values = &buffer.as_slice::<$t>()[start..start + len];
            let largest = |some: &[$t]| some.iter().fold(0, |most, value| (value.to_bits() & !sign).max(most));
            values.chunks(4096).all(|some| largest(some) < infinity)
        }};
    }
    match value.dtype {
        DType::F32 => is_all_finite!(f32),
        DType::F64 => is_all_finite!(f64),
        DType::F16 => is_all_finite!(half::f16),
        DType::BF16 => is_all_finite!(half::bf16),
        DType::Bool
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::U64
        | DType::I8
        | DType::I16
        | DType::I32
        | DType::I64 => true,
    }
}

fn statistics(value: &Data) -> Statistics {
    let shape = value.layout.shape();
    let nothing = |dtype| Statistics { dtype, ..Statistics::of(shape, std::iter::empty::<f32>()) };
    if value.storage.device() == Device::Meta {
        return nothing(value.dtype);
    }
    let held =
        Tensor::from_data(Data { storage: value.storage.clone(), layout: value.layout.clone(), dtype: value.dtype });
    let _pause = capture::pause();
    // Of other devices the CPU looks at a copy.
    let Ok(held) = held.to(Device::Cpu) else { return nothing(value.dtype) };
    // Without memory for a copy nothing can be said.
    let Ok(Data { storage: Storage::Cpu(buffer), layout, .. }) = execute::row_major(&held) else {
        return nothing(value.dtype);
    };
    let (start, len) = (layout.offset(), layout.len());
    with_dtype!(value.dtype, T => Statistics::of(shape, buffer.as_slice::<T>()[start..start + len].iter().copied()))
}
