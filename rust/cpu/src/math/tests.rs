use super::{single, special, wide};
use crate::simd::{
    Isa, isa,
    map::{Map1, wide1},
};

/// The distance of `got` from the true value in units in the last place of float32.
fn ulps(got: f32, truth: f64) -> f64 {
    let want = truth as f32;
    if got == want || (got.is_nan() && want.is_nan()) {
        return 0.0;
    }
    let unit =
        f64::from(f32::from_bits((want.abs().to_bits() & 0x7f80_0000).max(0x0080_0000))) * f64::from(f32::EPSILON);
    (f64::from(got) - truth).abs() / unit
}

/// Numbers of all magnitudes and both signs within the bounds, and the special ones.
fn inputs(low: f32, high: f32) -> impl Iterator<Item = f32> {
    let all = (0..u32::MAX).step_by(9973).map(f32::from_bits);
    let dense = (0..200_000u32).map(|i| (i as f32 / 100_000.0 - 1.0) * 12.0);
    all.chain(dense).chain([0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN]).filter(move |x| !(*x < low || *x > high))
}

fn check(
    name: &str,
    limit: f64,
    low: f32,
    high: f32,
    plain: fn(f32) -> f32,
    fused: fn(f32) -> f32,
    truth: fn(f64) -> f64,
) {
    let (mut worst, mut at) = (0.0, 0.0);
    for x in inputs(low, high) {
        let want = truth(f64::from(x));
        for got in [plain(x), fused(x)] {
            let error = ulps(got, want);
            if error > worst || error.is_nan() {
                (worst, at) = (error, x);
            }
        }
    }
    assert!(worst <= limit, "{name}: {worst} ulps at {at:e}");
}

macro_rules! check {
    ($name:ident, $limit:expr, $low:expr, $high:expr, $truth:expr) => {
        check(stringify!($name), $limit, $low, $high, single::$name::<false>, single::$name::<true>, $truth)
    };
}

const ALL: (f32, f32) = (f32::NEG_INFINITY, f32::INFINITY);

#[test]
fn exponentials_and_logarithms() {
    check!(exp, 1.5, ALL.0, ALL.1, f64::exp);
    check!(exp2, 1.5, ALL.0, ALL.1, f64::exp2);
    check!(expm1, 2.5, ALL.0, ALL.1, f64::exp_m1);
    check!(log, 1.5, ALL.0, ALL.1, f64::ln);
    check!(log2, 2.5, ALL.0, ALL.1, f64::log2);
    check!(log10, 2.5, ALL.0, ALL.1, f64::log10);
    check!(log1p, 2.5, ALL.0, ALL.1, f64::ln_1p);
}

#[test]
fn activations() {
    check!(tanh, 4.0, ALL.0, ALL.1, f64::tanh);
    check!(sigmoid, 4.0, ALL.0, ALL.1, |x| 1.0 / (1.0 + (-x).exp()));
    check!(silu, 4.0, f32::MIN, ALL.1, |x| x / (1.0 + (-x).exp()));
    check!(softplus, 4.0, ALL.0, ALL.1, |x| x.max(0.0) + (-x.abs()).exp().ln_1p());
    check!(gelu, 4.5, f32::MIN, ALL.1, |x| 0.5 * x * special::erfc(-x * std::f64::consts::FRAC_1_SQRT_2));
    check!(gelu_tanh, 4.0, -1e10, 1e10, |x| {
        let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
        x / (1.0 + (-2.0 * u).exp())
    });
    for (low, value) in [(single::silu::<true>(f32::NEG_INFINITY), 0.0), (single::gelu::<true>(f32::NEG_INFINITY), 0.0)]
    {
        assert_eq!(low, value);
    }
}

/// Runs a function over registers (or its twin) on all numbers, in pieces of many lengths.
fn over_registers<F: wide::Function, const STREAM: bool>(x: &[f32]) -> Vec<f32> {
    struct Twin;
    impl Map1 for Twin {
        type In = f32;
        type Out = f32;
        fn apply<const FMA: bool>(_: f32) -> f32 {
            f32::NAN
        }
    }
    let mut out = vec![0.0f32; x.len()];
    let (mut at, mut piece) = (0, 1);
    while at < x.len() {
        let n = piece.min(x.len() - at);
        // SAFETY: both slices have `n` elements from `at`.
        unsafe { wide1::<F, Twin, STREAM>(x[at..].as_ptr().cast(), out[at..].as_mut_ptr().cast(), n) };
        at += n;
        piece = if piece > 40 { 4096 } else { piece + 1 };
    }
    out
}

#[test]
fn functions_over_registers() {
    fn check<F: wide::Function>(name: &str, limit: f64, low: f32, truth: fn(f64) -> f64) {
        let dense = (0..4_000_000u32).map(|i| (i as f32 / 2_000_000.0 - 1.0) * 110.0);
        let x: Vec<f32> = inputs(low, f32::INFINITY).chain(dense).collect();
        let (mut worst, mut at) = (0.0, 0.0);
        let got = over_registers::<F, false>(&x);
        let streamed = over_registers::<F, true>(&x);
        assert!(got.iter().zip(&streamed).all(|(a, b)| a.to_bits() == b.to_bits()), "{name}");
        for (got, &x) in got.into_iter().zip(&x) {
            let error = ulps(got, truth(f64::from(x)));
            if error > worst || error.is_nan() {
                (worst, at) = (error, x);
            }
        }
        assert!(worst <= limit, "{name}: {worst} ulps at {at:e}");
    }
    if isa() == Isa::Scalar {
        return;
    }
    check::<wide::Exp>("exp", 1.5, ALL.0, f64::exp);
    check::<wide::Tanh>("tanh", 4.0, ALL.0, f64::tanh);
    check::<wide::Sigmoid>("sigmoid", 4.0, ALL.0, |x| 1.0 / (1.0 + (-x).exp()));
    check::<wide::Silu>("silu", 4.0, f32::MIN, |x| x / (1.0 + (-x).exp()));
    check::<wide::Gelu>("gelu", 4.0, f32::MIN, |x| 0.5 * x * special::erfc(-x * std::f64::consts::FRAC_1_SQRT_2));
    check::<wide::GeluTanh>("gelu_tanh", 4.0, f32::MIN, |x| {
        let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
        x / (1.0 + (-2.0 * u).exp())
    });
    let ends = [f32::NEG_INFINITY, f32::INFINITY, -0.0];
    for got in [over_registers::<wide::Silu, false>(&ends), over_registers::<wide::Gelu, false>(&ends)] {
        assert_eq!(got, [0.0, f32::INFINITY, 0.0]);
    }
}

#[test]
fn error_functions() {
    check!(erf, 4.0, ALL.0, ALL.1, special::erf);
    check!(erfc, 4.0, ALL.0, ALL.1, special::erfc);
}

#[test]
fn trigonometry() {
    let limit = single::TRIGONOMETRY_LIMIT;
    check!(sin, 1.0, -limit, limit, f64::sin);
    check!(cos, 1.0, -limit, limit, f64::cos);
    check!(tan, 1.5, -limit, limit, f64::tan);
}

#[test]
fn log_add_exp_at_infinity() {
    let f = single::log_add_exp::<true>;
    let inf = f32::INFINITY;
    assert_eq!((f(inf, 1.0), f(-inf, 1.0), f(-inf, -inf), f(inf, -inf), f(inf, inf)), (inf, 1.0, -inf, inf, inf));
    assert!(f(f32::NAN, 1.0).is_nan() && f(1.0, f32::NAN).is_nan());
    assert!((f(0.0, 0.0) - std::f32::consts::LN_2).abs() < 1e-7);
}

/// Values of the tables in Abramowitz & Stegun and of identities.
#[test]
fn special_functions() {
    let close = |got: f64, want: f64| assert!((got - want).abs() <= 2e-13 * want.abs(), "{got:e} {want:e}");
    close(special::erf(0.5), 0.520_499_877_813_046_5);
    close(special::erf(3.0), 0.999_977_909_503_001_4);
    close(special::erfc(2.0), 4.677_734_981_047_266e-3);
    close(special::erfc(10.0), 2.088_487_583_762_545e-45);
    close(special::erfc(1.999_999_999), 2.0 - special::erfc(-1.999_999_999));
    for i in 1..200 {
        let y = f64::from(i) * 0.025;
        close(special::erfinv(special::erf(y.min(3.0))), y.min(3.0));
    }
    assert_eq!(special::erfinv(1.0), f64::INFINITY);
    assert!(special::erfinv(1.5).is_nan());

    close(special::lgamma(0.5), 0.5 * std::f64::consts::PI.ln());
    close(special::lgamma(10.0), 362_880f64.ln());
    close(special::lgamma(100.0), 359.134_205_369_575_4);
    let z = 2f64.powi(-30);
    close(special::lgamma(1.0 + z), z * (-0.577_215_664_901_532_9 + z * 0.822_467_033_424_113_2));
    close(special::lgamma(-1.5), 0.860_047_015_376_481);
    for i in 1..400 {
        let x = f64::from(i) * 0.0713 + 0.01;
        let difference = special::lgamma(x + 1.0) - special::lgamma(x) - x.ln();
        assert!(difference.abs() < 1e-13 * (1.0 + special::lgamma(x).abs()), "{x}: {difference:e}");
        let difference = special::digamma(x + 1.0) - special::digamma(x) - 1.0 / x;
        assert!(difference.abs() < 1e-13 * (1.0 + 1.0 / x), "{x}: {difference:e}");
    }
    close(special::digamma(1.0), -0.577_215_664_901_532_9);
    close(special::digamma(-0.5), 0.036_489_973_978_576_52);
    close(special::polygamma(1, 1.0), std::f64::consts::PI.powi(2) / 6.0);
    close(special::polygamma(2, 1.0), -2.404_113_806_319_188_6);
    close(special::polygamma(3, 0.5), std::f64::consts::PI.powi(4));
    close(special::polygamma(1, -0.5), std::f64::consts::PI.powi(2) / 2.0 + 4.0);

    close(special::bessel_i0(1.0), 1.266_065_877_752_008_4);
    close(special::bessel_i0(24.9), special::bessel_i0(-24.9));
    close(special::bessel_i0(30.0), 7.816_722_978_239_774e11);
    close(special::bessel_i1(1.0), 0.565_159_103_992_485_1);
    close(special::bessel_i1(-30.0), -7.685_320_389_389_572e11);
}

#[test]
fn powers() {
    let special =
        [0.0, 1.0, 2.0, 3.0, 0.5, 1.5, 1e-3, 1e-40, 7.0, 100.0, 1e10, 16_777_217.0, 3e38, f32::INFINITY, f32::NAN];
    let values: Vec<f32> = special.iter().flat_map(|&x| [x, -x]).chain((1..200).map(|i| i as f32 * 0.037)).collect();
    for &x in &values {
        for &y in &values {
            let want = f64::from(x).powf(f64::from(y));
            for got in [single::pow::<false>(x, y), single::pow::<true>(x, y)] {
                assert!(ulps(got, want) <= 1.0, "{x:e} ^ {y:e}: {got:e} {want:e}");
                assert!(
                    got.is_nan() || got.is_sign_negative() == want.is_sign_negative(),
                    "{x:e} ^ {y:e}: {got:e} {want:e}"
                );
            }
        }
    }
}
