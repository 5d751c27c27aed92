//! Iteration over several layouts at once.
