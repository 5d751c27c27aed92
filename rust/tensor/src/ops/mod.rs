//! The public functions over [`crate::execute::run`]: promotion, `NumPy`'s conveniences and compositions.

mod conv;
mod einsum;
mod elementwise;
mod index;
mod linalg;
mod nn;
mod promotion;
mod random;
mod reduce;
mod shape;

pub use conv::*;
pub use einsum::{einsum, tensordot};
pub use elementwise::*;
pub use index::*;
pub use linalg::*;
pub use nn::*;
pub use promotion::{Arg, common_dtype, to_float};
pub use random::*;
pub use reduce::*;
pub use shape::*;
