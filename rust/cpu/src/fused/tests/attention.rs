//! Attention against the plain softmax of all scores.

use corten_core::{AttentionSpec, Distribution, DropoutSpec, FusedOp, Key};

use super::super::testing::{Case, check};
use super::*;

#[derive(Clone, Copy)]
struct Sizes {
    b: usize,
    t: usize,
    s: usize,
    n: usize,
    h: usize,
    w: usize,
}

fn reference(
    of: Sizes,
    inputs: &[Vec<f64>],
    scale: f64,
    causal: bool,
    mask: impl Fn([usize; 4], f64) -> f64,
) -> Vec<f64> {
    reference_of_dropped(of, inputs, scale, causal, mask, |_| 1.0)
}

/// With factors of the weights, `(b, n, t, s)`.
fn reference_of_dropped(
    of: Sizes,
    inputs: &[Vec<f64>],
    scale: f64,
    causal: bool,
    mask: impl Fn([usize; 4], f64) -> f64,
    factor: impl Fn(usize) -> f64,
) -> Vec<f64> {
    let Sizes { b, t, s, n, h, w } = of;
    let mut out = vec![0.0; b * t * n * w];
    for at in 0..b * t * n {
        let (sample, query, head) = (at / n / t, at / n % t, at % n);
        let scores: Vec<f64> = (0..s)
            .map(|key| {
                let other = (sample * s + key) * n + head;
                let score = (0..h).map(|c| inputs[0][at * h + c] * inputs[1][other * h + c]).sum::<f64>() * scale;
                let score = mask([sample, head, query, key], score);
                if causal && key > query { -1e300 } else { score }
            })
            .collect();
        let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = scores.iter().map(|score| (score - top).exp()).sum();
        for (key, score) in scores.iter().enumerate() {
            let weight = (score - top).exp() / total * factor(((sample * n + head) * t + query) * s + key);
            for c in 0..w {
                out[at * w + c] += weight * inputs[2][((sample * s + key) * n + head) * w + c];
            }
        }
    }
    out
}

fn case(of: Sizes) -> Case {
    let Sizes { b, t, s, n, h, w } = of;
    Case::new(&[&[b, t, n, h], &[b, s, n, h], &[b, s, n, w]])
}

#[test]
fn plain_and_causal() {
    for of in [
        Sizes { b: 2, t: 3, s: 5, n: 2, h: 4, w: 3 },
        Sizes { b: 1, t: 7, s: 7, n: 1, h: 1, w: 2 },
        Sizes { b: 1, t: 2, s: 140, n: 1, h: 2, w: 1 },
    ] {
        for causal in [false, true] {
            let op = FusedOp::Attention(AttentionSpec { scale: 0.7, causal, mask: false, dropout: None });
            check(&op, &case(of), |inputs| vec![reference(of, inputs, 0.7, causal, |_, score| score)]);
        }
    }
}

/// Sizes whose rows begin inside of a draw, and more keys than a block has.
#[test]
fn dropout_of_weights() {
    let key = Key { seed: 11, stream: 1 << 33 };
    for of in [
        Sizes { b: 2, t: 3, s: 5, n: 2, h: 4, w: 3 },
        Sizes { b: 1, t: 50, s: 7, n: 1, h: 1, w: 2 },
        Sizes { b: 1, t: 2, s: 300, n: 2, h: 2, w: 1 },
    ] {
        let len = of.b * of.n * of.t * of.s;
        let uniform = crate::random::random(Distribution::Uniform, DType::F32, len, key).expect("numbers");
        let uniform = uniform.as_slice::<f32>();
        for causal in [false, true] {
            let dropout = Some(DropoutSpec { rate: 0.3, key });
            let op = FusedOp::Attention(AttentionSpec { scale: 0.7, causal, mask: false, dropout });
            check(&op, &case(of), |inputs| {
                let factor = |at: usize| if uniform[at] >= 0.3 { 1.0 / 0.7 } else { 0.0 };
                vec![reference_of_dropped(of, inputs, 0.7, causal, |_, score| score, factor)]
            });
        }
    }
}

#[test]
fn masks_of_keys_even_all_of_them() {
    let of = Sizes { b: 2, t: 4, s: 6, n: 2, h: 3, w: 2 };
    let allowed = |sample: usize, key: usize, query: usize| query != 2 && !(key + sample).is_multiple_of(3);
    let mut case = case(of);
    let mut bits = Vec::new();
    for at in 0..of.b * of.t * of.s {
        bits.push(allowed(at / of.s / of.t, at % of.s, at / of.s % of.t));
    }
    let layout = Layout::contiguous(&[of.b, 1, of.t, of.s]);
    case.extra = vec![(Buffer::from_slice(&bits).expect("memory"), layout, DType::Bool)];
    let op = FusedOp::Attention(AttentionSpec { scale: 0.5, causal: false, mask: true, dropout: None });
    check(&op, &case, |inputs| {
        vec![reference(
            of,
            inputs,
            0.5,
            false,
            |[sample, _, query, key], score| {
                if allowed(sample, key, query) { score } else { -1e300 }
            },
        )]
    });
}

/// Blocks of several sizes at once; too many elements for differences, so values only.
#[test]
fn long_sequences_and_added_masks() {
    let of = Sizes { b: 1, t: 150, s: 300, n: 2, h: 5, w: 33 };
    let case = case(of);
    let mask: Vec<f64> =
        (0..of.s).map(|key| if key % 7 == 0 { f64::NEG_INFINITY } else { key as f64 / 99.0 }).collect();
    for causal in [false, true] {
        let expected = reference(of, &case.values, 0.4, causal, |[_, _, _, key], score| score + mask[key].max(-1e280));
        let buffers: Vec<Buffer> =
            case.values.iter().chain([&mask]).map(|values| Buffer::from_slice(values).expect("memory")).collect();
        let mut layouts: Vec<Layout> = case.shapes.iter().map(|shape| Layout::contiguous(shape)).collect();
        layouts.push(Layout::contiguous(&[of.s]));
        // A mask of one axis broadcasts.
        layouts[3] = layouts[3].expand(&[1, 1, 1, of.s]);
        let inputs: Vec<In<'_>> =
            buffers.iter().zip(&layouts).map(|(buffer, layout)| In { buffer, layout, dtype: DType::F64 }).collect();
        let got = forward::<f64>(&inputs, AttentionSpec { scale: 0.4, causal, mask: true, dropout: None })
            .expect("no error")
            .expect("a kernel");
        for (i, (got, expected)) in got[0].as_slice::<f64>().iter().zip(&expected).enumerate() {
            // Query 0 of a causal mask may attend key 0 alone, whose mask is minus infinity.
            let alone = causal && i / (of.n * of.w) == 0;
            assert!(alone || (got - expected).abs() < 1e-12, "{causal} {i}: {got} != {expected}");
        }
    }
}
