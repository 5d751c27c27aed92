//! Indexing as `NumPy` does it, for reading and for (functional) assignment.

use corten_core::{DType, Dims, Error, Op, Range, Result, Scalar, ScatterMode, Tuple, broadcast};
use smallvec::SmallVec;

use super::{add, broadcast_to, cast, counting_dtype, permute, reshape, select};
use crate::{
    device::{self, Device},
    execute::run_one,
    storage::Storage,
    tensor::Tensor,
};

/// One entry of an index expression.
#[derive(Clone, Debug)]
pub enum Index {
    At(i64),
    Slice {
        start: Option<i64>,
        stop: Option<i64>,
        step: i64,
    },
    Ellipsis,
    NewAxis,
    /// Integer array.
    Array(Tensor),
    /// bool array; covers as many axes as it has.
    Mask(Tensor),
}

/// What an index expression does to an array of one shape.
struct Plan {
    /// One per axis of the array.
    ranges: SmallVec<[Range; 6]>,
    /// Shape of the basic part: sliced axes, new axes, and array-indexed axes at full length.
    shape: Dims,
    /// Index arrays with the axis of `shape` they index.
    arrays: Vec<(usize, Tensor)>,
    /// Whether the index arrays stand side by side.
    adjacent: bool,
}

fn expand(x: &Tensor, indices: &[Index]) -> Result<Vec<Index>> {
    let mut entries = Vec::with_capacity(indices.len());
    for entry in indices {
        if let Index::Mask(mask) = entry {
            let covered = entries.iter().filter(|e| consumes(e)).count();
            let dims = x.shape().get(covered..covered + mask.rank());
            if mask.rank() > 0 && !entries.iter().any(|e| matches!(e, Index::Ellipsis)) && dims != Some(mask.shape()) {
                return Err(Error::index(format!(
                    "index: a bool index of shape {} does not fit array of shape {} at axis {covered}",
                    Tuple(mask.shape()),
                    Tuple(x.shape())
                )));
            }
            if mask.rank() == 0 {
                return Err(Error::unsupported("index: a single bool as index is not supported; use an `if`"));
            }
            entries.extend(nonzero(mask)?.into_iter().map(Index::Array));
        } else {
            entries.push(entry.clone());
        }
    }
    let used = entries.iter().filter(|e| consumes(e)).count();
    if used > x.rank() {
        return Err(Error::index(format!(
            "index: too many indices: shape {} has {} axes, {used} were indexed",
            Tuple(x.shape()),
            x.rank()
        )));
    }
    let full = || std::iter::repeat_n(Index::Slice { start: None, stop: None, step: 1 }, x.rank() - used);
    match entries.iter().filter(|e| matches!(e, Index::Ellipsis)).count() {
        0 => entries.extend(full()),
        1 => {
            let at = entries.iter().position(|e| matches!(e, Index::Ellipsis)).unwrap_or(0);
            entries.splice(at..=at, full());
        }
        _ => return Err(Error::index("index: an index can have only one ellipsis (`...`)")),
    }
    // Beside index arrays a single integer is an index array too.
    if entries.iter().any(|e| matches!(e, Index::Array(_))) {
        for entry in &mut entries {
            if let Index::At(at) = entry {
                *entry = Index::Array(Tensor::from_slice(&[*at], &[])?);
            }
        }
        for entry in &mut entries {
            if let Index::Array(array) = entry {
                *array = positions_beside(array, x)?;
            }
        }
    }
    Ok(entries)
}

/// Positions of elements of `x` where `x` is: those of the CPU go there.
fn positions_beside(positions: &Tensor, x: &Tensor) -> Result<Tensor> {
    let device = x.device();
    if positions.device() != Device::Cpu || matches!(device, Device::Cpu | Device::Meta) {
        return Ok(positions.clone());
    }
    if positions.dtype() != DType::I64 {
        return positions.to(device);
    }
    if let Some(far) = positions.to_vec::<i64>()?.iter().find(|&&at| i32::try_from(at).is_err()) {
        return Err(Error::index(format!("index: {far} is out of bounds, as {device} counts in 32 bits")));
    }
    cast(positions, DType::I32)?.to(device)
}

const fn consumes(entry: &Index) -> bool {
    match entry {
        Index::At(_) | Index::Slice { .. } | Index::Array(_) | Index::Mask(_) => true,
        Index::Ellipsis | Index::NewAxis => false,
    }
}

fn plan(x: &Tensor, indices: &[Index]) -> Result<Plan> {
    let entries = expand(x, indices)?;
    let mut plan = Plan { ranges: SmallVec::new(), shape: Dims::new(), arrays: Vec::new(), adjacent: true };
    let mut last_array: Option<usize> = None;
    for (place, entry) in entries.iter().enumerate() {
        let axis = plan.ranges.len();
        match entry {
            Index::At(at) => {
                let dim = x.shape()[axis];
                let start = checked_index(*at, axis, dim)?;
                plan.ranges.push(Range { start, step: 1, len: 1 });
            }
            Index::Slice { start, stop, step } => {
                let range = resolve_slice(*start, *stop, *step, x.shape()[axis])?;
                plan.shape.push(range.len);
                plan.ranges.push(range);
            }
            Index::Array(array) => {
                if last_array.is_some_and(|last| last + 1 != place) {
                    plan.adjacent = false;
                }
                last_array = Some(place);
                plan.arrays.push((plan.shape.len(), array.clone()));
                let len = x.shape()[axis];
                plan.shape.push(len);
                plan.ranges.push(Range { start: 0, step: 1, len });
            }
            Index::NewAxis => plan.shape.push(1),
            Index::Ellipsis | Index::Mask(_) => {}
        }
    }
    Ok(plan)
}

fn checked_index(at: i64, axis: usize, dim: usize) -> Result<usize> {
    let resolved = if at < 0 { at + dim as i64 } else { at };
    if resolved < 0 || resolved >= dim as i64 {
        return Err(Error::index(format!("index: {at} is out of bounds for axis {axis} of length {dim}")));
    }
    Ok(resolved as usize)
}

/// Python's rule for `start:stop:step` on an axis.
pub fn resolve_slice(start: Option<i64>, stop: Option<i64>, step: i64, dim: usize) -> Result<Range> {
    if step == 0 {
        return Err(Error::argument("index: a slice step cannot be zero"));
    }
    let dim = dim as i64;
    let (low, high) = if step > 0 { (0, dim) } else { (-1, dim - 1) };
    let clamp = |value: i64| (if value < 0 { value.saturating_add(dim) } else { value }).clamp(low, high);
    let start = start.map_or(if step > 0 { low } else { high }, clamp);
    let stop = stop.map_or(if step > 0 { high } else { low }, clamp);
    let span = if step > 0 { stop - start } else { start - stop };
    let len = if span <= 0 { 0 } else { (span - 1) / step.abs() + 1 };
    Ok(Range { start: start.max(0) as usize, step: step as isize, len: len as usize })
}

/// `x[indices]`: views for integers, slices, `...` and `None`; copies for arrays.
pub fn index(x: &Tensor, indices: &[Index]) -> Result<Tensor> {
    let plan = plan(x, indices)?;
    let sliced = run_one(Op::Slice(plan.ranges.clone()), &[x])?;
    let base = reshape(&sliced, &plan.shape)?;
    match &plan.arrays[..] {
        [] => Ok(base),
        [(axis, array)] => gather(&base, array, *axis as isize),
        arrays => gather_many(&base, arrays, plan.adjacent),
    }
}

/// Several index arrays: their axes are merged into one, indexed by one flat index.
fn gather_many(base: &Tensor, arrays: &[(usize, Tensor)], adjacent: bool) -> Result<Tensor> {
    let axes: Dims = arrays.iter().map(|(axis, _)| *axis).collect();
    let mut shape = Dims::new();
    for (_, array) in arrays {
        shape = broadcast("index", &shape, array.shape())?;
    }
    let mut flat: Option<Tensor> = None;
    for (axis, array) in arrays {
        let dim = base.shape()[*axis];
        let array = broadcast_to(&normalized(array, *axis, dim)?, &shape)?;
        flat = Some(match flat {
            None => array,
            Some(sum) => add(&scale_index(&sum, dim)?, &array)?,
        });
    }
    let Some(flat) = flat else { return Ok(base.clone()) };
    let rest: Dims = (0..base.rank()).filter(|axis| !axes.contains(axis)).collect();
    let order: Dims = axes.iter().chain(&rest).copied().collect();
    let merged: Dims = std::iter::once(axes.iter().map(|&axis| base.shape()[axis]).product())
        .chain(rest.iter().map(|&axis| base.shape()[axis]))
        .collect();
    let out = gather(&reshape(&permute(base, &order)?, &merged)?, &flat, 0)?;
    let lead = if adjacent { axes[0] } else { 0 };
    if lead == 0 {
        return Ok(out);
    }
    let n = shape.len();
    let order: Dims = (n..n + lead).chain(0..n).chain(n + lead..out.rank()).collect();
    permute(&out, &order)
}

fn scale_index(x: &Tensor, factor: usize) -> Result<Tensor> {
    super::binary(corten_core::BinaryOp::Mul, x, Scalar::Int(factor as i64))
}

/// Indices in `0..dim`, checked, in a dtype that holds flat indices.
fn normalized(array: &Tensor, axis: usize, dim: usize) -> Result<Tensor> {
    let array = cast(array, counting_dtype(array))?;
    if matches!(array.storage(), Storage::Meta) {
        return Ok(array);
    }
    let values = cast(&array.to(Device::Cpu)?, DType::I64)?.to_vec::<i64>()?;
    for &value in &values {
        checked_index(value, axis, dim)?;
    }
    let negative = compare_scalar_int(&array, 0)?;
    select(&negative, &super::binary(corten_core::BinaryOp::Add, &array, Scalar::Int(dim as i64))?, &array)
}

fn compare_scalar_int(x: &Tensor, value: i64) -> Result<Tensor> {
    super::compare(corten_core::CompareOp::Lt, x, Scalar::Int(value))
}

/// `x` with `x[indices]` replaced by (or combined with) `value`, which broadcasts.
pub fn index_update(x: &Tensor, indices: &[Index], value: &Tensor, mode: ScatterMode) -> Result<Tensor> {
    let value = cast(value, x.dtype())?;
    let plan = plan(x, indices)?;
    if plan.arrays.is_empty() && mode == ScatterMode::Set {
        let value = fitted(&value, &plan.shape)?;
        let region: Dims = plan.ranges.iter().map(|range| range.len).collect();
        return run_one(Op::SliceScatter(plan.ranges), &[x, &reshape(&value, &region)?]);
    }
    let _here = device::within(x.device());
    let places = super::arange(Scalar::Int(0), Scalar::Int(1), x.len(), counting_dtype(x))?;
    let places = reshape(&places, x.shape())?;
    let places = index(&places, indices)?;
    let value = fitted(&value, places.shape())?;
    let n = places.len();
    let flat = scatter(&reshape(x, &[x.len()])?, &reshape(&places, &[n])?, &reshape(&value, &[n])?, 0, mode)?;
    reshape(&flat, x.shape())
}

/// `value` broadcast to the region it is assigned to; leading axes of length 1 may be too many.
fn fitted(value: &Tensor, shape: &[usize]) -> Result<Tensor> {
    let extra = value.rank().saturating_sub(shape.len());
    let trimmed =
        if value.shape()[..extra].iter().all(|&dim| dim == 1) { &value.shape()[extra..] } else { value.shape() };
    if broadcast("index", trimmed, shape).ok().as_deref() != Some(shape) {
        return Err(Error::shape(format!(
            "assignment: a value of shape {} does not fit a region of shape {}",
            Tuple(value.shape()),
            Tuple(shape)
        )));
    }
    broadcast_to(&reshape(value, trimmed)?, shape)
}

/// The indices as int32 or int64.
pub(crate) fn as_index(op: &str, indices: &Tensor) -> Result<Tensor> {
    let dtype = indices.dtype();
    if matches!(dtype, DType::I32 | DType::I64) {
        return Ok(indices.clone());
    }
    if dtype.is_integer() {
        return cast(indices, counting_dtype(indices));
    }
    Err(Error::dtype(format!("{op}: indices must be integers; got {dtype}")))
}

fn resolved(op: &str, axis: isize, x: &Tensor) -> Result<usize> {
    corten_core::resolve_axis(op, axis, x.rank())
}

/// `x[..., indices, ...]` along `axis`.
pub fn gather(x: &Tensor, indices: &Tensor, axis: isize) -> Result<Tensor> {
    let axis = resolved("take", axis, x)?;
    run_one(Op::Gather { axis }, &[x, &as_index("take", indices)?])
}

/// `base` with `updates` written (or combined) at `indices` of `axis`.
pub fn scatter(base: &Tensor, indices: &Tensor, updates: &Tensor, axis: isize, mode: ScatterMode) -> Result<Tensor> {
    let axis = resolved("scatter", axis, base)?;
    let updates = cast(updates, base.dtype())?;
    run_one(Op::Scatter { axis, mode }, &[base, &as_index("scatter", indices)?, &updates])
}

/// One element per index along `axis`; the other axes broadcast.
pub fn take_along(x: &Tensor, indices: &Tensor, axis: isize) -> Result<Tensor> {
    let axis = resolved("take_along_axis", axis, x)?;
    let (x, indices) = aligned(x, &as_index("take_along_axis", indices)?, axis)?;
    run_one(Op::TakeAlong { axis }, &[&x, &indices])
}

/// The inverse of [`take_along`].
pub fn scatter_along(
    base: &Tensor,
    indices: &Tensor,
    updates: &Tensor,
    axis: isize,
    mode: ScatterMode,
) -> Result<Tensor> {
    let axis = resolved("scatter_along_axis", axis, base)?;
    let updates = cast(updates, base.dtype())?;
    run_one(Op::ScatterAlong { axis, mode }, &[base, &as_index("scatter_along_axis", indices)?, &updates])
}

/// Broadcasts both along every axis but one.
fn aligned(x: &Tensor, indices: &Tensor, axis: usize) -> Result<(Tensor, Tensor)> {
    if x.rank() != indices.rank() {
        return Err(Error::shape(format!(
            "take_along_axis: indices must have as many axes as the array; got {} and {}",
            Tuple(x.shape()),
            Tuple(indices.shape())
        )));
    }
    let without = |shape: &[usize]| -> Dims {
        shape.iter().enumerate().map(|(i, &dim)| if i == axis { 1 } else { dim }).collect()
    };
    let mut shape = broadcast("take_along_axis", &without(x.shape()), &without(indices.shape()))?;
    shape[axis] = x.shape()[axis];
    let x = broadcast_to(x, &shape)?;
    shape[axis] = indices.shape()[axis];
    Ok((x, broadcast_to(indices, &shape)?))
}

/// The indices of the elements that are not zero, one int32 vector per axis.
pub fn nonzero(x: &Tensor) -> Result<Vec<Tensor>> {
    let truth = cast(&x.detach(), DType::Bool)?.to_vec::<bool>()?;
    let mut indices: Vec<Vec<i32>> = vec![Vec::new(); x.rank()];
    let mut position: Dims = SmallVec::from_elem(0, x.rank());
    for value in truth {
        if value {
            for (list, &at) in indices.iter_mut().zip(&position) {
                list.push(at as i32);
            }
        }
        for axis in (0..x.rank()).rev() {
            position[axis] += 1;
            if position[axis] < x.shape()[axis] {
                break;
            }
            position[axis] = 0;
        }
    }
    indices.iter().map(|list| Tensor::from_slice(list, &[list.len()])?.to(x.device())).collect()
}
