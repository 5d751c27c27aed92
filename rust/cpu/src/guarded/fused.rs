//! Fused forms with their gradients, and optimizers.

use corten_core::{
    Activation, AttentionSpec, Backend, ConvSpec, DType, Dims, DropoutSpec, Epilogue, FusedOp, Key, Op, OptimizerOp,
    Padding, Parameter,
};

use super::{FLOATS, LENGTHS, Operand, Sweep, tails};
use crate::{Cpu, optimizer::slot_count};

const EPSILON: f64 = 1e-3;

#[test]
#[ignore = "runs guarded, started by kernels_stay_within_their_operands"]
fn fused() {
    let mut sweep = Sweep::new("fused");
    for dtype in FLOATS {
        for n in tails().filter(|n| *n > 0) {
            rows(&mut sweep, dtype, n);
            if dtype == DType::F32 || LENGTHS.contains(&n) {
                products(&mut sweep, dtype, n);
            }
            if n <= 40 || LENGTHS.contains(&n) {
                sequences(&mut sweep, dtype, n);
            }
        }
        for n in tails() {
            optimizers(&mut sweep, dtype, n);
        }
    }
}

/// The op and its gradient, with an upstream gradient for the first output, and for others in `graded`.
fn run(sweep: &mut Sweep, op: &FusedOp, inputs: &[&Operand], graded: usize) {
    let dtype = inputs[0].dtype;
    let shapes: Vec<_> = inputs.iter().map(|x| x.layout.shape().to_vec()).collect();
    let specs = Sweep::takes(&Op::Fused(op.clone()), inputs).unwrap_or_else(|| panic!("{op:?} of {shapes:?}"));
    let views: Vec<_> = inputs.iter().map(|x| x.view()).collect();
    let what = || format!("{op:?} {dtype} {shapes:?}");
    let Some(Some(outputs)) = sweep.case(what, || Cpu.fused(op, &views)) else { return };
    let outputs: Vec<Operand> = outputs
        .into_iter()
        .zip(&specs)
        .map(|(buffer, spec)| Operand {
            buffer,
            layout: corten_core::Layout::contiguous(&spec.shape),
            dtype: spec.dtype,
        })
        .collect();
    let upstream: Vec<Operand> = specs.iter().map(|spec| Operand::row_major(spec.dtype, &spec.shape, 5)).collect();
    let grads: Vec<_> = upstream.iter().enumerate().map(|(i, g)| (i < graded).then(|| g.view())).collect();
    let outputs: Vec<_> = outputs.iter().map(Operand::view).collect();
    let needs: Vec<bool> = inputs.iter().map(|x| x.dtype == dtype).collect();
    sweep.case(what, || Cpu.fused_grad(op, &views, &outputs, &grads, &needs));
}

fn rows(sweep: &mut Sweep, dtype: DType, n: usize) {
    let x = Operand::row_major(dtype, &[3, n], 1);
    let (scale, offset) = (Operand::row_major(dtype, &[n], 2), Operand::row_major(dtype, &[n], 3));
    run(sweep, &FusedOp::Softmax { axis: 1 }, &[&x], 1);
    run(sweep, &FusedOp::Softmax { axis: 0 }, &[&x], 1);
    run(sweep, &FusedOp::LogSoftmax { axis: 1 }, &[&x], 1);
    run(sweep, &FusedOp::LogSoftmax { axis: 0 }, &[&x], 1);
    run(sweep, &FusedOp::CrossEntropy, &[&x, &Operand::row_major(dtype, &[3, n], 4)], 1);
    run(sweep, &FusedOp::SparseCrossEntropy, &[&x, &Operand::labels(n)], 1);
    run(sweep, &FusedOp::BinaryCrossEntropy, &[&x, &Operand::row_major(dtype, &[3, n], 4)], 1);
    run(sweep, &FusedOp::LayerNorm { axes: 1, epsilon: EPSILON, scale: true, offset: true }, &[&x, &scale, &offset], 1);
    run(sweep, &FusedOp::LayerNorm { axes: 1, epsilon: EPSILON, scale: false, offset: false }, &[&x], 1);
    run(sweep, &FusedOp::RmsNorm { axes: 1, epsilon: EPSILON, scale: true }, &[&x, &scale], 1);
    run(sweep, &FusedOp::BatchNorm { epsilon: EPSILON, scale: true, offset: true }, &[&x, &scale, &offset], 3);
    run(sweep, &FusedOp::BatchNorm { epsilon: EPSILON, scale: false, offset: false }, &[&x], 1);
    let image = Operand::row_major(dtype, &[2, 3, 2 * n], 1);
    let (scale2, offset2) = (Operand::row_major(dtype, &[2 * n], 2), Operand::row_major(dtype, &[2 * n], 3));
    let op = FusedOp::GroupNorm { groups: 2, epsilon: EPSILON, scale: true, offset: true };
    run(sweep, &op, &[&image, &scale2, &offset2], 1);
    for &activation in Activation::ALL {
        run(sweep, &FusedOp::BiasActivation(activation), &[&x, &offset], 1);
    }
    run(sweep, &FusedOp::Dropout(DropoutSpec { rate: 0.4, key: Key { seed: 1, stream: 2 } }), &[&x], 1);
}

fn products(sweep: &mut Sweep, dtype: DType, n: usize) {
    for (i, &activation) in Activation::ALL.iter().enumerate() {
        for (m, k, n) in [(n, 3, 5), (3, n, 5), (3, 5, n)] {
            for recorded in [false, true] {
                let epilogue = Epilogue { residual: i % 2 == 1, recorded, ..Epilogue::new(activation) };
                let (x, w) = (Operand::row_major(dtype, &[m, k], 1), Operand::row_major(dtype, &[k, n], 2));
                let (bias, residual) = (Operand::row_major(dtype, &[n], 3), Operand::row_major(dtype, &[m, n], 4));
                let inputs = [&x, &w, &bias, &residual];
                // Twice: weights that are used again may be kept in panels.
                for _ in 0..2 {
                    run(sweep, &FusedOp::Linear(epilogue), &inputs[..3 + usize::from(epilogue.residual)], 1);
                }
            }
        }
        let spec = ConvSpec {
            strides: Dims::from_elem(1, 2),
            padding: Padding::from_elem((1, 1), 2),
            dilation: Dims::from_elem(1, 2),
            groups: 1,
        };
        for (channels_in, channels_out) in [(n, 4), (2, n)] {
            let epilogue = Epilogue { residual: i % 2 == 1, recorded: true, ..Epilogue::new(activation) };
            let x = Operand::row_major(dtype, &[1, 3, 4, channels_in], 1);
            let w = Operand::row_major(dtype, &[3, 3, channels_in, channels_out], 2);
            let bias = Operand::row_major(dtype, &[channels_out], 3);
            let residual = Operand::row_major(dtype, &[1, 3, 4, channels_out], 4);
            let inputs = [&x, &w, &bias, &residual];
            let op = FusedOp::ConvBias { spec: spec.clone(), epilogue };
            run(sweep, &op, &inputs[..3 + usize::from(epilogue.residual)], 1);
        }
    }
}

fn sequences(sweep: &mut Sweep, dtype: DType, n: usize) {
    for [t, s, h, w] in [[n, 5, 3, 2], [3, n, 4, 5], [3, 4, n, 3], [3, 4, 2, n]] {
        let (q, k) = (Operand::row_major(dtype, &[2, t, 2, h], 1), Operand::row_major(dtype, &[2, s, 2, h], 2));
        let v = Operand::row_major(dtype, &[2, s, 2, w], 3);
        for causal in [false, true] {
            let mut op = FusedOp::Attention(AttentionSpec { scale: 0.3, causal, mask: false, dropout: None });
            run(sweep, &op, &[&q, &k, &v], 1);
            let dropout = Some(DropoutSpec { rate: 0.4, key: Key { seed: 1, stream: 2 } });
            op = FusedOp::Attention(AttentionSpec { scale: 0.3, causal, mask: false, dropout });
            run(sweep, &op, &[&q, &k, &v], 1);
            op = FusedOp::Attention(AttentionSpec { scale: 0.3, causal, mask: true, dropout: None });
            let allowed = Operand::row_major(DType::Bool, &[2, 1, t, s], 1);
            let added = Operand::row_major(dtype, &[1, 1, 1, s], 1);
            for mask in [allowed, added] {
                let layout = mask.layout.expand(&[2, 2, t, s]);
                run(sweep, &op, &[&q, &k, &v, &Operand { layout, ..mask }], 1);
            }
        }
    }
    for (b, f, u) in [(n.min(20), 2, 3), (2, n, 3), (2, 3, n)] {
        let x = Operand::row_major(dtype, &[b, 2, f], 1);
        let state = |seed| Operand::row_major(dtype, &[b, u], seed);
        let (w, r) = (Operand::row_major(dtype, &[f, 4 * u], 2), Operand::row_major(dtype, &[u, 4 * u], 3));
        let bias = Operand::row_major(dtype, &[4 * u], 4);
        run(sweep, &FusedOp::Lstm, &[&x, &w, &r, &bias, &state(5), &state(6)], 2);
        let (w, r) = (Operand::row_major(dtype, &[f, 3 * u], 2), Operand::row_major(dtype, &[u, 3 * u], 3));
        let bias = Operand::row_major(dtype, &[2, 3 * u], 4);
        run(sweep, &FusedOp::Gru, &[&x, &w, &r, &bias, &state(5)], 1);
    }
}

fn optimizers(sweep: &mut Sweep, dtype: DType, n: usize) {
    let ops = [
        OptimizerOp::Sgd { momentum: 0.0, nesterov: false },
        OptimizerOp::Sgd { momentum: 0.9, nesterov: true },
        OptimizerOp::RmsProp { rho: 0.9, momentum: 0.5, epsilon: EPSILON, centered: true },
        OptimizerOp::Adagrad { epsilon: EPSILON },
        OptimizerOp::Adadelta { rho: 0.95, epsilon: EPSILON },
        OptimizerOp::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: EPSILON, amsgrad: false, step: 1 },
        OptimizerOp::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: EPSILON, amsgrad: true, step: 1 },
        OptimizerOp::Adamax { beta_1: 0.9, beta_2: 0.999, epsilon: EPSILON, step: 1 },
        OptimizerOp::Nadam { beta_1: 0.9, beta_2: 0.999, epsilon: EPSILON, step: 1, u_product: 1.0 },
        OptimizerOp::Lion { beta_1: 0.9, beta_2: 0.99 },
    ];
    let gradient = Operand::row_major(dtype, &[n], 3);
    for op in ops {
        let mut value = Operand::row_major(dtype, &[n], 1);
        let mut slots: Vec<_> = (0..slot_count(&op)).map(|i| Operand::row_major(dtype, &[n], i)).collect();
        let mut parameters = [Parameter {
            value: &mut value.buffer,
            slots: slots.iter_mut().map(|slot| &mut slot.buffer).collect(),
            gradient: gradient.view(),
            decay: 0.01,
            learning_rate: 0.1,
        }];
        sweep.case(|| format!("{op:?} {dtype} {n}"), || Cpu.optimizer_step(&op, dtype, &mut parameters));
    }
}
