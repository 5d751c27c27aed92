//! Random numbers: the CPU's counters, so the same bits; normal numbers agree to within float32's rounding.

use corten_core::{DType, Distribution, Error, Key, Result};

use crate::{
    In,
    device::Gpu,
    elementwise::element,
    kernel::{Bind, Grid, Kernel, Parameters, Source, Word, each_element, launch},
    memory::{Buffer, alloc},
    strided::Walk,
};

/// (seed, stream) as kernels read them, low words first.
fn key_words(parameters: &mut Parameters, key: Key) -> [Word; 4] {
    [key.seed, key.seed >> 32, key.stream, key.stream >> 32].map(|word| parameters.bits(word as u32))
}

/// `len` elements of a distribution.
pub(crate) fn random(gpu: &Gpu, distribution: Distribution, dtype: DType, len: usize, key: Key) -> Result<Buffer> {
    gpu.check("random", dtype)?;
    let refused = || Err(Error::dtype(format!("random: {distribution:?} is not drawn as {dtype}")));
    // What becomes of each word, or of each pair of words.
    let (name, per_word) = match (distribution, dtype) {
        (Distribution::Bits, DType::U32) => ("bits", Some("word")),
        (Distribution::Uniform, DType::F32) => ("uniform", Some("k_uniform(word)")),
        (Distribution::Normal, DType::F32) => ("normal", Some("k_normal_quantile(k_centered(word))")),
        (Distribution::TruncatedNormal, DType::F32) => {
            ("truncated_normal", Some("k_truncated_quantile(k_centered(word))"))
        }
        (Distribution::Integers { .. }, DType::I32 | DType::U32) => ("integers", None),
        _ => return refused(),
    };
    let out = alloc(gpu, len)?;
    if len == 0 {
        return Ok(out);
    }
    let per_call = if per_word.is_some() { 4 } else { 2 };
    let calls = len.div_ceil(per_call);
    let mut parameters = Parameters::new();
    let (n, total) = (parameters.count(calls), parameters.count(len));
    let [seed_low, seed_high, stream_low, stream_high] = key_words(&mut parameters, key);
    let (low, width) = match distribution {
        Distribution::Integers { low, high } => (low, high.wrapping_sub(low) as u64),
        Distribution::Bits | Distribution::Uniform | Distribution::Normal | Distribution::TruncatedNormal => (0, 0),
    };
    let [low, width_low, width_high] = [low as u64, width, width >> 32].map(|word| parameters.bits(word as u32));
    let kind = element(dtype);
    let kernel = Kernel {
        name: "random",
        key: &format!("random {name}"),
        parameters: &parameters,
        bindings: &[Bind::write("result", &out, kind)],
        grid: Grid::elements(calls),
    };
    launch(gpu, &kernel, || {
        let mut text = format!(
            "let words = k_philox(vec4<u32>(i, 0u, {stream_low}, {stream_high}), vec2<u32>({seed_low}, {seed_high}));\n"
        );
        if let Some(make) = per_word {
            text += &format!(
                "for (var k = 0u; k < 4u; k++) {{\nlet at = i * 4u + k;\nif at < {total} {{\nlet word = words[k];\n\
                 result[at] = {make};\n}}\n}}"
            );
        } else {
            text += &format!(
                "for (var k = 0u; k < 2u; k++) {{\nlet at = i * 2u + k;\nif at < {total} {{\n\
                 let word = vec2<u32>(words[k * 2u + 1u], words[k * 2u]);\n\
                 result[at] = bitcast<{kind}>(k_below(word, vec2<u32>({width_low}, {width_high}), {low}));\n}}\n}}"
            );
        }
        Source::new(each_element(&n, &text))
    })?;
    Ok(out)
}

/// Gamma(alpha, 1) samples, one per element of `alpha`.
pub(crate) fn random_gamma(gpu: &Gpu, alpha: In<'_>, key: Key) -> Result<Buffer> {
    gpu.check("random_gamma", alpha.dtype)?;
    if alpha.dtype != DType::F32 {
        return Err(Error::dtype(format!("random_gamma: a float dtype is needed; got {}", alpha.dtype)));
    }
    let len = alpha.layout.len();
    let out = alloc(gpu, len)?;
    if len == 0 {
        return Ok(out);
    }
    let walk = Walk::new("random_gamma", &[alpha.layout])?;
    let mut parameters = Parameters::new();
    let n = parameters.count(len);
    let [seed_low, seed_high, stream_low, stream_high] = key_words(&mut parameters, key);
    let words = walk.push(&mut parameters);
    let kernel = Kernel {
        name: "random_gamma",
        key: &format!("random gamma {}", walk.key()),
        parameters: &parameters,
        bindings: &[Bind::read("alpha", alpha.buffer, "f32"), Bind::write("result", &out, "f32")],
        grid: Grid::elements(len),
    };
    launch(gpu, &kernel, || {
        Source::new(each_element(
            &n,
            &format!(
                "{}result[i] = k_gamma(alpha[at0], i, vec2<u32>({stream_low}, {stream_high}), vec2<u32>({seed_low}, {seed_high}));",
                walk.places(&words, "i", "at")
            ),
        ))
    })?;
    Ok(out)
}
