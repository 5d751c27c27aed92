//! Copies between layouts, fills and host transfers. Elements are moved by size, whatever their type.

mod tiles;

use corten_core::{DType, Element, Layout, Result, Scalar, with_dtype};

use crate::{
    In,
    memory::Buffer,
    parallel::{self, DisjointMut, GRAIN_CHEAP},
    simd::stream::{STREAM_FROM, copy_past_cache, fence},
    strided,
};

/// Bytes of plain copying worth one chunk.
const COPY_GRAIN: usize = 512 * 1024;
/// Elements of the block that large fills are copied from; it stays in the first cache.
const BLOCK: usize = 1024;

pub(crate) fn upload(dtype: DType, bytes: &[u8]) -> Result<Buffer> {
    let mut out = Buffer::alloc(bytes.len())?;
    if dtype == DType::Bool {
        // Whatever the host calls true, kernels rely on ones.
        out.as_mut_bytes().iter_mut().zip(bytes).for_each(|(to, &from)| *to = u8::from(from != 0));
    } else {
        copy_bytes(bytes, out.as_mut_bytes());
    }
    Ok(out)
}

/// A plain copy, in parallel where it is large.
pub(crate) fn copy_bytes(from: &[u8], to: &mut [u8]) {
    assert_eq!(from.len(), to.len());
    let target = DisjointMut::new(to);
    parallel::for_ranges(from.len(), COPY_GRAIN, |range| {
        // SAFETY: chunks do not overlap.
        unsafe { target.range(range.clone()) }.copy_from_slice(&from[range]);
    });
}

// A backend's downloads can fail; this one's cannot.
#[allow(clippy::unnecessary_wraps)]
pub(crate) fn download(x: In<'_>, out: &mut [u8]) -> Result<()> {
    let layout = Layout::contiguous(x.layout.shape());
    write(x, out, &layout);
    Ok(())
}

pub(crate) fn copy(x: In<'_>, out: &mut Buffer, layout: &Layout) -> Result<()> {
    out.make_owned()?;
    write(x, out.as_mut_bytes(), layout);
    Ok(())
}

/// A new row-major buffer with the elements of `x`.
pub(crate) fn to_contiguous(x: In<'_>) -> Result<Buffer> {
    let mut out = Buffer::for_elements(x.dtype, x.layout.len())?;
    if let Some(at) = only_element(x.layout) {
        with_dtype!(x.dtype, T => repeat(x.buffer.as_slice::<T>()[at], out.as_mut_slice()));
        return Ok(out);
    }
    write(x, out.as_mut_bytes(), &Layout::contiguous(x.layout.shape()));
    Ok(out)
}

/// Writes the elements of `x` to the places of `out` that `layout` names.
fn write(x: In<'_>, out: &mut [u8], layout: &Layout) {
    debug_assert_eq!(x.layout.shape(), layout.shape());
    let size = x.dtype.size();
    let Some((low, high)) = layout.bounds() else { return };
    assert!(high * size <= out.len(), "a layout reaches outside its buffer");
    if x.layout.is_contiguous() && layout.is_contiguous() {
        let start = x.layout.offset() * size;
        copy_bytes(&x.buffer.as_bytes()[start..start + x.layout.len() * size], &mut out[low * size..high * size]);
        return;
    }
    assert!(out.as_ptr().addr().is_multiple_of(size), "the target is not aligned for {}", x.dtype);
    let source = strided::start(x);
    let target = out[layout.offset() * size..].as_mut_ptr();
    let axes = strided::coalesce(layout.shape(), [x.layout.strides(), layout.strides()]);
    // SAFETY: both layouts lie within their buffers, as checked by `start` and above; the borrows of
    // `x` and `out` keep them alive and apart. A target with stride 0 would be written twice with no
    // defined order, but no op makes such targets.
    unsafe {
        match size {
            1 => tiles::copy::<u8>(source, target, axes),
            2 => tiles::copy::<u16>(source, target, axes),
            4 => tiles::copy::<u32>(source, target, axes),
            _ => tiles::copy::<u64>(source, target, axes),
        }
    }
}

pub(crate) fn fill(dtype: DType, len: usize, value: Scalar) -> Result<Buffer> {
    let mut out = Buffer::for_elements(dtype, len)?;
    with_dtype!(dtype, T => repeat(value.to_element(), out.as_mut_slice::<T>()));
    Ok(out)
}

/// Where the one element lies that a layout shows at all its places.
fn only_element(layout: &Layout) -> Option<usize> {
    let axes = strided::coalesce(layout.shape(), [layout.strides()]);
    (!layout.is_empty() && axes.shape.len() == 1 && axes.strides[0] == [0]).then(|| layout.offset())
}

/// Writes the value everywhere.
fn repeat<T: Element>(value: T, out: &mut [T]) {
    let (len, past_caches) = (out.len(), size_of_val(out) >= STREAM_FROM);
    let target = DisjointMut::new(out);
    parallel::for_ranges(len, 4 * GRAIN_CHEAP, |range| {
        // SAFETY: chunks do not overlap.
        let out = unsafe { target.range(range) };
        if past_caches {
            let block = [value; BLOCK];
            out.chunks_mut(BLOCK).for_each(|out| copy_past_cache(&block[..out.len()], out));
            fence();
        } else {
            out.fill(value);
        }
    });
}

pub(crate) fn iota(dtype: DType, len: usize) -> Result<Buffer> {
    let mut out = Buffer::for_elements(dtype, len)?;
    with_dtype!(dtype, T => {
        let target = DisjointMut::new(out.as_mut_slice::<T>());
        parallel::for_ranges(len, GRAIN_CHEAP, |range| {
            let first = range.start;
            // SAFETY: chunks do not overlap.
            for (i, to) in unsafe { target.range(range) }.iter_mut().enumerate() {
                *to = T::from_i64((first + i) as i64);
            }
        });
    });
    Ok(out)
}

#[cfg(test)]
mod tests {
    use corten_core::Range;

    use super::*;

    fn values<T: Element>(layout: &Layout, data: &[T]) -> Vec<T> {
        (0..layout.len())
            .map(|mut i| {
                let mut offset = layout.offset() as isize;
                for axis in (0..layout.rank()).rev() {
                    offset += (i % layout.shape()[axis]) as isize * layout.strides()[axis];
                    i /= layout.shape()[axis];
                }
                data[offset as usize]
            })
            .collect()
    }

    fn check<T: Element>(layout: &Layout) {
        let data: Vec<T> = (0..200_000).map(|i| T::from_i64(i % 120)).collect();
        let buffer = Buffer::from_slice(&data).unwrap();
        let x = In { buffer: &buffer, layout, dtype: T::DTYPE };
        assert_eq!(to_contiguous(x).unwrap().as_slice::<T>(), values(layout, &data), "{layout:?}");
        // Into a transposed target.
        let rank = layout.rank();
        let order: Vec<usize> = (0..rank).rev().collect();
        let shape: Vec<usize> = order.iter().map(|&axis| layout.shape()[axis]).collect();
        let target = Layout::contiguous(&shape).permute(&order);
        let mut out = Buffer::for_elements(T::DTYPE, layout.len()).unwrap();
        copy(x, &mut out, &target).unwrap();
        assert_eq!(values(&target, out.as_slice::<T>()), values(layout, &data), "{layout:?}");
    }

    #[test]
    fn copies_of_any_layout() {
        let layouts = [
            Layout::contiguous(&[]),
            Layout::contiguous(&[7, 5]),
            Layout::contiguous(&[300, 200]).permute(&[1, 0]),
            Layout::contiguous(&[33, 65, 17]).permute(&[2, 0, 1]),
            Layout::contiguous(&[2, 33, 4, 35]).permute(&[0, 2, 1, 3]),
            Layout::contiguous(&[4, 65, 129]).permute(&[0, 2, 1]),
            Layout::contiguous(&[129]).expand(&[40, 129]),
            Layout::contiguous(&[129, 1]).expand(&[129, 40]),
            Layout::contiguous(&[]).expand(&[40, 129]),
            Layout::contiguous(&[9]).slice(&[Range { start: 7, step: 1, len: 1 }]).expand(&[33]),
            Layout::contiguous(&[100, 100])
                .slice(&[Range { start: 99, step: -3, len: 33 }, Range { start: 0, step: 2, len: 50 }]),
            Layout::contiguous(&[0, 3]),
        ];
        for layout in &layouts {
            check::<u8>(layout);
            check::<half::bf16>(layout);
            check::<f32>(layout);
            check::<i64>(layout);
        }
    }

    #[test]
    fn large_fills() {
        let len = STREAM_FROM / 4 + 2 * BLOCK + 3;
        let out = fill(DType::F32, len, Scalar::Float(1.5)).unwrap();
        assert!(out.as_slice::<f32>().len() == len && out.as_slice::<f32>().iter().all(|&x| x == 1.5));
    }

    #[test]
    fn fills_and_counts() {
        assert_eq!(fill(DType::I16, 3, Scalar::Int(-2)).unwrap().as_slice::<i16>(), [-2; 3]);
        assert_eq!(fill(DType::Bool, 2, Scalar::Float(0.5)).unwrap().as_slice::<bool>(), [true; 2]);
        assert_eq!(iota(DType::F16, 3).unwrap().as_slice::<half::f16>().last().map(|x| x.to_f32()), Some(2.0));
        assert_eq!(upload(DType::Bool, &[0, 2, 255]).unwrap().as_bytes(), [0, 1, 1]);
        let mut bytes = [0; 8];
        let buffer = Buffer::from_slice(&[1i32, 2]).unwrap();
        let layout = Layout::contiguous(&[2]).slice(&[Range { start: 1, step: -1, len: 2 }]);
        download(In { buffer: &buffer, layout: &layout, dtype: DType::I32 }, &mut bytes).unwrap();
        assert_eq!(bytes, [2, 0, 0, 0, 1, 0, 0, 0]);
    }
}
