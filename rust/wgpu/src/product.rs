//! The template of all products: `result[row, column] = sum of a[row, k] b[k, column]`, batched.
//!
//! An operand is a [`Side`]: lines (rows of `a`, columns of `b`) by depth. It says where an element lies, so matrices
//! of any strides and the windows of convolutions go through the same kernels. A workgroup makes one tile of the result:
//! tiles of both operands go to its memory, and each lane keeps 4 by 4 or 8 by 8 sums in registers. Where there are few
//! tiles, several teams of lanes work on one, each on slices of the depth, and join their sums; where there are very few,
//! the depth is cut into parts too, whose sums are added afterwards, in order. Products with a vector have a kernel of
//! their own.

pub(crate) mod cooperative;

use std::fmt::Write as _;

use corten_core::{DType, Result, Scalar};

use self::cooperative::Way;

use crate::{
    copy::fill,
    device::Gpu,
    ending::Ending,
    kernel::{Bind, Grid, Kernel, LANES, Parameters, Source, Word, each_element, launch},
    memory::{Buffer, alloc, alloc_of},
    tile::{Tile, parts, pitch},
    unsupported,
};

/// An operand of a product.
pub(crate) struct Side<'a> {
    pub(crate) buffer: &'a Buffer,
    /// Whether lines lie side by side, rather than the elements of one line.
    pub(crate) along_lines: bool,
    /// Whether four lines can be read at once, as a vector: they lie side by side, and so that no vector is cut.
    pub(crate) fours: bool,
    /// The type of what the functions below pass on.
    pub(crate) state: &'static str,
    /// Equal keys have equal text.
    pub(crate) key: String,
    /// Functions of a name: `NAME_line(batch, line)` and `NAME_depth(k)` give states, `NAME_place(line, depth)` the
    /// place of an element, 0xffffffff if it is zero.
    pub(crate) text: Box<dyn Fn(&str) -> String + 'a>,
}

/// Where the elements of the result lie.
pub(crate) struct Place<'a> {
    pub(crate) key: &'static str,
    /// Statements of `fn place(batch: u32, row: u32, column: u32) -> u32`.
    pub(crate) text: Box<dyn Fn() -> String + 'a>,
}

impl Place<'_> {
    /// By strides.
    pub(crate) fn linear(parameters: &mut Parameters, batch: usize, row: usize) -> Self {
        let (batch, row) = (parameters.count(batch), parameters.count(row));
        Self { key: "linear", text: Box::new(move || format!("return batch * {batch} + row * {row} + column;")) }
    }
}

/// A batched product.
pub(crate) struct Product<'a> {
    pub(crate) name: &'static str,
    /// `f32`, `i32` or `u32`.
    pub(crate) kind: &'static str,
    /// Of the result.
    pub(crate) dtype: DType,
    pub(crate) batches: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) depth: usize,
    pub(crate) a: Side<'a>,
    pub(crate) b: Side<'a>,
    pub(crate) place: Place<'a>,
    pub(crate) ending: Option<Ending<'a>>,
    pub(crate) way: Way,
}

/// `finish(value, at)`, which writes an element of the result.
fn finish(kind: &str, ending: Option<&Ending<'_>>) -> String {
    ending.map_or_else(|| format!("fn finish(value: {kind}, at: u32) {{\nresult[at] = value;\n}}\n"), Ending::text)
}

/// `NAME_at(line, depth)`: the element, as `kind`.
fn reader(name: &str, side: &Side<'_>, kind: &str) -> String {
    let state = side.state;
    let mut text = (side.text)(name);
    let read = if side.fours { format!("{name}[place / 4u]") } else { format!("{name}[place]") };
    let (function, result) = if side.fours { ("four", format!("vec4<{kind}>")) } else { ("at", kind.to_owned()) };
    let _ = writeln!(
        text,
        "fn {name}_{function}(line: {state}, depth: {state}) -> {result} {{\nlet place = {name}_place(line, depth);\n\
         if place == 0xffffffffu {{\nreturn {result}();\n}}\nreturn {read};\n}}"
    );
    text
}

/// The same, element by element.
fn plain_reader(name: &str, side: &Side<'_>, kind: &str) -> String {
    let one_by_one = Side { fours: false, key: String::new(), text: Box::new(|name| (side.text)(name)), ..*side };
    reader(name, &one_by_one, kind)
}

/// The part of the tile kernel that brings one operand's tile to the workgroup's memory.
struct Loader<'a> {
    name: &'a str,
    side: &'a Side<'a>,
    /// Lines of a tile.
    width: usize,
    /// Vectors of four lines that each lane brings.
    pieces: usize,
    /// The lanes that bring some, where there are fewer vectors than lanes.
    some: Option<usize>,
}

impl<'a> Loader<'a> {
    fn new(name: &'a str, side: &'a Side<'a>, width: usize, tile: Tile) -> Self {
        let vectors = width / 4 * tile.depth;
        let some = if vectors < tile.lanes() { Some(vectors) } else { None };
        Self { name, side, width, pieces: vectors.div_ceil(tile.lanes()), some }
    }

    /// Vectors from one depth to the next; one more than there are, so that lanes meet different banks.
    fn pitch(&self) -> usize {
        pitch(self.width)
    }

    /// Which lines and depths are the lane's own.
    fn begin(&self, kind: &str, tile: Tile, first: &str, lines: &Word) -> String {
        let (name, fours) = (self.name, self.width / 4);
        let mut text = String::new();
        for p in 0..self.pieces {
            let (depth, four) = if self.side.along_lines {
                (format!("slot / {fours}u"), format!("slot % {fours}u"))
            } else {
                (format!("slot % {}u", tile.depth), format!("slot / {}u", tile.depth))
            };
            let slot = match self.some {
                Some(lanes) => format!("own % {lanes}u"),
                None => format!("own + {}u", p * tile.lanes()),
            };
            let _ = writeln!(
                text,
                "var {name}_k{p} = 0u;\nvar {name}_to{p} = 0u;\nvar {name}_first{p} = 0u;\n{{\nlet slot = {slot};\n\
                 {name}_k{p} = {depth};\nlet four = {four};\n{name}_to{p} = (slice * {}u + {name}_k{p}) * {}u + four;\n\
                 {name}_first{p} = {first} + four * 4u;\n}}",
                tile.depth,
                self.pitch(),
            );
            // Lines beyond the end repeat the last one; what they give is not kept.
            if self.side.fours {
                let _ = writeln!(text, "let {name}_l{p} = {name}_line(batch, min({name}_first{p}, {lines} - 4u));");
            } else {
                for j in 0..4 {
                    let _ = writeln!(
                        text,
                        "let {name}_l{p}_{j} = {name}_line(batch, min({name}_first{p} + {j}u, {lines} - 1u));"
                    );
                }
            }
            let _ = writeln!(text, "var {name}_f{p} = vec4<{kind}>();");
        }
        text
    }

    /// Reads the lane's own elements from depth `from` on.
    fn fetch(&self, kind: &str, from: &str) -> String {
        let name = self.name;
        let mut text = String::new();
        for p in 0..self.pieces {
            let value = if self.side.fours {
                format!("{name}_four({name}_l{p}, depth)")
            } else {
                let one = |j: usize| format!("{name}_at({name}_l{p}_{j}, depth)");
                format!("vec4<{kind}>({}, {}, {}, {})", one(0), one(1), one(2), one(3))
            };
            let _ = writeln!(
                text,
                "{name}_f{p} = vec4<{kind}>();\nif {from} + {name}_k{p} < end {{\nlet depth = {name}_depth({from} + \
                 {name}_k{p});\n{name}_f{p} = {value};\n}}"
            );
        }
        text
    }

    fn store(&self) -> String {
        let name = self.name;
        let all = (0..self.pieces)
            .fold(String::new(), |text, p| text + &format!("tile_{name}[{name}_to{p}] = {name}_f{p};\n"));
        self.some.map_or_else(|| all.clone(), |lanes| format!("if own < {lanes}u {{\n{all}}}\n"))
    }
}

impl Product<'_> {
    /// A result of `len` elements, all of them this product's.
    pub(crate) fn run(self, gpu: &Gpu, parameters: Parameters, len: usize) -> Result<Buffer> {
        let out = alloc_of(gpu, self.dtype, len)?;
        if len == 0 {
            return Ok(out);
        }
        if self.depth == 0 && self.ending.is_none() {
            return fill(gpu, self.dtype, len, Scalar::Int(0));
        }
        if let Some(units) = self.units(gpu) {
            self.by_units(gpu, parameters, &out, units)?;
            return Ok(out);
        }
        let splits = self.splits();
        if splits.1 == 1 {
            self.dispatch(gpu, parameters, &out, 0, splits)?;
            return Ok(out);
        }
        let sums = alloc(gpu, splits.1 * len)?;
        self.dispatch(gpu, parameters, &sums, len, splits)?;
        self.add_parts(gpu, &sums, splits.1, &out, len)?;
        Ok(out)
    }

    /// Adds the sums of the parts in order, and ends each element.
    fn add_parts(&self, gpu: &Gpu, sums: &Buffer, parts: usize, out: &Buffer, len: usize) -> Result<()> {
        let mut parameters = Parameters::new();
        let ending = self.ending.map(|ending| ending.push(&mut parameters));
        let (n, parts) = (parameters.count(len), parameters.count(parts));
        let mut bindings = vec![Bind::read("sums", sums, self.kind), Bind::write("result", out, self.kind)];
        bindings.extend(ending.iter().flat_map(Ending::bindings));
        let kernel = Kernel {
            name: self.name,
            key: &format!("parts {} {}", self.kind, ending.as_ref().map_or_else(String::new, Ending::key)),
            parameters: &parameters,
            bindings: &bindings,
            grid: Grid::elements(len),
        };
        launch(gpu, &kernel, || {
            let add = format!(
                "var total = sums[i];\nfor (var part = 1u; part < {parts}; part++) {{\ntotal += sums[part * {n} + i];\n}}\n\
                 finish(total, i);"
            );
            Source::new(each_element(&n, &add)).with(&finish(self.kind, ending.as_ref()))
        })
    }

    /// Without parts, into elements of a result that has others too.
    pub(crate) fn run_whole(self, gpu: &Gpu, parameters: Parameters, out: &Buffer) -> Result<()> {
        if self.batches * self.rows * self.columns == 0 {
            return Ok(());
        }
        if let Some(units) = self.units(gpu) {
            return self.by_units(gpu, parameters, out, units);
        }
        let whole = (self.depth.next_multiple_of(LANES).max(LANES), 1);
        self.dispatch(gpu, parameters, out, 0, whole)
    }

    fn is_vector(&self) -> bool {
        self.rows == 1 || self.columns == 1
    }

    fn splits(&self) -> (usize, usize) {
        if self.is_vector() {
            let groups = self.batches * (self.rows * self.columns).div_ceil(self.team().0);
            return parts(groups, self.depth, LANES, 1);
        }
        let tile = self.tile();
        let groups = self.batches * tile.groups(self.rows, self.columns);
        parts(groups, self.depth, tile.depth * tile.slices, tile.slices)
    }

    fn tile(&self) -> Tile {
        Tile::of(self.batches, self.rows, self.columns, self.depth)
    }

    /// Lines of a workgroup and lanes of a line, for products with a vector.
    fn team(&self) -> (usize, usize) {
        let matrix = if self.columns == 1 { &self.a } else { &self.b };
        if matrix.along_lines { (64, 4) } else { (8, 32) }
    }

    fn dispatch(
        &self,
        gpu: &Gpu,
        parameters: Parameters,
        out: &Buffer,
        len: usize,
        splits: (usize, usize),
    ) -> Result<()> {
        if self.is_vector() {
            self.with_vector(gpu, parameters, out, len, splits)
        } else {
            self.by_tiles(gpu, parameters, out, len, splits)
        }
    }

    /// What is bound; the ending only where the depth is not in parts.
    fn bindings<'b>(&'b self, fours: [bool; 2], out: &'b Buffer, ended: bool) -> Vec<Bind<'b>> {
        let element = |fours: bool| match (fours, self.kind) {
            (false, kind) => kind,
            (true, "f32") => "vec4<f32>",
            (true, "i32") => "vec4<i32>",
            (true, _) => "vec4<u32>",
        };
        let mut bindings = vec![
            Bind::read("a", self.a.buffer, element(fours[0])),
            Bind::read("b", self.b.buffer, element(fours[1])),
            Bind::write("result", out, self.kind),
        ];
        if let Some(ending) = self.ending.as_ref().filter(|_| ended) {
            bindings.extend(ending.bindings());
        }
        bindings
    }

    fn ending_key(&self, ended: bool) -> String {
        self.ending.as_ref().filter(|_| ended).map_or_else(String::new, Ending::key)
    }

    /// `place` and `finish`, which all kernels end with.
    fn functions(&self, ended: bool) -> String {
        let finish = finish(self.kind, self.ending.as_ref().filter(|_| ended));
        format!("fn place(batch: u32, row: u32, column: u32) -> u32 {{\n{}\n}}\n{finish}", (self.place.text)())
    }

    fn by_tiles(
        &self,
        gpu: &Gpu,
        mut parameters: Parameters,
        out: &Buffer,
        len: usize,
        (part, splits): (usize, usize),
    ) -> Result<()> {
        let tile = self.tile();
        if tile.bytes() > gpu.0.limits.max_compute_workgroup_storage_size as usize {
            return unsupported(&format!("{}: a tile of {}", self.name, tile.name()));
        }
        let (tile_rows, tile_columns) = (self.rows.div_ceil(tile.rows), self.columns.div_ceil(tile.columns));
        let groups = tile_rows * tile_columns * self.batches * splits;
        let sizes = [groups, tile_rows, tile_columns, self.batches, part, self.depth, self.rows, self.columns, len];
        let words = sizes.map(|size| parameters.count(size));
        let (kind, ended) = (self.kind, splits == 1);
        let kernel = Kernel {
            name: self.name,
            key: &format!(
                "product {kind} {} {} {} {} {}",
                tile.name(),
                self.a.key,
                self.b.key,
                self.place.key,
                self.ending_key(ended)
            ),
            parameters: &parameters,
            bindings: &self.bindings([self.a.fours, self.b.fours], out, ended),
            grid: Grid::groups(groups).lanes(tile.lanes() * tile.slices),
        };
        launch(gpu, &kernel, || self.tile_source(tile, &words, ended))
    }

    fn tile_source(&self, tile: Tile, words: &[Word; 9], ended: bool) -> Source {
        let [groups, tile_rows, tile_columns, batches, part, depth, rows, columns, len] = words;
        let kind = self.kind;
        let (a, b) = (Loader::new("a", &self.a, tile.rows, tile), Loader::new("b", &self.b, tile.columns, tile));
        let across = tile.columns / tile.lane_columns;
        let (of_rows, of_columns) = (tile.lane_rows / 4, tile.lane_columns / 4);
        let mut body = format!(
            "let work = min(group, {groups} - 1u);\nlet first_column = work % {tile_columns} * {columns_of}u;\n\
             let first_row = work / {tile_columns} % {tile_rows} * {rows_of}u;\n\
             let layer = work / {tile_columns} / {tile_rows};\nlet batch = layer % {batches};\n\
             let split = layer / {batches};\nlet start = split * {part};\nlet end = min(start + {part}, {depth});\n\
             {slices}let ahead = slice * {step}u;\nlet ty = own / {across}u;\nlet tx = own % {across}u;\n",
            columns_of = tile.columns,
            rows_of = tile.rows,
            slices = if tile.slices == 1 {
                "const slice = 0u;\nlet own = lane;\n".to_owned()
            } else {
                format!("let slice = lane / {0}u;\nlet own = lane % {0}u;\n", tile.lanes())
            },
            step = tile.depth,
        );
        body += &a.begin(kind, tile, "first_row", rows);
        body += &b.begin(kind, tile, "first_column", columns);
        for r in 0..tile.lane_rows {
            for c in 0..of_columns {
                let _ = writeln!(body, "var sum{r}_{c} = vec4<{kind}>();");
            }
        }
        body += &format!("{}{}", a.fetch(kind, "start + ahead"), b.fetch(kind, "start + ahead"));
        let _ = write!(
            body,
            "var here = start;\nwhile here < end {{\n{}{}workgroupBarrier();\nlet next = here + {}u;\n\
             if next < end {{\n{}{}}}\n{}for (var k = 0u; k < {}u; k++) {{\nlet at = ahead + k;\n",
            a.store(),
            b.store(),
            tile.depth * tile.slices,
            a.fetch(kind, "next + ahead"),
            b.fetch(kind, "next + ahead"),
            // A team whose depths are beyond the end has nothing to add.
            if tile.slices == 1 { "" } else { "if here + ahead < end {\n" },
            tile.depth,
        );
        for i in 0..of_rows {
            let _ = writeln!(body, "let of_a{i} = tile_a[at * {}u + ty * {of_rows}u + {i}u];", a.pitch());
        }
        for c in 0..of_columns {
            let _ = writeln!(body, "let of_b{c} = tile_b[at * {}u + tx + {}u];", b.pitch(), c * across);
        }
        for r in 0..tile.lane_rows {
            let component = ["x", "y", "z", "w"][r % 4];
            for c in 0..of_columns {
                let _ = writeln!(body, "sum{r}_{c} += of_a{}.{component} * of_b{c};", r / 4);
            }
        }
        body += if tile.slices == 1 { "}\n" } else { "}\n}\n" };
        body += "workgroupBarrier();\nhere = next;\n}\n";
        let (of_a, of_b) = tile.memory();
        body += &tile.join(if of_a >= of_b { "tile_a" } else { "tile_b" });
        body += "if slice == 0u {\n";
        for r in 0..tile.lane_rows {
            for c in 0..of_columns {
                let _ = writeln!(
                    body,
                    "put(batch, split, first_row + ty * {}u + {r}u, first_column + (tx + {}u) * 4u, sum{r}_{c});",
                    tile.lane_rows,
                    c * across
                );
            }
        }
        body += "}\n";
        let mut module = format!(
            "var<workgroup> tile_a: array<vec4<{kind}>, {of_a}>;\nvar<workgroup> tile_b: array<vec4<{kind}>, {of_b}>;\n"
        );
        module += &reader("a", &self.a, kind);
        module += &reader("b", &self.b, kind);
        module += &self.functions(ended);
        module += &format!(
            "fn put(batch: u32, split: u32, row: u32, column: u32, values: vec4<{kind}>) {{\nif row < {rows} {{\n"
        );
        for (c, component) in ["x", "y", "z", "w"].into_iter().enumerate() {
            let _ = writeln!(
                module,
                "if column + {c}u < {columns} {{\nfinish(values.{component}, split * {len} + place(batch, row, column + {c}u));\n}}"
            );
        }
        module += "}\n}\n";
        Source::new(body).with(&module)
    }

    fn with_vector(
        &self,
        gpu: &Gpu,
        mut parameters: Parameters,
        out: &Buffer,
        len: usize,
        (part, splits): (usize, usize),
    ) -> Result<()> {
        let (matrix, vector, lines) = if self.columns == 1 { ("a", "b", self.rows) } else { ("b", "a", self.columns) };
        let (height, team) = self.team();
        let blocks = lines.div_ceil(height);
        let groups = blocks * self.batches * splits;
        let words = [groups, blocks, self.batches, part, self.depth, lines, len].map(|size| parameters.count(size));
        let (kind, ended) = (self.kind, splits == 1);
        let kernel = Kernel {
            name: self.name,
            key: &format!(
                "vector product {kind} {matrix} {height} {} {} {} {}",
                self.a.key,
                self.b.key,
                self.place.key,
                self.ending_key(ended)
            ),
            parameters: &parameters,
            bindings: &self.bindings([false, false], out, ended),
            grid: Grid::groups(groups),
        };
        launch(gpu, &kernel, || {
            let [groups, blocks, batches, part, depth, lines, len] = &words;
            let along_lines = height > team;
            let (line, member, apart) = if along_lines {
                (format!("lane % {height}u"), format!("lane / {height}u"), height)
            } else {
                (format!("lane / {team}u"), format!("lane % {team}u"), 1)
            };
            let mut body = format!(
                "let work = min(group, {groups} - 1u);\nlet layer = work / {blocks};\nlet batch = layer % {batches};\n\
                 let split = layer / {batches};\nlet start = split * {part};\nlet end = min(start + {part}, {depth});\n\
                 let line = work % {blocks} * {height}u + {line};\nlet member = {member};\n\
                 let of_matrix = {matrix}_line(batch, min(line, {lines} - 1u));\nlet of_vector = {vector}_line(batch, 0u);\n\
                 var total = {kind}(0);\nfor (var k = start + member; k < end; k += {team}u) {{\n\
                 total += {matrix}_at(of_matrix, {matrix}_depth(k)) * {vector}_at(of_vector, {vector}_depth(k));\n}}\n\
                 shared_totals[lane] = total;\nworkgroupBarrier();\n"
            );
            let mut width = team / 2;
            while width > 0 {
                let _ = writeln!(
                    body,
                    "if member < {width}u {{\nshared_totals[lane] += shared_totals[lane + {}u];\n}}\nworkgroupBarrier();",
                    width * apart
                );
                width /= 2;
            }
            let at = if matrix == "a" { "line, 0u" } else { "0u, line" };
            let _ = writeln!(
                body,
                "if member == 0u && line < {lines} {{\nfinish(shared_totals[lane], split * {len} + place(batch, {at}));\n}}"
            );
            let module = format!(
                "var<workgroup> shared_totals: array<{kind}, {LANES}>;\n{}{}{}",
                plain_reader("a", &self.a, kind),
                plain_reader("b", &self.b, kind),
                self.functions(ended)
            );
            Source::new(body).with(&module)
        })
    }
}
