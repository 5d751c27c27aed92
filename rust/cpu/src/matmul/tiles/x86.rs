//! 8-bit integers on AVX-512 VNNI and on AVX2, bfloat16 on AVX-512 BF16. Inner loops have no closures and no iterators
//! by value: those are not compiled for the instruction set and become calls, around which all sums are spilled.

use std::{
    arch::x86_64::{
        __m512, __m512bh, __m512i, _mm_cvtepi8_epi16, _mm_cvtsi32_si128, _mm_loadu_si128, _mm256_add_epi32,
        _mm256_broadcastq_epi64, _mm256_cvtepi8_epi16, _mm256_madd_epi16, _mm256_setzero_si256, _mm256_storeu_si256,
        _mm512_dpbf16_ps, _mm512_dpbusd_epi32, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_set1_epi32,
        _mm512_storeu_ps, _mm512_storeu_si512,
    },
    mem::transmute,
};

use super::{EDGE, Kernel, SIDE, STEP, TILE, directly};
use crate::simd::{Isa, has_brain, isa};

/// Rows whose sums stay in registers.
const ROWS: usize = 8;

/// The widest of these kernels that the instruction set in use has.
pub(in super::super) fn integers() -> Option<Kernel<i32>> {
    match isa() {
        Isa::Avx512 if is_x86_feature_detected!("avx512vnni") => Some(VNNI),
        Isa::Avx512 | Isa::Avx2 => Some(AVX2),
        Isa::Scalar => None,
    }
}

/// bfloat16, if the instruction set in use multiplies it.
pub(in super::super) fn brain() -> Option<Kernel<f32>> {
    has_brain().then_some(BF16)
}

/// Needs AVX-512 F and BF16.
pub(super) const BF16: Kernel<f32> = Kernel { run: bf16, around: directly, is_offset: false };
/// Needs AVX-512 F and VNNI.
pub(super) const VNNI: Kernel<i32> = Kernel { run: vnni, around: directly, is_offset: true };
/// Needs AVX2.
pub(super) const AVX2: Kernel<i32> = Kernel { run: avx2, around: directly, is_offset: false };

/// `vpdpbusd` takes the bytes of its first operand as unsigned: `a` is packed with 128 added, and the sums begin
/// that much lower.
#[target_feature(enable = "avx512f,avx512vnni")]
fn vnni(a: &[u32], b: &[u32], c: &mut [i32], stride: usize) {
    for first in (0..SIDE).step_by(ROWS) {
        let corner = &mut c[first * stride..][..(ROWS - 1) * stride + SIDE];
        let mut sums: [[__m512i; 2]; ROWS] = std::array::from_fn(|i| {
            let row = &corner[i * stride..][..SIDE];
            // SAFETY: a row has 32 sums.
            unsafe { [_mm512_loadu_si512(row.as_ptr().cast()), _mm512_loadu_si512(row[EDGE..].as_ptr().cast())] }
        });
        for (a, b) in a.as_chunks::<STEP>().0.iter().zip(b.as_chunks::<STEP>().0) {
            let rows = &a[first / EDGE * TILE + first % EDGE * EDGE..][..ROWS * EDGE];
            for k in 0..EDGE {
                let (left, right) = (&b[k * EDGE..][..EDGE], &b[TILE + k * EDGE..][..EDGE]);
                // SAFETY: both are 16 words.
                let columns =
                    unsafe { [_mm512_loadu_si512(left.as_ptr().cast()), _mm512_loadu_si512(right.as_ptr().cast())] };
                for (i, sums) in sums.iter_mut().enumerate() {
                    let row = _mm512_set1_epi32(rows[i * EDGE + k] as i32);
                    sums[0] = _mm512_dpbusd_epi32(sums[0], row, columns[0]);
                    sums[1] = _mm512_dpbusd_epi32(sums[1], row, columns[1]);
                }
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            let row = &mut corner[i * stride..][..SIDE];
            // SAFETY: a row has 32 sums.
            unsafe {
                _mm512_storeu_si512(row.as_mut_ptr().cast(), sums[0]);
                _mm512_storeu_si512(row[EDGE..].as_mut_ptr().cast(), sums[1]);
            }
        }
    }
}

/// `vdpbf16ps` adds two products to each sum, the odd elements' first; it takes subnormal numbers for zero and makes
/// them zero, as AMX does.
#[target_feature(enable = "avx512f,avx512bf16")]
fn bf16(a: &[u32], b: &[u32], c: &mut [f32], stride: usize) {
    for first in (0..SIDE).step_by(ROWS) {
        let corner = &mut c[first * stride..][..(ROWS - 1) * stride + SIDE];
        let mut sums: [[__m512; 2]; ROWS] = std::array::from_fn(|i| {
            let row = &corner[i * stride..][..SIDE];
            // SAFETY: a row has 32 sums.
            unsafe { [_mm512_loadu_ps(row.as_ptr()), _mm512_loadu_ps(row[EDGE..].as_ptr())] }
        });
        for (a, b) in a.as_chunks::<STEP>().0.iter().zip(b.as_chunks::<STEP>().0) {
            let rows = &a[first / EDGE * TILE + first % EDGE * EDGE..][..ROWS * EDGE];
            for k in 0..EDGE {
                let (left, right) = (&b[k * EDGE..][..EDGE], &b[TILE + k * EDGE..][..EDGE]);
                // SAFETY: both are 16 words; any bits are a vector of bfloat16.
                let columns: [__m512bh; 2] = unsafe {
                    transmute([_mm512_loadu_si512(left.as_ptr().cast()), _mm512_loadu_si512(right.as_ptr().cast())])
                };
                for (i, sums) in sums.iter_mut().enumerate() {
                    // SAFETY: as above.
                    let row: __m512bh = unsafe { transmute(_mm512_set1_epi32(rows[i * EDGE + k] as i32)) };
                    sums[0] = _mm512_dpbf16_ps(sums[0], row, columns[0]);
                    sums[1] = _mm512_dpbf16_ps(sums[1], row, columns[1]);
                }
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            let row = &mut corner[i * stride..][..SIDE];
            // SAFETY: a row has 32 sums.
            unsafe {
                _mm512_storeu_ps(row.as_mut_ptr(), sums[0]);
                _mm512_storeu_ps(row[EDGE..].as_mut_ptr(), sums[1]);
            }
        }
    }
}

/// Widens to 16 bits: `vpmaddubsw` would saturate.
#[target_feature(enable = "avx2")]
fn avx2(a: &[u32], b: &[u32], c: &mut [i32], stride: usize) {
    for row in (0..SIDE).step_by(2) {
        for half in 0..2 {
            // For each of two rows, 4 times 4 columns, each with two sums.
            let mut sums = [[_mm256_setzero_si256(); 4]; 2];
            for (a, b) in a.as_chunks::<STEP>().0.iter().zip(b.as_chunks::<STEP>().0) {
                let rows = &a[row / EDGE * TILE + row % EDGE * EDGE..][..2 * EDGE];
                let columns = &b[half * TILE..][..TILE];
                for k in 0..EDGE {
                    let above = _mm_cvtepi8_epi16(_mm_cvtsi32_si128(rows[k] as i32));
                    let below = _mm_cvtepi8_epi16(_mm_cvtsi32_si128(rows[EDGE + k] as i32));
                    let (above, below) = (_mm256_broadcastq_epi64(above), _mm256_broadcastq_epi64(below));
                    for quarter in 0..4 {
                        let words = &columns[k * EDGE + 4 * quarter..][..4];
                        // SAFETY: four words are 16 bytes.
                        let right = _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(words.as_ptr().cast()) });
                        sums[0][quarter] = _mm256_add_epi32(sums[0][quarter], _mm256_madd_epi16(above, right));
                        sums[1][quarter] = _mm256_add_epi32(sums[1][quarter], _mm256_madd_epi16(below, right));
                    }
                }
            }
            for (i, sums) in sums.iter().enumerate() {
                let out = &mut c[(row + i) * stride + half * EDGE..][..EDGE];
                for (four, pairs) in out.as_chunks_mut::<4>().0.iter_mut().zip(sums) {
                    let mut values = [0i32; 8];
                    // SAFETY: eight integers are 32 bytes.
                    unsafe { _mm256_storeu_si256(values.as_mut_ptr().cast(), *pairs) };
                    for (to, pair) in four.iter_mut().zip(values.as_chunks::<2>().0) {
                        *to = to.wrapping_add(pair[0]).wrapping_add(pair[1]);
                    }
                }
            }
        }
    }
}
