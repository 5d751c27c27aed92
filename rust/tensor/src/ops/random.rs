//! Counter-based random numbers.

use corten_core::{DType, Dims, Distribution, Key, Op, Result};

use crate::{
    device::{self, Device},
    execute::run_one,
    tensor::Tensor,
};

/// Draws from a distribution; the same key gives the same bits.
pub fn random(distribution: Distribution, shape: &[usize], dtype: DType, key: Key) -> Result<Tensor> {
    run_one(Op::Random { distribution, shape: Dims::from_slice(shape), dtype, key }, &[])
}

/// The same on a device; the bits do not depend on it.
pub fn random_on(
    device: Device,
    distribution: Distribution,
    shape: &[usize],
    dtype: DType,
    key: Key,
) -> Result<Tensor> {
    let _here = device::within(device);
    random(distribution, shape, dtype, key)
}

/// Gamma(alpha, 1) samples of the shape of `alpha`.
pub fn random_gamma(alpha: &Tensor, key: Key) -> Result<Tensor> {
    run_one(Op::RandomGamma { key }, &[&super::to_float(alpha)?])
}
