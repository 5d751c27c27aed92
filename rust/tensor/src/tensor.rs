//! The tensor handle.

use std::sync::Arc;

use corten_core::{Backend as _, DType, Element, Error, Layout, Result, Scalar, View};
use corten_cpu::{Buffer, Cpu};

use crate::{
    autograd::{Leaf, Origin},
    capture,
    device::Device,
    execute,
    storage::{CPU, Home, Storage, with_backend},
    transfer,
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

    /// A 0-dimensional tensor where new tensors are made.
    pub fn scalar(value: Scalar, dtype: DType) -> Result<Self> {
        execute::full(&[], value, dtype)
    }

    /// Wraps CPU memory that holds what `layout` says.
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

    /// The CPU memory behind this tensor, for a look at the values; an error for a tensor of another device.
    pub fn buffer(&self) -> Result<&Buffer> {
        capture::note_read(self);
        self.memory::<Cpu>()
    }

    /// The same for ops.
    pub(crate) fn memory<B: Home>(&self) -> Result<&B::Buffer> {
        B::memory(&self.data.storage).ok_or_else(|| self.is_elsewhere())
    }

    #[cold]
    fn is_elsewhere(&self) -> Error {
        let device = self.device();
        if device == Device::Meta {
            return self.has_no_values();
        }
        Error::device(format!(
            "this tensor of shape {} is on {device}, where its values cannot be read directly; \
             use `.to(\"cpu\")` or `.numpy()`",
            corten_core::Tuple(self.shape())
        ))
    }

    #[cold]
    pub(crate) fn has_no_values(&self) -> Error {
        Error::device(format!(
            "this tensor of shape {} stands for a shape only and has no values; \
             it comes from a symbolic input, so its values cannot be read here",
            corten_core::Tuple(self.shape())
        ))
    }

    /// The memory for writing, if no other tensor and nothing outside holds it.
    pub(crate) fn exclusive<B: Home>(&mut self) -> Option<&mut B::Buffer> {
        B::exclusive(&mut Arc::get_mut(&mut self.data)?.storage)
    }

    #[inline]
    pub(crate) fn view<B: Home>(&self) -> Result<View<'_, B::Buffer>> {
        Ok(View { buffer: self.memory::<B>()?, layout: &self.data.layout, dtype: self.data.dtype })
    }

    /// This tensor on another device, where its history goes on; itself if it is there.
    ///
    /// # Errors
    /// It has no values, or the device has no memory for it or lacks its dtype.
    pub fn to(&self, device: Device) -> Result<Self> {
        transfer::to(self, device)
    }

    /// New data on a device: as [`Self::to`], but integers that the device lacks become int32 where they fit.
    ///
    /// # Errors
    /// They do not fit, or the device lacks the dtype.
    pub fn placed(&self, device: Device) -> Result<Self> {
        transfer::place(self, device)
    }

    /// The values on the CPU, outside any history, for a look at them.
    ///
    /// # Errors
    /// There are none.
    pub fn on_cpu(&self) -> Result<Self> {
        capture::note_read(self);
        let _pause = capture::pause();
        if self.device() == Device::Meta { Err(self.has_no_values()) } else { self.detach().to(Device::Cpu) }
    }

    /// The elements in row-major order; `T` must be the tensor's dtype.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        if T::DTYPE != self.dtype() {
            return Err(Error::dtype(format!("to_vec: the tensor is {}, not {}", self.dtype(), T::DTYPE)));
        }
        let source = self.on_cpu()?;
        let _pause = capture::pause();
        let source = source.contiguous()?;
        let start = source.layout().offset();
        Ok(source.buffer()?.as_slice::<T>()[start..start + source.len()].to_vec())
    }

    /// Writes the elements row-major into `out`, which has their size in bytes.
    pub fn download(&self, out: &mut [u8]) -> Result<()> {
        capture::note_read(self);
        with_backend!(self.device(), backend => download_from(backend, self, out), self.has_no_values())
    }

    /// The single element as float64.
    pub fn item(&self) -> Result<f64> {
        if self.len() != 1 {
            return Err(Error::shape(format!(
                "item: one element is needed; got shape {}",
                corten_core::Tuple(self.shape())
            )));
        }
        let value = self.on_cpu()?;
        let _pause = capture::pause();
        let value = crate::ops::cast(&value, DType::F64)?;
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
    pub(crate) fn make_unique<B: Home>(&mut self) -> Result<&mut B::Buffer> {
        let in_place = Arc::get_mut(&mut self.data).is_some_and(|data| {
            let whole = data.layout.is_contiguous() && data.layout.offset() == 0;
            whole && B::exclusive(&mut data.storage).is_some()
        });
        if !in_place {
            let copy = execute::materialize(self)?;
            self.data = Arc::new(copy);
        }
        let memory = Arc::get_mut(&mut self.data).and_then(|data| B::exclusive(&mut data.storage));
        memory.ok_or_else(|| Error::device("a fresh copy is shared, or on another device"))
    }
}

fn download_from<B: Home>(backend: &B, x: &Tensor, out: &mut [u8]) -> Result<()> {
    backend.download(x.view::<B>()?, out)
}

impl Tensor {
    /// The history alone; for freeing long ones.
    pub(crate) fn into_origin(self) -> Option<Origin> {
        self.origin
    }
}
