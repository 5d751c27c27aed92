//! Reverse-mode differentiation. [`graph`] keeps what was computed and walks it back; [`rules`] holds
//! every derivative in one exhaustive match, written with the public ops, so that gradients can be
//! differentiated again.

mod graph;
mod rules;
mod rules_index;
mod rules_linalg;

pub use graph::{
    CustomGradient, Leaf, NoGrad, Origin, backward, custom, gradients, is_grad_enabled, no_grad, set_grad_enabled,
};
pub(crate) use graph::{record, record_one};
