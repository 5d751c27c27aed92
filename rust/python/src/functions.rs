//! The functions of the module, by family.

pub(crate) mod create;
pub(crate) mod device;
pub(crate) mod elementwise;
pub(crate) mod index;
pub(crate) mod linalg;
pub(crate) mod nn;
pub(crate) mod reduce;
pub(crate) mod runtime;
pub(crate) mod shape;
pub(crate) mod watch;
pub(crate) mod window;
