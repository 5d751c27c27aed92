// Special functions in float32.

// e^(y^2) erfc(y) for y >= 0: a polynomial in (y - 2)/(y + 2), fitted to (1 + 2y) times it.
fn k_erfcx(y: f32) -> f32 {
    let t = (y - 2.0) / (y + 2.0);
    var p = -3.361005636e-4 + t * 4.077207406e-5;
    p = -1.251820164e-3 + t * p;
    p = 1.248008303e-3 + t * p;
    p = 8.629641860e-3 + t * p;
    p = -8.037208691e-3 + t * p;
    p = -5.420214438e-2 + t * p;
    p = 1.6405236815e-1 + t * p;
    p = -1.6603163958e-1 + t * p;
    p = -9.2763873071e-2 + t * p;
    p = 1.27697839579 + t * p;
    return p / (1.0 + 2.0 * y);
}

// x^2 as an exact sum of two numbers.
fn k_square_split(x: f32) -> vec2<f32> {
    let lead = k_lead(x);
    return vec2<f32>(lead * lead, (x - lead) * (x + lead));
}

// erfc(y) for y >= 0.
fn k_erfc_positive(y: f32) -> f32 {
    let bounded = select(y, 11.0, y > 11.0);
    let square = k_square_split(bounded);
    return k_exp_times(-square.x, -square.y, k_erfcx(bounded));
}

// erf(x) for |x| <= 1: a polynomial in x^2, fitted to erf(x)/x.
fn k_erf_small(x: f32) -> f32 {
    let z = x * x;
    var p = -8.010189376e-4 + z * 7.853847329e-5;
    p = 5.188327202e-3 + z * p;
    p = -2.685381168e-2 + z * p;
    p = 1.128358514e-1 + z * p;
    p = -3.761262582e-1 + z * p;
    p = 1.283791657e-1 + z * p;
    return x + x * p;
}

fn k_erf(x: f32) -> f32 {
    let y = k_abs(x);
    let large = k_copysign(1.0 - k_erfc_positive(y), x);
    return select(select(large, k_erf_small(x), y < 1.0), x, k_is_nan(x));
}

fn k_erfc(x: f32) -> f32 {
    let y = k_abs(x);
    let tail = k_erfc_positive(y);
    let far = select(tail, 2.0 - tail, x < 0.0);
    return select(select(far, 1.0 - k_erf(x), y < 0.5), x, k_is_nan(x));
}

fn k_gelu(x: f32) -> f32 {
    // x times the normal distribution function, whose small tail is half of erfc(|x| / sqrt(2)).
    let y = min(k_abs(select(x, 0.0, k_is_nan(x))), 15.0);
    let square = k_square_split(y);
    let tail = k_exp_times(-0.5 * square.x, -0.5 * square.y, 0.5 * y * k_erfcx(y * 0.70710677));
    let far = select(x - tail, -tail, x < 0.0);
    let near = 0.5 * x * k_erf_small(x * 0.70710677) + 0.5 * x;
    return select(select(far, near, y < 0.8), x, k_is_nan(x));
}

fn k_gelu_tanh(x: f32) -> f32 {
    // x (1 + tanh(u)) / 2 = x / (1 + e^-2u); as for silu, e^-|2u| does not overflow and the product is scaled last.
    let y = clamp(select(x, 0.0, k_is_nan(x)), -20.0, 20.0);
    let u = 1.5957691 * k_abs(y) * (1.0 + 0.044715 * y * y);
    let e = k_exp(-u);
    let numerator = k_exp_times(-u, 0.0, y);
    return select(select(x, numerator, y < 0.0) / (1.0 + e), x, k_is_nan(x));
}

// The number whose error function is x (Giles, 2010: the approximation for single precision).
fn k_erfinv(x: f32) -> f32 {
    let y = k_abs(x);
    if k_is_nan(x) || y > 1.0 {
        return k_nan();
    }
    if y == 1.0 {
        return k_copysign(k_inf(), x);
    }
    var w = -k_log((1.0 - y) * (1.0 + y));
    var p = 0.0;
    if w < 5.0 {
        w = w - 2.5;
        p = 3.43273939e-7 + w * 2.81022636e-8;
        p = -3.5233877e-6 + w * p;
        p = -4.39150654e-6 + w * p;
        p = 2.1858087e-4 + w * p;
        p = -1.25372503e-3 + w * p;
        p = -4.17768164e-3 + w * p;
        p = 2.46640727e-1 + w * p;
        p = 1.50140941 + w * p;
    } else {
        w = sqrt(w) - 3.0;
        p = 1.00950558e-4 + w * -2.00214257e-4;
        p = 1.34934322e-3 + w * p;
        p = -3.67342844e-3 + w * p;
        p = 5.73950773e-3 + w * p;
        p = -7.6224613e-3 + w * p;
        p = 9.43887047e-3 + w * p;
        p = 1.00167406 + w * p;
        p = 2.83297682 + w * p;
    }
    return p * x;
}

// ln Gamma(2 + z) for |z| <= 1/2, by its series (Abramowitz and Stegun, 6.1.33).
fn k_lgamma_near_two(z: f32) -> f32 {
    var p = -2.03921575e-06;
    p = 4.37486679e-06 + z * p;
    p = -9.43948828e-06 + z * p;
    p = 2.05072128e-05 + z * p;
    p = -4.49262367e-05 + z * p;
    p = 9.94575128e-05 + z * p;
    p = -0.000223154758 + z * p;
    p = 0.000509669525 + z * p;
    p = -0.00119275391 + z * p;
    p = 0.00289051033 + z * p;
    p = -0.00738555103 + z * p;
    p = 0.0205808084 + z * p;
    p = -0.0673523011 + z * p;
    p = 0.322467033 + z * p;
    return z * (0.42278434 + z * p);
}

// ln |Gamma(x)| for x >= 1/2.
fn k_lgamma_positive(x: f32) -> f32 {
    if x < 1.5 {
        return k_lgamma_near_two(x - 1.0) - k_log1p(x - 1.0);
    }
    if x < 10.0 {
        var y = x;
        var product = 1.0;
        for (var step = 0u; step < 8u && y > 2.5; step++) {
            y -= 1.0;
            product *= y;
        }
        return k_log(product) + k_lgamma_near_two(y - 2.0);
    }
    // Stirling's series (6.1.40).
    let z = 1.0 / (x * x);
    let tail = (0.083333336 + z * (-0.0027777778 + z * 0.0007936508)) / x;
    return (x - 0.5) * (k_log(x) - 1.0) + (0.4189385332 + tail);
}

// ln |Gamma(x)|
fn k_lgamma(x: f32) -> f32 {
    if k_is_nan(x) {
        return x;
    }
    if k_is_inf(x) {
        return k_inf();
    }
    if x >= 0.5 {
        return k_lgamma_positive(x);
    }
    if x == floor(x) {
        return k_inf();
    }
    // Reflection (6.1.17), with the sine of the fraction: pi x itself would lose digits.
    let fraction = x - round(x);
    return k_log(3.1415927 / k_abs(k_sin(3.1415927 * fraction))) - k_lgamma_positive(1.0 - x);
}

// The derivative of ln Gamma for x > 0.
fn k_digamma_positive(x: f32) -> f32 {
    var y = x;
    var sum = 0.0;
    for (var step = 0u; step < 6u && y < 6.0; step++) {
        sum -= 1.0 / y;
        y += 1.0;
    }
    let z = 1.0 / (y * y);
    let tail = z * (0.083333336 - z * (0.008333334 - z * (0.003968254 - z * 0.004166667)));
    return k_log(y) - 0.5 / y - tail + sum;
}

// The derivative of ln Gamma.
fn k_digamma(x: f32) -> f32 {
    if k_is_nan(x) || (k_is_inf(x) && x > 0.0) {
        return x;
    }
    if x > 0.0 {
        return k_digamma_positive(x);
    }
    if k_is_inf(x) || x == floor(x) {
        return k_nan();
    }
    // Reflection (6.3.7).
    return k_digamma_positive(1.0 - x) - 3.1415927 / k_tan(3.1415927 * (x - round(x)));
}

// n! / x^(n + 1), factor by factor, so that neither overflows alone.
fn k_polygamma_term(n: u32, x: f32) -> f32 {
    var term = 1.0 / x;
    for (var j = 1u; j <= n; j++) {
        term *= f32(j) / x;
    }
    return term;
}

// The derivative of digamma of order n > 0 (6.4.10): the sum of n! / (x + k)^(n + 1), its tail by Euler and Maclaurin.
fn k_polygamma(n: u32, x: f32) -> f32 {
    if k_is_nan(x) || x < -100000.0 {
        return k_nan();
    }
    if k_is_inf(x) {
        return 0.0;
    }
    if x <= 0.0 && x == floor(x) {
        return k_inf();
    }
    var y = x;
    var sum = 0.0;
    for (var step = 0u; step < 100001u && y < 0.0; step++) {
        sum += k_polygamma_term(n, y);
        y += 1.0;
    }
    let a = y + 12.0;
    let last = k_polygamma_term(n, a);
    let s = f32(n + 1u);
    let z = 1.0 / (a * a);
    // B2, B4, B6, B8 over factorials, times s (s + 1) ...
    let first = s / (12.0 * a);
    let second = s * (s + 1.0) * (s + 2.0) * z / (720.0 * a);
    let third = s * (s + 1.0) * (s + 2.0) * (s + 3.0) * (s + 4.0) * z * z / (30240.0 * a);
    var tail = last * (a / f32(n) + 0.5 + first - second + third);
    for (var k = 12u; k > 0u; k--) {
        tail += k_polygamma_term(n, y + f32(k - 1u));
    }
    sum += tail;
    return select(-sum, sum, (n & 1u) == 1u);
}

// The modified Bessel function of the first kind of order 0 or 1: the series 9.6.10 of Abramowitz and Stegun, the
// expansion 9.7.1 for large arguments.
fn k_bessel(order: u32, x: f32) -> f32 {
    if k_is_nan(x) {
        return x;
    }
    let y = k_abs(x);
    let nu = f32(order);
    var value = 0.0;
    if k_is_inf(y) {
        value = y;
    } else if y <= 25.0 {
        let quarter = y * y * 0.25;
        var term = select(0.5 * y, 1.0, order == 0u);
        value = term;
        for (var k = 1u; k < 80u && term > 1e-9 * value; k++) {
            term *= quarter / (f32(k) * (f32(k) + nu));
            value += term;
        }
    } else {
        var term = 1.0;
        var sum = 1.0;
        for (var k = 1u; k < 12u; k++) {
            let odd = f32(2u * k - 1u);
            term *= (odd * odd - 4.0 * nu * nu) / (f32(k) * 8.0 * y);
            sum += term;
        }
        // Half the exponent at a time: the result may be finite where e^x is not.
        let half = k_exp(0.5 * y);
        value = half * (sum / sqrt(6.2831855 * y)) * half;
    }
    return select(value, k_copysign(value, x), order == 1u);
}

fn k_bessel_i0(x: f32) -> f32 {
    return k_bessel(0u, x);
}

fn k_bessel_i1(x: f32) -> f32 {
    return k_bessel(1u, x);
}
