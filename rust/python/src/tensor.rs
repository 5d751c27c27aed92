//! The class `Tensor`: thin methods over the engine.

use corten_tensor::core::{ArgReduceOp, BinaryOp, CompareOp, Error, ReduceOp, ScanOp, UnaryOp};
use corten_tensor::ops::{self, Arg};
use corten_tensor::{Tensor, autograd};
use pyo3::basic::CompareOp as PyCompare;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyComplex, PyTuple};

use crate::convert::{self, Array, Axes, Operand, Type};
use crate::functions::device::target;
use crate::reductions::{reduce, reduce_in, refuse_out, scan, variance};
use crate::rows::Rows;
use crate::{dlpack, error, export, funnel, indexing, operators, pickle};

/// A multi-dimensional array of one dtype.
///
/// Made by `tensor`, by operations, or from NumPy arrays. Values do not change in place: assignment
/// to elements makes a new value that this name then stands for.
#[pyclass(name = "Tensor", module = "corten._core", weakref)]
pub(crate) struct PyTensor {
    pub(crate) inner: Tensor,
}

impl From<Tensor> for PyTensor {
    #[inline]
    fn from(inner: Tensor) -> Self {
        Self { inner }
    }
}

/// Runs an op whose cost is the size of its operand.
#[inline]
pub(crate) fn on_one(
    py: Python<'_>,
    x: &Tensor,
    work: impl FnOnce(&Tensor) -> corten_tensor::core::Result<Tensor> + Send,
) -> PyResult<PyTensor> {
    funnel::run(py, x.len(), || work(x)).map(PyTensor::from)
}

/// Elements an operand has.
#[inline]
pub(crate) fn arg_len(arg: &Arg) -> usize {
    match arg {
        Arg::Tensor(tensor) => tensor.len(),
        Arg::Scalar(_) => 0,
    }
}

/// `reshape(2, 3)`, `reshape((2, 3))` and `reshape([2, 3])` say the same.
fn unpacked(values: &Bound<'_, PyTuple>) -> PyResult<Vec<isize>> {
    if values.len() == 1 {
        return convert::integers(&values.get_item(0)?);
    }
    convert::integers(values.as_any())
}

impl PyTensor {
    fn unary(&self, py: Python<'_>, op: UnaryOp) -> PyResult<Self> {
        on_one(py, &self.inner, |x| ops::unary(op, x))
    }
}

#[pymethods]
impl PyTensor {
    /// Copies anything array-like; same as `tensor(data, dtype)`.
    #[new]
    #[pyo3(signature = (data, dtype=None))]
    fn new(data: Array, dtype: Option<Type>) -> PyResult<Self> {
        match dtype {
            Some(Type(dtype)) => ops::cast(&data.0, dtype).map(Self::from).map_err(error::to_python),
            None => Ok(data.0.into()),
        }
    }

    // Description

    /// Length of each axis.
    #[getter]
    pub(crate) fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.inner.shape())
    }

    /// Name of the element type, such as `"float32"`.
    #[getter]
    fn dtype(&self) -> &'static str {
        self.inner.dtype().name()
    }

    /// Number of axes.
    #[getter]
    fn ndim(&self) -> usize {
        self.inner.rank()
    }

    /// Number of elements.
    #[getter]
    fn size(&self) -> usize {
        self.inner.len()
    }

    /// Bytes of the elements.
    #[getter]
    fn nbytes(&self) -> usize {
        self.inner.len() * self.inner.dtype().size()
    }

    /// Bytes of one element.
    #[getter]
    fn itemsize(&self) -> usize {
        self.inner.dtype().size()
    }

    /// Where the values are: `"cpu"`, `"gpu:0"`, or `"meta"` for a tensor of shape and dtype only.
    #[getter]
    fn device(&self) -> &'static str {
        self.inner.device().name()
    }

    /// The tensor with its axes reversed.
    #[getter(T)]
    fn reversed_axes(&self) -> PyResult<Self> {
        ops::transpose(&self.inner, None).map(Self::from).map_err(error::to_python)
    }

    /// The tensor with its last two axes exchanged.
    #[getter(mT)]
    fn matrix_transpose(&self) -> PyResult<Self> {
        ops::matrix_transpose(&self.inner).map(Self::from).map_err(error::to_python)
    }

    // Gradients

    /// Whether operations on this tensor are recorded for gradients.
    #[getter]
    fn requires_grad(&self) -> bool {
        self.inner.requires_grad()
    }

    #[setter]
    fn set_requires_grad(&mut self, value: bool) -> PyResult<()> {
        if !value {
            self.inner = self.inner.detach();
        } else if !self.inner.requires_grad() {
            self.inner = watched(&self.inner)?;
        }
        Ok(())
    }

    /// The gradient that `backward` left here, or None.
    #[getter]
    fn grad(&self) -> Option<Self> {
        self.inner.leaf()?.gradient().map(Self::from)
    }

    #[setter]
    fn set_grad(&self, value: Option<Array>) -> PyResult<()> {
        match (self.inner.leaf(), value) {
            (Some(leaf), value) => {
                leaf.set_gradient(value.map(|value| value.0));
                Ok(())
            }
            (None, None) => Ok(()),
            (None, Some(_)) => Err(PyValueError::new_err("grad: only a leaf with requires_grad=True keeps a gradient")),
        }
    }

    /// Whether no recorded operation made this tensor.
    #[getter]
    fn is_leaf(&self) -> bool {
        !self.inner.requires_grad() || self.inner.leaf().is_some()
    }

    /// The same values outside any recorded history.
    fn detach(&self) -> Self {
        self.inner.detach().into()
    }

    /// Adds the gradient of this tensor to the `.grad` of every leaf it was computed from.
    ///
    /// Args:
    ///     gradient: Gradient with respect to this tensor; ones if None.
    #[pyo3(signature = (gradient=None))]
    fn backward(&self, py: Python<'_>, gradient: Option<Array>) -> PyResult<()> {
        let output = self.inner.clone();
        let gradient = gradient.map(|gradient| gradient.0);
        funnel::run(py, funnel::LONG, move || autograd::backward(&[output], &[gradient]))
    }

    // Values out

    /// A NumPy array with a copy of the values. bfloat16 gives `ml_dtypes.bfloat16` where that package
    /// is installed, else float32.
    fn numpy<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        export::to_numpy(py, &self.inner, true)
    }

    /// A read-only NumPy view of the values, or a copy if asked for or needed for another dtype.
    #[pyo3(signature = (dtype=None, copy=None))]
    fn __array__<'py>(
        &self,
        py: Python<'py>,
        dtype: Option<&Bound<'py, PyAny>>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        export::as_numpy(py, &self.inner, dtype, copy)
    }

    /// NumPy leaves mixed operations to this class.
    #[classattr]
    fn __array_priority__() -> f64 {
        1000.0
    }

    /// The single element as a Python number, or the one at a flat index or at one index per axis.
    #[pyo3(signature = (*index))]
    fn item<'py>(&self, py: Python<'py>, index: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        export::item(py, &indexing::element(py, &self.inner, index)?)
    }

    /// Nested lists of Python numbers.
    fn tolist<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        export::to_list(py, &self.inner)
    }

    /// The memory for another library (DLPack), marked read only where the protocol can say so.
    #[pyo3(signature = (*, stream=None, max_version=None, dl_device=None, copy=None))]
    fn __dlpack__<'py>(
        &self,
        py: Python<'py>,
        stream: Option<&Bound<'py, PyAny>>,
        max_version: Option<(u32, u32)>,
        dl_device: Option<(i32, i32)>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        dlpack::offer(py, &self.inner, stream, max_version, dl_device, copy)
    }

    /// Device type and index, in DLPack's numbering.
    fn __dlpack_device__(&self) -> (i32, i32) {
        dlpack::device_of(&self.inner)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        pickle::reduce(py, &self.inner)
    }

    // Conversions

    /// The values as another dtype; a GPU gives int32 for int64.
    fn astype(&self, py: Python<'_>, dtype: Type) -> PyResult<Self> {
        on_one(py, &self.inner, |x| ops::cast_there(x, dtype.0))
    }

    /// The tensor on another device, such as `"cpu"` or `"gpu:0"`: itself if it is there. Gradients flow back through
    /// the move. `"meta"` keeps shape and dtype only.
    fn to(&self, py: Python<'_>, device: &str) -> PyResult<Self> {
        let device = target(py, device)?;
        let cost = if device == self.inner.device() { 0 } else { self.inner.len() };
        funnel::run(py, cost, || self.inner.to(device)).map(Self::from)
    }

    /// The tensor on a device, as the array API calls it.
    #[pyo3(signature = (device, /, *, stream=None))]
    fn to_device(&self, py: Python<'_>, device: &str, stream: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        if stream.is_some() {
            return Err(PyValueError::new_err("to_device: `stream` must be None; there are no streams to choose from"));
        }
        self.to(py, device)
    }

    /// The module of the array API's functions for tensors, `corten.array_api`.
    #[expect(clippy::unused_self, reason = "a method of the protocol")]
    #[pyo3(signature = (*, api_version=None))]
    fn __array_namespace__<'py>(&self, py: Python<'py>, api_version: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
        py.import("corten.array_api")?.call_method1("namespace_of_version", (api_version,))
    }

    /// A row-major copy.
    fn copy(&self, py: Python<'_>) -> PyResult<Self> {
        on_one(py, &self.inner, ops::copy)
    }

    // Shape

    /// The same elements under another shape; one length may be -1.
    #[pyo3(signature = (*shape))]
    fn reshape(&self, py: Python<'_>, shape: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let shape = ops::resolve_shape("reshape", &unpacked(shape)?, self.inner.len()).map_err(error::to_python)?;
        on_one(py, &self.inner, |x| ops::reshape(x, &shape))
    }

    /// Axes in another order; reversed if none are given.
    #[pyo3(signature = (*axes))]
    fn transpose(&self, axes: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let none = axes.is_empty() || (axes.len() == 1 && axes.get_item(0)?.is_none());
        let axes = if none { None } else { Some(unpacked(axes)?) };
        ops::transpose(&self.inner, axes.as_deref()).map(Self::from).map_err(error::to_python)
    }

    /// The tensor with two axes exchanged.
    #[pyo3(name = "swapaxes")]
    fn swap_axes(&self, axis1: isize, axis2: isize) -> PyResult<Self> {
        ops::swap_axes(&self.inner, axis1, axis2).map(Self::from).map_err(error::to_python)
    }

    /// All elements along one axis.
    fn flatten(&self, py: Python<'_>) -> PyResult<Self> {
        on_one(py, &self.inner, |x| ops::reshape(x, &[x.len()]))
    }

    /// All elements along one axis.
    fn ravel(&self, py: Python<'_>) -> PyResult<Self> {
        self.flatten(py)
    }

    /// Without axes of length 1: the given ones, or all.
    #[pyo3(signature = (axis=None))]
    fn squeeze(&self, axis: Axes) -> PyResult<Self> {
        ops::squeeze(&self.inner, convert::axes(axis.as_ref())).map(Self::from).map_err(error::to_python)
    }

    // Reductions

    /// Sum over all or the given axes.
    #[pyo3(signature = (axis=None, keepdims=false, *, dtype=None, out=None))]
    fn sum(
        &self,
        py: Python<'_>,
        axis: Axes,
        keepdims: bool,
        dtype: Option<Type>,
        out: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        refuse_out(out)?;
        reduce_in(py, &self.inner, dtype, |x| Ok(reduce(py, ReduceOp::Sum, x, &axis, keepdims)?.inner))
    }

    /// Mean over all or the given axes.
    #[pyo3(signature = (axis=None, keepdims=false, *, dtype=None, out=None))]
    fn mean(
        &self,
        py: Python<'_>,
        axis: Axes,
        keepdims: bool,
        dtype: Option<Type>,
        out: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        refuse_out(out)?;
        reduce_in(py, &self.inner, dtype, |x| Ok(reduce(py, ReduceOp::Mean, x, &axis, keepdims)?.inner))
    }

    /// Largest element over all or the given axes.
    #[pyo3(signature = (axis=None, keepdims=false, *, out=None))]
    fn max(&self, py: Python<'_>, axis: Axes, keepdims: bool, out: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        refuse_out(out)?;
        reduce(py, ReduceOp::Max, &self.inner, &axis, keepdims)
    }

    /// Smallest element over all or the given axes.
    #[pyo3(signature = (axis=None, keepdims=false, *, out=None))]
    fn min(&self, py: Python<'_>, axis: Axes, keepdims: bool, out: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        refuse_out(out)?;
        reduce(py, ReduceOp::Min, &self.inner, &axis, keepdims)
    }

    /// Product over all or the given axes.
    #[pyo3(signature = (axis=None, keepdims=false, *, dtype=None, out=None))]
    fn prod(
        &self,
        py: Python<'_>,
        axis: Axes,
        keepdims: bool,
        dtype: Option<Type>,
        out: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        refuse_out(out)?;
        reduce_in(py, &self.inner, dtype, |x| Ok(reduce(py, ReduceOp::Prod, x, &axis, keepdims)?.inner))
    }

    /// Whether any element over all or the given axes is true.
    #[pyo3(signature = (axis=None, keepdims=false, *, out=None))]
    fn any(&self, py: Python<'_>, axis: Axes, keepdims: bool, out: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        refuse_out(out)?;
        reduce(py, ReduceOp::Any, &self.inner, &axis, keepdims)
    }

    /// Whether all elements over all or the given axes are true.
    #[pyo3(signature = (axis=None, keepdims=false, *, out=None))]
    fn all(&self, py: Python<'_>, axis: Axes, keepdims: bool, out: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        refuse_out(out)?;
        reduce(py, ReduceOp::All, &self.inner, &axis, keepdims)
    }

    /// Variance over all or the given axes; divides by `n - ddof`.
    #[pyo3(signature = (axis=None, keepdims=false, ddof=0.0, *, dtype=None, out=None))]
    fn var(
        &self,
        py: Python<'_>,
        axis: Axes,
        keepdims: bool,
        ddof: f64,
        dtype: Option<Type>,
        out: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        refuse_out(out)?;
        reduce_in(py, &self.inner, dtype, |x| variance(py, x, &axis, keepdims, ddof))
    }

    /// Standard deviation over all or the given axes; divides by `n - ddof`.
    #[pyo3(signature = (axis=None, keepdims=false, ddof=0.0, *, dtype=None, out=None))]
    fn std(
        &self,
        py: Python<'_>,
        axis: Axes,
        keepdims: bool,
        ddof: f64,
        dtype: Option<Type>,
        out: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let variance = self.var(py, axis, keepdims, ddof, dtype, out)?.inner;
        on_one(py, &variance, |x| ops::unary(UnaryOp::Sqrt, x))
    }

    /// int32 index of the first largest element, of the flattened tensor if `axis` is None.
    #[pyo3(signature = (axis=None, keepdims=false, *, out=None))]
    fn argmax(
        &self,
        py: Python<'_>,
        axis: Option<isize>,
        keepdims: bool,
        out: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        refuse_out(out)?;
        on_one(py, &self.inner, |x| ops::arg_reduce(ArgReduceOp::Max, x, axis, keepdims))
    }

    /// int32 index of the first smallest element, of the flattened tensor if `axis` is None.
    #[pyo3(signature = (axis=None, keepdims=false, *, out=None))]
    fn argmin(
        &self,
        py: Python<'_>,
        axis: Option<isize>,
        keepdims: bool,
        out: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        refuse_out(out)?;
        on_one(py, &self.inner, |x| ops::arg_reduce(ArgReduceOp::Min, x, axis, keepdims))
    }

    /// Running sum along an axis, of the flattened tensor if `axis` is None.
    #[pyo3(signature = (axis=None, *, dtype=None, out=None))]
    fn cumsum(
        &self,
        py: Python<'_>,
        axis: Option<isize>,
        dtype: Option<Type>,
        out: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        refuse_out(out)?;
        reduce_in(py, &self.inner, dtype, |x| Ok(scan(py, ScanOp::Sum, x, axis)?.inner))
    }

    /// Running product along an axis, of the flattened tensor if `axis` is None.
    #[pyo3(signature = (axis=None, *, dtype=None, out=None))]
    fn cumprod(
        &self,
        py: Python<'_>,
        axis: Option<isize>,
        dtype: Option<Type>,
        out: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        refuse_out(out)?;
        reduce_in(py, &self.inner, dtype, |x| Ok(scan(py, ScanOp::Prod, x, axis)?.inner))
    }

    /// int32 places of the elements in ascending order along an axis, of the flattened tensor if `axis` is None.
    #[pyo3(signature = (axis=Some(-1)))]
    fn argsort(&self, py: Python<'_>, axis: Option<isize>) -> PyResult<Self> {
        funnel::run(py, self.inner.len().saturating_mul(20), || match axis {
            Some(axis) => ops::sort(&self.inner, axis, false),
            None => ops::sort(&ops::reshape(&self.inner, &[self.inner.len()])?, 0, false),
        })
        .map(|(_, places)| places.into())
    }

    /// Values limited to `[min, max]`; either may be None.
    #[pyo3(signature = (min=None, max=None))]
    fn clip(&self, py: Python<'_>, min: Option<Operand>, max: Option<Operand>) -> PyResult<Self> {
        on_one(py, &self.inner, |x| {
            let mut result = x.clone();
            if let Some(Operand(low)) = min {
                result = ops::binary(BinaryOp::Max, result, low)?;
            }
            if let Some(Operand(high)) = max {
                result = ops::binary(BinaryOp::Min, result, high)?;
            }
            Ok(result)
        })
    }

    /// Values rounded to that many decimals, half to even.
    #[pyo3(signature = (decimals=0))]
    fn round(&self, py: Python<'_>, decimals: i32) -> PyResult<Self> {
        on_one(py, &self.inner, |x| {
            if decimals == 0 || !x.dtype().is_float() {
                return ops::unary(UnaryOp::Round, x);
            }
            let factor = 10f64.powi(decimals.abs());
            let factor = if decimals < 0 { 1.0 / factor } else { factor };
            let rounded = ops::unary(UnaryOp::Round, &ops::scale(x, factor)?)?;
            ops::binary(BinaryOp::Div, rounded, corten_tensor::core::Scalar::Float(factor))
        })
    }

    /// Product with another tensor: inner product of vectors, matrix product of matrices.
    fn dot(&self, py: Python<'_>, other: Array) -> PyResult<Self> {
        let cost = funnel::product_cost(&self.inner, &other.0);
        funnel::run(py, cost, || {
            if self.inner.rank() == 0 || other.0.rank() == 0 {
                return ops::mul(&self.inner, &other.0);
            }
            let along = if other.0.rank() == 1 { -1 } else { -2 };
            ops::tensordot(&self.inner, &other.0, &[-1], &[along])
        })
        .map(Self::from)
    }

    // Operators

    fn __add__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::binary(py, BinaryOp::Add, &self.inner, other, false)
    }
    fn __radd__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::binary(py, BinaryOp::Add, &self.inner, other, true)
    }
    fn __sub__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::binary(py, BinaryOp::Sub, &self.inner, other, false)
    }
    fn __rsub__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::binary(py, BinaryOp::Sub, &self.inner, other, true)
    }
    fn __mul__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::binary(py, BinaryOp::Mul, &self.inner, other, false)
    }
    fn __rmul__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::binary(py, BinaryOp::Mul, &self.inner, other, true)
    }
    fn __truediv__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::binary(py, BinaryOp::Div, &self.inner, other, false)
    }
    fn __rtruediv__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::binary(py, BinaryOp::Div, &self.inner, other, true)
    }
    fn __floordiv__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::binary(py, BinaryOp::FloorDiv, &self.inner, other, false)
    }
    fn __rfloordiv__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::binary(py, BinaryOp::FloorDiv, &self.inner, other, true)
    }
    fn __mod__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::binary(py, BinaryOp::Mod, &self.inner, other, false)
    }
    fn __rmod__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::binary(py, BinaryOp::Mod, &self.inner, other, true)
    }
    fn __divmod__<'py>(
        &self,
        py: Python<'py>,
        other: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let quotient = operators::binary(py, BinaryOp::FloorDiv, &self.inner, other, false)?;
        Ok((quotient, operators::binary(py, BinaryOp::Mod, &self.inner, other, false)?))
    }
    fn __pow__<'py>(
        &self,
        py: Python<'py>,
        other: &Bound<'py, PyAny>,
        modulo: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if modulo.is_some() {
            return Err(PyTypeError::new_err("pow: a modulus is not supported for tensors"));
        }
        operators::binary(py, BinaryOp::Pow, &self.inner, other, false)
    }
    fn __rpow__<'py>(
        &self,
        py: Python<'py>,
        other: &Bound<'py, PyAny>,
        _modulo: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        operators::binary(py, BinaryOp::Pow, &self.inner, other, true)
    }
    fn __and__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::binary(py, BinaryOp::And, &self.inner, other, false)
    }
    fn __rand__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::binary(py, BinaryOp::And, &self.inner, other, true)
    }
    fn __or__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::binary(py, BinaryOp::Or, &self.inner, other, false)
    }
    fn __ror__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::binary(py, BinaryOp::Or, &self.inner, other, true)
    }
    fn __xor__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::binary(py, BinaryOp::Xor, &self.inner, other, false)
    }
    fn __rxor__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::binary(py, BinaryOp::Xor, &self.inner, other, true)
    }
    fn __lshift__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::binary(py, BinaryOp::ShiftLeft, &self.inner, other, false)
    }
    fn __rlshift__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::binary(py, BinaryOp::ShiftLeft, &self.inner, other, true)
    }
    fn __rshift__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::binary(py, BinaryOp::ShiftRight, &self.inner, other, false)
    }
    fn __rrshift__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::binary(py, BinaryOp::ShiftRight, &self.inner, other, true)
    }
    fn __matmul__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::matmul(py, &self.inner, other, false)
    }
    fn __rmatmul__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operators::matmul(py, &self.inner, other, true)
    }
    fn __neg__(&self, py: Python<'_>) -> PyResult<Self> {
        self.unary(py, UnaryOp::Neg)
    }
    fn __pos__(&self) -> Self {
        self.inner.clone().into()
    }
    fn __abs__(&self, py: Python<'_>) -> PyResult<Self> {
        self.unary(py, UnaryOp::Abs)
    }
    fn __invert__(&self, py: Python<'_>) -> PyResult<Self> {
        self.unary(py, UnaryOp::Not)
    }
    #[pyo3(signature = (ndigits=None))]
    fn __round__(&self, py: Python<'_>, ndigits: Option<i32>) -> PyResult<Self> {
        self.round(py, ndigits.unwrap_or(0))
    }

    fn __richcmp__<'py>(
        &self,
        py: Python<'py>,
        other: &Bound<'py, PyAny>,
        comparison: PyCompare,
    ) -> PyResult<Bound<'py, PyAny>> {
        let op = match comparison {
            PyCompare::Eq => CompareOp::Eq,
            PyCompare::Ne => CompareOp::Ne,
            PyCompare::Lt => CompareOp::Lt,
            PyCompare::Le => CompareOp::Le,
            PyCompare::Gt => CompareOp::Gt,
            PyCompare::Ge => CompareOp::Ge,
        };
        operators::compare(py, op, &self.inner, other)
    }

    /// Tensors are dictionary keys by identity.
    fn __hash__(slf: &Bound<'_, Self>) -> isize {
        // Objects are aligned: the low bits carry nothing.
        (slf.as_ptr() as isize) >> 4
    }

    // Protocols

    fn __getitem__(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<Self> {
        indexing::get(py, &self.inner, key).map(Self::from)
    }

    fn __setitem__(
        slf: &Bound<'_, Self>,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        // Key and value may be this very tensor: it is borrowed for writing only once all is computed.
        let before = slf.try_borrow()?.inner.clone();
        let after = indexing::set(py, &before, key, value)?;
        slf.try_borrow_mut()?.inner = after;
        Ok(())
    }

    fn __len__(&self) -> PyResult<usize> {
        self.inner.shape().first().copied().ok_or_else(|| PyTypeError::new_err("a 0-dimensional tensor has no length"))
    }

    fn __iter__(&self) -> PyResult<Rows> {
        let len = self.__len__().map_err(|_| PyTypeError::new_err("cannot iterate over a 0-dimensional tensor"))?;
        Ok(Rows { tensor: self.inner.clone(), next: 0, len })
    }

    fn __contains__(&self, py: Python<'_>, value: Operand) -> PyResult<bool> {
        let found = funnel::run(py, self.inner.len(), || {
            let equal = ops::compare(CompareOp::Eq, &self.inner, value.0)?;
            ops::reduce(ReduceOp::Any, &equal, &(0..equal.rank()).collect::<Vec<_>>(), false)
        })?;
        export::truth(&found)
    }

    fn __bool__(&self) -> PyResult<bool> {
        export::truth(&self.inner)
    }

    fn __int__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        export::integer(py, &self.inner, false)
    }

    fn __float__(&self) -> PyResult<f64> {
        self.inner.item().map_err(error::to_python)
    }

    fn __complex__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyComplex>> {
        Ok(PyComplex::from_doubles(py, self.__float__()?, 0.0))
    }

    fn __index__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        export::integer(py, &self.inner, true)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        export::represent(py, &self.inner)
    }

    /// `f"{loss:.4f}"` formats the number of a tensor with one element.
    fn __format__(&self, py: Python<'_>, specification: &str) -> PyResult<String> {
        if specification.is_empty() {
            return export::represent(py, &self.inner);
        }
        export::item(py, &self.inner)?.call_method1("__format__", (specification,))?.extract()
    }
}

/// A leaf over the values of `x`.
pub(crate) fn watched(x: &Tensor) -> PyResult<Tensor> {
    if x.dtype().is_float() {
        return Ok(x.watched());
    }
    let message = format!("requires_grad: only float tensors have gradients; got {}", x.dtype());
    Err(error::to_python(Error::dtype(message)))
}
