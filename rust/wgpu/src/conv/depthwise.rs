//! Convolutions whose groups have one input channel each: a lane for each element, channels side by side.

use corten_core::{DType, Layout, ReduceOp, Result};

use crate::{
    In,
    copy::{Dense, fill_bits},
    device::Gpu,
    kernel::{Bind, Grid, Kernel, LANES, Parameters, Source, each_element, launch},
    memory::{Buffer, alloc},
    reduce::reduce,
    windows::{Geometry, split},
};

/// Channels of a workgroup of the weights' gradient.
const CHANNELS: usize = 32;
/// Positions that one lane adds up at least.
const RUN: usize = 64;
/// The most parts that the positions are cut into.
const PARTS: usize = 64;

pub(super) fn forward(gpu: &Gpu, geometry: &Geometry, x: &Dense<'_>, w: &Dense<'_>) -> Result<Buffer> {
    let len = geometry.outputs() * geometry.channels_out;
    let out = alloc(gpu, len)?;
    if len == 0 {
        return Ok(out);
    }
    let mut parameters = Parameters::new();
    let (n, of_x, of_w, each) = (
        parameters.count(len),
        parameters.count(x.offset()),
        parameters.count(w.offset()),
        parameters.count(geometry.channels_out / geometry.groups),
    );
    let words = geometry.push(&mut parameters);
    let kernel = Kernel {
        name: "conv",
        key: "depthwise",
        parameters: &parameters,
        bindings: &[
            Bind::read("x", x.buffer(), "f32"),
            Bind::read("w", w.buffer(), "f32"),
            Bind::write("result", &out, "f32"),
        ],
        grid: Grid::elements(len),
    };
    launch(gpu, &kernel, || {
        let (inner, outer) = (&words.channels_in, &words.channels_out);
        let visit = words
            .each_cell(&format!("sum += x[{of_x} + cell * {inner} + source] * w[{of_w} + tap * {outer} + channel];"));
        Source::new(each_element(
            &n,
            &format!(
                "let channel = i % {outer};\nlet source = channel / {each};\nlet position = i / {outer};\n{}var sum = 0.0;\n\
                 {visit}result[i] = sum;",
                split("position", &words.output, "o")
            ),
        ))
    })?;
    Ok(out)
}

pub(super) fn input_gradient(gpu: &Gpu, geometry: &Geometry, dy: &Dense<'_>, w: &Dense<'_>) -> Result<Buffer> {
    let len = geometry.inputs() * geometry.channels_in;
    if geometry.outputs() * geometry.channels_out == 0 {
        return fill_bits(gpu, len, 0);
    }
    let out = alloc(gpu, len)?;
    if len == 0 {
        return Ok(out);
    }
    let mut parameters = Parameters::new();
    let (n, of_dy, of_w, each) = (
        parameters.count(len),
        parameters.count(dy.offset()),
        parameters.count(w.offset()),
        parameters.count(geometry.channels_out / geometry.groups),
    );
    let words = geometry.push(&mut parameters);
    let kernel = Kernel {
        name: "conv_grad_input",
        key: "depthwise input",
        parameters: &parameters,
        bindings: &[
            Bind::read("dy", dy.buffer(), "f32"),
            Bind::read("w", w.buffer(), "f32"),
            Bind::write("result", &out, "f32"),
        ],
        grid: Grid::elements(len),
    };
    launch(gpu, &kernel, || {
        let (inner, outer) = (&words.channels_in, &words.channels_out);
        let visit = words.each_window(&format!(
            "for (var k = 0u; k < {each}; k++) {{\nlet to = channel * {each} + k;\n\
             sum += dy[{of_dy} + window * {outer} + to] * w[{of_w} + tap * {outer} + to];\n}}"
        ));
        Source::new(each_element(
            &n,
            &format!(
                "let channel = i % {inner};\nlet position = i / {inner};\n{}var sum = 0.0;\n{visit}result[i] = sum;",
                split("position", &words.input, "p")
            ),
        ))
    })?;
    Ok(out)
}

/// A workgroup adds up some positions for one tap and some channels; parts are added afterwards.
pub(super) fn weight_gradient(gpu: &Gpu, geometry: &Geometry, x: &Dense<'_>, dy: &Dense<'_>) -> Result<Buffer> {
    let (taps, channels, positions) = (geometry.taps(), geometry.channels_out, geometry.outputs());
    let len = taps * channels;
    if len == 0 || positions == 0 {
        return fill_bits(gpu, len, 0);
    }
    let slices = LANES / CHANNELS;
    let wanted = (positions / (slices * RUN)).clamp(1, PARTS);
    let part = positions.div_ceil(wanted);
    let parts = positions.div_ceil(part);
    let blocks = channels.div_ceil(CHANNELS);
    let groups = blocks * taps * parts;
    let out = alloc(gpu, parts * len)?;
    let mut parameters = Parameters::new();
    let [groups_word, blocks, taps, part, positions, of_x, of_dy, each] =
        [groups, blocks, taps, part, positions, x.offset(), dy.offset(), geometry.channels_out / geometry.groups]
            .map(|n| parameters.count(n));
    let words = geometry.push(&mut parameters);
    let kernel = Kernel {
        name: "conv_grad_weight",
        key: "depthwise weight",
        parameters: &parameters,
        bindings: &[
            Bind::read("x", x.buffer(), "f32"),
            Bind::read("dy", dy.buffer(), "f32"),
            Bind::write("result", &out, "f32"),
        ],
        grid: Grid::groups(groups),
    };
    launch(gpu, &kernel, || {
        let (inner, outer) = (&words.channels_in, &words.channels_out);
        let axis = |a: usize| {
            format!("let p{a} = o{a} * {} + t{a} * {} - {};\n", words.strides[a], words.dilation[a], words.before[a])
        };
        let mut body = format!(
            "let work = min(group, {groups_word} - 1u);\nlet channel = work % {blocks} * {CHANNELS}u + lane % {CHANNELS}u;\n\
             let tap = work / {blocks} % {taps};\nlet part = work / {blocks} / {taps};\nlet slice = lane / {CHANNELS}u;\n\
             let t2 = tap % {k2};\nlet t1 = tap / {k2} % {k1};\nlet t0 = tap / {k2} / {k1};\n\
             let end = min((part + 1u) * {part}, {positions});\nvar sum = 0.0;\nif channel < {outer} {{\n\
             for (var i = part * {part} + slice; i < end; i += {slices}u) {{\n{places}{a0}{a1}{a2}\
             if p0 < {n0} && p1 < {n1} && p2 < {n2} {{\nlet cell = ((image * {n0} + p0) * {n1} + p1) * {n2} + p2;\n\
             sum += x[{of_x} + cell * {inner} + channel / {each}] * dy[{of_dy} + i * {outer} + channel];\n}}\n}}\n}}\n\
             shared_totals[lane] = sum;\nworkgroupBarrier();\n",
            k1 = words.kernel[1],
            k2 = words.kernel[2],
            places = split("i", &words.output, "o"),
            a0 = axis(0),
            a1 = axis(1),
            a2 = axis(2),
            n0 = words.input[0],
            n1 = words.input[1],
            n2 = words.input[2],
        );
        let mut width = slices / 2;
        while width > 0 {
            body += &format!(
                "if slice < {width}u {{\nshared_totals[lane] += shared_totals[lane + {}u];\n}}\nworkgroupBarrier();\n",
                width * CHANNELS
            );
            width /= 2;
        }
        body += &format!(
            "if slice == 0u && channel < {outer} {{\nresult[(part * {taps} + tap) * {outer} + channel] = shared_totals[lane];\n}}"
        );
        Source::new(body).with(&format!("var<workgroup> shared_totals: array<f32, {LANES}>;\n"))
    })?;
    if parts == 1 {
        return Ok(out);
    }
    let layout = Layout::contiguous(&[parts, len]);
    reduce(gpu, ReduceOp::Sum, In { buffer: &out, layout: &layout, dtype: DType::F32 }, &[0])
}
