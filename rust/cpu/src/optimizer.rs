//! Optimizer steps: every parameter of a model in one call, one pass over memory per parameter.
//! 16-bit values are updated in float32 and rounded once.

mod rules;
mod wide;

use corten_core::{DType, Element, Error, Layout, OptimizerOp, Parameter, Result, half};

use crate::memory::Buffer;
use crate::parallel;

use rules::{Arrays, Rule};

/// Elements one chunk updates: big enough to hide the hand-over, small enough to spread a layer.
const CHUNK: usize = 1 << 14;
/// Elements of a 16-bit array converted at a time; all arrays of a block stay in the first cache.
const BLOCK: usize = 256;
/// Most arrays any rule keeps per parameter.
const SLOTS: usize = 3;

/// Updates every parameter in place.
pub(crate) fn optimizer_step(op: &OptimizerOp, dtype: DType, parameters: &mut [Parameter<'_, Buffer>]) -> Result<()> {
    match dtype {
        DType::F32 => step::<f32>(op, parameters),
        DType::F64 => step::<f64>(op, parameters),
        DType::F16 => step::<half::f16>(op, parameters),
        DType::BF16 => step::<half::bf16>(op, parameters),
        DType::Bool
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::U64
        | DType::I8
        | DType::I16
        | DType::I32
        | DType::I64 => Err(Error::dtype(format!("optimizer_step: parameters must have a float dtype; got {dtype}"))),
    }
}

/// How many slots a rule keeps for each parameter.
pub(crate) fn slot_count(op: &OptimizerOp) -> usize {
    match *op {
        OptimizerOp::Sgd { momentum, .. } => usize::from(momentum != 0.0),
        OptimizerOp::RmsProp { momentum, centered, .. } => 1 + usize::from(momentum != 0.0) + usize::from(centered),
        OptimizerOp::Adagrad { .. } | OptimizerOp::Lion { .. } => 1,
        OptimizerOp::Adam { amsgrad, .. } => 2 + usize::from(amsgrad),
        OptimizerOp::Adadelta { .. } | OptimizerOp::Adamax { .. } | OptimizerOp::Nadam { .. } => 2,
    }
}

/// A parameter's arrays as addresses, so that chunks of it can be updated on several threads.
struct Addresses<T> {
    value: *mut T,
    gradient: *const T,
    slots: [*mut T; SLOTS],
    len: usize,
    rule: Rule,
}

// SAFETY: chunks are disjoint ranges of the arrays, which the caller has exclusive access to.
unsafe impl<T: Sync> Sync for Addresses<T> {}

fn step<T: Stored>(op: &OptimizerOp, parameters: &mut [Parameter<'_, Buffer>]) -> Result<()> {
    let needed = slot_count(op);
    // Strided gradients (an expanded scalar, a transpose) are brought into row-major order first.
    let mut gathered: Vec<Vec<T>> = Vec::new();
    let mut arrays = Vec::with_capacity(parameters.len());
    let mut chunks = Vec::new();
    for parameter in parameters {
        let layout = parameter.gradient.layout;
        let len = layout.len();
        if parameter.slots.len() != needed {
            return Err(Error::argument(format!(
                "optimizer_step: this rule keeps {needed} arrays per parameter; got {}",
                parameter.slots.len()
            )));
        }
        let bytes = len * size_of::<T>();
        if parameter.value.len_bytes() < bytes || parameter.slots.iter().any(|slot| slot.len_bytes() < bytes) {
            return Err(Error::shape(format!(
                "optimizer_step: a parameter and its slots must have the {len} elements of its gradient"
            )));
        }
        let source = parameter.gradient.buffer.as_slice::<T>();
        let gradient = if layout.is_contiguous() {
            source[layout.offset().min(source.len())..].as_ptr()
        } else {
            gathered.push(gather(source, layout));
            gathered[gathered.len() - 1].as_ptr()
        };
        let mut slots = [std::ptr::null_mut(); SLOTS];
        for (address, slot) in slots.iter_mut().zip(&mut parameter.slots) {
            *address = slot.as_mut_slice::<T>().as_mut_ptr();
        }
        chunks.extend((0..len).step_by(CHUNK).map(|start| (arrays.len(), start)));
        arrays.push(Addresses {
            value: parameter.value.as_mut_slice::<T>().as_mut_ptr(),
            gradient,
            slots,
            len,
            rule: Rule::new(op, parameter.learning_rate, parameter.decay),
        });
    }
    let elements: usize = arrays.iter().map(|array| array.len).sum();
    let update = |index: usize| {
        let (which, start) = chunks[index];
        let array = &arrays[which];
        let len = CHUNK.min(array.len - start);
        // SAFETY: the buffers hold `len` elements from `start` (checked above), the memory is
        // exclusively ours for the call, and no two chunks overlap. Unused slots are empty.
        let view = unsafe {
            Arrays {
                value: std::slice::from_raw_parts_mut(array.value.add(start), len),
                gradient: std::slice::from_raw_parts(array.gradient.add(start), len),
                slots: array.slots.map(|slot| {
                    if slot.is_null() { &mut [][..] } else { std::slice::from_raw_parts_mut(slot.add(start), len) }
                }),
            }
        };
        T::update(&array.rule, view);
    };
    if elements <= CHUNK {
        // Many small parameters: less work than waking a thread.
        (0..chunks.len()).for_each(update);
    } else {
        parallel::for_chunks(chunks.len(), &update);
    }
    Ok(())
}

fn gather<T: Element>(source: &[T], layout: &Layout) -> Vec<T> {
    let (shape, strides) = (layout.shape(), layout.strides());
    (0..layout.len())
        .map(|mut i| {
            let mut at = layout.offset() as isize;
            for axis in (0..shape.len()).rev() {
                at += (i % shape[axis]) as isize * strides[axis];
                i /= shape[axis];
            }
            source[at as usize]
        })
        .collect()
}

/// A float as it lies in memory.
trait Stored: Element {
    fn update(rule: &Rule, arrays: Arrays<'_, Self>);
}

impl Stored for f32 {
    fn update(rule: &Rule, arrays: Arrays<'_, Self>) {
        rules::apply_f32(rule, arrays);
    }
}

impl Stored for f64 {
    fn update(rule: &Rule, arrays: Arrays<'_, Self>) {
        rules::apply_f64(rule, arrays);
    }
}

impl Stored for half::f16 {
    fn update(rule: &Rule, arrays: Arrays<'_, Self>) {
        update_by_blocks(rule, arrays);
    }
}

impl Stored for half::bf16 {
    fn update(rule: &Rule, arrays: Arrays<'_, Self>) {
        update_by_blocks(rule, arrays);
    }
}

fn update_by_blocks<T: Copy>(rule: &Rule, arrays: Arrays<'_, T>)
where
    [T]: half::slice::HalfFloatSliceExt,
{
    use half::slice::HalfFloatSliceExt;
    let Arrays { value, gradient, mut slots } = arrays;
    let mut wide = [[0f32; BLOCK]; 2 + SLOTS];
    for start in (0..value.len()).step_by(BLOCK) {
        let range = start..(start + BLOCK).min(value.len());
        let len = range.len();
        let [wide_value, wide_gradient, wide_slots @ ..] = &mut wide;
        value[range.clone()].convert_to_f32_slice(&mut wide_value[..len]);
        gradient[range.clone()].convert_to_f32_slice(&mut wide_gradient[..len]);
        for (slot, block) in slots.iter().zip(wide_slots.iter_mut()).filter(|(slot, _)| !slot.is_empty()) {
            slot[range.clone()].convert_to_f32_slice(&mut block[..len]);
        }
        let mut blocks = wide_slots.iter_mut();
        let views = std::array::from_fn(|i| match blocks.next() {
            Some(block) if !slots[i].is_empty() => &mut block[..len],
            Some(_) | None => &mut [][..],
        });
        rules::apply_f32(rule, Arrays { value: &mut wide_value[..len], gradient: &wide_gradient[..len], slots: views });
        value[range.clone()].convert_from_f32_slice(&wide_value[..len]);
        for (slot, block) in slots.iter_mut().zip(wide_slots.iter()).filter(|(slot, _)| !slot.is_empty()) {
            slot[range.clone()].convert_from_f32_slice(&block[..len]);
        }
    }
}

#[cfg(test)]
mod tests;
