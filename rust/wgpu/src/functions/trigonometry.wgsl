// Sine and its relatives in float32.

// x = n pi/2 + r with |r| <= pi/4, for |x| up to 8000: (n, r). pi/2 is a sum of three numbers with few bits.
fn k_reduce_near(x: f32) -> vec2<f32> {
    let n = round(x * 0.63661977);
    let r = ((x - n * 1.5703125) - n * 4.837512969970703e-4) - n * 7.54978995489188e-8;
    return vec2<f32>(n, r);
}

// The same of any finite x (Payne and Hanek, 1983): the bits of 2/pi that matter, times the significand, modulo 4.
fn k_reduce_far(x: f32) -> vec2<f32> {
    // 2/pi, 32 bits each, after a word of zeros.
    var words = array<u32, 8>(
        0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu
    );
    let bits = bitcast<u32>(x);
    let exponent = (bits >> 23u) & 0xffu;
    let significand = (bits & 0x007fffffu) | 0x00800000u;
    // Bit t of the words has weight 2^(31 - t); with x = significand 2^(exponent - 150), those above weigh 4 or more.
    let start = exponent - 120u;
    let word = start >> 5u;
    let shift = start & 31u;
    var parts = vec3<u32>(words[word], words[word + 1u], words[word + 2u]);
    if shift != 0u {
        let next = vec3<u32>(words[word + 1u], words[word + 2u], words[word + 3u]);
        parts = (parts << vec3<u32>(shift)) | (next >> vec3<u32>(32u - shift));
    }
    let low = k_mul_high(significand, parts.z);
    let middle = significand * parts.y + low;
    let carry = select(0u, 1u, middle < low);
    let high = significand * parts.x + k_mul_high(significand, parts.y) + carry;
    var quadrant = high >> 30u;
    let fraction = (high << 2u) | (middle >> 30u);
    let rest = middle << 2u;
    // To the nearest quadrant.
    if (fraction >> 31u) == 1u {
        quadrant += 1u;
    }
    let r = (f32(bitcast<i32>(fraction)) * 2.3283064365386963e-10 + f32(rest) * 5.421010862427522e-20) * 1.5707964;
    return select(vec2<f32>(f32(quadrant), r), vec2<f32>(-f32(quadrant), -r), k_sign_bit(x));
}

// (sine, cosine)
fn k_sin_cos(x: f32) -> vec2<f32> {
    if !k_is_finite(x) {
        return vec2<f32>(k_nan());
    }
    var split = vec2<f32>(0.0);
    if k_abs(x) < 8000.0 {
        split = k_reduce_near(x);
    } else {
        split = k_reduce_far(x);
    }
    let r = split.y;
    let z = r * r;
    let s = r + r * z * (-0.16666667 + z * (0.008333334 + z * (-0.0001984127 + z * 2.7557319e-6)));
    let c = 1.0 - z * (0.5 - z * (0.041666668 - z * (0.0013888889 - z * (2.4801588e-5 - z * 2.7557319e-7))));
    let quadrant = bitcast<u32>(i32(split.x)) & 3u;
    if quadrant == 0u {
        return vec2<f32>(s, c);
    }
    if quadrant == 1u {
        return vec2<f32>(c, -s);
    }
    if quadrant == 2u {
        return vec2<f32>(-s, -c);
    }
    return vec2<f32>(-c, s);
}

fn k_sin(x: f32) -> f32 {
    return k_sin_cos(x).x;
}

fn k_cos(x: f32) -> f32 {
    return k_sin_cos(x).y;
}

fn k_tan(x: f32) -> f32 {
    let both = k_sin_cos(x);
    return both.x / both.y;
}

// Arctangent of 0 <= x <= tan(pi/8), by the polynomial of Moshier's Cephes library.
fn k_atan_near(x: f32) -> f32 {
    let z = x * x;
    return x + x * z * (-3.33329491539e-1 + z * (1.99777106478e-1 + z * (-1.38776856032e-1 + z * 8.05374449538e-2)));
}

fn k_atan(x: f32) -> f32 {
    let y = k_abs(x);
    var value = 0.0;
    if y > 2.4142135 {
        value = 1.5707964 - k_atan_near(1.0 / y);
    } else if y > 0.41421357 {
        value = 0.7853982 + k_atan_near((y - 1.0) / (y + 1.0));
    } else {
        value = k_atan_near(y);
    }
    return select(k_copysign(value, x), x, k_is_nan(x));
}

fn k_atan2(y: f32, x: f32) -> f32 {
    if k_is_nan(x) || k_is_nan(y) {
        return k_nan();
    }
    let a = k_abs(y);
    let b = k_abs(x);
    var value = 0.0;
    if k_is_inf(a) && k_is_inf(b) {
        value = 0.7853982;
    } else if k_is_inf(a) {
        value = 1.5707964;
    } else if a != 0.0 && !k_is_inf(b) {
        value = select(k_atan(a / b), 1.5707964 - k_atan(b / a), a > b);
    }
    if k_sign_bit(x) {
        value = 3.1415927 - value;
    }
    return k_copysign(value, y);
}

// Arcsine of 0 <= x <= 1/2, by the polynomial of Moshier's Cephes library.
fn k_asin_near(x: f32) -> f32 {
    let z = x * x;
    return x + x * z * (1.6666752422e-1 + z * (7.4953002686e-2 + z * (4.5470025998e-2 + z * (2.4181311049e-2 + z * 4.2163199048e-2))));
}

fn k_asin(x: f32) -> f32 {
    let y = k_abs(x);
    if y > 1.0 || k_is_nan(x) {
        return k_nan();
    }
    var value = 0.0;
    if y > 0.5 {
        value = 1.5707964 - 2.0 * k_asin_near(sqrt(0.5 * (1.0 - y)));
    } else {
        value = k_asin_near(y);
    }
    return k_copysign(value, x);
}

fn k_acos(x: f32) -> f32 {
    let y = k_abs(x);
    if y > 1.0 || k_is_nan(x) {
        return k_nan();
    }
    if y > 0.5 {
        let near = 2.0 * k_asin_near(sqrt(0.5 * (1.0 - y)));
        return select(near, 3.1415927 - near, x < 0.0);
    }
    return 1.5707964 - k_copysign(k_asin_near(y), x);
}

fn k_hypot(a: f32, b: f32) -> f32 {
    let x = k_abs(a);
    let y = k_abs(b);
    if k_is_inf(x) || k_is_inf(y) {
        return k_inf();
    }
    if k_is_nan(x) || k_is_nan(y) {
        return k_nan();
    }
    let large = select(y, x, x > y);
    let small = select(x, y, x > y);
    let ratio = small / large;
    return select(large * sqrt(1.0 + ratio * ratio), 0.0, large == 0.0);
}
