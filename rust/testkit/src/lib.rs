//! The conformance suite every backend passes: each method of [`Backend`] against naive float64 references,
//! on contiguous, transposed, stepped, flipped, broadcast, single-element and empty operands.

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
pub use products::products;
pub use windows::windows;

use corten_core::Backend;

/// Everything.
///
/// # Panics
/// Where a backend gives something else than the reference.
pub fn conformance<B: Backend>(backend: &B) {
    elementwise(backend);
    movement(backend);
    order(backend);
    products(backend);
    windows(backend);
}
