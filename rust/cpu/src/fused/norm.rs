//! Normalizations: over the last axes (layer, root mean square), over all but the last (batch), over
//! groups of channels within each sample (group). Means and variances take two passes, because one
//! pass loses the digits of small variances.

use std::ops::Range;

use corten_core::{DType, Result};

use super::{
    CHEAP, Gradient, Gradients, Outputs, PARTS,
    math::{Float, add_row, sum_of},
    rows::{self, for_rows, singles, singles_mut},
};
use crate::{
    In,
    dense::Dense,
    matmul::Scratch,
    memory::Buffer,
    parallel::{self, DisjointMut},
    simd::{Isa, isa, vectorized},
};

/// The optional vectors that follow x.
struct Vectors<'a, T> {
    scale: Option<Dense<'a, T>>,
    offset: Option<Dense<'a, T>>,
}

impl<'a, T: Float> Vectors<'a, T> {
    fn new(inputs: &[In<'a>], scale: bool, offset: bool) -> Result<Self> {
        let scale_operand = scale.then(|| Dense::new(inputs[1])).transpose()?;
        let offset_operand = offset.then(|| Dense::new(inputs[1 + usize::from(scale)])).transpose()?;
        Ok(Self { scale: scale_operand, offset: offset_operand })
    }
    fn scale(&self) -> Option<&[T]> {
        self.scale.as_ref().map(Dense::slice)
    }
    fn offset(&self) -> Option<&[T]> {
        self.offset.as_ref().map(Dense::slice)
    }
}

/// Sums over `rows` in parts of fixed size: `run(range, sums)` adds to `len` sums that start at zero;
/// the parts are added up in order.
pub(super) fn sum_rows<T: Float>(
    rows: usize,
    row_len: usize,
    len: usize,
    run: impl Fn(Range<usize>, &mut [T]) + Sync,
) -> Vec<T> {
    let part = rows.div_ceil(PARTS).max(CHEAP / row_len.max(1)).max(1);
    let parts = rows.div_ceil(part);
    let mut sums = Scratch::<T>::zeroed(parts * len);
    let pieces = DisjointMut::new(&mut sums);
    parallel::for_chunks(parts, &|index| {
        // SAFETY: every part has its own range.
        let sums = unsafe { pieces.range(index * len..(index + 1) * len) };
        run(index * part..((index + 1) * part).min(rows), sums);
    });
    let mut total = vec![T::ZERO; len];
    for sums in sums.chunks_exact(len.max(1)).take(parts) {
        add_row(&mut total, sums);
    }
    total
}

/// Mean (zero if not `centered`) and one over the deviation of a row.
#[inline(always)]
fn moments<T: Float>(x: &[T], epsilon: T, centered: bool) -> (T, T) {
    let count = T::ONE / T::from_f64(x.len() as f64);
    let mean = if centered { sum_of(x.len(), |i| x[i]) * count } else { T::ZERO };
    let variance = sum_of(x.len(), |i| (x[i] - mean) * (x[i] - mean)) * count;
    (mean, T::ONE / (variance + epsilon).sqrt())
}

vectorized! {
    fn normalize_row<T: Float>(x: &[T], epsilon: T, centered: bool, scale: Option<&[T]>, offset: Option<&[T]>, out: &mut [T]) {
        let (mean, inverse) = moments(x, epsilon, centered);
        for (to, x) in out.iter_mut().zip(x) {
            *to = (*x - mean) * inverse;
        }
        if let Some(scale) = scale {
            for (to, scale) in out.iter_mut().zip(scale) {
                *to = *to * *scale;
            }
        }
        if let Some(offset) = offset {
            add_row(out, offset);
        }
    }

    /// With `n` the normalized row and `g = dy scale`: `(g - mean(g) - n mean(g n)) / deviation`.
    fn normalize_gradient_row<T: Float>(x: &[T], dy: &[T], epsilon: T, centered: bool, scale: Option<&[T]>, out: &mut [T]) {
        let (mean, inverse) = moments(x, epsilon, centered);
        let count = T::ONE / T::from_f64(x.len() as f64);
        out.copy_from_slice(dy);
        if let Some(scale) = scale {
            for (to, scale) in out.iter_mut().zip(scale) {
                *to = *to * *scale;
            }
        }
        let level = if centered { sum_of(out.len(), |i| out[i]) * count } else { T::ZERO };
        let slope = sum_of(out.len(), |i| out[i] * ((x[i] - mean) * inverse)) * count;
        for (to, x) in out.iter_mut().zip(x) {
            *to = (*to - level - (*x - mean) * inverse * slope) * inverse;
        }
    }

    /// Adds a row's share of the gradients of scale and offset.
    fn add_vector_gradients<T: Float>(x: &[T], dy: &[T], epsilon: T, centered: bool, scale: &mut [T], offset: &mut [T]) {
        let (mean, inverse) = moments(x, epsilon, centered);
        for ((sum, x), dy) in scale.iter_mut().zip(x).zip(dy) {
            *sum += *dy * ((*x - mean) * inverse);
        }
        add_row(offset, dy);
    }

    /// `sums += (x - mean)^2`
    fn add_squares<T: Float>(sums: &mut [T], x: &[T], mean: &[T]) {
        for ((sum, x), mean) in sums.iter_mut().zip(x).zip(mean) {
            let distance = *x - *mean;
            *sum += distance * distance;
        }
    }

    /// `out = (x - mean) factor + offset`
    fn affine_row<T: Float>(out: &mut [T], x: &[T], mean: &[T], factor: &[T], offset: &[T]) {
        for ((((to, x), mean), factor), offset) in out.iter_mut().zip(x).zip(mean).zip(factor).zip(offset) {
            *to = (*x - *mean) * *factor + *offset;
        }
    }

    /// `sums += dy`, `products += dy (x - mean) inverse`
    fn add_pair<T: Float>(sums: &mut [T], products: &mut [T], x: &[T], dy: &[T], mean: &[T], inverse: &[T]) {
        for (((((sum, product), x), dy), mean), inverse) in
            sums.iter_mut().zip(products).zip(x).zip(dy).zip(mean).zip(inverse)
        {
            *sum += *dy;
            *product += *dy * ((*x - *mean) * *inverse);
        }
    }

    /// `out = dy a + (x - mean) b + c`
    fn combine_row<T: Float>(out: &mut [T], x: &[T], dy: &[T], mean: &[T], factors: (&[T], &[T], &[T])) {
        let (a, b, c) = factors;
        for ((((((to, x), dy), mean), a), b), c) in out.iter_mut().zip(x).zip(dy).zip(mean).zip(a).zip(b).zip(c) {
            *to = *dy * *a + (*x - *mean) * *b + *c;
        }
    }
}

/// The float32 kernel over registers where there is one, else the twin.
fn normalize<T: Float>(
    x: &[T],
    epsilon: f64,
    centered: bool,
    scale: Option<&[T]>,
    offset: Option<&[T]>,
    out: &mut [T],
) {
    if let (Some(x), Some(out)) = (singles(x), singles_mut(out))
        && rows::normalize(x, epsilon as f32, centered, scale.and_then(singles), offset.and_then(singles), out)
    {
        return;
    }
    normalize_row(x, T::from_f64(epsilon), centered, scale, offset, out);
}

fn last_axes(x: In<'_>, axes: usize) -> usize {
    x.layout.shape()[x.layout.rank() - axes..].iter().product()
}

/// Layer normalization (centered) or root-mean-square normalization.
pub(super) fn rows<T: Float>(
    inputs: &[In<'_>],
    axes: usize,
    epsilon: f64,
    centered: bool,
    scale: bool,
    offset: bool,
) -> Outputs {
    let len = last_axes(inputs[0], axes);
    let x = Dense::<T>::new(inputs[0])?;
    let x = x.slice();
    let vectors = Vectors::<T>::new(inputs, scale, offset)?;
    let (scale, offset) = (vectors.scale(), vectors.offset());
    let mut result = Buffer::for_elements(T::DTYPE, x.len())?;
    for_rows(result.as_mut_slice::<T>(), len, CHEAP, |row, out| {
        normalize(&x[row * len..(row + 1) * len], epsilon, centered, scale, offset, out);
    });
    Ok(Some(vec![result]))
}

/// Puts the gradients of the optional vectors where the inputs have them.
fn gradients_of<T: Float>(dx: Option<Buffer>, scale: Option<&[T]>, offset: Option<&[T]>) -> Gradients {
    let mut results = vec![dx];
    for vector in [scale, offset].into_iter().flatten() {
        results.push(Some(Buffer::from_slice(vector)?));
    }
    Ok(Some(results))
}

pub(super) fn rows_gradient<T: Float>(
    of: &Gradient<'_>,
    axes: usize,
    epsilon: f64,
    centered: bool,
    scale: bool,
    offset: bool,
) -> Gradients {
    let Some(dy) = of.grads[0] else { return Ok(None) };
    let len = last_axes(of.inputs[0], axes);
    let (x, dy) = (Dense::<T>::new(of.inputs[0])?, Dense::<T>::new(dy)?);
    let (x, dy) = (x.slice(), dy.slice());
    let vectors = Vectors::<T>::new(of.inputs, scale, offset)?;
    let row = |index: usize| index * len..(index + 1) * len;
    if T::DTYPE == DType::F32 && isa() > Isa::Scalar {
        // One pass for all three.
        let mut dx = Buffer::for_elements(T::DTYPE, x.len())?;
        let out = DisjointMut::new(dx.as_mut_slice::<f32>());
        let factor = vectors.scale().and_then(singles);
        let sums = sum_rows::<f32>(x.len() / len.max(1), len, 2 * len, |rows, sums| {
            let (scale, offset) = sums.split_at_mut(len);
            for index in rows {
                // SAFETY: every row has its own range.
                let out = unsafe { out.range(row(index)) };
                if let (Some(x), Some(dy)) = (singles(&x[row(index)]), singles(&dy[row(index)])) {
                    rows::normalize_gradient(x, dy, epsilon as f32, centered, factor, (scale, offset), out);
                }
            }
        });
        let dx = of.needs[0].then_some(dx);
        return gradients_of(dx, scale.then_some(&sums[..len]), offset.then_some(&sums[len..]));
    }
    let epsilon = T::from_f64(epsilon);
    let dx = if of.needs[0] {
        let mut dx = Buffer::for_elements(T::DTYPE, x.len())?;
        for_rows(dx.as_mut_slice::<T>(), len, CHEAP, |index, out| {
            normalize_gradient_row(&x[row(index)], &dy[row(index)], epsilon, centered, vectors.scale(), out);
        });
        Some(dx)
    } else {
        None
    };
    if !scale && !offset {
        return Ok(Some(vec![dx]));
    }
    let sums = sum_rows(x.len() / len.max(1), len, 2 * len, |rows, sums| {
        let (scale, offset) = sums.split_at_mut(len);
        for index in rows {
            add_vector_gradients(&x[row(index)], &dy[row(index)], epsilon, centered, scale, offset);
        }
    });
    gradients_of(dx, scale.then_some(&sums[..len]), offset.then_some(&sums[len..]))
}

fn channels(x: In<'_>) -> usize {
    x.layout.shape().last().copied().unwrap_or(1)
}

fn scaled<T: Float>(values: &mut [T], factor: T) {
    for value in values {
        *value = *value * factor;
    }
}

/// One over the deviation, channel by channel.
fn inverses<T: Float>(variance: &[T], epsilon: f64) -> Vec<T> {
    variance.iter().map(|variance| T::ONE / (*variance + T::from_f64(epsilon)).sqrt()).collect()
}

pub(super) fn batch<T: Float>(inputs: &[In<'_>], epsilon: f64, scale: bool, offset: bool) -> Outputs {
    let len = channels(inputs[0]);
    let x = Dense::<T>::new(inputs[0])?;
    let x = x.slice();
    let vectors = Vectors::<T>::new(inputs, scale, offset)?;
    let rows = x.len() / len.max(1);
    let row = |index: usize| index * len..(index + 1) * len;
    let count = T::ONE / T::from_f64(rows as f64);
    let mut mean = sum_rows(rows, len, len, |rows, sums| rows.for_each(|index| add_row(sums, &x[row(index)])));
    scaled(&mut mean, count);
    let mut variance =
        sum_rows(rows, len, len, |rows, sums| rows.for_each(|index| add_squares(sums, &x[row(index)], &mean)));
    scaled(&mut variance, count);
    let mut factor = inverses(&variance, epsilon);
    if let Some(scale) = vectors.scale() {
        factor.iter_mut().zip(scale).for_each(|(factor, scale)| *factor = *factor * *scale);
    }
    let offset = vectors.offset().map_or_else(|| vec![T::ZERO; len], <[T]>::to_vec);
    let mut y = Buffer::for_elements(T::DTYPE, x.len())?;
    for_rows(y.as_mut_slice::<T>(), len, CHEAP, |index, out| affine_row(out, &x[row(index)], &mean, &factor, &offset));
    Ok(Some(vec![y, Buffer::from_slice(&mean)?, Buffer::from_slice(&variance)?]))
}

/// With `n` the normalized x, N rows, and `s` the scale over the deviation:
/// `dx = s (dy - mean(dy) - n mean(dy n)) + dmean / N + 2 dvariance (x - mean) / N`.
pub(super) fn batch_gradient<T: Float>(of: &Gradient<'_>, epsilon: f64, scale: bool, offset: bool) -> Gradients {
    let len = channels(of.inputs[0]);
    let x = Dense::<T>::new(of.inputs[0])?;
    let x = x.slice();
    let vectors = Vectors::<T>::new(of.inputs, scale, offset)?;
    let (mean, variance) = (Dense::<T>::new(of.outputs[1])?, Dense::<T>::new(of.outputs[2])?);
    let (mean, variance) = (mean.slice(), variance.slice());
    let grads = of.grads.iter().map(|grad| grad.map(Dense::<T>::new).transpose()).collect::<Result<Vec<_>>>()?;
    let grad = |i: usize| grads[i].as_ref().map(Dense::slice);
    let inverse = inverses(variance, epsilon);
    let rows = x.len() / len.max(1);
    let row = |index: usize| index * len..(index + 1) * len;
    let count = T::ONE / T::from_f64(rows as f64);

    // The sums of dy and of dy n, which are the gradients of offset and scale.
    let sums = match grad(0) {
        Some(dy) => sum_rows(rows, len, 2 * len, |rows, sums| {
            let (sums, products) = sums.split_at_mut(len);
            for index in rows {
                add_pair(sums, products, &x[row(index)], &dy[row(index)], mean, &inverse);
            }
        }),
        None => vec![T::ZERO; 2 * len],
    };
    let dx = if of.needs[0] {
        let (mut a, mut b, mut c) = (vec![T::ZERO; len], vec![T::ZERO; len], vec![T::ZERO; len]);
        let two = T::ONE + T::ONE;
        for i in 0..len {
            let s = vectors.scale().map_or(T::ONE, |scale| scale[i]) * inverse[i];
            a[i] = s;
            b[i] = -(s * inverse[i] * sums[len + i] * count);
            c[i] = -(s * sums[i] * count);
            if let Some(dmean) = grad(1) {
                c[i] += dmean[i] * count;
            }
            if let Some(dvariance) = grad(2) {
                b[i] += two * dvariance[i] * count;
            }
        }
        let zeros = if grad(0).is_none() { vec![T::ZERO; len] } else { Vec::new() };
        let mut dx = Buffer::for_elements(T::DTYPE, x.len())?;
        for_rows(dx.as_mut_slice::<T>(), len, CHEAP, |index, out| {
            let dy = grad(0).map_or(&zeros[..], |dy| &dy[row(index)]);
            combine_row(out, &x[row(index)], dy, mean, (&a, &b, &c));
        });
        Some(dx)
    } else {
        None
    };
    gradients_of(dx, scale.then_some(&sums[len..]), offset.then_some(&sums[..len]))
}

/// One sample of group normalization: `rows` of `len` channels in `groups`.
#[derive(Clone, Copy)]
struct Sample {
    rows: usize,
    len: usize,
    groups: usize,
    epsilon: f64,
}

impl Sample {
    /// Replaces each channel's sum by the mean over the elements of its group.
    fn group_means<T: Float>(&self, sums: &mut [T]) {
        let width = self.len / self.groups;
        let count = T::ONE / T::from_f64((self.rows * width) as f64);
        for group in sums.chunks_exact_mut(width.max(1)) {
            let mean = sum_of(width, |i| group[i]) * count;
            group.fill(mean);
        }
    }

    /// Mean and one over the deviation of each channel's group.
    fn moments<T: Float>(&self, x: &[T]) -> (Vec<T>, Vec<T>) {
        let mut mean = vec![T::ZERO; self.len];
        x.chunks_exact(self.len).for_each(|row| add_row(&mut mean, row));
        self.group_means(&mut mean);
        let mut variance = vec![T::ZERO; self.len];
        x.chunks_exact(self.len).for_each(|row| add_squares(&mut variance, row, &mean));
        self.group_means(&mut variance);
        let inverse = inverses(&variance, self.epsilon);
        (mean, inverse)
    }
}

fn sample(x: In<'_>, groups: usize, epsilon: f64) -> Sample {
    let shape = x.layout.shape();
    let rank = shape.len();
    let rows = if rank > 2 { shape[1..rank - 1].iter().product() } else { 1 };
    Sample { rows, len: channels(x), groups, epsilon }
}

pub(super) fn group<T: Float>(inputs: &[In<'_>], groups: usize, epsilon: f64, scale: bool, offset: bool) -> Outputs {
    if inputs[0].layout.rank() < 2 {
        return Ok(None);
    }
    let of = sample(inputs[0], groups, epsilon);
    let x = Dense::<T>::new(inputs[0])?;
    let x = x.slice();
    let vectors = Vectors::<T>::new(inputs, scale, offset)?;
    let zeros = vec![T::ZERO; of.len];
    let mut result = Buffer::for_elements(T::DTYPE, x.len())?;
    let size = of.rows * of.len;
    for_rows(result.as_mut_slice::<T>(), size, CHEAP, |index, out| {
        let x = &x[index * size..(index + 1) * size];
        let (mean, mut factor) = of.moments(x);
        if let Some(scale) = vectors.scale() {
            factor.iter_mut().zip(scale).for_each(|(factor, scale)| *factor = *factor * *scale);
        }
        let offset = vectors.offset().unwrap_or(&zeros);
        for (out, x) in out.chunks_exact_mut(of.len).zip(x.chunks_exact(of.len)) {
            affine_row(out, x, &mean, &factor, offset);
        }
    });
    Ok(Some(vec![result]))
}

pub(super) fn group_gradient<T: Float>(
    of: &Gradient<'_>,
    groups: usize,
    epsilon: f64,
    scale: bool,
    offset: bool,
) -> Gradients {
    let Some(dy) = of.grads[0] else { return Ok(None) };
    if of.inputs[0].layout.rank() < 2 {
        return Ok(None);
    }
    let sample = sample(of.inputs[0], groups, epsilon);
    let len = sample.len;
    let (x, dy) = (Dense::<T>::new(of.inputs[0])?, Dense::<T>::new(dy)?);
    let (x, dy) = (x.slice(), dy.slice());
    let vectors = Vectors::<T>::new(of.inputs, scale, offset)?;
    let size = sample.rows * len;
    let images = x.len() / size.max(1);
    let mut dx = Buffer::for_elements(T::DTYPE, x.len())?;
    let out = DisjointMut::new(dx.as_mut_slice::<T>());
    // One pass per sample gives its part of dx and of the vectors' gradients.
    let sums = sum_rows(images, size, 2 * len, |range, sums| {
        for index in range {
            let (x, dy) = (&x[index * size..(index + 1) * size], &dy[index * size..(index + 1) * size]);
            let (mean, inverse) = sample.moments(x);
            let (mut level, mut slope) = (vec![T::ZERO; len], vec![T::ZERO; len]);
            for (x, dy) in x.chunks_exact(len).zip(dy.chunks_exact(len)) {
                add_pair(&mut level, &mut slope, x, dy, &mean, &inverse);
            }
            add_row(&mut sums[..len], &level);
            add_row(&mut sums[len..], &slope);
            let mut factor = inverse.clone();
            if let Some(scale) = vectors.scale() {
                for i in 0..len {
                    factor[i] = factor[i] * scale[i];
                    level[i] = level[i] * scale[i];
                    slope[i] = slope[i] * scale[i];
                }
            }
            sample.group_means(&mut level);
            sample.group_means(&mut slope);
            for i in 0..len {
                level[i] = -(level[i] * inverse[i]);
                slope[i] = -(slope[i] * inverse[i] * inverse[i]);
            }
            // SAFETY: every sample has its own range.
            let out = unsafe { out.range(index * size..(index + 1) * size) };
            for ((out, x), dy) in out.chunks_exact_mut(len).zip(x.chunks_exact(len)).zip(dy.chunks_exact(len)) {
                combine_row(out, x, dy, &mean, (&factor, &slope, &level));
            }
        }
    });
    gradients_of(of.needs[0].then_some(dx), scale.then_some(&sums[len..]), offset.then_some(&sums[..len]))
}

#[cfg(test)]
#[path = "tests/norm.rs"]
mod tests;
