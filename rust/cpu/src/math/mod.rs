//! Functions of one number: branch-free float32 ones that compilers turn into vector code, and
//! special functions in float64.

pub(crate) mod single;
pub(crate) mod special;
pub(crate) mod wide;

#[cfg(test)]
mod tests;
