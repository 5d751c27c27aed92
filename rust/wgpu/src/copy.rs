//! Moving elements: to and from the host, between layouts; and making them.

use corten_core::{DType, Layout, Result, Scalar};

use crate::{
    In,
    device::{Gpu, count},
    elementwise::element,
    half::arithmetic,
    kernel::{Bind, Grid, Kernel, Parameters, Source, each_element, launch},
    memory::{Buffer, alloc, alloc_like, alloc_of},
    stream,
    strided::Walk,
};

/// Bytes that are moved to and from the host at once.
const WORD: usize = 4;

pub(crate) fn upload(gpu: &Gpu, dtype: DType, bytes: &[u8]) -> Result<Buffer> {
    gpu.check("to the GPU", dtype)?;
    let buffer = alloc_of(gpu, dtype, bytes.len() / dtype.size())?;
    if bytes.is_empty() {
        return Ok(buffer);
    }
    if dtype == DType::Bool {
        let words: Vec<u8> = bytes.iter().flat_map(|&byte| u32::from(byte != 0).to_ne_bytes()).collect();
        stream::write(gpu, buffer.ready()?, &words)?;
    } else if !bytes.len().is_multiple_of(WORD) {
        let mut words = bytes.to_vec();
        words.resize(bytes.len().next_multiple_of(WORD), 0);
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
    let mut dense = Dense::new(gpu, x)?;
    let size = x.buffer.element_bytes();
    if !(dense.offset() * size).is_multiple_of(WORD) {
        dense = Dense::copied(gpu, x)?;
    }
    let bytes = x.layout.len() * size;
    let source = (&**dense.buffer().ready()?, (dense.offset() * size) as u64, bytes.next_multiple_of(WORD) as u64);
    stream::read(gpu, Some(source), &mut |found| {
        if x.dtype == DType::Bool {
            for (to, word) in out.iter_mut().zip(found.as_chunks::<4>().0) {
                *to = u8::from(u32::from_ne_bytes(*word) != 0);
            }
        } else {
            out.copy_from_slice(&found[..bytes]);
        }
    })?;
    count(&gpu.0.counters.downloads, 1);
    count(&gpu.0.counters.download_bytes, bytes as u64);
    Ok(())
}

/// Copies elements of any dtype into an array of the same, and between float16 and float32.
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
    let kind = if x.buffer.is_half() || out.is_half() { "f32" } else { "u32" };
    let kernel = Kernel {
        name: "copy",
        key: &format!("copy {}", walk.key()),
        parameters: &parameters,
        bindings: &[Bind::read("x", x.buffer, kind), Bind::write("result", out, kind)],
        grid: Grid::elements(len),
    };
    launch(gpu, &kernel, || Source::new(each_element(&n, &(walk.places(&words, "i", "at") + "result[at1] = x[at0];"))))
}

pub(crate) fn to_contiguous(gpu: &Gpu, x: In<'_>) -> Result<Buffer> {
    let out = alloc_like(gpu, x.buffer, x.layout.len())?;
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
        if x.layout.is_contiguous() { Ok(Self { x, copied: None }) } else { Self::copied(gpu, x) }
    }

    fn copied(gpu: &Gpu, x: In<'a>) -> Result<Self> {
        Ok(Self { x, copied: Some(to_contiguous(gpu, x)?) })
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
    fill_with(gpu, alloc_of(gpu, dtype, len)?, bits(arithmetic(dtype), value))
}

/// Words with these bits.
pub(crate) fn fill_bits(gpu: &Gpu, len: usize, bits: u32) -> Result<Buffer> {
    fill_with(gpu, alloc(gpu, len)?, bits)
}

/// Fills an array with the number that has these bits as a word.
fn fill_with(gpu: &Gpu, out: Buffer, bits: u32) -> Result<Buffer> {
    let len = out.elements();
    if len == 0 {
        return Ok(out);
    }
    let mut parameters = Parameters::new();
    let (n, value) = (parameters.count(len), parameters.bits(bits));
    let kernel = Kernel {
        name: "full",
        key: "full",
        parameters: &parameters,
        bindings: &[Bind::write("result", &out, out.moved())],
        grid: Grid::elements(len),
    };
    let number = if out.is_half() { format!("bitcast<f32>({value})") } else { value.to_string() };
    launch(gpu, &kernel, || Source::new(each_element(&n, &format!("result[i] = {number};"))))?;
    Ok(out)
}

pub(crate) fn iota(gpu: &Gpu, dtype: DType, len: usize) -> Result<Buffer> {
    gpu.check("arange", dtype)?;
    let out = alloc_of(gpu, dtype, len)?;
    if len == 0 {
        return Ok(out);
    }
    let element = element(arithmetic(dtype));
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
