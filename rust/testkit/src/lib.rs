//! The conformance suite every backend passes: each method of [`Backend`] against naive float64 references,
//! on contiguous, transposed, stepped, flipped, broadcast, single-element and empty operands, over the dtypes that the
//! backend has.

mod elementwise;
mod movement;
mod operand;
mod order;
mod products;
mod windows;

pub use elementwise::elementwise;
pub use movement::movement;
pub use operand::Operand;
pub use order::order;
pub use products::{products, random};
pub use windows::windows;

use corten_core::{Backend, DType};

/// Everything.
///
/// # Panics
/// Where a backend gives something else than the reference.
pub fn conformance<B: Backend>(backend: &B, dtypes: &[DType]) {
    elementwise(backend, dtypes);
    movement(backend, dtypes);
    order(backend, dtypes);
    products(backend, dtypes);
    windows(backend, dtypes);
}

/// Those of `wanted` that the backend has.
fn among<'a>(dtypes: &'a [DType], wanted: &'a [DType]) -> impl Iterator<Item = DType> + 'a {
    wanted.iter().copied().filter(|dtype| dtypes.contains(dtype))
}
