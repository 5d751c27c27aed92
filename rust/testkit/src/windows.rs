//! Convolution and pooling against loops over every index.

use corten_core::{Backend, ConvSpec, DType, Dims, Op, PoolSpec, Spec, infer};

use crate::among;
use crate::operand::{Operand, assert_close, numbers, read, tolerance};

/// Convolutions and poolings of one to three axes, and their gradients.
///
/// # Panics
/// Where the backend differs from the reference.
pub fn windows<B: Backend>(backend: &B, dtypes: &[DType]) {
    for dtype in among(dtypes, &[DType::F32, DType::F64]) {
        for (rank, size) in [(1, 9), (2, 7), (3, 5)] {
            for (kernel, stride, dilation, padding) in
                [(1, 1, 1, (0, 0)), (3, 1, 1, (1, 1)), (2, 2, 1, (0, 1)), (2, 1, 2, (2, 0)), (3, 2, 1, (1, 1))]
            {
                for (groups, c_in, c_out) in [(1, 3, 5), (2, 4, 6), (4, 4, 4), (3, 3, 6), (1, 1, 32)] {
                    let spec = ConvSpec {
                        strides: Dims::from_elem(stride, rank),
                        padding: std::iter::repeat_n(padding, rank).collect(),
                        dilation: Dims::from_elem(dilation, rank),
                        groups,
                    };
                    convolution(backend, dtype, &spec, &vec![size; rank], &vec![kernel; rank], c_in, c_out);
                }
                if padding.0.max(padding.1) < dilation * (kernel - 1) + 1 {
                    for count_padding in [false, true] {
                        let spec = PoolSpec {
                            window: Dims::from_elem(kernel, rank),
                            strides: Dims::from_elem(stride, rank),
                            padding: std::iter::repeat_n(padding, rank).collect(),
                            dilation: Dims::from_elem(dilation, rank),
                            count_padding,
                        };
                        pooling(backend, dtype, &spec, &vec![size; rank]);
                    }
                }
            }
        }
    }
}

/// Every multi-index of a shape, row-major.
fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    let shape = shape.to_vec();
    (0..shape.iter().product()).map(move |flat: usize| {
        let mut rest = flat;
        let mut at = vec![0; shape.len()];
        for axis in (0..shape.len()).rev() {
            at[axis] = rest % shape[axis];
            rest /= shape[axis];
        }
        at
    })
}

fn flat(at: &[usize], shape: &[usize]) -> usize {
    at.iter().zip(shape).fold(0, |sum, (i, dim)| sum * dim + i)
}

/// The input position under one window cell, if it is not padding.
fn under(
    out: &[usize],
    cell: &[usize],
    strides: &[usize],
    dilation: &[usize],
    padding: &[(usize, usize)],
    input: &[usize],
) -> Option<Vec<usize>> {
    (0..out.len())
        .map(|i| (out[i] * strides[i] + cell[i] * dilation[i]).checked_sub(padding[i].0).filter(|&at| at < input[i]))
        .collect()
}

fn convolution<B: Backend>(
    backend: &B,
    dtype: DType,
    spec: &ConvSpec,
    input: &[usize],
    kernel: &[usize],
    c_in: usize,
    c_out: usize,
) {
    let n = 2;
    let shape = |lead: usize, sizes: &[usize], channels: usize| -> Vec<usize> {
        std::iter::once(lead).chain(sizes.iter().copied()).chain([channels]).collect()
    };
    let x_shape = shape(n, input, c_in);
    let w_shape: Vec<usize> = kernel.iter().copied().chain([c_in / spec.groups, c_out]).collect();
    let len = |shape: &[usize]| shape.iter().product::<usize>();
    let x = Operand::contiguous(backend, &numbers(len(&x_shape), -1.0, 1.0, 1), &x_shape, dtype);
    let w = Operand::contiguous(backend, &numbers(len(&w_shape), -1.0, 1.0, 2), &w_shape, dtype);
    let out =
        infer(&Op::Conv(spec.clone()), &[Spec::new(&x_shape, dtype), Spec::new(&w_shape, dtype)]).expect("shapes fit");
    let y_shape = out[0].shape.to_vec();
    let spatial = &y_shape[1..y_shape.len() - 1];
    let dy = Operand::contiguous(backend, &numbers(len(&y_shape), -1.0, 1.0, 3), &y_shape, dtype);
    let (xv, wv, gv) = (x.values(), w.values(), dy.values());
    let (mut y, mut dx, mut dw) = (vec![0.0; len(&y_shape)], vec![0.0; xv.len()], vec![0.0; wv.len()]);
    let (ci_group, co_group) = (c_in / spec.groups, c_out / spec.groups);
    for sample in 0..n {
        for at in indices(spatial) {
            for cell in indices(kernel) {
                let Some(place) = under(&at, &cell, &spec.strides, &spec.dilation, &spec.padding, input) else {
                    continue;
                };
                for co in 0..c_out {
                    let to = flat(&at, spatial) + sample * len(spatial);
                    let to = to * c_out + co;
                    for ci in 0..ci_group {
                        let from = (flat(&place, input) + sample * len(input)) * c_in + co / co_group * ci_group + ci;
                        let weight = (flat(&cell, kernel) * ci_group + ci) * c_out + co;
                        y[to] += xv[from] * wv[weight];
                        dx[from] += gv[to] * wv[weight];
                        dw[weight] += gv[to] * xv[from];
                    }
                }
            }
        }
    }
    let what = format!("{dtype}, {spec:?}, input {x_shape:?}, kernel {w_shape:?}");
    let slack = tolerance(dtype) * 16.0;
    let found = backend.conv(spec, x.view(), w.view(), &y_shape).expect("conv");
    assert_close(&format!("conv: {what}"), &read(backend, &found, &y_shape, dtype), &y, slack);
    let found = backend.conv_grad_input(spec, dy.view(), w.view(), &x_shape).expect("input gradient");
    assert_close(&format!("conv input gradient: {what}"), &read(backend, &found, &x_shape, dtype), &dx, slack);
    let found = backend.conv_grad_weight(spec, x.view(), dy.view(), &w_shape).expect("weight gradient");
    assert_close(&format!("conv weight gradient: {what}"), &read(backend, &found, &w_shape, dtype), &dw, slack);
}

fn pooling<B: Backend>(backend: &B, dtype: DType, spec: &PoolSpec, input: &[usize]) {
    let (n, channels) = (2, 3);
    let shape =
        |sizes: &[usize]| -> Vec<usize> { std::iter::once(n).chain(sizes.iter().copied()).chain([channels]).collect() };
    let x_shape = shape(input);
    let len = |shape: &[usize]| shape.iter().product::<usize>();
    let x = Operand::contiguous(backend, &numbers(len(&x_shape), -1.0, 1.0, 1), &x_shape, dtype);
    let v = Operand::contiguous(backend, &numbers(len(&x_shape), -1.0, 1.0, 2), &x_shape, dtype);
    let out = infer(&Op::MaxPool(spec.clone()), &[Spec::new(&x_shape, dtype)]).expect("shapes fit");
    let y_shape = out[0].shape.to_vec();
    let spatial = &y_shape[1..y_shape.len() - 1];
    let dy = Operand::contiguous(backend, &numbers(len(&y_shape), -1.0, 1.0, 3), &y_shape, dtype);
    let (xv, vv, gv) = (x.values(), v.values(), dy.values());
    let outputs = len(&y_shape);
    let (mut largest, mut selected, mut mean) = (vec![0.0; outputs], vec![0.0; outputs], vec![0.0; outputs]);
    let (mut to_max, mut to_mean) = (vec![0.0; xv.len()], vec![0.0; xv.len()]);
    for sample in 0..n {
        for at in indices(spatial) {
            for c in 0..channels {
                let to = (flat(&at, spatial) + sample * len(spatial)) * channels + c;
                let places: Vec<usize> = indices(&spec.window)
                    .filter_map(|cell| under(&at, &cell, &spec.strides, &spec.dilation, &spec.padding, input))
                    .map(|place| (flat(&place, input) + sample * len(input)) * channels + c)
                    .collect();
                let best = places
                    .iter()
                    .copied()
                    .reduce(|a, b| if xv[b] > xv[a] { b } else { a })
                    .expect("a window has cells");
                let divisor = if spec.count_padding { len(&spec.window) } else { places.len() } as f64;
                largest[to] = xv[best];
                selected[to] = vv[best];
                mean[to] = places.iter().map(|&place| xv[place]).sum::<f64>() / divisor;
                to_max[best] += gv[to];
                for place in places {
                    to_mean[place] += gv[to] / divisor;
                }
            }
        }
    }
    let check = |what: &str, buffer: corten_core::Result<B::Buffer>, shape: &[usize], expected: &[f64]| {
        let buffer = buffer.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_close(
            &format!("{what} of {dtype}: {spec:?}"),
            &read(backend, &buffer, shape, dtype),
            expected,
            tolerance(dtype) * 8.0,
        );
    };
    check("max pool", backend.max_pool(spec, x.view(), &y_shape), &y_shape, &largest);
    check("max pool select", backend.max_pool_select(spec, x.view(), v.view(), &y_shape), &y_shape, &selected);
    check("max pool gradient", backend.max_pool_grad(spec, x.view(), dy.view()), &x_shape, &to_max);
    check("average pool", backend.avg_pool(spec, x.view(), &y_shape), &y_shape, &mean);
    check("average pool gradient", backend.avg_pool_grad(spec, dy.view(), &x_shape), &x_shape, &to_mean);
}
