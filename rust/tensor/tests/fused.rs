//! Fused kernels against their reference compositions: values and gradients, float32 and float64.

use corten_core::{
    Activation, AttentionSpec, ConvSpec, DType, Dims, DropoutSpec, Epilogue, FusedOp, Key, Padding, Result,
};
use corten_tensor::{Tensor, autograd, fused, ops};

fn values(shape: &[usize], low: f64, high: f64, salt: usize, dtype: DType) -> Tensor {
    let n = shape.iter().product();
    let numbers: Vec<f64> =
        (0..n).map(|i| low + (high - low) * (((i * 7919 + salt * 104_729 + 13) % 9973) as f64 / 9973.0)).collect();
    Tensor::from_slice(&numbers, shape).and_then(|x| ops::cast(&x, dtype)).expect("values fill the shape")
}

fn numbers(x: &Tensor) -> Vec<f64> {
    ops::cast(&x.detach(), DType::F64).and_then(|x| x.to_vec::<f64>()).expect("numbers")
}

fn assert_close(what: &str, found: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(found.shape(), expected.shape(), "{what}");
    for (i, (a, b)) in numbers(found).iter().zip(numbers(expected)).enumerate() {
        let same = a.is_nan() && b.is_nan() || (a - b).abs() <= tolerance * (1.0 + b.abs());
        assert!(same, "{what}: element {i} is {a}, the reference gives {b}");
    }
}

/// Runs both and compares outputs, then the gradients of every float input for one upstream gradient.
fn compare(op: &FusedOp, inputs: &[Tensor], outputs_with_gradient: usize) {
    let tolerance = if inputs[0].dtype() == DType::F64 { 1e-11 } else { 2e-5 };
    let run = |by_kernel: bool| -> Result<(Vec<Tensor>, Vec<Option<Tensor>>)> {
        let starts: Vec<Tensor> =
            inputs.iter().map(|x| if x.dtype().is_float() { x.watched() } else { x.clone() }).collect();
        let outputs = if by_kernel {
            ops::fused(op.clone(), &starts.iter().collect::<Vec<_>>())?.into_vec()
        } else {
            fused::reference(op, &starts)?
        };
        let used = &outputs[..outputs_with_gradient];
        let upstream: Vec<Option<Tensor>> =
            used.iter().enumerate().map(|(i, y)| Some(values(y.shape(), -1.0, 1.0, i + 50, y.dtype()))).collect();
        let gradients = autograd::gradients(used, &upstream, &starts, false)?;
        Ok((outputs, gradients))
    };
    let name = format!("{} of {}", op.name(), inputs[0].dtype());
    let (found, found_gradients) = run(true).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (expected, expected_gradients) = run(false).unwrap_or_else(|error| panic!("{name}, reference: {error}"));
    for (i, (a, b)) in found.iter().zip(&expected).enumerate() {
        assert_close(&format!("{name}, output {i}"), a, b, tolerance);
    }
    for (i, (a, b)) in found_gradients.iter().zip(&expected_gradients).enumerate() {
        if let (Some(a), Some(b)) = (a, b) {
            assert_close(&format!("{name}, gradient of input {i}"), a, b, tolerance * 4.0);
        }
    }
}

#[test]
fn kernels_agree_with_their_references() {
    for dtype in [DType::F32, DType::F64] {
        let epsilon = 1e-3;
        for (rows, columns) in [(1, 1), (3, 7), (5, 16), (9, 65), (2, 300)] {
            let x = || values(&[rows, columns], -3.0, 3.0, 1, dtype);
            let vector = |salt| values(&[columns], 0.5, 1.5, salt, dtype);
            let labels: Vec<i64> = (0..rows).map(|i| (i * 5 % columns) as i64).collect();
            let labels = Tensor::from_slice(&labels, &[rows]).expect("labels");
            compare(&FusedOp::Softmax { axis: 1 }, &[x()], 1);
            compare(&FusedOp::Softmax { axis: 0 }, &[x()], 1);
            compare(&FusedOp::LogSoftmax { axis: 1 }, &[x()], 1);
            compare(&FusedOp::CrossEntropy, &[x(), values(&[rows, columns], 0.0, 1.0, 2, dtype)], 1);
            compare(&FusedOp::SparseCrossEntropy, &[x(), labels], 1);
            compare(&FusedOp::BinaryCrossEntropy, &[x(), values(&[rows, columns], 0.0, 1.0, 2, dtype)], 1);
            compare(
                &FusedOp::LayerNorm { axes: 1, epsilon, scale: true, offset: true },
                &[x(), vector(2), vector(3)],
                1,
            );
            compare(&FusedOp::LayerNorm { axes: 1, epsilon, scale: false, offset: true }, &[x(), vector(3)], 1);
            compare(&FusedOp::RmsNorm { axes: 1, epsilon, scale: true }, &[x(), vector(2)], 1);
            compare(&FusedOp::BatchNorm { epsilon, scale: true, offset: true }, &[x(), vector(2), vector(3)], 3);
            compare(&FusedOp::BatchNorm { epsilon, scale: false, offset: false }, &[x()], 1);
            compare(&FusedOp::Dropout(DropoutSpec { rate: 0.3, key: Key { seed: 1, stream: 2 } }), &[x()], 1);
            for &activation in Activation::ALL {
                compare(&FusedOp::BiasActivation(activation), &[x(), vector(2)], 1);
                let epilogue = Epilogue { recorded: true, ..Epilogue::new(activation) };
                let w = || values(&[columns, 6], -1.0, 1.0, 2, dtype);
                let bias = || values(&[6], -1.0, 1.0, 3, dtype);
                compare(&FusedOp::Linear(epilogue), &[x(), w(), bias()], 1);
                let residual = values(&[rows, 6], -1.0, 1.0, 4, dtype);
                let epilogue = Epilogue { scale: -0.7, residual: true, ..epilogue };
                compare(&FusedOp::Linear(epilogue), &[x(), w(), bias(), residual], 1);
            }
        }
        let image = || values(&[3, 5, 4, 6], -2.0, 2.0, 1, dtype);
        let vector = |salt| values(&[6], 0.5, 1.5, salt, dtype);
        let spec = ConvSpec {
            strides: Dims::from_slice(&[2, 1]),
            padding: Padding::from_slice(&[(1, 0), (0, 1)]),
            dilation: Dims::from_slice(&[1, 1]),
            groups: 2,
        };
        for &activation in Activation::ALL {
            let epilogue = Epilogue { recorded: true, ..Epilogue::new(activation) };
            let w = || values(&[2, 2, 3, 6], -1.0, 1.0, 2, dtype);
            compare(&FusedOp::ConvBias { spec: spec.clone(), epilogue }, &[image(), w(), vector(3)], 1);
            let epilogue = Epilogue { scale: 1.3, residual: true, ..epilogue };
            let residual = values(&[3, 3, 4, 6], -1.0, 1.0, 4, dtype);
            compare(&FusedOp::ConvBias { spec: spec.clone(), epilogue }, &[image(), w(), vector(3), residual], 1);
        }
        let group = FusedOp::GroupNorm { groups: 3, epsilon: 1e-3, scale: true, offset: true };
        compare(&group, &[image(), vector(2), vector(3)], 1);
        let batch = FusedOp::BatchNorm { epsilon: 1e-3, scale: true, offset: true };
        compare(&batch, &[image(), vector(2), vector(3)], 3);
    }
}

#[test]
fn recurrent_kernels_agree_with_their_references() {
    for dtype in [DType::F32, DType::F64] {
        for (b, t, f, u) in [(1, 1, 1, 1), (2, 5, 3, 4), (3, 4, 7, 17)] {
            let x = values(&[b, t, f], -1.0, 1.0, 1, dtype);
            let state = |salt| values(&[b, u], -1.0, 1.0, salt, dtype);
            let kernels = |gates: usize| {
                [values(&[f, gates * u], -0.5, 0.5, 2, dtype), values(&[u, gates * u], -0.5, 0.5, 3, dtype)]
            };
            let [kernel, recurrent] = kernels(4);
            let bias = values(&[4 * u], -0.5, 0.5, 4, dtype);
            compare(&FusedOp::Lstm, &[x.clone(), kernel, recurrent, bias, state(5), state(6)], 2);
            let [kernel, recurrent] = kernels(3);
            let bias = values(&[2, 3 * u], -0.5, 0.5, 4, dtype);
            compare(&FusedOp::Gru, &[x, kernel, recurrent, bias, state(5)], 1);
        }
    }
}

#[test]
fn attention_agrees_with_its_reference() {
    for dtype in [DType::F32, DType::F64] {
        for (b, t, s, n, h) in [(1, 1, 1, 1, 1), (2, 3, 5, 2, 4), (1, 70, 130, 2, 8), (2, 40, 40, 1, 16)] {
            let q = values(&[b, t, n, h], -1.0, 1.0, 1, dtype);
            let k = values(&[b, s, n, h], -1.0, 1.0, 2, dtype);
            let v = values(&[b, s, n, h + 1], -1.0, 1.0, 3, dtype);
            for causal in [false, true] {
                compare(
                    &FusedOp::Attention(AttentionSpec { scale: 0.4, causal, mask: false, dropout: None }),
                    &[q.clone(), k.clone(), v.clone()],
                    1,
                );
                let dropout = Some(DropoutSpec { rate: 0.3, key: Key { seed: 4, stream: 2 } });
                let dropping = FusedOp::Attention(AttentionSpec { scale: 0.4, causal, mask: false, dropout });
                compare(&dropping, &[q.clone(), k.clone(), v.clone()], 1);
                let bias = values(&[b, 1, t, s], -1.0, 1.0, 4, dtype);
                let with_mask = FusedOp::Attention(AttentionSpec { scale: 0.4, causal, mask: true, dropout: None });
                compare(&with_mask, &[q.clone(), k.clone(), v.clone(), bias], 1);
                // The last row may attend to nothing at all.
                let allowed: Vec<bool> = (0..t * s).map(|i| i % 3 != 1 && i / s + 1 < t.max(2)).collect();
                let mask = Tensor::from_slice(&allowed, &[t, s]).expect("mask");
                compare(&with_mask, &[q.clone(), k.clone(), v.clone(), mask], 1);
            }
        }
    }
}
