//! Sorting and searching.
//!
//! Elements become unsigned keys of the same order (NaN above everything, both zeros equal). A key and
//! its position, packed into one number, sort fast, and stably because no two are equal.

use corten_core::{DType, Dims, Element, Layout, Result, with_dtype};
use half::{bf16, f16};

use crate::{
    In, copy,
    memory::{self, Buffer},
    parallel::{self, DisjointMut},
    reduce::axis_last,
};

/// Elements whose sort is worth one chunk.
const PIECE: usize = 4 * 1024;

/// An element as a number whose order is that of the elements.
trait Key: Element {
    /// Whether keys fit 32 bits.
    const NARROW: bool;
    fn key(self) -> u64;
}

macro_rules! integer_keys {
    ($($t:ty, $unsigned:ty, $flip:expr;)*) => {$(
        impl Key for $t {
            const NARROW: bool = size_of::<$t>() <= 4;
            #[inline(always)]
            fn key(self) -> u64 { u64::from(self as $unsigned ^ $flip) }
        }
    )*};
}
integer_keys! {
    u8, u8, 0;
    u16, u16, 0;
    u32, u32, 0;
    u64, u64, 0;
    i8, u8, 1 << 7;
    i16, u16, 1 << 15;
    i32, u32, 1 << 31;
    i64, u64, 1 << 63;
    bool, u8, 0;
}

impl Key for f32 {
    const NARROW: bool = true;
    #[inline(always)]
    fn key(self) -> u64 {
        // Adding zero makes minus zero plus zero.
        let bits = (self + 0.0).to_bits();
        let ordered = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
        u64::from(if self.is_nan() { u32::MAX } else { ordered })
    }
}
impl Key for f64 {
    const NARROW: bool = false;
    #[inline(always)]
    fn key(self) -> u64 {
        let bits = (self + 0.0).to_bits();
        let ordered = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
        if self.is_nan() { u64::MAX } else { ordered }
    }
}
impl Key for f16 {
    const NARROW: bool = true;
    fn key(self) -> u64 {
        self.to_f32().key()
    }
}
impl Key for bf16 {
    const NARROW: bool = true;
    fn key(self) -> u64 {
        self.to_f32().key()
    }
}

/// Gives the positions of the first `k` elements of a row in sorted order to `visit`.
struct Sorter {
    narrow: Vec<u64>,
    wide: Vec<(u64, u32)>,
}

impl Sorter {
    const fn new() -> Self {
        Self { narrow: Vec::new(), wide: Vec::new() }
    }

    fn sort<T: Key>(&mut self, row: &[T], k: usize, descending: bool, mut visit: impl FnMut(usize, usize)) {
        if T::NARROW {
            let flip = if descending { u64::from(u32::MAX) } else { 0 };
            self.narrow.clear();
            self.narrow.extend(row.iter().enumerate().map(|(i, x)| (x.key() ^ flip) << 32 | i as u64));
            first_sorted(&mut self.narrow, k);
            self.narrow[..k].iter().enumerate().for_each(|(i, packed)| visit(i, *packed as u32 as usize));
        } else {
            let flip = if descending { u64::MAX } else { 0 };
            self.wide.clear();
            self.wide.extend(row.iter().enumerate().map(|(i, x)| (x.key() ^ flip, i as u32)));
            first_sorted(&mut self.wide, k);
            self.wide[..k].iter().enumerate().for_each(|(i, pair)| visit(i, pair.1 as usize));
        }
    }
}

/// Brings the `k` smallest to the front, sorted.
fn first_sorted<T: Ord>(items: &mut [T], k: usize) {
    if k == 0 {
        return;
    }
    if k < items.len() / 2 {
        items.select_nth_unstable(k - 1);
        items[..k].sort_unstable();
    } else {
        items.sort_unstable();
    }
}

/// Values and positions of the first `k` of each row of the last axis, which is row-major.
fn rows<T: Key>(x: In<'_>, k: usize, descending: bool) -> Result<(Buffer, Buffer)> {
    let length = x.layout.shape().last().copied().unwrap_or(1);
    let count = x.layout.len().checked_div(length).unwrap_or(0);
    let mut values = Buffer::for_elements(x.dtype, count * k)?;
    let mut indices = Buffer::for_elements(DType::I32, count * k)?;
    let Some(source) = memory::contiguous::<T>(x) else { unreachable!("rows are made row-major") };
    let (to_values, to_indices) =
        (DisjointMut::new(values.as_mut_slice::<T>()), DisjointMut::new(indices.as_mut_slice::<i32>()));
    if k > 0 {
        parallel::for_ranges(count, (PIECE / length).max(1), |range| {
            let mut sorter = Sorter::new();
            for at in range {
                let row = &source[at * length..(at + 1) * length];
                // SAFETY: rows do not overlap.
                let (values, indices) =
                    unsafe { (to_values.range(at * k..(at + 1) * k), to_indices.range(at * k..(at + 1) * k)) };
                sorter.sort(row, k, descending, |i, place| {
                    values[i] = row[place];
                    indices[i] = place as i32;
                });
            }
        });
    }
    Ok((values, indices))
}

pub(crate) fn sort(x: In<'_>, axis: usize, descending: bool) -> Result<(Buffer, Buffer)> {
    let rank = x.layout.rank();
    if rank == 0 {
        return Ok((copy::to_contiguous(x)?, Buffer::from_slice(&[0i32])?));
    }
    let moved = axis_last(x, axis)?;
    let view = moved.view(x);
    let length = x.layout.shape()[axis];
    let (values, indices) = with_dtype!(x.dtype, T => rows::<T>(view, length, descending))?;
    if axis == rank - 1 {
        return Ok((values, indices));
    }
    // Back to the order of axes of `x`.
    let order: Dims = (0..rank).filter(|&other| other != axis).chain([axis]).collect();
    let target = Layout::contiguous(x.layout.shape()).permute(&order);
    let source = Layout::contiguous(view.layout.shape());
    let back = |buffer: &Buffer, dtype: DType| -> Result<Buffer> {
        let mut out = Buffer::for_elements(dtype, source.len())?;
        copy::copy(In { buffer, layout: &source, dtype }, &mut out, &target)?;
        Ok(out)
    };
    Ok((back(&values, x.dtype)?, back(&indices, DType::I32)?))
}

pub(crate) fn top_k(x: In<'_>, k: usize) -> Result<(Buffer, Buffer)> {
    let moved = axis_last(x, x.layout.rank() - 1)?;
    with_dtype!(x.dtype, T => rows::<T>(moved.view(x), k, true))
}

pub(crate) fn search_sorted(sorted: In<'_>, values: In<'_>, right: bool) -> Result<Buffer> {
    let mut out = Buffer::for_elements(DType::I32, values.layout.len())?;
    let (sorted_buffer, values_buffer) = (copy::to_contiguous(sorted)?, copy::to_contiguous(values)?);
    with_dtype!(sorted.dtype, T => {
        let keys: Vec<u64> = sorted_buffer.as_slice::<T>().iter().map(|x| x.key()).collect();
        let values = values_buffer.as_slice::<T>();
        let target = DisjointMut::new(out.as_mut_slice::<i32>());
        parallel::for_ranges(values.len(), PIECE, |range| {
            // SAFETY: chunks do not overlap.
            let target = unsafe { target.range(range.clone()) };
            for (to, value) in target.iter_mut().zip(&values[range]) {
                let wanted = value.key();
                *to = keys.partition_point(|&key| if right { key <= wanted } else { key < wanted }) as i32;
            }
        });
    });
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted<T: Element>(values: &[T], shape: &[usize], axis: usize, descending: bool) -> (Vec<T>, Vec<i32>) {
        let buffer = Buffer::from_slice(values).unwrap();
        let layout = Layout::contiguous(shape);
        let (values, indices) =
            sort(In { buffer: &buffer, layout: &layout, dtype: T::DTYPE }, axis, descending).unwrap();
        (values.as_slice::<T>().to_vec(), indices.as_slice::<i32>().to_vec())
    }

    #[test]
    fn stable_with_nan_at_the_high_end() {
        let x = [2.0f32, f32::NAN, -0.0, 0.0, f32::NEG_INFINITY, 2.0];
        assert_eq!(sorted(&x, &[6], 0, false).1, [4, 2, 3, 0, 5, 1]);
        assert_eq!(sorted(&x, &[6], 0, true).1, [1, 0, 5, 2, 3, 4]);
        let wide: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
        assert_eq!(sorted(&wide, &[6], 0, true).1, [1, 0, 5, 2, 3, 4]);
        assert_eq!(sorted(&[i64::MAX, i64::MIN, 0, -1], &[4], 0, false).0, [i64::MIN, -1, 0, i64::MAX]);
        assert_eq!(sorted(&[-1i8, 1, -128], &[3], 0, true), (vec![1, -1, -128], vec![1, 0, 2]));
    }

    #[test]
    fn along_any_axis() {
        let (values, indices) = sorted(&[3, 1, 2, 0, 5, 1], &[2, 3], 0, false);
        assert_eq!((values, indices), (vec![0, 1, 1, 3, 5, 2], vec![1, 0, 1, 0, 1, 0]));
        let (values, _) = sorted(&[3u16, 1, 2, 0, 5, 1], &[2, 3], 1, true);
        assert_eq!(values, [3, 2, 1, 5, 1, 0]);
    }

    #[test]
    fn the_largest_come_first_and_ties_by_place() {
        let x = Buffer::from_slice(&[1.0f32, 5.0, 5.0, 0.0, 9.0, 5.0, 2.0, 2.0]).unwrap();
        let layout = Layout::contiguous(&[1, 8]);
        let (values, indices) = top_k(In { buffer: &x, layout: &layout, dtype: DType::F32 }, 3).unwrap();
        assert_eq!(values.as_slice::<f32>(), [9.0, 5.0, 5.0]);
        assert_eq!(indices.as_slice::<i32>(), [4, 1, 2]);
    }

    #[test]
    fn insertion_points() {
        let buffers = [[1i32, 2, 2, 4], [2, 0, 5, 3]].map(|x| Buffer::from_slice(&x).unwrap());
        let layout = Layout::contiguous(&[4]);
        let [sorted, values] =
            [&buffers[0], &buffers[1]].map(|buffer| In { buffer, layout: &layout, dtype: DType::I32 });
        assert_eq!(search_sorted(sorted, values, false).unwrap().as_slice::<i32>(), [1, 0, 4, 3]);
        assert_eq!(search_sorted(sorted, values, true).unwrap().as_slice::<i32>(), [3, 0, 4, 3]);
    }
}
