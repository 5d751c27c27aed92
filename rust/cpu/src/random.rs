//! Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, 2011). The element at
//! position `i` is a function of (key, i), so results do not depend on threads or on order.

mod gamma;
mod math;

use corten_core::{DType, Distribution, Element, Error, Key, Result, half};

use crate::parallel::{self, DisjointMut};
use crate::{In, memory::Buffer};

/// Elements one chunk draws; a multiple of what one Philox call gives for every width.
const CHUNK: usize = 4096;

const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// The Philox4x32 bijection with ten rounds.
#[inline]
pub(crate) fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut a, mut b, mut c, mut d] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..10 {
        let left = u64::from(MULTIPLIER[0]) * u64::from(a);
        let right = u64::from(MULTIPLIER[1]) * u64::from(c);
        (a, b, c, d) = ((right >> 32) as u32 ^ b ^ k0, right as u32, (left >> 32) as u32 ^ d ^ k1, left as u32);
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [a, b, c, d]
}

/// The four words at a position of the sequence that `key` names.
#[inline]
pub(crate) fn words_at(position: u64, key: Key) -> [u32; 4] {
    philox4x32(
        [position as u32, (position >> 32) as u32, key.stream as u32, (key.stream >> 32) as u32],
        [key.seed as u32, (key.seed >> 32) as u32],
    )
}

/// Positions drawn side by side by [`words_from`].
pub(crate) const LANES: usize = 8;

/// One round of eight positions. Words are kept in the low halves of 64 bits, where one instruction multiplies them;
/// the high halves hold what the round before left there.
#[inline(always)]
fn round(words: [[u64; LANES]; 4], key: [u32; 2]) -> [[u64; LANES]; 4] {
    const LOW: u64 = u32::MAX as u64;
    let mut next = words;
    for lane in 0..LANES {
        let left = u64::from(MULTIPLIER[0]) * (words[0][lane] & LOW);
        let right = u64::from(MULTIPLIER[1]) * (words[2][lane] & LOW);
        next[0][lane] = (right >> 32) ^ words[1][lane] ^ u64::from(key[0]);
        next[1][lane] = right;
        next[2][lane] = (left >> 32) ^ words[3][lane] ^ u64::from(key[1]);
        next[3][lane] = left;
    }
    next
}

/// The words of positions `first`, `first + 1`, ..., in the low halves: `[word][position]`. In a vectorized caller
/// this is vector code.
// Indices, because each step writes several words of one lane.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
pub(crate) fn words_from(first: u64, key: Key) -> [[u64; LANES]; 4] {
    let mut words = [[0; LANES], [0; LANES], [key.stream; LANES], [key.stream >> 32; LANES]];
    for lane in 0..LANES {
        let position = first.wrapping_add(lane as u64);
        words[0][lane] = position;
        words[1][lane] = position >> 32;
    }
    let mut round_key = [key.seed as u32, (key.seed >> 32) as u32];
    for _ in 0..10 {
        words = round(words, round_key);
        round_key = [round_key[0].wrapping_add(WEYL[0]), round_key[1].wrapping_add(WEYL[1])];
    }
    words
}

/// A number in (0, 1) from 52 bits of two words; never either end.
#[inline]
fn open_unit(high: u32, low: u32) -> f64 {
    let bits = (u64::from(high) << 32 | u64::from(low)) >> 12;
    (bits as f64 + 0.5) * (1.0 / (1u64 << 52) as f64)
}

/// Fills `out` with one word per element, starting at element `start` (a multiple of four).
fn fill_narrow<T>(out: &mut [T], start: usize, key: Key, make: impl Fn(u32) -> T) {
    for (block, quad) in out.chunks_mut(4).enumerate() {
        let words = words_at((start / 4 + block) as u64, key);
        for (slot, word) in quad.iter_mut().zip(words) {
            *slot = make(word);
        }
    }
}

/// Fills `out` with two words per element, starting at element `start` (a multiple of two).
fn fill_wide<T>(out: &mut [T], start: usize, key: Key, make: impl Fn(u32, u32) -> T) {
    for (block, pair) in out.chunks_mut(2).enumerate() {
        let words = words_at((start / 2 + block) as u64, key);
        for (slot, word) in pair.iter_mut().zip(words.as_chunks::<2>().0) {
            *slot = make(word[0], word[1]);
        }
    }
}

/// A float that is drawn directly; 16-bit types keep the result below one by using as many bits
/// as their significand has.
trait Drawn: Element {
    fn fill_uniform(out: &mut [Self], start: usize, key: Key);
    /// Fills with `f(p)` for p uniform on (0, 1).
    fn fill_quantile(out: &mut [Self], start: usize, key: Key, f: impl Fn(f64) -> f64);
}

/// A number in (0, 1) from one word.
#[inline]
fn open_unit_narrow(word: u32) -> f64 {
    (f64::from(word) + 0.5) * (1.0 / 4_294_967_296.0)
}

macro_rules! drawn_narrow {
    ($($t:ty: $bits:literal),*) => {$(
        impl Drawn for $t {
            fn fill_uniform(out: &mut [Self], start: usize, key: Key) {
                let scale = 1.0 / (1u32 << $bits) as f32;
                fill_narrow(out, start, key, |word| {
                    // Exact: the integer has no more bits than the significand.
                    <$t>::from_f64(f64::from((word >> (32 - $bits)) as f32 * scale))
                });
            }
            fn fill_quantile(out: &mut [Self], start: usize, key: Key, f: impl Fn(f64) -> f64) {
                fill_narrow(out, start, key, |word| <$t>::from_f64(f(open_unit_narrow(word))));
            }
        }
    )*};
}
drawn_narrow!(f32: 24, half::f16: 11, half::bf16: 8);

impl Drawn for f64 {
    fn fill_uniform(out: &mut [Self], start: usize, key: Key) {
        fill_wide(out, start, key, |high, low| {
            ((u64::from(high) << 32 | u64::from(low)) >> 11) as Self * (1.0 / (1u64 << 53) as Self)
        });
    }
    fn fill_quantile(out: &mut [Self], start: usize, key: Key, f: impl Fn(Self) -> Self) {
        fill_wide(out, start, key, |high, low| f(open_unit(high, low)));
    }
}

/// The probability of lying below -2 under the normal distribution.
const BELOW_MINUS_TWO: f64 = 0.022_750_131_948_179_21;

fn truncated_quantile(p: f64) -> f64 {
    let z = math::normal_quantile(BELOW_MINUS_TWO + p * (1.0 - 2.0 * BELOW_MINUS_TWO));
    z.clamp(-2.0, 2.0)
}

fn float<T: Drawn>(out: &mut [T], distribution: Distribution, start: usize, key: Key) {
    match distribution {
        Distribution::Uniform => T::fill_uniform(out, start, key),
        Distribution::Normal => T::fill_quantile(out, start, key, math::normal_quantile),
        Distribution::TruncatedNormal => T::fill_quantile(out, start, key, truncated_quantile),
        // Refused by `infer`.
        Distribution::Bits | Distribution::Integers { .. } => out.fill(T::ZERO),
    }
}

fn integers<T: Element>(out: &mut [T], low: i64, high: i64, start: usize, key: Key) {
    let width = high.wrapping_sub(low) as u64;
    fill_wide(out, start, key, |a, b| {
        let random = u64::from(a) << 32 | u64::from(b);
        // Multiply-shift: the bias is below width / 2^64.
        let offset = ((u128::from(random) * u128::from(width)) >> 64) as u64;
        T::from_i64(low.wrapping_add(offset as i64))
    });
}

/// Splits `out` into fixed chunks and fills each on some thread.
fn chunked<T: Element>(out: &mut Buffer, len: usize, fill: impl Fn(&mut [T], usize) + Sync) {
    let data = DisjointMut::new(&mut out.as_mut_slice::<T>()[..len]);
    parallel::for_chunks(len.div_ceil(CHUNK), &|index| {
        let start = index * CHUNK;
        // SAFETY: every chunk has its own range.
        let chunk = unsafe { data.range(start..(start + CHUNK).min(len)) };
        fill(chunk, start);
    });
}

/// `len` elements of a distribution.
pub(crate) fn random(distribution: Distribution, dtype: DType, len: usize, key: Key) -> Result<Buffer> {
    let mut out = Buffer::for_elements(dtype, len)?;
    let refused = || Err(Error::dtype(format!("random: {distribution:?} is not drawn as {dtype}")));
    macro_rules! floats {
        ($t:ty) => {
            chunked::<$t>(&mut out, len, |chunk, start| float(chunk, distribution, start, key))
        };
    }
    macro_rules! ints {
        ($t:ty) => {
            match distribution {
                Distribution::Integers { low, high } => {
                    chunked::<$t>(&mut out, len, |chunk, start| integers(chunk, low, high, start, key));
                }
                Distribution::Bits if dtype == DType::U32 => {
                    chunked::<u32>(&mut out, len, |chunk, start| fill_narrow(chunk, start, key, |word| word));
                }
                Distribution::Bits | Distribution::Uniform | Distribution::Normal | Distribution::TruncatedNormal => {
                    return refused()
                }
            }
        };
    }
    match dtype {
        DType::F32 => floats!(f32),
        DType::F64 => floats!(f64),
        DType::F16 => floats!(half::f16),
        DType::BF16 => floats!(half::bf16),
        DType::U8 => ints!(u8),
        DType::U16 => ints!(u16),
        DType::U32 => ints!(u32),
        DType::U64 => ints!(u64),
        DType::I8 => ints!(i8),
        DType::I16 => ints!(i16),
        DType::I32 => ints!(i32),
        DType::I64 => ints!(i64),
        DType::Bool => return refused(),
    }
    Ok(out)
}

/// Gamma(alpha, 1) samples, one per element of `alpha`.
pub(crate) fn random_gamma(alpha: In<'_>, key: Key) -> Result<Buffer> {
    let len = alpha.layout.len();
    let mut out = Buffer::for_elements(alpha.dtype, len)?;
    macro_rules! draw {
        ($t:ty) => {{
            let source = alpha.buffer.as_slice::<$t>();
            let layout = alpha.layout;
            chunked::<$t>(&mut out, len, |chunk, start| {
                for (i, slot) in chunk.iter_mut().enumerate() {
                    let shape = source[element_index(layout, start + i)].to_f64();
                    *slot = <$t>::from_f64(gamma::sample(shape, (start + i) as u64, key));
                }
            });
        }};
    }
    match alpha.dtype {
        DType::F32 => draw!(f32),
        DType::F64 => draw!(f64),
        DType::F16 => draw!(half::f16),
        DType::BF16 => draw!(half::bf16),
        DType::Bool
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::U64
        | DType::I8
        | DType::I16
        | DType::I32
        | DType::I64 => {
            return Err(Error::dtype(format!("random_gamma: a float dtype is needed; got {}", alpha.dtype)));
        }
    }
    Ok(out)
}

/// Where element `i` (row-major) of a layout lies in its buffer.
fn element_index(layout: &corten_core::Layout, mut i: usize) -> usize {
    let mut index = layout.offset() as isize;
    for (&dim, &stride) in layout.shape().iter().zip(layout.strides()).rev() {
        index += (i % dim) as isize * stride;
        i /= dim;
    }
    index as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key { seed: 0x1234_5678_9abc_def0, stream: 7 };

    /// The known answers published with Random123 1.09 for philox4x32 with 10 rounds.
    #[test]
    fn philox_known_answers() {
        assert_eq!(philox4x32([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox4x32([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            philox4x32([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    fn draw<T: Element>(distribution: Distribution, len: usize) -> Vec<T> {
        let buffer = random(distribution, T::DTYPE, len, KEY).expect("drawn");
        buffer.as_slice::<T>()[..len].to_vec()
    }

    #[test]
    fn elements_depend_on_their_position_alone() {
        let long: Vec<f32> = draw(Distribution::Normal, 3 * CHUNK + 5);
        let short: Vec<f32> = draw(Distribution::Normal, 11);
        assert_eq!(long[..11], short[..]);
        let long: Vec<f64> = draw(Distribution::Uniform, CHUNK + 3);
        let short: Vec<f64> = draw(Distribution::Uniform, 3);
        assert_eq!(long[..3], short[..]);
    }

    fn moments(values: &[f64]) -> (f64, f64) {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (mean, values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / values.len() as f64)
    }

    #[test]
    fn moments_are_right() {
        let n = 200_000;
        let uniform: Vec<f32> = draw(Distribution::Uniform, n);
        assert!(uniform.iter().all(|&x| (0.0..1.0).contains(&x)));
        let (mean, variance) = moments(&uniform.iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
        assert!((mean - 0.5).abs() < 3e-3 && (variance - 1.0 / 12.0).abs() < 1e-3);
        let (mean, variance) = moments(&draw::<f64>(Distribution::Normal, n));
        assert!(mean.abs() < 1e-2 && (variance - 1.0).abs() < 2e-2);
        let truncated: Vec<f64> = draw(Distribution::TruncatedNormal, n);
        assert!(truncated.iter().all(|x| x.abs() <= 2.0));
        let (mean, variance) = moments(&truncated);
        assert!(mean.abs() < 1e-2 && (variance - 0.773_741).abs() < 1e-2, "{variance}");
    }

    #[test]
    fn half_uniforms_stay_below_one() {
        assert!(draw::<half::bf16>(Distribution::Uniform, 20_000).iter().all(|x| x.to_f64() < 1.0));
        assert!(draw::<half::f16>(Distribution::Uniform, 20_000).iter().all(|x| x.to_f64() < 1.0));
    }

    #[test]
    fn integers_cover_their_range() {
        let dice: Vec<i32> = draw(Distribution::Integers { low: -2, high: 4 }, 60_000);
        for face in -2..4 {
            let count = dice.iter().filter(|&&x| x == face).count();
            assert!((9_500..10_500).contains(&count), "{face}: {count}");
        }
        let wide: Vec<i64> = draw(Distribution::Integers { low: i64::MIN, high: i64::MAX }, 1000);
        assert!(wide.iter().any(|&x| x < -(1 << 61)) && wide.iter().any(|&x| x > 1 << 61));
    }

    #[test]
    fn gamma_moments_are_right() {
        for alpha in [0.3, 1.0, 7.5] {
            let values: Vec<f64> = (0..100_000).map(|i| gamma::sample(alpha, i, KEY)).collect();
            let (mean, variance) = moments(&values);
            assert!((mean - alpha).abs() < 0.03 * alpha.max(1.0), "mean {mean} of alpha {alpha}");
            assert!((variance - alpha).abs() < 0.08 * alpha.max(1.0), "variance {variance} of alpha {alpha}");
        }
        assert!(gamma::sample(-1.0, 0, KEY).is_nan());
    }
}
