//! Cross-entropies of logits.

use corten_core::{DType, Error, Result, Tuple};

use super::{
    DEAR, Gradient, Gradients, Outputs,
    math::{Float, largest, sum_of},
    rows::{self, singles, singles_mut},
    softmax::log_sum_exp,
};
use crate::{
    In,
    dense::Dense,
    memory::Buffer,
    parallel::{self, DisjointMut},
    simd::vectorized,
};

vectorized! {
    /// `sum(p (log sum exp(x) - x))`
    fn cross_entropy_row<T: Float>(x: &[T], p: &[T]) -> T {
        let (top, rest) = log_sum_exp(x);
        let p = &p[..x.len()];
        sum_of(x.len(), |i| p[i] * ((top - x[i]) + rest))
    }

    /// `g (softmax(x) sum(p) - p)`
    fn cross_entropy_gradient_row<T: Float>(x: &[T], p: &[T], g: T, out: &mut [T]) {
        let top = largest(x);
        for (to, x) in out.iter_mut().zip(x) {
            *to = (*x - top).exp();
        }
        let scale = sum_of(p.len(), |i| p[i]) / sum_of(out.len(), |i| out[i]);
        for (to, p) in out.iter_mut().zip(p) {
            *to = (*to * scale - *p) * g;
        }
    }

    /// `g (log sum exp(x) - x)`
    fn target_gradient_row<T: Float>(x: &[T], g: T, out: &mut [T]) {
        let (top, rest) = log_sum_exp(x);
        for (to, x) in out.iter_mut().zip(x) {
            *to = ((top - *x) + rest) * g;
        }
    }

    fn sparse_row<T: Float>(x: &[T], label: usize) -> T {
        let (top, rest) = log_sum_exp(x);
        (top - x[label]) + rest
    }

    /// `g softmax(x)`, before the label's share is taken off.
    fn scaled_softmax_row<T: Float>(x: &[T], g: T, out: &mut [T]) {
        let top = largest(x);
        for (to, x) in out.iter_mut().zip(x) {
            *to = (*x - top).exp();
        }
        let scale = g / sum_of(out.len(), |i| out[i]);
        for to in out.iter_mut() {
            *to = *to * scale;
        }
    }

    /// `g (sigmoid(x) - t)`
    fn binary_gradient<T: Float>(x: &[T], t: &[T], g: &[T], out: &mut [T]) {
        for (((to, x), t), g) in out.iter_mut().zip(x).zip(t).zip(g) {
            *to = (x.sigmoid() - *t) * *g;
        }
    }
}

/// The float32 kernel over registers where there is one, else the twin.
fn scaled_softmax_of<T: Float>(x: &[T], g: T, out: &mut [T]) {
    let factor = g.to_f64() as f32;
    if let (Some(x), Some(out)) = (singles(x), singles_mut(out))
        && rows::softmax(x, factor, out)
    {
        return;
    }
    scaled_softmax_row(x, g, out);
}

fn sparse_loss<T: Float>(x: &[T], label: usize) -> T {
    let mut parts = (0.0, 0.0);
    if let Some(singles) = singles(x)
        && rows::log_sum_exp_row(singles, &mut parts)
    {
        return T::from_f64(f64::from((parts.0 - singles[label]) + parts.1));
    }
    sparse_row(x, label)
}

fn classes(x: In<'_>) -> usize {
    x.layout.shape().last().copied().unwrap_or(1)
}

/// Runs `row` for ranges of rows of `len` elements.
fn for_rows(rows: usize, len: usize, row: impl Fn(usize) + Sync) {
    parallel::for_ranges(rows, (DEAR / len.max(1)).max(1), |range| range.for_each(&row));
}

/// A result with one element per row.
fn per_row<T: Float>(rows: usize, len: usize, value: impl Fn(usize) -> T + Sync) -> Result<Buffer> {
    let mut result = Buffer::for_elements(T::DTYPE, rows)?;
    let out = DisjointMut::new(result.as_mut_slice::<T>());
    // SAFETY: every row has its own element.
    for_rows(rows, len, |row| unsafe { out.range(row..row + 1) }[0] = value(row));
    Ok(result)
}

/// A result with `len` elements per row.
fn rows_of<T: Float>(rows: usize, len: usize, fill: impl Fn(usize, &mut [T]) + Sync) -> Result<Buffer> {
    let mut result = Buffer::for_elements(T::DTYPE, rows * len)?;
    let out = DisjointMut::new(result.as_mut_slice::<T>());
    // SAFETY: every row has its own range.
    for_rows(rows, len, |row| fill(row, unsafe { out.range(row * len..(row + 1) * len) }));
    Ok(result)
}

pub(super) fn cross_entropy<T: Float>(x: In<'_>, p: In<'_>) -> Outputs {
    let len = classes(x);
    let rows = x.layout.shape()[..x.layout.rank() - 1].iter().product();
    let (x, p) = (Dense::<T>::new(x)?, Dense::<T>::new(p)?);
    let (x, p) = (x.slice(), p.slice());
    let result = per_row(rows, len, |row| {
        let range = row * len..(row + 1) * len;
        cross_entropy_row(&x[range.clone()], &p[range])
    })?;
    Ok(Some(vec![result]))
}

pub(super) fn cross_entropy_gradient<T: Float>(of: &Gradient<'_>) -> Gradients {
    let Some(g) = of.grads[0] else { return Ok(None) };
    let (len, rows) = (classes(of.inputs[0]), g.layout.len());
    let (x, p, g) = (Dense::<T>::new(of.inputs[0])?, Dense::<T>::new(of.inputs[1])?, Dense::<T>::new(g)?);
    let (x, p, g) = (x.slice(), p.slice(), g.slice());
    let row = |index: usize| index * len..(index + 1) * len;
    let dx = of.needs[0].then(|| {
        rows_of(rows, len, |index, out| cross_entropy_gradient_row(&x[row(index)], &p[row(index)], g[index], out))
    });
    let dp = of.needs[1].then(|| rows_of(rows, len, |index, out| target_gradient_row(&x[row(index)], g[index], out)));
    Ok(Some(vec![dx.transpose()?, dp.transpose()?]))
}

/// The labels as indices, or the error that names the first one out of range.
fn labels(of: In<'_>, classes: usize) -> Result<Vec<usize>> {
    fn checked<I: corten_core::Element>(of: In<'_>, classes: usize) -> Result<Vec<usize>> {
        let dense = Dense::<I>::new(of)?;
        let check = |(position, label): (usize, &I)| {
            let label = label.to_i64();
            usize::try_from(label).ok().filter(|&label| label < classes).ok_or_else(|| {
                let mut rest = position;
                let mut place: corten_core::Dims = of.layout.shape().into();
                for (to, &dim) in place.iter_mut().zip(of.layout.shape()).rev() {
                    *to = rest % dim;
                    rest /= dim;
                }
                Error::index(format!(
                    "sparse_cross_entropy: label {label} at position {} is out of range for {classes} classes; \
                     labels are integers from 0 to {}. Does the last layer have as many units as there are classes?",
                    Tuple(&place),
                    classes as isize - 1
                ))
            })
        };
        dense.slice().iter().enumerate().map(check).collect()
    }
    match of.dtype {
        DType::I32 => checked::<i32>(of, classes),
        DType::I64 => checked::<i64>(of, classes),
        dtype @ (DType::Bool
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::U64
        | DType::I8
        | DType::I16
        | DType::BF16
        | DType::F16
        | DType::F32
        | DType::F64) => Err(Error::dtype(format!("sparse_cross_entropy: labels must be int32 or int64; got {dtype}"))),
    }
}

pub(super) fn sparse_cross_entropy<T: Float>(x: In<'_>, y: In<'_>) -> Outputs {
    let len = classes(x);
    let labels = labels(y, len)?;
    let x = Dense::<T>::new(x)?;
    let x = x.slice();
    let result = per_row(labels.len(), len, |row| sparse_loss(&x[row * len..(row + 1) * len], labels[row]))?;
    Ok(Some(vec![result]))
}

pub(super) fn sparse_cross_entropy_gradient<T: Float>(of: &Gradient<'_>) -> Gradients {
    let Some(g) = of.grads[0] else { return Ok(None) };
    if !of.needs[0] {
        return Ok(Some(vec![None, None]));
    }
    let len = classes(of.inputs[0]);
    let labels = labels(of.inputs[1], len)?;
    let (x, g) = (Dense::<T>::new(of.inputs[0])?, Dense::<T>::new(g)?);
    let (x, g) = (x.slice(), g.slice());
    let dx = rows_of(labels.len(), len, |row, out| {
        scaled_softmax_of(&x[row * len..(row + 1) * len], g[row], out);
        out[labels[row]] = out[labels[row]] - g[row];
    })?;
    Ok(Some(vec![Some(dx), None]))
}

/// Calls `fill(range, out)` for pieces of a flat result.
fn flat<T: Float>(len: usize, fill: impl Fn(std::ops::Range<usize>, &mut [T]) + Sync) -> Result<Buffer> {
    let mut result = Buffer::for_elements(T::DTYPE, len)?;
    let out = DisjointMut::new(result.as_mut_slice::<T>());
    // SAFETY: ranges are disjoint.
    parallel::for_ranges(len, DEAR, |range| fill(range.clone(), unsafe { out.range(range) }));
    Ok(result)
}

pub(super) fn binary_cross_entropy<T: Float>(x: In<'_>, t: In<'_>) -> Outputs {
    let (x, t) = (Dense::<T>::new(x)?, Dense::<T>::new(t)?);
    let (x, t) = (x.slice(), t.slice());
    let result = flat(x.len(), |range, out| {
        for ((to, x), t) in out.iter_mut().zip(&x[range.clone()]).zip(&t[range]) {
            // log(1 + exp(x)) - x t without overflow; NaN comes through the exponential.
            *to = T::ZERO.larger(*x) - *x * *t + (-x.abs()).exp().ln_1p();
        }
    })?;
    Ok(Some(vec![result]))
}

pub(super) fn binary_cross_entropy_gradient<T: Float>(of: &Gradient<'_>) -> Gradients {
    let Some(g) = of.grads[0] else { return Ok(None) };
    let (x, t, g) = (Dense::<T>::new(of.inputs[0])?, Dense::<T>::new(of.inputs[1])?, Dense::<T>::new(g)?);
    let (x, t, g) = (x.slice(), t.slice(), g.slice());
    let dx = of.needs[0]
        .then(|| flat(x.len(), |range, out| binary_gradient(&x[range.clone()], &t[range.clone()], &g[range], out)));
    let dt = of.needs[1].then(|| {
        flat(x.len(), |range, out| {
            for ((to, x), g) in out.iter_mut().zip(&x[range.clone()]).zip(&g[range]) {
                *to = -(*x * *g);
            }
        })
    });
    Ok(Some(vec![dx.transpose()?, dt.transpose()?]))
}

#[cfg(test)]
mod tests {
    use corten_core::{DType, FusedOp, Layout};

    use super::{
        super::testing::{Case, check},
        *,
    };

    fn plain(shape: &[usize]) -> Layout {
        Layout::contiguous(shape)
    }

    fn log_sum(row: &[f64]) -> f64 {
        row.iter().map(|x| x.exp()).sum::<f64>().ln()
    }

    #[test]
    fn cross_entropy_of_probabilities() {
        for len in [1, 3, 40] {
            let case = Case::new(&[&[4, len], &[4, len]]);
            check(&FusedOp::CrossEntropy, &case, |inputs| {
                let rows = inputs[0].chunks(len).zip(inputs[1].chunks(len));
                let loss = rows.map(|(x, p)| {
                    let total = log_sum(x);
                    x.iter().zip(p).map(|(x, p)| p * (total - x)).sum()
                });
                vec![loss.collect()]
            });
        }
    }

    #[test]
    fn cross_entropy_of_labels() {
        let len = 11;
        let mut case = Case::new(&[&[2, 3, len]]);
        let labels = [0i32, 10, 3, 3, 7, 1];
        case.extra = vec![(Buffer::from_slice(&labels).expect("memory"), plain(&[2, 3]), DType::I32)];
        check(&FusedOp::SparseCrossEntropy, &case, |inputs| {
            let rows = inputs[0].chunks(len).zip(labels);
            vec![rows.map(|(x, label)| log_sum(x) - x[label as usize]).collect()]
        });
    }

    #[test]
    fn a_label_out_of_range_is_named() {
        let x = Buffer::from_slice(&[0.0f32; 12]).expect("memory");
        let y = Buffer::from_slice(&[0i64, 1, -1, 3]).expect("memory");
        let error = sparse_cross_entropy::<f32>(
            In { buffer: &x, layout: &plain(&[2, 2, 3]), dtype: DType::F32 },
            In { buffer: &y, layout: &plain(&[2, 2]), dtype: DType::I64 },
        )
        .expect_err("a negative label");
        assert!(matches!(error, Error::Index(_)));
        assert!(error.to_string().contains("label -1 at position (1, 0) is out of range for 3 classes"), "{error}");
    }

    #[test]
    fn binary_cross_entropy_of_logits() {
        let case = Case::new(&[&[5, 9], &[5, 9]]);
        check(&FusedOp::BinaryCrossEntropy, &case, |inputs| {
            vec![inputs[0].iter().zip(&inputs[1]).map(|(x, t)| (1.0 + x.exp()).ln() - x * t).collect()]
        });
        let x = Buffer::from_slice(&[1000.0f32, -1000.0, f32::NAN]).expect("memory");
        let t = Buffer::from_slice(&[0.0f32, 0.0, 0.0]).expect("memory");
        let layout = plain(&[3]);
        let view = |buffer| In { buffer, layout: &layout, dtype: DType::F32 };
        let got = binary_cross_entropy::<f32>(view(&x), view(&t)).expect("loss").expect("a kernel");
        let got = got[0].as_slice::<f32>();
        assert!(got[0] == 1000.0 && got[1] == 0.0 && got[2].is_nan());
    }
}
