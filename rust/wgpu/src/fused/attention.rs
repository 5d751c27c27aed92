//! Attention without the matrix of weights. A workgroup has some rows (queries, or keys for the gradients of keys and
//! values) and walks over the others in blocks: scores of a block are made in registers, and what they weigh is added to
//! sums in registers. The softmax is carried along (its largest score and its sum so far), so memory grows with the
//! length of the sequences and not with its square. The gradient computes the blocks again.

use std::fmt::Write as _;

use corten_core::{AttentionSpec, DType, DropoutSpec, Layout, Result};

use super::{
    Gradient, Gradients, Outputs, dropout,
    rows::{Rows, each},
};
use crate::{
    In,
    copy::Dense,
    device::Gpu,
    elementwise::element,
    kernel::{Bind, Grid, Kernel, Parameters, Source, Word, launch},
    memory::{Buffer, alloc},
};

/// The others of a block.
const BLOCK: usize = 32;
/// Channels of scores, and others of sums, that are in the workgroup's memory at a time.
const DEPTH: usize = 16;
/// Lanes side by side: each has two others of a block, and four channels of each 64.
const ACROSS: usize = 16;
/// Channels that sums have at most.
const WIDEST: usize = 256;

/// An operand `(batch, sequence, heads, channels)`, or a mask `(batch, heads, queries, keys)`.
#[derive(Clone, Copy)]
struct Strided {
    offset: Word,
    strides: [Word; 4],
}

impl Strided {
    fn push(parameters: &mut Parameters, layout: &Layout) -> Self {
        let offset = if layout.is_empty() { 0 } else { layout.offset() };
        let strides = std::array::from_fn(|axis| layout.strides()[axis]);
        Self { offset: parameters.count(offset), strides: strides.map(|stride| parameters.stride(stride)) }
    }

    /// Where the channel `d` of a row of this sample and head lies.
    fn row(&self, row: &str, d: &str) -> String {
        let [of_batch, of_row, of_head, of_channel] = &self.strides;
        format!("{} + batch * {of_batch} + head * {of_head} + ({row}) * {of_row} + ({d}) * {of_channel}", self.offset)
    }
}

/// Sizes and the mask.
struct Problem<'a> {
    batch: usize,
    heads: usize,
    queries: usize,
    keys: usize,
    width: usize,
    value_width: usize,
    scale: f64,
    causal: bool,
    mask: Option<(In<'a>, Layout)>,
    dropout: Option<DropoutSpec>,
}

impl<'a> Problem<'a> {
    /// `None` if there is no kernel for it.
    fn new(inputs: &[In<'a>], spec: AttentionSpec) -> Option<Self> {
        let AttentionSpec { scale, causal, mask: masked, dropout } = spec;
        let shape = |i: usize| inputs[i].layout.shape();
        let [batch, queries, heads, width] = std::array::from_fn(|axis| shape(0)[axis]);
        let (keys, value_width) = (shape(1)[1], shape(2)[3]);
        let mask = masked.then(|| (inputs[3], inputs[3].layout.expand(&[batch, heads, queries, keys])));
        let fits = mask.as_ref().is_none_or(|(mask, _)| matches!(mask.dtype, DType::Bool | DType::F32));
        let empty = [batch, queries, heads, keys, width, value_width].contains(&0);
        let wide = width.max(value_width) > WIDEST;
        (fits && !empty && !wide).then_some(Self {
            batch,
            heads,
            queries,
            keys,
            width,
            value_width,
            scale,
            causal,
            mask,
            dropout,
        })
    }

    /// Rows of a workgroup.
    fn height(rows: usize) -> usize {
        if rows <= 16 { 16 } else { 64 }
    }

    fn key(&self) -> String {
        let mask = self.mask.as_ref().map_or("none", |(mask, _)| element(mask.dtype));
        format!("{mask} {} {}", self.causal, self.dropout.is_some())
    }
}

/// The numbers of a kernel among its parameters.
struct Words {
    heads: Word,
    /// Workgroups, and those of one head.
    groups: Word,
    blocks: Word,
    queries: Word,
    keys: Word,
    width: Word,
    value_width: Word,
    scale: Word,
    mask: Option<Strided>,
    dropout: Option<dropout::Words>,
}

/// What a kernel is made of.
struct Frame<'a> {
    problem: &'a Problem<'a>,
    parameters: Parameters,
    words: Words,
    /// Whether rows are keys.
    by_keys: bool,
    height: usize,
    groups: usize,
}

impl<'a> Frame<'a> {
    fn new(problem: &'a Problem<'a>, by_keys: bool) -> Self {
        let rows = if by_keys { problem.keys } else { problem.queries };
        let height = Problem::height(rows);
        let blocks = rows.div_ceil(height);
        let groups = problem.batch * problem.heads * blocks;
        let mut parameters = Parameters::new();
        let [heads, groups_word, blocks, queries, keys, width, value_width] =
            [problem.heads, groups, blocks, problem.queries, problem.keys, problem.width, problem.value_width]
                .map(|n| parameters.count(n));
        let scale = parameters.float(problem.scale);
        let mask = problem.mask.as_ref().map(|(_, layout)| Strided::push(&mut parameters, layout));
        let dropout = problem.dropout.map(|spec| dropout::Words::push(&mut parameters, spec));
        let words =
            Words { heads, groups: groups_word, blocks, queries, keys, width, value_width, scale, mask, dropout };
        Self { problem, parameters, words, by_keys, height, groups }
    }

    fn operand(&mut self, layout: &Layout) -> Strided {
        Strided::push(&mut self.parameters, layout)
    }

    const fn lanes(&self) -> usize {
        ACROSS * self.height / 4
    }

    /// Vectors from one depth to the next in the memory of rows.
    const fn pitch(&self) -> usize {
        self.height / 4 + 1
    }

    fn run(&self, gpu: &Gpu, name: &str, bindings: &[Bind<'_>], text: impl FnOnce() -> String) -> Result<()> {
        let mut bindings = bindings.to_vec();
        if let Some((mask, _)) = &self.problem.mask {
            bindings.push(Bind::read("mask", mask.buffer, element(mask.dtype)));
        }
        let widths = [self.problem.width, self.problem.value_width].map(|width| width.div_ceil(64));
        let kernel = Kernel {
            name: "attention",
            key: &format!("attention {name} {} {} {widths:?}", self.height, self.problem.key()),
            parameters: &self.parameters,
            bindings: &bindings,
            grid: Grid::groups(self.groups).lanes(self.lanes()),
        };
        launch(gpu, &kernel, || {
            let Words { heads, groups, blocks, .. } = &self.words;
            Source::new(format!(
                "let work = min(group, {groups} - 1u);\nlet first = work % {blocks} * {}u;\n\
                 let head = work / {blocks} % {heads};\nlet batch = work / {blocks} / {heads};\nlet ty = lane / {ACROSS}u;\n\
                 let tx = lane % {ACROSS}u;\n{}",
                self.height,
                text()
            ))
            .with(&format!(
                "var<workgroup> stage: array<vec4<f32>, {}>;\nvar<workgroup> others: array<vec2<f32>, {}>;\n\
                 var<workgroup> weights: array<vec4<f32>, {}>;\n",
                (DEPTH * self.pitch()).max(DEPTH * (ACROSS + 1)),
                DEPTH * (BLOCK / 2 + 1),
                BLOCK * self.pitch(),
            ))
        })
    }

    /// The numbers of rows and of others.
    const fn extents(&self) -> (&Word, &Word) {
        let Words { queries, keys, .. } = &self.words;
        if self.by_keys { (keys, queries) } else { (queries, keys) }
    }

    /// The loop over blocks of others, from `start` on; a causal mask alone leaves some out.
    fn walk(&self, statements: &str) -> String {
        let (_, others) = self.extents();
        let skips = self.problem.causal && self.problem.mask.is_none();
        let (start, end) = match (skips, self.by_keys) {
            (true, true) => (format!("first / {BLOCK}u * {BLOCK}u"), format!("{others}")),
            (true, false) => ("0u".to_owned(), format!("min({others}, first + {}u)", self.height)),
            (false, _) => ("0u".to_owned(), format!("{others}")),
        };
        format!("let last = {end};\nfor (var start = {start}; start < last; start += {BLOCK}u) {{\n{statements}}}\n")
    }

    /// Statements that define `NAME0` to `NAME3`, of the lane's four rows: products of a row of one operand with the
    /// lane's two others of the block of another, over `width` channels.
    fn products(&self, name: &str, rows: (&str, &Strided), others: (&str, &Strided), width: &Word) -> String {
        let ((of_row, row), (of_other, other)) = (rows, others);
        let (row_count, other_count) = self.extents();
        let (lanes, pitch, fours) = (self.lanes(), self.pitch(), self.height / 4);
        let mut text = String::new();
        for r in 0..4 {
            let _ = writeln!(text, "var {name}{r} = vec2<f32>();");
        }
        let _ = writeln!(
            text,
            "for (var base = 0u; base < {width}; base += {DEPTH}u) {{\nworkgroupBarrier();\n\
             for (var slot = lane; slot < {}u; slot += {lanes}u) {{\nlet d = base + slot % {DEPTH}u;\n\
             let r = first + slot / {DEPTH}u * 4u;\nvar values = vec4<f32>();\nif d < {width} {{",
            DEPTH * fours
        );
        for (i, component) in ["x", "y", "z", "w"].into_iter().enumerate() {
            let place = row.row(&format!("min(r + {i}u, {row_count} - 1u)"), "d");
            let _ = writeln!(text, "values.{component} = {of_row}[{place}];");
        }
        let _ = writeln!(
            text,
            "}}\nstage[slot % {DEPTH}u * {pitch}u + slot / {DEPTH}u] = values;\n}}\n\
             for (var slot = lane; slot < {}u; slot += {lanes}u) {{\nlet d = base + slot % {DEPTH}u;\n\
             let o = start + slot / {DEPTH}u * 2u;\nvar values = vec2<f32>();\nif d < {width} {{",
            DEPTH * BLOCK / 2
        );
        for (i, component) in ["x", "y"].into_iter().enumerate() {
            let place = other.row(&format!("min(o + {i}u, {other_count} - 1u)"), "d");
            let _ = writeln!(text, "values.{component} = {of_other}[{place}];");
        }
        let _ = writeln!(
            text,
            "}}\nothers[slot % {DEPTH}u * {}u + slot / {DEPTH}u] = values;\n}}\nworkgroupBarrier();\n\
             for (var d = 0u; d < {DEPTH}u; d++) {{\nlet left = stage[d * {pitch}u + ty];\n\
             let right = others[d * {}u + tx];",
            BLOCK / 2 + 1,
            BLOCK / 2 + 1
        );
        for (r, component) in ["x", "y", "z", "w"].into_iter().enumerate() {
            let _ = writeln!(text, "{name}{r} += left.{component} * right;");
        }
        text + "}\n}\n"
    }

    /// Scales and masks the scores `s0` to `s3`. A key that must not be attended gets a score so low that its weight is 0,
    /// yet a row without any allowed key gives equal weights and no NaN.
    fn masked(&self) -> String {
        let (rows, others) = self.extents();
        let mut text = String::new();
        for r in 0..4 {
            let _ = writeln!(text, "s{r} *= {};", self.words.scale);
            for (j, component) in ["x", "y"].into_iter().enumerate() {
                let row = format!("min(first + ty * 4u + {r}u, {rows} - 1u)");
                let other = format!("min(start + tx * 2u + {j}u, {others} - 1u)");
                let (query, key) = if self.by_keys { (&other, &row) } else { (&row, &other) };
                let score = format!("s{r}.{component}");
                if let (Some(mask), Some((operand, _))) = (&self.words.mask, &self.problem.mask) {
                    let [of_batch, of_head, of_query, of_key] = &mask.strides;
                    let value = format!(
                        "mask[{} + batch * {of_batch} + head * {of_head} + {query} * {of_query} + {key} * {of_key}]",
                        mask.offset
                    );
                    let _ = if operand.dtype == DType::Bool {
                        writeln!(text, "{score} = select({HIDDEN}, {score}, {value} != 0u);")
                    } else {
                        writeln!(text, "{score} += {value};")
                    };
                }
                if self.problem.causal {
                    let _ = writeln!(text, "{score} = select({score}, {HIDDEN}, {key} > {query});");
                }
            }
        }
        text
    }

    /// Defines `kept0` to `kept3`, whether dropout keeps the scores of the same number, by the place of each in
    /// `(batch, heads, queries, keys)`.
    fn draw(&self) -> String {
        let Some(dropout) = &self.words.dropout else { return String::new() };
        let Words { heads, queries, keys, .. } = &self.words;
        let mut text = String::new();
        for r in 0..4 {
            let _ = writeln!(text, "var kept{r} = vec2<bool>();");
            for (j, component) in ["x", "y"].into_iter().enumerate() {
                let (row, other) = (format!("(first + ty * 4u + {r}u)"), format!("(start + tx * 2u + {j}u)"));
                let (query, key) = if self.by_keys { (other, row) } else { (row, other) };
                let _ = writeln!(
                    text,
                    "{{\nlet of_query = (batch * {heads} + head) * {queries} + {query};\n\
                     let low = of_query * {keys};\nlet place = low + {key};\n\
                     let high = k_mul_high(of_query, {keys}) + select(0u, 1u, place < low);\n\
                     let words = {};\nkept{r}.{component} = (words[place & 3u] >> 8u) >= {};\n}}",
                    dropout.draw("((place >> 2u) | (high << 30u))", "(high >> 2u)"),
                    dropout.least
                );
            }
        }
        text
    }

    /// What dropout leaves of `NAME0` to `NAME3`: in their place, or as `RESULT0` to `RESULT3`.
    fn dropped(&self, name: &str, result: &str) -> String {
        let mut text = String::new();
        for r in 0..4 {
            let value = match &self.words.dropout {
                Some(dropout) => format!("select(vec2<f32>(), {name}{r} * {}, kept{r})", dropout.scale),
                None if name == result => continue,
                None => format!("{name}{r}"),
            };
            let _ = writeln!(text, "{}{result}{r} = {value};", if name == result { "" } else { "let " });
        }
        text
    }

    /// Whether the lane's other number `j` of the block is there.
    fn is_there(&self, j: usize) -> String {
        format!("start + tx * 2u + {j}u < {}", self.extents().1)
    }

    /// Puts `NAME0` to `NAME3` where [`add`](Self::add) finds them.
    fn put(&self, name: &str) -> String {
        let pitch = self.pitch();
        ["x", "y"].into_iter().enumerate().fold(String::new(), |text, (j, component)| {
            text + &format!(
                "weights[(tx * 2u + {j}u) * {pitch}u + ty] = vec4<f32>({name}0.{component}, {name}1.{component}, \
                 {name}2.{component}, {name}3.{component});\n"
            )
        })
    }

    /// Declares the sums that [`add`](Self::add) adds to.
    fn sums(name: &str, width: usize) -> String {
        let mut text = String::new();
        for chunk in 0..width.div_ceil(64) {
            for r in 0..4 {
                let _ = writeln!(text, "var {name}{chunk}_{r} = vec4<f32>();");
            }
        }
        text
    }

    /// Adds what the weights of the block weigh of an operand of the others.
    fn add(&self, name: &str, (of_other, other): (&str, &Strided), width: usize, width_word: &Word) -> String {
        let (_, others) = self.extents();
        let (lanes, pitch) = (self.lanes(), self.pitch());
        let mut text = String::new();
        for chunk in 0..width.div_ceil(64) {
            let _ = writeln!(
                text,
                "for (var base = 0u; base < {BLOCK}u; base += {DEPTH}u) {{\nworkgroupBarrier();\n\
                 for (var slot = lane; slot < {}u; slot += {lanes}u) {{\nlet o = start + base + slot / {ACROSS}u;\n\
                 let d = {}u + slot % {ACROSS}u * 4u;\nvar values = vec4<f32>();\nif o < {others} {{",
                DEPTH * ACROSS,
                chunk * 64
            );
            for (i, component) in ["x", "y", "z", "w"].into_iter().enumerate() {
                let place = other.row("o", &format!("d + {i}u"));
                let _ = writeln!(text, "if d + {i}u < {width_word} {{\nvalues.{component} = {of_other}[{place}];\n}}");
            }
            let _ = writeln!(
                text,
                "}}\nstage[slot / {ACROSS}u * {0}u + slot % {ACROSS}u] = values;\n}}\nworkgroupBarrier();\n\
                 for (var k = 0u; k < {DEPTH}u; k++) {{\nlet left = weights[(base + k) * {pitch}u + ty];\n\
                 let right = stage[k * {0}u + tx];",
                ACROSS + 1
            );
            for (r, component) in ["x", "y", "z", "w"].into_iter().enumerate() {
                let _ = writeln!(text, "{name}{chunk}_{r} += left.{component} * right;");
            }
            text += "}\n}\n";
        }
        text
    }

    /// Writes sums, each times a factor of its row, as an array `(batch, rows, heads, width)`.
    fn write(
        &self,
        name: &str,
        result: &str,
        width: usize,
        width_word: &Word,
        factor: impl Fn(usize) -> String,
    ) -> String {
        let (rows, _) = self.extents();
        let mut text = String::new();
        for r in 0..4 {
            let _ = writeln!(
                text,
                "if first + ty * 4u + {r}u < {rows} {{\nlet to = ((batch * {rows} + first + ty * 4u + {r}u) * {} + head) * {width_word};",
                self.words.heads
            );
            for chunk in 0..width.div_ceil(64) {
                for (i, component) in ["x", "y", "z", "w"].into_iter().enumerate() {
                    let d = format!("{}u + tx * 4u", chunk * 64 + i);
                    let _ = writeln!(
                        text,
                        "if {d} < {width_word} {{\n{result}[to + {d}] = {name}{chunk}_{r}.{component}{};\n}}",
                        factor(r)
                    );
                }
            }
            text += "}\n";
        }
        text
    }

    /// Joins `value`, an expression of each row `r`, over the lanes side by side: defines `NAME` of the four rows.
    fn join(name: &str, value: impl Fn(usize) -> String, first: &str, step: &str) -> String {
        format!(
            "workgroupBarrier();\nstage[ty * {pitch}u + tx] = vec4<f32>({}, {}, {}, {});\nworkgroupBarrier();\n\
             var {name} = {first};\nfor (var i = 0u; i < {ACROSS}u; i++) {{\nlet other = stage[ty * {pitch}u + i];\n{step}}}\n",
            value(0),
            value(1),
            value(2),
            value(3),
            pitch = ACROSS + 1,
        )
    }

    /// Brings `top` and `sum` (of the four rows) up to date with the scores, which become weights; defines `factor`, by
    /// which what was summed before shrinks.
    fn advance(&self) -> String {
        let there = [self.is_there(0), self.is_there(1)];
        let lowest = "-3.4028234e38";
        let mut text = Self::join(
            "new_top",
            |r| format!("k_max(select({lowest}, s{r}.x, {}), select({lowest}, s{r}.y, {}))", there[0], there[1]),
            "top",
            "new_top = vec4<f32>(k_max(new_top.x, other.x), k_max(new_top.y, other.y), k_max(new_top.z, other.z), \
             k_max(new_top.w, other.w));\n",
        );
        text += "let factor = vec4<f32>(k_exp(top.x - new_top.x), k_exp(top.y - new_top.y), k_exp(top.z - new_top.z), \
                 k_exp(top.w - new_top.w));\ntop = new_top;\n";
        for (r, row) in ["x", "y", "z", "w"].into_iter().enumerate() {
            for (j, component) in ["x", "y"].into_iter().enumerate() {
                let _ = writeln!(
                    text,
                    "s{r}.{component} = select(0.0, k_exp(s{r}.{component} - top.{row}), {});",
                    there[j]
                );
            }
        }
        text + &Self::join("total", |r| format!("s{r}.x + s{r}.y"), "vec4<f32>()", "total += other;\n")
            + "sum = sum * factor + total;\n"
    }
}

/// The score of a key that must not be attended.
const HIDDEN: &str = "-2.381976e38";

/// The softmax's state before the first block.
const BEGIN: &str = "var top = vec4<f32>(-3.4028234e38);\nvar sum = vec4<f32>();\n";

pub(super) fn forward(gpu: &Gpu, inputs: &[In<'_>], spec: AttentionSpec) -> Outputs {
    let Some(problem) = Problem::new(inputs, spec) else { return Ok(None) };
    let out = alloc(gpu, problem.batch * problem.queries * problem.heads * problem.value_width)?;
    let mut frame = Frame::new(&problem, false);
    let [q, k, v] = [0, 1, 2].map(|i| frame.operand(inputs[i].layout));
    let bindings = [
        Bind::read("q", inputs[0].buffer, "f32"),
        Bind::read("k", inputs[1].buffer, "f32"),
        Bind::read("v", inputs[2].buffer, "f32"),
        Bind::write("result", &out, "f32"),
    ];
    frame.run(gpu, "forward", &bindings, || {
        let (width, value_width) = (&frame.words.width, &frame.words.value_width);
        let mut shrink = String::new();
        for chunk in 0..problem.value_width.div_ceil(64) {
            for (r, component) in ["x", "y", "z", "w"].into_iter().enumerate() {
                let _ = writeln!(shrink, "y{chunk}_{r} *= factor.{component};");
            }
        }
        let block = frame.products("s", ("q", &q), ("k", &k), width)
            + &frame.masked()
            + &frame.advance()
            + &shrink
            + &frame.draw()
            + &frame.dropped("s", "s")
            + &frame.put("s")
            + &frame.add("y", ("v", &v), problem.value_width, value_width);
        let scaled = |r: usize| format!(" * inverse.{}", ["x", "y", "z", "w"][r]);
        format!(
            "{BEGIN}{}{}let inverse = vec4<f32>(k_divide(1.0, sum.x), k_divide(1.0, sum.y), k_divide(1.0, sum.z), \
             k_divide(1.0, sum.w));\n{}",
            Frame::sums("y", problem.value_width),
            frame.walk(&block),
            frame.write("y", "result", problem.value_width, value_width, scaled)
        )
    })?;
    Ok(Some(vec![out]))
}

/// Of each query the largest score, one over the sum of weights, and room for its level: `(batch, queries, heads, 3)`.
fn softmax_state(gpu: &Gpu, problem: &Problem<'_>, inputs: &[In<'_>]) -> Result<Buffer> {
    let out = alloc(gpu, problem.batch * problem.queries * problem.heads * 3)?;
    let mut frame = Frame::new(problem, false);
    let [q, k] = [0, 1].map(|i| frame.operand(inputs[i].layout));
    let bindings = [
        Bind::read("q", inputs[0].buffer, "f32"),
        Bind::read("k", inputs[1].buffer, "f32"),
        Bind::write("result", &out, "f32"),
    ];
    frame.run(gpu, "state", &bindings, || {
        let block =
            frame.products("s", ("q", &q), ("k", &k), &frame.words.width) + &frame.masked() + &frame.advance();
        let mut text = format!("{BEGIN}{}if tx == 0u {{\n", frame.walk(&block));
        for (r, component) in ["x", "y", "z", "w"].into_iter().enumerate() {
            let _ = writeln!(
                text,
                "if first + ty * 4u + {r}u < {queries} {{\nlet to = ((batch * {queries} + first + ty * 4u + {r}u) * {} + head) * 3u;\n\
                 result[to] = top.{component};\nresult[to + 1u] = k_divide(1.0, sum.{component});\n}}",
                frame.words.heads,
                queries = frame.words.queries
            );
        }
        text + "}\n"
    })?;
    Ok(out)
}

/// The level of each query, `dy . y`, goes to its state.
fn add_levels(gpu: &Gpu, problem: &Problem<'_>, y: &Dense<'_>, dy: &Dense<'_>, state: &Buffer) -> Result<()> {
    let rows = Rows { count: problem.batch * problem.queries * problem.heads, len: problem.value_width };
    let mut parameters = Parameters::new();
    let (of_y, of_dy) = (parameters.count(y.offset()), parameters.count(dy.offset()));
    let bindings =
        [Bind::read("y", y.buffer(), "f32"), Bind::read("dy", dy.buffer(), "f32"), Bind::write("state", state, "f32")];
    rows.launch(gpu, "attention", "attention levels", parameters, &bindings, || {
        let body = format!(
            "var sum = 0.0;\n{}sum = team_sum(lane, sum);\nif here && member == 0u {{\nstate[row * 3u + 2u] = sum;\n}}",
            each(&format!("sum += y[{of_y} + row * len + i] * dy[{of_dy} + row * len + i];"))
        );
        (String::new(), body)
    })
}

/// What both kernels of the gradient read.
struct Backward<'a> {
    problem: &'a Problem<'a>,
    inputs: &'a [In<'a>],
    dy: In<'a>,
    state: &'a Buffer,
}

impl<'a> Backward<'a> {
    fn bindings(&self) -> Vec<Bind<'a>> {
        vec![
            Bind::read("q", self.inputs[0].buffer, "f32"),
            Bind::read("k", self.inputs[1].buffer, "f32"),
            Bind::read("v", self.inputs[2].buffer, "f32"),
            Bind::read("dy", self.dy.buffer, "f32"),
            Bind::read("state", self.state, "f32"),
        ]
    }

    fn operands(&self, frame: &mut Frame<'_>) -> [Strided; 4] {
        [self.inputs[0].layout, self.inputs[1].layout, self.inputs[2].layout, self.dy.layout]
            .map(|layout| frame.operand(layout))
    }

    fn query_gradient(&self, gpu: &Gpu) -> Result<Buffer> {
        let problem = self.problem;
        let out = alloc(gpu, self.inputs[0].layout.len())?;
        let mut frame = Frame::new(problem, false);
        let [q, k, v, dy] = self.operands(&mut frame);
        let mut bindings = self.bindings();
        bindings.push(Bind::write("result", &out, "f32"));
        frame.run(gpu, "queries", &bindings, || {
            let (width, value_width) = (&frame.words.width, &frame.words.value_width);
            let block = frame.products("s", ("q", &q), ("k", &k), width)
                + &frame.masked()
                + &weights(&frame)
                + &frame.products("d", ("dy", &dy), ("v", &v), value_width)
                + &frame.draw()
                + &frame.dropped("d", "d")
                + &slopes(&frame)
                + &frame.put("d")
                + &frame.add("dq", ("k", &k), problem.width, width);
            Frame::sums("dq", problem.width)
                + &frame.walk(&block)
                + &frame.write("dq", "result", problem.width, width, |_| String::new())
        })?;
        Ok(out)
    }

    fn key_value_gradients(&self, gpu: &Gpu) -> Result<[Buffer; 2]> {
        let problem = self.problem;
        let (dk, dv) = (alloc(gpu, self.inputs[1].layout.len())?, alloc(gpu, self.inputs[2].layout.len())?);
        let mut frame = Frame::new(problem, true);
        let [q, k, v, dy] = self.operands(&mut frame);
        let mut bindings = self.bindings();
        bindings.extend([Bind::write("dk", &dk, "f32"), Bind::write("dv", &dv, "f32")]);
        frame.run(gpu, "keys", &bindings, || {
            let (width, value_width) = (&frame.words.width, &frame.words.value_width);
            let block = frame.products("s", ("k", &k), ("q", &q), width)
                + &frame.masked()
                + &weights(&frame)
                + &frame.draw()
                + &frame.dropped("s", "p")
                + &frame.put("p")
                + &frame.add("sum_v", ("dy", &dy), problem.value_width, value_width)
                + &frame.products("d", ("v", &v), ("dy", &dy), value_width)
                + &frame.dropped("d", "d")
                + &slopes(&frame)
                + &frame.put("d")
                + &frame.add("sum_k", ("q", &q), problem.width, width);
            Frame::sums("sum_k", problem.width)
                + &Frame::sums("sum_v", problem.value_width)
                + &frame.walk(&block)
                + &frame.write("sum_k", "dk", problem.width, width, |_| String::new())
                + &frame.write("sum_v", "dv", problem.value_width, value_width, |_| String::new())
        })?;
        Ok([dk, dv])
    }
}

/// Scores `s` become weights.
fn weights(frame: &Frame<'_>) -> String {
    of_scores(frame, |score, at, there| {
        format!("{score} = select(0.0, k_exp({score} - state[{at} * 3u]) * state[{at} * 3u + 1u], {there});\n")
    })
}

/// `d` becomes the gradient of the unscaled scores: `weights (d - level) scale`. A query that may attend no key weighs all
/// alike, whatever its scores: they have none.
fn slopes(frame: &Frame<'_>) -> String {
    of_scores(frame, |score, at, _| {
        let slope = score.replace('s', "d");
        format!(
            "{slope} = select({score} * ({slope} - state[{at} * 3u + 2u]) * {}, 0.0, state[{at} * 3u] == {HIDDEN});\n",
            frame.words.scale
        )
    })
}

/// Text for each score of the lane, with the number of its query and whether it is there.
fn of_scores(frame: &Frame<'_>, text: impl Fn(&str, &str, &str) -> String) -> String {
    let (rows, others) = frame.extents();
    let mut all = String::new();
    for r in 0..4 {
        for (j, component) in ["x", "y"].into_iter().enumerate() {
            let row = format!("first + ty * 4u + {r}u");
            let other = format!("start + tx * 2u + {j}u");
            let query =
                if frame.by_keys { format!("min({other}, {others} - 1u)") } else { format!("min({row}, {rows} - 1u)") };
            let at = format!("((batch * {} + {query}) * {} + head)", frame.words.queries, frame.words.heads);
            all += &text(&format!("s{r}.{component}"), &at, &frame.is_there(j));
        }
    }
    all
}

/// With weights p and `d = dy v^T`: `dv = p^T dy`, `ds = p (d - dy . y) scale`, `dq = ds k`, `dk = ds^T q`. Dropout drops
/// of p in `dv`, and of d.
pub(super) fn gradient(gpu: &Gpu, of: &Gradient<'_>, spec: AttentionSpec) -> Gradients {
    let Some(dy) = of.grads[0] else { return Ok(None) };
    if spec.mask && of.inputs[3].dtype != DType::Bool && of.needs[3] {
        return Ok(None);
    }
    let Some(problem) = Problem::new(of.inputs, spec) else { return Ok(None) };
    let state = softmax_state(gpu, &problem, of.inputs)?;
    add_levels(gpu, &problem, &Dense::new(gpu, of.outputs[0])?, &Dense::new(gpu, dy)?, &state)?;
    let backward = Backward { problem: &problem, inputs: of.inputs, dy, state: &state };
    let dq = of.needs[0].then(|| backward.query_gradient(gpu)).transpose()?;
    let mut results = vec![dq];
    if of.needs[1] || of.needs[2] {
        let [dk, dv] = backward.key_value_gradients(gpu)?;
        results.extend([of.needs[1].then_some(dk), of.needs[2].then_some(dv)]);
    }
    results.resize_with(of.inputs.len(), || None);
    Ok(Some(results))
}
