//! Tensors and automatic differentiation: what users of the Rust crate see.
//!
//! Every op passes [`execute::run`]; every derivative is an arm of one match in [`autograd`].

pub mod autograd;
pub mod capture;
pub mod device;
mod dispatch;
pub mod execute;
pub mod fused;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod ops;
mod optimizer;
mod plan;
mod storage;
mod tensor;
mod transfer;
pub mod watch;

pub use corten_core as core;
pub use corten_cpu as cpu;
pub use device::Device;
pub use optimizer::{Slot, optimizer_step};
pub use plan::{Plan, Table, rows};
pub use storage::Storage;
pub use tensor::{Data, Tensor};
#[cfg(feature = "gpu")]
pub use transfer::{forget_constants, ops_over_the_cpu};
