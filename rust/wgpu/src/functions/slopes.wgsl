// Derivatives of the activations, from their operand.

// Far below any result but -0, so that minus infinity is not multiplied by zero.
fn k_bounded(z: f32) -> f32 {
    return select(z, -1e4, z < -1e4 && !k_is_nan(z));
}

fn k_sigmoid_slope(z: f32) -> f32 {
    let y = k_sigmoid(z);
    return y * (1.0 - y);
}

fn k_tanh_slope(z: f32) -> f32 {
    let y = k_tanh(z);
    return 1.0 - y * y;
}

fn k_silu_slope(z: f32) -> f32 {
    let x = k_bounded(z);
    let y = k_sigmoid(x);
    return y * (1.0 + x * (1.0 - y));
}

fn k_gelu_slope(z: f32) -> f32 {
    let x = k_bounded(z);
    return 0.5 * k_erfc(-(x * 0.70710678)) + x * 0.3989423 * k_exp(-(0.5 * x * x));
}

fn k_gelu_tanh_slope(z: f32) -> f32 {
    let x = k_bounded(z);
    let t = k_tanh(0.7978846 * (x + 0.044715 * x * x * x));
    return 0.5 * ((1.0 + t) + x * (1.0 - t * t) * 0.7978846 * (1.0 + 0.134145 * x * x));
}
