//! Fused forms: softmax, losses, normalizations, attention, recurrent layers.

use corten_tensor::core::{Activation, AttentionSpec, DropoutSpec, FusedOp, Key, Result, promote};
use corten_tensor::execute::Outputs;
use corten_tensor::{Tensor, ops, ops::Ending};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::convert::{self, Array};
use crate::funnel;
use crate::tensor::{PyTensor, on_one};

/// The operands as one float dtype.
fn floats(inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
    let dtype = inputs.iter().fold(inputs[0].dtype().to_float(), |dtype, x| promote(dtype, x.dtype()));
    inputs.iter().map(|x| ops::cast(x, dtype)).collect()
}

fn fused(op: FusedOp, inputs: &[&Tensor]) -> Result<Outputs> {
    let inputs = floats(inputs)?;
    ops::fused(op, &inputs.iter().collect::<Vec<_>>())
}

/// Runs a fused op that gives one tensor.
fn one(py: Python<'_>, cost: usize, op: FusedOp, inputs: &[&Tensor]) -> PyResult<PyTensor> {
    funnel::run(py, cost, || fused(op, inputs)).map(|mut outputs| outputs.swap_remove(0).into())
}

/// Runs a fused op that gives three tensors.
fn three(py: Python<'_>, cost: usize, op: FusedOp, inputs: &[&Tensor]) -> PyResult<(PyTensor, PyTensor, PyTensor)> {
    let name = op.name();
    let mut outputs = funnel::run(py, cost, || fused(op, inputs))?.into_iter().map(PyTensor::from);
    match (outputs.next(), outputs.next(), outputs.next()) {
        (Some(first), Some(second), Some(third)) => Ok((first, second, third)),
        _ => Err(PyRuntimeError::new_err(format!("{name}: a result is missing"))),
    }
}

/// The operands that are given, in order.
fn given<'a>(first: &'a Tensor, rest: &[Option<&'a Array>]) -> Vec<&'a Tensor> {
    std::iter::once(first).chain(rest.iter().flatten().map(|array| &array.0)).collect()
}

/// Softmax along an axis.
///
/// Args:
///     x: The operand.
///     axis: The axis.
///
/// Returns:
///     A float tensor of the shape of `x`.
#[pyfunction]
#[pyo3(signature = (x, axis=-1))]
pub(crate) fn softmax(py: Python<'_>, x: Array, axis: isize) -> PyResult<PyTensor> {
    on_one(py, &x.0, |x| ops::softmax(x, axis))
}

/// Logarithm of softmax along an axis.
///
/// Args:
///     x: The operand.
///     axis: The axis.
///
/// Returns:
///     A float tensor of the shape of `x`.
#[pyfunction]
#[pyo3(signature = (x, axis=-1))]
pub(crate) fn log_softmax(py: Python<'_>, x: Array, axis: isize) -> PyResult<PyTensor> {
    on_one(py, &x.0, |x| ops::log_softmax(x, axis))
}

/// Cross-entropy of target probabilities with logits, over the last axis.
///
/// Args:
///     logits: `(..., classes)`.
///     probs: Target probabilities of the same shape.
///
/// Returns:
///     One loss for each row.
#[pyfunction]
pub(crate) fn cross_entropy(py: Python<'_>, logits: Array, probs: Array) -> PyResult<PyTensor> {
    one(py, logits.0.len(), FusedOp::CrossEntropy, &[&logits.0, &probs.0])
}

/// Cross-entropy of integer labels with logits, over the last axis.
///
/// Args:
///     logits: `(..., classes)`.
///     labels: Class indices, one for each row.
///
/// Returns:
///     One loss for each row.
#[pyfunction]
pub(crate) fn sparse_cross_entropy(py: Python<'_>, logits: Array, labels: Array) -> PyResult<PyTensor> {
    let cost = logits.0.len();
    funnel::run(py, cost, || ops::sparse_cross_entropy(&logits.0, &labels.0)).map(Into::into)
}

/// Binary cross-entropy of targets with logits, elementwise.
///
/// Args:
///     logits: Any shape.
///     targets: Values from 0 to 1, of the same shape.
///
/// Returns:
///     One loss for each element.
#[pyfunction]
pub(crate) fn binary_cross_entropy(py: Python<'_>, logits: Array, targets: Array) -> PyResult<PyTensor> {
    one(py, logits.0.len(), FusedOp::BinaryCrossEntropy, &[&logits.0, &targets.0])
}

/// Layer normalization over the last axes.
///
/// Args:
///     x: The operand.
///     scale: Multiplies the result, of the shape of those axes, or None.
///     offset: Is added to the result, or None.
///     axes: How many last axes.
///     epsilon: Added to the variance.
///
/// Returns:
///     A float tensor of the shape of `x`.
#[pyfunction]
#[pyo3(signature = (x, scale=None, offset=None, axes=1, epsilon=1e-3))]
pub(crate) fn layer_norm(
    py: Python<'_>,
    x: Array,
    scale: Option<Array>,
    offset: Option<Array>,
    axes: usize,
    epsilon: f64,
) -> PyResult<PyTensor> {
    check_axes("layer_normalization", &x.0, axes)?;
    let op = FusedOp::LayerNorm { axes, epsilon, scale: scale.is_some(), offset: offset.is_some() };
    one(py, x.0.len(), op, &given(&x.0, &[scale.as_ref(), offset.as_ref()]))
}

/// Root mean square normalization over the last axes.
///
/// Args:
///     x: The operand.
///     scale: Multiplies the result, of the shape of those axes, or None.
///     axes: How many last axes.
///     epsilon: Added to the mean square.
///
/// Returns:
///     A float tensor of the shape of `x`.
#[pyfunction]
#[pyo3(signature = (x, scale=None, axes=1, epsilon=1e-6))]
pub(crate) fn rms_norm(
    py: Python<'_>,
    x: Array,
    scale: Option<Array>,
    axes: usize,
    epsilon: f64,
) -> PyResult<PyTensor> {
    check_axes("rms_normalization", &x.0, axes)?;
    one(py, x.0.len(), FusedOp::RmsNorm { axes, epsilon, scale: scale.is_some() }, &given(&x.0, &[scale.as_ref()]))
}

fn check_axes(op: &str, x: &Tensor, axes: usize) -> PyResult<()> {
    if (1..=x.rank()).contains(&axes) {
        return Ok(());
    }
    Err(PyValueError::new_err(format!("{op}: {axes} last axes of a tensor with {} axes", x.rank())))
}

/// Batch normalization in its training form, over all axes but the last.
///
/// Args:
///     x: `(..., channels)`.
///     scale: `(channels,)` or None.
///     offset: `(channels,)` or None.
///     epsilon: Added to the variance.
///
/// Returns:
///     The result, the mean and the variance of each channel.
#[pyfunction]
#[pyo3(signature = (x, scale=None, offset=None, epsilon=1e-3))]
pub(crate) fn batch_norm(
    py: Python<'_>,
    x: Array,
    scale: Option<Array>,
    offset: Option<Array>,
    epsilon: f64,
) -> PyResult<(PyTensor, PyTensor, PyTensor)> {
    let op = FusedOp::BatchNorm { epsilon, scale: scale.is_some(), offset: offset.is_some() };
    three(py, x.0.len(), op, &given(&x.0, &[scale.as_ref(), offset.as_ref()]))
}

/// Group normalization of the channels of each sample.
///
/// Args:
///     x: `(n, ..., channels)`.
///     scale: `(channels,)` or None.
///     offset: `(channels,)` or None.
///     groups: How many groups the channels form.
///     epsilon: Added to the variance.
///
/// Returns:
///     A float tensor of the shape of `x`.
#[pyfunction]
#[pyo3(signature = (x, scale=None, offset=None, groups=32, epsilon=1e-3))]
pub(crate) fn group_norm(
    py: Python<'_>,
    x: Array,
    scale: Option<Array>,
    offset: Option<Array>,
    groups: usize,
    epsilon: f64,
) -> PyResult<PyTensor> {
    let op = FusedOp::GroupNorm { groups, epsilon, scale: scale.is_some(), offset: offset.is_some() };
    one(py, x.0.len(), op, &given(&x.0, &[scale.as_ref(), offset.as_ref()]))
}

/// Adds a bias along the last axis and applies an activation, in one pass.
///
/// Args:
///     x: `(..., c)`.
///     bias: `(c,)`.
///     name: `"linear"`, `"relu"`, `"sigmoid"`, `"tanh"`, `"gelu"`, `"gelu_tanh"` or `"silu"`.
///
/// Returns:
///     A float tensor of the shape of `x`.
#[pyfunction]
#[pyo3(signature = (x, bias, name="linear"))]
pub(crate) fn bias_activation(py: Python<'_>, x: Array, bias: Array, name: &str) -> PyResult<PyTensor> {
    let activation = activation("bias_activation", name)?;
    one(py, x.0.len(), FusedOp::BiasActivation(activation), &[&x.0, &bias.0])
}

/// An activation by name.
pub(crate) fn activation(op: &str, name: &str) -> PyResult<Activation> {
    Activation::from_name(name)
        .ok_or_else(|| convert::unknown(op, name, Activation::ALL.iter().map(|activation| activation.name())))
}

/// Product with weights, then scale, residual, bias and activation, in one pass.
///
/// Args:
///     x: `(..., inner...)`.
///     w: `(inner..., outer...)`.
///     bias: `(outer...)`.
///     name: An activation, see `bias_activation`.
///     axes: How many axes `inner` stands for.
///     residual: `(..., outer...)`, added before the activation.
///     scale: Multiplies the product.
///
/// Returns:
///     A float tensor `(..., outer...)`.
#[pyfunction]
#[pyo3(signature = (x, w, bias, name="linear", axes=1, residual=None, scale=1.0))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn linear(
    py: Python<'_>,
    x: Array,
    w: Array,
    bias: Array,
    name: &str,
    axes: usize,
    residual: Option<Array>,
    scale: f64,
) -> PyResult<PyTensor> {
    let activation = activation("linear", name)?;
    let cost = (x.0.len() / 16).saturating_mul(bias.0.len()).max(w.0.len() / 16);
    let residual = residual.as_ref().map(|residual| &residual.0);
    let ending = Ending { bias: &bias.0, activation, scale, residual };
    funnel::run(py, cost, || ops::linear(&x.0, &w.0, ending, axes)).map(Into::into)
}

fn check_rate(name: &str, rate: f64) -> PyResult<()> {
    if (0.0..1.0).contains(&rate) {
        return Ok(());
    }
    Err(PyValueError::new_err(format!("{name}: rate must lie in [0, 1); got {rate}")))
}

/// Sets a share of the elements to zero and scales the others up.
///
/// Args:
///     x: The operand.
///     rate: Which share, from 0 to below 1.
///     seed: First half of the random key.
///     stream: Second half of the random key.
///
/// Returns:
///     A float tensor of the shape of `x`.
#[pyfunction]
#[pyo3(signature = (x, rate, seed, stream=0))]
pub(crate) fn dropout(py: Python<'_>, x: Array, rate: f64, seed: u64, stream: u64) -> PyResult<PyTensor> {
    check_rate("dropout", rate)?;
    one(py, x.0.len(), FusedOp::Dropout(DropoutSpec { rate, key: Key { seed, stream } }), &[&x.0])
}

/// Scaled dot-product attention.
///
/// Args:
///     q: Queries `(batch, t, heads, h)`.
///     k: Keys `(batch, s, heads, h)`.
///     v: Values `(batch, s, heads, hv)`.
///     mask: bool (what may be attended) or float (is added), broadcast to `(batch, heads, t, s)`.
///     scale: Multiplies the products; `1 / sqrt(h)` if None.
///     causal: Whether a position attends only to itself and those before.
///     rate: The share of the weights that is dropped, from 0 to below 1, as `dropout` drops of `(batch, heads, t, s)`.
///     random_key: The random key of what is dropped, (seed, stream).
///
/// Returns:
///     `(batch, t, heads, hv)`.
#[pyfunction]
#[pyo3(signature = (q, k, v, mask=None, scale=None, causal=false, rate=0.0, random_key=(0, 0)))]
// The signature of the function in Python.
#[allow(clippy::too_many_arguments)]
pub(crate) fn attention(
    py: Python<'_>,
    q: Array,
    k: Array,
    v: Array,
    mask: Option<Array>,
    scale: Option<f64>,
    causal: bool,
    rate: f64,
    random_key: (u64, u64),
) -> PyResult<PyTensor> {
    check_rate("attention", rate)?;
    let key = Key { seed: random_key.0, stream: random_key.1 };
    let dropout = (rate > 0.0).then_some(DropoutSpec { rate, key });
    let width = q.0.shape().last().copied().unwrap_or(1).max(1);
    let scale = scale.unwrap_or_else(|| 1.0 / (width as f64).sqrt());
    let op = FusedOp::Attention(AttentionSpec { scale, causal, mask: mask.is_some(), dropout });
    let cost = q.0.len().saturating_mul(k.0.shape().get(1).copied().unwrap_or(1)) / 8;
    funnel::run(py, cost, || {
        let mut inputs = floats(&[&q.0, &k.0, &v.0])?;
        if let Some(Array(mask)) = mask {
            let float = mask.dtype().is_float();
            inputs.push(ops::cast(&mask, if float { inputs[0].dtype() } else { corten_tensor::core::DType::Bool })?);
        }
        Ok(ops::fused(op, &inputs.iter().collect::<Vec<_>>())?.swap_remove(0))
    })
    .map(Into::into)
}

fn recurrent_cost(x: &Tensor, kernel: &Tensor) -> usize {
    x.len().saturating_mul(kernel.shape().last().copied().unwrap_or(1)) / 8
}

/// A long short-term memory layer over a sequence; gates in the order i, f, c, o.
///
/// Args:
///     x: `(batch, steps, features)`.
///     kernel: `(features, 4 * units)`.
///     recurrent: `(units, 4 * units)`.
///     bias: `(4 * units,)`.
///     h0: Initial hidden state `(batch, units)`.
///     c0: Initial cell state `(batch, units)`.
///
/// Returns:
///     Hidden states and cell states of every step, and the gates after activation.
#[pyfunction]
pub(crate) fn lstm(
    py: Python<'_>,
    x: Array,
    kernel: Array,
    recurrent: Array,
    bias: Array,
    h0: Array,
    c0: Array,
) -> PyResult<(PyTensor, PyTensor, PyTensor)> {
    let inputs = [&x.0, &kernel.0, &recurrent.0, &bias.0, &h0.0, &c0.0];
    three(py, recurrent_cost(&x.0, &kernel.0), FusedOp::Lstm, &inputs)
}

/// A gated recurrent layer over a sequence; gates in the order z, r, h, reset after the product.
///
/// Args:
///     x: `(batch, steps, features)`.
///     kernel: `(features, 3 * units)`.
///     recurrent: `(units, 3 * units)`.
///     bias: `(2, 3 * units)`: of the input and of the recurrent product.
///     h0: Initial hidden state `(batch, units)`.
///
/// Returns:
///     Hidden states of every step, the gates and candidate after activation, and the candidate's
///     recurrent term.
#[pyfunction]
pub(crate) fn gru(
    py: Python<'_>,
    x: Array,
    kernel: Array,
    recurrent: Array,
    bias: Array,
    h0: Array,
) -> PyResult<(PyTensor, PyTensor, PyTensor)> {
    let inputs = [&x.0, &kernel.0, &recurrent.0, &bias.0, &h0.0];
    three(py, recurrent_cost(&x.0, &kernel.0), FusedOp::Gru, &inputs)
}
