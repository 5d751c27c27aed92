//! Convolution and pooling, channels last.

use corten_tensor::core::{ConvSpec, Dims, PoolSpec};
use corten_tensor::{Tensor, ops, ops::Ending};
use pyo3::prelude::*;

use crate::convert::{Array, Ints};
use crate::functions::nn::activation;
use crate::funnel;
use crate::tensor::PyTensor;

fn dims(values: &Ints, what: &str) -> PyResult<Dims> {
    values.sizes(what).map(Dims::from_vec)
}

fn conv_spec(
    op: &str,
    strides: &Ints,
    padding: Vec<(usize, usize)>,
    dilation: &Ints,
    groups: usize,
) -> PyResult<ConvSpec> {
    Ok(ConvSpec {
        strides: dims(strides, &format!("{op}: strides"))?,
        padding: padding.into(),
        dilation: dims(dilation, &format!("{op}: dilation"))?,
        groups,
    })
}

fn conv_cost(x: &Tensor, w: &Tensor) -> usize {
    x.len().max(1).saturating_mul(w.len()) / 16
}

/// Convolution.
///
/// Args:
///     x: `(n, spatial..., channels in)`.
///     w: `(kernel..., channels in / groups, channels out)`.
///     strides: One for each spatial axis.
///     padding: One (before, after) pair for each spatial axis.
///     dilation: One for each spatial axis.
///     groups: Groups of channels.
///
/// Returns:
///     `(n, spatial..., channels out)`.
#[pyfunction]
#[pyo3(signature = (x, w, strides, padding, dilation, groups=1))]
pub(crate) fn conv(
    py: Python<'_>,
    x: Array,
    w: Array,
    strides: Ints,
    padding: Vec<(usize, usize)>,
    dilation: Ints,
    groups: usize,
) -> PyResult<PyTensor> {
    let spec = conv_spec("conv", &strides, padding, &dilation, groups)?;
    funnel::run(py, conv_cost(&x.0, &w.0), || ops::conv(&x.0, &w.0, spec)).map(Into::into)
}

/// Convolution, then scale, residual, bias and activation, in one pass.
///
/// Args:
///     x: `(n, spatial..., channels in)`.
///     w: `(kernel..., channels in / groups, channels out)`.
///     bias: `(channels out,)`.
///     name: An activation, see `bias_activation`.
///     strides: One for each spatial axis.
///     padding: One (before, after) pair for each spatial axis.
///     dilation: One for each spatial axis.
///     groups: Groups of channels.
///     residual: `(n, spatial..., channels out)`, added before the activation.
///     scale: Multiplies the convolution.
///
/// Returns:
///     `(n, spatial..., channels out)`.
#[pyfunction]
#[pyo3(signature = (x, w, bias, name, strides, padding, dilation, groups=1, residual=None, scale=1.0))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn conv_bias(
    py: Python<'_>,
    x: Array,
    w: Array,
    bias: Array,
    name: &str,
    strides: Ints,
    padding: Vec<(usize, usize)>,
    dilation: Ints,
    groups: usize,
    residual: Option<Array>,
    scale: f64,
) -> PyResult<PyTensor> {
    let activation = activation("conv_bias", name)?;
    let residual = residual.as_ref().map(|residual| &residual.0);
    let ending = Ending { bias: &bias.0, activation, scale, residual };
    let spec = conv_spec("conv_bias", &strides, padding, &dilation, groups)?;
    let cost = conv_cost(&x.0, &w.0);
    funnel::run(py, cost, || ops::conv_bias(&x.0, &w.0, ending, spec)).map(Into::into)
}

/// Transposed convolution: the input gradient of `conv`.
///
/// Args:
///     y: `(n, spatial..., channels out of w)`.
///     w: `(kernel..., channels in / groups, channels out)`.
///     strides: One for each spatial axis.
///     padding: One (before, after) pair for each spatial axis.
///     dilation: One for each spatial axis.
///     groups: Groups of channels.
///     output_shape: Spatial sizes of the result.
///
/// Returns:
///     `(n, output_shape..., channels in)`.
#[pyfunction]
#[pyo3(signature = (y, w, strides, padding, dilation, groups, output_shape))]
pub(crate) fn conv_transpose(
    py: Python<'_>,
    y: Array,
    w: Array,
    strides: Ints,
    padding: Vec<(usize, usize)>,
    dilation: Ints,
    groups: usize,
    output_shape: Ints,
) -> PyResult<PyTensor> {
    let spec = conv_spec("conv_transpose", &strides, padding, &dilation, groups)?;
    let output = output_shape.sizes("conv_transpose: output_shape")?;
    funnel::run(py, conv_cost(&y.0, &w.0), || ops::conv_transpose(&y.0, &w.0, spec, &output)).map(Into::into)
}

fn pool_spec(
    op: &str,
    window: &Ints,
    strides: &Ints,
    padding: Vec<(usize, usize)>,
    dilation: Option<&Ints>,
    count_padding: bool,
) -> PyResult<PoolSpec> {
    let window = dims(window, &format!("{op}: window"))?;
    let dilation = match dilation {
        Some(dilation) => dims(dilation, &format!("{op}: dilation"))?,
        None => window.iter().map(|_| 1).collect(),
    };
    Ok(PoolSpec {
        strides: dims(strides, &format!("{op}: strides"))?,
        padding: padding.into(),
        dilation,
        window,
        count_padding,
    })
}

/// The largest value of each window.
///
/// Args:
///     x: `(n, spatial..., channels)`.
///     window: Size of the window along each spatial axis.
///     strides: One for each spatial axis.
///     padding: One (before, after) pair for each spatial axis; padding never wins.
///     dilation: One for each spatial axis; ones if None.
///
/// Returns:
///     `(n, spatial..., channels)`.
#[pyfunction]
#[pyo3(signature = (x, window, strides, padding, dilation=None))]
pub(crate) fn max_pool(
    py: Python<'_>,
    x: Array,
    window: Ints,
    strides: Ints,
    padding: Vec<(usize, usize)>,
    dilation: Option<Ints>,
) -> PyResult<PyTensor> {
    let spec = pool_spec("max_pool", &window, &strides, padding, dilation.as_ref(), false)?;
    funnel::run(py, x.0.len(), || ops::max_pool(&x.0, spec)).map(Into::into)
}

/// The mean of each window.
///
/// Args:
///     x: `(n, spatial..., channels)`.
///     window: Size of the window along each spatial axis.
///     strides: One for each spatial axis.
///     padding: One (before, after) pair for each spatial axis.
///     count_padding: Whether padding counts in the divisor.
///     dilation: One for each spatial axis; ones if None.
///
/// Returns:
///     `(n, spatial..., channels)`.
#[pyfunction]
#[pyo3(signature = (x, window, strides, padding, count_padding=false, dilation=None))]
pub(crate) fn avg_pool(
    py: Python<'_>,
    x: Array,
    window: Ints,
    strides: Ints,
    padding: Vec<(usize, usize)>,
    count_padding: bool,
    dilation: Option<Ints>,
) -> PyResult<PyTensor> {
    let spec = pool_spec("average_pool", &window, &strides, padding, dilation.as_ref(), count_padding)?;
    funnel::run(py, x.0.len(), || ops::avg_pool(&x.0, spec)).map(Into::into)
}
