//! One step of one sample: gates, states and their gradients.

use super::super::{
    math::Float,
    rows::{singles, singles_mut},
    steps,
};
use crate::simd::vectorized;

vectorized! {
    /// From the gates before activation (`share`) those after it and the new cell and hidden states.
    fn plain_lstm_cell<T: Float>(
        share: &[T],
        previous: &[T],
        gates: &mut [T],
        cell: &mut [T],
        hidden: &mut [T],
    ) {
        let units = cell.len();
        gates.copy_from_slice(share);
        let (input, rest) = gates.split_at_mut(units);
        let (forget, rest) = rest.split_at_mut(units);
        let (candidate, output) = rest.split_at_mut(units);
        let (output, previous, hidden) = (&mut output[..units], &previous[..units], &mut hidden[..units]);
        for i in 0..units {
            input[i] = input[i].sigmoid();
            forget[i] = forget[i].sigmoid();
            candidate[i] = candidate[i].tanh();
            output[i] = output[i].sigmoid();
            cell[i] = forget[i] * previous[i] + input[i] * candidate[i];
            hidden[i] = output[i] * cell[i].tanh();
        }
    }

    /// From the gradients of the hidden and the cell state, those of the gates before activation;
    /// `dcell` becomes the gradient of the previous cell state.
    fn plain_lstm_cell_gradient<T: Float>(
        gates: &[T],
        previous: &[T],
        cell: &[T],
        dhidden: &[T],
        dcell: &mut [T],
        dgates: &mut [T],
    ) {
        let units = cell.len();
        let (input, rest) = gates.split_at(units);
        let (forget, rest) = rest.split_at(units);
        let (candidate, output) = rest.split_at(units);
        let (dinput, rest) = dgates.split_at_mut(units);
        let (dforget, rest) = rest.split_at_mut(units);
        let (dcandidate, doutput) = rest.split_at_mut(units);
        let (output, doutput, dcell) = (&output[..units], &mut doutput[..units], &mut dcell[..units]);
        let (previous, dhidden) = (&previous[..units], &dhidden[..units]);
        for k in 0..units {
            let (i, f, g, o) = (input[k], forget[k], candidate[k], output[k]);
            let squashed = cell[k].tanh();
            let d = dcell[k] + dhidden[k] * o * (T::ONE - squashed * squashed);
            doutput[k] = dhidden[k] * squashed * o * (T::ONE - o);
            dinput[k] = d * g * i * (T::ONE - i);
            dforget[k] = d * previous[k] * f * (T::ONE - f);
            dcandidate[k] = d * i * (T::ONE - g * g);
            dcell[k] = d * f;
        }
    }

    /// From the input's share and the state's (`recurrent`) z, r and the candidate, and the new state.
    fn plain_gru_cell<T: Float>(
        share: &[T],
        recurrent: &[T],
        previous: &[T],
        gates: &mut [T],
        hidden: &mut [T],
    ) {
        let units = hidden.len();
        gates.copy_from_slice(share);
        let (update, rest) = gates.split_at_mut(units);
        let (reset, candidate) = rest.split_at_mut(units);
        let (candidate, previous) = (&mut candidate[..units], &previous[..units]);
        let (of_update, rest) = recurrent.split_at(units);
        let (of_reset, of_candidate) = rest.split_at(units);
        let of_candidate = &of_candidate[..units];
        for i in 0..units {
            let z = (update[i] + of_update[i]).sigmoid();
            let r = (reset[i] + of_reset[i]).sigmoid();
            let c = (candidate[i] + r * of_candidate[i]).tanh();
            update[i] = z;
            reset[i] = r;
            candidate[i] = c;
            hidden[i] = z * previous[i] + (T::ONE - z) * c;
        }
    }

    /// `dhidden` becomes its own share of the previous state's gradient; `dinput` and `drecurrent`
    /// are the gradients of the two shares of the gates.
    pub(super) fn gru_cell_gradient<T: Float>(
        gates: &[T],
        term: &[T],
        previous: &[T],
        dhidden: &mut [T],
        dinput: &mut [T],
        drecurrent: &mut [T],
    ) {
        let units = dhidden.len();
        let (update, rest) = gates.split_at(units);
        let (reset, candidate) = rest.split_at(units);
        let (candidate, term, previous) = (&candidate[..units], &term[..units], &previous[..units]);
        for k in 0..units {
            let (z, r, c, d) = (update[k], reset[k], candidate[k], dhidden[k]);
            let dz = d * (previous[k] - c) * z * (T::ONE - z);
            let dc = d * (T::ONE - z) * (T::ONE - c * c);
            let dr = dc * term[k] * r * (T::ONE - r);
            dinput[k] = dz;
            dinput[units + k] = dr;
            dinput[2 * units + k] = dc;
            drecurrent[k] = dz;
            drecurrent[units + k] = dr;
            drecurrent[2 * units + k] = dc * r;
            dhidden[k] = d * z;
        }
    }
}

pub(super) fn lstm_cell<T: Float>(share: &[T], previous: &[T], gates: &mut [T], cell: &mut [T], hidden: &mut [T]) {
    if let (Some(share), Some(previous), Some(gates), Some(cell), Some(hidden)) =
        (singles(share), singles(previous), singles_mut(gates), singles_mut(cell), singles_mut(hidden))
        && steps::lstm_cell(share, previous, gates, cell, hidden)
    {
        return;
    }
    plain_lstm_cell(share, previous, gates, cell, hidden);
}

pub(super) fn lstm_cell_gradient<T: Float>(
    gates: &[T],
    previous: &[T],
    cell: &[T],
    dhidden: &[T],
    dcell: &mut [T],
    dgates: &mut [T],
) {
    if let (Some(gates), Some(previous), Some(cell), Some(dhidden)) =
        (singles(gates), singles(previous), singles(cell), singles(dhidden))
        && let (Some(dcell), Some(dgates)) = (singles_mut(dcell), singles_mut(dgates))
        && steps::lstm_cell_gradient(gates, previous, cell, dhidden, dcell, dgates)
    {
        return;
    }
    plain_lstm_cell_gradient(gates, previous, cell, dhidden, dcell, dgates);
}

pub(super) fn gru_cell<T: Float>(share: &[T], recurrent: &[T], previous: &[T], gates: &mut [T], hidden: &mut [T]) {
    if let (Some(share), Some(recurrent), Some(previous), Some(gates), Some(hidden)) =
        (singles(share), singles(recurrent), singles(previous), singles_mut(gates), singles_mut(hidden))
        && steps::gru_cell(share, recurrent, previous, gates, hidden)
    {
        return;
    }
    plain_gru_cell(share, recurrent, previous, gates, hidden);
}
