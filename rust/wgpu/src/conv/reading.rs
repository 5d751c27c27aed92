//! Images as operands of products: positions by taps and channels, or the other way round.

use crate::{
    copy::Dense,
    kernel::{Parameters, Word},
    memory::Buffer,
    product::{Place, Side},
    windows::Geometry,
};

/// How positions and taps of each axis meet: at `position * step + origin + tap * distance` of the image that is read.
pub(super) struct Axes {
    pub(super) positions: [usize; 3],
    pub(super) taps: [usize; 3],
    step: [isize; 3],
    origin: [isize; 3],
    distance: [isize; 3],
    /// Which taps of the kernel these are: `first_tap + tap * tap_step`.
    first_tap: [usize; 3],
    tap_step: [usize; 3],
}

fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

impl Axes {
    /// Output positions, which read the input.
    pub(super) fn of_outputs(geometry: &Geometry) -> Self {
        Self {
            positions: geometry.output,
            taps: geometry.kernel,
            step: geometry.strides.map(|n| n as isize),
            origin: geometry.before.map(|n| -(n as isize)),
            distance: geometry.dilation.map(|n| n as isize),
            first_tap: [0; 3],
            tap_step: [1; 3],
        }
    }

    /// Input positions `first + position * stride`, which are read by the output at
    /// `(first + before - tap * dilation) / stride + position`, where that is whole.
    pub(super) fn of_residue(geometry: &Geometry, first: [usize; 3]) -> Self {
        let mut axes = Self {
            positions: [0; 3],
            taps: [0; 3],
            step: [1; 3],
            origin: [0; 3],
            distance: [0; 3],
            first_tap: [0; 3],
            tap_step: [1; 3],
        };
        for (axis, &first) in first.iter().enumerate() {
            let (stride, dilation, taps) = (geometry.strides[axis], geometry.dilation[axis], geometry.kernel[axis]);
            let shift = first + geometry.before[axis];
            let offset = |tap: usize| shift as isize - (tap * dilation) as isize;
            axes.positions[axis] = (geometry.input[axis] - first).div_ceil(stride);
            let tap_step = stride / common_divisor(stride, dilation);
            let found = (0..taps.min(tap_step)).find(|&tap| offset(tap).rem_euclid(stride as isize) == 0);
            let Some(first_tap) = found else { continue };
            axes.taps[axis] = (taps - first_tap).div_ceil(tap_step);
            axes.first_tap[axis] = first_tap;
            axes.tap_step[axis] = tap_step;
            axes.origin[axis] = offset(first_tap).div_euclid(stride as isize);
            axes.distance[axis] = -((tap_step * dilation / stride) as isize);
        }
        axes
    }
}

/// An image as kernels read it.
pub(super) struct Reading {
    positions: [Word; 3],
    taps: [Word; 3],
    step: [Word; 3],
    origin: [Word; 3],
    distance: [Word; 3],
    extent: [Word; 3],
    /// Channels of a group, and of all.
    channels: Word,
    all: Word,
}

impl Reading {
    pub(super) fn new(
        parameters: &mut Parameters,
        axes: &Axes,
        extent: &[usize; 3],
        channels: usize,
        all: usize,
    ) -> Self {
        Self {
            positions: axes.positions.map(|n| parameters.count(n)),
            // Nothing is divided by zero, even where there are no taps.
            taps: axes.taps.map(|n| parameters.count(n.max(1))),
            step: axes.step.map(|n| parameters.stride(n)),
            origin: axes.origin.map(|n| parameters.stride(n)),
            distance: axes.distance.map(|n| parameters.stride(n)),
            extent: extent.map(|n| parameters.count(n)),
            channels: parameters.count(channels.max(1)),
            all: parameters.count(all),
        }
    }

    /// Functions `of_position`, `of_tap` (each gives the first element and three coordinates) and the place of both.
    fn text(&self, name: &str, offset: &Word) -> String {
        let Self { positions, taps, step, origin, distance, extent, channels, all } = self;
        format!(
            "fn {name}_position(batch: u32, i: u32) -> vec4<u32> {{\nlet p2 = i % {p2};\n\
             let p1 = i / {p2} % {p1};\nlet rest = i / {p2} / {p1};\nlet p0 = rest % {p0};\n\
             let image = rest / {p0} * {e0} * {e1} * {e2} * {all};\n\
             return vec4<u32>(image + batch * {channels}, p0 * {s0} + {o0}, p1 * {s1} + {o1}, p2 * {s2} + {o2});\n}}\n\
             fn {name}_tap(batch: u32, j: u32) -> vec4<u32> {{\nlet channel = j % {channels};\nlet tap = j / {channels};\n\
             let t2 = tap % {t2};\nlet t1 = tap / {t2} % {t1};\nlet t0 = tap / {t2} / {t1};\n\
             return vec4<u32>(channel + batch * {channels}, t0 * {d0}, t1 * {d1}, t2 * {d2});\n}}\n\
             fn {name}_place(line: vec4<u32>, depth: vec4<u32>) -> u32 {{\nlet at = line + depth;\n\
             if at.y >= {e0} || at.z >= {e1} || at.w >= {e2} {{\nreturn 0xffffffffu;\n}}\n\
             return {offset} + at.x + ((at.y * {e1} + at.z) * {e2} + at.w) * {all};\n}}\n",
            p0 = positions[0],
            p1 = positions[1],
            p2 = positions[2],
            t1 = taps[1],
            t2 = taps[2],
            s0 = step[0],
            s1 = step[1],
            s2 = step[2],
            o0 = origin[0],
            o1 = origin[1],
            o2 = origin[2],
            d0 = distance[0],
            d1 = distance[1],
            d2 = distance[2],
            e0 = extent[0],
            e1 = extent[1],
            e2 = extent[2],
        )
    }

    /// Lines are positions, the depth is taps and their channels.
    pub(super) fn positions_by_taps(self, buffer: &Buffer, offset: Word) -> Side<'_> {
        Side {
            buffer,
            along_lines: false,
            fours: false,
            state: "vec4<u32>",
            key: "positions".to_owned(),
            text: Box::new(move |name| {
                format!(
                    "{}fn {name}_line(batch: u32, line: u32) -> vec4<u32> {{\nreturn {name}_position(batch, line);\n}}\n\
                     fn {name}_depth(k: u32) -> vec4<u32> {{\nreturn {name}_tap(0u, k);\n}}\n",
                    self.text(name, &offset)
                )
            }),
        }
    }

    /// Lines are taps and their channels, the depth is positions.
    pub(super) fn taps_by_positions(self, buffer: &Buffer, offset: Word, fours: bool) -> Side<'_> {
        Side {
            buffer,
            along_lines: true,
            fours,
            state: "vec4<u32>",
            key: format!("taps{fours}"),
            text: Box::new(move |name| {
                format!(
                    "{}fn {name}_line(batch: u32, line: u32) -> vec4<u32> {{\nreturn {name}_tap(batch, line);\n}}\n\
                     fn {name}_depth(k: u32) -> vec4<u32> {{\nreturn {name}_position(0u, k);\n}}\n",
                    self.text(name, &offset)
                )
            }),
        }
    }
}

/// The weights of some taps: lines are input channels, the depth is taps and output channels.
pub(super) fn taps_of_weights<'a>(
    parameters: &mut Parameters,
    geometry: &Geometry,
    axes: &Axes,
    w: &'a Dense<'_>,
) -> Side<'a> {
    let (columns, inner) = (geometry.channels_in / geometry.groups, geometry.channels_out / geometry.groups);
    let taps = axes.taps.map(|n| parameters.count(n.max(1)));
    let kernel = geometry.kernel.map(|n| parameters.count(n));
    let first = axes.first_tap.map(|n| parameters.count(n));
    let step = axes.tap_step.map(|n| parameters.count(n));
    let (offset, columns, inner, all) = (
        parameters.count(w.offset()),
        parameters.count(columns),
        parameters.count(inner.max(1)),
        parameters.count(geometry.channels_out),
    );
    Side {
        buffer: w.buffer(),
        along_lines: false,
        fours: false,
        state: "u32",
        key: "weights".to_owned(),
        text: Box::new(move |name| {
            format!(
                "fn {name}_line(batch: u32, line: u32) -> u32 {{\nreturn {offset} + line * {all} + batch * {inner};\n}}\n\
                 fn {name}_depth(k: u32) -> u32 {{\nlet tap = k / {inner};\nlet t2 = tap % {n2} * {s2} + {f2};\n\
                 let t1 = tap / {n2} % {n1} * {s1} + {f1};\nlet t0 = tap / {n2} / {n1} * {s0} + {f0};\n\
                 return ((t0 * {k1} + t1) * {k2} + t2) * {columns} * {all} + k % {inner};\n}}\n\
                 fn {name}_place(line: u32, depth: u32) -> u32 {{\nreturn line + depth;\n}}\n",
                n1 = taps[1],
                n2 = taps[2],
                k1 = kernel[1],
                k2 = kernel[2],
                f0 = first[0],
                f1 = first[1],
                f2 = first[2],
                s0 = step[0],
                s1 = step[1],
                s2 = step[2],
            )
        }),
    }
}

/// Rows are input positions of one residue by the strides.
pub(super) fn strided_positions(
    parameters: &mut Parameters,
    geometry: &Geometry,
    axes: &Axes,
    first: [usize; 3],
) -> Place<'static> {
    let positions = axes.positions.map(|n| parameters.count(n));
    let input = geometry.input.map(|n| parameters.count(n));
    let strides = geometry.strides.map(|n| parameters.count(n));
    let first = first.map(|n| parameters.count(n));
    let columns = parameters.count(geometry.channels_in / geometry.groups);
    let all = parameters.count(geometry.channels_in);
    Place {
        key: "residue",
        text: Box::new(move || {
            format!(
                "let p2 = row % {q2} * {s2} + {f2};\nlet p1 = row / {q2} % {q1} * {s1} + {f1};\nlet rest = row / {q2} / {q1};\n\
                 let p0 = rest % {q0} * {s0} + {f0};\n\
                 return (((rest / {q0} * {i0} + p0) * {i1} + p1) * {i2} + p2) * {all} + batch * {columns} + column;",
                q0 = positions[0],
                q1 = positions[1],
                q2 = positions[2],
                i0 = input[0],
                i1 = input[1],
                i2 = input[2],
                s0 = strides[0],
                s1 = strides[1],
                s2 = strides[2],
                f0 = first[0],
                f1 = first[1],
                f2 = first[2],
            )
        }),
    }
}
