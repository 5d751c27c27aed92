//! Sorting and searching. NaN counts as larger than every number.

use std::cmp::Ordering;

use corten_core::{DType, Dims, Element, Layout, Result, View, with_dtype};

use crate::{In, copy, dense::Dense, memory::Buffer, parallel};

/// Elements one task sorts.
const GRAIN: usize = 4096;

#[expect(clippy::eq_op, reason = "NaN is the one value that differs from itself")]
fn compare<T: Element>(a: T, b: T) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| (a != a).cmp(&(b != b)))
}

/// Values and indices of every line along `axis`, sorted; stable.
pub(crate) fn sort(x: In<'_>, axis: usize, descending: bool) -> Result<(Buffer, Buffer)> {
    let rank = x.layout.rank();
    if rank == 0 {
        return Ok((copy::to_contiguous(x)?, Buffer::from_slice(&[0i32])?));
    }
    let n = x.layout.shape()[axis];
    if axis == rank - 1 {
        return lines(x, n, n, descending);
    }
    // Sort along the last axis of a transposed copy, then transpose back.
    let mut order: Dims = (0..rank).collect();
    order.swap(axis, rank - 1);
    let moved = x.layout.permute(&order);
    let (values, indices) = lines(View { layout: &moved, ..x }, n, n, descending)?;
    let back = |sorted: &Buffer, dtype: DType| -> Result<Buffer> {
        let from = Layout::contiguous(moved.shape()).permute(&order);
        copy::to_contiguous(View { buffer: sorted, layout: &from, dtype })
    };
    Ok((back(&values, x.dtype)?, back(&indices, DType::I32)?))
}

/// The `k` largest of each last-axis line.
pub(crate) fn top_k(x: In<'_>, k: usize) -> Result<(Buffer, Buffer)> {
    let n = x.layout.shape().last().copied().unwrap_or(1);
    lines(x, n, k, true)
}

/// The first `k` of each sorted line of `n`.
fn lines(x: In<'_>, n: usize, k: usize, descending: bool) -> Result<(Buffer, Buffer)> {
    let rows = x.layout.len().checked_div(n).unwrap_or(0);
    let mut values = Buffer::for_elements(x.dtype, rows * k)?;
    let mut indices = Buffer::for_elements(DType::I32, rows * k)?;
    with_dtype!(x.dtype, T => {
        let source = Dense::<T>::new(x)?;
        let source = source.slice();
        let values = parallel::DisjointMut::new(&mut values.as_mut_slice::<T>()[..rows * k]);
        let indices = parallel::DisjointMut::new(&mut indices.as_mut_slice::<i32>()[..rows * k]);
        parallel::for_ranges(rows, (GRAIN / n.max(1)).max(1), |range| {
            let mut order: Vec<i32> = Vec::with_capacity(n);
            for row in range {
                let line = &source[row * n..(row + 1) * n];
                order.clear();
                order.extend(0..n as i32);
                let by_value = |&i: &i32, &j: &i32| {
                    let ordering = compare(line[i as usize], line[j as usize]);
                    (if descending { ordering.reverse() } else { ordering }).then(i.cmp(&j))
                };
                if k < n && k > 0 {
                    order.select_nth_unstable_by(k - 1, by_value);
                    order.truncate(k);
                }
                order.sort_unstable_by(by_value);
                // SAFETY: every row belongs to one range, and ranges do not overlap.
                let (to, at) = unsafe { (values.range(row * k..(row + 1) * k), indices.range(row * k..(row + 1) * k)) };
                for ((to, at), &index) in to.iter_mut().zip(at).zip(&order) {
                    *to = line[index as usize];
                    *at = index;
                }
            }
        });
    });
    Ok((values, indices))
}

/// Where each value would be inserted into a sorted line, before or after its equals.
pub(crate) fn search_sorted(sorted: In<'_>, values: In<'_>, right: bool) -> Result<Buffer> {
    let mut out = Buffer::for_elements(DType::I32, values.layout.len())?;
    with_dtype!(sorted.dtype, T => {
        let (line, wanted) = (Dense::<T>::new(sorted)?, Dense::<T>::new(values)?);
        let (line, wanted) = (line.slice(), wanted.slice());
        let target = parallel::DisjointMut::new(&mut out.as_mut_slice::<i32>()[..wanted.len()]);
        parallel::for_ranges(wanted.len(), GRAIN, |range| {
            // SAFETY: ranges do not overlap.
            let to = unsafe { target.range(range.clone()) };
            for (to, &value) in to.iter_mut().zip(&wanted[range]) {
                let before = |&element: &T| {
                    let ordering = compare(element, value);
                    ordering == Ordering::Less || (right && ordering == Ordering::Equal)
                };
                *to = line.partition_point(before) as i32;
            }
        });
    });
    Ok(out)
}
