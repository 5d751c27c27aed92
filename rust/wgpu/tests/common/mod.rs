//! The device under test, and arrays on it and on the CPU.

#![allow(dead_code, unreachable_pub)]

use corten_core::{Backend, DType, Element, Layout, OptimizerOp, Parameter, View};
use corten_cpu::Cpu;
use corten_wgpu::{Gpu, adapters, open};

/// What every GPU has.
pub const DTYPES: [DType; 4] = [DType::Bool, DType::U32, DType::I32, DType::F32];

/// What this GPU has.
pub fn dtypes(gpu: &Gpu) -> Vec<DType> {
    let mut dtypes = DTYPES.to_vec();
    if gpu.supports(DType::F16) {
        dtypes.push(DType::F16);
    } else {
        eprintln!("SKIPPED: float16, which this GPU has not got");
    }
    dtypes
}

/// The first adapter that may be used. Without one the test says so and passes, unless `CORTEN_TEST_GPU=required`.
pub fn gpu() -> Option<Gpu> {
    match open(0) {
        Ok(gpu) => Some(gpu),
        Err(error) if std::env::var("CORTEN_TEST_GPU").is_ok_and(|value| value == "required") => {
            panic!("no GPU to test with: {error}")
        }
        Err(error) => {
            eprintln!("SKIPPED: no GPU to test with: {error} ({} adapters)", adapters().len());
            None
        }
    }
}

/// The bytes of elements of a dtype that GPUs have.
pub fn bytes<T: Element>(values: &[T]) -> Vec<u8> {
    let one = |value: &T| {
        if T::DTYPE == DType::F32 {
            (value.to_f64() as f32).to_ne_bytes().to_vec()
        } else if T::DTYPE == DType::Bool {
            vec![value.to_i64() as u8]
        } else {
            (value.to_i64() as u32).to_ne_bytes().to_vec()
        }
    };
    values.iter().flat_map(one).collect()
}

/// One array on both devices.
pub struct Twin {
    pub gpu: corten_wgpu::Buffer,
    pub cpu: corten_cpu::Buffer,
    pub layout: Layout,
    pub dtype: DType,
}

impl Twin {
    pub fn new<T: Element>(gpu: &Gpu, values: &[T], shape: &[usize]) -> Self {
        let bytes = bytes(values);
        Self {
            gpu: gpu.upload(T::DTYPE, &bytes).expect("upload"),
            cpu: Cpu.upload(T::DTYPE, &bytes).expect("upload"),
            layout: Layout::contiguous(shape),
            dtype: T::DTYPE,
        }
    }

    pub fn on_gpu(&self) -> View<'_, corten_wgpu::Buffer> {
        View { buffer: &self.gpu, layout: &self.layout, dtype: self.dtype }
    }

    pub fn on_cpu(&self) -> View<'_, corten_cpu::Buffer> {
        View { buffer: &self.cpu, layout: &self.layout, dtype: self.dtype }
    }
}

/// float32 elements under a layout.
pub fn view<'a>(buffer: &'a corten_wgpu::Buffer, layout: &'a Layout) -> View<'a, corten_wgpu::Buffer> {
    View { buffer, layout, dtype: DType::F32 }
}

/// The bytes of a row-major array on any device.
pub fn read<B: Backend>(backend: &B, buffer: &B::Buffer, len: usize, dtype: DType) -> Vec<u8> {
    let mut out = vec![0; len * dtype.size()];
    let layout = Layout::contiguous(&[len]);
    backend.download(View { buffer, layout: &layout, dtype }, &mut out).expect("download");
    out
}

pub fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|word| f32::from_ne_bytes(*word)).collect()
}

pub fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks::<4>().0.iter().map(|word| u32::from_ne_bytes(*word)).collect()
}

/// Deterministic numbers between the ends.
pub fn spread(n: usize, low: f32, high: f32) -> Vec<f32> {
    (0..n).map(|i| low + (high - low) * (((i * 7919 + 13) % 9973) as f32 / 9973.0)).collect()
}

/// The values and then the state of four arrays after three steps of an optimizer.
pub fn optimizer_steps<B: Backend>(backend: &B, op: impl Fn(u64) -> OptimizerOp, slots: usize) -> Vec<Vec<f32>> {
    let lens = [5, 1500, 1, 64];
    let make = |len: usize, low, high| backend.upload(DType::F32, &bytes(&spread(len, low, high))).expect("upload");
    let mut values: Vec<B::Buffer> = lens.iter().map(|&len| make(len, -1.0, 1.0)).collect();
    let mut state: Vec<Vec<B::Buffer>> =
        lens.iter().map(|&len| (0..slots).map(|_| make(len, 0.0, 0.2)).collect()).collect();
    for step in 1..4 {
        let gradients: Vec<B::Buffer> = lens.iter().map(|&len| make(len, -0.5, 0.25 * step as f32)).collect();
        let layouts: Vec<Layout> = lens.iter().map(|&len| Layout::contiguous(&[len])).collect();
        let mut parameters: Vec<Parameter<'_, B::Buffer>> = values
            .iter_mut()
            .zip(&mut state)
            .zip(gradients.iter().zip(&layouts))
            .map(|((value, slots), (buffer, layout))| Parameter {
                value,
                slots: slots.iter_mut().collect(),
                gradient: View { buffer, layout, dtype: DType::F32 },
                decay: 0.01,
                learning_rate: 0.05,
            })
            .collect();
        backend.optimizer_step(&op(step), DType::F32, &mut parameters).expect("a step");
    }
    let all = values
        .iter()
        .chain(state.iter().flatten())
        .zip(lens.into_iter().chain(lens.into_iter().flat_map(|len| vec![len; slots])));
    all.map(|(buffer, len)| floats(&read(backend, buffer, len, DType::F32))).collect()
}
