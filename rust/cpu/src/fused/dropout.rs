//! Dropout. Whether an element is kept depends on the key and its position alone, so the gradient
//! draws the same mask again instead of keeping it.

use corten_core::{Key, Result};

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
    fn keep<T: Float>(x: &[T], first: u64, key: Key, least: u32, scale: T, out: &mut [T]) {
        for (index, (x, out)) in x.chunks(DRAWN).zip(out.chunks_mut(DRAWN)).enumerate() {
            let uniform = draw(first.wrapping_add((index * LANES) as u64), key);
            for ((to, x), uniform) in out.iter_mut().zip(x).zip(&uniform) {
                *to = if *uniform >= least { *x * scale } else { T::ZERO };
            }
        }
    }
}

fn apply<T: Float>(x: In<'_>, rate: f64, key: Key) -> Result<Buffer> {
    let x = Dense::<T>::new(x)?;
    let x = x.slice();
    let mut result = Buffer::for_elements(T::DTYPE, x.len())?;
    // Kept are elements whose uniform number in [0, 1), `n / 2^24` as float32, is at least the rate.
    let least = (f64::from(rate as f32) * f64::from(1u32 << 24)).ceil() as u32;
    let scale = T::from_f64(1.0 / (1.0 - rate));
    let out = DisjointMut::new(result.as_mut_slice::<T>());
    parallel::for_ranges(x.len(), TASK, |range| {
        // SAFETY: ranges are disjoint.
        let out = unsafe { out.range(range.clone()) };
        keep(&x[range.clone()], range.start as u64 / 4, key, least, scale, out);
    });
    Ok(result)
}

pub(super) fn forward<T: Float>(x: In<'_>, rate: f64, key: Key) -> Outputs {
    Ok(Some(vec![apply::<T>(x, rate, key)?]))
}

pub(super) fn gradient<T: Float>(of: &Gradient<'_>, rate: f64, key: Key) -> Gradients {
    let Some(dy) = of.grads[0] else { return Ok(None) };
    Ok(Some(vec![Some(apply::<T>(dy, rate, key)?)]))
}

#[cfg(test)]
mod tests {
    use corten_core::{DType, Distribution, FusedOp, Layout};

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
            check(&FusedOp::Dropout { rate: 0.3, key }, &Case::new(&[&[len]]), |inputs| {
                let pairs = inputs[0].iter().zip(uniform);
                vec![pairs.map(|(x, u)| if *u >= 0.3 { x / 0.7 } else { 0.0 }).collect()]
            });
        }
    }

    #[test]
    fn the_rate_is_met() {
        let x = Buffer::from_slice(&vec![1.0f32; 100_000]).expect("memory");
        let layout = Layout::contiguous(&[100_000]);
        let x = In { buffer: &x, layout: &layout, dtype: DType::F32 };
        for rate in [0.0, 0.25, 0.9] {
            let got = apply::<f32>(x, rate, Key { seed: 1, stream: 2 }).expect("dropout");
            let kept = got.as_slice::<f32>().iter().filter(|value| **value != 0.0).count() as f64;
            assert!((kept / 1e5 - (1.0 - rate)).abs() < 0.01, "{rate}: {kept}");
        }
    }
}
