//! Convolutions and their gradients against plain float64 loops.

use corten_core::{Dims, Layout, Padding};

use super::*;
use crate::matmul::Function;

struct Case {
    batch: usize,
    input: Vec<usize>,
    kernel: Vec<usize>,
    channels: (usize, usize),
    spec: ConvSpec,
}

fn case(
    batch: usize,
    input: &[usize],
    kernel: &[usize],
    channels: (usize, usize),
    strides: &[usize],
    padding: &[(usize, usize)],
    dilation: &[usize],
    groups: usize,
) -> Case {
    Case {
        batch,
        input: input.to_vec(),
        kernel: kernel.to_vec(),
        channels,
        spec: ConvSpec {
            strides: Dims::from_slice(strides),
            padding: Padding::from_slice(padding),
            dilation: Dims::from_slice(dilation),
            groups,
        },
    }
}

fn cases() -> Vec<Case> {
    let none = [(0, 0); 3];
    vec![
        case(2, &[7], &[3], (3, 5), &[1], &[(1, 1)], &[1], 1),
        case(2, &[11], &[4], (9, 6), &[2], &[(3, 0)], &[2], 3),
        case(3, &[8, 9], &[3, 3], (1, 32), &[1, 1], &none[..2], &[1, 1], 1),
        case(2, &[8, 9], &[3, 3], (3, 7), &[1, 1], &[(1, 1), (1, 1)], &[1, 1], 1),
        case(2, &[9, 8], &[3, 2], (16, 40), &[2, 3], &[(0, 1), (2, 1)], &[1, 1], 1),
        case(1, &[10, 11], &[2, 3], (20, 12), &[1, 1], &[(2, 3), (0, 4)], &[3, 2], 2),
        case(2, &[6, 6], &[1, 1], (13, 11), &[1, 1], &none[..2], &[1, 1], 1),
        case(2, &[6, 6], &[1, 1], (12, 8), &[1, 1], &none[..2], &[1, 1], 4),
        case(2, &[7, 6], &[1, 1], (5, 6), &[2, 2], &none[..2], &[1, 1], 1),
        case(1, &[4, 4], &[5, 5], (9, 4), &[3, 1], &[(4, 4), (2, 2)], &[1, 1], 1),
        case(2, &[5, 6, 7], &[2, 3, 2], (4, 6), &[1, 2, 1], &[(1, 0), (1, 1), (0, 2)], &[1, 1, 2], 2),
        case(2, &[9, 8], &[3, 3], (70, 70), &[1, 1], &[(1, 1), (1, 1)], &[1, 1], 70),
        case(2, &[9, 8], &[3, 3], (6, 18), &[2, 2], &[(0, 1), (1, 1)], &[1, 1], 6),
        case(1, &[12], &[3], (4, 4), &[3], &[(2, 2)], &[2], 4),
        case(4, &[30, 31], &[3, 3], (8, 24), &[1, 1], &[(1, 1), (1, 1)], &[1, 1], 1),
        case(2, &[20, 20], &[3, 3], (130, 36), &[1, 1], &none[..2], &[1, 1], 1),
        case(2, &[60, 60], &[3, 3], (1, 4), &[1, 1], &none[..2], &[1, 1], 1),
    ]
}

fn values(len: usize, seed: usize) -> Vec<f64> {
    (0..len).map(|i| ((i * 7919 + seed * 104_729) % 29) as f64 / 8.0 - 1.5).collect()
}

fn cast<T: Element>(values: &[f64]) -> Buffer {
    Buffer::from_slice(&values.iter().map(|&value| T::from_f64(value)).collect::<Vec<T>>()).expect("memory")
}

impl Case {
    fn shapes(&self) -> (Dims, Dims, Dims) {
        let output = corten_core::conv_output("conv", &self.spec, &self.input, &self.kernel).expect("it fits");
        let image = |spatial: &[usize], channels| -> Dims {
            std::iter::once(self.batch).chain(spatial.iter().copied()).chain([channels]).collect()
        };
        let mut kernel = Dims::from_slice(&self.kernel);
        kernel.extend([self.channels.0 / self.spec.groups, self.channels.1]);
        (image(&self.input, self.channels.0), kernel, image(&output, self.channels.1))
    }

    /// Calls `f(x index, w index, y index)` for every product of the convolution.
    fn for_products(&self, mut f: impl FnMut(usize, usize, usize)) {
        let (x, w, y) = self.shapes();
        let g = Geometry::new(&self.spec, &x, &w, &y);
        let cells = |sizes: [usize; 3]| {
            (0..sizes[0]).flat_map(move |a| (0..sizes[1]).flat_map(move |b| (0..sizes[2]).map(move |c| [a, b, c])))
        };
        let index = |sizes: [usize; 3], at: [usize; 3]| (at[0] * sizes[1] + at[1]) * sizes[2] + at[2];
        let volume = |sizes: [usize; 3]| sizes.iter().product::<usize>();
        for n in 0..g.batch {
            for o in cells(g.output) {
                for k in cells(g.kernel) {
                    let at: [isize; 3] = std::array::from_fn(|axis| {
                        (o[axis] * g.strides[axis] + k[axis] * g.dilation[axis]) as isize - g.before[axis] as isize
                    });
                    if (0..3).any(|axis| at[axis] < 0 || at[axis] >= g.input[axis] as isize) {
                        continue;
                    }
                    let at = at.map(|coordinate| coordinate as usize);
                    for co in 0..self.channels.1 {
                        let group = co / g.channels_out;
                        for ci in 0..g.channels_in {
                            f(
                                (n * volume(g.input) + index(g.input, at)) * self.channels.0
                                    + group * g.channels_in
                                    + ci,
                                (index(g.kernel, k) * g.channels_in + ci) * self.channels.1 + co,
                                (n * volume(g.output) + index(g.output, o)) * self.channels.1 + co,
                            );
                        }
                    }
                }
            }
        }
    }
}

fn close<T: Element>(got: &Buffer, expected: &[f64], tolerance: f64, what: &str) {
    let got = got.as_slice::<T>();
    assert_eq!(got.len(), expected.len());
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let got = got.to_f64();
        assert!((got - expected).abs() <= tolerance * (10.0 + expected.abs()), "{what} at {i}: {got} != {expected}");
    }
}

fn check<T: Element>(tolerance: f64) {
    for (number, case) in cases().iter().enumerate() {
        let (x, w, y) = case.shapes();
        let len = |shape: &Dims| shape.iter().product::<usize>();
        let (image, kernel, gradient) = (values(len(&x), 1), values(len(&w), 2), values(len(&y), 3));
        let (mut result, mut dx, mut dw) = (vec![0.0; len(&y)], vec![0.0; len(&x)], vec![0.0; len(&w)]);
        case.for_products(|i, k, o| {
            result[o] += image[i] * kernel[k];
            dx[i] += gradient[o] * kernel[k];
            dw[k] += gradient[o] * image[i];
        });
        let layouts = [&x, &w, &y].map(|shape| Layout::contiguous(shape));
        let buffers = [cast::<T>(&image), cast::<T>(&kernel), cast::<T>(&gradient)];
        let view = |i: usize| In { buffer: &buffers[i], layout: &layouts[i], dtype: T::DTYPE };
        let what = |name: &str| format!("case {number} {name} {}", T::DTYPE);
        close::<T>(&conv(&case.spec, view(0), view(1), &y).expect("conv"), &result, tolerance, &what("forward"));
        close::<T>(&conv_grad_input(&case.spec, view(2), view(1), &x).expect("conv"), &dx, tolerance, &what("input"));
        close::<T>(&conv_grad_weight(&case.spec, view(0), view(2), &w).expect("conv"), &dw, tolerance, &what("weight"));
    }
}

#[test]
fn float32_agrees() {
    check::<f32>(2e-5);
}

#[test]
fn float64_agrees() {
    check::<f64>(1e-13);
}

#[test]
fn half_precision_agrees() {
    check::<f16>(2e-2);
    check::<bf16>(2e-1);
}

#[test]
fn operands_of_any_layout() {
    let case = case(2, &[6, 5], &[3, 3], (4, 6), &[1, 1], &[(1, 1), (1, 1)], &[1, 1], 1);
    let (x, w, y) = case.shapes();
    let (image, kernel) = (values(x.iter().product(), 1), values(w.iter().product(), 2));
    // The same numbers as channels-first memory seen channels-last.
    let first = Layout::contiguous(&[x[0], x[3], x[1], x[2]]).permute(&[0, 2, 3, 1]);
    let mut dense = vec![0.0; image.len()];
    let mut at = 0;
    for n in 0..x[0] {
        for a in 0..x[1] {
            for b in 0..x[2] {
                for c in 0..x[3] {
                    let strides = first.strides();
                    let from = [n, a, b, c].iter().zip(strides).map(|(&i, &s)| i * s as usize).sum::<usize>();
                    dense[at] = image[from];
                    at += 1;
                }
            }
        }
    }
    let mut result = vec![0.0; y.iter().product()];
    case.for_products(|i, k, o| result[o] += dense[i] * kernel[k]);
    let (image, kernel) = (cast::<f32>(&image), cast::<f32>(&kernel));
    let got = conv(
        &case.spec,
        In { buffer: &image, layout: &first, dtype: DType::F32 },
        In { buffer: &kernel, layout: &Layout::contiguous(&w), dtype: DType::F32 },
        &y,
    )
    .expect("conv");
    close::<f32>(&got, &result, 1e-6, "channels first");
}

/// Tiles are the twin of what goes position by position: every tail of rows and columns, and every way to end.
#[test]
fn few_channels_have_the_bits_of_tiles() {
    let finish = |row: usize, first: usize, piece: &mut [f32]| {
        for (column, value) in piece.iter_mut().enumerate() {
            *value = *value * 0.3 + (row * 7 + first + column) as f32;
        }
    };
    for (number, (length, columns)) in (1..=40).flat_map(|n| [(n, 5), (9, n), (n, n)]).enumerate() {
        let (channels, stride, dilation) = (1 + number % 3, 1 + number % 2, 1 + number % 4 / 3);
        let input = [3 + number % 3, (length - 1) * stride + 2 * dilation + 1];
        let steps = ([1, stride], [1, dilation]);
        let case = case(2, &input, &[2, 3], (channels, columns), &steps.0, &[(0, 0); 2], &steps.1, 1);
        let (x, w, y) = case.shapes();
        let numbers = |len: usize, seed: f64| -> Vec<f32> {
            (0..len).map(|i| (((i + 1) as f64 * seed).sin() * 3.0) as f32).collect()
        };
        let (image, weights) = (numbers(x.iter().product(), 0.7), numbers(w.iter().product(), 1.3));
        let bias = numbers(columns, 2.1);
        let g = Geometry::new(&case.spec, &x, &w, &y);
        let grid = g.reading();
        if !few_channels::is_for::<f32, f32>(&g, &grid) {
            assert_eq!(crate::simd::isa(), crate::simd::Isa::Scalar);
            return;
        }
        let functions = [Function::None, Function::Rectify, Function::Finish(&finish)];
        let endings = functions.map(|function| Some(Ending { bias: &bias, function }));
        for ending in endings.iter().map(Option::as_ref).chain([None]) {
            let (mut got, mut expected) = (vec![9.0f32; y.iter().product()], vec![0.0f32; y.iter().product()]);
            few_channels::forward(&g, &grid, (&image, &weights), &mut got, ending);
            by_tiles(&g, &grid, (&image, &weights), &mut expected, ending);
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&got), bits(&expected), "{length} positions, {columns} columns, {channels} channels");
        }
    }
}
