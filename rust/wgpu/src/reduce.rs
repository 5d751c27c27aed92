//! Reductions.
//!
//! Each result is made by a team of lanes: one lane for few elements or where results lie side by side, 32 or 256 of
//! one workgroup for many that lie side by side. A lane adds up blocks of 32 elements, then the blocks; the lanes
//! combine in a tree. Where there are too few results to fill the device, the reduced elements are cut into segments whose results a
//! second pass combines. The order depends on the shape alone.

use corten_core::{ArgReduceOp, DType, Error, Layout, ReduceOp, Result};

use crate::{
    In,
    copy::{bits, fill_bits, to_contiguous},
    device::Gpu,
    elementwise::element,
    kernel::{Bind, Grid, Kernel, LANES, Parameters, Source, launch},
    memory::{Buffer, alloc},
    strided::Walk,
};

/// Elements a lane adds before they join the others.
const BLOCK: usize = 32;
/// Elements from which on a workgroup works on one result, where they lie side by side.
const LONG: usize = 1024;
/// Elements from which on a subgroup of 32 lanes works on one result.
const SHORT: usize = 16;
/// Lanes that fill a device.
const BUSY: usize = 16 * 1024;
/// Elements of a segment, per lane, at least.
const SEGMENT: usize = 64;

/// An associative operation on elements of a shader type.
#[derive(Clone, Copy)]
pub(crate) struct Combine {
    pub(crate) name: &'static str,
    /// Of `a` and `b`.
    pub(crate) text: &'static str,
    pub(crate) neutral: u32,
}

/// The operation on a dtype.
pub(crate) fn combine(op: ReduceOp, dtype: DType) -> Combine {
    let float = dtype == DType::F32;
    let (lowest, highest) = match dtype {
        DType::F32 => (f32::NEG_INFINITY.to_bits(), f32::INFINITY.to_bits()),
        DType::I32 => (i32::MIN.cast_unsigned(), i32::MAX.cast_unsigned()),
        DType::Bool => (0, 1),
        DType::U8
        | DType::U16
        | DType::U32
        | DType::U64
        | DType::I8
        | DType::I16
        | DType::I64
        | DType::BF16
        | DType::F16
        | DType::F64 => (0, u32::MAX),
    };
    match op {
        ReduceOp::Sum | ReduceOp::Mean => Combine { name: "sum", text: "a + b", neutral: 0 },
        ReduceOp::Prod => Combine { name: "prod", text: "a * b", neutral: bits(dtype, corten_core::Scalar::Int(1)) },
        ReduceOp::Max if float => Combine { name: "max", text: "k_max(a, b)", neutral: lowest },
        ReduceOp::Min if float => Combine { name: "min", text: "k_min(a, b)", neutral: highest },
        ReduceOp::Max | ReduceOp::Any => Combine { name: "max", text: "max(a, b)", neutral: lowest },
        ReduceOp::Min | ReduceOp::All => Combine { name: "min", text: "min(a, b)", neutral: highest },
    }
}

/// How the work on one pass is shared out.
struct Share {
    outputs: usize,
    count: usize,
    /// Lanes on one result.
    team: usize,
    segments: usize,
}

impl Share {
    fn new(outputs: usize, count: usize, side_by_side: bool) -> Self {
        let team = if count <= SHORT || !side_by_side {
            1
        } else if count <= LONG {
            32
        } else {
            LANES
        };
        let wanted = BUSY.div_ceil(outputs * team).min(count.div_ceil(team * SEGMENT)).max(1);
        // Equal segments, none of them empty.
        let length = count.div_ceil(wanted).max(1);
        Self { outputs, count, team, segments: count.div_ceil(length).max(1) }
    }

    fn length(&self) -> usize {
        self.count.div_ceil(self.segments)
    }

    fn groups(&self) -> usize {
        (self.outputs * self.segments).div_ceil(LANES / self.team)
    }
}

/// Statements that bring the lanes' `mine` of a team together in `shared_name[0 of the team]`.
fn tree(team: usize, merge: &str) -> String {
    if team == 1 {
        return String::new();
    }
    let mut text = "workgroupBarrier();\n".to_owned();
    let mut width = team / 2;
    while width > 0 {
        text += &format!(
            "if member < {width}u {{\n{merge}\n}}\nworkgroupBarrier();\n",
            merge = merge.replace("WIDTH", &format!("{width}u"))
        );
        width /= 2;
    }
    text
}

pub(crate) fn reduce(gpu: &Gpu, op: ReduceOp, x: In<'_>, axes: &[usize]) -> Result<Buffer> {
    gpu.check(op.name(), x.dtype)?;
    let (outputs, count) = extents(x.layout, axes);
    let how = combine(op, x.dtype);
    if outputs == 0 || count == 0 {
        let neutral = if op == ReduceOp::Mean { f32::NAN.to_bits() } else { how.neutral };
        return fill_bits(gpu, outputs, neutral);
    }
    if axes.iter().all(|&axis| x.layout.shape()[axis] == 1) {
        return to_contiguous(gpu, x);
    }
    let divisor = if op == ReduceOp::Mean { Some(count) } else { None };
    pass(gpu, how, x, axes, divisor)
}

/// The numbers of results and of elements of each.
fn extents(layout: &Layout, axes: &[usize]) -> (usize, usize) {
    let product = |wanted: bool| -> usize {
        (0..layout.rank()).filter(|axis| axes.contains(axis) == wanted).map(|axis| layout.shape()[axis]).product()
    };
    (product(false), product(true))
}

/// Whether the reduced elements lie closer together than the results do.
fn side_by_side(layout: &Layout, axes: &[usize]) -> bool {
    let nearest = |wanted: bool| {
        (0..layout.rank())
            .filter(|axis| axes.contains(axis) == wanted && layout.shape()[*axis] > 1)
            .map(|axis| layout.strides()[axis].unsigned_abs())
            .filter(|&stride| stride > 0)
            .min()
            .unwrap_or(usize::MAX)
    };
    nearest(true) <= nearest(false)
}

/// The parts of a kernel that all reductions share: which result and which elements a lane has.
struct Frame {
    parameters: Parameters,
    text: String,
    key: String,
    share: Share,
}

impl Frame {
    /// The text defines `slot` (of the result and segment), `member` (of the team), `here` (whether there is such a
    /// slot), `start`, `end` (of the segment) and, for an element `r`, sees `place(r)`.
    fn new(name: &str, x: In<'_>, axes: &[usize], segmented: bool) -> Result<(Self, String)> {
        let (outputs, count) = extents(x.layout, axes);
        let kept = Walk::over(name, x.layout, (0..x.layout.rank()).filter(|axis| !axes.contains(axis)))?;
        let reduced = Walk::over(name, x.layout, axes.iter().copied())?;
        let mut share = Share::new(outputs, count, side_by_side(x.layout, axes));
        if !segmented {
            share.segments = 1;
        }
        let mut parameters = Parameters::new();
        let (slots, results, elements, length, offset) = (
            parameters.count(share.outputs * share.segments),
            parameters.count(outputs),
            parameters.count(count),
            parameters.count(share.length()),
            parameters.count(x.layout.offset()),
        );
        let kept_words = kept.push(&mut parameters);
        let reduced_words = reduced.push(&mut parameters);
        let team = share.team;
        let text = format!(
            "let slot = group * {per}u + lane / {team}u;\nlet member = lane % {team}u;\nlet here = slot < {slots};\n\
             let output = slot % {results};\nlet start = slot / {results} * {length};\n\
             let end = select(start, min(start + {length}, {elements}), here);\n{kept}let origin = {offset} + kept0;\n",
            per = LANES / team,
            kept = kept.places(&kept_words, "output", "kept"),
        );
        let place = format!("{}let place = origin + from0;\n", reduced.places(&reduced_words, "r", "from"));
        let key = format!("{name} {} {} {team}", kept.key(), reduced.key());
        Ok((Self { parameters, text, key, share }, place))
    }
}

fn pass(gpu: &Gpu, how: Combine, x: In<'_>, axes: &[usize], divisor: Option<usize>) -> Result<Buffer> {
    let (mut frame, place) = Frame::new(how.name, x, axes, true)?;
    let share = &frame.share;
    let (outputs, segments, team) = (share.outputs, share.segments, share.team);
    let out = alloc(gpu, outputs * segments)?;
    let neutral = frame.parameters.bits(how.neutral);
    let last = if segments == 1 { divisor } else { None };
    let divides = frame.parameters.float(last.unwrap_or(1) as f64);
    let kind = element(x.dtype);
    let kernel = Kernel {
        name: how.name,
        key: &format!("reduce {} {kind} {}", frame.key, if last.is_some() { "mean" } else { "" }),
        parameters: &frame.parameters,
        bindings: &[Bind::read("x", x.buffer, kind), Bind::write("result", &out, kind)],
        grid: Grid::groups(frame.share.groups()),
    };
    launch(gpu, &kernel, || {
        let finish = if last.is_some() { format!("total / {divides}") } else { "total".to_owned() };
        let body = format!(
            "{frame}let neutral = bitcast<{kind}>({neutral});\nvar total = neutral;\nvar r = start + member;\n\
             while r < end {{\nvar block = neutral;\nfor (var step = 0u; step < {BLOCK}u && r < end; step++) {{\n\
             {place}block = combine(block, x[place]);\nr += {team}u;\n}}\ntotal = combine(total, block);\n}}\n\
             {gathered}if here && member == 0u {{\nresult[slot] = {finish};\n}}",
            frame = frame.text,
            gathered = if team == 1 {
                String::new()
            } else {
                format!(
                    "shared_totals[lane] = total;\n{}total = shared_totals[lane];\n",
                    tree(team, "shared_totals[lane] = combine(shared_totals[lane], shared_totals[lane + WIDTH]);")
                )
            },
        );
        let module = format!(
            "{}fn combine(a: {kind}, b: {kind}) -> {kind} {{ return {}; }}\n",
            if team == 1 { String::new() } else { format!("var<workgroup> shared_totals: array<{kind}, {LANES}>;\n") },
            how.text
        );
        Source::new(body).with(&module)
    })?;
    if segments == 1 {
        return Ok(out);
    }
    let layout = Layout::contiguous(&[segments, outputs]);
    pass(gpu, how, In { buffer: &out, layout: &layout, dtype: x.dtype }, &[0], divisor)
}

pub(crate) fn arg_reduce(gpu: &Gpu, op: ArgReduceOp, x: In<'_>, axis: usize) -> Result<Buffer> {
    gpu.check(op.name(), x.dtype)?;
    let (outputs, count) = extents(x.layout, &[axis]);
    let out = alloc(gpu, outputs)?;
    if outputs == 0 {
        return Ok(out);
    }
    if count == 0 {
        return Err(Error::shape(format!("{}: the axis is empty", op.name())));
    }
    let (frame, place) = Frame::new(op.name(), x, &[axis], false)?;
    let team = frame.share.team;
    let kind = element(x.dtype);
    let order = format!("k_order_{kind}(x[place])");
    // NaN is extreme both ways.
    let key = match op {
        ArgReduceOp::Max => format!("let key = {order};\n"),
        ArgReduceOp::Min if x.dtype == DType::F32 => {
            format!("let order = {order};\nlet key = select(~order, order, order == 0xffffffffu);\n")
        }
        ArgReduceOp::Min => format!("let key = ~{order};\n"),
    };
    let kernel = Kernel {
        name: op.name(),
        key: &format!("arg reduce {} {kind}", frame.key),
        parameters: &frame.parameters,
        bindings: &[Bind::read("x", x.buffer, kind), Bind::write("result", &out, "i32")],
        grid: Grid::groups(frame.share.groups()),
    };
    launch(gpu, &kernel, || {
        // A lane sees its elements in order: the first of equals stays.
        let body = format!(
            "{frame}var best = 0u;\nvar at = 0xffffffffu;\nfor (var r = start + member; r < end; r += {team}u) {{\n\
             {place}{key}if at == 0xffffffffu || key > best {{\nbest = key;\nat = r;\n}}\n}}\n\
             {gathered}if here && member == 0u {{\nresult[slot] = i32(at);\n}}",
            frame = frame.text,
            gathered = if team == 1 {
                String::new()
            } else {
                format!(
                    "shared_keys[lane] = best;\nshared_places[lane] = at;\n{}at = shared_places[lane];\n",
                    tree(
                        team,
                        "let key = shared_keys[lane + WIDTH];\nlet other = shared_places[lane + WIDTH];\n\
                         if other != 0xffffffffu && (key > shared_keys[lane] || (key == shared_keys[lane] && other < shared_places[lane])) {\n\
                         shared_keys[lane] = key;\nshared_places[lane] = other;\n}"
                    )
                )
            },
        );
        let module = if team == 1 {
            String::new()
        } else {
            format!(
                "var<workgroup> shared_keys: array<u32, {LANES}>;\nvar<workgroup> shared_places: array<u32, {LANES}>;\n"
            )
        };
        Source::new(body).with(&module)
    })?;
    Ok(out)
}
