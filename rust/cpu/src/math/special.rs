//! Special functions in float64, by their series, continued fractions and asymptotic expansions
//! (Abramowitz & Stegun, chapters 6, 7 and 9). They are rare in models, so they are written for
//! accuracy (about 1e-13) rather than speed; float32 goes through them too where it has no own form.

use std::{
    f64::consts::{FRAC_2_SQRT_PI, PI},
    sync::OnceLock,
};

/// Bernoulli numbers B2, B4, ..., B20.
const BERNOULLI: [f64; 10] = [
    1.0 / 6.0,
    -1.0 / 30.0,
    1.0 / 42.0,
    -1.0 / 30.0,
    5.0 / 66.0,
    -691.0 / 2730.0,
    7.0 / 6.0,
    -3617.0 / 510.0,
    43867.0 / 798.0,
    -174_611.0 / 330.0,
];
const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

/// e^(-x^2) without the error that rounding x^2 would bring.
fn exp_minus_square(x: f64) -> f64 {
    let high = x * x;
    let low = x.mul_add(x, -high);
    (-high).exp() * (-low).exp()
}

/// The error function's series with positive terms only (7.1.6).
fn erf_series(x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (x, x, 0.0);
    while term.abs() > 1e-17 * sum.abs() {
        n += 1.0;
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
    }
    FRAC_2_SQRT_PI * exp_minus_square(x) * sum
}

/// erfc(x) for x >= 2 by its continued fraction (7.1.14), evaluated from the inside.
fn erfc_fraction(x: f64) -> f64 {
    let steps = (200.0 / x) as u32 + 10;
    let mut tail = x;
    for k in (1..=steps).rev() {
        tail = x + f64::from(k) / 2.0 / tail;
    }
    exp_minus_square(x) / (tail * PI.sqrt())
}

pub(crate) fn erf(x: f64) -> f64 {
    if x.is_nan() {
        x
    } else if x.abs() < 2.0 {
        erf_series(x)
    } else {
        (1.0 - erfc_fraction(x.abs().min(30.0))).copysign(x)
    }
}

pub(crate) fn erfc(x: f64) -> f64 {
    if x.is_nan() {
        x
    } else if x.abs() < 2.0 {
        1.0 - erf_series(x)
    } else {
        let tail = erfc_fraction(x.abs().min(30.0));
        if x < 0.0 { 2.0 - tail } else { tail }
    }
}

/// The number whose error function is x: Winitzki's approximation, then Halley's method.
pub(crate) fn erfinv(x: f64) -> f64 {
    const A: f64 = 0.147;
    let magnitude = x.abs();
    if magnitude == 1.0 {
        return f64::INFINITY.copysign(x);
    }
    if magnitude > 1.0 || x.is_nan() {
        return f64::NAN;
    }
    let log = (-magnitude * magnitude).ln_1p();
    let half = 2.0 / (PI * A) + 0.5 * log;
    // The difference of nearly equal numbers, rewritten without cancellation.
    let root = (half * half - log / A).sqrt();
    let mut y = (-log / A / (root + half)).sqrt();
    for _ in 0..3 {
        let error = if magnitude < 0.5 { erf(y) - magnitude } else { (1.0 - magnitude) - erfc(y) };
        let step = error / (FRAC_2_SQRT_PI * exp_minus_square(y));
        y -= step / (1.0 + y * step);
    }
    y.copysign(x)
}

/// zeta(s) - 1 for s = 2, 3, ..., 60 (Euler-Maclaurin).
fn zeta_minus_one() -> &'static [f64] {
    static TABLE: OnceLock<Vec<f64>> = OnceLock::new();
    TABLE.get_or_init(|| (2..=60).map(|s| hurwitz_zeta(f64::from(s), 2.0)).collect())
}

/// The sum of (x + k)^-s over k = 0, 1, ..., for x > 0 and s > 1 (Euler-Maclaurin).
fn hurwitz_zeta(s: f64, x: f64) -> f64 {
    const DIRECT: u32 = 12;
    let direct: f64 = (0..DIRECT).rev().map(|k| (x + f64::from(k)).powf(-s)).sum();
    let a = x + f64::from(DIRECT);
    let mut sum = a.powf(1.0 - s) / (s - 1.0) + 0.5 * a.powf(-s);
    // B2j / (2j)! s (s + 1) ... (s + 2j - 2) a^(-s - 2j + 1)
    let mut factor = s * a.powf(-s - 1.0) / 2.0;
    for (j, bernoulli) in BERNOULLI.iter().enumerate() {
        sum += bernoulli * factor;
        let n = 2.0 * (j as f64 + 1.0);
        factor *= (s + n - 1.0) * (s + n) / ((n + 1.0) * (n + 2.0) * a * a);
    }
    direct + sum
}

/// ln |Gamma(x)|
pub(crate) fn lgamma(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x.is_infinite() {
        return f64::INFINITY;
    }
    if x < 0.5 {
        if x == x.floor() {
            return f64::INFINITY;
        }
        // Reflection (6.1.17), with the sine of the fraction: pi x itself would lose digits.
        let fraction = x - x.round();
        return (PI / (PI * fraction).sin().abs()).ln() - lgamma(1.0 - x);
    }
    if x < 2.5 {
        // Around 1 and 2, where it vanishes: the series 6.1.33 keeps relative accuracy.
        let near_two = x >= 1.5;
        let z = if near_two { x - 2.0 } else { x - 1.0 };
        let mut sum = 0.0;
        for (i, zeta) in zeta_minus_one().iter().enumerate().rev() {
            let k = i as f64 + 2.0;
            let sign = if i % 2 == 0 { 1.0 } else { -1.0 };
            sum = sum * z + sign * zeta / k;
        }
        let value = z * (1.0 - EULER_GAMMA) + z * z * sum;
        return if near_two { value } else { value - z.ln_1p() };
    }
    // Stirling's series (6.1.40) after stepping up.
    let (mut y, mut product) = (x, 1.0);
    while y < 12.0 {
        product *= y;
        y += 1.0;
    }
    let mut tail = 0.0;
    let inverse_square = 1.0 / (y * y);
    for (j, bernoulli) in BERNOULLI.iter().enumerate().take(8).rev() {
        let n = 2.0 * (j as f64 + 1.0);
        tail = tail * inverse_square + bernoulli / (n * (n - 1.0));
    }
    (y - 0.5) * y.ln() - y + 0.5 * (2.0 * PI).ln() + tail / y - product.ln()
}

/// The derivative of ln Gamma.
pub(crate) fn digamma(x: f64) -> f64 {
    if x.is_nan() || x == f64::INFINITY {
        return x;
    }
    if x <= 0.0 {
        if x == x.floor() {
            return f64::NAN;
        }
        // Reflection (6.3.7).
        return digamma(1.0 - x) - PI / (PI * (x - x.round())).tan();
    }
    let (mut y, mut sum) = (x, 0.0);
    while y < 12.0 {
        sum -= 1.0 / y;
        y += 1.0;
    }
    let inverse_square = 1.0 / (y * y);
    let mut tail = 0.0;
    for (j, bernoulli) in BERNOULLI.iter().enumerate().take(8).rev() {
        tail = (tail + bernoulli / (2.0 * (j as f64 + 1.0))) * inverse_square;
    }
    y.ln() - 0.5 / y - tail + sum
}

/// The derivative of digamma of this order (6.4.10).
pub(crate) fn polygamma(order: u32, x: f64) -> f64 {
    /// Negative arguments are stepped up one by one, this far at most.
    const STEPS: f64 = 100_000.0;
    if order == 0 {
        return digamma(x);
    }
    if x.is_nan() || x < -STEPS {
        return f64::NAN;
    }
    if x == f64::INFINITY {
        return 0.0;
    }
    if x <= 0.0 && x == x.floor() {
        return f64::INFINITY;
    }
    let power = i32::try_from(order).unwrap_or(i32::MAX - 1) + 1;
    let (mut y, mut sum) = (x, 0.0);
    while y < 0.0 {
        sum += y.powi(-power);
        y += 1.0;
    }
    sum += hurwitz_zeta(f64::from(power), y);
    let factorial: f64 = (1..=order).map(f64::from).product();
    if order % 2 == 1 { factorial * sum } else { -factorial * sum }
}

/// The modified Bessel function of the first kind of order 0 or 1: the series 9.6.10, the expansion
/// 9.7.1 for large arguments.
fn bessel(order: u32, x: f64) -> f64 {
    const LARGE: f64 = 25.0;
    let y = x.abs();
    let nu = f64::from(order);
    let value = if y <= LARGE {
        let quarter = y * y / 4.0;
        let mut term = if order == 0 { 1.0 } else { y / 2.0 };
        let (mut sum, mut k) = (term, 0.0);
        while term > 1e-17 * sum {
            k += 1.0;
            term *= quarter / (k * (k + nu));
            sum += term;
        }
        sum
    } else {
        let (mut term, mut sum) = (1.0, 1.0);
        for k in 1..25 {
            let odd = f64::from(2 * k - 1);
            term *= -(4.0 * nu * nu - odd * odd) / (f64::from(k) * 8.0 * y);
            sum += term;
        }
        // Half the exponent at a time: the result may be finite where e^x is not.
        let half = (y / 2.0).exp();
        half * (sum / (2.0 * PI * y).sqrt()) * half
    };
    if y.is_infinite() {
        return if order == 1 { x } else { y };
    }
    if order == 1 { value.copysign(x) } else { value }
}

pub(crate) fn bessel_i0(x: f64) -> f64 {
    if x.is_nan() { x } else { bessel(0, x) }
}

pub(crate) fn bessel_i1(x: f64) -> f64 {
    if x.is_nan() || x == 0.0 { x } else { bessel(1, x) }
}
