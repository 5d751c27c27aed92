//! Row kernels over registers for what goes step by step: blocks of attention scores, cells of recurrent layers.

use std::marker::PhantomData;

use super::rows::{first_only, for_registers, largest, load, row_kernels, store, sum_of};
use crate::{
    math::wide,
    simd::lanes::{Lanes, WideRoutine, dispatch_wide},
};

row_kernels! {
    /// The largest score, if it is above `top`.
    fn top_of[TopOf]<L>(scores: &'a [f32], top: &'a mut f32) {
        *top = top.max(largest::<L>(scores));
    }

    /// Scores become `exp((score - top) scale)`, and `sum` their sum.
    fn exponentials[Exponentials]<L>(scores: &'a mut [f32], top: f32, scale: f32, sum: &'a mut f32) {
        let (level, scale) = (L::splat(top), L::splat(scale));
        *sum = sum_of!(L, scores.len(), |at, n| {
            let e = wide::exp_below((load::<L>(scores, at, n) - level) * scale);
            store(e, scores, at, n);
            first_only(e, n)
        });
    }

    /// Scores become `exp((score - top) scale) inverse`.
    fn weights[Weights]<L>(scores: &'a mut [f32], top: f32, scale: f32, inverse: f32) {
        let (level, scale, inverse) = (L::splat(top), L::splat(scale), L::splat(inverse));
        for_registers!(L, scores.len(), |at, n| {
            let e = wide::exp_below((load::<L>(scores, at, n) - level) * scale);
            store(e * inverse, scores, at, n);
        });
    }

    /// From the gates before activation (`share`) those after it and the new cell and hidden states.
    fn lstm_cell[LstmCell]<L>(
        share: &'a [f32], previous: &'a [f32], gates: &'a mut [f32], cell: &'a mut [f32], hidden: &'a mut [f32],
    ) {
        let units = cell.len();
        assert!(share.len() == 4 * units && gates.len() == 4 * units);
        assert!(previous.len() == units && hidden.len() == units);
        for_registers!(L, units, |at, n| {
            let input = wide::sigmoid(load::<L>(share, at, n));
            let forget = wide::sigmoid(load::<L>(share, units + at, n));
            let candidate = wide::tanh(load::<L>(share, 2 * units + at, n));
            let output = wide::sigmoid(load::<L>(share, 3 * units + at, n));
            let state = forget.mul_add(load(previous, at, n), input * candidate);
            store(input, gates, at, n);
            store(forget, gates, units + at, n);
            store(candidate, gates, 2 * units + at, n);
            store(output, gates, 3 * units + at, n);
            store(state, cell, at, n);
            store(output * wide::tanh(state), hidden, at, n);
        });
    }

    /// From the gradients of the hidden and the cell state, those of the gates before activation; `dcell` becomes
    /// the gradient of the previous cell state.
    fn lstm_cell_gradient[LstmCellGradient]<L>(
        gates: &'a [f32], previous: &'a [f32], cell: &'a [f32], dhidden: &'a [f32], dcell: &'a mut [f32],
        dgates: &'a mut [f32],
    ) {
        let units = cell.len();
        assert!(gates.len() == 4 * units && dgates.len() == 4 * units && previous.len() == units);
        assert!(dhidden.len() == units && dcell.len() == units);
        let one = L::splat(1.0);
        for_registers!(L, units, |at, n| {
            let (input, forget) = (load::<L>(gates, at, n), load::<L>(gates, units + at, n));
            let (candidate, output) = (load::<L>(gates, 2 * units + at, n), load::<L>(gates, 3 * units + at, n));
            let squashed = wide::tanh(load::<L>(cell, at, n));
            let dh = load::<L>(dhidden, at, n);
            let d = (dh * output).mul_add(squashed.mul_from(squashed, one), load(dcell, at, n));
            store(d * candidate * input * (one - input), dgates, at, n);
            store(d * load::<L>(previous, at, n) * forget * (one - forget), dgates, units + at, n);
            store(d * input * candidate.mul_from(candidate, one), dgates, 2 * units + at, n);
            store(dh * squashed * output * (one - output), dgates, 3 * units + at, n);
            store(d * forget, dcell, at, n);
        });
    }

    /// From the input's share and the state's (`recurrent`) z, r and the candidate, and the new state.
    fn gru_cell[GruCell]<L>(
        share: &'a [f32], recurrent: &'a [f32], previous: &'a [f32], gates: &'a mut [f32], hidden: &'a mut [f32],
    ) {
        let units = hidden.len();
        assert!(share.len() == 3 * units && gates.len() == 3 * units && recurrent.len() == 3 * units && previous.len() == units);
        for_registers!(L, units, |at, n| {
            let z = wide::sigmoid(load::<L>(share, at, n) + load(recurrent, at, n));
            let r = wide::sigmoid(load::<L>(share, units + at, n) + load(recurrent, units + at, n));
            let term = load::<L>(recurrent, 2 * units + at, n);
            let candidate = wide::tanh(r.mul_add(term, load(share, 2 * units + at, n)));
            store(z, gates, at, n);
            store(r, gates, units + at, n);
            store(candidate, gates, 2 * units + at, n);
            let old = load::<L>(previous, at, n);
            store(z.mul_add(old - candidate, candidate), hidden, at, n);
        });
    }
}
