//! float16: two bytes an element in memory, float32 in every kernel.
//!
//! A kernel names an array `x` and reads `x[i]` as float32. Where the array holds float16, [`converted`] puts the
//! conversions around each reading and writing, so that all kernels take such arrays as they are; they write with `x[i] =
//! value;`, and another form does not compile. Ops compute in float32 and round once, to their result, as on the CPU.

use std::collections::HashMap;

use corten_core::{DType, Layout, Result};

use crate::{
    In,
    device::Gpu,
    elementwise::cast,
    join::words,
    memory::{Buffer, alloc_of},
};

/// The type of float16 in shaders.
pub(crate) const HALF: &str = "f16";

/// What arrays of float16 hold where a kernel asks for these elements; `None` if it cannot read them so.
pub(crate) fn halved(element: &str) -> Option<&'static str> {
    match element {
        "f32" | HALF => Some(HALF),
        "vec4<f32>" => Some("vec4<f16>"),
        _ => None,
    }
}

/// What a kernel computes with where an array holds these elements; `None` if it takes them as they are.
pub(crate) fn widened(element: &str) -> Option<&'static str> {
    match element {
        HALF => Some("f32"),
        "vec4<f16>" => Some("vec4<f32>"),
        _ => None,
    }
}

/// The text with conversions where it reads and writes the arrays of float16, which are given by name.
pub(crate) fn converted(text: &str, arrays: &HashMap<&str, &'static str>) -> String {
    let mut result = String::with_capacity(text.len() + 256);
    let mut copied = 0;
    for (start, word) in words(text) {
        let Some(wide) = arrays.get(word).and_then(|element| widened(element)) else { continue };
        let open = start + word.len();
        if start < copied || !text[open..].starts_with('[') {
            continue;
        }
        let close = open + closing(&text[open..]);
        let place = converted(&text[open + 1..close], arrays);
        result += &text[copied..start];
        copied = close + 1;
        if let Some(value) = text[copied..].strip_prefix(" = ") {
            let end = value.find(';').unwrap_or(value.len());
            result += &format!("{word}[{place}] = f16(k_half({}))", converted(&value[..end], arrays));
            copied += " = ".len() + end;
        } else {
            result += &format!("{wide}({word}[{place}])");
        }
    }
    result + &text[copied..]
}

/// Where the bracket closes that a text begins with.
fn closing(text: &str) -> usize {
    let mut depth = 0;
    text.bytes()
        .position(|byte| {
            match byte {
                b'[' => depth += 1,
                b']' => depth -= 1,
                _ => {}
            }
            depth == 0
        })
        .unwrap_or(text.len() - 1)
}

/// The dtype that kernels compute in.
pub(crate) const fn arithmetic(dtype: DType) -> DType {
    if matches!(dtype, DType::F16) { DType::F32 } else { dtype }
}

/// The operand as kernels see it.
pub(crate) const fn wide(x: In<'_>) -> In<'_> {
    In { dtype: arithmetic(x.dtype), ..x }
}

/// What a kernel made, in the dtype of the op's result.
pub(crate) fn narrow(gpu: &Gpu, dtype: DType, made: Buffer) -> Result<Buffer> {
    if dtype != DType::F16 || made.is_half() {
        return Ok(made);
    }
    let len = made.elements();
    if len == 0 {
        return alloc_of(gpu, dtype, 0);
    }
    cast(gpu, In { buffer: &made, layout: &Layout::contiguous(&[len]), dtype: DType::F32 }, dtype)
}

/// An operand for kernels that move bits: float16 as float32, in memory of its own.
pub(crate) struct Widened<'a> {
    x: In<'a>,
    made: Option<(Buffer, Layout)>,
}

impl<'a> Widened<'a> {
    pub(crate) fn new(gpu: &Gpu, x: In<'a>) -> Result<Self> {
        if x.dtype != DType::F16 {
            return Ok(Self { x, made: None });
        }
        Ok(Self { x, made: Some((cast(gpu, x, DType::F32)?, Layout::contiguous(x.layout.shape()))) })
    }

    pub(crate) fn view(&self) -> In<'_> {
        self.made.as_ref().map_or(self.x, |(buffer, layout)| In { buffer, layout, dtype: DType::F32 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_and_writings_are_converted() {
        let arrays = HashMap::from([("a", "vec4<f16>"), ("r0", "f16")]);
        assert_eq!(
            converted("let l = a[at[i] / 4u].x + b[2u];\nr0[i] = l + r0[i + 1u];\nif r0[0] == 1.0 {}", &arrays),
            "let l = vec4<f32>(a[at[i] / 4u]).x + b[2u];\nr0[i] = f16(k_half(l + f32(r0[i + 1u])));\nif f32(r0[0]) == 1.0 {}"
        );
        assert_eq!(converted("r0[u32(r0[1])] = v;", &arrays), "r0[u32(f32(r0[1]))] = f16(k_half(v));");
    }
}
