//! Products with bias and activation: small ones against float64 loops, all of them bit for bit against the product,
//! then the activation of the sums.

use corten_core::{DType, Dims, Element, Padding, Range};

use super::super::{
    fused, fused_grad,
    testing::{Case, check},
};
use super::*;

fn function(activation: Activation, z: f64) -> f64 {
    let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
    match activation {
        Activation::Linear => z,
        Activation::Relu => z.max(0.0),
        Activation::Sigmoid => sigmoid(z),
        Activation::Tanh => z.tanh(),
        Activation::Silu => z * sigmoid(z),
        Activation::Gelu => 0.5 * z * crate::math::special::erfc(-z / 2f64.sqrt()),
        Activation::GeluTanh => 0.5 * z * (1.0 + (0.797_884_560_802_865_4 * (z + 0.044_715 * z.powi(3))).tanh()),
    }
}

fn epilogues() -> impl Iterator<Item = Epilogue> {
    let all = Activation::ALL.iter().copied();
    all.flat_map(|activation| [false, true].map(|recorded| Epilogue { recorded, ..Epilogue::new(activation) }))
}

/// Each also with a scale, a residual and both.
fn further_epilogues() -> impl Iterator<Item = Epilogue> {
    epilogues().flat_map(|plain| {
        [(1.0, false), (-0.6, false), (1.0, true), (0.8, true)].map(|(scale, residual)| Epilogue {
            scale,
            residual,
            ..plain
        })
    })
}

/// What an op gives for this product, its second output without a gradient.
fn outputs(epilogue: Epilogue, mut product: Vec<f64>, rest: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let bias = &rest[0];
    for (i, x) in product.iter_mut().enumerate() {
        *x = *x * epilogue.scale + rest.get(1).map_or(0.0, |residual| residual[i]);
    }
    let sums = product.iter().enumerate().map(|(i, x)| x + bias[i % bias.len()]);
    let result = sums.map(|z| function(epilogue.activation, z)).collect();
    if epilogue.gives_product() { vec![result, product] } else { vec![result] }
}

/// Gradients of activations that read the product exist only where it was asked for.
fn graded(epilogue: Epilogue) -> Option<Vec<bool>> {
    let reads = epilogue.activation.derivative_reads_operand();
    (!reads || epilogue.recorded).then(|| vec![true, false])
}

#[test]
fn products_and_their_gradients() {
    for epilogue in further_epilogues() {
        for (m, k, n) in [(3, 4, 5), (1, 3, 7), (6, 5, 1), (7, 2, 19)] {
            let Some(graded) = graded(epilogue) else { continue };
            let shapes: [&[usize]; 4] = [&[m, k], &[k, n], &[n], &[m, n]];
            let case = Case { graded, ..Case::new(&shapes[..3 + usize::from(epilogue.residual)]) };
            check(&FusedOp::Linear(epilogue), &case, |inputs| {
                let dot = |i: usize| (0..k).map(|j| inputs[0][i / n * k + j] * inputs[1][j * n + i % n]).sum();
                outputs(epilogue, (0..m * n).map(dot).collect(), &inputs[2..])
            });
        }
    }
}

#[test]
fn convolutions_and_their_gradients() {
    let (steps, taps, c_in, c_out) = (5, 3, 2, 3);
    let (strides, dilation) = (Dims::from_slice(&[1]), Dims::from_slice(&[1]));
    let spec = ConvSpec { strides, padding: Padding::from_slice(&[(1, 0)]), dilation, groups: 1 };
    let made = steps + 1 - taps + 1;
    for epilogue in further_epilogues() {
        let Some(graded) = graded(epilogue) else { continue };
        let shapes: [&[usize]; 4] = [&[2, steps, c_in], &[taps, c_in, c_out], &[c_out], &[2, made, c_out]];
        let case = Case { graded, ..Case::new(&shapes[..3 + usize::from(epilogue.residual)]) };
        check(&FusedOp::ConvBias { spec: spec.clone(), epilogue }, &case, |inputs| {
            let one = |i: usize| {
                let (sample, step, channel) = (i / c_out / made, i / c_out % made, i % c_out);
                let places = (0..taps).filter_map(|tap| Some((tap, (step + tap).checked_sub(1)?)));
                let terms = places.flat_map(|(tap, at)| (0..c_in).map(move |c| (tap, at, c)));
                let term = |(tap, at, c): (usize, usize, usize)| {
                    inputs[0][(sample * steps + at) * c_in + c] * inputs[1][(tap * c_in + c) * c_out + channel]
                };
                terms.map(term).sum()
            };
            outputs(epilogue, (0..2 * made * c_out).map(one).collect(), &inputs[2..])
        });
    }
}

fn random<T: Element>(len: usize, seed: usize) -> Buffer {
    let values = (0..len).map(|i| ((i * 7919 + seed * 104_729) % 1009) as f64 / 300.0 - 1.7);
    Buffer::from_slice(&values.map(T::from_f64).collect::<Vec<T>>()).expect("memory")
}

/// Equal bits, but any NaN for a NaN.
fn same<T: Element>(what: &str, got: &Buffer, expected: &Buffer) {
    let (got, expected) = (got.as_slice::<T>(), expected.as_slice::<T>());
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let (got, expected) = (got.to_f64(), expected.to_f64());
        assert!(
            got.to_bits() == expected.to_bits() || got.is_nan() && expected.is_nan(),
            "{what} at {i}: {got}, {expected}"
        );
    }
}

/// Equal but for rounding.
fn close<T: Element>(what: &str, got: &Buffer, expected: &Buffer) {
    let (got, expected) = (got.as_slice::<T>(), expected.as_slice::<T>());
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let (got, expected) = (got.to_f64(), expected.to_f64());
        assert!((got - expected).abs() <= 1e-5 * (1.0 + expected.abs()), "{what} at {i}: {got}, {expected}");
    }
}

/// Runs `op`, and the two steps it stands for; compares results and, loosely, gradients.
fn in_two_steps<T: Element>(op: &FusedOp, epilogue: Epilogue, inputs: &[In<'_>; 3], product: &Buffer, shape: &[usize]) {
    let what = format!("{op:?} of {} {:?}, {:?}", T::DTYPE, inputs[0].layout, inputs[1].layout);
    let layout = Layout::contiguous(shape);
    let view = |buffer| In { buffer, layout: &layout, dtype: T::DTYPE };
    let separate = FusedOp::BiasActivation(epilogue.activation);
    let operands = [view(product), inputs[2]];
    let expected = fused(&separate, &operands).expect("no error").expect("a kernel");
    let got = fused(op, inputs).expect("no error").expect("a kernel");
    assert_eq!(got.len(), if epilogue.gives_product() { 2 } else { 1 }, "{what}");
    // One row goes by tiles here, and may not as a plain product.
    let compare = if shape[0] == 1 && layout.rank() == 2 { close::<T> } else { same::<T> };
    compare(&what, &got[0], &expected[0]);
    if let Some(kept) = got.get(1) {
        compare(&what, kept, product);
    }
    let dy = random::<T>(layout.len(), 9);
    let results: Vec<In<'_>> = got.iter().map(view).collect();
    let grads: Vec<_> = (0..got.len()).map(|i| (i == 0).then(|| view(&dy))).collect();
    let found = fused_grad(op, inputs, &results, &grads, &[true; 3]).expect("no error");
    assert_eq!(found.is_some(), graded(epilogue).is_some(), "{what}");
    let Some(found) = found else { return };
    let expected = fused_grad(&separate, &operands, &[view(&expected[0])], &[Some(view(&dy))], &[false, true]);
    let expected = expected.expect("no error").expect("a kernel");
    let sums = |gradients: &[Option<Buffer>], i: usize| -> Vec<f64> {
        gradients[i].as_ref().expect("a gradient").as_slice::<T>().iter().map(|x| x.to_f64()).collect()
    };
    for (got, expected) in sums(&found, 2).iter().zip(sums(&expected, 1)) {
        // From a result of sixteen bits the derivative has the fewer digits the nearer that is to one.
        let tolerance = if T::DTYPE.size() == 2 { 0.2 } else { 1e-4 };
        let close = (got - expected).abs() <= tolerance * (1.0 + expected.abs()) || got.is_nan() && expected.is_nan();
        assert!(close, "{what}: the gradient of the bias is {got}, not {expected}");
    }
    let none = fused_grad(op, inputs, &results, &grads, &[false; 3]).expect("no error").expect("a kernel");
    assert!(none.iter().all(Option::is_none), "{what}: what nobody needs");
}

#[test]
fn kept_panels_give_the_same_bits() {
    fn check<T: Element>(depth: usize, columns: usize) {
        let (mut w, vector) = (random::<T>(depth * columns, 2), random::<T>(columns, 3));
        let (of_w, of_vector) = (Layout::contiguous(&[depth, columns]), Layout::contiguous(&[columns]));
        let epilogue = Epilogue::new(Activation::Silu);
        let product = |w: &Buffer, rows: usize| {
            let (x, of_x) = (random::<T>(rows * depth, 1), Layout::contiguous(&[rows, depth]));
            let inputs = [(&x, &of_x), (w, &of_w), (&vector, &of_vector)];
            let inputs = inputs.map(|(buffer, layout)| In { buffer, layout, dtype: T::DTYPE });
            fused(&FusedOp::Linear(epilogue), &inputs).expect("no error").expect("a kernel").swap_remove(0)
        };
        for rows in [1, 2, 7, 13, 50, 100] {
            w.as_mut_slice::<T>().reverse();
            let first = product(&w, rows);
            for _ in 0..3 {
                same::<T>(&format!("{rows}x{depth}x{columns}"), &product(&w, rows), &first);
            }
            let kept = w.memo().panels(|| unreachable!("kept")).expect("no error");
            assert!(kept.is_some_and(|kept| kept.columns == columns), "{rows}x{depth}x{columns}");
        }
        // The same memory as another matrix.
        let other = Layout::contiguous(&[depth / 2, columns * 2]);
        let (x, of_x) = (random::<T>(depth / 2, 1), Layout::contiguous(&[1, depth / 2]));
        let bias = random::<T>(columns * 2, 3);
        let of_bias = Layout::contiguous(&[columns * 2]);
        let inputs = [(&x, &of_x), (&w, &other), (&bias, &of_bias)];
        let inputs = inputs.map(|(buffer, layout)| In { buffer, layout, dtype: T::DTYPE });
        let again = fused(&FusedOp::Linear(epilogue), &inputs).expect("no error").expect("a kernel");
        let copy = Buffer::from_slice(w.as_slice::<T>()).expect("memory");
        let inputs = [inputs[0], In { buffer: &copy, ..inputs[1] }, inputs[2]];
        let fresh = fused(&FusedOp::Linear(epilogue), &inputs).expect("no error").expect("a kernel");
        same::<T>("another matrix", &again[0], &fresh[0]);
    }
    check::<f32>(1100, 130);
    // Deeper than one pass, which 7 rows take in one in narrower panels.
    check::<f32>(1500, 130);
    check::<f32>(70, 512);
    check::<f64>(500, 150);
}

#[test]
fn parts_of_one_buffer_are_not_taken_for_one_another() {
    let (depth, columns) = (300, 512);
    let (x, w) = (random::<f32>(depth, 1), random::<f32>(2 * depth * columns, 2));
    let vector = random::<f32>(columns, 3);
    let part = |index: usize| {
        let whole = Layout::contiguous(&[2 * depth, columns]);
        let rows = Range { start: index * depth, step: 1, len: depth };
        whole.slice(&[rows, Range { start: 0, step: 1, len: columns }])
    };
    let (of_x, of_vector) = (Layout::contiguous(&[1, depth]), Layout::contiguous(&[columns]));
    let epilogue = Epilogue::new(Activation::Linear);
    let product = |w: &Buffer, layout: &Layout| {
        let inputs = [(&x, &of_x), (w, layout), (&vector, &of_vector)];
        let inputs = inputs.map(|(buffer, layout)| In { buffer, layout, dtype: DType::F32 });
        fused(&FusedOp::Linear(epilogue), &inputs).expect("no error").expect("a kernel").swap_remove(0)
    };
    for index in [0, 1, 0, 1] {
        let values = &w.as_slice::<f32>()[index * depth * columns..][..depth * columns];
        let alone = product(&Buffer::from_slice(values).expect("memory"), &Layout::contiguous(&[depth, columns]));
        same::<f32>("a part", &product(&w, &part(index)), &alone);
    }
}

#[test]
fn what_is_not_kept() {
    let dtype = DType::F32;
    for (depth, columns, recorded) in [(1100, 130, true), (20_000, 10, false), (30, 70, false), (2100, 130, false)] {
        let (x, w, vector) = (random::<f32>(depth, 1), random::<f32>(depth * columns, 2), random::<f32>(columns, 3));
        let layouts = [vec![1, depth], vec![depth, columns], vec![columns]].map(|shape| Layout::contiguous(&shape));
        let buffers = [&x, &w, &vector];
        let inputs: [In<'_>; 3] = std::array::from_fn(|i| In { buffer: buffers[i], layout: &layouts[i], dtype });
        let epilogue = Epilogue { recorded, ..Epilogue::new(Activation::Relu) };
        for _ in 0..3 {
            fused(&FusedOp::Linear(epilogue), &inputs).expect("no error").expect("a kernel");
        }
        let none = Err(corten_core::Error::argument("not made"));
        assert!(w.memo().panels(|| none).is_ok_and(|kept| kept.is_none()), "{depth}x{columns}");
    }
}

fn every_layout<T: Element>(m: usize, k: usize, n: usize, with_nan: bool) {
    let backwards = |len: usize| Range { start: len.saturating_sub(1), step: -1, len };
    let lefts = [
        Layout::contiguous(&[m, k]),
        Layout::contiguous(&[k, m]).permute(&[1, 0]),
        Layout::contiguous(&[2 * m, 3 * k])
            .slice(&[Range { start: 0, step: 2, len: m }, Range { start: 1, step: 3, len: k }]),
    ];
    let rights = [
        Layout::contiguous(&[k, n]),
        Layout::contiguous(&[n, k]).permute(&[1, 0]),
        Layout::contiguous(&[k, n]).slice(&[backwards(k), backwards(n)]),
    ];
    let (mut x, w, vector) = (random::<T>(6 * m * k, 1), random::<T>(k * n, 2), random::<T>(n, 3));
    if with_nan {
        let x = x.as_mut_slice::<T>();
        (x[0], x[k / 2]) = (T::from_f64(f64::NAN), T::from_f64(f64::INFINITY));
    }
    let of_vector = Layout::contiguous(&[n]);
    for (a, b) in lefts.iter().flat_map(|a| rights.iter().map(move |b| (a, b))) {
        for epilogue in epilogues() {
            let dtype = T::DTYPE;
            let inputs = [
                In { buffer: &x, layout: a, dtype },
                In { buffer: &w, layout: b, dtype },
                In { buffer: &vector, layout: &of_vector, dtype },
            ];
            let product = matmul::matmul(inputs[0], inputs[1]).expect("no error");
            in_two_steps::<T>(&FusedOp::Linear(epilogue), epilogue, &inputs, &product, &[m, n]);
        }
    }
}

#[test]
fn the_same_bits_as_in_two_steps() {
    use corten_core::half::{bf16, f16};
    for (m, k, n) in [(1, 5, 9), (1, 90, 150), (70, 9, 1), (3, 3, 3), (13, 20, 33), (5, 0, 4), (0, 3, 4), (4, 3, 0)] {
        every_layout::<f32>(m, k, n, false);
        every_layout::<f64>(m, k, n, false);
        every_layout::<f16>(m, k, n, false);
        every_layout::<bf16>(m, k, n, false);
    }
    // Several tiles, blocks of rows, and a deep sum in parts.
    every_layout::<f32>(100, 20, 65, false);
    every_layout::<f32>(3, 2100, 90, false);
    every_layout::<f32>(20, 9, 30, true);
    every_layout::<f64>(20, 9, 30, true);
}

#[test]
fn leading_axes_are_rows() {
    let dtype = DType::F32;
    let (x, w, vector) = (random::<f32>(4 * 3 * 5, 1), random::<f32>(5 * 6, 2), random::<f32>(6, 3));
    // Axes 0 and 1 swapped: no strides make them one.
    let layouts =
        [Layout::contiguous(&[4, 3, 5]).permute(&[1, 0, 2]), Layout::contiguous(&[5, 6]), Layout::contiguous(&[6])];
    let buffers = [&x, &w, &vector];
    let inputs: [In<'_>; 3] = std::array::from_fn(|i| In { buffer: buffers[i], layout: &layouts[i], dtype });
    let wide = layouts[1].expand(&[3, 5, 6]);
    let product = matmul::matmul(inputs[0], In { layout: &wide, ..inputs[1] }).expect("no error");
    for epilogue in epilogues() {
        in_two_steps::<f32>(&FusedOp::Linear(epilogue), epilogue, &inputs, &product, &[3, 4, 6]);
    }
}

#[test]
fn the_same_bits_as_in_two_steps_of_convolutions() {
    // Channels in and out, groups, kernel, stride, padding: patches, few channels, pointwise, groups, depthwise, one
    // channel out.
    for (c_in, c_out, groups, size, stride, padding) in [
        (20, 33, 1, 3, 1, 1),
        (3, 40, 1, 3, 2, 1),
        (17, 70, 1, 1, 1, 0),
        (8, 12, 4, 3, 1, 0),
        (6, 12, 6, 3, 1, 1),
        (5, 1, 1, 2, 1, 0),
    ] {
        let spec = ConvSpec {
            strides: Dims::from_elem(stride, 2),
            padding: Padding::from_slice(&[(padding, padding); 2]),
            dilation: Dims::from_elem(1, 2),
            groups,
        };
        let layouts = [
            Layout::contiguous(&[2, 9, 8, c_in]),
            Layout::contiguous(&[size, size, c_in / groups, c_out]),
            Layout::contiguous(&[c_out]),
        ];
        let buffers: Vec<Buffer> = layouts.iter().enumerate().map(|(i, x)| random::<f32>(x.len(), i)).collect();
        let inputs: [In<'_>; 3] =
            std::array::from_fn(|i| In { buffer: &buffers[i], layout: &layouts[i], dtype: DType::F32 });
        let shape = output_shape(&spec, inputs[0], inputs[1]).expect("it fits");
        let product = conv::conv(&spec, inputs[0], inputs[1], &shape).expect("no error");
        for epilogue in epilogues() {
            let op = FusedOp::ConvBias { spec: spec.clone(), epilogue };
            in_two_steps::<f32>(&op, epilogue, &inputs, &product, &shape);
        }
    }
}
