// What the other functions are made of. Each function is added to a kernel that calls it, with what it calls itself.
//
// Compilers of drivers assume that there is no NaN, and take a - (a - b) for b: NaN is tested by its bits, and values
// that must be rounded first go through k_opaque.

// Zero, which no compiler knows: the last parameter.
fn k_zero() -> u32 {
    return params[63u].w;
}

// x, rounded, with its origin hidden from the compiler.
fn k_opaque(x: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) ^ k_zero());
}

// x, rounded to float16, to even. Drivers may round f16(x) in another way, and take f32(f16(x)) for x.
fn k_half(x: f32) -> f32 {
    let size = bitcast<u32>(x) & 0x7fffffffu;
    // Below 2^-14 numbers lie 2^-24 apart, which is how float32's lie around a half.
    let small = bitcast<u32>(k_opaque(bitcast<f32>(size) + 0.5) - 0.5);
    let large = (size + 0xfffu + ((size >> 13u) & 1u)) & 0xffffe000u;
    var rounded = select(large, small, size < 0x38800000u);
    // 65504 is the largest.
    rounded = select(rounded, 0x7f800000u, rounded > 0x477fe000u);
    rounded = select(rounded, 0x7fc00000u, size > 0x7f800000u);
    return bitcast<f32>(rounded | (bitcast<u32>(x) & 0x80000000u));
}

fn k_nan() -> f32 {
    return bitcast<f32>(0x7fc00000u | k_zero());
}

fn k_inf() -> f32 {
    return bitcast<f32>(0x7f800000u | k_zero());
}

fn k_is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn k_is_inf(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u;
}

fn k_is_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) < 0x7f800000u;
}

fn k_sign_bit(x: f32) -> bool {
    return (bitcast<u32>(x) >> 31u) == 1u;
}

// The magnitude of the first with the sign of the second.
fn k_copysign(magnitude: f32, sign: f32) -> f32 {
    return bitcast<f32>((bitcast<u32>(magnitude) & 0x7fffffffu) | (bitcast<u32>(sign) & 0x80000000u));
}

fn k_abs(x: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) & 0x7fffffffu);
}

fn k_neg(x: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) ^ 0x80000000u);
}

// NaN if either is.
fn k_max(a: f32, b: f32) -> f32 {
    let larger = select(b, a, a > b);
    return select(select(larger, b, k_is_nan(b)), a, k_is_nan(a));
}

// NaN if either is.
fn k_min(a: f32, b: f32) -> f32 {
    let smaller = select(b, a, a < b);
    return select(select(smaller, b, k_is_nan(b)), a, k_is_nan(a));
}

fn k_relu(x: f32) -> f32 {
    return select(select(x, 0.0, x < 0.0), x, k_is_nan(x));
}

fn k_sign(x: f32) -> f32 {
    let value = select(select(0.0, 1.0, x > 0.0), -1.0, x < 0.0);
    return select(value, x, k_is_nan(x));
}

fn k_eq(a: f32, b: f32) -> bool {
    return a == b && !k_is_nan(a) && !k_is_nan(b);
}

fn k_lt(a: f32, b: f32) -> bool {
    return a < b && !k_is_nan(a) && !k_is_nan(b);
}

fn k_le(a: f32, b: f32) -> bool {
    return a <= b && !k_is_nan(a) && !k_is_nan(b);
}

// The high half of a product; the low one is a * b.
fn k_mul_high(a: u32, b: u32) -> u32 {
    let al = a & 0xffffu;
    let ah = a >> 16u;
    let bl = b & 0xffffu;
    let bh = b >> 16u;
    let low = al * bl;
    let left = ah * bl + (low >> 16u);
    let right = al * bh + (left & 0xffffu);
    return ah * bh + (left >> 16u) + (right >> 16u);
}

// A number of the order of x: NaN above everything, both zeros equal.
fn k_order_f32(x: f32) -> u32 {
    let bits = select(bitcast<u32>(x), 0u, (bitcast<u32>(x) & 0x7fffffffu) == 0u);
    let ordered = select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
    return select(ordered, 0xffffffffu, k_is_nan(x));
}

fn k_order_i32(x: i32) -> u32 {
    return bitcast<u32>(x) ^ 0x80000000u;
}

fn k_order_u32(x: u32) -> u32 {
    return x;
}
