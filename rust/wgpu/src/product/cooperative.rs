//! Products of float16 on a GPU's matrix units, through cooperative matrices; sums are float32.
//!
//! The lanes of a subgroup hold a square of each operand together and multiply them in one instruction. Four subgroups
//! share a tile of the result, of which each sums two by two squares. Tiles of the operands go to the workgroup's memory
//! as float16 and the sums come back through it as float32, so any operand and ending goes, as in the other kernels.
//!
//! Off unless [`ASKED`] is set: wgpu calls its interface experimental, and drivers are known that crash on such shaders.
//! With it, a product is made both ways when the GPU is opened ([`agree`]), and it is an error if they differ.

use corten_core::{DType, Error, Layout, Result};

use super::{Product, Side, plain_reader};
use crate::{
    In,
    adapter::is_set,
    copy,
    device::Gpu,
    elementwise::cast,
    kernel::{Grid, Kernel, Parameters, Source},
    matmul,
    memory::Buffer,
};

/// The environment variable that asks for matrix units.
pub(crate) const ASKED: &str = "CORTEN_GPU_COOPERATIVE_MATRIX";

/// Squares of a subgroup along an axis.
const SQUARES: usize = 2;
/// Subgroups of a workgroup along an axis.
const ACROSS: usize = 2;
/// Squares of a tile along the depth.
const STEPS: usize = 2;
/// Elements between lines of a tile beyond those of a line, so that lanes meet different banks.
const PAD: usize = 8;
/// Workgroups below which the units would stand idle.
const FEW: usize = 16;

/// What a GPU's units multiply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Units {
    /// Rows, columns and depth of a square.
    side: usize,
    /// Lanes of a subgroup.
    lanes: usize,
}

/// Where a product is made.
#[derive(Clone, Copy, Default)]
pub(crate) enum Way {
    /// On matrix units where there are some and enough work for them.
    #[default]
    Chosen,
    Lanes,
    Units(Units),
}

impl Units {
    /// Those of an adapter, if they are asked for and it says all that kernels have to know of them.
    pub(crate) fn of(handle: &wgpu::Adapter) -> Option<Self> {
        let needed =
            wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX | wgpu::Features::SHADER_F16 | wgpu::Features::SUBGROUP;
        if !is_set(ASKED) || !handle.features().contains(needed) {
            return None;
        }
        let squares = handle.cooperative_matrix_properties();
        let side = [16, 8].into_iter().find(|side| {
            squares.iter().any(|square| {
                [square.m_size, square.n_size, square.k_size] == [*side; 3]
                    && square.ab_type == wgpu::CooperativeScalarType::F16
                    && square.cr_type == wgpu::CooperativeScalarType::F32
            })
        })?;
        let info = handle.get_info();
        let lanes = if info.device_type == wgpu::DeviceType::Cpu {
            software_lanes()?
        } else if info.subgroup_min_size == info.subgroup_max_size {
            info.subgroup_min_size
        } else {
            return None;
        };
        let units = Self { side: side as usize, lanes: lanes as usize };
        let limits = handle.limits();
        let fits = units.bytes() <= limits.max_compute_workgroup_storage_size as usize
            && units.lanes() <= limits.max_compute_invocations_per_workgroup as usize;
        fits.then_some(units)
    }

    /// Leave to use what wgpu calls experimental, for those who have units.
    pub(crate) fn experiment(units: Option<Self>) -> wgpu::ExperimentalFeatures {
        if units.is_none() {
            return wgpu::ExperimentalFeatures::disabled();
        }
        // SAFETY: whoever sets `ASKED` accepts what an unfinished interface may do. Cooperative matrices are the one
        // experimental feature that is switched on, for adapters that name this size, and `agree` looks at results.
        unsafe { wgpu::ExperimentalFeatures::enabled() }
    }

    /// Rows and columns of a tile.
    const fn tile(self) -> usize {
        self.side * SQUARES * ACROSS
    }

    /// Depth of a tile.
    const fn depth(self) -> usize {
        self.side * STEPS
    }

    const fn lanes(self) -> usize {
        self.lanes * ACROSS * ACROSS
    }

    /// Bytes of the workgroup's memory.
    const fn bytes(self) -> usize {
        2 * (self.tile() * (self.depth() + PAD) + self.depth() * (self.tile() + PAD)) + 4 * self.tile() * self.tile()
    }
}

/// Lanes of a subgroup of llvmpipe, which names all sizes that it could have: its vectors have 256 bits unless it is told
/// another size. With that, Mesa 26.1 has no cooperative matrices, or crashes.
fn software_lanes() -> Option<u32> {
    std::env::var("LP_NATIVE_VECTOR_WIDTH").map_or(true, |bits| bits == "256").then_some(8)
}

impl Gpu {
    /// Whether products of float16 are made on matrix units, where they are large enough.
    pub fn has_matrix_units(&self) -> bool {
        self.0.units.is_some()
    }

    /// Tries the matrix units that were asked for: when a device is opened, as it waits for values.
    ///
    /// # Errors
    /// The driver refuses their shaders, or products on them are wrong.
    pub(crate) fn try_units(&self) -> Result<()> {
        let Some(units) = self.0.units else { return Ok(()) };
        let why = match agree(self, units) {
            Ok(true) => return Ok(()),
            Ok(false) => "products on them are wrong".to_owned(),
            Err(error) => error.to_string(),
        };
        Err(Error::device(format!(
            "GPU {} ({}): {ASKED}=1 asks for matrix units, which do not work here; unset it. {why}",
            self.index(),
            self.adapter().name
        )))
    }
}

/// Whether products of the units are those of the other kernels: whole numbers, whose sums are exact in both.
fn agree(gpu: &Gpu, units: Units) -> Result<bool> {
    let (rows, depth, columns) = (3 * units.tile() / 2 + 1, 2 * units.depth() + 3, units.tile() + 5);
    let layouts = [Layout::contiguous(&[rows, depth]), Layout::contiguous(&[depth, columns])];
    let make = |layout: &Layout, step: usize| -> Result<Buffer> {
        let numbers = (0..layout.len()).flat_map(|i| ((i * step % 17) as f32 - 8.0).to_ne_bytes());
        let wide = copy::upload(gpu, DType::F32, &numbers.collect::<Vec<u8>>())?;
        cast(gpu, In { buffer: &wide, layout, dtype: DType::F32 }, DType::F16)
    };
    let (a, b) = (make(&layouts[0], 5)?, make(&layouts[1], 7)?);
    let [a, b] =
        [(&a, &layouts[0]), (&b, &layouts[1])].map(|(buffer, layout)| In { buffer, layout, dtype: DType::F16 });
    let len = rows * columns;
    let layout = Layout::contiguous(&[len]);
    let mut found = Vec::new();
    for way in [Way::Lanes, Way::Units(units)] {
        let made = matmul::product(gpu, a, b, None, way)?;
        let mut bytes = vec![0; 2 * len];
        copy::download(gpu, In { buffer: &made, layout: &layout, dtype: DType::F16 }, &mut bytes)?;
        found.push(bytes);
    }
    Ok(found[0] == found[1])
}

impl Product<'_> {
    /// The units that this product is for, if there are any.
    pub(super) fn units(&self, gpu: &Gpu) -> Option<Units> {
        match self.way {
            Way::Chosen => {}
            Way::Lanes => return None,
            Way::Units(units) => return Some(units),
        }
        let halves = self.a.buffer.is_half() && self.b.buffer.is_half();
        if !halves || self.is_vector() {
            return None;
        }
        gpu.0.units.filter(|units| self.batches * self.tiles(*units).iter().product::<usize>() >= FEW)
    }

    fn tiles(&self, units: Units) -> [usize; 2] {
        [self.rows, self.columns].map(|lines| lines.div_ceil(units.tile()))
    }

    /// Makes it on the units, whole.
    pub(super) fn by_units(&self, gpu: &Gpu, mut parameters: Parameters, out: &Buffer, units: Units) -> Result<()> {
        let [tile_rows, tile_columns] = self.tiles(units);
        let groups = tile_rows * tile_columns * self.batches;
        let sizes = [groups, tile_rows, tile_columns, self.depth, self.rows, self.columns];
        let [groups_word, tile_rows, tile_columns, depth, rows, columns] = sizes.map(|size| parameters.count(size));
        let name = format!("{} on matrix units", self.name);
        let kernel = Kernel {
            name: &name,
            key: &format!(
                "product on units {units:?} {} {} {} {}",
                self.a.key,
                self.b.key,
                self.place.key,
                self.ending_key(true)
            ),
            parameters: &parameters,
            bindings: &self.bindings([false, false], out, true),
            grid: Grid::groups(groups).lanes(units.lanes()),
        };
        crate::kernel::launch(gpu, &kernel, || {
            let (tile, step, side, lanes) = (units.tile(), units.depth(), units.side, units.lanes());
            let square = |role: &str| {
                let element = if role == "C" { "f32" } else { "f16" };
                format!("coop_mat{side}x{side}<{element}, {role}>")
            };
            let (of_a, of_b) = (step + PAD, tile + PAD);
            let mut body = format!(
                "let work = min(group, {groups_word} - 1u);\nlet first_column = work % {tile_columns} * {tile}u;\n\
                 let first_row = work / {tile_columns} % {tile_rows} * {tile}u;\n\
                 let batch = work / {tile_columns} / {tile_rows};\n\
                 let own_row = subgroup_id / {ACROSS}u * {own}u;\nlet own_column = subgroup_id % {ACROSS}u * {own}u;\n",
                own = side * SQUARES,
            );
            let squares = || (0..SQUARES).flat_map(|r| (0..SQUARES).map(move |c| (r, c)));
            for (r, c) in squares() {
                body += &format!("var sum{r}_{c} = {}();\n", square("C"));
            }
            body += &format!("for (var here = 0u; here < {depth}; here += {step}u) {{\n");
            body += &load("a", &self.a, (tile, step, lanes), &rows.to_string(), &depth.to_string());
            body += &load("b", &self.b, (tile, step, lanes), &columns.to_string(), &depth.to_string());
            body += "workgroupBarrier();\n";
            for k in 0..STEPS {
                for i in 0..SQUARES {
                    body += &format!(
                        "let a{k}_{i} = coopLoadT<{}>(&tile_a[(own_row + {at}u) * {of_a}u + {k}u * {side}u], {of_a}u);\n\
                         let b{k}_{i} = coopLoadT<{}>(&tile_b[{k}u * {side}u * {of_b}u + own_column + {at}u], {of_b}u);\n",
                        square("A"),
                        square("B"),
                        at = i * side,
                    );
                }
                for (r, c) in squares() {
                    body += &format!("sum{r}_{c} = coopMultiplyAdd(a{k}_{r}, b{k}_{c}, sum{r}_{c});\n");
                }
            }
            body += "workgroupBarrier();\n}\n";
            for (r, c) in squares() {
                body += &format!(
                    "coopStoreT(sum{r}_{c}, &sums[(own_row + {}u) * {tile}u + own_column + {}u], {tile}u);\n",
                    r * side,
                    c * side
                );
            }
            body += &format!(
                "workgroupBarrier();\nfor (var e = lane; e < {}u; e += {lanes}u) {{\nlet row = first_row + e / {tile}u;\n\
                 let column = first_column + e % {tile}u;\nif row < {rows} && column < {columns} {{\n\
                 finish(sums[e], place(batch, row, column));\n}}\n}}\n",
                tile * tile
            );
            let module = format!(
                "var<workgroup> tile_a: array<f16, {}>;\nvar<workgroup> tile_b: array<f16, {}>;\n\
                 var<workgroup> sums: array<f32, {}>;\n{}{}{}",
                tile * of_a,
                step * of_b,
                tile * tile,
                plain_reader("a", &self.a, "f32"),
                plain_reader("b", &self.b, "f32"),
                self.functions(true)
            );
            Source::new(body).with(&module)
        })
    }
}

/// Statements that bring an operand's tile to the workgroup's memory: `a` row by row, `b` depth by depth.
fn load(name: &str, side: &Side<'_>, sizes: (usize, usize, usize), lines: &str, depth: &str) -> String {
    let (tile, step, lanes) = sizes;
    // Lanes side by side read what lies side by side.
    let (line, k) = if side.along_lines {
        (format!("e % {tile}u"), format!("e / {tile}u"))
    } else {
        (format!("e / {step}u"), format!("e % {step}u"))
    };
    let (first, place) = if name == "a" {
        ("first_row", format!("line * {}u + k", step + PAD))
    } else {
        ("first_column", format!("k * {}u + line", tile + PAD))
    };
    format!(
        "for (var e = lane; e < {all}u; e += {lanes}u) {{\nlet line = {line};\nlet k = {k};\nvar value = 0.0;\n\
         if here + k < {depth} {{\n\
         value = {name}_at({name}_line(batch, min({first} + line, {lines} - 1u)), {name}_depth(here + k));\n}}\n\
         tile_{name}[{place}] = f16(value);\n}}\n",
        all = tile * step,
    )
}
