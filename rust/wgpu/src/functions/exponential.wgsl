// Exponentials and logarithms in float32, about one unit in the last place: the same polynomials as on the CPU.

// 2^k for k from -126 to 127.
fn k_power_of_two(k: i32) -> f32 {
    return bitcast<f32>(bitcast<u32>(k + 127) << 23u);
}

// x 2^k, right also where 2^k alone would overflow or vanish.
fn k_scale(x: f32, k: i32) -> f32 {
    let half = k >> 1u;
    return x * k_power_of_two(half) * k_power_of_two(k - half);
}

// (e^r - 1 - r) / r^2 for |r| <= ln(2) / 2, by its series.
fn k_exp_tail(r: f32) -> f32 {
    return 0.5 + r * (0.16666667 + r * (0.041666668 + r * (0.008333334 + r * (0.0013888889 + r * 0.0001984127))));
}

// x = k ln 2 + r with |r| <= ln(2) / 2: (k, r).
fn k_reduce_exp(x: f32) -> vec2<f32> {
    let n = round(x * 1.44269504);
    return vec2<f32>(n, (x - n * 0.693359375) + n * 2.12194442e-4);
}

// factor e^(high + low) for a small low; digits are lost neither to a tiny power nor to the sum.
fn k_exp_times(high: f32, low: f32, factor: f32) -> f32 {
    // Beyond these the result is 0 and infinity.
    let x = clamp(select(high, 0.0, k_is_nan(high)), -120.0, 89.0);
    let split = k_reduce_exp(x);
    let r = split.y + low;
    let value = k_scale((r * r * k_exp_tail(r) + r + 1.0) * factor, i32(split.x));
    return select(value, high, k_is_nan(high));
}

fn k_exp(x: f32) -> f32 {
    return k_exp_times(x, 0.0, 1.0);
}

fn k_exp2(x: f32) -> f32 {
    let bounded = clamp(select(x, 0.0, k_is_nan(x)), -151.0, 129.0);
    let n = round(bounded);
    let r = (bounded - n) * 0.69314718;
    return select(k_scale(r * r * k_exp_tail(r) + r + 1.0, i32(n)), x, k_is_nan(x));
}

fn k_expm1(x: f32) -> f32 {
    let bounded = clamp(select(x, 0.0, k_is_nan(x)), -18.0, 89.0);
    let split = k_reduce_exp(bounded);
    let r = split.y;
    let q = r * r * k_exp_tail(r) + r;
    // Half the power, so that the largest results do not overflow early.
    let half = k_power_of_two(i32(split.x) - 1);
    return select((half * q + (half - 0.5)) * 2.0, x, k_is_nan(x));
}

// x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), for positive x: (k, f).
fn k_reduce_log(x: f32) -> vec2<f32> {
    let tiny = x < 1.1754944e-38;
    let y = select(x, x * 33554432.0, tiny);
    let t = bitcast<u32>(y) - 0x3f3504f3u;
    let k = f32(bitcast<i32>(t) >> 23u);
    let f = bitcast<f32>((t & 0x007fffffu) + 0x3f3504f3u) - 1.0;
    return vec2<f32>(select(k, k - 25.0, tiny), f);
}

// ln(1 + f) = f - f^2 / 2 + this.
fn k_log_tail(f: f32) -> f32 {
    let s = f / (2.0 + f);
    let z = s * s;
    let p = 0.6666667 + z * (0.4 + z * (0.2857143 + z * (0.22222222 + z * 0.18181819)));
    return s * (0.5 * f * f + z * p);
}

// k ln 2 + ln(1 + f)
fn k_log_sum(k: f32, f: f32) -> f32 {
    let low = k_log_tail(f) - k * 2.12194442e-4;
    return k * 0.693359375 + (f - (0.5 * f * f - low));
}

// The logarithm's values outside the positive numbers.
fn k_log_ends(x: f32, value: f32) -> f32 {
    if k_is_nan(x) {
        return x;
    }
    if (bitcast<u32>(x) & 0x7fffffffu) == 0u {
        return k_neg(k_inf());
    }
    if k_sign_bit(x) {
        return k_nan();
    }
    return select(value, x, k_is_inf(x));
}

fn k_log(x: f32) -> f32 {
    let split = k_reduce_log(x);
    return k_log_ends(x, k_log_sum(split.x, split.y));
}

fn k_log2(x: f32) -> f32 {
    let split = k_reduce_log(x);
    let f = split.y;
    return k_log_ends(x, (f - (0.5 * f * f - k_log_tail(f))) * 1.44269504 + split.x);
}

fn k_log10(x: f32) -> f32 {
    let split = k_reduce_log(x);
    let f = split.y;
    return k_log_ends(x, (f - (0.5 * f * f - k_log_tail(f))) * 0.43429448 + split.x * 0.30103);
}

// ln(1 + x): the logarithm of the rounded sum, corrected for the rounding.
fn k_log1p(x: f32) -> f32 {
    let u = k_opaque(1.0 + x);
    let split = k_reduce_log(u);
    let above = u > 2.0;
    let lost = select(x - k_opaque(u - 1.0), 1.0 - k_opaque(u - x), above) / u;
    let value = k_log_ends(u, k_log_sum(split.x, split.y) + lost);
    return select(value, x, k_is_nan(x) || (k_is_inf(x) && !k_sign_bit(x)) || (bitcast<u32>(x) & 0x7fffffffu) == 0u);
}

fn k_sinh(x: f32) -> f32 {
    let y = k_abs(x);
    let t = k_expm1(select(y, 80.0, y > 80.0));
    // Half the exponent at a time: the result may be finite where e^x is not.
    let e = k_exp(0.5 * y);
    let value = select(0.5 * (t + t / (t + 1.0)), 0.5 * e * e, y > 80.0);
    return select(k_copysign(value, x), x, k_is_nan(x));
}

fn k_cosh(x: f32) -> f32 {
    let y = k_abs(x);
    let e = k_exp(select(y, 80.0, y > 80.0));
    let half = k_exp(0.5 * y);
    return select(select(0.5 * e + 0.5 / e, 0.5 * half * half, y > 80.0), x, k_is_nan(x));
}

fn k_tanh(x: f32) -> f32 {
    let y = k_abs(x);
    let t = k_expm1(2.0 * select(y, 10.0, y > 10.0));
    return select(k_copysign(t / (t + 2.0), x), x, k_is_nan(x));
}

fn k_asinh(x: f32) -> f32 {
    let y = k_abs(x);
    let small = k_log1p(y + y * y / (1.0 + sqrt(y * y + 1.0)));
    let value = select(small, k_log(y) + 0.69314718, y > 1e9);
    return select(k_copysign(value, x), x, k_is_nan(x));
}

fn k_acosh(x: f32) -> f32 {
    let t = x - 1.0;
    let value = select(k_log1p(t + sqrt(2.0 * t + t * t)), k_log(x) + 0.69314718, x > 1e9);
    return select(select(value, k_nan(), x < 1.0), x, k_is_nan(x));
}

fn k_atanh(x: f32) -> f32 {
    let y = k_abs(x);
    let value = select(0.5 * k_log1p(2.0 * y / (1.0 - y)), k_inf(), y == 1.0);
    return select(select(k_copysign(value, x), k_nan(), y > 1.0), x, k_is_nan(x));
}

fn k_sigmoid(x: f32) -> f32 {
    // e^-|x| never overflows, and small results keep their digits.
    let e = k_exp(-k_abs(x));
    return select(select(1.0, e, x < 0.0) / (1.0 + e), x, k_is_nan(x));
}

fn k_silu(x: f32) -> f32 {
    let e = k_exp(-k_abs(x));
    // The product before scaling: e alone may be too small to have digits.
    let low = k_exp_times(x, 0.0, select(x, -120.0, x < -120.0));
    return select(select(x, low, x < 0.0) / (1.0 + e), x, k_is_nan(x));
}

fn k_softplus(x: f32) -> f32 {
    return select(select(0.0, x, x > 0.0) + k_log1p(k_exp(-k_abs(x))), x, k_is_nan(x));
}

// ln(e^a + e^b)
fn k_log_add_exp(a: f32, b: f32) -> f32 {
    let large = select(a, b, a < b);
    let small = select(b, a, a < b);
    let sum = large + k_log1p(k_exp(small - large));
    // Equal infinities have no difference.
    return select(select(sum, a + 0.69314718, a == b), a + b, k_is_nan(a) || k_is_nan(b));
}

// The leading twelve bits: products of two such numbers are exact.
fn k_lead(x: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u);
}

// |x|^y for ordinary x: the logarithm has some ten more bits than a float32, as the exponent magnifies its error.
fn k_power_magnitude(x: f32, y: f32) -> f32 {
    let split = k_reduce_log(k_abs(x));
    let k = split.x;
    let f = split.y;
    // ln(1 + f) = 2 (s + s^3/3 + s^5/5 + ...), s = f / (2 + f) as a sum of two numbers.
    let d = k_opaque(f + 2.0);
    let d_low = f - k_opaque(d - 2.0);
    let d1 = k_lead(d);
    let d2 = d - d1;
    let s1 = k_lead(f / d);
    let rest = k_opaque(k_opaque(f - s1 * d1) - s1 * d2) - s1 * d_low;
    let s2 = rest / d;
    let s = s1 + s2;
    let z = s * s;
    let p = 0.33333334 + z * (0.2 + z * (0.14285715 + z * (0.11111111 + z * (0.09090909 + z * 0.07692308))));
    let tail = s2 + s * z * p;
    // 2 log2(e) in two parts.
    let c1 = k_lead(2.885390082);
    let high = s1 * c1;
    let low = s1 * 6.244567779e-4 + tail * 2.885390082;
    // y log2|x|
    let l1 = k_lead(k + high);
    let l2 = k_opaque(k_opaque(k - l1) + high) + low;
    let y1 = k_lead(y);
    let y2 = y - y1;
    let major = y1 * l1;
    let minor = y1 * l2 + y2 * (l1 + l2);
    let whole = major + minor;
    if k_is_nan(whole) || whole > 129.0 || whole < -151.0 {
        return select(0.0, k_inf(), whole > 0.0);
    }
    let n = round(whole);
    let r = ((major - n) + minor) * 0.69314718;
    return k_scale(r * r * k_exp_tail(r) + r + 1.0, i32(n));
}

// x^y with the special values of C's pow.
fn k_pow(x: f32, y: f32) -> f32 {
    if y == 2.0 {
        return x * x;
    }
    if y == -1.0 {
        return 1.0 / x;
    }
    if y == 0.0 || x == 1.0 {
        return 1.0;
    }
    if k_is_nan(x) || k_is_nan(y) {
        return k_nan();
    }
    let magnitude = k_abs(x);
    let inverse = k_sign_bit(y);
    var value = 1.0;
    if k_is_inf(y) {
        value = select(select(0.0, k_inf(), (magnitude > 1.0) != inverse), 1.0, magnitude == 1.0);
    } else if magnitude == 0.0 {
        value = select(0.0, k_inf(), inverse);
    } else if k_is_inf(x) {
        value = select(k_inf(), 0.0, inverse);
    } else if magnitude != 1.0 {
        value = k_power_magnitude(x, y);
    }
    let whole = trunc(y) == y;
    let even = trunc(0.5 * y) == 0.5 * y;
    if k_sign_bit(x) && whole && !even {
        value = -value;
    }
    if x < 0.0 && !whole && !k_is_inf(x) {
        return k_nan();
    }
    return value;
}
