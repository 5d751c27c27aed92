//! Softmax and its logarithm along the last axis.

use super::{
    DEAR, Gradient, Gradients, Outputs,
    math::{Float, largest, sum_of},
    rows::{self, for_rows, singles, singles_mut},
};
use crate::{In, dense::Dense, memory::Buffer, simd::vectorized};

vectorized! {
    fn softmax_row<T: Float>(x: &[T], out: &mut [T]) {
        let top = largest(x);
        for (to, x) in out.iter_mut().zip(x) {
            *to = (*x - top).exp();
        }
        let scale = T::ONE / sum_of(out.len(), |i| out[i]);
        for to in out.iter_mut() {
            *to = *to * scale;
        }
    }

    fn log_softmax_row<T: Float>(x: &[T], out: &mut [T]) {
        let shift = log_sum_exp(x);
        for (to, x) in out.iter_mut().zip(x) {
            *to = *x - shift.0 - shift.1;
        }
    }

    /// `y (dy - sum(y dy))`
    fn softmax_gradient_row<T: Float>(y: &[T], dy: &[T], out: &mut [T]) {
        let (y, dy) = (&y[..out.len()], &dy[..out.len()]);
        let dot = sum_of(y.len(), |i| y[i] * dy[i]);
        for ((to, y), dy) in out.iter_mut().zip(y).zip(dy) {
            *to = *y * (*dy - dot);
        }
    }

    /// `dy - exp(y) sum(dy)`
    fn log_softmax_gradient_row<T: Float>(y: &[T], dy: &[T], out: &mut [T]) {
        let total = sum_of(dy.len(), |i| dy[i]);
        for ((to, y), dy) in out.iter_mut().zip(y).zip(dy) {
            *to = *dy - y.exp() * total;
        }
    }
}

/// The logarithm of the sum of exponentials, as the largest element and the rest.
#[inline(always)]
pub(super) fn log_sum_exp<T: Float>(x: &[T]) -> (T, T) {
    let top = largest(x);
    (top, sum_of(x.len(), |i| (x[i] - top).exp()).ln())
}

/// The float32 kernel over registers where there is one, else the twin.
fn softmax_of<T: Float>(x: &[T], out: &mut [T]) {
    if let (Some(x), Some(out)) = (singles(x), singles_mut(out))
        && rows::softmax(x, 1.0, out)
    {
        return;
    }
    softmax_row(x, out);
}

fn log_softmax_of<T: Float>(x: &[T], out: &mut [T]) {
    if let (Some(x), Some(out)) = (singles(x), singles_mut(out))
        && rows::log_softmax(x, out)
    {
        return;
    }
    log_softmax_row(x, out);
}

fn gradient_of<T: Float>(y: &[T], dy: &[T], log: bool, out: &mut [T]) {
    if let (Some(y), Some(dy), Some(out)) = (singles(y), singles(dy), singles_mut(out)) {
        let done = if log { rows::log_softmax_gradient(y, dy, out) } else { rows::softmax_gradient(y, dy, out) };
        if done {
            return;
        }
    }
    if log { log_softmax_gradient_row(y, dy, out) } else { softmax_gradient_row(y, dy, out) }
}

pub(super) fn forward<T: Float>(x: In<'_>, axis: usize, log: bool) -> Outputs {
    let rank = x.layout.rank();
    if axis + 1 != rank {
        return Ok(None);
    }
    let len = x.layout.shape()[axis];
    let x = Dense::<T>::new(x)?;
    let x = x.slice();
    let mut result = Buffer::for_elements(T::DTYPE, x.len())?;
    for_rows(result.as_mut_slice::<T>(), len, DEAR, |row, out| {
        let x = &x[row * len..(row + 1) * len];
        if log { log_softmax_of(x, out) } else { softmax_of(x, out) }
    });
    Ok(Some(vec![result]))
}

pub(super) fn gradient<T: Float>(of: &Gradient<'_>, axis: usize, log: bool) -> Gradients {
    let (y, Some(dy)) = (of.outputs[0], of.grads[0]) else {
        return Ok(None);
    };
    if axis + 1 != y.layout.rank() {
        return Ok(None);
    }
    let len = y.layout.shape()[axis];
    let (y, dy) = (Dense::<T>::new(y)?, Dense::<T>::new(dy)?);
    let (y, dy) = (y.slice(), dy.slice());
    let mut result = Buffer::for_elements(T::DTYPE, y.len())?;
    for_rows(result.as_mut_slice::<T>(), len, DEAR, |row, out| {
        let (y, dy) = (&y[row * len..(row + 1) * len], &dy[row * len..(row + 1) * len]);
        gradient_of(y, dy, log, out);
    });
    Ok(Some(vec![Some(result)]))
}

#[cfg(test)]
mod tests {
    use corten_core::FusedOp;

    use super::super::testing::{Case, check};

    fn reference(x: &[f64], len: usize, log: bool) -> Vec<f64> {
        x.chunks(len)
            .flat_map(|row| {
                let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let total = row.iter().map(|x| (x - top).exp()).sum::<f64>().ln() + top;
                row.iter().map(|x| if log { x - total } else { (x - total).exp() }).collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn softmax_and_its_logarithm() {
        for len in [1, 2, 7, 31, 33, 70, 255] {
            let shape = [3, 5, len];
            let case = Case::new(&[&shape]);
            check(&FusedOp::Softmax { axis: 2 }, &case, |inputs| vec![reference(&inputs[0], len, false)]);
            check(&FusedOp::LogSoftmax { axis: 2 }, &case, |inputs| vec![reference(&inputs[0], len, true)]);
        }
    }
}
