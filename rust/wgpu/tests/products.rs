//! Products beside the CPU's: batches, deep products in parts, integers; and that results repeat bit for bit.

mod common;

use common::{Twin, read, spread};
use corten_core::{Backend, ConvSpec, DType, Dims, Layout, View};
use corten_cpu::Cpu;
use corten_wgpu::Gpu;

fn floats(gpu: &Gpu, shape: &[usize], salt: usize) -> Twin {
    let values: Vec<f32> = spread(shape.iter().product::<usize>() + salt, -1.0, 1.0).split_off(salt);
    Twin::new(gpu, &values, shape)
}

fn product(gpu: &Gpu, a: &Twin, b: &Twin, shape: &[usize]) {
    let len = shape.iter().product();
    let found = gpu.matmul(a.on_gpu(), b.on_gpu()).expect("matmul");
    let expected = Cpu.matmul(a.on_cpu(), b.on_cpu()).expect("matmul");
    let (found, expected) = (read(gpu, &found, len, a.dtype), read(&Cpu, &expected, len, a.dtype));
    if a.dtype != DType::F32 {
        assert_eq!(found, expected, "{shape:?}");
        return;
    }
    let depth = *a.layout.shape().last().expect("a matrix") as f32;
    for (i, (x, y)) in common::floats(&found).iter().zip(common::floats(&expected)).enumerate() {
        assert!((x - y).abs() <= 1e-6 * depth.max(10.0), "{shape:?}: element {i} is {x}, the CPU gives {y}");
    }
}

/// The same numbers in float16, on both devices.
fn halves(gpu: &Gpu, x: &Twin) -> Twin {
    Twin {
        gpu: gpu.cast(x.on_gpu(), DType::F16).expect("cast"),
        cpu: Cpu.cast(x.on_cpu(), DType::F16).expect("cast"),
        layout: Layout::contiguous(x.layout.shape()),
        dtype: DType::F16,
    }
}

/// Beside the CPU's, of which each element may be the next number.
fn assert_halves_agree(gpu: &Gpu, found: &corten_wgpu::Buffer, expected: &corten_cpu::Buffer, shape: &[usize]) {
    let layout = Layout::contiguous(shape);
    let [found, expected] = [
        read(
            gpu,
            &gpu.cast(View { buffer: found, layout: &layout, dtype: DType::F16 }, DType::F32).expect("cast"),
            layout.len(),
            DType::F32,
        ),
        read(
            &Cpu,
            &Cpu.cast(View { buffer: expected, layout: &layout, dtype: DType::F16 }, DType::F32).expect("cast"),
            layout.len(),
            DType::F32,
        ),
    ];
    for (i, (x, y)) in common::floats(&found).iter().zip(common::floats(&expected)).enumerate() {
        assert!((x - y).abs() <= 2e-3 * y.abs().max(0.1), "{shape:?}: element {i} is {x}, the CPU gives {y}");
    }
}

#[test]
fn products_of_float16() {
    let Some(gpu) = common::gpu() else { return };
    if !gpu.supports(DType::F16) {
        eprintln!("SKIPPED: this GPU has no float16");
        return;
    }
    // Whoever asks for matrix units wants them tested.
    assert!(gpu.has_matrix_units() || std::env::var_os("CORTEN_GPU_COOPERATIVE_MATRIX").is_none());
    for (batch, m, k, n) in [(1, 1, 70, 5), (2, 70, 33, 130), (1, 129, 257, 200), (3, 64, 64, 192), (1, 200, 8, 150)] {
        let (a, b) = (floats(&gpu, &[batch, m, k], 1), floats(&gpu, &[batch, k, n], 2));
        let (mut a, mut b) = (halves(&gpu, &a), halves(&gpu, &b));
        let shape = [batch, m, n];
        let found = gpu.matmul(a.on_gpu(), b.on_gpu()).expect("matmul");
        assert_halves_agree(&gpu, &found, &Cpu.matmul(a.on_cpu(), b.on_cpu()).expect("matmul"), &shape);
        // Turned over: (b^T a^T)^T.
        a.layout = a.layout.permute(&[0, 2, 1]);
        b.layout = b.layout.permute(&[0, 2, 1]);
        let found = gpu.matmul(b.on_gpu(), a.on_gpu()).expect("matmul");
        assert_halves_agree(&gpu, &found, &Cpu.matmul(b.on_cpu(), a.on_cpu()).expect("matmul"), &[batch, n, m]);
    }
    let spec = ConvSpec {
        strides: Dims::from_slice(&[2, 1]),
        padding: [(1, 1), (1, 1)].into_iter().collect(),
        dilation: Dims::from_slice(&[1, 1]),
        groups: 1,
    };
    let (x, w) = (floats(&gpu, &[2, 31, 18, 20], 1), floats(&gpu, &[3, 3, 20, 70], 2));
    let (x, w) = (halves(&gpu, &x), halves(&gpu, &w));
    let out = [2, 16, 18, 70];
    let found = gpu.conv(&spec, x.on_gpu(), w.on_gpu(), &out).expect("conv");
    assert_halves_agree(&gpu, &found, &Cpu.conv(&spec, x.on_cpu(), w.on_cpu(), &out).expect("conv"), &out);
    let dy = halves(&gpu, &floats(&gpu, &out, 3));
    let of_x = [2, 31, 18, 20];
    let found = gpu.conv_grad_input(&spec, dy.on_gpu(), w.on_gpu(), &of_x).expect("conv_grad_input");
    let expected = Cpu.conv_grad_input(&spec, dy.on_cpu(), w.on_cpu(), &of_x).expect("conv_grad_input");
    assert_halves_agree(&gpu, &found, &expected, &of_x);
}

#[test]
fn more_batches_than_workgroups_of_an_axis() {
    let Some(gpu) = common::gpu() else { return };
    let batches = 70_000;
    product(&gpu, &floats(&gpu, &[batches, 1, 3], 1), &floats(&gpu, &[batches, 3, 2], 2), &[batches, 1, 2]);
}

#[test]
fn deep_products_in_parts() {
    let Some(gpu) = common::gpu() else { return };
    for (m, n) in [(1, 20), (20, 1), (20, 30), (1, 1)] {
        let depth = 2100;
        let (a, b) = (floats(&gpu, &[2, m, depth], 1), floats(&gpu, &[2, depth, n], 2));
        product(&gpu, &a, &b, &[2, m, n]);
        let integers = |len: usize| (0..len as i32).map(|i| i * 7919 % 201 - 100).collect::<Vec<_>>();
        let (a, b) =
            (Twin::new(&gpu, &integers(m * depth), &[m, depth]), Twin::new(&gpu, &integers(depth * n), &[depth, n]));
        product(&gpu, &a, &b, &[m, n]);
    }
}

#[test]
fn parts_of_larger_arrays() {
    let Some(gpu) = common::gpu() else { return };
    // Rows from the second on, every other column: no four elements lie as a vector.
    for (offset, step, columns) in [(40, 1, 40), (40, 1, 36), (41, 1, 36), (40, 2, 20), (79, -1, 40)] {
        let mut x = floats(&gpu, &[9, 40], 1);
        x.layout = Layout::new(Dims::from_slice(&[7, columns]), [40, step].into_iter().collect(), offset);
        product(&gpu, &x, &floats(&gpu, &[columns, 24], 2), &[7, 24]);
        x.layout = x.layout.permute(&[1, 0]);
        product(&gpu, &x, &floats(&gpu, &[7, 24], 3), &[columns, 24]);
    }
}

#[test]
fn results_repeat_bit_for_bit() {
    let Some(gpu) = common::gpu() else { return };
    let (a, b) = (floats(&gpu, &[20, 1500], 1), floats(&gpu, &[1500, 30], 2));
    let (x, dy) = (floats(&gpu, &[4, 20, 20, 6], 3), floats(&gpu, &[4, 18, 18, 8], 4));
    let spec = ConvSpec {
        strides: Dims::from_slice(&[1, 1]),
        padding: [(0, 0), (0, 0)].into_iter().collect(),
        dilation: Dims::from_slice(&[1, 1]),
        groups: 1,
    };
    let once = || {
        let product = gpu.matmul(a.on_gpu(), b.on_gpu()).expect("matmul");
        let gradient = gpu.conv_grad_weight(&spec, x.on_gpu(), dy.on_gpu(), &[3, 3, 6, 8]).expect("gradient");
        (read(&gpu, &product, 600, DType::F32), read(&gpu, &gradient, 432, DType::F32))
    };
    assert_eq!(once(), once());
}

#[test]
fn int8_products_are_refused() {
    let Some(gpu) = common::gpu() else { return };
    let x = floats(&gpu, &[2, 2], 1);
    let view = View { dtype: DType::I8, ..x.on_gpu() };
    let error = gpu.wide_matmul(view, view).expect_err("there is no kernel");
    assert!(error.to_string().contains("run it on device \"cpu\""), "{error}");
}
