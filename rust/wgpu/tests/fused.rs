//! Fused forms and their gradients beside the CPU's.

mod common;

use common::{floats, read, spread};
use corten_core::{
    Activation, AttentionSpec, Backend, ConvSpec, DType, Dims, DropoutSpec, Epilogue, FusedOp, Key, Layout, Op, Spec,
    View, infer,
};
use corten_cpu::Cpu;
use corten_wgpu::Gpu;

/// An operand by its layout.
struct Input {
    bytes: Vec<u8>,
    layout: Layout,
    dtype: DType,
}

/// Row-major numbers between -1.5 and 1.5, others for each `salt`.
fn numbers(shape: &[usize], salt: usize) -> Input {
    let len: usize = shape.iter().product();
    let values: Vec<f32> = spread(len + salt, -1.5, 1.5).split_off(salt);
    Input { bytes: common::bytes(&values), layout: Layout::contiguous(shape), dtype: DType::F32 }
}

/// The same with the last two axes in the other order in memory.
fn turned(shape: &[usize], salt: usize) -> Input {
    let mut stored = shape.to_vec();
    let last = stored.len() - 1;
    stored.swap(last - 1, last);
    let mut axes: Vec<usize> = (0..=last).collect();
    axes.swap(last - 1, last);
    let input = numbers(&stored, salt);
    Input { layout: input.layout.permute(&axes), ..input }
}

struct Found {
    outputs: Vec<Vec<f32>>,
    gradients: Vec<Option<Vec<f32>>>,
}

/// Outputs, and gradients for upstream ones of the outputs that are `graded`.
fn run<B: Backend>(backend: &B, op: &FusedOp, inputs: &[Input], graded: &[bool], needs: &[bool]) -> Found {
    let buffers: Vec<B::Buffer> =
        inputs.iter().map(|input| backend.upload(input.dtype, &input.bytes).expect("upload")).collect();
    let views: Vec<View<'_, B::Buffer>> = buffers
        .iter()
        .zip(inputs)
        .map(|(buffer, input)| View { buffer, layout: &input.layout, dtype: input.dtype })
        .collect();
    let outputs = backend.fused(op, &views).expect("no error").expect("a kernel");
    let specs: Vec<Spec> = inputs.iter().map(|input| Spec::new(input.layout.shape(), input.dtype)).collect();
    let specs = infer(&Op::Fused(op.clone()), &specs).expect("valid operands");
    let layouts: Vec<Layout> = specs.iter().map(|spec| Layout::contiguous(&spec.shape)).collect();
    let results: Vec<View<'_, B::Buffer>> =
        outputs.iter().zip(&layouts).map(|(buffer, layout)| View { buffer, layout, dtype: DType::F32 }).collect();
    let upstream: Vec<B::Buffer> = layouts
        .iter()
        .enumerate()
        .map(|(i, layout)| {
            let values: Vec<f32> = spread(layout.len() + 5 + i, -1.0, 1.0).split_off(5 + i);
            backend.upload(DType::F32, &common::bytes(&values)).expect("upload")
        })
        .collect();
    let grads: Vec<Option<View<'_, B::Buffer>>> = upstream
        .iter()
        .zip(&layouts)
        .enumerate()
        .map(|(i, (buffer, layout))| {
            graded.get(i).copied().unwrap_or(false).then_some(View { buffer, layout, dtype: DType::F32 })
        })
        .collect();
    let gradients = backend.fused_grad(op, &views, &results, &grads, needs).expect("no error").expect("a kernel");
    let values = |buffer: &B::Buffer, len: usize| floats(&read(backend, buffer, len, DType::F32));
    assert_eq!(gradients.len(), inputs.len(), "{op:?}: one gradient per input");
    Found {
        outputs: outputs.iter().zip(&layouts).map(|(buffer, layout)| values(buffer, layout.len())).collect(),
        gradients: gradients
            .iter()
            .zip(inputs)
            .map(|(gradient, input)| gradient.as_ref().map(|buffer| values(buffer, input.layout.len())))
            .collect(),
    }
}

fn close(what: &str, found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1.0f32, |scale, value| scale.max(value.abs()));
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        let same = (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * scale;
        assert!(same, "{what}: element {i} is {a}, the CPU gives {b}");
    }
}

fn check_graded(gpu: &Gpu, op: &FusedOp, inputs: &[Input], graded: &[bool]) {
    let needs: Vec<bool> = inputs.iter().map(|input| input.dtype == DType::F32).collect();
    let found = run(gpu, op, inputs, graded, &needs);
    let expected = run(&Cpu, op, inputs, graded, &needs);
    let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.layout.shape()).collect();
    for (i, (found, expected)) in found.outputs.iter().zip(&expected.outputs).enumerate() {
        close(&format!("{op:?} of {shapes:?}, output {i}"), found, expected, 1e-5);
    }
    for (i, needed) in needs.iter().enumerate() {
        let what = format!("{op:?} of {shapes:?}, gradient {i}");
        match (&found.gradients[i], &expected.gradients[i]) {
            (Some(found), Some(expected)) => close(&what, found, expected, 2e-5),
            (found, _) => assert!(found.is_none() && !needed, "{what} is missing"),
        }
    }
}

fn check(gpu: &Gpu, op: &FusedOp, inputs: &[Input]) {
    check_graded(gpu, op, inputs, &[true]);
}

#[test]
fn softmax_and_losses() {
    let Some(gpu) = common::gpu() else { return };
    for len in [1, 10, 70, 1100] {
        let shape = [3, 5, len];
        check(&gpu, &FusedOp::Softmax { axis: 2 }, &[numbers(&shape, 1)]);
        check(&gpu, &FusedOp::LogSoftmax { axis: 2 }, &[turned(&shape, 1)]);
        check(&gpu, &FusedOp::CrossEntropy, &[numbers(&shape, 1), numbers(&shape, 2)]);
    }
    let labels: Vec<i32> = (0..15).map(|i| i * 7 % 11).collect();
    let labels = Input { bytes: common::bytes(&labels), layout: Layout::contiguous(&[3, 5]), dtype: DType::I32 };
    check(&gpu, &FusedOp::SparseCrossEntropy, &[numbers(&[3, 5, 11], 1), labels]);
    check(&gpu, &FusedOp::BinaryCrossEntropy, &[numbers(&[4, 300], 1), numbers(&[4, 300], 2)]);
}

#[test]
fn a_label_out_of_range_is_raised() {
    let Some(gpu) = common::gpu() else { return };
    let x = gpu.upload(DType::F32, &common::bytes(&[0.0f32; 6])).expect("upload");
    let y = gpu.upload(DType::I32, &common::bytes(&[0i32, -1])).expect("upload");
    let (of_x, of_y) = (Layout::contiguous(&[2, 3]), Layout::contiguous(&[2]));
    let inputs =
        [View { buffer: &x, layout: &of_x, dtype: DType::F32 }, View { buffer: &y, layout: &of_y, dtype: DType::I32 }];
    gpu.fused(&FusedOp::SparseCrossEntropy, &inputs).expect("queued").expect("a kernel");
    let error = gpu.synchronize().expect_err("a negative label");
    assert!(error.to_string().contains("sparse_cross_entropy: index -1 is out of range"), "{error}");
}

#[test]
fn norms() {
    let Some(gpu) = common::gpu() else { return };
    for (scale, offset) in [(false, false), (true, true), (true, false)] {
        let vectors = |len: usize| {
            let mut all = Vec::new();
            if scale {
                all.push(numbers(&[len], 3));
            }
            if offset {
                all.push(numbers(&[len], 4));
            }
            all
        };
        let with = |x: Input, len: usize| std::iter::once(x).chain(vectors(len)).collect::<Vec<_>>();
        for len in [6, 1500] {
            let op = FusedOp::LayerNorm { axes: 1, epsilon: 1e-3, scale, offset };
            check(&gpu, &op, &with(numbers(&[4, 9, len], 1), len));
        }
        let op = FusedOp::GroupNorm { groups: 3, epsilon: 1e-3, scale, offset };
        check(&gpu, &op, &with(numbers(&[2, 5, 7, 12], 1), 12));
        let op = FusedOp::BatchNorm { epsilon: 1e-3, scale, offset };
        check(&gpu, &op, &with(numbers(&[300, 7], 1), 7));
        check_graded(&gpu, &op, &with(turned(&[6, 5, 40], 1), 40), &[true, true, true]);
    }
    for scale in [false, true] {
        let op = FusedOp::RmsNorm { axes: 1, epsilon: 1e-6, scale };
        let mut inputs = vec![numbers(&[40, 33], 1)];
        inputs.extend(scale.then(|| numbers(&[33], 2)));
        check(&gpu, &op, &inputs);
    }
}

#[test]
fn products_with_endings() {
    let Some(gpu) = common::gpu() else { return };
    for activation in Activation::ALL.iter().copied() {
        check(&gpu, &FusedOp::BiasActivation(activation), &[numbers(&[5, 6, 7], 1), numbers(&[7], 2)]);
        let epilogue = Epilogue { recorded: true, ..Epilogue::new(activation) };
        check(&gpu, &FusedOp::Linear(epilogue), &[numbers(&[3, 9, 20], 1), turned(&[20, 33], 2), numbers(&[33], 3)]);
        // A deep product of few tiles, in parts.
        check(&gpu, &FusedOp::Linear(epilogue), &[numbers(&[4, 1040], 1), numbers(&[1040, 20], 2), numbers(&[20], 3)]);
        let epilogue = Epilogue { scale: 0.5, residual: true, ..epilogue };
        let inputs = [numbers(&[1, 40], 1), numbers(&[40, 8], 2), numbers(&[8], 3), numbers(&[1, 8], 4)];
        check(&gpu, &FusedOp::Linear(epilogue), &inputs);
        for (groups, inner) in [(1, 4), (4, 1)] {
            let spec = ConvSpec {
                strides: Dims::from_slice(&[2, 1]),
                padding: [(1, 1), (0, 1)].into_iter().collect(),
                dilation: Dims::from_slice(&[1, 1]),
                groups,
            };
            let inputs =
                [numbers(&[2, 9, 8, 4], 1), numbers(&[3, 2, inner, 8], 2), numbers(&[8], 3), numbers(&[2, 5, 8, 8], 4)];
            check(&gpu, &FusedOp::ConvBias { spec, epilogue }, &inputs);
        }
    }
}

#[test]
fn large_tiles() {
    let Some(gpu) = common::gpu() else { return };
    let epilogue = Epilogue::new(Activation::Relu);
    for (m, k, n) in [(130, 40, 129), (70, 300, 70), (1500, 9, 1500)] {
        let x = || numbers(&[m, k], 1);
        for w in [numbers(&[k, n], 2), turned(&[k, n], 2)] {
            check(&gpu, &FusedOp::Linear(epilogue), &[x(), w, numbers(&[n], 3)]);
        }
    }
}

#[test]
fn dropout_draws_the_same_mask() {
    let Some(gpu) = common::gpu() else { return };
    let key = Key { seed: 7 << 33, stream: 1 << 40 | 5 };
    for len in [1, 3, 1001] {
        check(&gpu, &FusedOp::Dropout(DropoutSpec { rate: 0.3, key }), &[numbers(&[len], 1)]);
    }
}

#[test]
fn attention() {
    let Some(gpu) = common::gpu() else { return };
    // (queries, keys, width, width of values, causal, mask)
    let cases = [
        (1, 40, 8, 8, false, None),
        (5, 3, 4, 70, true, Some(DType::Bool)),
        (70, 90, 20, 12, false, Some(DType::F32)),
        (70, 90, 20, 12, true, None),
        (90, 70, 8, 16, true, Some(DType::Bool)),
    ];
    for (t, s, width, value_width, causal, mask) in cases {
        let (b, n) = (2, 3);
        let mut inputs =
            vec![numbers(&[b, t, n, width], 1), turned(&[b, s, n, width], 2), numbers(&[b, s, n, value_width], 3)];
        if mask == Some(DType::Bool) {
            // The first key is allowed, so that every query has one.
            let bytes: Vec<u8> = (0..b * t * s).map(|i| u8::from(i % s == 0 || i * 5 % 3 > 0)).collect();
            let layout = Layout::contiguous(&[b, 1, t, s]);
            inputs.push(Input { bytes, layout, dtype: DType::Bool });
        } else if mask.is_some() {
            inputs.push(numbers(&[1, n, 1, s], 4));
        }
        let needs: Vec<bool> = (0..inputs.len()).map(|i| i < 3).collect();
        for dropout in [None, Some(DropoutSpec { rate: 0.3, key: Key { seed: 7, stream: 1 << 40 } })] {
            let op = FusedOp::Attention(AttentionSpec { scale: 0.3, causal, mask: mask.is_some(), dropout });
            let [found, expected] =
                [run(&gpu, &op, &inputs, &[true], &needs), run(&Cpu, &op, &inputs, &[true], &needs)];
            let what = format!("{op:?} {t}x{s}, {width} and {value_width} channels");
            close(&what, &found.outputs[0], &expected.outputs[0], 1e-5);
            for i in 0..3 {
                let both = [&found.gradients[i], &expected.gradients[i]];
                let [found, expected] = both.map(|gradient| gradient.as_ref().expect("a gradient"));
                close(&format!("{what}, gradient {i}"), found, expected, 2e-5);
            }
        }
    }
}

#[test]
fn attention_to_nothing_weighs_all_keys_alike() {
    let Some(gpu) = common::gpu() else { return };
    let op = FusedOp::Attention(AttentionSpec { scale: 1.0, causal: true, mask: true, dropout: None });
    let mask = Input { bytes: vec![0; 20 * 20], layout: Layout::contiguous(&[1, 1, 20, 20]), dtype: DType::Bool };
    let shape = [1, 20, 2, 8];
    let inputs = [numbers(&shape, 1), numbers(&shape, 2), numbers(&shape, 3), mask];
    let needs = [true, true, true, false];
    let (found, expected) = (run(&gpu, &op, &inputs, &[true], &needs), run(&Cpu, &op, &inputs, &[true], &needs));
    close("no key allowed", &found.outputs[0], &expected.outputs[0], 1e-5);
}

#[test]
fn recurrent_layers() {
    let Some(gpu) = common::gpu() else { return };
    for (samples, steps, features, units) in [(3, 5, 4, 6), (1, 1, 3, 8), (20, 3, 5, 17)] {
        let x = || numbers(&[samples, steps, features], 1);
        let state = |salt: usize| numbers(&[samples, units], salt);
        let inputs = [
            x(),
            numbers(&[features, 4 * units], 2),
            turned(&[units, 4 * units], 3),
            numbers(&[4 * units], 4),
            state(5),
            state(6),
        ];
        check_graded(&gpu, &FusedOp::Lstm, &inputs, &[true, false, false]);
        check_graded(&gpu, &FusedOp::Lstm, &inputs, &[true, true, false]);
        let inputs = [
            x(),
            numbers(&[features, 3 * units], 2),
            turned(&[units, 3 * units], 3),
            numbers(&[2, 3 * units], 4),
            state(5),
        ];
        check_graded(&gpu, &FusedOp::Gru, &inputs, &[true, false, false]);
    }
}
