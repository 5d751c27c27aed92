//! Where values live.

use std::sync::Arc;

use corten_cpu::{Buffer, Cpu};

/// The one CPU backend.
pub(crate) static CPU: Cpu = Cpu;

/// A device by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Device {
    Cpu,
    /// Carries shape and dtype only: symbolic inputs, shape dry-runs.
    Meta,
}

impl Device {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Meta => "meta",
        }
    }
}

/// The memory behind a tensor, shared by its views.
#[derive(Clone, Debug)]
pub enum Storage {
    Cpu(Arc<Buffer>),
    Meta,
}

impl Storage {
    pub const fn device(&self) -> Device {
        match self {
            Self::Cpu(_) => Device::Cpu,
            Self::Meta => Device::Meta,
        }
    }
}
