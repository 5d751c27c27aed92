// Division and its relatives, and integers: results wrap, dividing by zero gives zero, as in NumPy.

// The remainder with the sign of the dividend, exact: long division of the significands, eight bits at a time.
fn k_fmod(a: f32, b: f32) -> f32 {
    if k_is_nan(a) || k_is_nan(b) || k_is_inf(a) || (bitcast<u32>(b) & 0x7fffffffu) == 0u {
        return k_nan();
    }
    let x = bitcast<u32>(a) & 0x7fffffffu;
    let y = bitcast<u32>(b) & 0x7fffffffu;
    if x < y || y == 0x7f800000u {
        return a;
    }
    let ex = max(x >> 23u, 1u);
    let ey = max(y >> 23u, 1u);
    let significand = (y & 0x007fffffu) | select(0u, 0x00800000u, (y >> 23u) > 0u);
    var rest = (x & 0x007fffffu) | select(0u, 0x00800000u, (x >> 23u) > 0u);
    rest = rest % significand;
    var left = ex - ey;
    for (var step = 0u; step < 40u && left > 0u; step++) {
        let bits = min(left, 8u);
        rest = (rest << bits) % significand;
        left -= bits;
    }
    return k_copysign(k_scale(k_scale(f32(rest), -24), i32(ey) - 126), a);
}

// The remainder with the sign of the divisor.
fn k_mod(a: f32, b: f32) -> f32 {
    let rest = k_fmod(a, b);
    if k_is_nan(rest) {
        return rest;
    }
    if rest == 0.0 {
        return k_copysign(0.0, b);
    }
    return select(rest + b, rest, (rest < 0.0) == (b < 0.0));
}

// The quotient rounded down, consistent with k_mod.
fn k_floor_div(a: f32, b: f32) -> f32 {
    if b == 0.0 || k_is_inf(a) || k_is_nan(a) || k_is_nan(b) {
        return k_divide(a, b);
    }
    let rest = k_fmod(a, b);
    var quotient = round((a - rest) / b);
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) {
        quotient -= 1.0;
    }
    return select(quotient, k_copysign(0.0, a / b), quotient == 0.0);
}

// What IEEE 754 says at zeros, infinities and NaN, where drivers may compute a * (1 / b).
fn k_divide(a: f32, b: f32) -> f32 {
    if k_is_nan(a) || k_is_nan(b) {
        return k_nan();
    }
    let zero = (bitcast<u32>(b) & 0x7fffffffu) == 0u;
    if zero || k_is_inf(b) {
        let none = select(k_is_inf(a), (bitcast<u32>(a) & 0x7fffffffu) == 0u, zero);
        let value = select(0.0, k_inf(), zero);
        return select(k_copysign(value, bitcast<f32>(bitcast<u32>(a) ^ bitcast<u32>(b))), k_nan(), none);
    }
    return a / b;
}

fn k_magnitude(x: i32) -> u32 {
    let bits = bitcast<u32>(x);
    return select(bits, 0u - bits, x < 0);
}

fn k_floor_div_i32(a: i32, b: i32) -> i32 {
    if b == 0 {
        return 0;
    }
    let x = k_magnitude(a);
    let y = k_magnitude(b);
    let quotient = x / y;
    if (a < 0) == (b < 0) {
        return bitcast<i32>(quotient);
    }
    return bitcast<i32>(0u - quotient - select(0u, 1u, x % y != 0u));
}

fn k_floor_div_u32(a: u32, b: u32) -> u32 {
    if b == 0u {
        return 0u;
    }
    return a / b;
}

fn k_fmod_i32(a: i32, b: i32) -> i32 {
    if b == 0 {
        return 0;
    }
    let rest = k_magnitude(a) % k_magnitude(b);
    return bitcast<i32>(select(rest, 0u - rest, a < 0));
}

fn k_fmod_u32(a: u32, b: u32) -> u32 {
    if b == 0u {
        return 0u;
    }
    return a % b;
}

fn k_mod_i32(a: i32, b: i32) -> i32 {
    let rest = k_fmod_i32(a, b);
    return select(rest, rest + b, rest != 0 && (rest < 0) != (b < 0));
}

fn k_mod_u32(a: u32, b: u32) -> u32 {
    return k_fmod_u32(a, b);
}

fn k_pow_u32(base: u32, exponent: u32) -> u32 {
    var result = 1u;
    var square = base;
    var rest = exponent;
    for (var step = 0u; step < 32u && rest != 0u; step++) {
        if (rest & 1u) == 1u {
            result *= square;
        }
        square *= square;
        rest = rest >> 1u;
    }
    return result;
}

// A negative power is the real one rounded towards zero: 0 but for bases of 1 and -1.
fn k_pow_i32(base: i32, exponent: i32) -> i32 {
    if exponent < 0 {
        if base == 1 || (base == -1 && (exponent & 1) == 0) {
            return 1;
        }
        return select(0, -1, base == -1);
    }
    return bitcast<i32>(k_pow_u32(bitcast<u32>(base), bitcast<u32>(exponent)));
}

fn k_shift_left_u32(a: u32, b: u32) -> u32 {
    return select(0u, a << (b & 31u), b < 32u);
}

fn k_shift_left_i32(a: i32, b: i32) -> i32 {
    return bitcast<i32>(k_shift_left_u32(bitcast<u32>(a), bitcast<u32>(b)));
}

fn k_shift_right_u32(a: u32, b: u32) -> u32 {
    return select(0u, a >> (b & 31u), b < 32u);
}

fn k_shift_right_i32(a: i32, b: i32) -> i32 {
    return a >> select(31u, bitcast<u32>(b), bitcast<u32>(b) < 32u);
}

fn k_gcd_u32(a: u32, b: u32) -> u32 {
    var x = a;
    var y = b;
    for (var step = 0u; step < 64u && y != 0u; step++) {
        let rest = x % y;
        x = y;
        y = rest;
    }
    return x;
}

fn k_gcd_i32(a: i32, b: i32) -> i32 {
    return bitcast<i32>(k_gcd_u32(k_magnitude(a), k_magnitude(b)));
}

fn k_abs_i32(x: i32) -> i32 {
    return bitcast<i32>(k_magnitude(x));
}

// Truncates; what is beyond the range goes to its ends, NaN to zero.
fn k_f32_to_i32(x: f32) -> i32 {
    if k_is_nan(x) {
        return 0;
    }
    if x >= 2147483648.0 {
        return 2147483647;
    }
    if x <= -2147483648.0 {
        return -2147483647 - 1;
    }
    return i32(x);
}

fn k_f32_to_u32(x: f32) -> u32 {
    if k_is_nan(x) || x <= 0.0 {
        return 0u;
    }
    if x >= 4294967296.0 {
        return 0xffffffffu;
    }
    return u32(x);
}
