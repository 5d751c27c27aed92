//! Derivatives of scatters, of whole slices and of single elements alike.

use corten_core::{CompareOp, Op, Result, Scalar, ScatterMode};

use crate::{
    execute::run_one,
    ops::{self, cast, compare, div, mul, reshape, select, zeros_like},
    tensor::Tensor,
};

/// How indices name elements: slices across an axis, or one element each along it.
pub(super) enum Access {
    Whole(usize),
    Along(usize),
}

impl Access {
    fn gather(&self, x: &Tensor, indices: &Tensor) -> Result<Tensor> {
        let op = match *self {
            Self::Whole(axis) => Op::Gather { axis },
            Self::Along(axis) => Op::TakeAlong { axis },
        };
        run_one(op, &[x, indices])
    }

    fn scatter(&self, base: &Tensor, indices: &Tensor, updates: &Tensor, mode: ScatterMode) -> Result<Tensor> {
        let op = match *self {
            Self::Whole(axis) => Op::Scatter { axis, mode },
            Self::Along(axis) => Op::ScatterAlong { axis, mode },
        };
        run_one(op, &[base, indices, updates])
    }
}

pub(super) fn scatter_vjp(
    access: &Access,
    mode: ScatterMode,
    inputs: &[Tensor],
    y: &Tensor,
    g: &Tensor,
    needs: &[bool],
) -> Result<Vec<Option<Tensor>>> {
    let (base, indices, updates) = (&inputs[0], &inputs[1], &inputs[2]);
    let when = |i: usize, rule: &dyn Fn() -> Result<Tensor>| -> Result<Option<Tensor>> {
        if needs[i] { rule().map(Some) } else { Ok(None) }
    };
    let (to_base, to_updates) = match mode {
        ScatterMode::Add => (Some(g.clone()), when(2, &|| access.gather(g, indices))?),
        ScatterMode::Set => (
            when(0, &|| access.scatter(g, indices, &zeros_like(updates)?, ScatterMode::Set))?,
            when(2, &|| {
                let last = last_writers(access, base, indices, updates)?;
                select(&last, &access.gather(g, indices)?, Scalar::Float(0.0))
            })?,
        ),
        ScatterMode::Mul => (
            when(0, &|| access.scatter(g, indices, updates, ScatterMode::Mul))?,
            when(2, &|| div(&access.gather(&mul(g, y)?, indices)?, updates))?,
        ),
        ScatterMode::Max | ScatterMode::Min => {
            let kept = cast(&compare(CompareOp::Eq, base, y)?, g.dtype())?;
            let taken = cast(&compare(CompareOp::Eq, updates, &access.gather(y, indices)?)?, g.dtype())?;
            let winners = access.scatter(&kept, indices, &taken, ScatterMode::Add)?;
            let share = div(g, &winners)?;
            (when(0, &|| mul(&share, &kept))?, when(2, &|| mul(&access.gather(&share, indices)?, &taken))?)
        }
    };
    Ok(vec![to_base, None, to_updates])
}

/// Which updates are still there at the end, where several went to one place.
fn last_writers(access: &Access, base: &Tensor, indices: &Tensor, updates: &Tensor) -> Result<Tensor> {
    // The walk back makes new tensors where the gradient is, and so are the indices.
    let dtype = ops::counting_dtype(indices);
    let number = ops::arange(Scalar::Int(0), Scalar::Int(1), updates.len(), dtype)?;
    let number = reshape(&number, updates.shape())?;
    let nobody = ops::cast(&ops::full_like(&base.detach(), -1.0)?, dtype)?;
    let written = access.scatter(&nobody, indices, &number, ScatterMode::Set)?;
    compare(CompareOp::Eq, &access.gather(&written, indices)?, &number)
}
