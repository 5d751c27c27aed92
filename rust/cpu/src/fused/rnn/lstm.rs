//! The long short-term memory: what it gives and its gradient.

use corten_core::Result;

use super::{
    super::{
        Gradient, Gradients, Outputs,
        math::{Float, add_row},
    },
    Sizes, StepInputs,
    cells::{lstm_cell, lstm_cell_gradient},
    compact, input_gradient, pack_kernel, pack_transposed, shift, total, weight_gradients,
};
use crate::{
    In,
    dense::Dense,
    matmul::{Output, Scratch, blocks},
    memory::Buffer,
    parallel::DisjointMut,
};

pub(crate) fn lstm<T: Float>(inputs: &[In<'_>]) -> Outputs {
    let sizes = Sizes::new(inputs, 4);
    let operands = inputs.iter().map(|x| Dense::<T>::new(*x)).collect::<Result<Vec<_>>>()?;
    let [x, kernel, recurrent, bias, h0, c0] = std::array::from_fn(|i| operands[i].slice());
    let (units, wide, rows) = (sizes.units, sizes.wide(), sizes.rows());
    let mut hs = Buffer::for_elements(T::DTYPE, rows * units)?;
    let mut cs = Buffer::for_elements(T::DTYPE, rows * units)?;
    let mut gates = Buffer::for_elements(T::DTYPE, rows * wide)?;
    let share_rows = sizes.group() * sizes.share_steps();
    let kernel = pack_kernel(kernel, share_rows, sizes.features, wide);
    let recurrent = pack_kernel(recurrent, sizes.group(), units, wide);
    let (all_hs, all_cs, all_gates) = (
        DisjointMut::new(hs.as_mut_slice::<T>()),
        DisjointMut::new(cs.as_mut_slice::<T>()),
        DisjointMut::new(gates.as_mut_slice::<T>()),
    );
    sizes.for_groups(|_, samples, alone| {
        let (first, count) = (samples.start, samples.len());
        // SAFETY: every group has the ranges of its own samples.
        let (hs, cs, gates) = unsafe {
            (
                all_hs.range(sizes.span(&samples, units)),
                all_cs.range(sizes.span(&samples, units)),
                all_gates.range(sizes.span(&samples, wide)),
            )
        };
        let mut state = Scratch::<T>::new(count * units);
        state.copy_from_slice(&h0[first * units..samples.end * units]);
        let mut shares = Scratch::<T>::new(share_rows * wide);
        for steps in blocks(0..sizes.steps, sizes.share_steps()) {
            let inputs = StepInputs { x, sizes, samples: samples.clone(), steps: steps.clone() };
            let out = Output::strided(&mut shares, wide).bias(Some(bias));
            kernel.multiply(count * steps.len(), &inputs, &out, alone);
            for (step, share) in steps.zip(shares.chunks_exact_mut((count * wide).max(1))) {
                let out = Output::strided(share, wide).accumulate(true);
                recurrent.multiply(count, &compact(&state, count, units), &out, alone);
                for (sample, share) in share.chunks_exact(wide.max(1)).enumerate() {
                    let here = sizes.at(sample, step, units);
                    let (before, now) = cs.split_at_mut(here.start);
                    let old = if step == 0 {
                        &c0[(first + sample) * units..][..units]
                    } else {
                        &before[here.start - units..]
                    };
                    let gates = &mut gates[sizes.at(sample, step, wide)];
                    let state = &mut state[sample * units..][..units];
                    lstm_cell(share, old, gates, &mut now[..units], state);
                    hs[here].copy_from_slice(state);
                }
            }
        }
    });
    Ok(Some(vec![hs, cs, gates]))
}

pub(crate) fn lstm_gradient<T: Float>(of: &Gradient<'_>) -> Gradients {
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
    let needs = of.needs;

    let mut dgates = Buffer::for_elements(T::DTYPE, rows * wide)?;
    let mut before = Buffer::for_elements(T::DTYPE, if needs[2] { rows * units } else { 0 })?;
    let mut dh0 = Buffer::for_elements(T::DTYPE, sizes.samples * units)?;
    let mut dc0 = Buffer::for_elements(T::DTYPE, sizes.samples * units)?;
    let mut sums = Scratch::<T>::zeroed(sizes.groups() * wide);
    let recurrent = pack_transposed(&sizes, recurrent);
    let (all_dgates, all_before, all_dh, all_dc, all_sums) = (
        DisjointMut::new(dgates.as_mut_slice::<T>()),
        DisjointMut::new(before.as_mut_slice::<T>()),
        DisjointMut::new(dh0.as_mut_slice::<T>()),
        DisjointMut::new(dc0.as_mut_slice::<T>()),
        DisjointMut::new(&mut sums),
    );
    sizes.for_groups(|group, samples, alone| {
        let (first, count) = (samples.start, samples.len());
        let own = first * units..samples.end * units;
        // SAFETY: every group has the ranges of its own samples, and its own sums.
        let (dgates, dh, dc, sums) = unsafe {
            (
                all_dgates.range(sizes.span(&samples, wide)),
                all_dh.range(own.clone()),
                all_dc.range(own),
                all_sums.range(group * wide..(group + 1) * wide),
            )
        };
        if needs[2] {
            // SAFETY: as above.
            shift(&sizes, h0, hs, &samples, unsafe { all_before.range(sizes.span(&samples, units)) });
        }
        dh.fill(T::ZERO);
        dc.fill(T::ZERO);
        let mut made = Scratch::<T>::new(count * wide);
        for step in (0..sizes.steps).rev() {
            for (sample, made) in made.chunks_exact_mut(wide.max(1)).enumerate() {
                let here = sizes.at(first + sample, step, units);
                let own = sample * units..(sample + 1) * units;
                let (dh, dc) = (&mut dh[own.clone()], &mut dc[own]);
                if let Some(grad) = grad(0) {
                    add_row(dh, &grad[here.clone()]);
                }
                if let Some(grad) = grad(1) {
                    add_row(dc, &grad[here.clone()]);
                }
                let old = if step == 0 {
                    &c0[(first + sample) * units..][..units]
                } else {
                    &cs[here.start - units..here.start]
                };
                let gates = &gates[sizes.at(first + sample, step, wide)];
                lstm_cell_gradient(gates, old, &cs[here], dh, dc, made);
                dgates[sizes.at(sample, step, wide)].copy_from_slice(made);
                if needs[3] {
                    add_row(sums, made);
                }
            }
            recurrent.multiply(count, &compact(&made, count, wide), &Output::strided(dh, units), alone);
        }
    });
    let dgates = dgates.as_slice::<T>();
    let dx = needs[0].then(|| input_gradient(&sizes, dgates, kernel)).transpose()?;
    let before = needs[2].then(|| before.as_slice::<T>());
    let (dkernel, drecurrent) = weight_gradients(&sizes, needs[1].then_some(x), before, dgates)?;
    let dbias = needs[3].then(|| Buffer::from_slice(&total(&sums, wide))).transpose()?;
    Ok(Some(vec![dx, dkernel, drecurrent, dbias, Some(dh0), Some(dc0)]))
}
