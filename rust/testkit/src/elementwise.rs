//! Elementwise families.

use corten_core::{Backend, BinaryOp, CompareOp, DType, Kind, Layout, UnaryOp, View};

use crate::among;
use crate::operand::{Operand, assert_close, layouts, read, tolerance};

/// Unary, binary, comparison, selection and cast.
///
/// # Panics
/// Where the backend differs from the reference.
pub fn elementwise<B: Backend>(backend: &B, dtypes: &[DType]) {
    for dtype in among(dtypes, &[DType::F32, DType::F64, DType::F16, DType::BF16]) {
        floats(backend, dtype);
    }
    let integers_of = [DType::I8, DType::I16, DType::I32, DType::I64, DType::U8, DType::U16, DType::U32, DType::U64];
    for dtype in among(dtypes, &integers_of) {
        integers(backend, dtype);
    }
    casts(backend, dtypes);
    special_values(backend, dtypes);
    empty(backend);
}

type Function = fn(f64) -> f64;
type Unary = (UnaryOp, Function, f64, f64);
type Comparison = (CompareOp, fn(f64, f64) -> bool);
type Binary = (BinaryOp, fn(f64, f64) -> f64);

fn check_unary<B: Backend>(backend: &B, dtype: DType, (op, f, low, high): Unary) {
    for x in layouts(backend, dtype, low, high, 1) {
        let y = backend.unary(op, x.view()).expect("unary");
        let out = if op.is_predicate() { DType::Bool } else { dtype };
        let expected: Vec<f64> = x.values().into_iter().map(f).collect();
        let what = format!("{} of {dtype}, {}", op.name(), x.name);
        assert_close(&what, &read(backend, &y, x.shape(), out), &expected, tolerance(dtype));
        if has_in_place(dtype) && !op.is_predicate() {
            let mut place = row_major(backend, &x);
            backend.unary_in_place(op, &mut place, dtype).expect("unary in place");
            assert_close(&what, &read(backend, &place, x.shape(), dtype), &expected, tolerance(dtype));
        }
    }
}

const fn has_in_place(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::F64)
}

fn row_major<B: Backend>(backend: &B, x: &Operand<B>) -> B::Buffer {
    let (dtype, layout) = (x.view().dtype, Layout::contiguous(x.shape()));
    let mut copy = backend.alloc(dtype, layout.len()).expect("memory");
    backend.copy(x.view(), &mut copy, &layout).expect("a copy");
    copy
}

fn check_binary<B: Backend>(backend: &B, dtype: DType, low: f64, high: f64, (op, f): Binary) {
    for a in layouts(backend, dtype, low, high, 1) {
        for b in layouts(backend, dtype, low.max(1.0), high, 2) {
            let y = backend.binary(op, a.view(), b.view()).expect("binary");
            let expected: Vec<f64> = a.values().into_iter().zip(b.values()).map(|(a, b)| f(a, b)).collect();
            let what = format!("{} of {dtype}, {} with {}", op.name(), a.name, b.name);
            // The 16-bit remainder of a rounded quotient can be off by a whole divisor; whole numbers are exact.
            assert_close(&what, &read(backend, &y, a.shape(), dtype), &expected, tolerance(dtype));
            if has_in_place(dtype) {
                let layout = Layout::contiguous(a.shape());
                let (mut left, mut right) = (row_major(backend, &a), row_major(backend, &b));
                let (a_again, b_again) = (row_major(backend, &a), row_major(backend, &b));
                let view = |buffer| View { buffer, layout: &layout, dtype };
                backend.binary_in_place(op, &mut left, view(&b_again), false).expect("over the left operand");
                backend.binary_in_place(op, &mut right, view(&a_again), true).expect("over the right operand");
                for place in [left, right] {
                    assert_close(&what, &read(backend, &place, a.shape(), dtype), &expected, tolerance(dtype));
                }
            }
        }
    }
}

fn python_mod(a: f64, b: f64) -> f64 {
    a - b * (a / b).floor()
}

fn floats<B: Backend>(backend: &B, dtype: DType) {
    use UnaryOp as U;
    let functions: [Unary; 24] = [
        (U::Neg, |x| -x, -3.0, 3.0),
        (U::Abs, f64::abs, -3.0, 3.0),
        (U::Square, |x| x * x, -3.0, 3.0),
        (U::Sqrt, f64::sqrt, 0.0, 9.0),
        (U::Rsqrt, |x| 1.0 / x.sqrt(), 0.5, 9.0),
        (U::Reciprocal, f64::recip, 0.5, 3.0),
        (U::Exp, f64::exp, -3.0, 1.0),
        (U::Exp2, f64::exp2, -3.0, 1.0),
        (U::Expm1, f64::exp_m1, -1.0, 1.0),
        (U::Log, f64::ln, 0.5, 9.0),
        (U::Log2, f64::log2, 0.5, 9.0),
        (U::Log10, f64::log10, 0.5, 9.0),
        (U::Log1p, f64::ln_1p, -0.5, 3.0),
        (U::Sin, f64::sin, -6.0, 6.0),
        (U::Cos, f64::cos, -6.0, 6.0),
        (U::Atan, f64::atan, -3.0, 3.0),
        (U::Sinh, f64::sinh, -1.0, 1.0),
        (U::Tanh, f64::tanh, -4.0, 4.0),
        (U::Floor, f64::floor, -3.0, 3.0),
        (U::Ceil, f64::ceil, -3.0, 3.0),
        (U::Round, f64::round_ties_even, -3.0, 3.0),
        (U::Sigmoid, |x| 1.0 / (1.0 + (-x).exp()), -5.0, 5.0),
        (U::Softplus, |x| x.exp().ln_1p(), -5.0, 5.0),
        (U::Relu, |x| x.max(0.0), -3.0, 3.0),
    ];
    for function in functions {
        check_unary(backend, dtype, function);
    }
    let functions: [Binary; 8] = [
        (BinaryOp::Add, |a, b| a + b),
        (BinaryOp::Sub, |a, b| a - b),
        (BinaryOp::Mul, |a, b| a * b),
        (BinaryOp::Div, |a, b| a / b),
        (BinaryOp::Max, f64::max),
        (BinaryOp::Min, f64::min),
        (BinaryOp::Atan2, f64::atan2),
        (BinaryOp::Hypot, f64::hypot),
    ];
    for function in functions {
        check_binary(backend, dtype, -3.0, 3.0, function);
    }
    comparisons(backend, dtype);
}

fn comparisons<B: Backend>(backend: &B, dtype: DType) {
    let functions: [Comparison; 6] = [
        (CompareOp::Eq, |a, b| a == b),
        (CompareOp::Ne, |a, b| a != b),
        (CompareOp::Lt, |a, b| a < b),
        (CompareOp::Le, |a, b| a <= b),
        (CompareOp::Gt, |a, b| a > b),
        (CompareOp::Ge, |a, b| a >= b),
    ];
    for (op, f) in functions {
        for a in layouts(backend, dtype, 0.0, 3.0, 1) {
            for b in layouts(backend, dtype, 0.0, 3.0, 2) {
                let y = backend.compare(op, a.view(), b.view()).expect("compare");
                let expected: Vec<f64> =
                    a.values().into_iter().zip(b.values()).map(|(a, b)| f64::from(u8::from(f(a, b)))).collect();
                let what = format!("{} of {dtype}, {} with {}", op.name(), a.name, b.name);
                assert_close(&what, &read(backend, &y, a.shape(), DType::Bool), &expected, 0.0);
            }
        }
    }
    let conditions = layouts(backend, DType::Bool, -0.5, 1.5, 3);
    for condition in &conditions {
        for a in layouts(backend, dtype, 0.0, 3.0, 1) {
            let b = &layouts(backend, dtype, 4.0, 9.0, 2)[1];
            let y = backend.select(condition.view(), a.view(), b.view()).expect("select");
            let expected: Vec<f64> = condition
                .values()
                .into_iter()
                .zip(a.values().into_iter().zip(b.values()))
                .map(|(c, (a, b))| if c == 0.0 { b } else { a })
                .collect();
            let what = format!("where of {dtype}, {} with {}", condition.name, a.name);
            assert_close(&what, &read(backend, &y, a.shape(), dtype), &expected, 0.0);
        }
    }
}

fn integers<B: Backend>(backend: &B, dtype: DType) {
    let low = if dtype.kind() == Kind::Signed { -9.0 } else { 0.0 };
    for function in
        [(UnaryOp::Square, (|x| x * x) as fn(f64) -> f64, low, 9.0), (UnaryOp::Relu, |x| x.max(0.0), low, 9.0)]
    {
        check_unary(backend, dtype, function);
    }
    let functions: [Binary; 7] = [
        (BinaryOp::Add, |a, b| a + b),
        (BinaryOp::Mul, |a, b| a * b),
        (BinaryOp::FloorDiv, |a, b| (a / b).floor()),
        (BinaryOp::Mod, python_mod),
        (BinaryOp::Fmod, |a, b| a % b),
        (BinaryOp::Max, f64::max),
        (BinaryOp::Min, f64::min),
    ];
    for function in functions {
        check_binary(backend, dtype, low, 9.0, function);
    }
    comparisons(backend, dtype);
}

fn casts<B: Backend>(backend: &B, dtypes: &[DType]) {
    for &from in dtypes {
        for &to in dtypes {
            for x in layouts(backend, from, 0.0, 100.0, 1) {
                let y = backend.cast(x.view(), to).expect("cast");
                let expected: Vec<f64> = x
                    .values()
                    .into_iter()
                    .map(|value| match to.kind() {
                        Kind::Bool => f64::from(u8::from(value != 0.0)),
                        Kind::Float => value,
                        Kind::Signed | Kind::Unsigned => value.trunc(),
                    })
                    .collect();
                let what = format!("cast of {from} to {to}, {}", x.name);
                assert_close(&what, &read(backend, &y, x.shape(), to), &expected, tolerance(to));
            }
        }
    }
}

/// NaN and infinities go where IEEE 754 says.
fn special_values<B: Backend>(backend: &B, dtypes: &[DType]) {
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let x = [nan, inf, -inf, 0.0, -0.0, 1.0];
    for dtype in among(dtypes, &[DType::F32, DType::F64]) {
        let operand = Operand::contiguous(backend, &x, &[6], dtype);
        let functions: [(UnaryOp, Function); 10] = [
            (UnaryOp::Exp, f64::exp),
            (UnaryOp::Log, f64::ln),
            (UnaryOp::Sqrt, f64::sqrt),
            (UnaryOp::Tanh, f64::tanh),
            (UnaryOp::Sigmoid, |x| 1.0 / (1.0 + (-x).exp())),
            (UnaryOp::Relu, |x| if x.is_nan() { x } else { x.max(0.0) }),
            (UnaryOp::Abs, f64::abs),
            (UnaryOp::IsNan, |x| f64::from(u8::from(x.is_nan()))),
            (UnaryOp::IsInf, |x| f64::from(u8::from(x.is_infinite()))),
            (UnaryOp::IsFinite, |x| f64::from(u8::from(x.is_finite()))),
        ];
        for (op, f) in functions {
            let y = backend.unary(op, operand.view()).expect("unary");
            let out = if op.is_predicate() { DType::Bool } else { dtype };
            let expected: Vec<f64> = x.iter().map(|&x| f(x)).collect();
            assert_close(
                &format!("{} at the ends of {dtype}", op.name()),
                &read(backend, &y, &[6], out),
                &expected,
                tolerance(dtype),
            );
        }
        for op in [BinaryOp::Max, BinaryOp::Min] {
            let one = Operand::contiguous(backend, &[1.0; 6], &[6], dtype);
            for (a, b) in [(&operand, &one), (&one, &operand)] {
                let y = backend.binary(op, a.view(), b.view()).expect("binary");
                assert!(read(backend, &y, &[6], dtype)[0].is_nan(), "{} loses NaN", op.name());
            }
        }
    }
}

fn empty<B: Backend>(backend: &B) {
    let x = Operand::contiguous(backend, &[], &[0, 3], DType::F32);
    backend.unary(UnaryOp::Exp, x.view()).expect("unary of nothing");
    backend.binary(BinaryOp::Add, x.view(), x.view()).expect("binary of nothing");
    backend.cast(x.view(), DType::I32).expect("cast of nothing");
}
