//! The extension module `corten._core`: thin bindings of the engine.
//!
//! Every call passes [`funnel::run`]. What a Python user sees is documented in `corten.ops`; the
//! docstrings here say what the functions take.

// Arguments of Python functions arrive by value, and docstrings name Python's identifiers.
#![allow(clippy::needless_pass_by_value, clippy::doc_markdown)]

mod array;
mod autograd;
mod capture;
mod convert;
mod dlpack;
mod error;
mod export;
mod functions;
mod funnel;
mod identities;
mod indexing;
mod operators;
mod optimizer;
mod pickle;
mod program;
mod reductions;
mod rows;
mod tensor;

/// The engine of Corten.
#[pyo3::pymodule(gil_used = false)]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::autograd::{backward, custom_node, gradients, is_grad_enabled, set_grad_enabled};
    #[pymodule_export]
    use crate::capture::{StepPlan, StepTrace, trace_abort, trace_begin, trace_end, trace_function};
    #[pymodule_export]
    use crate::dlpack::from_dlpack;
    #[pymodule_export]
    use crate::error::{NonFiniteError, ShapeError};
    #[pymodule_export]
    use crate::functions::create::{arange, full, random, random_gamma, tensor};
    #[pymodule_export]
    use crate::functions::device::{
        adapters, close_device, compute, current_device, default_device, device_statistics, force_gpu_tile, gpu_tile,
        has_gpu_backend, lose_device, open_device, set_default_device, set_device_scope, start_device_clock,
        stop_device_clock, synchronize,
    };
    #[pymodule_export]
    use crate::functions::elementwise::{binary, cast, compare, polygamma, result_type, unary, where_};
    #[pymodule_export]
    use crate::functions::index::{gather, nonzero, scatter, scatter_along, slice_update, take_along};
    #[pymodule_export]
    use crate::functions::linalg::{
        cholesky, det, eigh, einsum, inv, lu_factor, matmul, qr, slogdet, solve, solve_triangular, svd, tensordot,
    };
    #[pymodule_export]
    use crate::functions::nn::{
        attention, batch_norm, bias_activation, binary_cross_entropy, cross_entropy, dropout, group_norm, gru,
        layer_norm, linear, log_softmax, lstm, rms_norm, softmax, sparse_cross_entropy,
    };
    #[pymodule_export]
    use crate::functions::reduce::{arg_reduce, logsumexp, reduce, scan, searchsorted, sort, top_k, var};
    #[pymodule_export]
    use crate::functions::runtime::{
        cpu_features, empty_cache, memory_limit, memory_stats, num_threads, set_memory_limit, set_num_threads,
    };
    #[pymodule_export]
    use crate::functions::shape::{
        broadcast_to, concatenate, copy, expand_dims, flip, pad, reshape, slice, squeeze, stack, transpose,
    };
    #[pymodule_export]
    use crate::functions::watch::{statistics, watch_checks, watch_enter, watch_leave, watch_switch};
    #[pymodule_export]
    use crate::functions::window::{avg_pool, conv, conv_bias, conv_transpose, max_pool};
    #[pymodule_export]
    use crate::funnel::shut_down;
    #[pymodule_export]
    use crate::identities::Identities;
    #[pymodule_export]
    use crate::optimizer::optimizer_step;
    #[pymodule_export]
    use crate::pickle::rebuild;
    #[pymodule_export]
    use crate::tensor::PyTensor;

    /// Runs when the module is imported.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::funnel::watch_signals();
        let atexit = module.py().import("atexit")?;
        atexit.call_method1("register", (module.getattr("shut_down")?,))?;
        Ok(())
    }
}
