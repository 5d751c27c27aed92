//! How fused kernels are tested: values against a float64 reference, gradients against central
//! differences of that reference, in float32 and float64, with and without each upstream gradient.

use corten_core::{DType, Element, FusedOp, Layout};

use super::{fused, fused_grad};
use crate::{In, memory::Buffer};

/// Float inputs by shape, and further operands that follow them.
pub(super) struct Case {
    pub(super) shapes: Vec<Vec<usize>>,
    pub(super) values: Vec<Vec<f64>>,
    pub(super) extra: Vec<(Buffer, Layout, DType)>,
    /// Outputs that have an upstream gradient.
    pub(super) graded: Vec<bool>,
}

impl Case {
    pub(super) fn new(shapes: &[&[usize]]) -> Self {
        let values = shapes.iter().enumerate().map(|(seed, shape)| {
            let len: usize = shape.iter().product();
            // Spread over [-1.5, 1.5], all different.
            (0..len)
                .map(|i| ((i * 7919 + seed * 31 + 17) % 1009) as f64 / 1009.0 * (3.0 + 0.0123 * seed as f64) - 1.5)
                .collect()
        });
        Self {
            shapes: shapes.iter().map(|shape| shape.to_vec()).collect(),
            values: values.collect(),
            extra: Vec::new(),
            graded: Vec::new(),
        }
    }
}

fn cast<T: Element>(values: &[f64]) -> Buffer {
    Buffer::from_slice(&values.iter().map(|&value| T::from_f64(value)).collect::<Vec<T>>()).expect("memory")
}

fn compare<T: Element>(op: &FusedOp, what: &str, got: &Buffer, expected: &[f64], tolerance: f64) {
    let got = got.as_slice::<T>();
    assert_eq!(got.len(), expected.len(), "{op:?} {what}");
    let scale = expected.iter().fold(1.0f64, |scale, value| scale.max(value.abs()));
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let got = got.to_f64();
        let close = (got - expected).abs() <= tolerance * scale;
        assert!(close, "{op:?} {what} at {i} in {}: {got} != {expected}", T::DTYPE);
    }
}

/// The upstream gradient of an output in the tests.
fn upstream(output: usize, len: usize) -> Vec<f64> {
    (0..len).map(|i| ((i * 13 + output * 5) % 17) as f64 / 8.0 - 1.0).collect()
}

pub(super) fn check(op: &FusedOp, case: &Case, reference: impl Fn(&[Vec<f64>]) -> Vec<Vec<f64>>) {
    let outputs = reference(&case.values);
    let graded = |output: usize| case.graded.get(output).copied().unwrap_or(true);
    let weighted = |values: &[Vec<f64>]| -> f64 {
        let outputs = reference(values);
        let dot = |(i, output): (usize, &Vec<f64>)| {
            let g = upstream(i, output.len());
            if graded(i) { output.iter().zip(g).map(|(y, g)| y * g).sum() } else { 0.0 }
        };
        outputs.iter().enumerate().map(dot).sum()
    };
    let step = 1e-5;
    let mut values = case.values.clone();
    let mut slopes = Vec::new();
    for input in 0..values.len() {
        let mut slope = Vec::new();
        for i in 0..values[input].len() {
            let middle = values[input][i];
            values[input][i] = middle + step;
            let high = weighted(&values);
            values[input][i] = middle - step;
            let low = weighted(&values);
            values[input][i] = middle;
            slope.push((high - low) / (2.0 * step));
        }
        slopes.push(slope);
    }
    run::<f32>(op, case, &outputs, &slopes, 3e-5);
    run::<f64>(op, case, &outputs, &slopes, 1e-7);
    run::<corten_core::half::bf16>(op, case, &outputs, &slopes, 1e-1);
}

fn run<T: Element>(op: &FusedOp, case: &Case, expected: &[Vec<f64>], slopes: &[Vec<f64>], tolerance: f64) {
    let buffers: Vec<Buffer> = case.values.iter().map(|values| cast::<T>(values)).collect();
    let layouts: Vec<Layout> = case.shapes.iter().map(|shape| Layout::contiguous(shape)).collect();
    let mut inputs: Vec<In<'_>> =
        buffers.iter().zip(&layouts).map(|(buffer, layout)| In { buffer, layout, dtype: T::DTYPE }).collect();
    inputs.extend(case.extra.iter().map(|(buffer, layout, dtype)| In { buffer, layout, dtype: *dtype }));
    let outputs = fused(op, &inputs).expect("no error").expect("a kernel");
    assert_eq!(outputs.len(), expected.len());
    for (i, (got, expected)) in outputs.iter().zip(expected).enumerate() {
        compare::<T>(op, &format!("output {i}"), got, expected, tolerance);
    }
    let specs: Vec<_> = inputs.iter().map(|x| corten_core::Spec::new(x.layout.shape(), x.dtype)).collect();
    let specs = corten_core::infer(&corten_core::Op::Fused(op.clone()), &specs).expect("valid operands");
    let shapes: Vec<Layout> = specs.iter().map(|spec| Layout::contiguous(&spec.shape)).collect();
    let results: Vec<In<'_>> =
        outputs.iter().zip(&shapes).map(|(buffer, layout)| In { buffer, layout, dtype: T::DTYPE }).collect();
    let upstream: Vec<Buffer> =
        expected.iter().enumerate().map(|(i, output)| cast::<T>(&upstream(i, output.len()))).collect();
    let grads: Vec<Option<In<'_>>> = upstream
        .iter()
        .zip(&shapes)
        .enumerate()
        .map(|(i, (buffer, layout))| {
            let graded = case.graded.get(i).copied().unwrap_or(true);
            graded.then_some(In { buffer, layout, dtype: T::DTYPE })
        })
        .collect();
    let needs: Vec<bool> = inputs.iter().map(|x| x.dtype == T::DTYPE).collect();
    let got = fused_grad(op, &inputs, &results, &grads, &needs).expect("no error").expect("a kernel");
    assert_eq!(got.len(), inputs.len(), "{op:?}: one gradient per input");
    for (i, slope) in slopes.iter().enumerate() {
        compare::<T>(op, &format!("gradient {i}"), got[i].as_ref().expect("a gradient"), slope, tolerance);
    }
}
