//! Views and movement.

use corten_core::{
    DType, Dims, Error, Op, Range, Result, Scalar, Tuple, promote, resolve_axes, resolve_axis, saturating_len,
};

use crate::{
    device::{self, Device},
    execute::{self, run_one},
    tensor::Tensor,
};

/// The same elements under another shape.
pub fn reshape(x: &Tensor, shape: &[usize]) -> Result<Tensor> {
    if x.shape() == shape {
        return Ok(x.clone());
    }
    run_one(Op::Reshape(Dims::from_slice(shape)), &[x])
}

/// Resolves one `-1` of a shape.
pub fn resolve_shape(op: &str, shape: &[isize], len: usize) -> Result<Dims> {
    let given = || {
        let text: Vec<String> = shape.iter().map(ToString::to_string).collect();
        format!("({}{})", text.join(", "), if shape.len() == 1 { "," } else { "" })
    };
    if shape.iter().any(|&dim| dim < -1) || shape.iter().filter(|&&dim| dim == -1).count() > 1 {
        return Err(Error::shape(format!("{op}: at most one dimension may be -1 and none below; got {}", given())));
    }
    let known: Dims = shape.iter().filter(|&&dim| dim != -1).map(|&dim| dim as usize).collect();
    let known = saturating_len(&known);
    let has_unknown = shape.contains(&-1);
    if (has_unknown && (known == 0 || !len.is_multiple_of(known))) || (!has_unknown && known != len) {
        return Err(Error::shape(format!("{op}: {len} elements do not fill shape {}", given())));
    }
    Ok(shape.iter().map(|&dim| if dim == -1 { len / known } else { dim as usize }).collect())
}

/// Axes in another order; reversed where none are named.
pub fn transpose(x: &Tensor, axes: Option<&[isize]>) -> Result<Tensor> {
    let axes: Dims = match axes {
        None => (0..x.rank()).rev().collect(),
        Some(axes) => axes.iter().map(|&axis| resolve_axis("transpose", axis, x.rank())).collect::<Result<_>>()?,
    };
    permute(x, &axes)
}

/// Axes in another order, resolved.
pub fn permute(x: &Tensor, axes: &[usize]) -> Result<Tensor> {
    run_one(Op::Permute(Dims::from_slice(axes)), &[x])
}

/// Two axes exchanged.
pub fn swap_axes(x: &Tensor, first: isize, second: isize) -> Result<Tensor> {
    let mut axes: Dims = (0..x.rank()).collect();
    axes.swap(resolve_axis("swapaxes", first, x.rank())?, resolve_axis("swapaxes", second, x.rank())?);
    permute(x, &axes)
}

/// The last two axes exchanged.
pub fn matrix_transpose(x: &Tensor) -> Result<Tensor> {
    let rank = x.rank();
    if rank < 2 {
        return Err(Error::shape(format!("matrix_transpose: a matrix is needed; got shape {}", Tuple(x.shape()))));
    }
    let mut axes: Dims = (0..rank).collect();
    axes.swap(rank - 2, rank - 1);
    permute(x, &axes)
}

/// Repeats axes of length 1 without copying.
pub fn broadcast_to(x: &Tensor, shape: &[usize]) -> Result<Tensor> {
    if x.shape() == shape {
        return Ok(x.clone());
    }
    if shape.len() < x.rank() {
        return Err(Error::shape(format!(
            "broadcast_to: {} cannot be broadcast to {}",
            Tuple(x.shape()),
            Tuple(shape)
        )));
    }
    run_one(Op::Expand(Dims::from_slice(shape)), &[x])
}

/// Adds axes of length 1 at these places of the result.
pub fn expand_dims(x: &Tensor, axes: &[isize]) -> Result<Tensor> {
    let places = resolve_axes("expand_dims", axes, x.rank() + axes.len())?;
    let mut rest = x.shape().iter();
    let shape: Dims = (0..x.rank() + axes.len())
        .map(|axis| if places.contains(&axis) { 1 } else { rest.next().copied().unwrap_or(1) })
        .collect();
    reshape(x, &shape)
}

/// Removes axes of length 1: the named ones, or all.
pub fn squeeze(x: &Tensor, axes: Option<&[isize]>) -> Result<Tensor> {
    let gone: Dims = match axes {
        None => (0..x.rank()).filter(|&axis| x.shape()[axis] == 1).collect(),
        Some(axes) => resolve_axes("squeeze", axes, x.rank())?,
    };
    if let Some(axis) = gone.iter().find(|&&axis| x.shape()[axis] != 1) {
        return Err(Error::shape(format!(
            "squeeze: axis {axis} of {} has length {}, not 1",
            Tuple(x.shape()),
            x.shape()[*axis]
        )));
    }
    let shape: Dims = (0..x.rank()).filter(|axis| !gone.contains(axis)).map(|axis| x.shape()[axis]).collect();
    reshape(x, &shape)
}

/// Reverses the order of elements along axes.
pub fn flip(x: &Tensor, axes: &[usize]) -> Result<Tensor> {
    let ranges = x
        .shape()
        .iter()
        .enumerate()
        .map(|(axis, &len)| {
            if axes.contains(&axis) && len > 0 {
                Range { start: len - 1, step: -1, len }
            } else {
                Range { start: 0, step: 1, len }
            }
        })
        .collect();
    run_one(Op::Slice(ranges), &[x])
}

/// One range per axis; each must lie inside its axis.
pub fn slice(x: &Tensor, ranges: &[Range]) -> Result<Tensor> {
    if ranges.len() != x.rank() {
        return Err(Error::argument(format!(
            "slice: one range per axis is needed; got {} for shape {}",
            ranges.len(),
            Tuple(x.shape())
        )));
    }
    for (axis, (range, &dim)) in ranges.iter().zip(x.shape()).enumerate() {
        let last = range.start as isize + (range.len as isize - 1) * range.step;
        if range.len > 0 && (range.start >= dim || last < 0 || last >= dim as isize) {
            return Err(Error::index(format!(
                "slice: elements {}..={last} of axis {axis} lie outside of shape {}",
                range.start,
                Tuple(x.shape())
            )));
        }
    }
    run_one(Op::Slice(ranges.into()), &[x])
}

/// `len` elements from `start` along one axis.
pub fn narrow(x: &Tensor, axis: usize, start: usize, len: usize) -> Result<Tensor> {
    let ranges: Vec<Range> = x
        .shape()
        .iter()
        .enumerate()
        .map(|(i, &dim)| if i == axis { Range { start, step: 1, len } } else { Range { start: 0, step: 1, len: dim } })
        .collect();
    slice(x, &ranges)
}

/// Joins tensors along an axis; dtypes are promoted.
pub fn concatenate(tensors: &[Tensor], axis: isize) -> Result<Tensor> {
    let Some(first) = tensors.first() else {
        return Err(Error::argument("concatenate: at least one tensor is needed"));
    };
    let axis = resolve_axis("concatenate", axis, first.rank())?;
    let dtype = tensors.iter().fold(first.dtype(), |dtype, x| promote(dtype, x.dtype()));
    let cast: Vec<Tensor> = tensors.iter().map(|x| super::cast(x, dtype)).collect::<Result<_>>()?;
    run_one(Op::Concat { axis }, &cast.iter().collect::<Vec<_>>())
}

/// Joins tensors along a new axis.
pub fn stack(tensors: &[Tensor], axis: isize) -> Result<Tensor> {
    let Some(first) = tensors.first() else {
        return Err(Error::argument("stack: at least one tensor is needed"));
    };
    if let Some(other) = tensors.iter().find(|x| x.shape() != first.shape()) {
        return Err(Error::shape(format!(
            "stack: all tensors must have one shape; got {} and {}",
            Tuple(first.shape()),
            Tuple(other.shape())
        )));
    }
    let lifted: Vec<Tensor> = tensors.iter().map(|x| expand_dims(x, &[axis])).collect::<Result<_>>()?;
    concatenate(&lifted, axis)
}

/// Surrounds a tensor with a value.
pub fn pad(x: &Tensor, padding: &[(usize, usize)], value: Scalar) -> Result<Tensor> {
    run_one(Op::Pad { padding: padding.to_vec(), value }, &[x])
}

/// `start, start + step, ...`, `len` elements.
pub fn arange(start: Scalar, step: Scalar, len: usize, dtype: DType) -> Result<Tensor> {
    // Counting wraps around in every integer dtype as in the widest, which would take eight times the memory of bytes.
    if (start, step) == (Scalar::Int(0), Scalar::Int(1)) && dtype.is_integer() {
        return run_one(Op::Iota { len, dtype }, &[]);
    }
    let (place, wide) = (device::current(), if dtype.is_float() { DType::F64 } else { DType::I64 });
    // Only the CPU counts in 64 bits.
    let _here = device::within(Device::Cpu);
    let index = run_one(Op::Iota { len, dtype: wide }, &[])?;
    let at = |scalar| execute::full(&[], scalar, wide);
    let values = super::add(&super::mul(&index, &at(step)?)?, &at(start)?)?;
    super::cast(&values, dtype)?.to(place)
}

/// The dtype in which positions of elements of `x` are counted: the widest that its device has.
pub(crate) fn counting_dtype(x: &Tensor) -> DType {
    let device = if x.device() == Device::Meta { device::current() } else { x.device() };
    if matches!(device, Device::Cpu | Device::Meta) { DType::I64 } else { DType::I32 }
}
