//! Operands in every layout a backend may be handed.

use corten_core::{Backend, DType, Element, Layout, Range, View, with_dtype};

/// Values on a device with the layout they are read through.
#[derive(Debug)]
pub struct Operand<B: Backend> {
    buffer: B::Buffer,
    layout: Layout,
    dtype: DType,
    /// What the backend holds, widened.
    memory: Vec<f64>,
    pub name: String,
}

/// Deterministic numbers in `[low, high)`; whole ones for integers.
pub(crate) fn numbers(n: usize, low: f64, high: f64, salt: usize) -> Vec<f64> {
    (0..n).map(|i| low + (high - low) * (((i * 7919 + salt * 104_729 + 13) % 9973) as f64 / 9973.0)).collect()
}

fn to_bytes(values: &[f64], dtype: DType) -> (Vec<u8>, Vec<f64>) {
    with_dtype!(dtype, T => {
        let typed: Vec<T> = values.iter().map(|&value| T::from_f64(value)).collect();
        let wide = typed.iter().map(|value| value.to_f64()).collect();
        let mut bytes = Vec::with_capacity(values.len() * dtype.size());
        for value in &typed {
            bytes.extend_from_slice(&element_bytes(*value)[..dtype.size()]);
        }
        (bytes, wide)
    })
}

/// The bytes of one element, in memory order, by its widened value: exact for every dtype used here.
fn element_bytes<T: Element>(value: T) -> [u8; 8] {
    let mut out = [0; 8];
    match T::DTYPE {
        DType::Bool | DType::U8 => out[0] = value.to_i64() as u8,
        DType::I8 => out[0] = (value.to_i64() as i8).to_ne_bytes()[0],
        DType::U16 => out[..2].copy_from_slice(&(value.to_i64() as u16).to_ne_bytes()),
        DType::I16 => out[..2].copy_from_slice(&(value.to_i64() as i16).to_ne_bytes()),
        DType::F16 => out[..2].copy_from_slice(&half::f16::from_f64(value.to_f64()).to_ne_bytes()),
        DType::BF16 => out[..2].copy_from_slice(&half::bf16::from_f64(value.to_f64()).to_ne_bytes()),
        DType::U32 => out[..4].copy_from_slice(&(value.to_i64() as u32).to_ne_bytes()),
        DType::I32 => out[..4].copy_from_slice(&(value.to_i64() as i32).to_ne_bytes()),
        DType::F32 => out[..4].copy_from_slice(&(value.to_f64() as f32).to_ne_bytes()),
        DType::U64 => out.copy_from_slice(&(value.to_i64() as u64).to_ne_bytes()),
        DType::I64 => out.copy_from_slice(&value.to_i64().to_ne_bytes()),
        DType::F64 => out.copy_from_slice(&value.to_f64().to_ne_bytes()),
    }
    out
}

fn from_bytes(bytes: &[u8], dtype: DType) -> Vec<f64> {
    bytes
        .chunks_exact(dtype.size())
        .map(|chunk| {
            let mut word = [0u8; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            let half = u16::from_ne_bytes([word[0], word[1]]);
            let single = [word[0], word[1], word[2], word[3]];
            match dtype {
                DType::Bool | DType::U8 => f64::from(word[0]),
                DType::I8 => f64::from(i8::from_ne_bytes([word[0]])),
                DType::U16 => f64::from(half),
                DType::I16 => f64::from(half.cast_signed()),
                DType::F16 => half::f16::from_bits(half).to_f64(),
                DType::BF16 => half::bf16::from_bits(half).to_f64(),
                DType::U32 => f64::from(u32::from_ne_bytes(single)),
                DType::I32 => f64::from(i32::from_ne_bytes(single)),
                DType::F32 => f64::from(f32::from_ne_bytes(single)),
                DType::U64 => u64::from_ne_bytes(word) as f64,
                DType::I64 => i64::from_ne_bytes(word) as f64,
                DType::F64 => f64::from_ne_bytes(word),
            }
        })
        .collect()
}

impl<B: Backend> Operand<B> {
    /// These values read through a layout.
    pub fn new(backend: &B, name: &str, values: &[f64], layout: Layout, dtype: DType) -> Self {
        let (bytes, memory) = to_bytes(values, dtype);
        let buffer = backend.upload(dtype, &bytes).expect("upload");
        Self { buffer, layout, dtype, memory, name: name.to_owned() }
    }

    /// Row-major values.
    pub fn contiguous(backend: &B, values: &[f64], shape: &[usize], dtype: DType) -> Self {
        Self::new(backend, "contiguous", values, Layout::contiguous(shape), dtype)
    }

    pub fn view(&self) -> View<'_, B::Buffer> {
        View { buffer: &self.buffer, layout: &self.layout, dtype: self.dtype }
    }

    pub fn shape(&self) -> &[usize] {
        self.layout.shape()
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The elements in row-major order.
    pub fn values(&self) -> Vec<f64> {
        let mut out = Vec::with_capacity(self.layout.len());
        let mut at = vec![0usize; self.layout.rank()];
        for _ in 0..self.layout.len() {
            let place: isize = self.layout.offset() as isize
                + at.iter().zip(self.layout.strides()).map(|(&i, &stride)| i as isize * stride).sum::<isize>();
            out.push(self.memory[place as usize]);
            for axis in (0..at.len()).rev() {
                at[axis] += 1;
                if at[axis] < self.layout.shape()[axis] {
                    break;
                }
                at[axis] = 0;
            }
        }
        out
    }
}

/// A buffer of `len` row-major elements, widened.
pub(crate) fn read<B: Backend>(backend: &B, buffer: &B::Buffer, shape: &[usize], dtype: DType) -> Vec<f64> {
    let layout = Layout::contiguous(shape);
    let mut bytes = vec![0; layout.len() * dtype.size()];
    backend.download(View { buffer, layout: &layout, dtype }, &mut bytes).expect("download");
    from_bytes(&bytes, dtype)
}

/// One shape, (3, 4) or what it can be, in every layout.
pub(crate) fn layouts<B: Backend>(backend: &B, dtype: DType, low: f64, high: f64, salt: usize) -> Vec<Operand<B>> {
    let whole = |start, step, len| Range { start, step, len };
    let make =
        |name: &str, n: usize, layout: Layout| Operand::new(backend, name, &numbers(n, low, high, salt), layout, dtype);
    vec![
        make("contiguous", 12, Layout::contiguous(&[3, 4])),
        make("transposed", 12, Layout::contiguous(&[4, 3]).permute(&[1, 0])),
        make("stepped", 48, Layout::contiguous(&[6, 8]).slice(&[whole(1, 2, 3), whole(0, 2, 4)])),
        make("flipped", 12, Layout::contiguous(&[3, 4]).slice(&[whole(2, -1, 3), whole(3, -1, 4)])),
        make("rows repeated", 4, Layout::contiguous(&[4]).expand(&[3, 4])),
        make("columns repeated", 3, Layout::contiguous(&[3, 1]).expand(&[3, 4])),
        make("one value", 1, Layout::contiguous(&[]).expand(&[3, 4])),
    ]
}

/// Compares element by element; NaN equals NaN.
pub(crate) fn assert_close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}: number of elements");
    for (i, (&a, &b)) in found.iter().zip(expected).enumerate() {
        let same = (a.is_nan() && b.is_nan()) || a == b || (a - b).abs() <= tolerance * (1.0 + b.abs());
        assert!(same, "{what}: element {i} is {a}, the reference gives {b}");
    }
}

/// What rounding allows.
pub(crate) fn tolerance(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => 1e-12,
        DType::F32 => 2e-6,
        DType::F16 => 2e-3,
        DType::BF16 => 1.6e-2,
        DType::Bool
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::U64
        | DType::I8
        | DType::I16
        | DType::I32
        | DType::I64 => 0.0,
    }
}
