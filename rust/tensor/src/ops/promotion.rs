//! Bringing operands to one dtype.

use corten_core::{DType, Result, Scalar, Weak, promote, promote_weak};

use crate::{device, execute, tensor::Tensor};

/// An operand as a user writes it: a tensor, or a number that takes the dtype of its partner.
#[derive(Clone, Debug)]
pub enum Arg {
    Tensor(Tensor),
    Scalar(Scalar),
}

impl From<Tensor> for Arg {
    fn from(tensor: Tensor) -> Self {
        Self::Tensor(tensor)
    }
}

impl From<&Tensor> for Arg {
    fn from(tensor: &Tensor) -> Self {
        Self::Tensor(tensor.clone())
    }
}

impl From<Scalar> for Arg {
    fn from(scalar: Scalar) -> Self {
        Self::Scalar(scalar)
    }
}

impl Arg {
    /// This operand as a tensor of `dtype`.
    pub fn into_tensor(self, dtype: DType) -> Result<Tensor> {
        match self {
            Self::Tensor(tensor) if tensor.dtype() == dtype => Ok(tensor),
            Self::Tensor(tensor) => super::cast(&tensor, dtype),
            Self::Scalar(scalar) => execute::scalar(scalar, dtype),
        }
    }

    /// This operand as a tensor of its own dtype; numbers become bool, int32 or float32.
    pub fn into_default(self) -> Result<Tensor> {
        match self {
            Self::Tensor(tensor) => Ok(tensor),
            Self::Scalar(scalar) => execute::scalar(scalar, weak_default(scalar.weak()))?.to(device::current()),
        }
    }
}

const fn weak_default(weak: Weak) -> DType {
    match weak {
        Weak::Bool => DType::Bool,
        Weak::Int => DType::I32,
        Weak::Float => DType::F32,
    }
}

/// The dtype in which these operands meet.
pub fn common_dtype(args: &[&Arg]) -> DType {
    let mut typed: Option<DType> = None;
    let mut weak: Option<Weak> = None;
    for arg in args {
        match arg {
            Arg::Tensor(tensor) => {
                typed = Some(typed.map_or(tensor.dtype(), |dtype| promote(dtype, tensor.dtype())));
            }
            Arg::Scalar(scalar) => weak = weak.max(Some(scalar.weak())),
        }
    }
    match (typed, weak) {
        (Some(dtype), Some(weak)) => promote_weak(dtype, weak),
        (Some(dtype), None) => dtype,
        (None, weak) => weak_default(weak.unwrap_or(Weak::Float)),
    }
}

/// This tensor as a float: itself, or float32 of integers and bool.
pub fn to_float(x: &Tensor) -> Result<Tensor> {
    super::cast(x, x.dtype().to_float())
}
