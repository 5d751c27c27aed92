//! Shaders: text made for a key, compiled once, dispatched with parameters and buffers.
//!
//! A kernel is the body of one function over workgroups. [`launch`] adds the rest: the declarations of the buffers,
//! the parameters, and those functions of `functions/*.wgsl` that the body calls (their names start with `k_`).
//! Sizes, strides and numbers are parameters, so that one shader serves all shapes.
//!
//! ```ignore
//! // out[i] = x[i] + amount
//! let mut parameters = Parameters::new();
//! let (n, amount) = (parameters.count(len), parameters.float(2.5));
//! let work = Kernel {
//!     name: "shift",
//!     key: "shift",
//!     parameters: &parameters,
//!     bindings: &[Bind::read("x", &x, "f32"), Bind::write("result", &out, "f32")],
//!     grid: Grid::elements(len),
//! };
//! launch(gpu, &work, || Source::new(each_element(&n, &format!("result[i] = x[i] + {amount};"))))?;
//! ```
//!
//! The body finds `group` (the number of the workgroup, over all axes of a [`Grid::groups`]) and `lane` (0 to 255, or as
//! many as the kernel has). It may become a part of a larger shader: see `join.rs`.
//!
//! Nothing checks indices on the device: a kernel must not go outside its buffers, whatever they hold. NaN must be
//! tested with `k_is_nan`, and `k_max`, `k_min` taken in place of `max`, `min`: compilers of drivers assume that
//! there is none.

use std::{
    collections::HashMap,
    fmt::{self, Write as _},
    sync::{Arc, OnceLock, atomic::AtomicU64},
};

use corten_core::{Error, Result};
use smallvec::SmallVec;

use crate::{
    adapter::is_set,
    cache::Cache,
    device::{Gpu, GroupLayout, Layouts, count, lock},
    future::block_on,
    half::{converted, halved, widened},
    join::Joined,
    memory::{Block, Buffer},
    stream::{Dispatch, parameter_layout},
};

/// Words of a parameter block.
pub(crate) const WORDS: usize = 256;
pub(crate) const PARAMETER_BYTES: u64 = WORDS as u64 * 4;
/// Invocations of a workgroup.
pub(crate) const LANES: usize = 256;
/// Elements each invocation of an elementwise kernel looks at.
pub(crate) const ITEMS: usize = 4;
/// Workgroups along one axis of a dispatch.
const MOST_GROUPS: usize = 65_535;

/// A number that a shader reads from its parameters; shown, it is the expression that does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word {
    at: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Unsigned,
    Float,
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (row, column) = (self.at / 4, ["x", "y", "z", "w"][self.at % 4]);
        match self.kind {
            Kind::Unsigned => write!(f, "params[{row}u].{column}"),
            Kind::Float => write!(f, "bitcast<f32>(params[{row}u].{column})"),
        }
    }
}

/// The numbers a dispatch is given. Their places depend on the order alone, so they agree with the text made for
/// the same key before.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    words: SmallVec<[u32; 32]>,
}

impl Parameters {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn push(&mut self, word: u32, kind: Kind) -> Word {
        self.words.push(word);
        Word { at: self.words.len() - 1, kind }
    }

    /// A size, an offset, a position: below 2^32.
    pub(crate) fn count(&mut self, value: usize) -> Word {
        self.push(value as u32, Kind::Unsigned)
    }

    /// The bits of a word.
    pub(crate) fn bits(&mut self, value: u32) -> Word {
        self.push(value, Kind::Unsigned)
    }

    /// A stride, which `u32` arithmetic adds rightly even if it is negative.
    pub(crate) fn stride(&mut self, value: isize) -> Word {
        self.push(value as i32 as u32, Kind::Unsigned)
    }

    pub(crate) fn float(&mut self, value: f64) -> Word {
        self.push((value as f32).to_bits(), Kind::Float)
    }

    /// How many more words there is room for. The last one stays zero: `k_zero` reads it.
    pub(crate) fn room(&self) -> usize {
        WORDS - 1 - self.words.len().min(WORDS - 1)
    }
}

/// A buffer as a kernel sees it: an array of this name and element type.
#[derive(Clone, Copy)]
pub(crate) struct Bind<'a> {
    name: &'a str,
    memory: Memory<'a>,
    element: &'static str,
    access: Access,
}

#[derive(Clone, Copy)]
enum Memory<'a> {
    Array(&'a Buffer),
    Block(&'a Arc<Block>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

impl<'a> Bind<'a> {
    /// `element` is `f32`, `i32`, `u32` or a vector of them; `f16` is what an array of float16 is read as that way too.
    pub(crate) fn read(name: &'a str, buffer: &'a Buffer, element: &'static str) -> Self {
        Self { name, memory: Memory::Array(buffer), element: held(buffer, element), access: Access::Read }
    }

    /// Read and written. A buffer that is bound so may not be bound a second time.
    pub(crate) fn write(name: &'a str, buffer: &'a Buffer, element: &'static str) -> Self {
        Self { name, memory: Memory::Array(buffer), element: held(buffer, element), access: Access::Write }
    }

    /// Its memory: what is still to be computed is, and before a write what is still to be read from it.
    fn block(&self, gpu: &Gpu) -> Result<&'a Arc<Block>> {
        match self.memory {
            Memory::Block(block) => Ok(block),
            Memory::Array(buffer) => {
                gpu.owns(buffer)?;
                if buffer.is_half() != widened(self.element).is_some() {
                    return Err(Error::device(format!("{} does not hold what the kernel reads", self.name)));
                }
                let block = buffer.ready()?;
                if self.access == Access::Write {
                    buffer.cell().compute_readers()?;
                }
                Ok(block)
            }
        }
    }

    /// The record of the first index out of range.
    pub(crate) fn flags(block: &'a Arc<Block>) -> Self {
        Self { name: "flags", memory: Memory::Block(block), element: ATOMIC, access: Access::Write }
    }

    fn declared(&self) -> Declared {
        Declared { name: self.name.to_owned(), element: self.element, access: self.access }
    }
}

/// What an array holds that a kernel reads as `element`.
fn held(buffer: &Buffer, element: &'static str) -> &'static str {
    if buffer.is_half() { halved(element).unwrap_or(element) } else { element }
}

/// The element type of the record of the first index out of range.
const ATOMIC: &str = "atomic<u32>";

/// A buffer in the text of a shader.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) element: &'static str,
    pub(crate) access: Access,
}

impl Declared {
    /// Whether the order of those who write does not matter.
    pub(crate) fn is_record(&self) -> bool {
        self.element == ATOMIC
    }
}

/// Workgroups of a dispatch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    groups: [u32; 2],
    /// Invocations of each.
    lanes: usize,
}

impl Grid {
    /// For [`each_element`] over `n` elements.
    pub(crate) fn elements(n: usize) -> Self {
        Self::groups(n.div_ceil(LANES * ITEMS))
    }

    /// At least `n` workgroups of 256 invocations; the kernel must pass over numbers of `n` and more.
    pub(crate) fn groups(n: usize) -> Self {
        let x = n.clamp(1, MOST_GROUPS);
        Self { groups: [x, n.max(1).div_ceil(x)].map(|n| n as u32), lanes: LANES }
    }

    /// With fewer invocations per workgroup than 256.
    #[must_use]
    pub(crate) const fn lanes(self, lanes: usize) -> Self {
        Self { lanes, ..self }
    }
}

/// One dispatch of a kernel.
pub(crate) struct Kernel<'a> {
    /// What errors call it.
    pub(crate) name: &'a str,
    /// Equal keys have equal text.
    pub(crate) key: &'a str,
    pub(crate) parameters: &'a Parameters,
    pub(crate) bindings: &'a [Bind<'a>],
    pub(crate) grid: Grid,
}

/// The text of a kernel.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// Module scope: functions, workgroup variables.
    pub(crate) module: String,
    /// Statements of the entry point.
    pub(crate) body: String,
}

impl Source {
    pub(crate) fn new(body: impl Into<String>) -> Self {
        Self { module: String::new(), body: body.into() }
    }

    /// Adds functions and workgroup variables.
    #[must_use]
    pub(crate) fn with(mut self, module: &str) -> Self {
        self.module.push_str(module);
        self
    }
}

/// Statements for each element `i` below `n`, in a [`Grid::elements`].
pub(crate) fn each_element(n: &Word, statements: &str) -> String {
    format!(
        "let first = group * {}u + lane;\nfor (var item = 0u; item < {ITEMS}u; item++) {{\n\
         let i = first + item * {LANES}u;\nif i < {n} {{\n{statements}\n}}\n}}",
        LANES * ITEMS
    )
}

/// A shader before it is compiled.
pub(crate) struct Shader {
    /// What errors and counts call it.
    pub(crate) name: String,
    pub(crate) bindings: Vec<Declared>,
    pub(crate) lanes: usize,
    pub(crate) source: Source,
}

/// Shaders that were compiled.
pub(crate) struct Pipelines {
    compiled: HashMap<String, Arc<Pipeline>>,
    pub(crate) joined: Joined,
    /// Those of other processes.
    cache: Option<Arc<Cache>>,
    layouts: Layouts,
    parameters: wgpu::BindGroupLayout,
    made: u64,
}

pub(crate) struct Pipeline {
    pub(crate) id: u64,
    pub(crate) compiled: wgpu::ComputePipeline,
    pub(crate) layout: Arc<GroupLayout>,
    pub(crate) layout_id: u64,
    pub(crate) shader: Shader,
    /// How often it was dispatched.
    pub(crate) dispatches: AtomicU64,
    /// Whether its text may be a part of another shader.
    pub(crate) joins: bool,
}

impl Pipelines {
    pub(crate) fn new(device: &wgpu::Device, cache: Option<Arc<Cache>>) -> Self {
        Self {
            compiled: HashMap::new(),
            joined: Joined::default(),
            cache,
            layouts: HashMap::new(),
            parameters: parameter_layout(device),
            made: 0,
        }
    }

    /// All that were compiled.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Pipeline>> {
        self.compiled.values().chain(self.joined.all())
    }

    fn layout(&mut self, device: &wgpu::Device, bindings: &[Declared]) -> (Arc<GroupLayout>, u64) {
        let written = bindings
            .iter()
            .enumerate()
            .fold(0u32, |mask, (i, bind)| mask | u32::from(bind.access == Access::Write) << i);
        let id = (bindings.len() as u64) << 32 | u64::from(written);
        let parameters = &self.parameters;
        let layout = self.layouts.entry((bindings.len(), written)).or_insert_with(|| {
            let entries: Vec<wgpu::BindGroupLayoutEntry> = (0..bindings.len())
                .map(|i| wgpu::BindGroupLayoutEntry {
                    binding: i as u32,
                    visibility: wgpu::ShaderStages::COMPUTE,
                    ty: wgpu::BindingType::Buffer {
                        ty: wgpu::BufferBindingType::Storage { read_only: written >> i & 1 == 0 },
                        has_dynamic_offset: false,
                        min_binding_size: None,
                    },
                    count: None,
                })
                .collect();
            let buffers =
                device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
            let pipeline = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: None,
                bind_group_layouts: &[Some(parameters), Some(&buffers)],
                immediate_size: 0,
            });
            Arc::new(GroupLayout { buffers, pipeline })
        });
        (Arc::clone(layout), id)
    }

    pub(crate) fn compile(&mut self, gpu: &Gpu, shader: Shader) -> Result<Pipeline> {
        let (layout, layout_id) = self.layout(&gpu.0.device, &shader.bindings);
        let text = text(&shader);
        let device = &gpu.0.device;
        let scopes = [wgpu::ErrorFilter::Validation, wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::OutOfMemory]
            .map(|filter| device.push_error_scope(filter));
        let checks = if is_set("CORTEN_GPU_CHECKS") {
            wgpu::ShaderRuntimeChecks::checked()
        } else {
            wgpu::ShaderRuntimeChecks::unchecked()
        };
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(&shader.name),
            source: wgpu::ShaderSource::Wgsl(text.as_str().into()),
        };
        // SAFETY: kernels keep every index inside the buffers they are given (see the head of this file), their loops
        // end, and they do not divide by zero.
        let module = unsafe { device.create_shader_module_trusted(descriptor, checks) };
        let compiled = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(&shader.name),
            layout: Some(&layout.pipeline),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &[],
                zero_initialize_workgroup_memory: false,
            },
            cache: self.cache.as_ref().map(|cache| cache.handle()),
        });
        // Scopes end in reverse order, all of them.
        let errors = scopes.into_iter().rev().filter_map(|scope| block_on(scope.pop()));
        let wrong = errors.fold(None, |first: Option<wgpu::Error>, error| first.or(Some(error)));
        if let Some(error) = wrong {
            gpu.alive()?;
            return Err(Error::device(format!("{}: the GPU's shader was refused: {error}\n{text}", shader.name)));
        }
        count(&gpu.0.counters.pipelines, 1);
        if let Some(cache) = &self.cache {
            cache.note();
        }
        self.made += 1;
        let joins = !is_cooperative(&shader);
        Ok(Pipeline { id: self.made, compiled, layout, layout_id, shader, dispatches: AtomicU64::new(0), joins })
    }
}

/// The functions that shaders share, by name.
fn library() -> &'static HashMap<&'static str, &'static str> {
    static LIBRARY: OnceLock<HashMap<&'static str, &'static str>> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let files = [
            include_str!("functions/basics.wgsl"),
            include_str!("functions/exponential.wgsl"),
            include_str!("functions/trigonometry.wgsl"),
            include_str!("functions/special.wgsl"),
            include_str!("functions/arithmetic.wgsl"),
            include_str!("functions/random.wgsl"),
            include_str!("functions/slopes.wgsl"),
        ];
        let mut all = HashMap::new();
        for part in files.into_iter().flat_map(|file| file.split("\nfn ").skip(1)) {
            if let Some((name, _)) = part.split_once('(') {
                // What follows the closing brace of column 0 is the comment of the next function.
                all.insert(name, part.split_once("\n}").map_or(part, |(text, _)| text));
            }
        }
        all
    })
}

/// The names in a text that the library may define.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("k_").filter_map(move |(start, _)| {
        let inside = start > 0 && text.as_bytes()[start - 1].is_ascii_alphanumeric();
        let rest = &text[start..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        (!inside).then_some(&rest[..end])
    })
}

/// The library's functions that a text calls, and those that they call.
fn called(texts: &[&str]) -> String {
    let mut found: Vec<&str> = Vec::new();
    let mut open: Vec<&str> = texts.iter().flat_map(|text| names(text)).collect();
    while let Some(name) = open.pop() {
        if let Some((&name, text)) = library().get_key_value(name)
            && !found.contains(&name)
        {
            found.push(name);
            open.extend(names(text));
        }
    }
    found.sort_unstable();
    found.iter().fold(String::new(), |all, name| all + "fn " + library()[name] + "\n}\n")
}

/// Whether the lanes of its subgroups hold matrices together.
fn is_cooperative(shader: &Shader) -> bool {
    shader.source.body.contains("coopMultiplyAdd")
}

fn text(shader: &Shader) -> String {
    let source = &shader.source;
    let arrays = shader.bindings.iter().map(|bind| (bind.name.as_str(), bind.element));
    let halves: HashMap<&str, &str> = arrays.filter(|(_, element)| widened(element).is_some()).collect();
    let (module, body) = (converted(&source.module, &halves), converted(&source.body, &halves));
    let mut text = (if halves.is_empty() { "" } else { "enable f16;\n" }).to_owned();
    let mut extra = "";
    if is_cooperative(shader) {
        text += "enable wgpu_cooperative_matrix;\n";
        extra = ", @builtin(subgroup_id) subgroup_id: u32";
    }
    text += &format!("@group(0) @binding(0) var<uniform> params: array<vec4<u32>, {}>;\n", WORDS / 4);
    for (i, Declared { name, element, access }) in shader.bindings.iter().enumerate() {
        let access = if *access == Access::Write { "read_write" } else { "read" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "@group(1) @binding({i}) var<storage, {access}> {name}: array<{element}>;");
    }
    text += &called(&[&module, &body]);
    text += &module;
    let _ = write!(
        text,
        "\n@compute @workgroup_size({}, 1, 1)\nfn main(@builtin(workgroup_id) group_id: vec3<u32>, \
         @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32{extra}) {{\n\
         let group = group_id.y * groups.x + group_id.x;\n{}\n}}\n",
        shader.lanes, body
    );
    text
}

/// Queues one dispatch; `source` is asked for the text if there is no shader for the key yet.
pub(crate) fn launch(gpu: &Gpu, kernel: &Kernel<'_>, source: impl FnOnce() -> Source) -> Result<()> {
    gpu.alive()?;
    let limits = &gpu.0.limits;
    if kernel.bindings.len() > limits.max_storage_buffers_per_shader_stage as usize
        || kernel.parameters.words.len() >= WORDS
        || kernel.grid.groups.iter().any(|&n| n as usize > MOST_GROUPS)
    {
        return Err(Error::unsupported(format!(
            "{}: the operands are too many or too large for this GPU; run it on device \"cpu\"",
            kernel.name
        )));
    }
    let blocks = kernel.bindings.iter().map(|bind| bind.block(gpu)).collect::<Result<SmallVec<[&Arc<Block>; 8]>>>()?;
    let key = full_key(kernel);
    let pipeline = {
        let mut pipelines = lock(&gpu.0.pipelines);
        if let Some(known) = pipelines.compiled.get(&key) {
            Arc::clone(known)
        } else {
            let shader = Shader {
                name: kernel.name.to_owned(),
                bindings: kernel.bindings.iter().map(Bind::declared).collect(),
                lanes: kernel.grid.lanes,
                source: source(),
            };
            let made = Arc::new(pipelines.compile(gpu, shader)?);
            pipelines.compiled.insert(key, Arc::clone(&made));
            made
        }
    };
    let work = Dispatch {
        pipeline,
        parameters: kernel.parameters.words.clone(),
        blocks: blocks.into_iter().map(Arc::clone).collect(),
        groups: kernel.grid.groups,
    };
    lock(&gpu.0.stream).queue(gpu, work)
}

/// The key with what `launch` adds to the text.
fn full_key(kernel: &Kernel<'_>) -> String {
    let mut key = String::with_capacity(kernel.key.len() + 64);
    key.push_str(kernel.key);
    if kernel.grid.lanes != LANES {
        let _ = write!(key, "@{}", kernel.grid.lanes);
    }
    for bind in kernel.bindings {
        key.push(if bind.access == Access::Write { '>' } else { '<' });
        key.push_str(bind.name);
        key.push(':');
        key.push_str(bind.element);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_called_is_added() {
        let text = called(&["let y = k_sigmoid(x);"]);
        assert!(
            text.contains("fn k_sigmoid(") && text.contains("fn k_exp_times(") && text.contains("fn k_power_of_two(")
        );
        assert!(!text.contains("fn k_lgamma("));
    }

    #[test]
    fn names_are_whole() {
        assert_eq!(names("k_exp(x) + rank_of(y) + k_max").collect::<Vec<_>>(), ["k_exp", "k_max"]);
    }

    #[test]
    fn every_called_function_is_defined() {
        for (name, text) in library() {
            for called in names(text).filter(|called| called != name) {
                assert!(library().contains_key(called), "{name} calls {called}");
            }
        }
    }
}
