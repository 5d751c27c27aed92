//! Dropout. Whether an element is kept depends on the key and its position alone, as on the CPU, so the gradient draws
//! the same mask again.

use corten_core::{DropoutSpec, Result};

use crate::{
    In,
    copy::Dense,
    device::Gpu,
    kernel::{Bind, Grid, Kernel, Parameters, Source, Word, each_element, launch},
    memory::{Buffer, alloc},
};

/// The numbers of a dropout among a kernel's parameters.
pub(super) struct Words {
    /// The least uniform number of a kept element.
    pub(super) least: Word,
    /// What those are multiplied by.
    pub(super) scale: Word,
    seed: [Word; 2],
    stream: [Word; 2],
}

impl Words {
    pub(super) fn push(parameters: &mut Parameters, DropoutSpec { rate, key }: DropoutSpec) -> Self {
        // Kept are elements whose uniform number in [0, 1), `n / 2^24` as float32, is at least the rate.
        let least = (f64::from(rate as f32) * f64::from(1u32 << 24)).ceil() as u32;
        let mut halves = |word: u64| [word, word >> 32].map(|half| parameters.bits(half as u32));
        let (seed, stream) = (halves(key.seed), halves(key.stream));
        Self { least: parameters.bits(least), scale: parameters.float(1.0 / (1.0 - rate)), seed, stream }
    }

    /// The words of four elements: `draw` and `high` are the halves of a quarter of the first one's place.
    pub(super) fn draw(&self, draw: &str, high: &str) -> String {
        let ([seed_low, seed_high], [stream_low, stream_high]) = (&self.seed, &self.stream);
        format!("k_philox(vec4<u32>({draw}, {high}, {stream_low}, {stream_high}), vec2<u32>({seed_low}, {seed_high}))")
    }
}

pub(super) fn apply(gpu: &Gpu, x: In<'_>, spec: DropoutSpec) -> Result<Buffer> {
    let len = x.layout.len();
    let out = alloc(gpu, len)?;
    if len == 0 {
        return Ok(out);
    }
    let x = Dense::new(gpu, x)?;
    // One draw gives the words of four elements.
    let draws = len.div_ceil(4);
    let mut parameters = Parameters::new();
    let (n, total, offset) = (parameters.count(draws), parameters.count(len), parameters.count(x.offset()));
    let words = Words::push(&mut parameters, spec);
    let kernel = Kernel {
        name: "dropout",
        key: "dropout",
        parameters: &parameters,
        bindings: &[Bind::read("x", x.buffer(), "f32"), Bind::write("result", &out, "f32")],
        grid: Grid::elements(draws),
    };
    launch(gpu, &kernel, || {
        let Words { least, scale, .. } = &words;
        Source::new(each_element(
            &n,
            &format!(
                "let words = {};\n\
                 for (var k = 0u; k < 4u; k++) {{\nlet at = i * 4u + k;\nif at < {total} {{\n\
                 result[at] = select(0.0, x[{offset} + at] * {scale}, (words[k] >> 8u) >= {least});\n}}\n}}",
                words.draw("i", "0u")
            ),
        ))
    })?;
    Ok(out)
}
