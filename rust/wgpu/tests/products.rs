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
