// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, 2011), the same bits as on the CPU.

// The four words of a counter; `key` is (low, high) of the seed.
fn k_philox(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
    var words = counter;
    var round_key = key;
    for (var round = 0u; round < 10u; round++) {
        let left_high = k_mul_high(0xd2511f53u, words.x);
        let left_low = 0xd2511f53u * words.x;
        let right_high = k_mul_high(0xcd9e8d57u, words.z);
        let right_low = 0xcd9e8d57u * words.z;
        words = vec4<u32>(right_high ^ words.y ^ round_key.x, right_low, left_high ^ words.w ^ round_key.y, left_low);
        round_key += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
    }
    return words;
}

// [0, 1) from the leading 24 bits.
fn k_uniform(word: u32) -> f32 {
    return f32(word >> 8u) * 5.9604645e-8;
}

// (p - 1/2, min(p, 1 - p)) for p = (word + 1/2) / 2^32, both with all digits.
fn k_centered(word: u32) -> vec2<f32> {
    let q = (f32(bitcast<i32>(word ^ 0x80000000u)) + 0.5) * 2.3283064e-10;
    let tail = (f32(min(word, ~word)) + 0.5) * 2.3283064e-10;
    return vec2<f32>(q, tail);
}

// The quantile of the normal distribution, by Wichura's rational approximations (algorithm AS 241); see k_centered.
fn k_normal_quantile(p: vec2<f32>) -> f32 {
    let q = p.x;
    if abs(q) <= 0.425 {
        let r = 0.180625 - q * q;
        let n = 3.3871328 + r * (133.14167 + r * (1971.5909 + r * (13731.694 + r * (45921.953 + r * (67265.77 + r * (33430.574 + r * 2509.0808))))));
        let d = 1.0 + r * (42.313332 + r * (687.18700 + r * (5394.196 + r * (21213.795 + r * (39307.895 + r * (28729.086 + r * 5226.4956))))));
        return q * n / d;
    }
    let r = sqrt(-k_log(p.y)) - 1.6;
    let n = 1.4234371 + r * (4.6303377 + r * (5.7694974 + r * (3.6478484 + r * (1.2704583 + r * (0.24178073 + r * (0.022723844 + r * 7.745450e-4))))));
    let d = 1.0 + r * (2.0531917 + r * (1.6763848 + r * (0.68976735 + r * (0.14810398 + r * (0.015198667 + r * (5.475938e-4 + r * 1.0507500e-9))))));
    return select(n / d, -n / d, q < 0.0);
}

// Normal, cut at two deviations.
fn k_truncated_quantile(p: vec2<f32>) -> f32 {
    let q = p.x * 0.95449974;
    return clamp(k_normal_quantile(vec2<f32>(q, 0.5 - abs(q))), -2.0, 2.0);
}

// The low word of low + (random * width >> 64): `random` and `width` are (low, high) of 64 bits.
fn k_below(random: vec2<u32>, width: vec2<u32>, low: u32) -> u32 {
    let a = k_mul_high(random.x, width.x);
    let b = random.x * width.y;
    let c = random.y * width.x;
    let ab = a + b;
    let abc = ab + c;
    let carry = select(0u, 1u, ab < a) + select(0u, 1u, abc < ab);
    return low + random.y * width.y + k_mul_high(random.x, width.y) + k_mul_high(random.y, width.x) + carry;
}

// A Gamma(alpha, 1) sample by the method of Marsaglia and Tsang; attempts look at counters of the same element.
fn k_gamma(alpha: f32, index: u32, stream: vec2<u32>, key: vec2<u32>) -> f32 {
    if k_is_nan(alpha) || alpha < 0.0 {
        return k_nan();
    }
    if alpha == 0.0 || k_is_inf(alpha) {
        return alpha;
    }
    let shape = select(alpha, alpha + 1.0, alpha < 1.0);
    let d = shape - 0.33333334;
    let c = 1.0 / sqrt(9.0 * d);
    var value = d;
    for (var attempt = 0u; attempt < 1000u; attempt++) {
        let words = k_philox(vec4<u32>(index, attempt << 12u, stream), key);
        let normal = k_normal_quantile(k_centered(words.x));
        let uniform = (f32(words.z) + 0.5) * 2.3283064e-10;
        let root = 1.0 + c * normal;
        if root > 0.0 {
            let cube = root * root * root;
            if k_log(uniform) < 0.5 * normal * normal + d - d * cube + d * k_log(cube) {
                value = d * cube;
                break;
            }
        }
    }
    if alpha < 1.0 {
        let words = k_philox(vec4<u32>(index, 0xfffff000u, stream), key);
        value *= k_exp(k_log((f32(words.x) + 0.5) * 2.3283064e-10) / alpha);
    }
    return value;
}
