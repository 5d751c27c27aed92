//! Convolution and pooling.

use smallvec::smallvec;

use super::{Spec, last, need_shape};
use crate::{Dims, Error, Padding, PoolSpec, Result, Tuple, op::ConvSpec};

/// The most cells of a spatial axis with its padding: kernels compute places in this range.
const PADDED_MOST: usize = i32::MAX as usize;
/// The most cells of a pooling window, which nothing in memory bounds.
const WINDOW_MOST: usize = 1 << 26;

/// Output size of one spatial axis of a convolution or pooling; `None` where the window does not fit.
fn window_output(
    input: usize,
    window: usize,
    stride: usize,
    padding: (usize, usize),
    dilation: usize,
) -> Option<usize> {
    let reach = dilation.checked_mul(window - 1)?.checked_add(1)?;
    let padded = input + padding.0 + padding.1;
    padded.checked_sub(reach).map(|room| room / stride + 1)
}

fn check_windows(
    op: &str,
    spatial: usize,
    window: &[usize],
    strides: &[usize],
    padding: &Padding,
    dilation: &[usize],
) -> Result<()> {
    if !(1..=3).contains(&spatial) {
        return Err(Error::shape(format!("{op}: 1 to 3 spatial axes are supported; got {spatial}")));
    }
    if window.len() != spatial || strides.len() != spatial || padding.len() != spatial || dilation.len() != spatial {
        return Err(Error::argument(format!(
            "{op}: window {}, strides {}, dilation {} and padding {padding:?} need one entry for each of the {spatial} spatial axes",
            Tuple(window),
            Tuple(strides),
            Tuple(dilation)
        )));
    }
    if window.iter().chain(strides).chain(dilation).any(|&value| value == 0) {
        return Err(Error::argument(format!(
            "{op}: window {}, strides {} and dilation {} must be positive",
            Tuple(window),
            Tuple(strides),
            Tuple(dilation)
        )));
    }
    if padding.iter().any(|&(before, after)| before.max(after) > PADDED_MOST) {
        return Err(Error::shape(format!(
            "{op}: the padding {padding:?} is too large: an axis has at most {PADDED_MOST} cells with it"
        )));
    }
    Ok(())
}

/// Spatial sizes a convolution gives.
pub fn conv_output(op: &str, spec: &ConvSpec, input: &[usize], kernel: &[usize]) -> Result<Dims> {
    check_windows(op, input.len(), kernel, &spec.strides, &spec.padding, &spec.dilation)?;
    spatial_output(op, input, kernel, &spec.strides, &spec.padding, &spec.dilation)
}

/// Spatial sizes a pooling gives.
pub fn pool_output(op: &str, spec: &PoolSpec, input: &[usize]) -> Result<Dims> {
    check_windows(op, input.len(), &spec.window, &spec.strides, &spec.padding, &spec.dilation)?;
    let cells = spec.window.iter().try_fold(1usize, |cells, &size| cells.checked_mul(size));
    if cells.is_none_or(|cells| cells > WINDOW_MOST) {
        return Err(Error::shape(format!(
            "{op}: a window of {} is too large: at most {WINDOW_MOST} cells are pooled; reduce over the axes instead",
            Tuple(&spec.window)
        )));
    }
    spatial_output(op, input, &spec.window, &spec.strides, &spec.padding, &spec.dilation)
}

fn spatial_output(
    op: &str,
    input: &[usize],
    window: &[usize],
    strides: &[usize],
    padding: &Padding,
    dilation: &[usize],
) -> Result<Dims> {
    (0..input.len())
        .map(|i| {
            window_output(input[i], window[i], strides[i], padding[i], dilation[i]).ok_or_else(|| {
                Error::shape(format!(
                    "{op}: a window of {} (dilation {}) does not fit into spatial sizes {}; use padding=\"same\", a smaller window, or larger inputs",
                    Tuple(window),
                    Tuple(dilation),
                    Tuple(input)
                ))
            })
        })
        .collect()
}

fn conv_channels(op: &str, spec: &ConvSpec, c_in: usize, w: &Spec) -> Result<()> {
    let rank = w.rank();
    let (per_group, c_out) = (w.shape[rank - 2], w.shape[rank - 1]);
    if spec.groups == 0 || per_group * spec.groups != c_in || !c_out.is_multiple_of(spec.groups) {
        return Err(Error::shape(format!(
            "{op}: {c_in} input channels in {} groups need a kernel of shape (..., {}, multiple of {}); got {}",
            spec.groups,
            c_in / spec.groups.max(1),
            spec.groups,
            Tuple(&w.shape)
        )));
    }
    Ok(())
}

pub(super) fn conv(op: &str, spec: &ConvSpec, x: &Spec, w: &Spec) -> Result<Dims> {
    let rank = x.rank();
    if rank < 3 || w.rank() != rank {
        return Err(Error::shape(format!(
            "{op}: the input is (batch, spatial..., channels), the kernel (size..., channels in, channels out) with as many axes; got {} and {}",
            Tuple(&x.shape),
            Tuple(&w.shape)
        )));
    }
    conv_channels(op, spec, last(x), w)?;
    let spatial = conv_output(op, spec, &x.shape[1..rank - 1], &w.shape[..rank - 2])?;
    let mut shape: Dims = smallvec![x.shape[0]];
    shape.extend(spatial);
    shape.push(last(w));
    Ok(shape)
}

pub(super) fn conv_grad_input(op: &str, spec: &ConvSpec, input: &[usize], dy: &Spec, w: &Spec) -> Result<Dims> {
    let rank = dy.rank();
    if rank < 3 || w.rank() != rank || input.len() != rank - 2 {
        return Err(Error::shape(format!(
            "{op}: the input is (batch, spatial..., channels), the kernel has as many axes; got {} and {}",
            Tuple(&dy.shape),
            Tuple(&w.shape)
        )));
    }
    let c_in = w.shape[rank - 2] * spec.groups;
    conv_channels(op, spec, c_in, w)?;
    let spatial = conv_output(op, spec, input, &w.shape[..rank - 2])?;
    let expected: Dims = std::iter::once(dy.shape[0]).chain(spatial).chain(std::iter::once(last(w))).collect();
    need_shape(op, "the input", dy, &expected)?;
    Ok(std::iter::once(dy.shape[0]).chain(input.iter().copied()).chain(std::iter::once(c_in)).collect())
}

pub(super) fn pool(op: &str, spec: &PoolSpec, x: &Spec) -> Result<Dims> {
    let rank = x.rank();
    if rank < 3 {
        return Err(Error::shape(format!("{op}: the input is (batch, spatial..., channels); got {}", Tuple(&x.shape))));
    }
    let spatial = pool_output(op, spec, &x.shape[1..rank - 1])?;
    Ok(std::iter::once(x.shape[0]).chain(spatial).chain(std::iter::once(last(x))).collect())
}
