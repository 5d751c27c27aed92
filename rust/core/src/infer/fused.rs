//! Fused forms.

use smallvec::{SmallVec, smallvec};

use super::{
    Spec, Specs, conv, last, matmul, need_float, need_index, need_rank, need_shape, one, same_dtype, same_shape,
};
use crate::{AttentionSpec, Dims, Epilogue, Error, FusedOp, Result, Tuple, broadcast};

/// The specs of the optional vectors a normalization takes after x.
fn norm_operands(op: &str, inputs: &[Spec], shape: &[usize], scale: bool, offset: bool) -> Result<()> {
    let mut rest = inputs[1..].iter();
    for (present, what) in [(scale, "the scale"), (offset, "the offset")] {
        if present {
            let Some(operand) = rest.next() else {
                return Err(Error::argument(format!("{op}: {what} is missing")));
            };
            same_dtype(op, &inputs[0], operand)?;
            need_shape(op, what, operand, shape)?;
        }
    }
    Ok(())
}

pub(super) fn fused(op: &FusedOp, inputs: &[Spec]) -> Result<Specs> {
    let name = op.name();
    let x = &inputs[0];
    need_float(name, x)?;
    let like = || one(x.shape.clone(), x.dtype);
    Ok(match op {
        FusedOp::Softmax { .. } | FusedOp::LogSoftmax { .. } | FusedOp::Dropout(_) => like(),
        FusedOp::CrossEntropy => {
            same_dtype(name, x, &inputs[1])?;
            same_shape(name, x, &inputs[1])?;
            one(SmallVec::from_slice(&x.shape[..x.rank() - 1]), x.dtype)
        }
        FusedOp::SparseCrossEntropy => {
            need_index(name, &inputs[1])?;
            let rows: Dims = SmallVec::from_slice(&x.shape[..x.rank() - 1]);
            need_shape(name, "the labels", &inputs[1], &rows)?;
            one(rows, x.dtype)
        }
        FusedOp::BinaryCrossEntropy => {
            same_dtype(name, x, &inputs[1])?;
            same_shape(name, x, &inputs[1])?;
            like()
        }
        FusedOp::LayerNorm { axes, scale, offset, .. } => {
            norm_operands(name, inputs, &x.shape[x.rank() - axes..], *scale, *offset)?;
            like()
        }
        FusedOp::RmsNorm { axes, scale, .. } => {
            norm_operands(name, inputs, &x.shape[x.rank() - axes..], *scale, false)?;
            like()
        }
        FusedOp::BatchNorm { scale, offset, .. } => {
            let channels: Dims = smallvec![last(x)];
            norm_operands(name, inputs, &channels, *scale, *offset)?;
            let vector = Spec { shape: channels, dtype: x.dtype };
            smallvec![x.clone(), vector.clone(), vector]
        }
        FusedOp::GroupNorm { groups, scale, offset, .. } => {
            if *groups == 0 || !last(x).is_multiple_of(*groups) {
                return Err(Error::argument(format!(
                    "{name}: the {} channels do not split into {groups} groups",
                    last(x)
                )));
            }
            norm_operands(name, inputs, &[last(x)], *scale, *offset)?;
            like()
        }
        FusedOp::BiasActivation(_) => {
            same_dtype(name, x, &inputs[1])?;
            need_shape(name, "the bias", &inputs[1], &[last(x)])?;
            like()
        }
        FusedOp::Linear(epilogue) => {
            same_dtype(name, x, &inputs[1])?;
            need_rank(name, "the weights", &inputs[1], 2)?;
            with_epilogue(name, *epilogue, inputs, matmul(name, x, &inputs[1])?)?
        }
        FusedOp::ConvBias { spec, epilogue } => {
            same_dtype(name, x, &inputs[1])?;
            with_epilogue(name, *epilogue, inputs, conv(name, spec, x, &inputs[1])?)?
        }
        FusedOp::Attention(AttentionSpec { mask, .. }) => {
            let (q, k, v) = (&inputs[0], &inputs[1], &inputs[2]);
            for (what, operand) in [("the query", q), ("the key", k), ("the value", v)] {
                same_dtype(name, q, operand)?;
                need_rank(name, what, operand, 4)?;
            }
            let (b, t, n, s) = (q.shape[0], q.shape[1], q.shape[2], k.shape[1]);
            need_shape(name, "the key", k, &[b, s, n, q.shape[3]])?;
            need_shape(name, "the value", v, &[b, s, n, v.shape[3]])?;
            if *mask && broadcast(name, &inputs[3].shape, &[b, n, t, s])?[..] != [b, n, t, s] {
                return Err(Error::shape(format!(
                    "{name}: the mask {} must broadcast to {}",
                    Tuple(&inputs[3].shape),
                    Tuple(&[b, n, t, s])
                )));
            }
            one(smallvec![b, t, n, v.shape[3]], q.dtype)
        }
        FusedOp::Lstm => {
            let (b, t, u) = recurrent(name, inputs, 4)?;
            need_shape(name, "the bias", &inputs[3], &[4 * u])?;
            need_shape(name, "the initial cell state", &inputs[5], &[b, u])?;
            let states = Spec::new(&[b, t, u], x.dtype);
            smallvec![states.clone(), states, Spec::new(&[b, t, 4 * u], x.dtype)]
        }
        FusedOp::Gru => {
            let (b, t, u) = recurrent(name, inputs, 3)?;
            need_shape(name, "the bias", &inputs[3], &[2, 3 * u])?;
            let states = Spec::new(&[b, t, u], x.dtype);
            smallvec![states.clone(), Spec::new(&[b, t, 3 * u], x.dtype), states]
        }
    })
}

/// What a product of that shape with a bias gives.
fn with_epilogue(op: &str, epilogue: Epilogue, inputs: &[Spec], shape: Dims) -> Result<Specs> {
    let ([x, w, bias, rest @ ..], true) = (inputs, inputs.len() == 3 + usize::from(epilogue.residual)) else {
        return Err(Error::argument(format!(
            "{op}: the operands are x, the weights, the bias and a residual if there is one; got {}",
            inputs.len()
        )));
    };
    same_dtype(op, x, bias)?;
    need_shape(op, "the bias", bias, &[last(w)])?;
    for residual in rest {
        same_dtype(op, x, residual)?;
        need_shape(op, "the residual", residual, &shape)?;
    }
    let result = Spec { shape, dtype: x.dtype };
    Ok(if epilogue.gives_product() { smallvec![result.clone(), result] } else { smallvec![result] })
}

/// Checks what LSTM and GRU share; gives batch, steps and units.
fn recurrent(op: &str, inputs: &[Spec], gates: usize) -> Result<(usize, usize, usize)> {
    need_rank(op, "the input", &inputs[0], 3)?;
    need_rank(op, "the initial state", &inputs[4], 2)?;
    let (b, t, f) = (inputs[0].shape[0], inputs[0].shape[1], inputs[0].shape[2]);
    let u = inputs[4].shape[1];
    for operand in &inputs[1..] {
        same_dtype(op, &inputs[0], operand)?;
    }
    need_shape(op, "the kernel", &inputs[1], &[f, gates * u])?;
    need_shape(op, "the recurrent kernel", &inputs[2], &[u, gates * u])?;
    need_shape(op, "the initial state", &inputs[4], &[b, u])?;
    Ok((b, t, u))
}
