//! Dropout. Whether an element is kept depends on the key and its position alone, so the gradient
//! draws the same mask again instead of keeping it.

use corten_core::{DropoutSpec, Key, Result};

use super::{Gradient, Gradients, Outputs, math::Float};
use crate::{
    In,
    dense::Dense,
    memory::Buffer,
    parallel::{self, DisjointMut},
    random::{LANES, words_from},
    simd::vectorized,
};

/// Elements of one task.
const TASK: usize = 8 << 10;
/// Elements of one draw: a position of the sequence gives four.
const DRAWN: usize = 4 * LANES;

/// The 24-bit uniform numbers of [`DRAWN`] elements from position `first` of the sequence.
#[inline(always)]
fn draw(first: u64, key: Key) -> [u32; DRAWN] {
    let words = words_from(first, key);
    let mut uniform = [0; DRAWN];
    for lane in 0..LANES {
        for (word, of_lanes) in words.iter().enumerate() {
            uniform[4 * lane + word] = of_lanes[lane] as u32 >> 8;
        }
    }
    uniform
}

vectorized! {
    fn keep<T: Float>(x: &[T], first: u64, mask: Mask<T>, out: &mut [T]) {
        for (index, (x, out)) in x.chunks(DRAWN).zip(out.chunks_mut(DRAWN)).enumerate() {
            let uniform = draw(first.wrapping_add((index * LANES) as u64), mask.key);
            for ((to, x), uniform) in out.iter_mut().zip(x).zip(&uniform) {
                *to = if *uniform >= mask.least { *x * mask.scale } else { T::ZERO };
            }
        }
    }

    /// What elements from one on are multiplied by.
    fn factors_from<T: Float>(first: u64, mask: Mask<T>, out: &mut [T]) {
        let skipped = (first % 4) as usize;
        let (start, rest) = out.split_at_mut(out.len().min(DRAWN - skipped));
        let uniform = draw(first / 4, mask.key);
        for (to, uniform) in start.iter_mut().zip(&uniform[skipped..]) {
            *to = if *uniform >= mask.least { mask.scale } else { T::ZERO };
        }
        for (index, out) in rest.chunks_mut(DRAWN).enumerate() {
            let uniform = draw((first / 4).wrapping_add(((index + 1) * LANES) as u64), mask.key);
            for (to, uniform) in out.iter_mut().zip(&uniform) {
                *to = if *uniform >= mask.least { mask.scale } else { T::ZERO };
            }
        }
    }
}

/// Which elements of a tensor are kept, and what those are multiplied by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mask<T> {
    key: Key,
    /// The least uniform number of a kept element.
    least: u32,
    scale: T,
}

impl<T: Float> Mask<T> {
    pub(super) fn new(DropoutSpec { rate, key }: DropoutSpec) -> Self {
        // Kept are elements whose uniform number in [0, 1), `n / 2^24` as float32, is at least the rate.
        let least = (f64::from(rate as f32) * f64::from(1u32 << 24)).ceil() as u32;
        Self { key, least, scale: T::from_f64(1.0 / (1.0 - rate)) }
    }

    /// Writes what the elements from `first` on are multiplied by: zero, if they are dropped.
    pub(super) fn factors(self, first: u64, out: &mut [T]) {
        factors_from(first, self, out);
    }
}

fn apply<T: Float>(x: In<'_>, spec: DropoutSpec) -> Result<Buffer> {
    let x = Dense::<T>::new(x)?;
    let x = x.slice();
    let mut result = Buffer::for_elements(T::DTYPE, x.len())?;
    let mask = Mask::new(spec);
    let out = DisjointMut::new(result.as_mut_slice::<T>());
    parallel::for_ranges(x.len(), TASK, |range| {
        // SAFETY: ranges are disjoint.
        let out = unsafe { out.range(range.clone()) };
        keep(&x[range.clone()], range.start as u64 / 4, mask, out);
    });
    Ok(result)
}

pub(super) fn forward<T: Float>(x: In<'_>, spec: DropoutSpec) -> Outputs {
    Ok(Some(vec![apply::<T>(x, spec)?]))
}

pub(super) fn gradient<T: Float>(of: &Gradient<'_>, spec: DropoutSpec) -> Gradients {
    let Some(dy) = of.grads[0] else { return Ok(None) };
    Ok(Some(vec![Some(apply::<T>(dy, spec)?)]))
}

#[cfg(test)]
mod tests {
    use corten_core::{DType, Distribution, DropoutSpec, FusedOp, Layout};

    use super::{
        super::testing::{Case, check},
        *,
    };

    #[test]
    fn keeps_where_the_uniform_numbers_say() {
        let key = Key { seed: 7, stream: 1 << 40 };
        for len in [1, 3, 64, 1001] {
            let uniform = crate::random::random(Distribution::Uniform, DType::F32, len, key).expect("numbers");
            let uniform = uniform.as_slice::<f32>();
            check(&FusedOp::Dropout(DropoutSpec { rate: 0.3, key }), &Case::new(&[&[len]]), |inputs| {
                let pairs = inputs[0].iter().zip(uniform);
                vec![pairs.map(|(x, u)| if *u >= 0.3 { x / 0.7 } else { 0.0 }).collect()]
            });
        }
    }

    #[test]
    fn factors_from_any_element_are_those_of_all() {
        let mask = Mask::<f64>::new(DropoutSpec { rate: 0.4, key: Key { seed: 5, stream: 9 } });
        let mut all = [0.0; 200];
        mask.factors(0, &mut all);
        assert!(all.contains(&0.0) && all.contains(&(1.0 / 0.6)));
        for (first, len) in [(1, 1), (2, 40), (3, 29), (5, 30), (7, 193), (64, 0)] {
            let mut some = vec![9.0; len];
            mask.factors(first as u64, &mut some);
            assert_eq!(some, all[first..first + len]);
        }
    }

    #[test]
    fn the_rate_is_met() {
        let x = Buffer::from_slice(&vec![1.0f32; 100_000]).expect("memory");
        let layout = Layout::contiguous(&[100_000]);
        let x = In { buffer: &x, layout: &layout, dtype: DType::F32 };
        for rate in [0.0, 0.25, 0.9] {
            let spec = DropoutSpec { rate, key: Key { seed: 1, stream: 2 } };
            let got = apply::<f32>(x, spec).expect("dropout");
            let kept = got.as_slice::<f32>().iter().filter(|value| **value != 0.0).count() as f64;
            assert!((kept / 1e5 - (1.0 - rate)).abs() < 0.01, "{rate}: {kept}");
        }
    }
}
