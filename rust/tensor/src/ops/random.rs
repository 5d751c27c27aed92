//! Counter-based random numbers.

use corten_core::{DType, Dims, Distribution, Key, Op, Result};

use crate::{execute::run_one, tensor::Tensor};

/// Draws from a distribution; the same key gives the same bits.
pub fn random(distribution: Distribution, shape: &[usize], dtype: DType, key: Key) -> Result<Tensor> {
    run_one(Op::Random { distribution, shape: Dims::from_slice(shape), dtype, key }, &[])
}

/// Gamma(alpha, 1) samples of the shape of `alpha`.
pub fn random_gamma(alpha: &Tensor, key: Key) -> Result<Tensor> {
    run_one(Op::RandomGamma { key }, &[&super::to_float(alpha)?])
}
