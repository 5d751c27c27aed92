//! Convolution and pooling, channels last.

use corten_core::{ConvSpec, Dims, Error, Op, PoolSpec, Result, Tuple, promote};

use super::cast;
use crate::{execute::run_one, tensor::Tensor};

fn common(x: &Tensor, w: &Tensor) -> Result<(Tensor, Tensor)> {
    let dtype = promote(x.dtype(), w.dtype()).to_float();
    Ok((cast(x, dtype)?, cast(w, dtype)?))
}

/// `(n, spatial..., c_in)` with a kernel `(size..., c_in / groups, c_out)`.
pub fn conv(x: &Tensor, w: &Tensor, spec: ConvSpec) -> Result<Tensor> {
    let (x, w) = common(x, w)?;
    run_one(Op::Conv(spec), &[&x, &w])
}

/// The transposed convolution: the input gradient of the convolution of this spec, for an input of these
/// spatial sizes.
pub fn conv_transpose(y: &Tensor, w: &Tensor, spec: ConvSpec, input: &[usize]) -> Result<Tensor> {
    let (y, w) = common(y, w)?;
    run_one(Op::ConvGradInput { spec, input: Dims::from_slice(input) }, &[&y, &w])
}

/// The largest value of each window.
pub fn max_pool(x: &Tensor, spec: PoolSpec) -> Result<Tensor> {
    check_padding("max_pool", &spec)?;
    run_one(Op::MaxPool(spec), &[x])
}

/// The mean of each window.
pub fn avg_pool(x: &Tensor, spec: PoolSpec) -> Result<Tensor> {
    check_padding("average_pool", &spec)?;
    run_one(Op::AvgPool(spec), &[&super::to_float(x)?])
}

/// A window that could lie wholly in the padding has no maximum and no mean.
fn check_padding(op: &str, spec: &PoolSpec) -> Result<()> {
    let covered = spec
        .padding
        .iter()
        .zip(spec.window.iter().zip(&spec.dilation))
        .all(|((low, high), (window, dilation))| *low.max(high) < dilation * (window.max(&1) - 1) + 1);
    if covered {
        return Ok(());
    }
    Err(Error::argument(format!(
        "{op}: padding must be smaller than the window {}; got {:?}",
        Tuple(&spec.window),
        spec.padding
    )))
}
