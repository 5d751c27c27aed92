//! Logarithm, exponential and inverse normal distribution from IEEE additions, multiplications,
//! divisions and square roots alone, so that the same counter gives the same bits on every
//! platform (the functions of the system's mathematics library differ between platforms).

/// Natural logarithm of a positive, finite number; relative error about 1e-16.
pub(super) fn ln(x: f64) -> f64 {
    const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    // Subnormal inputs are scaled into the normal range first.
    let (x, shift) = if x < f64::MIN_POSITIVE { (x * 18_014_398_509_481_984.0, -54) } else { (x, 0) };
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i64 - 1023 + shift;
    let mut mantissa = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa *= 0.5;
        exponent += 1;
    }
    // ln m = 2 atanh((m - 1) / (m + 1)); |s| <= 0.1716, so twelve terms reach the last bit.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let mut series = 0.0;
    let mut k = 25.0;
    while k >= 3.0 {
        series = series * square + 1.0 / k;
        k -= 2.0;
    }
    let e = exponent as f64;
    e * LN_2_HIGH + (2.0 * s + (2.0 * s * square * series + e * LN_2_LOW))
}

/// `e^x`; relative error about 2e-16.
pub(super) fn exp(x: f64) -> f64 {
    if x < -745.2 {
        return 0.0;
    }
    if x > 709.8 {
        return f64::INFINITY;
    }
    let n = (x * std::f64::consts::LOG2_E + if x < 0.0 { -0.5 } else { 0.5 }).trunc();
    let r = (x - n * 6.931_471_803_691_238e-1) - n * 1.908_214_929_270_587_7e-10;
    let mut sum = 1.0;
    let mut k = 14.0;
    while k >= 1.0 {
        sum = 1.0 + sum * r / k;
        k -= 1.0;
    }
    // Two factors, because 2^n alone leaves the exponent range near both ends.
    let half = (n as i64) / 2;
    sum * power_of_two(half) * power_of_two(n as i64 - half)
}

fn power_of_two(n: i64) -> f64 {
    f64::from_bits(((n + 1023) as u64) << 52)
}

fn horner(x: f64, coefficients: &[f64]) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, &c| sum * x + c)
}

/// The quantile function of the normal distribution for 0 < p < 1: Wichura's rational
/// approximations (algorithm AS 241), relative error about 1e-16.
pub(super) fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * horner(r, &CENTER_NUMERATOR) / horner(r, &CENTER_DENOMINATOR);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = (-ln(tail)).sqrt();
    let magnitude = if r <= 5.0 {
        horner(r - 1.6, &MIDDLE_NUMERATOR) / horner(r - 1.6, &MIDDLE_DENOMINATOR)
    } else {
        horner(r - 5.0, &TAIL_NUMERATOR) / horner(r - 5.0, &TAIL_DENOMINATOR)
    };
    if q < 0.0 { -magnitude } else { magnitude }
}

const CENTER_NUMERATOR: [f64; 8] = [
    3.387_132_872_796_366_5,
    1.331_416_678_917_843_8e2,
    1.971_590_950_306_551_3e3,
    1.373_169_376_550_946e4,
    4.592_195_393_154_987e4,
    6.726_577_092_700_87e4,
    3.343_057_558_358_813e4,
    2.509_080_928_730_122_7e3,
];
const CENTER_DENOMINATOR: [f64; 8] = [
    1.0,
    4.231_333_070_160_091e1,
    6.871_870_074_920_579e2,
    5.394_196_021_424_751e3,
    2.121_379_430_158_66e4,
    3.930_789_580_009_271e4,
    2.872_908_573_572_194_3e4,
    5.226_495_278_852_854e3,
];
const MIDDLE_NUMERATOR: [f64; 8] = [
    1.423_437_110_749_683_5,
    4.630_337_846_156_546,
    5.769_497_221_460_691,
    3.647_848_324_763_204_5,
    1.270_458_252_452_368_4,
    2.417_807_251_774_506e-1,
    2.272_384_498_926_918_4e-2,
    7.745_450_142_783_414e-4,
];
const MIDDLE_DENOMINATOR: [f64; 8] = [
    1.0,
    2.053_191_626_637_759,
    1.676_384_830_183_803_8,
    6.897_673_349_851e-1,
    1.481_039_764_274_800_8e-1,
    1.519_866_656_361_645_7e-2,
    5.475_938_084_995_345e-4,
    1.050_750_071_644_416_9e-9,
];
const TAIL_NUMERATOR: [f64; 8] = [
    6.657_904_643_501_103,
    5.463_784_911_164_114,
    1.784_826_539_917_291_3,
    2.965_605_718_285_048_7e-1,
    2.653_218_952_657_612_4e-2,
    1.242_660_947_388_078_4e-3,
    2.711_555_568_743_487_6e-5,
    2.010_334_399_292_288_1e-7,
];
const TAIL_DENOMINATOR: [f64; 8] = [
    1.0,
    5.998_322_065_558_88e-1,
    1.369_298_809_227_358e-1,
    1.487_536_129_085_061_5e-2,
    7.868_691_311_456_133e-4,
    1.846_318_317_510_054_8e-5,
    1.421_511_758_316_446e-7,
    2.044_263_103_389_939_8e-15,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ln_and_exp_agree_with_the_system() {
        for i in 1..4000 {
            let x = (f64::from(i) * 0.37 - 700.0).exp();
            let expected = x.ln();
            assert!((ln(x) - expected).abs() <= 4e-16 * expected.abs().max(0.1), "ln {x}");
            let y = f64::from(i) * 0.35 - 700.0;
            assert!((exp(y) / y.exp() - 1.0).abs() < 1e-15, "exp {y}");
        }
        assert!((ln(5e-324) - 5e-324_f64.ln()).abs() < 1e-12);
        assert_eq!(ln(1.0), 0.0);
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-800.0), 0.0);
    }

    #[test]
    fn quantiles_match_published_values() {
        for (p, z) in [
            (0.5, 0.0),
            (0.975, 1.959_963_984_540_054),
            (0.022_750_131_948_179_21, -2.0),
            (1e-10, -6.361_340_902_404_056),
            (1e-20, -9.262_340_089_798_408),
        ] {
            assert!((normal_quantile(p) - z).abs() < 2e-14, "{p}: {}", normal_quantile(p));
        }
    }
}
