//! Movement by index.
//!
//! Operands are seen as `(outer, axis, inner)` around the indexed axis. Scatters never use atomics: jobs
//! own parts of the destination and each applies the updates that fall there, in row-major order, so that
//! duplicate indices always combine in the same order.

mod scatter;

use corten_core::{DType, Error, Layout, Result};

pub(crate) use scatter::{scatter, scatter_along, set_in_place};

use crate::{
    In, copy,
    memory::Buffer,
    parallel::{self, DisjointMut},
};

/// Bytes of moved elements worth one chunk.
const GRAIN_BYTES: usize = 128 * 1024;

/// Row-major elements: those of the view itself, or a copy.
struct Dense<'a> {
    x: In<'a>,
    copied: Option<Buffer>,
}

impl<'a> Dense<'a> {
    fn new(x: In<'a>) -> Result<Self> {
        let copied = if x.layout.is_contiguous() { None } else { Some(copy::to_contiguous(x)?) };
        Ok(Self { x, copied })
    }
    fn bytes(&self) -> &[u8] {
        let size = self.x.dtype.size();
        if let Some(copied) = &self.copied {
            copied.as_bytes()
        } else if self.x.layout.is_empty() {
            &[]
        } else {
            let start = self.x.layout.offset() * size;
            &self.x.buffer.as_bytes()[start..start + self.x.layout.len() * size]
        }
    }
    /// The elements as a type of their size.
    fn elements<T: Copy>(&self) -> &[T] {
        assert_eq!(size_of::<T>(), self.x.dtype.size());
        let bytes = self.bytes();
        assert!(bytes.is_empty() || bytes.as_ptr().addr().is_multiple_of(align_of::<T>()));
        if bytes.is_empty() {
            return &[];
        }
        // SAFETY: size and alignment were checked; callers ask for types any bytes of the dtype are valid for.
        unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len() / size_of::<T>()) }
    }
}

/// The extents before, along and after an axis.
#[derive(Clone, Copy)]
struct Extents {
    outer: usize,
    axis: usize,
    inner: usize,
}

impl Extents {
    fn of(layout: &Layout, axis: usize) -> Self {
        let shape = layout.shape();
        Self { outer: shape[..axis].iter().product(), axis: shape[axis], inner: shape[axis + 1..].iter().product() }
    }
}

/// The indices, row-major, counted from the start; refuses those out of range.
fn resolve(op: &str, indices: In<'_>, axis: usize, size: usize) -> Result<Buffer> {
    let mut resolved = if indices.dtype == DType::I64 {
        copy::to_contiguous(indices)?
    } else {
        crate::elementwise::cast(indices, DType::I64)?
    };
    let extent = size as i64;
    let mut wrong = None;
    for index in resolved.as_mut_slice::<i64>() {
        let counted = if *index < 0 { index.wrapping_add(extent) } else { *index };
        if counted < 0 || counted >= extent {
            wrong = Some(*index);
            break;
        }
        *index = counted;
    }
    match wrong {
        None => Ok(resolved),
        Some(index) => Err(Error::index(format!("{op}: index {index} is out of range for axis {axis} of size {size}"))),
    }
}

pub(crate) fn gather(x: In<'_>, indices: In<'_>, axis: usize) -> Result<Buffer> {
    let extents = Extents::of(x.layout, axis);
    let resolved = resolve("take", indices, axis, extents.axis)?;
    let rows = resolved.as_slice::<i64>();
    let len = extents.outer * rows.len() * extents.inner;
    let mut out = Buffer::for_elements(x.dtype, len)?;
    if len == 0 {
        return Ok(out);
    }
    let source = Dense::new(x)?;
    if extents.inner == 1 {
        match x.dtype.size() {
            1 => gather_single(source.elements::<u8>(), rows, extents, out.as_mut_slice::<u8>()),
            2 => gather_single(source.elements::<u16>(), rows, extents, out.as_mut_slice::<u16>()),
            4 => gather_single(source.elements::<u32>(), rows, extents, out.as_mut_slice::<u32>()),
            _ => gather_single(source.elements::<u64>(), rows, extents, out.as_mut_slice::<u64>()),
        }
        return Ok(out);
    }
    let source = source.bytes();
    let row = extents.inner * x.dtype.size();
    let target = DisjointMut::new(out.as_mut_bytes());
    parallel::for_ranges(extents.outer * rows.len(), GRAIN_BYTES.div_ceil(row), |range| {
        for at in range {
            let from = (at / rows.len() * extents.axis + rows[at % rows.len()] as usize) * row;
            // SAFETY: rows do not overlap.
            unsafe { target.range(at * row..(at + 1) * row) }.copy_from_slice(&source[from..from + row]);
        }
    });
    Ok(out)
}

/// Gathers single elements.
fn gather_single<T: Copy + Send + Sync>(source: &[T], rows: &[i64], extents: Extents, out: &mut [T]) {
    let target = DisjointMut::new(out);
    parallel::for_ranges(extents.outer * rows.len(), GRAIN_BYTES / 8, |range| {
        // SAFETY: chunks do not overlap.
        let target = unsafe { target.range(range.clone()) };
        for (to, at) in target.iter_mut().zip(range) {
            *to = source[at / rows.len() * extents.axis + rows[at % rows.len()] as usize];
        }
    });
}

pub(crate) fn take_along(x: In<'_>, indices: In<'_>, axis: usize) -> Result<Buffer> {
    let extents = Extents::of(x.layout, axis);
    let resolved = resolve("take_along_axis", indices, axis, extents.axis)?;
    let mut out = Buffer::for_elements(x.dtype, indices.layout.len())?;
    if indices.layout.is_empty() {
        return Ok(out);
    }
    let (source, rows) = (Dense::new(x)?, indices.layout.shape()[axis]);
    let places = resolved.as_slice::<i64>();
    match x.dtype.size() {
        1 => take_rows(source.elements::<u8>(), places, rows, extents, out.as_mut_slice::<u8>()),
        2 => take_rows(source.elements::<u16>(), places, rows, extents, out.as_mut_slice::<u16>()),
        4 => take_rows(source.elements::<u32>(), places, rows, extents, out.as_mut_slice::<u32>()),
        _ => take_rows(source.elements::<u64>(), places, rows, extents, out.as_mut_slice::<u64>()),
    }
    Ok(out)
}

/// `rows` indices along the axis for each outer and inner position.
fn take_rows<T: Copy + Send + Sync>(source: &[T], places: &[i64], rows: usize, extents: Extents, out: &mut [T]) {
    let Extents { axis, inner, .. } = extents;
    let target = DisjointMut::new(out);
    parallel::for_ranges(places.len() / inner, (GRAIN_BYTES / 8).div_ceil(inner), |range| {
        for line in range {
            let here = line * inner..(line + 1) * inner;
            let matrix = &source[line / rows * axis * inner..][..axis * inner];
            // SAFETY: lines do not overlap.
            let target = unsafe { target.range(here.clone()) };
            for (j, (to, &place)) in target.iter_mut().zip(&places[here]).enumerate() {
                *to = matrix[place as usize * inner + j];
            }
        }
    });
}

#[cfg(test)]
mod tests;
