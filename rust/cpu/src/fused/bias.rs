//! Bias and activation in one pass, and the gradients of both in one pass.

use corten_core::Activation;

use super::{
    CHEAP, Gradient, Gradients, Outputs,
    math::{Float, add_row},
    norm::sum_rows,
    rows::{for_rows, gradient_with_bias, singles, singles_mut, with_bias},
};
use crate::{In, dense::Dense, math::wide, memory::Buffer, parallel::DisjointMut, simd::vectorized};

/// The square root of 2 / pi, and the cubic coefficient of the tanh form of GELU.
const GELU: (f64, f64) = (0.797_884_560_802_865_4, 0.044_715);

/// Far below any result but -0, so that minus infinity is not multiplied by zero.
#[inline(always)]
fn bounded<T: Float>(z: T) -> T {
    let least = T::from_f64(-1e4);
    if z < least { least } else { z }
}

vectorized! {
    fn linear<T: Float>(x: &[T], bias: &[T], out: &mut [T]) {
        for ((to, x), bias) in out.iter_mut().zip(x).zip(bias) {
            *to = *x + *bias;
        }
    }
    fn relu<T: Float>(x: &[T], bias: &[T], out: &mut [T]) {
        for ((to, x), bias) in out.iter_mut().zip(x).zip(bias) {
            let z = *x + *bias;
            // This way round NaN stays.
            *to = if z <= T::ZERO { T::ZERO } else { z };
        }
    }
    fn sigmoid<T: Float>(x: &[T], bias: &[T], out: &mut [T]) {
        for ((to, x), bias) in out.iter_mut().zip(x).zip(bias) {
            *to = (*x + *bias).sigmoid();
        }
    }
    fn tanh<T: Float>(x: &[T], bias: &[T], out: &mut [T]) {
        for ((to, x), bias) in out.iter_mut().zip(x).zip(bias) {
            *to = (*x + *bias).tanh();
        }
    }
    fn silu<T: Float>(x: &[T], bias: &[T], out: &mut [T]) {
        for ((to, x), bias) in out.iter_mut().zip(x).zip(bias) {
            let z = bounded(*x + *bias);
            *to = z * z.sigmoid();
        }
    }
    fn gelu<T: Float>(x: &[T], bias: &[T], out: &mut [T]) {
        let (half, root) = (T::from_f64(0.5), T::from_f64(std::f64::consts::FRAC_1_SQRT_2));
        for ((to, x), bias) in out.iter_mut().zip(x).zip(bias) {
            let z = bounded(*x + *bias);
            *to = half * z * (-(z * root)).erfc();
        }
    }
    fn gelu_tanh<T: Float>(x: &[T], bias: &[T], out: &mut [T]) {
        let half = T::from_f64(0.5);
        let (root, cubic) = (T::from_f64(GELU.0), T::from_f64(GELU.1));
        for ((to, x), bias) in out.iter_mut().zip(x).zip(bias) {
            let z = bounded(*x + *bias);
            *to = half * z * (T::ONE + (root * (z + cubic * z * z * z)).tanh());
        }
    }

    fn relu_gradient<T: Float>(x: &[T], bias: &[T], dy: &[T], out: &mut [T]) {
        for (((to, x), bias), dy) in out.iter_mut().zip(x).zip(bias).zip(dy) {
            *to = if *x + *bias > T::ZERO { *dy } else { T::ZERO };
        }
    }
    fn sigmoid_gradient<T: Float>(x: &[T], bias: &[T], dy: &[T], out: &mut [T]) {
        for (((to, x), bias), dy) in out.iter_mut().zip(x).zip(bias).zip(dy) {
            let y = (*x + *bias).sigmoid();
            *to = *dy * y * (T::ONE - y);
        }
    }
    fn tanh_gradient<T: Float>(x: &[T], bias: &[T], dy: &[T], out: &mut [T]) {
        for (((to, x), bias), dy) in out.iter_mut().zip(x).zip(bias).zip(dy) {
            let y = (*x + *bias).tanh();
            *to = *dy * (T::ONE - y * y);
        }
    }
    fn silu_gradient<T: Float>(x: &[T], bias: &[T], dy: &[T], out: &mut [T]) {
        for (((to, x), bias), dy) in out.iter_mut().zip(x).zip(bias).zip(dy) {
            let z = bounded(*x + *bias);
            let y = z.sigmoid();
            *to = *dy * y * (T::ONE + z * (T::ONE - y));
        }
    }
    fn gelu_gradient<T: Float>(x: &[T], bias: &[T], dy: &[T], out: &mut [T]) {
        let (half, root) = (T::from_f64(0.5), T::from_f64(std::f64::consts::FRAC_1_SQRT_2));
        let density = T::from_f64(0.398_942_280_401_432_7);
        for (((to, x), bias), dy) in out.iter_mut().zip(x).zip(bias).zip(dy) {
            let z = bounded(*x + *bias);
            *to = *dy * (half * (-(z * root)).erfc() + z * density * (-(half * z * z)).exp());
        }
    }
    fn gelu_tanh_gradient<T: Float>(x: &[T], bias: &[T], dy: &[T], out: &mut [T]) {
        let (half, three) = (T::from_f64(0.5), T::from_f64(3.0));
        let (root, cubic) = (T::from_f64(GELU.0), T::from_f64(GELU.1));
        for (((to, x), bias), dy) in out.iter_mut().zip(x).zip(bias).zip(dy) {
            let z = bounded(*x + *bias);
            let t = (root * (z + cubic * z * z * z)).tanh();
            let slope = root * (T::ONE + three * cubic * z * z);
            *to = *dy * half * ((T::ONE + t) + z * (T::ONE - t * t) * slope);
        }
    }
}

type Forward<T> = fn(&[T], &[T], &mut [T]);
type Backward<T> = fn(&[T], &[T], &[T], &mut [T]);

/// The passes over one row.
fn passes<T: Float>(activation: Activation) -> (Forward<T>, Backward<T>) {
    match activation {
        Activation::Linear => (linear, |_, _, dy, out| out.copy_from_slice(dy)),
        Activation::Relu => (relu, relu_gradient),
        Activation::Sigmoid => (sigmoid, sigmoid_gradient),
        Activation::Tanh => (tanh, tanh_gradient),
        Activation::Silu => (silu, silu_gradient),
        Activation::GeluTanh => (gelu_tanh, gelu_tanh_gradient),
        Activation::Gelu => (gelu, gelu_gradient),
    }
}

/// The float32 kernel over registers where the activation has one; gives whether it had.
fn forward_over_registers<T: Float>(activation: Activation, x: &[T], bias: &[T], out: &mut [T]) -> bool {
    let (Some(x), Some(bias), Some(out)) = (singles(x), singles(bias), singles_mut(out)) else { return false };
    match activation {
        Activation::Linear | Activation::Relu => false,
        Activation::Sigmoid => with_bias::<wide::Sigmoid>(x, bias, out),
        Activation::Tanh => with_bias::<wide::Tanh>(x, bias, out),
        Activation::Silu => with_bias::<wide::Silu>(x, bias, out),
        Activation::Gelu => with_bias::<wide::Gelu>(x, bias, out),
        Activation::GeluTanh => with_bias::<wide::GeluTanh>(x, bias, out),
    }
}

/// As above for the gradient.
fn gradient_over_registers<T: Float>(activation: Activation, x: &[T], bias: &[T], dy: &[T], out: &mut [T]) -> bool {
    let (Some(x), Some(bias), Some(dy), Some(out)) = (singles(x), singles(bias), singles(dy), singles_mut(out)) else {
        return false;
    };
    match activation {
        Activation::Linear | Activation::Relu => false,
        Activation::Sigmoid => gradient_with_bias::<wide::SigmoidSlope>(x, bias, dy, out),
        Activation::Tanh => gradient_with_bias::<wide::TanhSlope>(x, bias, dy, out),
        Activation::Silu => gradient_with_bias::<wide::SiluSlope>(x, bias, dy, out),
        Activation::Gelu => gradient_with_bias::<wide::GeluSlope>(x, bias, dy, out),
        Activation::GeluTanh => gradient_with_bias::<wide::GeluTanhSlope>(x, bias, dy, out),
    }
}

/// `out = activation(x + bias)` for one row.
pub(super) fn forward_row<T: Float>(activation: Activation, x: &[T], bias: &[T], out: &mut [T]) {
    if !forward_over_registers(activation, x, bias, out) {
        passes::<T>(activation).0(x, bias, out);
    }
}

/// `out = dy` times the derivative at `x + bias`, for one row.
pub(super) fn gradient_row<T: Float>(activation: Activation, x: &[T], bias: &[T], dy: &[T], out: &mut [T]) {
    if !gradient_over_registers(activation, x, bias, dy, out) {
        passes::<T>(activation).1(x, bias, dy, out);
    }
}

pub(super) fn forward<T: Float>(inputs: &[In<'_>], activation: Activation) -> Outputs {
    let (x, bias) = (Dense::<T>::new(inputs[0])?, Dense::<T>::new(inputs[1])?);
    let (x, bias) = (x.slice(), bias.slice());
    let len = bias.len();
    let mut result = Buffer::for_elements(T::DTYPE, x.len())?;
    for_rows(result.as_mut_slice::<T>(), len, 2 * CHEAP, |row, out| {
        forward_row(activation, &x[row * len..(row + 1) * len], bias, out);
    });
    Ok(Some(vec![result]))
}

pub(super) fn gradient<T: Float>(of: &Gradient<'_>, activation: Activation) -> Gradients {
    let Some(dy) = of.grads[0] else { return Ok(None) };
    let (x, bias, dy) = (Dense::<T>::new(of.inputs[0])?, Dense::<T>::new(of.inputs[1])?, Dense::<T>::new(dy)?);
    let (x, bias, dy) = (x.slice(), bias.slice(), dy.slice());
    let len = bias.len();
    let mut dx = Buffer::for_elements(T::DTYPE, x.len())?;
    let out = DisjointMut::new(dx.as_mut_slice::<T>());
    let sums = sum_rows(x.len() / len.max(1), len, len, |rows, sums| {
        for row in rows {
            let range = row * len..(row + 1) * len;
            // SAFETY: every row has its own range.
            let out = unsafe { out.range(range.clone()) };
            gradient_row(activation, &x[range.clone()], bias, &dy[range], out);
            add_row(sums, out);
        }
    });
    let dbias = of.needs[1].then(|| Buffer::from_slice(&sums)).transpose()?;
    Ok(Some(vec![of.needs[0].then_some(dx), dbias]))
}

#[cfg(test)]
mod tests {
    use corten_core::FusedOp;

    use super::{
        super::testing::{Case, check},
        *,
    };

    #[test]
    fn the_ends_of_the_range() {
        let x = Buffer::from_slice(&[f32::NEG_INFINITY, f32::INFINITY, f32::NAN]).expect("memory");
        let bias = Buffer::from_slice(&[0.0f32]).expect("memory");
        let layouts = [corten_core::Layout::contiguous(&[3, 1]), corten_core::Layout::contiguous(&[1])];
        let dtype = corten_core::DType::F32;
        let inputs = [In { buffer: &x, layout: &layouts[0], dtype }, In { buffer: &bias, layout: &layouts[1], dtype }];
        for activation in [Activation::Relu, Activation::Silu, Activation::Gelu, Activation::GeluTanh] {
            let got = forward::<f32>(&inputs, activation).expect("no error").expect("a kernel");
            let got = got[0].as_slice::<f32>();
            assert!(got[0] == 0.0 && got[1] == f32::INFINITY && got[2].is_nan(), "{activation:?}: {got:?}");
        }
    }

    #[test]
    fn every_activation() {
        let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
        for activation in Activation::ALL.iter().copied() {
            let function = |z: f64| match activation {
                Activation::Linear => z,
                Activation::Relu => z.max(0.0),
                Activation::Sigmoid => sigmoid(z),
                Activation::Tanh => z.tanh(),
                Activation::Silu => z * sigmoid(z),
                Activation::Gelu => 0.5 * z * crate::math::special::erfc(-z / 2f64.sqrt()),
                Activation::GeluTanh => 0.5 * z * (1.0 + (GELU.0 * (z + GELU.1 * z.powi(3))).tanh()),
            };
            for len in [1, 7, 35] {
                check(&FusedOp::BiasActivation(activation), &Case::new(&[&[3, 4, len], &[len]]), |inputs| {
                    let z = inputs[0].iter().enumerate().map(|(i, x)| x + inputs[1][i % len]);
                    vec![z.map(function).collect()]
                });
            }
        }
    }
}
