//! The same bits on any number of threads: every kernel whose sums are cut into parts, run on one,
//! two and three threads. In a process of its own, because the number of threads is global.

use corten_core::{
    Activation, AttentionSpec, Backend, ConvSpec, DType, Dims, DropoutSpec, Epilogue, FusedOp, Key, Layout, Padding,
    PoolSpec, Result, View,
};
use corten_cpu::{Buffer, Cpu, parallel};

/// Numbers of several magnitudes, so that another order of summation shows.
fn tensor(shape: &[usize]) -> (Buffer, Layout) {
    let len: usize = shape.iter().product();
    let value = |i: usize| ((i * 7919) % 1013) as f32 / 97.0 * if i.is_multiple_of(5) { 1e-3 } else { -1.0 } + 3.0;
    let values: Vec<f32> = (0..len).map(value).collect();
    (Buffer::from_slice(&values).expect("memory"), Layout::contiguous(shape))
}

fn view((buffer, layout): &(Buffer, Layout)) -> View<'_, Buffer> {
    View { buffer, layout, dtype: DType::F32 }
}

/// Runs `work` on one, two and three threads and compares all results.
fn same_bits(what: &str, work: impl Fn() -> Result<Vec<Buffer>>) {
    let mut first: Option<Vec<Vec<u8>>> = None;
    for threads in [1, 2, 3] {
        parallel::set_num_threads(threads);
        let got: Vec<Vec<u8>> = work().expect(what).iter().map(|buffer| buffer.as_bytes().to_vec()).collect();
        match &first {
            Some(first) => assert!(*first == got, "{what}: {threads} threads give other bits than one"),
            None => first = Some(got),
        }
    }
}

fn fused(op: &FusedOp, inputs: &[&(Buffer, Layout)], output_shapes: &[&[usize]], graded: &[bool]) {
    let inputs: Vec<_> = inputs.iter().map(|x| view(x)).collect();
    let outputs = Cpu.fused(op, &inputs).expect("no error").expect("a kernel");
    let outputs: Vec<_> =
        outputs.into_iter().zip(output_shapes).map(|(y, shape)| (y, Layout::contiguous(shape))).collect();
    let upstream: Vec<_> = output_shapes.iter().map(|shape| tensor(shape)).collect();
    let grads: Vec<_> = upstream.iter().zip(graded).map(|(grad, graded)| graded.then(|| view(grad))).collect();
    let outputs: Vec<_> = outputs.iter().map(view).collect();
    same_bits(op.name(), || Ok(Cpu.fused(op, &inputs)?.expect("a kernel")));
    same_bits(&format!("gradient of {}", op.name()), || {
        let results = Cpu.fused_grad(op, &inputs, &outputs, &grads, &vec![true; inputs.len()])?;
        Ok(results.expect("a kernel").into_iter().flatten().collect())
    });
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    for (m, k, n) in [(300, 700, 90), (5, 9000, 7), (60, 20_000, 50), (1, 3000, 3000), (3000, 3000, 1)] {
        let (a, b) = (tensor(&[m, k]), tensor(&[k, n]));
        same_bits("matmul", || Ok(vec![Cpu.matmul(view(&a), view(&b))?]));
    }
    for (groups, channels_in, channels_out) in [(1, 1, 32), (1, 24, 40), (2, 16, 16), (48, 48, 48)] {
        let spec = ConvSpec {
            strides: Dims::from_slice(&[1, 2]),
            padding: Padding::from_slice(&[(1, 1), (0, 1)]),
            dilation: Dims::from_slice(&[1, 1]),
            groups,
        };
        let (x, w) = (tensor(&[9, 20, 21, channels_in]), tensor(&[3, 3, channels_in / groups, channels_out]));
        let dy = tensor(&[9, 20, 10, channels_out]);
        same_bits("conv", || {
            Ok(vec![
                Cpu.conv(&spec, view(&x), view(&w), dy.1.shape())?,
                Cpu.conv_grad_input(&spec, view(&dy), view(&w), x.1.shape())?,
                Cpu.conv_grad_weight(&spec, view(&x), view(&dy), w.1.shape())?,
            ])
        });
    }
    let spec = PoolSpec {
        window: Dims::from_slice(&[3, 3]),
        strides: Dims::from_slice(&[2, 2]),
        padding: Padding::from_slice(&[(1, 1), (1, 1)]),
        dilation: Dims::from_slice(&[1, 1]),
        count_padding: false,
    };
    let (x, dy) = (tensor(&[9, 20, 20, 70]), tensor(&[9, 10, 10, 70]));
    same_bits("pooling", || {
        Ok(vec![
            Cpu.max_pool_grad(&spec, view(&x), view(&dy))?,
            Cpu.avg_pool(&spec, view(&x), dy.1.shape())?,
            Cpu.avg_pool_grad(&spec, view(&dy), x.1.shape())?,
        ])
    });

    let shape = [9usize, 20, 20, 70];
    let channels = tensor(&[70]);
    let operands = [&x, &channels, &channels];
    let (epsilon, scale, offset) = (1e-3, true, true);
    fused(&FusedOp::LayerNorm { axes: 1, epsilon, scale, offset }, &operands, &[&shape], &[true]);
    fused(&FusedOp::RmsNorm { axes: 1, epsilon, scale }, &operands[..2], &[&shape], &[true]);
    fused(&FusedOp::BatchNorm { epsilon, scale, offset }, &operands, &[&shape, &[70], &[70]], &[true, true, false]);
    fused(&FusedOp::GroupNorm { groups: 7, epsilon, scale, offset }, &operands, &[&shape], &[true]);
    fused(&FusedOp::Softmax { axis: 3 }, &operands[..1], &[&shape], &[true]);
    fused(&FusedOp::BiasActivation(Activation::Tanh), &operands[..2], &[&shape], &[true]);
    for activation in [Activation::Relu, Activation::Gelu] {
        let epilogue = Epilogue { recorded: true, ..Epilogue::new(activation) };
        let graded = [true, false];
        let graded = if epilogue.gives_product() { &graded[..] } else { &graded[..1] };
        let (w, vector) = (tensor(&[70, 90]), tensor(&[90]));
        let shape: &[usize] = &[9, 20, 20, 90];
        fused(&FusedOp::Linear(epilogue), &[&x, &w, &vector], &[shape, shape][..graded.len()], graded);
        let spec = ConvSpec {
            strides: Dims::from_slice(&[1, 1]),
            padding: Padding::from_slice(&[(1, 1), (1, 1)]),
            dilation: Dims::from_slice(&[1, 1]),
            groups: 1,
        };
        let w = tensor(&[3, 3, 70, 90]);
        let op = FusedOp::ConvBias { spec, epilogue };
        fused(&op, &[&x, &w, &vector], &[shape, shape][..graded.len()], graded);
    }
    fused(
        &FusedOp::Dropout(DropoutSpec { rate: 0.4, key: Key { seed: 3, stream: 5 } }),
        &operands[..1],
        &[&shape],
        &[true],
    );
    fused(&FusedOp::CrossEntropy, &[&x, &x], &[&shape[..3]], &[true]);

    let (b, t, f, u) = (19, 11, 30, 40);
    let small = |shape: &[usize]| {
        let (mut buffer, layout) = tensor(shape);
        buffer.as_mut_slice::<f32>().iter_mut().for_each(|value| *value = (*value - 3.0) * 0.02);
        (buffer, layout)
    };
    let (sequence, state) = (small(&[b, t, f]), small(&[b, u]));
    let lstm = [small(&[f, 4 * u]), small(&[u, 4 * u]), small(&[4 * u])];
    let inputs = [&sequence, &lstm[0], &lstm[1], &lstm[2], &state, &state];
    fused(&FusedOp::Lstm, &inputs, &[&[b, t, u], &[b, t, u], &[b, t, 4 * u]], &[true, true, false]);
    let gru = [small(&[f, 3 * u]), small(&[u, 3 * u]), small(&[2, 3 * u])];
    let inputs = [&sequence, &gru[0], &gru[1], &gru[2], &state];
    fused(&FusedOp::Gru, &inputs, &[&[b, t, u], &[b, t, 3 * u], &[b, t, u]], &[true, false, false]);

    let heads = small(&[2, 150, 3, 16]);
    for dropout in [None, Some(DropoutSpec { rate: 0.2, key: Key { seed: 3, stream: 5 } })] {
        let op = FusedOp::Attention(AttentionSpec { scale: 0.25, causal: true, mask: false, dropout });
        fused(&op, &[&heads, &heads, &heads], &[&[2, 150, 3, 16]], &[true]);
    }
}
