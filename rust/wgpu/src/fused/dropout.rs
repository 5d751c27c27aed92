//! Dropout. Whether an element is kept depends on the key and its position alone, as on the CPU, so the gradient draws
//! the same mask again.

use corten_core::{Key, Result};

use crate::{
    In,
    copy::Dense,
    device::Gpu,
    kernel::{Bind, Grid, Kernel, Parameters, Source, each_element, launch},
    memory::{Buffer, alloc},
};

pub(super) fn apply(gpu: &Gpu, x: In<'_>, rate: f64, key: Key) -> Result<Buffer> {
    let len = x.layout.len();
    let out = alloc(gpu, len)?;
    if len == 0 {
        return Ok(out);
    }
    let x = Dense::new(gpu, x)?;
    // One draw gives the words of four elements.
    let draws = len.div_ceil(4);
    // Kept are elements whose uniform number in [0, 1), `n / 2^24` as float32, is at least the rate.
    let least = (f64::from(rate as f32) * f64::from(1u32 << 24)).ceil() as u32;
    let mut parameters = Parameters::new();
    let (n, total, offset) = (parameters.count(draws), parameters.count(len), parameters.count(x.offset()));
    let (least, scale) = (parameters.bits(least), parameters.float(1.0 / (1.0 - rate)));
    let [seed_low, seed_high, stream_low, stream_high] =
        [key.seed, key.seed >> 32, key.stream, key.stream >> 32].map(|word| parameters.bits(word as u32));
    let kernel = Kernel {
        name: "dropout",
        key: "dropout",
        parameters: &parameters,
        bindings: &[Bind::read("x", x.buffer(), "f32"), Bind::write("result", &out, "f32")],
        grid: Grid::elements(draws),
    };
    launch(gpu, &kernel, || {
        Source::new(each_element(
            &n,
            &format!(
                "let words = k_philox(vec4<u32>(i, 0u, {stream_low}, {stream_high}), vec2<u32>({seed_low}, {seed_high}));\n\
                 for (var k = 0u; k < 4u; k++) {{\nlet at = i * 4u + k;\nif at < {total} {{\n\
                 result[at] = select(0.0, x[{offset} + at] * {scale}, (words[k] >> 8u) >= {least});\n}}\n}}"
            ),
        ))
    })?;
    Ok(out)
}
