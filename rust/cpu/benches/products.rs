//! Matrix products, convolutions and recurrent layers without Python:
//! `cargo bench -p corten-cpu --bench products [PREFIX ...]`.
//! Prints the fastest and the median time and the arithmetic of the fastest in GFLOP/s.

#![allow(clippy::print_stdout)]

use std::time::Instant;

use corten_core::{Activation, Backend as _, ConvSpec, DType, Epilogue, FusedOp, Layout, View};
use corten_cpu::{Buffer, Cpu};

fn filled(len: usize) -> Buffer {
    let values: Vec<f32> = (0..len).map(|i| (i * 7919 % 1013) as f32 / 1013.0 - 0.5).collect();
    Buffer::from_slice(&values).expect("memory")
}

fn measure(name: &str, operations: f64, wanted: &[String], mut run: impl FnMut()) {
    if !wanted.is_empty() && !wanted.iter().any(|prefix| name.starts_with(prefix.as_str())) {
        return;
    }
    let mut times = Vec::new();
    let begin = Instant::now();
    while times.len() < 5 || (begin.elapsed().as_millis() < 300 && times.len() < 3000) {
        let start = Instant::now();
        run();
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let (fastest, median) = (times[0], times[times.len() / 2]);
    println!(
        "{name:44} {:9.1} us, median {:9.1} us, {:6.1} GFLOP/s",
        fastest * 1e6,
        median * 1e6,
        operations / fastest / 1e9
    );
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let dtype = DType::F32;
    for (rows, depth, columns) in [
        (64, 64, 64),
        (128, 784, 256),
        (784, 128, 256),
        (128, 128, 256),
        (256, 256, 256),
        (97, 1023, 511),
        (1024, 384, 384),
        (1024, 384, 1536),
        (1024, 1536, 384),
        (384, 1024, 1536),
        (1536, 1024, 384),
        (1024, 1024, 1024),
        (2048, 2048, 2048),
        (1, 4096, 4096),
        (1, 784, 256),
    ] {
        let operations = 2.0 * (rows * depth * columns) as f64;
        let (a, b) = (filled(rows * depth), filled(depth * columns));
        let plain = |r: usize, c: usize| Layout::contiguous(&[r, c]);
        let turned = |r: usize, c: usize| Layout::contiguous(&[c, r]).permute(&[1, 0]);
        for (kind, left, right) in [
            ("nn", plain(rows, depth), plain(depth, columns)),
            ("tn", turned(rows, depth), plain(depth, columns)),
            ("nt", plain(rows, depth), turned(depth, columns)),
        ] {
            let (left, right) = (View { buffer: &a, layout: &left, dtype }, View { buffer: &b, layout: &right, dtype });
            measure(&format!("matmul_{kind}_{rows}x{depth}x{columns}"), operations, &wanted, || {
                drop(Cpu.matmul(left, right).expect("a product"));
            });
        }
    }
    for (depth, columns) in [(784, 256), (256, 128), (512, 512), (1024, 1024), (384, 1536), (1536, 384), (768, 3072)] {
        for rows in [1, 2, 4, 8, 16, 32, 48, 64, 128, 256] {
            let operations = 2.0 * (rows * depth * columns) as f64;
            let buffers = [filled(rows * depth), filled(depth * columns), filled(columns)];
            let layouts = [&[rows, depth][..], &[depth, columns], &[columns]].map(Layout::contiguous);
            let inputs: [View<'_, Buffer>; 3] =
                std::array::from_fn(|i| View { buffer: &buffers[i], layout: &layouts[i], dtype });
            for (kind, recorded) in [("in_place", true), ("kept", false)] {
                let op = FusedOp::Linear(Epilogue { recorded, ..Epilogue::new(Activation::Relu) });
                measure(&format!("linear_{kind}_{rows}x{depth}x{columns}"), operations, &wanted, || {
                    drop(Cpu.fused(&op, &inputs).expect("a product"));
                });
            }
        }
    }
    for (n, size, channels, out, kernel, stride) in [
        (32, 28, 1, 32, 3, 1),
        (32, 13, 32, 64, 3, 1),
        (32, 5, 64, 64, 3, 1),
        (16, 34, 64, 64, 3, 1),
        (16, 18, 128, 128, 3, 1),
        (8, 56, 64, 256, 1, 1),
        (4, 230, 3, 64, 7, 2),
    ] {
        let spatial = (size - kernel) / stride + 1;
        let operations = 2.0 * (n * spatial * spatial * out * kernel * kernel * channels) as f64;
        let spec = ConvSpec {
            strides: [stride; 2].as_slice().into(),
            padding: [(0, 0); 2].as_slice().into(),
            dilation: [1; 2].as_slice().into(),
            groups: 1,
        };
        let (x_shape, w_shape) = ([n, size, size, channels], [kernel, kernel, channels, out]);
        let y_shape = [n, spatial, spatial, out];
        let [x, w, y] = [&x_shape, &w_shape, &y_shape].map(|shape| filled(shape.iter().product()));
        let layouts = [&x_shape, &w_shape, &y_shape].map(|shape| Layout::contiguous(shape));
        let view = |buffer, i: usize| View { buffer, layout: &layouts[i], dtype };
        let name = format!("{n}x{size}x{size}x{channels}_{out}_k{kernel}s{stride}");
        measure(&format!("conv_{name}"), operations, &wanted, || {
            drop(Cpu.conv(&spec, view(&x, 0), view(&w, 1), &y_shape).expect("a convolution"));
        });
        measure(&format!("conv_grad_input_{name}"), operations, &wanted, || {
            drop(Cpu.conv_grad_input(&spec, view(&y, 2), view(&w, 1), &x_shape).expect("a gradient"));
        });
        measure(&format!("conv_grad_weight_{name}"), operations, &wanted, || {
            drop(Cpu.conv_grad_weight(&spec, view(&x, 0), view(&y, 2), &w_shape).expect("a gradient"));
        });
    }
    for (op, name, gates, biases) in [(FusedOp::Lstm, "lstm", 4, 1), (FusedOp::Gru, "gru", 3, 2)] {
        let (b, t, f, u) = (32, 64, 64, 128);
        let wide = gates * u;
        let shapes: [&[usize]; 6] = [&[b, t, f], &[f, wide], &[u, wide], &[biases * wide], &[b, u], &[b, u]];
        let shapes = &shapes[..if gates == 4 { 6 } else { 5 }];
        let shapes: Vec<Layout> = shapes.iter().map(|shape| Layout::contiguous(shape)).collect();
        let buffers: Vec<Buffer> = shapes.iter().map(|layout| filled(layout.shape().iter().product())).collect();
        let inputs: Vec<_> =
            buffers.iter().zip(&shapes).map(|(buffer, layout)| View { buffer, layout, dtype }).collect();
        let forward = || Cpu.fused(&op, &inputs).expect("a layer").expect("a kernel");
        let operations = 2.0 * (b * t * wide * (f + u)) as f64;
        measure(&format!("{name}_{b}x{t}x{f}_{u}"), operations, &wanted, || drop(forward()));
        let outputs = forward();
        let lens = if gates == 4 { [u, u, wide] } else { [u, wide, u] };
        let layouts = lens.map(|len| Layout::contiguous(&[b, t, len]));
        let outputs: Vec<_> =
            outputs.iter().zip(&layouts).map(|(buffer, layout)| View { buffer, layout, dtype }).collect();
        let upstream = filled(b * t * u);
        let grads = [Some(View { buffer: &upstream, layout: &layouts[0], dtype }), None, None];
        let needs: Vec<bool> = (0..inputs.len()).map(|i| i > 0).collect();
        let operations = 2.0 * (b * t * wide * (f + 2 * u)) as f64;
        measure(&format!("{name}_grad_{b}x{t}x{f}_{u}"), operations, &wanted, || {
            drop(Cpu.fused_grad(&op, &inputs, &outputs, &grads, &needs).expect("a layer"));
        });
    }
}
