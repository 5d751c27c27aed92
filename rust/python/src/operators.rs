//! What the operators of `Tensor` do: `NotImplemented` for what is no array, so that Python asks the other operand.

use corten_tensor::core::{BinaryOp, CompareOp};
use corten_tensor::ops::{self, Arg};
use corten_tensor::{Tensor, core};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;

use crate::convert;
use crate::tensor::{PyTensor, arg_len};
use crate::{error, funnel};

#[inline]
fn answer<'py>(
    py: Python<'py>,
    other: &Bound<'py, PyAny>,
    work: impl FnOnce(Arg) -> PyResult<Tensor>,
) -> PyResult<Bound<'py, PyAny>> {
    match convert::operand_or_none(other)? {
        Some(other) => PyTensor::from(work(other)?).into_bound_py_any(py),
        None => Ok(py.NotImplemented().into_bound(py)),
    }
}

#[inline]
fn elementwise(
    py: Python<'_>,
    mine: &Tensor,
    other: Arg,
    work: impl FnOnce(Arg, Arg) -> core::Result<Tensor> + Send,
) -> PyResult<Tensor> {
    let cost = mine.len().max(arg_len(&other));
    let mine = Arg::Tensor(mine.clone());
    funnel::run(py, cost, || work(mine, other))
}

/// `mine op other`, or the other way round.
#[inline]
pub(crate) fn binary<'py>(
    py: Python<'py>,
    op: BinaryOp,
    mine: &Tensor,
    other: &Bound<'py, PyAny>,
    reflected: bool,
) -> PyResult<Bound<'py, PyAny>> {
    answer(py, other, |other| {
        elementwise(py, mine, other, |mine, other| {
            let pair = if reflected { (other, mine) } else { (mine, other) };
            let (a, b) = ops::exact(pair.0, pair.1)?;
            ops::binary(op, a, b)
        })
    })
}

/// `mine op other`; Python turns the comparison round itself.
pub(crate) fn compare<'py>(
    py: Python<'py>,
    op: CompareOp,
    mine: &Tensor,
    other: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    answer(py, other, |other| elementwise(py, mine, other, |mine, other| ops::compare(op, mine, other)))
}

/// `mine @ other`, or the other way round.
pub(crate) fn matmul<'py>(
    py: Python<'py>,
    mine: &Tensor,
    other: &Bound<'py, PyAny>,
    reflected: bool,
) -> PyResult<Bound<'py, PyAny>> {
    answer(py, other, |other| {
        let mine = Arg::Tensor(mine.clone());
        let pair = if reflected { (other, mine) } else { (mine, other) };
        let (a, b) = ops::exact(pair.0, pair.1).map_err(error::to_python)?;
        let (a, b) = (a.into_default().map_err(error::to_python)?, b.into_default().map_err(error::to_python)?);
        funnel::run(py, funnel::product_cost(&a, &b), || ops::matmul(&a, &b))
    })
}
