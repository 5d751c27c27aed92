//! Adam over registers: the rule models are trained with most, whose square root and division would
//! take longer than its memory.

use super::rules::Arrays;
use crate::simd::lanes::{Lanes, WideRoutine, dispatch_wide};

/// Values of epsilon that hide what the estimated root of a subnormal number lacks, and are far from overflow.
const EPSILONS: std::ops::RangeInclusive<f32> = 1e-12..=1.0;
/// How far ahead arrays are asked for, in elements: the hardware stops at the end of each page.
const AHEAD: usize = 1024;

/// Adam's coefficients for one step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Adam {
    pub(super) decay: f32,
    /// `1 - beta_1`
    pub(super) one: f32,
    /// `1 - beta_2`
    pub(super) two: f32,
    pub(super) epsilon: f32,
    /// What the moment is multiplied with.
    pub(super) scale: f32,
}

/// Updates the arrays; gives them back where there are no registers or epsilon is out of range.
pub(super) fn adam(rule: Adam, arrays: Arrays<'_, f32>) -> Result<(), Arrays<'_, f32>> {
    if !EPSILONS.contains(&rule.epsilon) {
        return Err(arrays);
    }
    dispatch_wide(Routine { rule, arrays }).map_err(|routine| routine.arrays)
}

struct Routine<'a> {
    rule: Adam,
    arrays: Arrays<'a, f32>,
}

/// The coefficients, one register each.
#[derive(Clone, Copy)]
struct Registers<L> {
    decay: L,
    one: L,
    two: L,
    epsilon: L,
    scale: L,
}

impl<L: Lanes> Registers<L> {
    /// The new weight, moment and velocity.
    #[inline(always)]
    fn step(self, w: L, g: L, m: L, v: L) -> (L, L, L) {
        let m = (g - m).mul_add(self.one, m);
        let v = g.mul_add(g, w.constant(0.0) - v).mul_add(self.two, v);
        let rate = (v.root() + self.epsilon).reciprocal();
        // The estimates know no infinity; NaN is not above the bound and passes.
        let rate = L::pick(w.constant(f32::MAX).is_below(v), w.constant(0.0), rate);
        let w = self.decay.mul_from(w, w);
        ((m * self.scale).mul_from(rate, w), m, v)
    }
}

impl WideRoutine for Routine<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let Self { rule, arrays: Arrays { value, gradient, slots: [m, v, ..] } } = self;
        let n = value.len();
        assert!(gradient.len() == n && m.len() == n && v.len() == n, "arrays have one length");
        let (w, g, m, v) = (value.as_mut_ptr(), gradient.as_ptr(), m.as_mut_ptr(), v.as_mut_ptr());
        let whole = n - n % L::WIDTH;
        // SAFETY: the instruction set is there (see the trait); all places are within the slices, except
        // those of `prefetch`, which may be anywhere.
        unsafe {
            let rule = Registers {
                decay: L::splat(rule.decay),
                one: L::splat(rule.one),
                two: L::splat(rule.two),
                epsilon: L::splat(rule.epsilon),
                scale: L::splat(rule.scale),
            };
            for at in (0..whole).step_by(L::WIDTH) {
                for array in [w.cast_const(), g, m.cast_const(), v.cast_const()] {
                    prefetch(array.wrapping_add(at + AHEAD));
                }
                let (to, here) = (w.add(at), L::load(w.add(at)));
                let (weight, moment, velocity) =
                    rule.step(here, L::load(g.add(at)), L::load(m.add(at)), L::load(v.add(at)));
                weight.store(to);
                moment.store(m.add(at));
                velocity.store(v.add(at));
            }
            let rest = n - whole;
            if rest > 0 {
                let part = |from: *const f32| L::load_part(from.add(whole), rest);
                let (weight, moment, velocity) = rule.step(part(w), part(g), part(m), part(v));
                weight.store_part(w.add(whole), rest);
                moment.store_part(m.add(whole), rest);
                velocity.store_part(v.add(whole), rest);
            }
        }
    }
}

/// Asks for the line of an address, which need not be valid.
#[inline(always)]
fn prefetch(address: *const f32) {
    // SAFETY: a baseline instruction that has no effect on an address that cannot be read.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One step in float64.
    fn exact(rule: Adam, [w, g, m, v]: [f32; 4]) -> [f64; 3] {
        let [w, g, m, v] = [w, g, m, v].map(f64::from);
        let m = m + (g - m) * f64::from(rule.one);
        // As float32 holds it.
        let square = if g * g > f64::from(f32::MAX) { f64::INFINITY } else { g * g };
        let v = v + (square - v) * f64::from(rule.two);
        let change = m * f64::from(rule.scale) / (v.sqrt() + f64::from(rule.epsilon));
        [w - f64::from(rule.decay) * w - change, m, v]
    }

    #[test]
    fn steps_agree_with_float64() {
        const ENDS: [f32; 9] = [0.0, -0.0, 1e-44, 1e-30, 3e18, 3e19, f32::MAX, f32::INFINITY, f32::NAN];
        let wave = |i: usize, rate: f32| (i as f32 * rate).sin();
        for n in [0, 1, 7, 8, 15, 16, 17, 64, 100, 1000] {
            for (decay, epsilon) in [(0.0, 1e-7), (0.01, 1e-12), (0.5, 1.0)] {
                let rule = Adam { decay, one: 0.1, two: 0.001, epsilon, scale: 0.003 };
                let mut w: Vec<f32> = (0..n).map(|i| wave(i, 0.37)).collect();
                let mut m: Vec<f32> = (0..n).map(|i| wave(i, 0.11) * 0.1).collect();
                let mut v: Vec<f32> = (0..n).map(|i| wave(i, 0.23).powi(8)).collect();
                let mut g: Vec<f32> = (0..n).map(|i| wave(i, 0.71)).collect();
                for (i, end) in ENDS.iter().enumerate() {
                    for (array, first) in [(&mut g, 20), (&mut v, 50)] {
                        if let Some(place) = array.get_mut(first + i) {
                            *place = *end;
                        }
                    }
                    if let Some(place) = v.get_mut(20 + i) {
                        *place = 0.0;
                    }
                    if let Some(place) = g.get_mut(50 + i) {
                        *place = 0.0;
                    }
                }
                let before: Vec<[f32; 4]> = (0..n).map(|i| [w[i], g[i], m[i], v[i]]).collect();
                let arrays = Arrays { value: &mut w, gradient: &g, slots: [&mut m, &mut v, &mut []] };
                if adam(rule, arrays).is_err() {
                    // No registers here: the plain loop is tested with the others.
                    return;
                }
                for (i, before) in before.into_iter().enumerate() {
                    let want = exact(rule, before);
                    let sizes =
                        [before[0].abs() + (want[0] as f32 - before[0]).abs(), before[1].abs() + before[2].abs(), {
                            want[2] as f32
                        }];
                    for ((got, want), size) in [w[i], m[i], v[i]].into_iter().zip(want).zip(sizes) {
                        let near = (f64::from(got) - want).abs() <= f64::from(size) * 5e-7 + 1e-44;
                        let same = f64::from(got) == want || (got.is_nan() && want.is_nan());
                        assert!(near || same, "{n} {i} {before:?}: {got:e} and {want:e}");
                    }
                }
            }
        }
    }

    #[test]
    fn epsilons_out_of_range_are_given_back() {
        let rule = Adam { decay: 0.0, one: 0.1, two: 0.001, epsilon: 0.0, scale: 0.003 };
        let arrays = Arrays { value: &mut [1.0], gradient: &[1.0], slots: [&mut [0.0], &mut [0.0], &mut []] };
        assert!(adam(rule, arrays).is_err());
    }
}
