//! Every derivative rule against central differences in float64, to second order where the function is smooth.

use corten_core::{
    Activation, AttentionSpec, BinaryOp, ConvSpec, Dims, DropoutSpec, FusedOp, Key, LinalgOp, Padding, PoolSpec,
    ReduceOp, Result, Scalar, ScanOp, ScatterMode, UnaryOp,
};
use corten_tensor::{Tensor, autograd, ops, ops::Ending};

type Function<'a> = &'a dyn Fn(&[Tensor]) -> Result<Tensor>;

/// Deterministic values in [low, high), far from each other.
fn values(n: usize, low: f64, high: f64, salt: usize) -> Vec<f64> {
    (0..n).map(|i| low + (high - low) * (((i * 7919 + salt * 104_729 + 13) % 9973) as f64 / 9973.0)).collect()
}

fn tensor(shape: &[usize], low: f64, high: f64, salt: usize) -> Tensor {
    Tensor::from_slice(&values(shape.iter().product(), low, high, salt), shape).expect("values fill the shape")
}

/// A scalar that depends on every element of `f` with its own weight.
fn weighted(f: Function<'_>, inputs: &[Tensor]) -> Result<Tensor> {
    let y = f(inputs)?;
    let weights = tensor(y.shape(), -1.0, 1.0, 99);
    let all: Dims = (0..y.rank()).collect();
    ops::sum(&ops::mul(&y, &weights)?, &all, false)
}

fn gradient(f: Function<'_>, inputs: &[Tensor], create_graph: bool) -> Result<Vec<Tensor>> {
    let starts: Vec<Tensor> = inputs.iter().map(ops::alias).collect::<Result<_>>()?;
    let y = weighted(f, &starts)?;
    let found = autograd::gradients(&[y], &[None], &starts, create_graph)?;
    found.into_iter().zip(inputs).map(|(g, x)| g.map_or_else(|| ops::zeros_like(&x.detach()), Ok)).collect()
}

fn assert_close(name: &str, found: &Tensor, expected: &[f64], tolerance: f64) {
    let found = found.detach().contiguous().and_then(|t| t.to_vec::<f64>()).expect("float64 gradient");
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{name}: element {i} is {a}, differences give {b}");
    }
}

fn central(f: &dyn Fn(&[Tensor]) -> Result<f64>, inputs: &[Tensor], which: usize, h: f64) -> Vec<f64> {
    let base = inputs[which].to_vec::<f64>().expect("float64 input");
    (0..base.len())
        .map(|i| {
            let at = |delta: f64| {
                let mut moved = base.clone();
                moved[i] += delta;
                let mut inputs = inputs.to_vec();
                inputs[which] = Tensor::from_slice(&moved, inputs[which].shape()).expect("same shape");
                f(&inputs).expect("the function runs near its inputs")
            };
            (at(h) - at(-h)) / (2.0 * h)
        })
        .collect()
}

/// Checks the first derivative, and the second along the gradient's own weighted sum if `smooth`.
fn check(name: &str, f: Function<'_>, inputs: &[Tensor], smooth: bool) {
    let found = gradient(f, inputs, false).unwrap_or_else(|error| panic!("{name}: {error}"));
    for (which, g) in found.iter().enumerate() {
        let expected = central(&|x| weighted(f, x)?.item(), inputs, which, 1e-5);
        assert_close(&format!("{name}, input {which}"), g, &expected, 2e-6);
    }
    if !smooth {
        return;
    }
    let penalty = |x: &[Tensor]| -> Result<Tensor> {
        let mut total = Tensor::scalar(Scalar::Float(0.0), corten_core::DType::F64)?;
        for (salt, g) in gradient(f, x, true)?.into_iter().enumerate() {
            let all: Dims = (0..g.rank()).collect();
            let part = ops::sum(&ops::mul(&g, &tensor(g.shape(), -1.0, 1.0, salt + 7))?, &all, false)?;
            total = ops::add(&total, &part)?;
        }
        Ok(total)
    };
    let starts: Vec<Tensor> = inputs.iter().map(Tensor::watched).collect();
    let second = autograd::gradients(&[penalty(&starts).expect("gradient runs")], &[None], &starts, false)
        .unwrap_or_else(|error| panic!("{name}, second order: {error}"));
    for (which, g) in second.iter().enumerate() {
        let expected = central(&|x| penalty(x)?.item(), inputs, which, 1e-5);
        let zero = ops::zeros_like(&inputs[which]).expect("zeros");
        assert_close(&format!("{name}, second order, input {which}"), g.as_ref().unwrap_or(&zero), &expected, 2e-5);
    }
}

#[test]
fn unary() {
    use UnaryOp as U;
    for (op, low, high, smooth) in [
        (U::Neg, -2.0, 2.0, true),
        (U::Abs, 0.5, 2.0, false),
        (U::Square, -2.0, 2.0, true),
        (U::Sqrt, 0.5, 3.0, true),
        (U::Rsqrt, 0.5, 3.0, true),
        (U::Reciprocal, 0.5, 3.0, true),
        (U::Exp, -2.0, 2.0, true),
        (U::Exp2, -2.0, 2.0, true),
        (U::Expm1, -2.0, 2.0, true),
        (U::Log, 0.5, 3.0, true),
        (U::Log2, 0.5, 3.0, true),
        (U::Log10, 0.5, 3.0, true),
        (U::Log1p, -0.5, 3.0, true),
        (U::Sin, -3.0, 3.0, true),
        (U::Cos, -3.0, 3.0, true),
        (U::Tan, -1.0, 1.0, true),
        (U::Asin, -0.8, 0.8, true),
        (U::Acos, -0.8, 0.8, true),
        (U::Atan, -3.0, 3.0, true),
        (U::Sinh, -2.0, 2.0, true),
        (U::Cosh, -2.0, 2.0, true),
        (U::Tanh, -2.0, 2.0, true),
        (U::Asinh, -2.0, 2.0, true),
        (U::Acosh, 1.5, 3.0, true),
        (U::Atanh, -0.8, 0.8, true),
        (U::Erf, -2.0, 2.0, true),
        (U::Erfc, -2.0, 2.0, true),
        (U::Erfinv, -0.8, 0.8, true),
        (U::Lgamma, 0.5, 4.0, true),
        (U::Polygamma(0), 0.8, 4.0, true),
        (U::Polygamma(1), 0.8, 4.0, true),
        (U::BesselI0, -2.0, 2.0, true),
        (U::BesselI1, 0.3, 2.0, true),
        (U::Sigmoid, -3.0, 3.0, true),
        (U::Softplus, -3.0, 3.0, true),
        (U::Relu, 0.1, 2.0, false),
        (U::Relu, -2.0, -0.1, false),
        (U::Silu, -3.0, 3.0, true),
        (U::Gelu, -3.0, 3.0, true),
        (U::GeluTanh, -3.0, 3.0, true),
    ] {
        let x = tensor(&[2, 3], low, high, 1);
        check(op.name(), &|x| ops::unary(op, &x[0]), std::slice::from_ref(&x), smooth);
        check(op.name(), &|x| ops::unary(op, &ops::transpose(&x[0], None)?), &[x], false);
    }
}

#[test]
fn binary() {
    use BinaryOp as B;
    for (op, low, high) in [
        (B::Add, -2.0, 2.0),
        (B::Sub, -2.0, 2.0),
        (B::Mul, -2.0, 2.0),
        (B::Div, 0.5, 2.0),
        (B::Pow, 0.5, 2.0),
        (B::Atan2, 0.5, 2.0),
        (B::Hypot, 0.5, 2.0),
        (B::LogAddExp, -2.0, 2.0),
    ] {
        for (a, b) in [(&[2, 3][..], &[2, 3][..]), (&[2, 3], &[3]), (&[2, 1], &[1, 3]), (&[], &[2, 2])] {
            check(
                op.name(),
                &|x| ops::binary(op, &x[0], &x[1]),
                &[tensor(a, low, high, 1), tensor(b, low, high, 2)],
                true,
            );
        }
    }
    for op in [B::Max, B::Min] {
        check(
            op.name(),
            &|x| ops::binary(op, &x[0], &x[1]),
            &[tensor(&[7], -2.0, 2.0, 1), tensor(&[7], -2.0, 2.0, 2)],
            false,
        );
    }
    for op in [B::Mod, B::Fmod] {
        check(
            op.name(),
            &|x| ops::binary(op, &x[0], &x[1]),
            &[tensor(&[4], 5.1, 5.4, 1), tensor(&[4], 1.1, 1.2, 2)],
            false,
        );
    }
}

#[test]
fn movement() {
    let x = || tensor(&[3, 4], -2.0, 2.0, 1);
    let index = Tensor::from_slice(&[2i64, 0, 2, -1], &[4]).expect("index");
    let along = Tensor::from_slice(&[0i64, 3, 1, 1, 2, 0], &[3, 2]).expect("index");
    let mask = Tensor::from_slice(&[true, false, true, false], &[4]).expect("mask");
    check("reshape", &|x| ops::reshape(&ops::transpose(&x[0], None)?, &[2, 6]), &[x()], false);
    check("broadcast_to", &|x| ops::broadcast_to(&x[0], &[2, 3, 4]), &[x()], false);
    check("flip", &|x| ops::flip(&x[0], &[1]), &[x()], false);
    check("where", &|x| ops::select(&mask, &x[0], &x[1]), &[x(), tensor(&[4], -1.0, 1.0, 3)], false);
    check("pad", &|x| ops::pad(&x[0], &[(1, 0), (0, 2)], Scalar::Float(3.0)), &[x()], false);
    check("concatenate", &|x| ops::concatenate(x, 0), &[x(), tensor(&[1, 4], -1.0, 1.0, 3)], false);
    check("take", &|x| ops::gather(&x[0], &index, 0), &[x()], false);
    check("take_along_axis", &|x| ops::take_along(&x[0], &along, 1), &[x()], false);
    for mode in [ScatterMode::Set, ScatterMode::Add, ScatterMode::Mul, ScatterMode::Max, ScatterMode::Min] {
        let updates = tensor(&[4, 4], 0.5, 2.0, 5);
        check(
            mode.name(),
            &|x| ops::scatter(&x[0], &index, &x[1], 0, mode),
            &[tensor(&[3, 4], 0.6, 2.1, 1), updates],
            false,
        );
        let updates = tensor(&[3, 2], 0.5, 2.0, 5);
        check(
            mode.name(),
            &|x| ops::scatter_along(&x[0], &along, &x[1], 1, mode),
            &[tensor(&[3, 4], 0.6, 2.1, 1), updates],
            false,
        );
    }
    let indices = [ops::Index::Array(index.clone()), ops::Index::Slice { start: Some(3), stop: None, step: -2 }];
    check("index", &|x| ops::index(&x[0], &indices), &[x()], false);
    let region = [ops::Index::Slice { start: None, stop: None, step: 2 }, ops::Index::At(1)];
    check(
        "assign",
        &|x| ops::index_update(&x[0], &region, &x[1], ScatterMode::Set),
        &[x(), tensor(&[2], 1.0, 2.0, 3)],
        false,
    );
    check("sort", &|x| Ok(ops::sort(&x[0], 0, true)?.0), &[x()], false);
    check("top_k", &|x| Ok(ops::top_k(&x[0], 2)?.0), &[x()], false);
}

#[test]
fn reductions() {
    for op in [ReduceOp::Sum, ReduceOp::Mean, ReduceOp::Prod, ReduceOp::Max, ReduceOp::Min] {
        for axes in [&[0][..], &[1], &[0, 2], &[0, 1, 2]] {
            check(
                op.name(),
                &|x| ops::reduce(op, &x[0], axes, false),
                &[tensor(&[2, 3, 2], 0.5, 2.0, 1)],
                matches!(op, ReduceOp::Sum | ReduceOp::Mean | ReduceOp::Prod),
            );
        }
    }
    let with_zero = Tensor::from_slice(&[1.0, 0.0, 2.0, 3.0, 0.0, 0.0], &[2, 3]).expect("values");
    check(
        "prod of zeros",
        &|x| ops::reduce(ReduceOp::Prod, &x[0], &[1], false),
        std::slice::from_ref(&with_zero),
        true,
    );
    for reverse in [false, true] {
        for op in [ScanOp::Sum, ScanOp::Prod, ScanOp::Max, ScanOp::Min] {
            check(
                op.name(),
                &|x| ops::scan(op, &x[0], 1, reverse),
                &[tensor(&[2, 5], 0.5, 2.0, 1)],
                matches!(op, ScanOp::Sum | ScanOp::Prod),
            );
        }
        check(
            "cumprod of zeros",
            &|x| ops::scan(ScanOp::Prod, &x[0], 1, reverse),
            std::slice::from_ref(&with_zero),
            false,
        );
    }
    check("var", &|x| ops::var(&x[0], &[0], false, 1.0), &[tensor(&[4, 2], -2.0, 2.0, 1)], true);
    check("logsumexp", &|x| ops::logsumexp(&x[0], &[1], false), &[tensor(&[2, 4], -2.0, 2.0, 1)], true);
}

/// A well-conditioned matrix with distinct singular values.
fn matrix(m: usize, n: usize) -> Tensor {
    let mut entries = values(m * n, -0.5, 0.5, 3);
    for i in 0..m.min(n) {
        entries[i * n + i] += 2.0 + i as f64;
    }
    Tensor::from_slice(&entries, &[m, n]).expect("values")
}

#[test]
fn linear_algebra() {
    let one = |op: LinalgOp| move |x: &[Tensor]| ops::linalg_one(op, &x.iter().collect::<Vec<_>>());
    check(
        "matmul",
        &|x| ops::matmul(&x[0], &x[1]),
        &[tensor(&[2, 3, 4], -1.0, 1.0, 1), tensor(&[4, 2], -1.0, 1.0, 2)],
        true,
    );
    check(
        "einsum",
        &|x| ops::einsum("bij,jk->ik", x),
        &[tensor(&[2, 3, 4], -1.0, 1.0, 1), tensor(&[4, 2], -1.0, 1.0, 2)],
        true,
    );
    check("inv", &one(LinalgOp::Inv), &[matrix(3, 3)], true);
    check("det", &one(LinalgOp::Det), &[matrix(3, 3)], true);
    check("slogdet", &|x| Ok(ops::linalg(LinalgOp::SlogDet, &[&x[0]])?[1].clone()), &[matrix(3, 3)], true);
    check("solve", &one(LinalgOp::Solve), &[matrix(3, 3), tensor(&[3, 2], -1.0, 1.0, 2)], true);
    for (upper, transposed, unit_diagonal) in
        [(false, false, false), (true, false, false), (false, true, true), (true, true, false)]
    {
        let op = LinalgOp::SolveTriangular { upper, transposed, unit_diagonal };
        check("solve_triangular", &one(op), &[matrix(3, 3), tensor(&[3, 2], -1.0, 1.0, 2)], true);
    }
    let symmetric = |x: &Tensor| ops::scale(&ops::add(x, &ops::matrix_transpose(x)?)?, 0.5);
    check("cholesky", &|x| ops::linalg_one(LinalgOp::Cholesky, &[&symmetric(&x[0])?]), &[matrix(3, 3)], true);
    for part in 0..2 {
        check(
            "eigh",
            &|x| {
                let out = ops::linalg(LinalgOp::Eigh, &[&symmetric(&x[0])?])?;
                if part == 0 { Ok(out[0].clone()) } else { ops::square(&out[1]) }
            },
            &[matrix(3, 3)],
            false,
        );
        for (m, n) in [(4, 3), (3, 3), (3, 4)] {
            check(
                "qr",
                &|x| ops::square(&ops::linalg(LinalgOp::Qr { full: false }, &[&x[0]])?[part]),
                &[matrix(m, n)],
                false,
            );
        }
    }
    for part in 0..3 {
        for (m, n) in [(4, 3), (3, 4)] {
            check(
                "svd",
                &|x| ops::square(&ops::linalg(LinalgOp::Svd { full: false }, &[&x[0]])?[part]),
                &[matrix(m, n)],
                false,
            );
        }
    }
}

#[test]
fn convolution_and_pooling() {
    let spec = |rank: usize, groups: usize| ConvSpec {
        strides: (0..rank).map(|i| 1 + i % 2).collect(),
        padding: (0..rank).map(|i| (i % 2, 1)).collect(),
        dilation: (0..rank).map(|i| 1 + (i + 1) % 2).collect(),
        groups,
    };
    for (rank, size) in [(1, 7), (2, 5), (3, 4)] {
        for groups in [1, 2] {
            let mut x_shape = vec![1];
            x_shape.extend(std::iter::repeat_n(size, rank));
            x_shape.push(4);
            let mut w_shape = vec![2; rank];
            w_shape.extend([4 / groups, 2]);
            let inputs = [tensor(&x_shape, -1.0, 1.0, 1), tensor(&w_shape, -1.0, 1.0, 2)];
            check("conv", &|x| ops::conv(&x[0], &x[1], spec(rank, groups)), &inputs, rank < 3);
            let y = ops::conv(&inputs[0], &inputs[1], spec(rank, groups)).expect("conv");
            let sizes = vec![size; rank];
            let inputs = [tensor(y.shape(), -1.0, 1.0, 1), tensor(&w_shape, -1.0, 1.0, 2)];
            check(
                "conv_transpose",
                &|x| ops::conv_transpose(&x[0], &x[1], spec(rank, groups), &sizes),
                &inputs,
                rank < 3,
            );
        }
        let pool = PoolSpec {
            window: std::iter::repeat_n(2, rank).collect(),
            strides: (0..rank).map(|i| 1 + i % 2).collect(),
            padding: (0..rank).map(|i| (i % 2, 1)).collect(),
            dilation: std::iter::repeat_n(1, rank).collect(),
            count_padding: false,
        };
        let mut shape = vec![2];
        shape.extend(std::iter::repeat_n(size, rank));
        shape.push(3);
        let x = || tensor(&shape, -1.0, 1.0, 1);
        check("max_pool", &|x| ops::max_pool(&x[0], pool.clone()), &[x()], false);
        check("max_pool of squares", &|x| ops::square(&ops::max_pool(&x[0], pool.clone())?), &[x()], rank == 1);
        check("average_pool", &|x| ops::avg_pool(&x[0], pool.clone()), &[x()], false);
    }
}

#[test]
fn fused() {
    let run = |op: FusedOp, part: usize| {
        move |x: &[Tensor]| Ok(ops::fused(op.clone(), &x.iter().collect::<Vec<_>>())?[part].clone())
    };
    let x = || tensor(&[2, 3, 4], -2.0, 2.0, 1);
    let vector = |salt| tensor(&[4], 0.5, 1.5, salt);
    for axis in 0..3 {
        check("softmax", &run(FusedOp::Softmax { axis }, 0), &[x()], true);
        check("log_softmax", &run(FusedOp::LogSoftmax { axis }, 0), &[x()], true);
    }
    check("cross_entropy", &run(FusedOp::CrossEntropy, 0), &[x(), tensor(&[2, 3, 4], 0.1, 0.9, 2)], true);
    let labels = Tensor::from_slice(&[0i64, 3, 1, 2, 2, 0], &[2, 3]).expect("labels");
    check("sparse_cross_entropy", &|x| ops::sparse_cross_entropy(&x[0], &labels), &[x()], true);
    check("binary_cross_entropy", &run(FusedOp::BinaryCrossEntropy, 0), &[x(), tensor(&[2, 3, 4], 0.1, 0.9, 2)], true);
    let epsilon = 1e-3;
    check(
        "layer_norm",
        &run(FusedOp::LayerNorm { axes: 1, epsilon, scale: true, offset: true }, 0),
        &[x(), vector(2), vector(3)],
        true,
    );
    check("layer_norm", &run(FusedOp::LayerNorm { axes: 2, epsilon, scale: false, offset: false }, 0), &[x()], false);
    check("rms_norm", &run(FusedOp::RmsNorm { axes: 1, epsilon, scale: true }, 0), &[x(), vector(2)], true);
    for part in 0..3 {
        check(
            "batch_norm",
            &run(FusedOp::BatchNorm { epsilon, scale: true, offset: true }, part),
            &[x(), vector(2), vector(3)],
            true,
        );
    }
    check(
        "group_norm",
        &run(FusedOp::GroupNorm { groups: 2, epsilon, scale: true, offset: true }, 0),
        &[x(), vector(2), vector(3)],
        true,
    );
    for &activation in Activation::ALL {
        let bias = Tensor::from_slice(&[5.0, -5.0, 4.0, 0.01], &[4]).expect("bias");
        let smooth = activation != Activation::Relu;
        check(activation.name(), &run(FusedOp::BiasActivation(activation), 0), &[x(), bias.clone()], smooth);
        let w = tensor(&[4, 3], -1.0, 1.0, 2);
        let bias = ops::narrow(&bias, 0, 0, 3).expect("a part");
        let linear = |x: &[Tensor]| ops::linear(&x[0], &x[1], Ending::new(&x[2], activation), 1);
        check("linear", &linear, &[x(), w.clone(), bias.clone()], smooth);
        let ended = |x: &[Tensor]| {
            ops::linear(&x[0], &x[1], Ending { scale: 0.7, residual: Some(&x[3]), ..Ending::new(&x[2], activation) }, 1)
        };
        let residual = tensor(&[2, 3, 3], -0.1, 0.1, 4);
        check("linear with residual", &ended, &[x(), w, bias.clone(), residual], smooth);
        let spec = ConvSpec {
            strides: Dims::from_slice(&[1]),
            padding: Padding::from_slice(&[(1, 0)]),
            dilation: Dims::from_slice(&[1]),
            groups: 1,
        };
        let w = tensor(&[2, 4, 3], -1.0, 1.0, 2);
        let conv = |x: &[Tensor]| ops::conv_bias(&x[0], &x[1], Ending::new(&x[2], activation), spec.clone());
        check("conv_bias", &conv, &[x(), w.clone(), bias.clone()], smooth);
        let ended = |x: &[Tensor]| {
            ops::conv_bias(
                &x[0],
                &x[1],
                Ending { scale: 0.7, residual: Some(&x[3]), ..Ending::new(&x[2], activation) },
                spec.clone(),
            )
        };
        let residual = conv(&[x(), w.clone(), bias.clone()]).expect("it fits");
        check("conv_bias with residual", &ended, &[x(), w, bias, residual], smooth);
    }
    check(
        "dropout",
        &run(FusedOp::Dropout(DropoutSpec { rate: 0.4, key: Key { seed: 7, stream: 3 } }), 0),
        &[x()],
        false,
    );
    let (q, k, v) =
        (tensor(&[2, 3, 2, 4], -1.0, 1.0, 1), tensor(&[2, 5, 2, 4], -1.0, 1.0, 2), tensor(&[2, 5, 2, 3], -1.0, 1.0, 3));
    for causal in [false, true] {
        let op = FusedOp::Attention(AttentionSpec { scale: 0.5, causal, mask: false, dropout: None });
        check("attention", &run(op, 0), &[q.clone(), k.clone(), v.clone()], true);
        let dropout = Some(DropoutSpec { rate: 0.3, key: Key { seed: 4, stream: 2 } });
        let op = FusedOp::Attention(AttentionSpec { scale: 0.5, causal, mask: false, dropout });
        check("attention with dropout", &run(op, 0), &[q.clone(), k.clone(), v.clone()], true);
        let bias = tensor(&[2, 1, 3, 5], -1.0, 1.0, 4);
        let op = FusedOp::Attention(AttentionSpec { scale: 0.5, causal, mask: true, dropout: None });
        check("attention with bias", &run(op.clone(), 0), &[q.clone(), k.clone(), v.clone(), bias], false);
        let allowed: Vec<bool> = (0..15).map(|i| i % 4 != 1).collect();
        let mask = Tensor::from_slice(&allowed, &[3, 5]).expect("mask");
        check(
            "attention with mask",
            &|x| run(op.clone(), 0)(&[x[0].clone(), x[1].clone(), x[2].clone(), mask.clone()]),
            &[q.clone(), k.clone(), v.clone()],
            false,
        );
    }
    let (f, u) = (3, 2);
    let sequence = tensor(&[2, 4, f], -1.0, 1.0, 1);
    let state = |salt| tensor(&[2, u], -1.0, 1.0, salt);
    let lstm = [
        sequence.clone(),
        tensor(&[f, 4 * u], -1.0, 1.0, 2),
        tensor(&[u, 4 * u], -1.0, 1.0, 3),
        tensor(&[4 * u], -1.0, 1.0, 4),
        state(5),
        state(6),
    ];
    let gru = [
        sequence,
        tensor(&[f, 3 * u], -1.0, 1.0, 2),
        tensor(&[u, 3 * u], -1.0, 1.0, 3),
        tensor(&[2, 3 * u], -1.0, 1.0, 4),
        state(5),
    ];
    for part in 0..3 {
        check("lstm", &run(FusedOp::Lstm, part), &lstm, part == 0);
        check("gru", &run(FusedOp::Gru, part), &gru, part == 0);
    }
}

#[test]
fn deep_histories_are_freed_without_recursion() {
    let mut x = Tensor::from_slice(&[1.0f64], &[1]).expect("value").watched();
    for _ in 0..200_000 {
        x = ops::neg(&x).expect("negation");
    }
    drop(x);
}

#[test]
fn backward_fills_leaves_and_adds_up() {
    let x = tensor(&[3], 1.0, 2.0, 1).watched();
    for _ in 0..2 {
        let y = ops::sum(&ops::square(&x).expect("square"), &[0], false).expect("sum");
        autograd::backward(&[y], &[None]).expect("backward");
    }
    let g = x.leaf().and_then(autograd::Leaf::gradient).expect("a gradient");
    let expected: Vec<f64> = x.detach().to_vec::<f64>().expect("values").iter().map(|v| 4.0 * v).collect();
    assert_close("backward twice", &g, &expected, 1e-12);
    assert!(autograd::backward(&[x.detach()], &[None]).is_err());
}

#[test]
fn sums_of_gradients_take_no_memory_that_others_hold() {
    // Large enough to be added in place.
    let len = 5000;
    let upstream = tensor(&[len], 1.0, 2.0, 3);
    let (before, x) = (upstream.to_vec::<f64>().expect("values"), tensor(&[len], 1.0, 2.0, 1).watched());
    let y = ops::add(&ops::add(&x, &ops::mul(&x, &x).expect("product")).expect("sum"), &x).expect("sum");
    let found =
        autograd::gradients(&[y], &[Some(upstream.clone())], std::slice::from_ref(&x), false).expect("no error");
    assert_eq!(upstream.to_vec::<f64>().expect("values"), before);
    let x = x.detach().to_vec::<f64>().expect("values");
    let expected: Vec<f64> = before.iter().zip(x).map(|(g, x)| g * (2.0 + 2.0 * x)).collect();
    assert_close("x + x * x + x", found[0].as_ref().expect("a gradient"), &expected, 1e-12);
}
