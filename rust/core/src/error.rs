//! The one error type of the engine. Messages start with the op, say what was expected and what
//! came (shapes as Python tuples), and end with the likely fix where one is known.

use crate::{Dims, NonFinite};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Shapes that do not fit one another or the op.
    #[error("{0}")]
    Shape(String),
    /// An axis out of range, or named twice.
    #[error("{0}")]
    Axis(String),
    /// An argument that is not a shape: a negative stride, an unknown mode.
    #[error("{0}")]
    Argument(String),
    /// A dtype the op does not take.
    #[error("{0}")]
    DType(String),
    /// An index out of bounds.
    #[error("{0}")]
    Index(String),
    /// A combination no backend implements.
    #[error("{0}")]
    Unsupported(String),
    /// Operands on different devices, or a value asked of a tensor without one.
    #[error("{0}")]
    Device(String),
    /// Not enough memory; `wanted` says what for, ` ` in front, where that is known.
    #[error(
        "out of memory: {bytes} bytes could not be allocated{wanted}; free tensors, use a smaller batch, or call corten.memory.empty_cache()"
    )]
    Memory { bytes: usize, wanted: String },
    /// NaN or infinity where somebody asked to be told.
    #[error("{0}")]
    NonFinite(Box<NonFinite>),
    /// A failure raised by user code inside the engine (a custom gradient).
    #[error("{0}")]
    Callback(Box<dyn std::error::Error + Send + Sync>),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn shape(message: impl Into<String>) -> Self {
        Self::Shape(message.into())
    }
    pub fn axis(message: impl Into<String>) -> Self {
        Self::Axis(message.into())
    }
    pub fn argument(message: impl Into<String>) -> Self {
        Self::Argument(message.into())
    }
    pub fn dtype(message: impl Into<String>) -> Self {
        Self::DType(message.into())
    }
    pub fn index(message: impl Into<String>) -> Self {
        Self::Index(message.into())
    }
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::Unsupported(message.into())
    }
    pub fn device(message: impl Into<String>) -> Self {
        Self::Device(message.into())
    }
    pub const fn memory(bytes: usize) -> Self {
        Self::Memory { bytes, wanted: String::new() }
    }
}

/// A shape as Python prints a tuple: `()`, `(3,)`, `(2, 3)`.
pub struct Tuple<'a>(pub &'a [usize]);

impl std::fmt::Display for Tuple<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(")?;
        for (i, dim) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{dim}")?;
        }
        f.write_str(if self.0.len() == 1 { ",)" } else { ")" })
    }
}

/// Resolves a possibly negative axis.
pub fn resolve_axis(op: &str, axis: isize, rank: usize) -> Result<usize> {
    let resolved = if axis < 0 { axis + rank as isize } else { axis };
    if resolved < 0 || resolved >= rank as isize {
        return Err(Error::axis(format!(
            "{op}: axis {axis} is out of range for an array of {rank} dimension{}",
            if rank == 1 { "" } else { "s" }
        )));
    }
    Ok(resolved as usize)
}

/// Resolves several axes, refusing one that is named twice; the result is sorted.
pub fn resolve_axes(op: &str, axes: &[isize], rank: usize) -> Result<Dims> {
    let mut out = Dims::new();
    for &axis in axes {
        let axis_index = resolve_axis(op, axis, rank)?;
        if out.contains(&axis_index) {
            return Err(Error::axis(format!("{op}: axis {axis} is named twice")));
        }
        out.push(axis_index);
    }
    out.sort_unstable();
    Ok(out)
}
