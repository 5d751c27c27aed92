//! The gated recurrent unit, reset after the product: what it gives and its gradient.

use corten_core::Result;

use super::{
    super::{
        Gradient, Gradients, Outputs,
        math::{Float, add_row},
    },
    Sizes, StepInputs,
    cells::{gru_cell, gru_cell_gradient},
    compact, input_gradient, pack_kernel, pack_transposed, shift, total, transposed_product,
};
use crate::{
    In,
    dense::Dense,
    matmul::{Output, Scratch, blocks},
    memory::Buffer,
    parallel::DisjointMut,
};

pub(crate) fn gru<T: Float>(inputs: &[In<'_>]) -> Outputs {
    let sizes = Sizes::new(inputs, 3);
    let operands = inputs.iter().map(|x| Dense::<T>::new(*x)).collect::<Result<Vec<_>>>()?;
    let [x, kernel, recurrent, bias, h0] = std::array::from_fn(|i| operands[i].slice());
    let (units, wide, rows) = (sizes.units, sizes.wide(), sizes.rows());
    let (of_input, of_state) = bias.split_at(wide);
    let mut hs = Buffer::for_elements(T::DTYPE, rows * units)?;
    let mut gates = Buffer::for_elements(T::DTYPE, rows * wide)?;
    let mut terms = Buffer::for_elements(T::DTYPE, rows * units)?;
    let share_rows = sizes.group() * sizes.share_steps();
    let kernel = pack_kernel(kernel, share_rows, sizes.features, wide);
    let recurrent = pack_kernel(recurrent, sizes.group(), units, wide);
    let (all_hs, all_gates, all_terms) = (
        DisjointMut::new(hs.as_mut_slice::<T>()),
        DisjointMut::new(gates.as_mut_slice::<T>()),
        DisjointMut::new(terms.as_mut_slice::<T>()),
    );
    sizes.for_groups(|_, samples, alone| {
        let (first, count) = (samples.start, samples.len());
        // SAFETY: every group has the ranges of its own samples.
        let (hs, gates, terms) = unsafe {
            (
                all_hs.range(sizes.span(&samples, units)),
                all_gates.range(sizes.span(&samples, wide)),
                all_terms.range(sizes.span(&samples, units)),
            )
        };
        let mut state = Scratch::<T>::new(count * units);
        state.copy_from_slice(&h0[first * units..samples.end * units]);
        let mut shares = Scratch::<T>::new(share_rows * wide);
        let mut of_states = Scratch::<T>::new(count * wide);
        for steps in blocks(0..sizes.steps, sizes.share_steps()) {
            let inputs = StepInputs { x, sizes, samples: samples.clone(), steps: steps.clone() };
            let out = Output::strided(&mut shares, wide).bias(Some(of_input));
            kernel.multiply(count * steps.len(), &inputs, &out, alone);
            for (step, share) in steps.zip(shares.chunks_exact((count * wide).max(1))) {
                let out = Output::strided(&mut of_states, wide).bias(Some(of_state));
                recurrent.multiply(count, &compact(&state, count, units), &out, alone);
                let shares = share.chunks_exact(wide.max(1)).zip(of_states.chunks_exact(wide.max(1)));
                for (sample, (share, of_state)) in shares.enumerate() {
                    let here = sizes.at(sample, step, units);
                    let (before, now) = hs.split_at_mut(here.start);
                    let old = if step == 0 {
                        &h0[(first + sample) * units..][..units]
                    } else {
                        &before[here.start - units..]
                    };
                    let now = &mut now[..units];
                    gru_cell(share, of_state, old, &mut gates[sizes.at(sample, step, wide)], now);
                    state[sample * units..][..units].copy_from_slice(now);
                    terms[here].copy_from_slice(&of_state[2 * units..]);
                }
            }
        }
    });
    Ok(Some(vec![hs, gates, terms]))
}

pub(crate) fn gru_gradient<T: Float>(of: &Gradient<'_>) -> Gradients {
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
    let needs = of.needs;

    let mut dinput = Buffer::for_elements(T::DTYPE, rows * wide)?;
    let mut dstate = Buffer::for_elements(T::DTYPE, rows * wide)?;
    let mut before = Buffer::for_elements(T::DTYPE, if needs[2] { rows * units } else { 0 })?;
    let mut dh0 = Buffer::for_elements(T::DTYPE, sizes.samples * units)?;
    let mut sums = Scratch::<T>::zeroed(sizes.groups() * 2 * wide);
    let recurrent = pack_transposed(&sizes, recurrent);
    let (all_dinput, all_dstate, all_before, all_dh, all_sums) = (
        DisjointMut::new(dinput.as_mut_slice::<T>()),
        DisjointMut::new(dstate.as_mut_slice::<T>()),
        DisjointMut::new(before.as_mut_slice::<T>()),
        DisjointMut::new(dh0.as_mut_slice::<T>()),
        DisjointMut::new(&mut sums),
    );
    sizes.for_groups(|group, samples, alone| {
        let (first, count) = (samples.start, samples.len());
        let span = sizes.span(&samples, wide);
        // SAFETY: every group has the ranges of its own samples, and its own sums.
        let (dinput, dstate, dh, sums) = unsafe {
            (
                all_dinput.range(span.clone()),
                all_dstate.range(span),
                all_dh.range(first * units..samples.end * units),
                all_sums.range(group * 2 * wide..(group + 1) * 2 * wide),
            )
        };
        if needs[2] {
            // SAFETY: as above.
            shift(&sizes, h0, hs, &samples, unsafe { all_before.range(sizes.span(&samples, units)) });
        }
        dh.fill(T::ZERO);
        let (input_sums, state_sums) = sums.split_at_mut(wide);
        let mut made = Scratch::<T>::new(count * wide);
        for step in (0..sizes.steps).rev() {
            for (sample, made) in made.chunks_exact_mut(wide.max(1)).enumerate() {
                let here = sizes.at(first + sample, step, units);
                let dh = &mut dh[sample * units..(sample + 1) * units];
                if let Some(dhs) = dhs {
                    add_row(dh, &dhs[here.clone()]);
                }
                let old = if step == 0 {
                    &h0[(first + sample) * units..][..units]
                } else {
                    &hs[here.start - units..here.start]
                };
                let gates = &gates[sizes.at(first + sample, step, wide)];
                let own = sizes.at(sample, step, wide);
                gru_cell_gradient(gates, &terms[here], old, dh, &mut dinput[own.clone()], made);
                if needs[3] {
                    add_row(input_sums, &dinput[own.clone()]);
                    add_row(state_sums, made);
                }
                dstate[own].copy_from_slice(made);
            }
            let out = Output::strided(dh, units).accumulate(true);
            recurrent.multiply(count, &compact(&made, count, wide), &out, alone);
        }
    });
    let (dinput, dstate, before) = (dinput.as_slice::<T>(), dstate.as_slice::<T>(), before.as_slice::<T>());
    let dx = needs[0].then(|| input_gradient(&sizes, dinput, kernel)).transpose()?;
    let dkernel = needs[1].then(|| transposed_product(x, sizes.features, dinput, wide, rows)).transpose()?;
    let drecurrent = needs[2].then(|| transposed_product(before, units, dstate, wide, rows)).transpose()?;
    let dbias = needs[3].then(|| Buffer::from_slice(&total(&sums, 2 * wide))).transpose()?;
    Ok(Some(vec![dx, dkernel, drecurrent, dbias, Some(dh0)]))
}
