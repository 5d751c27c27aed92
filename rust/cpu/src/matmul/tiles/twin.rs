//! The kernels in safe Rust: what the instructions do, word by word.

use super::{EDGE, Kernel, SIDE, STEP, TILE, directly};

/// 8-bit integers, summed in int32, wrapping.
pub(in super::super) const INTEGERS: Kernel<i32> = Kernel { run: integers, around: directly, is_offset: false };

/// The word of item `i` of a panel of `a` at word `k` of a step.
fn left(step: &[u32], i: usize, k: usize) -> u32 {
    step[i / EDGE * TILE + i % EDGE * EDGE + k]
}

/// The word of item `j` of a panel of `b` at word `k` of a step.
fn right(step: &[u32], j: usize, k: usize) -> u32 {
    step[j / EDGE * TILE + k * EDGE + j % EDGE]
}

fn integers(a: &[u32], b: &[u32], c: &mut [i32], stride: usize) {
    for (a, b) in a.chunks_exact(STEP).zip(b.chunks_exact(STEP)) {
        for i in 0..SIDE {
            let row = &mut c[i * stride..][..SIDE];
            for k in 0..EDGE {
                let x = left(a, i, k).to_le_bytes();
                for (j, sum) in row.iter_mut().enumerate() {
                    let y = right(b, j, k).to_le_bytes();
                    for (x, y) in x.iter().zip(y) {
                        *sum = sum.wrapping_add(i32::from(*x as i8) * i32::from(y as i8));
                    }
                }
            }
        }
    }
}

/// bfloat16, summed in float32, as `tdpbf16ps` does it: even and odd elements apart within a tile, subnormal
/// numbers taken for zero and made zero.
#[cfg(any(test, target_arch = "x86_64"))]
pub(super) const BRAIN: Kernel<f32> = Kernel { run: brain, around: directly, is_offset: false };

#[cfg(any(test, target_arch = "x86_64"))]
fn brain(a: &[u32], b: &[u32], c: &mut [f32], stride: usize) {
    let flush = |x: f32| if x.is_subnormal() { 0.0f32.copysign(x) } else { x };
    let parts = |word: u32| [flush(f32::from_bits(word << 16)), flush(f32::from_bits(word & 0xffff_0000))];
    for (a, b) in a.chunks_exact(STEP).zip(b.chunks_exact(STEP)) {
        for i in 0..SIDE {
            for j in 0..SIDE {
                let mut sums = [0.0f32; 2];
                for k in 0..EDGE {
                    let (x, y) = (parts(left(a, i, k)), parts(right(b, j, k)));
                    sums = [0, 1].map(|place| flush(x[place].mul_add(y[place], sums[place])));
                }
                let to = &mut c[i * stride + j];
                *to = flush(flush(*to) + flush(sums[0] + sums[1]));
            }
        }
    }
}
