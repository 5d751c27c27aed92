//! Optimizer steps: one pass over all parameters, in place.

use corten_core::{Backend as _, DType, Error, OptimizerOp, Parameter, Result, Tuple, View};

use crate::{storage::CPU, tensor::Tensor};

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
        parameter.gradient = crate::ops::cast(&parameter.gradient, dtype)?;
    }
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
        let mut group = Vec::new();
        for parameter in parameters.iter_mut().filter(|parameter| parameter.value.dtype() == dtype) {
            let Slot { value, gradient, slots, decay } = parameter;
            group.push(Parameter {
                value: value.make_unique()?,
                slots: slots.iter_mut().map(|slot| slot.make_unique()).collect::<Result<_>>()?,
                gradient: View { buffer: gradient.buffer()?.as_ref(), layout: gradient.layout(), dtype },
                decay: *decay,
                learning_rate,
            });
        }
        if !group.is_empty() {
            CPU.optimizer_step(op, dtype, &mut group)?;
        }
    }
    Ok(())
}
