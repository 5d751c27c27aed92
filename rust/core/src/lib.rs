//! The contract of Corten: what a tensor is, which ops exist, what they give, what a device must do.
//! No kernels, no threads. Read [`op`] first, then [`backend`].

pub mod backend;
mod dtype;
mod error;
mod infer;
mod layout;
mod numerics;
mod op;

pub use backend::{Backend, Parameter, View};
pub use dtype::{DType, Element, Kind, Scalar, Weak, needs_int64, promote, promote_weak};
pub use error::{Error, Result, Tuple, resolve_axes, resolve_axis};
pub use half;
pub use infer::{Spec, conv_output, infer, pool_output};
pub use layout::{Dims, Layout, Range, Strides, broadcast, checked_len, contiguous_strides, saturating_len};
pub use numerics::{NonFinite, Phase, Statistics};
pub use op::*;
