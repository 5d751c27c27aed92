//! Traced functions as Python data: what writers of other formats read.

use corten_tensor::capture::Call;
use corten_tensor::core::{Activation, ConvSpec, Epilogue, FusedOp, Op, PoolSpec, Range, Scalar};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// Name, attributes, places of operands, and (place, shape, dtype) of results.
type Described<'py> = (&'static str, Bound<'py, PyDict>, Vec<usize>, Vec<(usize, Bound<'py, PyTuple>, &'static str)>);

pub(crate) fn describe<'py>(py: Python<'py>, call: &Call<'_>) -> PyResult<Described<'py>> {
    let outputs =
        call.outputs.iter().map(|(place, spec)| Ok((*place, PyTuple::new(py, spec.shape.iter())?, spec.dtype.name())));
    Ok((kind(call.op), attributes(py, call.op)?, call.inputs.to_vec(), outputs.collect::<PyResult<_>>()?))
}

/// The family of an op where its attributes say which one, else its name.
fn kind(op: &Op) -> &'static str {
    match op {
        Op::Unary(_) => "unary",
        Op::Binary(_) => "binary",
        Op::Compare(_) => "compare",
        Op::Reduce { .. } => "reduce",
        Op::ArgReduce { .. } => "arg_reduce",
        Op::Scan { .. } => "scan",
        Op::WideMatmul => "wide_matmul",
        Op::Full { .. }
        | Op::Iota { .. }
        | Op::Random { .. }
        | Op::RandomGamma { .. }
        | Op::Select
        | Op::Cast(_)
        | Op::Reshape(_)
        | Op::Permute(_)
        | Op::Expand(_)
        | Op::Slice(_)
        | Op::Copy
        | Op::SliceScatter(_)
        | Op::Pad { .. }
        | Op::Concat { .. }
        | Op::Gather { .. }
        | Op::Scatter { .. }
        | Op::TakeAlong { .. }
        | Op::ScatterAlong { .. }
        | Op::Sort { .. }
        | Op::TopK { .. }
        | Op::SearchSorted { .. }
        | Op::Matmul
        | Op::Linalg(_)
        | Op::Conv(_)
        | Op::ConvGradInput { .. }
        | Op::ConvGradWeight { .. }
        | Op::MaxPool(_)
        | Op::MaxPoolGrad(_)
        | Op::MaxPoolSelect(_)
        | Op::AvgPool(_)
        | Op::AvgPoolGrad { .. }
        | Op::Fused(_) => op.name(),
    }
}

/// Writes attributes into a dict.
struct Attributes<'py>(Bound<'py, PyDict>);

impl<'py> Attributes<'py> {
    fn set(&self, name: &str, value: impl IntoPyObject<'py>) -> PyResult<()> {
        self.0.set_item(name, value)
    }

    fn sizes(&self, name: &str, sizes: &[usize]) -> PyResult<()> {
        self.set(name, PyTuple::new(self.0.py(), sizes)?)
    }

    fn scalar(&self, name: &str, value: Scalar) -> PyResult<()> {
        match value {
            Scalar::Bool(value) => self.set(name, value),
            Scalar::Int(value) => self.set(name, value),
            Scalar::Float(value) => self.set(name, value),
        }
    }

    fn ranges(&self, ranges: &[Range]) -> PyResult<()> {
        let triples: Vec<_> = ranges.iter().map(|range| (range.start, range.step, range.len)).collect();
        self.set("ranges", triples)
    }

    fn conv(&self, spec: &ConvSpec) -> PyResult<()> {
        self.sizes("strides", &spec.strides)?;
        self.set("padding", spec.padding.to_vec())?;
        self.sizes("dilation", &spec.dilation)?;
        self.set("groups", spec.groups)
    }

    fn pool(&self, spec: &PoolSpec) -> PyResult<()> {
        self.sizes("window", &spec.window)?;
        self.sizes("strides", &spec.strides)?;
        self.set("padding", spec.padding.to_vec())?;
        self.sizes("dilation", &spec.dilation)?;
        self.set("count_padding", spec.count_padding)
    }

    fn epilogue(&self, epilogue: Epilogue) -> PyResult<()> {
        self.activation(epilogue.activation)?;
        self.set("scale", epilogue.scale)?;
        self.set("residual", epilogue.residual)
    }

    fn activation(&self, activation: Activation) -> PyResult<()> {
        self.set("activation", activation.name())
    }

    fn fused(&self, op: &FusedOp) -> PyResult<()> {
        match op {
            FusedOp::Softmax { axis } | FusedOp::LogSoftmax { axis } => self.set("axis", axis),
            FusedOp::LayerNorm { axes, epsilon, scale, offset } => {
                self.set("axes", axes)?;
                self.norm(*epsilon, *scale, *offset)
            }
            FusedOp::RmsNorm { axes, epsilon, scale } => {
                self.set("axes", axes)?;
                self.norm(*epsilon, *scale, false)
            }
            FusedOp::BatchNorm { epsilon, scale, offset } => self.norm(*epsilon, *scale, *offset),
            FusedOp::GroupNorm { groups, epsilon, scale, offset } => {
                self.set("groups", groups)?;
                self.norm(*epsilon, *scale, *offset)
            }
            FusedOp::BiasActivation(activation) => self.activation(*activation),
            FusedOp::Linear(epilogue) => self.epilogue(*epilogue),
            FusedOp::ConvBias { spec, epilogue } => {
                self.conv(spec)?;
                self.epilogue(*epilogue)
            }
            FusedOp::Attention(spec) => {
                self.set("scale", spec.scale)?;
                self.set("causal", spec.causal)?;
                self.set("mask", spec.mask)?;
                self.set("dropout", spec.dropout.map_or(0.0, |dropout| dropout.rate))
            }
            FusedOp::Dropout(spec) => self.set("rate", spec.rate),
            FusedOp::CrossEntropy
            | FusedOp::SparseCrossEntropy
            | FusedOp::BinaryCrossEntropy
            | FusedOp::Lstm
            | FusedOp::Gru => Ok(()),
        }
    }

    fn norm(&self, epsilon: f64, scale: bool, offset: bool) -> PyResult<()> {
        self.set("epsilon", epsilon)?;
        self.set("scale", scale)?;
        self.set("offset", offset)
    }
}

fn attributes<'py>(py: Python<'py>, op: &Op) -> PyResult<Bound<'py, PyDict>> {
    let to = Attributes(PyDict::new(py));
    match op {
        Op::Full { shape, value, .. } => {
            to.sizes("shape", shape)?;
            to.scalar("value", *value)?;
        }
        Op::Iota { len, .. } => to.set("len", len)?,
        Op::Unary(unary) => to.set("function", unary.name())?,
        Op::Binary(binary) => to.set("function", binary.name())?,
        Op::Compare(compare) => to.set("function", compare.name())?,
        Op::Reshape(shape) | Op::Expand(shape) => to.sizes("shape", shape)?,
        Op::Permute(axes) => to.sizes("axes", axes)?,
        Op::Slice(ranges) | Op::SliceScatter(ranges) => to.ranges(ranges)?,
        Op::Pad { padding, value } => {
            to.set("padding", padding.clone())?;
            to.scalar("value", *value)?;
        }
        Op::Concat { axis } | Op::Gather { axis } | Op::TakeAlong { axis } => to.set("axis", axis)?,
        Op::Scatter { axis, mode } | Op::ScatterAlong { axis, mode } => {
            to.set("axis", axis)?;
            to.set("mode", mode.name())?;
        }
        Op::Reduce { op, axes, keepdims } => {
            to.set("function", op.name())?;
            to.sizes("axes", axes)?;
            to.set("keepdims", keepdims)?;
        }
        Op::ArgReduce { op, axis, keepdims } => {
            to.set("function", op.name())?;
            to.set("axis", axis)?;
            to.set("keepdims", keepdims)?;
        }
        Op::Scan { op, axis, reverse } => {
            to.set("function", op.name())?;
            to.set("axis", axis)?;
            to.set("reverse", reverse)?;
        }
        Op::Sort { axis, descending } => {
            to.set("axis", axis)?;
            to.set("descending", descending)?;
        }
        Op::TopK { k } => to.set("k", k)?,
        Op::SearchSorted { right } => to.set("right", right)?,
        Op::Conv(spec) => to.conv(spec)?,
        Op::ConvGradInput { spec, input } => {
            to.conv(spec)?;
            to.sizes("input", input)?;
        }
        Op::ConvGradWeight { spec, kernel } => {
            to.conv(spec)?;
            to.sizes("kernel", kernel)?;
        }
        Op::MaxPool(spec) | Op::MaxPoolGrad(spec) | Op::MaxPoolSelect(spec) | Op::AvgPool(spec) => to.pool(spec)?,
        Op::AvgPoolGrad { spec, input } => {
            to.pool(spec)?;
            to.sizes("input", input)?;
        }
        Op::Fused(fused) => to.fused(fused)?,
        // The dtype is that of the result; random ops and linear algebra are named.
        Op::Cast(_)
        | Op::Random { .. }
        | Op::RandomGamma { .. }
        | Op::Select
        | Op::Copy
        | Op::Matmul
        | Op::WideMatmul
        | Op::Linalg(_) => {}
    }
    Ok(to.0)
}
