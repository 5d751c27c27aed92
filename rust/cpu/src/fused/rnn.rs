//! LSTM and GRU over whole sequences: the inputs' share of all steps is one product; then each step
//! is a product with the recurrent kernel, packed once, and a pass over the gates. Samples do not
//! meet, so tasks are groups of samples, each of which walks through all steps alone.

use std::ops::Range;

use corten_core::Result;

use super::{
    Gradient, Gradients, Outputs,
    math::{Float, add_row},
    norm::sum_rows,
    rows::{singles, singles_mut},
    steps,
};
use crate::{
    In,
    dense::Dense,
    matmul::{Matrix, Output, Packed, Scratch, Size, gemm},
    memory::Buffer,
    parallel::{self, DisjointMut},
    simd::vectorized,
};

/// Samples of one task at most.
const SAMPLES: usize = 24;
/// Tasks worth having.
const TASKS: usize = 4;

/// Sizes of a layer: samples, steps, features of the input, units, gates.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    samples: usize,
    steps: usize,
    features: usize,
    units: usize,
    gates: usize,
}

impl Sizes {
    fn new(inputs: &[In<'_>], gates: usize) -> Self {
        let (x, h) = (inputs[0].layout.shape(), inputs[4].layout.shape());
        Self { samples: x[0], steps: x[1], features: x[2], units: h[1], gates }
    }
    /// Elements of the gates of one step.
    fn wide(&self) -> usize {
        self.gates * self.units
    }
    fn rows(&self) -> usize {
        self.samples * self.steps
    }

    /// Samples of a group.
    fn group(&self) -> usize {
        if self.samples < TASKS { self.samples } else { self.samples.div_ceil(TASKS).clamp(1, SAMPLES) }
    }

    /// Calls `run(samples, alone)` for groups of samples; `alone` says that there is one group, whose
    /// products may use all threads.
    fn for_groups(&self, run: impl Fn(Range<usize>, bool) + Sync) {
        let group = self.group();
        let groups = self.samples.div_ceil(group.max(1));
        if groups <= 1 {
            run(0..self.samples, true);
        } else {
            parallel::for_chunks(groups, &|index| {
                run(index * group..((index + 1) * group).min(self.samples), false);
            });
        }
    }
}

/// `x kernel + bias` for every step of every sample.
fn input_share<T: Float>(sizes: &Sizes, x: &[T], kernel: &[T], bias: &[T], out: &mut [T]) {
    let size = Size { rows: sizes.rows(), columns: sizes.wide(), depth: sizes.features };
    let x = Matrix::new(x, 0, (size.rows, size.depth as isize), (size.depth, 1));
    let kernel = Matrix::new(kernel, 0, (size.columns, 1), (size.depth, size.columns as isize));
    gemm(size, &x, &kernel, &Output::strided(out, size.columns).bias(Some(bias)), true);
}

/// The recurrent kernel `(units, wide)`, packed for `h kernel` or, transposed, for `gradient kernel^T`.
fn pack_recurrent<T: Float>(sizes: &Sizes, kernel: &[T], transposed: bool) -> Packed<T> {
    let (units, wide, rows) = (sizes.units, sizes.wide(), sizes.group());
    if transposed {
        Packed::new(&Matrix::new(kernel, 0, (units, wide as isize), (wide, 1)), rows, units, wide)
    } else {
        Packed::new(&Matrix::new(kernel, 0, (wide, 1), (units, wide as isize)), rows, wide, units)
    }
}

vectorized! {
    /// Gates before activation become gates after it; gives the new cell and hidden states.
    fn plain_lstm_cell<T: Float>(gates: &mut [T], previous: &[T], cell: &mut [T], hidden: &mut [T]) {
        let units = cell.len();
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

    /// `gates` holds the input's share and becomes z, r and the candidate; `recurrent` is the state's.
    fn plain_gru_cell<T: Float>(gates: &mut [T], recurrent: &[T], previous: &[T], hidden: &mut [T]) {
        let units = hidden.len();
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
    fn gru_cell_gradient<T: Float>(
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

fn lstm_cell<T: Float>(gates: &mut [T], previous: &[T], cell: &mut [T], hidden: &mut [T]) {
    if let (Some(gates), Some(previous), Some(cell), Some(hidden)) =
        (singles_mut(gates), singles(previous), singles_mut(cell), singles_mut(hidden))
        && steps::lstm_cell(gates, previous, cell, hidden)
    {
        return;
    }
    plain_lstm_cell(gates, previous, cell, hidden);
}

fn lstm_cell_gradient<T: Float>(
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

fn gru_cell<T: Float>(gates: &mut [T], recurrent: &[T], previous: &[T], hidden: &mut [T]) {
    if let (Some(gates), Some(recurrent), Some(previous), Some(hidden)) =
        (singles_mut(gates), singles(recurrent), singles(previous), singles_mut(hidden))
        && steps::gru_cell(gates, recurrent, previous, hidden)
    {
        return;
    }
    plain_gru_cell(gates, recurrent, previous, hidden);
}

/// The rows of one step for some samples: (sample, step) lies at `(sample * steps + step) * len`.
fn at(sizes: &Sizes, sample: usize, step: usize, len: usize) -> Range<usize> {
    let start = (sample * sizes.steps + step) * len;
    start..start + len
}

/// Previous hidden states of a group as an operand: the initial ones, or the results of a step.
fn previous<'a, T: Float>(
    sizes: &Sizes,
    h0: &'a [T],
    hs: &'a [T],
    samples: &Range<usize>,
    step: usize,
) -> Matrix<'a, T> {
    let units = sizes.units;
    if step == 0 {
        Matrix::new(&h0[samples.start * units..samples.end * units], 0, (samples.len(), units as isize), (units, 1))
    } else {
        Matrix::new(hs, (step - 1) * units, (samples.len(), (sizes.steps * units) as isize), (units, 1))
    }
}

pub(super) fn lstm<T: Float>(inputs: &[In<'_>]) -> Outputs {
    let sizes = Sizes::new(inputs, 4);
    let operands = inputs.iter().map(|x| Dense::<T>::new(*x)).collect::<Result<Vec<_>>>()?;
    let [x, kernel, recurrent, bias, h0, c0] = std::array::from_fn(|i| operands[i].slice());
    let (units, wide, rows) = (sizes.units, sizes.wide(), sizes.rows());
    let mut hs = Buffer::for_elements(T::DTYPE, rows * units)?;
    let mut cs = Buffer::for_elements(T::DTYPE, rows * units)?;
    let mut gates = Buffer::for_elements(T::DTYPE, rows * wide)?;
    input_share(&sizes, x, kernel, bias, gates.as_mut_slice::<T>());
    let recurrent = pack_recurrent(&sizes, recurrent, false);
    let (all_hs, all_cs, all_gates) = (
        DisjointMut::new(hs.as_mut_slice::<T>()),
        DisjointMut::new(cs.as_mut_slice::<T>()),
        DisjointMut::new(gates.as_mut_slice::<T>()),
    );
    sizes.for_groups(|samples, alone| {
        let span = |len: usize| samples.start * sizes.steps * len..samples.end * sizes.steps * len;
        // SAFETY: every group has the ranges of its own samples.
        let (hs, cs, gates) =
            unsafe { (all_hs.range(span(units)), all_cs.range(span(units)), all_gates.range(span(wide))) };
        for step in 0..sizes.steps {
            let state = previous(&sizes, h0, hs, &samples, step);
            let out = Output::strided(&mut gates[step * wide..], sizes.steps * wide).accumulate(true);
            recurrent.multiply(samples.len(), &state, &out, alone);
            for sample in 0..samples.len() {
                let (before, now) = cs.split_at_mut(at(&sizes, sample, step, units).start);
                let old = if step == 0 {
                    &c0[(samples.start + sample) * units..][..units]
                } else {
                    &before[before.len() - units..]
                };
                let gates = &mut gates[at(&sizes, sample, step, wide)];
                lstm_cell(gates, old, &mut now[..units], &mut hs[at(&sizes, sample, step, units)]);
            }
        }
    });
    Ok(Some(vec![hs, cs, gates]))
}

pub(super) fn gru<T: Float>(inputs: &[In<'_>]) -> Outputs {
    let sizes = Sizes::new(inputs, 3);
    let operands = inputs.iter().map(|x| Dense::<T>::new(*x)).collect::<Result<Vec<_>>>()?;
    let [x, kernel, recurrent, bias, h0] = std::array::from_fn(|i| operands[i].slice());
    let (units, wide, rows) = (sizes.units, sizes.wide(), sizes.rows());
    let (of_input, of_state) = bias.split_at(wide);
    let mut hs = Buffer::for_elements(T::DTYPE, rows * units)?;
    let mut gates = Buffer::for_elements(T::DTYPE, rows * wide)?;
    let mut terms = Buffer::for_elements(T::DTYPE, rows * units)?;
    input_share(&sizes, x, kernel, of_input, gates.as_mut_slice::<T>());
    let recurrent = pack_recurrent(&sizes, recurrent, false);
    let (all_hs, all_gates, all_terms) = (
        DisjointMut::new(hs.as_mut_slice::<T>()),
        DisjointMut::new(gates.as_mut_slice::<T>()),
        DisjointMut::new(terms.as_mut_slice::<T>()),
    );
    sizes.for_groups(|samples, alone| {
        let span = |len: usize| samples.start * sizes.steps * len..samples.end * sizes.steps * len;
        // SAFETY: every group has the ranges of its own samples.
        let (hs, gates, terms) =
            unsafe { (all_hs.range(span(units)), all_gates.range(span(wide)), all_terms.range(span(units))) };
        let mut share = Scratch::<T>::new(samples.len() * wide);
        for step in 0..sizes.steps {
            let state = previous(&sizes, h0, hs, &samples, step);
            recurrent.multiply(samples.len(), &state, &Output::strided(&mut share, wide).bias(Some(of_state)), alone);
            for (sample, share) in share.chunks_exact(wide.max(1)).enumerate() {
                let (before, now) = hs.split_at_mut(at(&sizes, sample, step, units).start);
                let old = if step == 0 {
                    &h0[(samples.start + sample) * units..][..units]
                } else {
                    &before[before.len() - units..]
                };
                gru_cell(&mut gates[at(&sizes, sample, step, wide)], share, old, &mut now[..units]);
                terms[at(&sizes, sample, step, units)].copy_from_slice(&share[2 * units..]);
            }
        }
    });
    Ok(Some(vec![hs, gates, terms]))
}

/// The hidden state before each step: `(samples, steps, units)`.
fn shifted<T: Float>(sizes: &Sizes, h0: &[T], hs: &[T]) -> Result<Buffer> {
    let units = sizes.units;
    let mut result = Buffer::for_elements(T::DTYPE, sizes.rows() * units)?;
    let len = sizes.steps * units;
    for (sample, out) in result.as_mut_slice::<T>().chunks_exact_mut(len.max(1)).enumerate() {
        out[..units].copy_from_slice(&h0[sample * units..(sample + 1) * units]);
        out[units..].copy_from_slice(&hs[sample * len..(sample + 1) * len - units]);
    }
    Ok(result)
}

/// `left^T right` for `(rows, left_len)` and `(rows, right_len)`.
fn transposed_product<T: Float>(
    left: &[T],
    right: &[T],
    left_len: usize,
    right_len: usize,
    rows: usize,
) -> Result<Buffer> {
    let size = Size { rows: left_len, columns: right_len, depth: rows };
    let a = Matrix::new(left, 0, (left_len, 1), (rows, left_len as isize));
    let b = Matrix::new(right, 0, (right_len, 1), (rows, right_len as isize));
    let mut out = Buffer::for_elements(T::DTYPE, left_len * right_len)?;
    crate::matmul::product(size, &a, &b, out.as_mut_slice::<T>(), true);
    Ok(out)
}

/// The gradient of the input: `dgates kernel^T`.
fn input_gradient<T: Float>(sizes: &Sizes, dgates: &[T], kernel: &[T]) -> Result<Buffer> {
    let size = Size { rows: sizes.rows(), columns: sizes.features, depth: sizes.wide() };
    let a = Matrix::new(dgates, 0, (size.rows, size.depth as isize), (size.depth, 1));
    let b = Matrix::new(kernel, 0, (size.columns, size.depth as isize), (size.depth, 1));
    let mut out = Buffer::for_elements(T::DTYPE, size.rows * size.columns)?;
    crate::matmul::product(size, &a, &b, out.as_mut_slice::<T>(), true);
    Ok(out)
}

fn column_sums<T: Float>(rows: usize, len: usize, of: &[T]) -> Vec<T> {
    sum_rows(rows, len, len, |rows, sums| rows.for_each(|row| add_row(sums, &of[row * len..(row + 1) * len])))
}

fn add_step<T: Float>(grad: Option<&[T]>, range: Range<usize>, sums: &mut [T]) {
    if let Some(grad) = grad {
        add_row(sums, &grad[range]);
    }
}

pub(super) fn lstm_gradient<T: Float>(of: &Gradient<'_>) -> Gradients {
    if of.grads[2].is_some() {
        return Ok(None);
    }
    let sizes = Sizes::new(of.inputs, 4);
    let (units, wide, rows) = (sizes.units, sizes.wide(), sizes.rows());
    let operands = of.inputs.iter().map(|x| Dense::<T>::new(*x)).collect::<Result<Vec<_>>>()?;
    let [x, kernel, recurrent, _, h0, c0] = std::array::from_fn(|i| operands[i].slice());
    let results = of.outputs.iter().map(|x| Dense::<T>::new(*x)).collect::<Result<Vec<_>>>()?;
    let [hs, cs, gates] = std::array::from_fn(|i| results[i].slice());
    let grads = of.grads.iter().map(|grad| grad.map(Dense::<T>::new).transpose()).collect::<Result<Vec<_>>>()?;
    let grad = |i: usize| grads[i].as_ref().map(Dense::slice);

    let mut dgates = Buffer::for_elements(T::DTYPE, rows * wide)?;
    let mut dh0 = Buffer::for_elements(T::DTYPE, sizes.samples * units)?;
    let mut dc0 = Buffer::for_elements(T::DTYPE, sizes.samples * units)?;
    let recurrent_t = pack_recurrent(&sizes, recurrent, true);
    let (all_dgates, all_dh, all_dc) = (
        DisjointMut::new(dgates.as_mut_slice::<T>()),
        DisjointMut::new(dh0.as_mut_slice::<T>()),
        DisjointMut::new(dc0.as_mut_slice::<T>()),
    );
    sizes.for_groups(|samples, alone| {
        let first = samples.start;
        // SAFETY: every group has the ranges of its own samples.
        let (dgates, dh, dc) = unsafe {
            (
                all_dgates.range(first * sizes.steps * wide..samples.end * sizes.steps * wide),
                all_dh.range(first * units..samples.end * units),
                all_dc.range(first * units..samples.end * units),
            )
        };
        dh.fill(T::ZERO);
        dc.fill(T::ZERO);
        for step in (0..sizes.steps).rev() {
            for sample in 0..samples.len() {
                let here = at(&sizes, first + sample, step, units);
                let own = sample * units..(sample + 1) * units;
                add_step(grad(0), here.clone(), &mut dh[own.clone()]);
                add_step(grad(1), here.clone(), &mut dc[own.clone()]);
                let old = if step == 0 {
                    &c0[(first + sample) * units..][..units]
                } else {
                    &cs[here.start - units..here.start]
                };
                let gates = &gates[at(&sizes, first + sample, step, wide)];
                let dgates = &mut dgates[at(&sizes, sample, step, wide)];
                lstm_cell_gradient(gates, old, &cs[here], &dh[own.clone()], &mut dc[own], dgates);
            }
            let stride = (sizes.steps * wide) as isize;
            let step_gates = Matrix::new(dgates, step * wide, (samples.len(), stride), (wide, 1));
            recurrent_t.multiply(samples.len(), &step_gates, &Output::strided(dh, units), alone);
        }
    });
    let needs = of.needs;
    let dgates = dgates.as_slice::<T>();
    let dx = needs[0].then(|| input_gradient(&sizes, dgates, kernel)).transpose()?;
    let dkernel = needs[1].then(|| transposed_product(x, dgates, sizes.features, wide, rows)).transpose()?;
    let drecurrent = needs[2]
        .then(|| transposed_product(shifted(&sizes, h0, hs)?.as_slice::<T>(), dgates, units, wide, rows))
        .transpose()?;
    let dbias = needs[3].then(|| Buffer::from_slice(&column_sums(rows, wide, dgates))).transpose()?;
    Ok(Some(vec![dx, dkernel, drecurrent, dbias, Some(dh0), Some(dc0)]))
}

pub(super) fn gru_gradient<T: Float>(of: &Gradient<'_>) -> Gradients {
    if of.grads[1].is_some() || of.grads[2].is_some() {
        return Ok(None);
    }
    let sizes = Sizes::new(of.inputs, 3);
    let (units, wide, rows) = (sizes.units, sizes.wide(), sizes.rows());
    let operands = of.inputs.iter().map(|x| Dense::<T>::new(*x)).collect::<Result<Vec<_>>>()?;
    let [x, kernel, recurrent, _, h0] = std::array::from_fn(|i| operands[i].slice());
    let results = of.outputs.iter().map(|x| Dense::<T>::new(*x)).collect::<Result<Vec<_>>>()?;
    let [hs, gates, terms] = std::array::from_fn(|i| results[i].slice());
    let dhs = of.grads[0].map(Dense::<T>::new).transpose()?;
    let dhs = dhs.as_ref().map(Dense::slice);

    let mut dinput = Buffer::for_elements(T::DTYPE, rows * wide)?;
    let mut dstate = Buffer::for_elements(T::DTYPE, rows * wide)?;
    let mut dh0 = Buffer::for_elements(T::DTYPE, sizes.samples * units)?;
    let recurrent_t = pack_recurrent(&sizes, recurrent, true);
    let (all_dinput, all_dstate, all_dh) = (
        DisjointMut::new(dinput.as_mut_slice::<T>()),
        DisjointMut::new(dstate.as_mut_slice::<T>()),
        DisjointMut::new(dh0.as_mut_slice::<T>()),
    );
    sizes.for_groups(|samples, alone| {
        let first = samples.start;
        let span = first * sizes.steps * wide..samples.end * sizes.steps * wide;
        // SAFETY: every group has the ranges of its own samples.
        let (dinput, dstate, dh) = unsafe {
            (all_dinput.range(span.clone()), all_dstate.range(span), all_dh.range(first * units..samples.end * units))
        };
        dh.fill(T::ZERO);
        for step in (0..sizes.steps).rev() {
            for sample in 0..samples.len() {
                let here = at(&sizes, first + sample, step, units);
                let dh = &mut dh[sample * units..(sample + 1) * units];
                add_step(dhs, here.clone(), dh);
                let old = if step == 0 {
                    &h0[(first + sample) * units..][..units]
                } else {
                    &hs[here.start - units..here.start]
                };
                let gates = &gates[at(&sizes, first + sample, step, wide)];
                let own = at(&sizes, sample, step, wide);
                gru_cell_gradient(gates, &terms[here], old, dh, &mut dinput[own.clone()], &mut dstate[own]);
            }
            let stride = (sizes.steps * wide) as isize;
            let step_gates = Matrix::new(dstate, step * wide, (samples.len(), stride), (wide, 1));
            recurrent_t.multiply(samples.len(), &step_gates, &Output::strided(dh, units).accumulate(true), alone);
        }
    });
    let needs = of.needs;
    let (dinput, dstate) = (dinput.as_slice::<T>(), dstate.as_slice::<T>());
    let dx = needs[0].then(|| input_gradient(&sizes, dinput, kernel)).transpose()?;
    let dkernel = needs[1].then(|| transposed_product(x, dinput, sizes.features, wide, rows)).transpose()?;
    let drecurrent = needs[2]
        .then(|| transposed_product(shifted(&sizes, h0, hs)?.as_slice::<T>(), dstate, units, wide, rows))
        .transpose()?;
    let dbias = if needs[3] {
        let mut sums = column_sums(rows, wide, dinput);
        sums.extend(column_sums(rows, wide, dstate));
        Some(Buffer::from_slice(&sums)?)
    } else {
        None
    };
    Ok(Some(vec![dx, dkernel, drecurrent, dbias, Some(dh0)]))
}

#[cfg(test)]
#[path = "tests/rnn.rs"]
mod tests;
