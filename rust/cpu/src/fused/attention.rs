//! Attention without the matrix of weights: scores are computed in blocks of queries by keys, and
//! the softmax is carried along (its largest score and its sum so far), so that memory grows with
//! the length of the sequences and not with its square. The gradient computes the blocks again.

use std::ops::Range;

use corten_core::{AttentionSpec, DType, Layout};

use super::{
    Gradient, Gradients, Outputs, dropout,
    math::{Float, largest, sum_of},
    rows::{singles, singles_mut},
    steps,
};
use crate::{
    In,
    dense::Dense,
    matmul::{Matrix, Output, Packed, Scratch, Size, blocks, gemm},
    memory::{self, Buffer},
    parallel::{self, DisjointMut},
    simd::vectorized,
};

/// Queries and keys of one block of scores.
const QUERIES: usize = 48;
const KEYS: usize = 256;
/// Tasks worth having.
const TASKS: usize = 8;
/// Queries up to which it is looked up which keys at the end none of them sees.
const FEW: usize = 8;

vectorized! {
    /// Scores become `exp((score - top) scale)`; gives their sum.
    fn plain_exponentials<T: Float>(scores: &mut [T], top: T, scale: T) -> T {
        for score in scores.iter_mut() {
            *score = ((*score - top) * scale).exp();
        }
        sum_of(scores.len(), |i| scores[i])
    }

    fn scale_row<T: Float>(row: &mut [T], factor: T) {
        for value in row {
            *value = *value * factor;
        }
    }

    fn plain_weights<T: Float>(scores: &mut [T], top: T, scale: T, inverse: T) {
        for score in scores.iter_mut() {
            *score = ((*score - top) * scale).exp() * inverse;
        }
    }

    /// `dweights` becomes `weights (dweights - level) scale`, the gradient of the unscaled scores.
    fn score_gradient<T: Float>(weights: &[T], dweights: &mut [T], level: T, scale: T) {
        for (d, weight) in dweights.iter_mut().zip(weights) {
            *d = *weight * (*d - level) * scale;
        }
    }

    /// `values` times what dropout multiplies them by: what is dropped is zero, whatever it was.
    fn drop_values<T: Float>(values: &mut [T], factors: &[T]) {
        for (value, factor) in values.iter_mut().zip(factors) {
            *value = if *factor == T::ZERO { T::ZERO } else { *value * *factor };
        }
    }

    fn dot<T: Float>(a: &[T], b: &[T]) -> T {
        let b = &b[..a.len()];
        sum_of(a.len(), |i| a[i] * b[i])
    }
}

/// One row of scores becomes weights relative to the largest score so far, each times `scale`. Gives that score and
/// the factor for what was summed before; `sum` is brought up to date.
fn advance<T: Float>(scores: &mut [T], top: T, scale: T, sum: &mut T) -> (T, T) {
    let mut new_top = top;
    let found = match (singles(scores), singles_mut(std::slice::from_mut(&mut new_top))) {
        (Some(scores), Some([new_top])) => steps::top_of(scores, new_top),
        _ => false,
    };
    if !found {
        new_top = top.larger(largest(scores));
    }
    if new_top == T::NEG_INFINITY {
        // Nothing to attend yet; a difference of infinities would be NaN.
        let is_nan = |score: &T| score.partial_cmp(score).is_none();
        if !scores.iter().any(is_nan) {
            scores.fill(T::ZERO);
            return (new_top, T::ONE);
        }
    }
    let factor = ((top - new_top) * scale).exp();
    *sum = *sum * factor + exponentials(scores, new_top, scale);
    (new_top, factor)
}

/// Scores become `exp((score - top) scale)`; gives their sum.
fn exponentials<T: Float>(scores: &mut [T], top: T, scale: T) -> T {
    let [mut sum, at, by] = [T::ZERO, top, scale];
    if let (Some(scores), Some([sum]), Some([at]), Some([by])) = (
        singles_mut(scores),
        singles_mut(std::slice::from_mut(&mut sum)),
        singles(std::slice::from_ref(&at)),
        singles(std::slice::from_ref(&by)),
    ) && steps::exponentials(scores, *at, *by, sum)
    {
        // The sum was written through the slice.
    } else {
        sum = plain_exponentials(scores, top, scale);
    }
    sum
}

/// Scores become weights, given the softmax's largest score and one over its sum.
fn weights<T: Float>(scores: &mut [T], top: T, scale: T, inverse: T) {
    let numbers = [top, scale, inverse];
    if let (Some(scores), Some(&[top, scale, inverse])) = (singles_mut(scores), singles(&numbers))
        && steps::weights(scores, top, scale, inverse)
    {
        return;
    }
    plain_weights(scores, top, scale, inverse);
}

/// A mask seen as (batch, head, query, key).
enum Mask<'a, T> {
    None,
    /// Which keys may be attended.
    Allowed(&'a [bool], Layout),
    /// What is added to scores.
    Added(&'a [T], Layout),
}

/// Operands and sizes.
struct Problem<'a, T> {
    q: (&'a [T], &'a Layout),
    k: (&'a [T], &'a Layout),
    v: (&'a [T], &'a Layout),
    mask: Mask<'a, T>,
    scale: T,
    /// What is left of the scale for the exponent: all of it where there is nothing to add to scores before.
    late_scale: T,
    causal: bool,
    dropout: Option<dropout::Mask<T>>,
    /// What the score of a key becomes that must not be attended: so low that its weight is 0, yet a
    /// row without any allowed key gives equal weights and no NaN.
    masked: T,
    batch: usize,
    heads: usize,
    queries: usize,
    keys: usize,
    width: usize,
    value_width: usize,
}

/// One head of an operand: `rows` by channels, as items by depth or the other way round.
fn head<'a, T: Float>(
    (data, layout): (&'a [T], &Layout),
    (sample, head): (usize, usize),
    rows: &Range<usize>,
    channels_are_items: bool,
) -> Matrix<'a, T> {
    let (shape, strides) = (layout.shape(), layout.strides());
    let start = layout.offset() as isize
        + sample as isize * strides[0]
        + rows.start as isize * strides[1]
        + head as isize * strides[2];
    let start = if rows.is_empty() || shape[3] == 0 { 0 } else { start as usize };
    let (row, channel) = ((rows.len(), strides[1]), (shape[3], strides[3]));
    if channels_are_items { Matrix::new(data, start, channel, row) } else { Matrix::new(data, start, row, channel) }
}

impl<'a, T: Float> Problem<'a, T> {
    fn new(inputs: &[In<'a>], spec: AttentionSpec) -> Self {
        let AttentionSpec { scale, causal, mask: masked, dropout } = spec;
        let shape = |i: usize| inputs[i].layout.shape();
        let [batch, queries, heads, width] = std::array::from_fn(|axis| shape(0)[axis]);
        let (keys, value_width) = (shape(1)[1], shape(2)[3]);
        let operand = |i: usize| (memory::elements::<T>(inputs[i]), inputs[i].layout);
        let mask = if masked {
            let layout = inputs[3].layout.expand(&[batch, heads, queries, keys]);
            if inputs[3].dtype == DType::Bool {
                Mask::Allowed(memory::elements::<bool>(inputs[3]), layout)
            } else {
                Mask::Added(memory::elements::<T>(inputs[3]), layout)
            }
        } else {
            Mask::None
        };
        let largest = if T::DTYPE == DType::F64 { f64::MAX } else { f64::from(f32::MAX) };
        Self {
            q: operand(0),
            k: operand(1),
            v: operand(2),
            mask,
            scale: T::from_f64(scale),
            late_scale: if !masked && scale > 0.0 { T::from_f64(scale) } else { T::ONE },
            causal,
            dropout: dropout.map(dropout::Mask::new),
            masked: T::from_f64(-0.7 * largest),
            batch,
            heads,
            queries,
            keys,
            width,
            value_width,
        }
    }

    fn is_supported(inputs: &[In<'_>], masked: bool) -> bool {
        !masked || matches!(inputs[3].dtype, DType::Bool) || inputs[3].dtype == T::DTYPE
    }

    /// How many keys there are up to the last that one of some queries sees, if they are few. A query that sees none
    /// weighs all.
    fn seen_keys(&self, at: (usize, usize), queries: &Range<usize>) -> usize {
        let Mask::Allowed(allowed, layout) = &self.mask else { return self.keys };
        if queries.len() > FEW {
            return self.keys;
        }
        let strides = layout.strides();
        let seen = |query: usize| {
            let first = [at.0, at.1, query].iter().zip(strides).map(|(&i, &stride)| i as isize * stride).sum::<isize>();
            let sees = |key: usize| allowed[(layout.offset() as isize + first + key as isize * strides[3]) as usize];
            let before = if self.causal { self.keys.min(query + 1) } else { self.keys };
            (0..before).rev().find(|&key| sees(key)).map_or(self.keys, |last| last + 1)
        };
        queries.clone().map(seen).max().unwrap_or(self.keys)
    }

    /// Whether no query of the block may attend a key of the block.
    fn is_skipped(&self, queries: &Range<usize>, keys: &Range<usize>) -> bool {
        // With a mask, a row may have no allowed key at all, and then weighs every key.
        self.causal && matches!(self.mask, Mask::None) && keys.start >= queries.end
    }

    /// Scores of one query, scaled and masked.
    fn mask_row(&self, at: (usize, usize), query: usize, keys: &Range<usize>, scores: &mut [T]) {
        if self.late_scale == T::ONE {
            scale_row(scores, self.scale);
        }
        let place = |layout: &Layout| {
            let strides = layout.strides();
            let first = [at.0, at.1, query, keys.start];
            let start = first.iter().zip(strides).map(|(&i, &stride)| i as isize * stride).sum::<isize>();
            (layout.offset() as isize + start, strides[3])
        };
        match &self.mask {
            Mask::None => {}
            Mask::Allowed(allowed, layout) => {
                let (start, stride) = place(layout);
                for (i, score) in scores.iter_mut().enumerate() {
                    if !allowed[(start + i as isize * stride) as usize] {
                        *score = self.masked;
                    }
                }
            }
            Mask::Added(added, layout) => {
                let (start, stride) = place(layout);
                for (i, score) in scores.iter_mut().enumerate() {
                    *score += added[(start + i as isize * stride) as usize];
                }
            }
        }
        if self.causal && keys.end > query + 1 {
            let first = (query + 1).max(keys.start) - keys.start;
            scores[first..].fill(self.masked);
        }
    }

    /// Scores of a block: `queries` rows of `keys` columns.
    fn scores(
        &self,
        at: (usize, usize),
        queries: &Range<usize>,
        keys: &Range<usize>,
        packed: &Packed<T>,
        out: &mut [T],
    ) {
        let q = head(self.q, at, queries, false);
        packed.multiply(queries.len(), &q, &Output::strided(out, keys.len()), false);
        for (row, scores) in out.chunks_exact_mut(keys.len()).take(queries.len()).enumerate() {
            self.mask_row(at, queries.start + row, keys, scores);
        }
    }

    /// The keys of each block, packed: as columns over channels, or channels as columns.
    fn pack(of: (&'a [T], &Layout), at: (usize, usize), channels_are_items: bool, all: usize) -> Vec<Packed<T>> {
        let width = of.1.shape()[3];
        let one = |keys: Range<usize>| {
            let matrix = head(of, at, &keys, channels_are_items);
            let (columns, depth) = if channels_are_items { (width, keys.len()) } else { (keys.len(), width) };
            Packed::new(&matrix, QUERIES, columns, depth)
        };
        blocks(0..all, KEYS).map(one).collect()
    }

    /// What dropout multiplies weights of a block by, row after row; nothing without dropout.
    fn factors(&self, at: (usize, usize), queries: &Range<usize>, keys: &Range<usize>, out: &mut [T]) {
        let Some(dropout) = self.dropout else { return };
        let row = |query: usize| ((at.0 * self.heads + at.1) * self.queries + query) as u64 * self.keys as u64;
        if keys.len() == self.keys {
            // The rows lie one after the other.
            dropout.factors(row(queries.start), out);
            return;
        }
        for (query, out) in queries.clone().zip(out.chunks_exact_mut(keys.len())) {
            dropout.factors(row(query) + keys.start as u64, out);
        }
    }

    /// The softmax of a block of queries: `visit` gets each block of weights with the factor by which
    /// what came before it shrinks, row by row; `tops` and `sums` end up as the softmax's. `scores` is where blocks
    /// are computed, `all` is how many keys there are.
    fn walk(
        &self,
        (at, all): ((usize, usize), usize),
        queries: &Range<usize>,
        packed: &[Packed<T>],
        scores: &mut [T],
        (tops, sums): (&mut [T], &mut [T]),
        mut visit: impl FnMut(usize, &mut [T], &[T]),
    ) {
        let mut factors = [T::ONE; QUERIES];
        tops.fill(T::NEG_INFINITY);
        sums.fill(T::ZERO);
        for (index, keys) in blocks(0..all, KEYS).enumerate() {
            if self.is_skipped(queries, &keys) {
                continue;
            }
            let scores = &mut scores[..queries.len() * keys.len()];
            self.scores(at, queries, &keys, &packed[index], scores);
            for (row, scores) in scores.chunks_exact_mut(keys.len()).enumerate() {
                (tops[row], factors[row]) = advance(scores, tops[row], self.late_scale, &mut sums[row]);
            }
            visit(index, scores, &factors[..queries.len()]);
        }
    }
}

pub(super) fn forward<T: Float>(inputs: &[In<'_>], spec: AttentionSpec) -> Outputs {
    if !Problem::<T>::is_supported(inputs, spec.mask) {
        return Ok(None);
    }
    let problem = Problem::<T>::new(inputs, spec);
    let Problem { batch, heads, queries, value_width: width, .. } = problem;
    let mut result = Buffer::for_elements(T::DTYPE, batch * queries * heads * width)?;
    let out = DisjointMut::new(result.as_mut_slice::<T>());
    // A task: some queries of one head. Keys are packed per task, so as many queries as possible.
    let parts = TASKS.div_ceil((batch * heads).max(1)).min(queries.div_ceil(QUERIES)).max(1);
    let part = queries.div_ceil(parts).div_ceil(QUERIES) * QUERIES;
    let parts = queries.div_ceil(part.max(1));
    parallel::for_chunks(batch * heads * parts, &|task| {
        let (pair, part_index) = (task / parts, task % parts);
        let at = (pair / heads, pair % heads);
        let mine = part_index * part..((part_index + 1) * part).min(queries);
        let seen = problem.seen_keys(at, &mine);
        let keys = Problem::pack(problem.k, at, false, seen);
        let values = Problem::pack(problem.v, at, true, seen);
        let mut sums_of_values = Scratch::<T>::new(QUERIES * width);
        let mut scores = Scratch::<T>::new(QUERIES * KEYS);
        let mut dropped = problem.dropout.map(|_| Scratch::<T>::new(QUERIES * KEYS));
        let (mut tops, mut sums) = ([T::ZERO; QUERIES], [T::ZERO; QUERIES]);
        for block in blocks(mine, QUERIES) {
            let rows = block.len();
            let sums_of_values = &mut sums_of_values[..rows * width];
            sums_of_values.fill(T::ZERO);
            let softmax = (&mut tops[..rows], &mut sums[..rows]);
            problem.walk((at, seen), &block, &keys, &mut scores, softmax, |index, weights, factors| {
                let keys = weights.len() / rows;
                if let Some(dropped) = &mut dropped {
                    let dropped = &mut dropped[..weights.len()];
                    problem.factors(at, &block, &(index * KEYS..index * KEYS + keys), dropped);
                    drop_values(weights, dropped);
                }
                for (row, factor) in sums_of_values.chunks_exact_mut(width.max(1)).zip(factors) {
                    scale_row(row, *factor);
                }
                let weights = Matrix::new(weights, 0, (rows, keys as isize), (keys, 1));
                let out = Output::strided(sums_of_values, width).accumulate(true);
                values[index].multiply(rows, &weights, &out, false);
            });
            for (row, values) in sums_of_values.chunks_exact(width.max(1)).enumerate() {
                let start = ((at.0 * queries + block.start + row) * heads + at.1) * width;
                // SAFETY: every query of a head has its own range.
                let out = unsafe { out.range(start..start + width) };
                out.copy_from_slice(values);
                // Without keys the sum of nothing is zero.
                scale_row(out, if problem.keys == 0 { T::ONE } else { T::ONE / sums[row] });
            }
        }
    });
    Ok(Some(vec![result]))
}

/// With weights p and `d = dy v^T`: `dv = p^T dy`, `ds = p (d - dy . y) scale`, `dq = ds k`,
/// `dk = ds^T q`. Dropout drops of p in `dv`, and of d. One task per head, which sums over its blocks in order.
pub(super) fn gradient<T: Float>(of: &Gradient<'_>, spec: AttentionSpec) -> Gradients {
    let Some(dy) = of.grads[0] else { return Ok(None) };
    let mask_needs = spec.mask && of.inputs[3].dtype != DType::Bool && of.needs[3];
    if mask_needs || !Problem::<T>::is_supported(of.inputs, spec.mask) {
        return Ok(None);
    }
    let problem = Problem::<T>::new(of.inputs, spec);
    let Problem { batch, heads, queries, keys, width, value_width, .. } = problem;
    let (y, dy) = (Dense::<T>::new(of.outputs[0])?, Dense::<T>::new(dy)?);
    let (y, dy) = (y.slice(), dy.slice());
    let like = |i: usize| Buffer::for_elements(T::DTYPE, of.inputs[i].layout.len());
    let (mut dq, mut dk, mut dv) = (like(0)?, like(1)?, like(2)?);
    let all = [
        DisjointMut::new(dq.as_mut_slice::<T>()),
        DisjointMut::new(dk.as_mut_slice::<T>()),
        DisjointMut::new(dv.as_mut_slice::<T>()),
    ];
    let dy_layout = Layout::contiguous(&[batch, queries, heads, value_width]);
    let dy = (dy, &dy_layout);
    parallel::for_chunks(batch * heads, &|pair| {
        let at = (pair / heads, pair % heads);
        let packed_k = Problem::pack(problem.k, at, false, keys);
        let packed_k_t = Problem::pack(problem.k, at, true, keys);
        let packed_v = Problem::pack(problem.v, at, false, keys);
        let mut dq = Scratch::<T>::zeroed(queries * width);
        let mut dk = Scratch::<T>::zeroed(keys * width);
        let mut dv = Scratch::<T>::zeroed(keys * value_width);
        let (mut tops, mut sums) = ([T::ZERO; QUERIES], [T::ZERO; QUERIES]);
        let mut scores = Scratch::<T>::new(QUERIES * KEYS);
        let mut slopes = Scratch::<T>::new(QUERIES * KEYS);
        let mut dropped = problem.dropout.map(|_| Scratch::<T>::new(QUERIES * KEYS));
        for block in blocks(0..queries, QUERIES) {
            let rows = block.len();
            // Where one block holds all keys, the walk leaves the weights but for their sum.
            let is_whole = keys <= KEYS;
            problem.walk(
                (at, keys),
                &block,
                &packed_k,
                &mut scores,
                (&mut tops[..rows], &mut sums[..rows]),
                |_, _, _| {},
            );
            let level = |row: usize| {
                let start = ((at.0 * queries + block.start + row) * heads + at.1) * value_width;
                dot(&y[start..start + value_width], &dy.0[start..start + value_width])
            };
            let levels: [T; QUERIES] = std::array::from_fn(|row| if row < rows { level(row) } else { T::ZERO });
            for (index, span) in blocks(0..keys, KEYS).enumerate() {
                if problem.is_skipped(&block, &span) {
                    continue;
                }
                let len = span.len();
                let (scores, slopes) = (&mut scores[..rows * len], &mut slopes[..rows * len]);
                if !is_whole {
                    problem.scores(at, &block, &span, &packed_k[index], scores);
                }
                for (row, scores) in scores.chunks_exact_mut(len).enumerate() {
                    if is_whole {
                        scale_row(scores, T::ONE / sums[row]);
                    } else {
                        weights(scores, tops[row], problem.late_scale, T::ONE / sums[row]);
                    }
                }
                let dy_rows = head(dy, at, &block, false);
                packed_v[index].multiply(rows, &dy_rows, &Output::strided(slopes, len), false);
                // dv += p^T dy, of the weights that were kept.
                let mut kept = &scores[..];
                if let Some(dropped) = &mut dropped {
                    let dropped = &mut dropped[..rows * len];
                    problem.factors(at, &block, &span, dropped);
                    drop_values(slopes, dropped);
                    drop_values(dropped, scores);
                    kept = dropped;
                }
                let size = Size { rows: len, columns: value_width, depth: rows };
                let weights_t = Matrix::new(kept, 0, (len, 1), (rows, len as isize));
                let out = Output::strided(&mut dv[span.start * value_width..], value_width).accumulate(true);
                gemm(size, &weights_t, &head(dy, at, &block, true), &out, false);
                for (row, (slopes, weights)) in slopes.chunks_exact_mut(len).zip(scores.chunks_exact(len)).enumerate() {
                    if tops[row] == problem.masked {
                        // No key was allowed: the scores were replaced, so nothing depends on them.
                        slopes.fill(T::ZERO);
                    } else {
                        score_gradient(weights, slopes, levels[row], problem.scale);
                    }
                }
                let slope = Matrix::new(slopes, 0, (rows, len as isize), (len, 1));
                let out = Output::strided(&mut dq[block.start * width..], width).accumulate(true);
                packed_k_t[index].multiply(rows, &slope, &out, false);
                let size = Size { rows: len, columns: width, depth: rows };
                let slope_t = Matrix::new(slopes, 0, (len, 1), (rows, len as isize));
                let out = Output::strided(&mut dk[span.start * width..], width).accumulate(true);
                gemm(size, &slope_t, &head(problem.q, at, &block, true), &out, false);
            }
        }
        for (out, (sums, (rows, width))) in
            all.iter().zip([(&dq, (queries, width)), (&dk, (keys, width)), (&dv, (keys, value_width))])
        {
            for row in 0..rows {
                let start = ((at.0 * rows + row) * heads + at.1) * width;
                // SAFETY: every row of a head has its own range.
                unsafe { out.range(start..start + width) }.copy_from_slice(&sums[row * width..(row + 1) * width]);
            }
        }
    });
    let mut results = vec![Some(dq), Some(dk), Some(dv)];
    results.resize_with(of.inputs.len(), || None);
    Ok(Some(results))
}

#[cfg(test)]
#[path = "tests/attention.rs"]
mod tests;
