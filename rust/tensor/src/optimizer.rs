//! Optimizer steps: one pass over all parameters, in place.

use std::sync::Arc;

use corten_core::{DType, Error, OptimizerOp, Parameter, Result, Tuple, View};
use corten_cpu::parallel;
use smallvec::SmallVec;

use crate::{
    capture::{self, Work},
    device::Device,
    storage::{Home, with_backend},
    tensor::{Data, Tensor},
    transfer, watch,
};

/// One parameter as the caller holds it.
#[derive(Debug)]
pub struct Slot<'a> {
    pub value: &'a mut Tensor,
    pub gradient: Tensor,
    pub slots: Vec<&'a mut Tensor>,
    /// `value -= decay * value` before the update.
    pub decay: f64,
}

/// Applies one rule to every parameter. Memory that nobody else holds is changed in place.
pub fn optimizer_step(op: &OptimizerOp, learning_rate: f64, parameters: &mut [Slot<'_>]) -> Result<()> {
    for parameter in parameters.iter_mut() {
        let (shape, dtype) = (parameter.value.shape(), parameter.value.dtype());
        if parameter.gradient.shape() != shape || parameter.slots.iter().any(|slot| slot.shape() != shape) {
            return Err(Error::shape(format!(
                "optimizer: value, gradient and slots must have one shape; the value is {}, the gradient {}",
                Tuple(shape),
                Tuple(parameter.gradient.shape())
            )));
        }
        if let Some(slot) = parameter.slots.iter().find(|slot| slot.dtype() != dtype) {
            return Err(Error::dtype(format!("optimizer: the value is {dtype}, a slot {}", slot.dtype())));
        }
        let device = parameter.value.device();
        let what = "optimizer: a parameter and its gradient are";
        parameter.gradient = crate::ops::cast(&transfer::beside(&parameter.gradient, device, what)?, dtype)?;
        if let Some(slot) = parameter.slots.iter().find(|slot| slot.device() != device) {
            return Err(Error::device(format!(
                "optimizer: the value is on {device}, a slot on {}; build the optimizer after the model was moved, or \
                 move the whole model with `model.to(\"{device}\")`",
                slot.device()
            )));
        }
    }
    if watch::checks() {
        return checked(op, learning_rate, parameters);
    }
    update(op, learning_rate, parameters)
}

/// As [`update`], but parameters that would become NaN or infinite stay as they were, all of them.
fn checked(op: &OptimizerOp, learning_rate: f64, parameters: &mut [Slot<'_>]) -> Result<()> {
    let before: Vec<Vec<Tensor>> = parameters
        .iter()
        .map(|one| std::iter::once(&*one.value).chain(one.slots.iter().map(|slot| &**slot)).cloned().collect())
        .collect();
    update(op, learning_rate, parameters)?;
    let found = parameters.iter().zip(&before).enumerate().try_for_each(|(number, (one, before))| {
        watch::check_updated(op.name(), number, one.value, &one.gradient, &before[0])
    });
    if found.is_err() {
        for (one, before) in parameters.iter_mut().zip(before) {
            let mut before = before.into_iter();
            for (now, before) in
                std::iter::once(&mut *one.value).chain(one.slots.iter_mut().map(|slot| &mut **slot)).zip(&mut before)
            {
                *now = before;
            }
        }
    }
    found
}

fn update(op: &OptimizerOp, learning_rate: f64, parameters: &mut [Slot<'_>]) -> Result<()> {
    let before: Vec<Noted> = if capture::tracing() { note(op, parameters) } else { Vec::new() };
    // All the memory there is need of, before anything changes.
    let mut devices: SmallVec<[Device; 2]> = SmallVec::new();
    for parameter in parameters.iter() {
        let device = parameter.value.device();
        if !devices.contains(&device) {
            devices.push(device);
        }
    }
    for &device in &devices {
        with_backend!(device, backend => take_memory(backend, parameters, device)?, no_values());
    }
    for &device in &devices {
        with_backend!(device, backend => step_on(backend, op, learning_rate, parameters, device)?, no_values());
    }
    for (parameter, places) in parameters.iter().zip(before) {
        let now = std::iter::once(&*parameter.value).chain(parameter.slots.iter().map(|slot| &**slot));
        for (before, now) in places.into_iter().zip(now) {
            capture::note_moved(before, now);
        }
    }
    Ok(())
}

#[cold]
fn no_values() -> Error {
    Error::device("optimizer: a parameter stands for a shape only and has no values")
}

/// Makes the memory of the parameters on a device their own.
fn take_memory<B: Home>(_: &B, parameters: &mut [Slot<'_>], device: Device) -> Result<()> {
    for parameter in parameters.iter_mut().filter(|parameter| parameter.value.device() == device) {
        parameter.value.make_unique::<B>()?;
        for slot in &mut parameter.slots {
            slot.make_unique::<B>()?;
        }
    }
    Ok(())
}

/// The step of the parameters on a device.
fn step_on<B: Home>(
    backend: &B,
    op: &OptimizerOp,
    learning_rate: f64,
    parameters: &mut [Slot<'_>],
    device: Device,
) -> Result<()> {
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
        let mut group = Vec::new();
        let mine = |one: &&mut Slot<'_>| one.value.dtype() == dtype && one.value.device() == device;
        for parameter in parameters.iter_mut().filter(mine) {
            let Slot { value, gradient, slots, decay } = parameter;
            group.push(Parameter {
                value: value.make_unique::<B>()?,
                slots: slots.iter_mut().map(|slot| slot.make_unique::<B>()).collect::<Result<_>>()?,
                gradient: View { buffer: gradient.memory::<B>()?, layout: gradient.layout(), dtype },
                decay: *decay,
                learning_rate,
            });
        }
        if !group.is_empty() {
            parallel::to_the_end(|| backend.optimizer_step(op, dtype, &mut group))?;
        }
    }
    Ok(())
}

/// Where the values of a parameter and its slots were.
type Noted = Vec<*const Data>;

fn note(op: &OptimizerOp, parameters: &[Slot<'_>]) -> Vec<Noted> {
    let mut operands: Vec<&Tensor> = Vec::new();
    for Slot { value, gradient, slots, .. } in parameters {
        operands.extend([&**value, gradient]);
        operands.extend(slots.iter().map(|slot| &**slot));
    }
    let slots = parameters.first().map_or(0, |parameter| parameter.slots.len());
    capture::note(Work::Optimizer { op: *op, slots }, operands.into_iter(), &[]);
    let place = |x: &Tensor| Arc::as_ptr(x.data());
    parameters
        .iter()
        .map(|one| std::iter::once(place(one.value)).chain(one.slots.iter().map(|slot| place(slot))).collect())
        .collect()
}
