//! What comes out of an op: shape and dtype, and every check of operands, once for all devices.

mod fused;
mod linalg;
mod windows;

use smallvec::{SmallVec, smallvec};

pub use self::windows::{conv_output, pool_output};
use self::{
    fused::fused,
    linalg::{linalg, matmul},
    windows::{conv, conv_grad_input, pool},
};
use crate::{
    BinaryOp, DType, Dims, Distribution, Error, Op, ReduceOp, Result, Scalar, Tuple, UnaryOp, broadcast, checked_len,
    saturating_len,
};

/// Shape and dtype of an operand or a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    pub shape: Dims,
    pub dtype: DType,
}

impl Spec {
    pub fn new(shape: &[usize], dtype: DType) -> Self {
        Self { shape: SmallVec::from_slice(shape), dtype }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        saturating_len(&self.shape)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    fn rank(&self) -> usize {
        self.shape.len()
    }
}

type Specs = SmallVec<[Spec; 2]>;

fn one(shape: Dims, dtype: DType) -> Specs {
    smallvec![Spec { shape, dtype }]
}

/// Gives shape and dtype of every result of `op`, or the error a user sees.
pub fn infer(op: &Op, inputs: &[Spec]) -> Result<Specs> {
    let name = op.name();
    let results = match op {
        Op::Full { shape, dtype, .. } => one(shape.clone(), *dtype),
        Op::Iota { len, dtype } => one(smallvec![*len], *dtype),
        Op::Random { distribution, shape, dtype, .. } => {
            random(name, *distribution, *dtype)?;
            one(shape.clone(), *dtype)
        }
        Op::RandomGamma { .. } => {
            need_float(name, &inputs[0])?;
            one(inputs[0].shape.clone(), inputs[0].dtype)
        }
        Op::Unary(unary) => one(inputs[0].shape.clone(), unary_dtype(*unary, inputs[0].dtype)?),
        Op::Binary(binary) => {
            same_dtype(name, &inputs[0], &inputs[1])?;
            binary_dtype(*binary, inputs[0].dtype)?;
            one(broadcast(name, &inputs[0].shape, &inputs[1].shape)?, inputs[0].dtype)
        }
        Op::Compare(_) => {
            same_dtype(name, &inputs[0], &inputs[1])?;
            one(broadcast(name, &inputs[0].shape, &inputs[1].shape)?, DType::Bool)
        }
        Op::Select => {
            need_bool(name, &inputs[0])?;
            same_dtype(name, &inputs[1], &inputs[2])?;
            let shape = broadcast(name, &inputs[1].shape, &inputs[2].shape)?;
            one(broadcast(name, &inputs[0].shape, &shape)?, inputs[1].dtype)
        }
        Op::Cast(dtype) => one(inputs[0].shape.clone(), *dtype),
        Op::Reshape(shape) => {
            let (from, to) = (checked_len(name, &inputs[0].shape)?, checked_len(name, shape)?);
            if from != to {
                return Err(Error::shape(format!(
                    "{name}: {} has {from} elements, {} needs {to}",
                    Tuple(&inputs[0].shape),
                    Tuple(shape)
                )));
            }
            one(shape.clone(), inputs[0].dtype)
        }
        Op::Permute(axes) => one(permute(name, &inputs[0], axes)?, inputs[0].dtype),
        Op::Expand(shape) => {
            if broadcast(name, &inputs[0].shape, shape).ok().as_ref() != Some(shape) {
                return Err(Error::shape(format!(
                    "{name}: {} cannot be broadcast to {}",
                    Tuple(&inputs[0].shape),
                    Tuple(shape)
                )));
            }
            one(shape.clone(), inputs[0].dtype)
        }
        Op::Slice(ranges) => one(ranges.iter().map(|range| range.len).collect(), inputs[0].dtype),
        Op::Copy => one(inputs[0].shape.clone(), inputs[0].dtype),
        Op::SliceScatter(ranges) => {
            same_dtype(name, &inputs[0], &inputs[1])?;
            let region: Dims = ranges.iter().map(|range| range.len).collect();
            if region != inputs[1].shape {
                return Err(Error::shape(format!(
                    "{name}: the region is {}, the value {}",
                    Tuple(&region),
                    Tuple(&inputs[1].shape)
                )));
            }
            one(inputs[0].shape.clone(), inputs[0].dtype)
        }
        Op::Pad { padding, value } => {
            if padding.len() != inputs[0].rank() {
                return Err(Error::argument(format!(
                    "{name}: one (before, after) pair per axis is needed; got {} for shape {}",
                    padding.len(),
                    Tuple(&inputs[0].shape)
                )));
            }
            if inputs[0].dtype == DType::Bool && !matches!(value, Scalar::Bool(_)) && value.to_f64() != 0.0 {
                return Err(Error::dtype(format!("{name}: a bool tensor is padded with a bool")));
            }
            let wide = |dim: usize, (low, high): (usize, usize)| dim.checked_add(low)?.checked_add(high);
            let shape = inputs[0].shape.iter().zip(padding).map(|(&dim, &pair)| wide(dim, pair)).collect::<Option<_>>();
            let shape = shape.ok_or_else(|| {
                Error::shape(format!("{name}: shape {} with padding {padding:?} is too large", Tuple(&inputs[0].shape)))
            })?;
            one(shape, inputs[0].dtype)
        }
        Op::Concat { axis } => one(concat(name, inputs, *axis)?, inputs[0].dtype),
        Op::Gather { axis } => {
            need_index(name, &inputs[1])?;
            one(gathered(&inputs[0].shape, &inputs[1].shape, *axis), inputs[0].dtype)
        }
        Op::Scatter { axis, .. } => {
            need_index(name, &inputs[1])?;
            same_dtype(name, &inputs[0], &inputs[2])?;
            let expected = gathered(&inputs[0].shape, &inputs[1].shape, *axis);
            if expected != inputs[2].shape {
                return Err(Error::shape(format!(
                    "{name}: updates must be {}; got {}",
                    Tuple(&expected),
                    Tuple(&inputs[2].shape)
                )));
            }
            one(inputs[0].shape.clone(), inputs[0].dtype)
        }
        Op::TakeAlong { axis } => {
            along(name, &inputs[0], &inputs[1], *axis)?;
            one(inputs[1].shape.clone(), inputs[0].dtype)
        }
        Op::ScatterAlong { axis, .. } => {
            along(name, &inputs[0], &inputs[1], *axis)?;
            same_dtype(name, &inputs[0], &inputs[2])?;
            if inputs[1].shape != inputs[2].shape {
                return Err(Error::shape(format!(
                    "{name}: indices are {}, updates {}",
                    Tuple(&inputs[1].shape),
                    Tuple(&inputs[2].shape)
                )));
            }
            one(inputs[0].shape.clone(), inputs[0].dtype)
        }
        Op::Reduce { op: reduce, axes, keepdims } => {
            reduce_check(*reduce, &inputs[0], axes)?;
            one(reduced(&inputs[0].shape, axes, *keepdims), inputs[0].dtype)
        }
        Op::ArgReduce { axis, keepdims, .. } => {
            if inputs[0].shape[*axis] == 0 {
                return Err(Error::shape(format!("{name}: axis {axis} of {} is empty", Tuple(&inputs[0].shape))));
            }
            need_places(name, inputs[0].shape[*axis])?;
            one(reduced(&inputs[0].shape, &[*axis], *keepdims), DType::I32)
        }
        Op::Scan { .. } => {
            if inputs[0].dtype == DType::Bool {
                return Err(Error::dtype(format!("{name}: bool is not a number; cast it to int32 first")));
            }
            one(inputs[0].shape.clone(), inputs[0].dtype)
        }
        Op::Sort { axis, .. } => {
            need_places(name, inputs[0].shape[*axis])?;
            let shape = inputs[0].shape.clone();
            smallvec![Spec { shape: shape.clone(), dtype: inputs[0].dtype }, Spec { shape, dtype: DType::I32 }]
        }
        Op::TopK { k } => {
            let mut shape = inputs[0].shape.clone();
            need_places(name, shape.last().copied().unwrap_or(0))?;
            match shape.last_mut() {
                Some(last) if *k <= *last => *last = *k,
                Some(_) | None => {
                    return Err(Error::argument(format!(
                        "{name}: k = {k} of the last axis of {}",
                        Tuple(&inputs[0].shape)
                    )));
                }
            }
            smallvec![Spec { shape: shape.clone(), dtype: inputs[0].dtype }, Spec { shape, dtype: DType::I32 }]
        }
        Op::SearchSorted { .. } => {
            same_dtype(name, &inputs[0], &inputs[1])?;
            need_rank(name, "the sorted sequence", &inputs[0], 1)?;
            need_places(name, inputs[0].shape[0])?;
            one(inputs[1].shape.clone(), DType::I32)
        }
        Op::Matmul => {
            same_dtype(name, &inputs[0], &inputs[1])?;
            one(matmul(name, &inputs[0], &inputs[1])?, inputs[0].dtype)
        }
        Op::WideMatmul => {
            if inputs[0].dtype != DType::I8 || inputs[1].dtype != DType::I8 {
                return Err(Error::dtype(format!(
                    "{name}: both operands must be int8; got {} and {}; use matmul for others",
                    inputs[0].dtype, inputs[1].dtype
                )));
            }
            one(matmul(name, &inputs[0], &inputs[1])?, DType::I32)
        }
        Op::Linalg(linalg_op) => linalg(*linalg_op, inputs)?,
        Op::Conv(spec) => {
            same_dtype(name, &inputs[0], &inputs[1])?;
            one(conv(name, spec, &inputs[0], &inputs[1])?, inputs[0].dtype)
        }
        Op::ConvGradInput { spec, input } => {
            same_dtype(name, &inputs[0], &inputs[1])?;
            one(conv_grad_input(name, spec, input, &inputs[0], &inputs[1])?, inputs[0].dtype)
        }
        Op::ConvGradWeight { spec, kernel } => {
            same_dtype(name, &inputs[0], &inputs[1])?;
            let (c_in, c_out) = (last(&inputs[0]), last(&inputs[1]));
            let mut shape = kernel.clone();
            shape.push(c_in / spec.groups);
            shape.push(c_out);
            one(shape, inputs[0].dtype)
        }
        Op::MaxPool(spec) | Op::AvgPool(spec) => {
            if matches!(op, Op::AvgPool(_)) {
                need_float(name, &inputs[0])?;
            }
            one(pool(name, spec, &inputs[0])?, inputs[0].dtype)
        }
        Op::MaxPoolSelect(spec) => {
            same_dtype(name, &inputs[0], &inputs[1])?;
            same_shape(name, &inputs[0], &inputs[1])?;
            one(pool(name, spec, &inputs[0])?, inputs[0].dtype)
        }
        Op::MaxPoolGrad(spec) => {
            same_dtype(name, &inputs[0], &inputs[1])?;
            let expected = pool(name, spec, &inputs[0])?;
            if expected != inputs[1].shape {
                return Err(Error::shape(format!(
                    "{name}: the gradient must be {}; got {}",
                    Tuple(&expected),
                    Tuple(&inputs[1].shape)
                )));
            }
            one(inputs[0].shape.clone(), inputs[0].dtype)
        }
        Op::AvgPoolGrad { input, .. } => {
            let mut shape = inputs[0].shape.clone();
            let rank = shape.len();
            shape[1..rank - 1].copy_from_slice(input);
            one(shape, inputs[0].dtype)
        }
        Op::Fused(fused_op) => fused(fused_op, inputs)?,
    };
    for result in &results {
        checked_len(name, &result.shape)?;
    }
    Ok(results)
}

fn same_dtype(op: &str, a: &Spec, b: &Spec) -> Result<()> {
    if a.dtype == b.dtype {
        return Ok(());
    }
    Err(Error::dtype(format!("{op}: operands must have one dtype; got {} and {}", a.dtype, b.dtype)))
}

fn same_shape(op: &str, a: &Spec, b: &Spec) -> Result<()> {
    if a.shape == b.shape {
        return Ok(());
    }
    Err(Error::shape(format!("{op}: operands must have one shape; got {} and {}", Tuple(&a.shape), Tuple(&b.shape))))
}

fn need_float(op: &str, x: &Spec) -> Result<()> {
    if x.dtype.is_float() {
        return Ok(());
    }
    Err(Error::dtype(format!("{op}: a float dtype is needed; got {}", x.dtype)))
}

fn need_bool(op: &str, x: &Spec) -> Result<()> {
    if x.dtype == DType::Bool {
        return Ok(());
    }
    Err(Error::dtype(format!("{op}: bool is needed; got {}", x.dtype)))
}

fn need_index(op: &str, x: &Spec) -> Result<()> {
    if matches!(x.dtype, DType::I32 | DType::I64) {
        return Ok(());
    }
    Err(Error::dtype(format!("{op}: indices must be int32 or int64; got {}", x.dtype)))
}

fn need_rank(op: &str, what: &str, x: &Spec, rank: usize) -> Result<()> {
    if x.rank() == rank {
        return Ok(());
    }
    Err(Error::shape(format!("{op}: {what} must have {rank} dimensions; got shape {}", Tuple(&x.shape))))
}

fn need_shape(op: &str, what: &str, x: &Spec, shape: &[usize]) -> Result<()> {
    if x.shape[..] == *shape {
        return Ok(());
    }
    Err(Error::shape(format!("{op}: {what} must be {}; got {}", Tuple(shape), Tuple(&x.shape))))
}

fn last(x: &Spec) -> usize {
    x.shape.last().copied().unwrap_or(1)
}

fn random(op: &str, distribution: Distribution, dtype: DType) -> Result<()> {
    let fits = match distribution {
        Distribution::Bits => dtype == DType::U32,
        Distribution::Uniform | Distribution::Normal | Distribution::TruncatedNormal => dtype.is_float(),
        Distribution::Integers { low, high } => {
            if low >= high {
                return Err(Error::argument(format!("{op}: integers from [{low}, {high}): the range is empty")));
            }
            dtype.is_integer()
        }
    };
    if fits {
        return Ok(());
    }
    Err(Error::dtype(format!("{op}: {distribution:?} is not drawn as {dtype}")))
}

/// Places along an axis of `len` elements are given as int32.
fn need_places(op: &str, len: usize) -> Result<()> {
    if i32::try_from(len).is_err() {
        return Err(Error::shape(format!(
            "{op}: an axis of {len} elements is too long: places in it are int32; cut it into parts"
        )));
    }
    Ok(())
}

fn unary_dtype(op: UnaryOp, dtype: DType) -> Result<DType> {
    if op.is_predicate() {
        return Ok(DType::Bool);
    }
    let name = op.name();
    if op == UnaryOp::Not {
        if dtype.is_float() {
            return Err(Error::dtype(format!("{name}: integers or bool are needed; got {dtype}")));
        }
    } else if dtype == DType::Bool {
        return Err(Error::dtype(format!("{name}: bool is not a number; cast it first")));
    } else if op.is_float_valued() && !dtype.is_float() {
        return Err(Error::dtype(format!("{name}: a float dtype is needed; got {dtype}")));
    }
    Ok(dtype)
}

fn binary_dtype(op: BinaryOp, dtype: DType) -> Result<()> {
    let (fits, needed) = match op {
        BinaryOp::Div | BinaryOp::Atan2 | BinaryOp::Hypot | BinaryOp::LogAddExp => {
            (dtype.is_float(), "a float dtype is")
        }
        BinaryOp::And | BinaryOp::Or | BinaryOp::Xor => (!dtype.is_float(), "integers or bool are"),
        BinaryOp::ShiftLeft | BinaryOp::ShiftRight | BinaryOp::Gcd => (dtype.is_integer(), "integers are"),
        BinaryOp::Add
        | BinaryOp::Sub
        | BinaryOp::Mul
        | BinaryOp::FloorDiv
        | BinaryOp::Mod
        | BinaryOp::Fmod
        | BinaryOp::Pow => (dtype != DType::Bool, "numbers are"),
        BinaryOp::Max | BinaryOp::Min => (true, ""),
    };
    if fits {
        return Ok(());
    }
    Err(Error::dtype(format!("{}: {needed} needed; got {dtype}", op.name())))
}

fn permute(op: &str, x: &Spec, axes: &[usize]) -> Result<Dims> {
    let mut seen: Dims = SmallVec::from_elem(0, x.rank());
    if axes.len() != x.rank() || axes.iter().any(|&axis| axis >= x.rank() || std::mem::replace(&mut seen[axis], 1) == 1)
    {
        return Err(Error::axis(format!(
            "{op}: axes must name each axis of {} once; got {}",
            Tuple(&x.shape),
            Tuple(axes)
        )));
    }
    Ok(axes.iter().map(|&axis| x.shape[axis]).collect())
}

fn concat(op: &str, inputs: &[Spec], axis: usize) -> Result<Dims> {
    let Some(first) = inputs.first() else {
        return Err(Error::argument(format!("{op}: at least one tensor is needed")));
    };
    let mut shape = first.shape.clone();
    for other in &inputs[1..] {
        same_dtype(op, first, other)?;
        let fits = other.rank() == shape.len() && (0..shape.len()).all(|i| i == axis || other.shape[i] == shape[i]);
        if !fits {
            return Err(Error::shape(format!(
                "{op}: shapes must agree except on axis {axis}; got {} and {}",
                Tuple(&first.shape),
                Tuple(&other.shape)
            )));
        }
        shape[axis] += other.shape[axis];
    }
    Ok(shape)
}

fn gathered(x: &[usize], indices: &[usize], axis: usize) -> Dims {
    x[..axis].iter().chain(indices).chain(&x[axis + 1..]).copied().collect()
}

fn along(op: &str, x: &Spec, indices: &Spec, axis: usize) -> Result<()> {
    need_index(op, indices)?;
    let fits = x.rank() == indices.rank() && (0..x.rank()).all(|i| i == axis || x.shape[i] == indices.shape[i]);
    if fits {
        return Ok(());
    }
    Err(Error::shape(format!(
        "{op}: the indices must have the shape of the array except on axis {axis}; got {} and {}",
        Tuple(&x.shape),
        Tuple(&indices.shape)
    )))
}

fn reduce_check(op: ReduceOp, x: &Spec, axes: &[usize]) -> Result<()> {
    let name = op.name();
    match op {
        ReduceOp::Any | ReduceOp::All => need_bool(name, x)?,
        ReduceOp::Mean => need_float(name, x)?,
        ReduceOp::Sum | ReduceOp::Prod if x.dtype == DType::Bool => {
            return Err(Error::dtype(format!("{name}: bool is not a number; cast it to int32 first")));
        }
        ReduceOp::Max | ReduceOp::Min if axes.iter().any(|&axis| x.shape[axis] == 0) => {
            return Err(Error::shape(format!("{name}: no elements to compare in {}", Tuple(&x.shape))));
        }
        ReduceOp::Sum | ReduceOp::Prod | ReduceOp::Max | ReduceOp::Min => {}
    }
    Ok(())
}

fn reduced(shape: &[usize], axes: &[usize], keepdims: bool) -> Dims {
    shape
        .iter()
        .enumerate()
        .filter_map(|(axis, &dim)| match (axes.contains(&axis), keepdims) {
            (false, _) => Some(dim),
            (true, true) => Some(1),
            (true, false) => None,
        })
        .collect()
}
