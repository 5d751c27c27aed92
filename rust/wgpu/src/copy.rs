//! Moving elements: to and from the host, between layouts; and making them.

use corten_core::{DType, Layout, Result, Scalar};

use crate::{
    In,
    device::{Gpu, count},
    kernel::{Bind, Grid, Kernel, Parameters, Source, each_element, launch},
    memory::{Buffer, ELEMENT, alloc},
    stream,
    strided::Walk,
};

pub(crate) fn upload(gpu: &Gpu, dtype: DType, bytes: &[u8]) -> Result<Buffer> {
    gpu.check("to the GPU", dtype)?;
    let buffer = alloc(gpu, bytes.len() / dtype.size())?;
    if bytes.is_empty() {
        return Ok(buffer);
    }
    if dtype == DType::Bool {
        let words: Vec<u8> = bytes.iter().flat_map(|&byte| u32::from(byte != 0).to_ne_bytes()).collect();
        stream::write(gpu, buffer.ready()?, &words)?;
    } else {
        stream::write(gpu, buffer.ready()?, bytes)?;
    }
    count(&gpu.0.counters.uploads, 1);
    count(&gpu.0.counters.upload_bytes, buffer.len_bytes() as u64);
    Ok(buffer)
}

pub(crate) fn download(gpu: &Gpu, x: In<'_>, out: &mut [u8]) -> Result<()> {
    gpu.check("from the GPU", x.dtype)?;
    if x.layout.is_empty() {
        return gpu.alive();
    }
    let dense = Dense::new(gpu, x)?;
    let bytes = x.layout.len() as u64 * ELEMENT;
    let source = (&**dense.buffer().ready()?, dense.offset() as u64 * ELEMENT, bytes);
    stream::read(gpu, Some(source), &mut |found| {
        if x.dtype == DType::Bool {
            for (to, word) in out.iter_mut().zip(found.as_chunks::<4>().0) {
                *to = u8::from(u32::from_ne_bytes(*word) != 0);
            }
        } else {
            out.copy_from_slice(found);
        }
    })?;
    count(&gpu.0.counters.downloads, 1);
    count(&gpu.0.counters.download_bytes, bytes);
    Ok(())
}

/// Copies bits: whatever 32-bit type they are.
pub(crate) fn copy(gpu: &Gpu, x: In<'_>, out: &Buffer, layout: &Layout) -> Result<()> {
    gpu.check("copy", x.dtype)?;
    let len = x.layout.len();
    if len == 0 {
        return Ok(());
    }
    let walk = Walk::new("copy", &[x.layout, layout])?;
    let mut parameters = Parameters::new();
    let n = parameters.count(len);
    let words = walk.push(&mut parameters);
    let kernel = Kernel {
        name: "copy",
        key: &format!("copy {}", walk.key()),
        parameters: &parameters,
        bindings: &[Bind::read("x", x.buffer, "u32"), Bind::write("result", out, "u32")],
        grid: Grid::elements(len),
    };
    launch(gpu, &kernel, || Source::new(each_element(&n, &(walk.places(&words, "i", "at") + "result[at1] = x[at0];"))))
}

pub(crate) fn to_contiguous(gpu: &Gpu, x: In<'_>) -> Result<Buffer> {
    let out = alloc(gpu, x.layout.len())?;
    copy(gpu, x, &out, &Layout::contiguous(x.layout.shape()))?;
    Ok(out)
}

/// An operand whose elements lie row-major: where they are, or in a copy.
pub(crate) struct Dense<'a> {
    x: In<'a>,
    copied: Option<Buffer>,
}

impl<'a> Dense<'a> {
    pub(crate) fn new(gpu: &Gpu, x: In<'a>) -> Result<Self> {
        let copied = if x.layout.is_contiguous() { None } else { Some(to_contiguous(gpu, x)?) };
        Ok(Self { x, copied })
    }

    pub(crate) fn buffer(&self) -> &Buffer {
        self.copied.as_ref().unwrap_or(self.x.buffer)
    }

    pub(crate) fn len(&self) -> usize {
        self.x.layout.len()
    }

    /// The place of the first element.
    pub(crate) fn offset(&self) -> usize {
        if self.copied.is_some() || self.x.layout.is_empty() { 0 } else { self.x.layout.offset() }
    }
}

/// The bits of a number as an element of a dtype.
pub(crate) fn bits(dtype: DType, value: Scalar) -> u32 {
    match dtype {
        DType::F32 => value.to_element::<f32>().to_bits(),
        DType::I32 => value.to_element::<i32>().cast_unsigned(),
        DType::Bool => u32::from(value.to_element::<bool>()),
        // No other dtype passes `Gpu::check`.
        DType::U8
        | DType::U16
        | DType::U32
        | DType::U64
        | DType::I8
        | DType::I16
        | DType::I64
        | DType::BF16
        | DType::F16
        | DType::F64 => value.to_element::<u32>(),
    }
}

pub(crate) fn fill(gpu: &Gpu, dtype: DType, len: usize, value: Scalar) -> Result<Buffer> {
    gpu.check("full", dtype)?;
    fill_bits(gpu, len, bits(dtype, value))
}

pub(crate) fn fill_bits(gpu: &Gpu, len: usize, bits: u32) -> Result<Buffer> {
    let out = alloc(gpu, len)?;
    if len == 0 {
        return Ok(out);
    }
    let mut parameters = Parameters::new();
    let (n, value) = (parameters.count(len), parameters.bits(bits));
    let kernel = Kernel {
        name: "full",
        key: "full",
        parameters: &parameters,
        bindings: &[Bind::write("result", &out, "u32")],
        grid: Grid::elements(len),
    };
    launch(gpu, &kernel, || Source::new(each_element(&n, &format!("result[i] = {value};"))))?;
    Ok(out)
}

pub(crate) fn iota(gpu: &Gpu, dtype: DType, len: usize) -> Result<Buffer> {
    gpu.check("arange", dtype)?;
    let out = alloc(gpu, len)?;
    if len == 0 {
        return Ok(out);
    }
    let element = crate::elementwise::element(dtype);
    let value = if dtype == DType::Bool { "u32(i != 0u)".to_owned() } else { format!("{element}(i)") };
    let mut parameters = Parameters::new();
    let n = parameters.count(len);
    let kernel = Kernel {
        name: "arange",
        key: &format!("arange {dtype}"),
        parameters: &parameters,
        bindings: &[Bind::write("result", &out, element)],
        grid: Grid::elements(len),
    };
    launch(gpu, &kernel, || Source::new(each_element(&n, &format!("result[i] = {value};"))))?;
    Ok(out)
}
