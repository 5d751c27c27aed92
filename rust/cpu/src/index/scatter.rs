//! Scatters: updates that meet a base where indices say.

use corten_core::{DType, Layout, Result, ScatterMode};

use super::{Dense, Extents, resolve};
use crate::{
    In, copy, elementwise,
    memory::Buffer,
    parallel::{self, DisjointMut},
    reduce::{
        combine::{Combine, Max, Min, Number, Prod, Sum},
        with_number, wrapping,
    },
};

/// Updated elements worth one job.
const GRAIN: usize = 32 * 1024;
/// Every job over rows looks at all indices, so there are at most this many.
const MAX_JOBS: usize = 16;
/// Columns of [`scatter_along`] per job.
const COLUMNS: usize = 64;

/// Which form of indexing, for the code the two share.
#[derive(Clone, Copy)]
enum Form {
    /// One index for a whole slice.
    Slices,
    /// One index for each element.
    Along,
}

pub(crate) fn scatter(
    mode: ScatterMode,
    base: In<'_>,
    indices: In<'_>,
    updates: In<'_>,
    axis: usize,
) -> Result<Buffer> {
    let resolved = resolve("scatter", indices, axis, base.layout.shape()[axis])?;
    run(mode, Form::Slices, base, resolved.as_slice::<i64>(), updates, axis)
}

pub(crate) fn scatter_along(
    mode: ScatterMode,
    base: In<'_>,
    indices: In<'_>,
    updates: In<'_>,
    axis: usize,
) -> Result<Buffer> {
    let resolved = resolve("scatter_along_axis", indices, axis, base.layout.shape()[axis])?;
    run(mode, Form::Along, base, resolved.as_slice::<i64>(), updates, axis)
}

/// Sets slices of a row-major buffer where it lies.
pub(crate) fn set_in_place(
    out: &mut Buffer,
    (dtype, layout): (DType, &Layout),
    indices: In<'_>,
    updates: In<'_>,
    axis: usize,
) -> Result<()> {
    let resolved = resolve("scatter", indices, axis, layout.shape()[axis])?;
    if updates.layout.is_empty() {
        return Ok(());
    }
    let extents = Extents::of(layout, axis);
    let rows = updates.layout.len() / extents.outer / extents.inner;
    let job = Job { form: Form::Slices, places: resolved.as_slice::<i64>(), rows, extents };
    let updates = Dense::new(updates)?;
    job.set(dtype, out, &updates);
    Ok(())
}

fn run(mode: ScatterMode, form: Form, base: In<'_>, places: &[i64], updates: In<'_>, axis: usize) -> Result<Buffer> {
    let is_half = matches!(base.dtype, DType::F16 | DType::BF16);
    if is_half && mode != ScatterMode::Set {
        // Duplicates accumulate in float32.
        let wide = [elementwise::cast(base, DType::F32)?, elementwise::cast(updates, DType::F32)?];
        let layouts = [Layout::contiguous(base.layout.shape()), Layout::contiguous(updates.layout.shape())];
        let [base_wide, updates_wide] = [0, 1].map(|i| In { buffer: &wide[i], layout: &layouts[i], dtype: DType::F32 });
        let out = run(mode, form, base_wide, places, updates_wide, axis)?;
        return elementwise::cast(In { buffer: &out, layout: &layouts[0], dtype: DType::F32 }, base.dtype);
    }
    let mut out = copy::to_contiguous(base)?;
    if updates.layout.is_empty() {
        return Ok(out);
    }
    let job = Job {
        form,
        places,
        rows: updates.layout.len() / Extents::of(base.layout, axis).outer / Extents::of(base.layout, axis).inner,
        extents: Extents::of(base.layout, axis),
    };
    let updates = Dense::new(updates)?;
    // Adding and multiplying truth values means "or" and "and".
    let mode = match (mode, base.dtype) {
        (ScatterMode::Add, DType::Bool) => ScatterMode::Max,
        (ScatterMode::Mul, DType::Bool) => ScatterMode::Min,
        (ScatterMode::Set | ScatterMode::Add | ScatterMode::Mul | ScatterMode::Max | ScatterMode::Min, _) => mode,
    };
    match mode {
        ScatterMode::Set => job.set(base.dtype, &mut out, &updates),
        ScatterMode::Add => {
            with_number!(wrapping(base.dtype), T => job.apply::<T, Sum>(out.as_mut_slice(), updates.elements()));
        }
        ScatterMode::Mul => {
            with_number!(wrapping(base.dtype), T => job.apply::<T, Prod>(out.as_mut_slice(), updates.elements()));
        }
        ScatterMode::Max => {
            with_number!(base.dtype, T => job.apply::<T, Max>(out.as_mut_slice(), updates.elements()));
        }
        ScatterMode::Min => {
            with_number!(base.dtype, T => job.apply::<T, Min>(out.as_mut_slice(), updates.elements()));
        }
    }
    Ok(out)
}

/// The update replaces what was there.
struct Second;
impl<T: Number> Combine<T> for Second {
    fn neutral() -> T {
        T::ZERO
    }
    #[inline(always)]
    fn combine(_: T, b: T) -> T {
        b
    }
}

struct Job<'a> {
    form: Form,
    places: &'a [i64],
    /// Updates along the axis.
    rows: usize,
    /// Of the destination.
    extents: Extents,
}

impl Job<'_> {
    /// The updates replace what was there.
    fn set(&self, dtype: DType, out: &mut Buffer, updates: &Dense<'_>) {
        match dtype.size() {
            1 => self.apply::<u8, Second>(out.as_mut_slice(), updates.elements()),
            2 => self.apply::<u16, Second>(out.as_mut_slice(), updates.elements()),
            4 => self.apply::<u32, Second>(out.as_mut_slice(), updates.elements()),
            _ => self.apply::<u64, Second>(out.as_mut_slice(), updates.elements()),
        }
    }

    fn apply<T: Number, O: Combine<T>>(&self, out: &mut [T], updates: &[T]) {
        match self.form {
            Form::Slices => self.slices::<T, O>(out, updates),
            Form::Along => self.along::<T, O>(out, updates),
        }
    }

    /// Jobs own a range of destination slices of one outer position.
    fn slices<T: Number, O: Combine<T>>(&self, out: &mut [T], updates: &[T]) {
        let Extents { outer, axis, inner } = self.extents;
        let parts = (self.rows * inner / GRAIN).clamp(1, MAX_JOBS).min(axis);
        let part = axis.div_ceil(parts);
        let grain = (GRAIN * parts / (self.rows * inner)).max(1);
        let target = DisjointMut::new(out);
        parallel::for_ranges(outer * parts, grain, |range| {
            for job in range {
                let (matrix, first) = (job / parts, job % parts * part);
                let owned = first..(first + part).min(axis);
                let updates = &updates[matrix * self.rows * inner..][..self.rows * inner];
                for (&place, update) in self.places.iter().zip(updates.chunks_exact(inner)) {
                    let place = place as usize;
                    if owned.contains(&place) {
                        let start = (matrix * axis + place) * inner;
                        // SAFETY: jobs own disjoint slices, and within a job they are used one at a time.
                        let to = unsafe { target.range(start..start + inner) };
                        for (to, &x) in to.iter_mut().zip(update) {
                            *to = O::combine(*to, x);
                        }
                    }
                }
            }
        });
    }

    /// Jobs own a block of columns of one outer position.
    fn along<T: Number, O: Combine<T>>(&self, out: &mut [T], updates: &[T]) {
        let Extents { outer, axis, inner } = self.extents;
        let blocks = inner.div_ceil(COLUMNS);
        let grain = (GRAIN / (self.rows * inner.min(COLUMNS))).max(1);
        let target = DisjointMut::new(out);
        parallel::for_ranges(outer * blocks, grain, |range| {
            for job in range {
                let (matrix, left) = (job / blocks, job % blocks * COLUMNS);
                let right = (left + COLUMNS).min(inner);
                for row in 0..self.rows {
                    let line = (matrix * self.rows + row) * inner;
                    for column in left..right {
                        let start = (matrix * axis + self.places[line + column] as usize) * inner + column;
                        // SAFETY: jobs own disjoint columns, and elements are used one at a time.
                        let to = unsafe { target.range(start..start + 1) };
                        to[0] = O::combine(to[0], updates[line + column]);
                    }
                }
            }
        });
    }
}
