//! The tensor handle.

use std::sync::Arc;

use corten_core::{Backend as _, DType, Element, Error, Layout, Result, Scalar, View};
use corten_cpu::Buffer;

use crate::{
    autograd::{Leaf, Origin},
    capture, execute,
    storage::{CPU, Device, Storage},
};

/// Values without history: memory, layout and dtype.
#[derive(Debug)]
pub struct Data {
    pub(crate) storage: Storage,
    pub(crate) layout: Layout,
    pub(crate) dtype: DType,
}

/// A multi-dimensional array, cheap to clone. Values never change; what looks like assignment makes a
/// new tensor (in place where nobody else holds the memory).
#[derive(Clone, Debug)]
pub struct Tensor {
    data: Arc<Data>,
    origin: Option<Origin>,
}

impl Tensor {
    /// A row-major CPU tensor of these elements.
    ///
    /// ```
    /// let x = corten_tensor::Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0], &[2, 2]).unwrap();
    /// assert_eq!(x.to_vec::<f32>().unwrap(), [1.0, 2.0, 3.0, 4.0]);
    /// ```
    pub fn from_slice<T: Element>(values: &[T], shape: &[usize]) -> Result<Self> {
        let len = corten_core::checked_len("tensor", shape)?;
        if len != values.len() {
            return Err(Error::shape(format!(
                "tensor: {} values do not fill shape {}",
                values.len(),
                corten_core::Tuple(shape)
            )));
        }
        let mut buffer = CPU.alloc(T::DTYPE, len)?;
        buffer.as_mut_slice::<T>()[..len].copy_from_slice(values);
        Ok(Self::from_buffer(buffer, Layout::contiguous(shape), T::DTYPE))
    }

    /// A 0-dimensional tensor.
    pub fn scalar(value: Scalar, dtype: DType) -> Result<Self> {
        execute::full(&[], value, dtype)
    }

    /// Wraps memory that holds what `layout` says.
    pub fn from_buffer(buffer: Buffer, layout: Layout, dtype: DType) -> Self {
        Self::from_data(Data { storage: Storage::Cpu(Arc::new(buffer)), layout, dtype })
    }

    /// A tensor of shape and dtype only.
    pub fn meta(shape: &[usize], dtype: DType) -> Self {
        Self::from_data(Data { storage: Storage::Meta, layout: Layout::contiguous(shape), dtype })
    }

    pub(crate) fn from_data(data: Data) -> Self {
        Self { data: Arc::new(data), origin: None }
    }

    pub(crate) fn with_origin(data: Arc<Data>, origin: Option<Origin>) -> Self {
        Self { data, origin }
    }

    pub(crate) fn data(&self) -> &Arc<Data> {
        &self.data
    }

    #[inline]
    pub fn shape(&self) -> &[usize] {
        self.data.layout.shape()
    }
    #[inline]
    pub fn rank(&self) -> usize {
        self.data.layout.rank()
    }
    /// The number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        self.data.layout.len()
    }
    pub fn is_empty(&self) -> bool {
        self.data.layout.is_empty()
    }
    #[inline]
    pub fn dtype(&self) -> DType {
        self.data.dtype
    }
    #[inline]
    pub fn layout(&self) -> &Layout {
        &self.data.layout
    }
    pub fn storage(&self) -> &Storage {
        &self.data.storage
    }
    pub fn device(&self) -> Device {
        self.data.storage.device()
    }

    /// The CPU memory behind this tensor, for a look at the values; an error for a meta tensor.
    pub fn buffer(&self) -> Result<&Arc<Buffer>> {
        capture::note_read(self);
        self.memory()
    }

    /// The same for ops.
    pub(crate) fn memory(&self) -> Result<&Arc<Buffer>> {
        match &self.data.storage {
            Storage::Cpu(buffer) => Ok(buffer),
            Storage::Meta => Err(Error::device(format!(
                "this tensor of shape {} stands for a shape only and has no values; \
                 it comes from a symbolic input, so its values cannot be read here",
                corten_core::Tuple(self.shape())
            ))),
        }
    }

    /// The memory for writing, if no other tensor and nothing outside holds it.
    pub(crate) fn exclusive(&mut self) -> Option<&mut Buffer> {
        match &mut Arc::get_mut(&mut self.data)?.storage {
            Storage::Cpu(buffer) => Arc::get_mut(buffer).filter(|buffer| !buffer.is_foreign()),
            Storage::Meta => None,
        }
    }

    pub(crate) fn view(&self) -> Result<View<'_, Buffer>> {
        Ok(View { buffer: self.memory()?, layout: &self.data.layout, dtype: self.data.dtype })
    }

    /// The elements in row-major order; `T` must be the tensor's dtype.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        if T::DTYPE != self.dtype() {
            return Err(Error::dtype(format!("to_vec: the tensor is {}, not {}", self.dtype(), T::DTYPE)));
        }
        let source = self.contiguous()?;
        let start = source.layout().offset();
        Ok(source.buffer()?.as_slice::<T>()[start..start + source.len()].to_vec())
    }

    /// Writes the elements row-major into `out`, which has their size in bytes.
    pub fn download(&self, out: &mut [u8]) -> Result<()> {
        capture::note_read(self);
        CPU.download(self.view()?, out)
    }

    /// The single element as float64.
    pub fn item(&self) -> Result<f64> {
        if self.len() != 1 {
            return Err(Error::shape(format!(
                "item: one element is needed; got shape {}",
                corten_core::Tuple(self.shape())
            )));
        }
        capture::note_read(self);
        let _pause = capture::pause();
        let value = crate::ops::cast(&self.detach(), DType::F64)?;
        Ok(value.to_vec::<f64>()?[0])
    }

    /// This tensor if it is row-major, else a row-major copy.
    pub fn contiguous(&self) -> Result<Self> {
        if self.data.layout.is_contiguous() {
            return Ok(self.clone());
        }
        crate::ops::copy(self)
    }

    // History

    /// The same values without history.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self { data: Arc::clone(&self.data), origin: None }
    }

    /// The same values as the start of a history: gradients with respect to them can be asked for.
    #[must_use]
    pub fn watched(&self) -> Self {
        Self { data: Arc::clone(&self.data), origin: Some(Origin::leaf()) }
    }

    pub fn requires_grad(&self) -> bool {
        self.origin.is_some()
    }

    pub(crate) fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// The leaf this tensor is, if it is one.
    pub fn leaf(&self) -> Option<&Leaf> {
        self.origin.as_ref().and_then(Origin::as_leaf)
    }

    /// Shape, dtype and history without the values, for rules that need no more.
    pub(crate) fn hollow(&self) -> Self {
        let data = Data { storage: Storage::Meta, layout: self.data.layout.clone(), dtype: self.data.dtype };
        Self { data: Arc::new(data), origin: self.origin.clone() }
    }

    /// Unique access to row-major memory starting at offset 0: in place if nobody else holds it, else a copy.
    pub(crate) fn make_unique(&mut self) -> Result<&mut Buffer> {
        let in_place = match Arc::get_mut(&mut self.data) {
            Some(Data { storage: Storage::Cpu(buffer), layout, .. }) => {
                layout.is_contiguous()
                    && layout.offset() == 0
                    && Arc::get_mut(buffer).is_some_and(|buffer| !buffer.is_foreign())
            }
            Some(Data { storage: Storage::Meta, .. }) | None => false,
        };
        if !in_place {
            let copy = execute::materialize(self)?;
            self.data = Arc::new(copy);
        }
        match Arc::get_mut(&mut self.data) {
            Some(Data { storage: Storage::Cpu(buffer), .. }) => {
                Arc::get_mut(buffer).ok_or_else(|| Error::device("a fresh copy is shared"))
            }
            Some(Data { storage: Storage::Meta, .. }) | None => {
                Err(Error::device("a tensor without values cannot be changed"))
            }
        }
    }
}

impl Tensor {
    /// The history alone; for freeing long ones.
    pub(crate) fn into_origin(self) -> Option<Origin> {
        self.origin
    }
}
