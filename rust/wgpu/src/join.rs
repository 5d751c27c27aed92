//! Dispatches that do not depend on each other as one: each has its share of the workgroups of a joined shader.
//!
//! A device takes some microseconds from one dispatch to the next, which is longer than small ones compute; and next to one
//! that fills a tenth of the device there is room for others. What is joined gives the bits that it gives alone.
//!
//! Names that a shader declares get its number in the joined text, parameters lie further on. A shader is compiled for a
//! set of dispatches that came several times, as those of training steps do; up to then they are dispatched one by one.

use std::{collections::HashMap, fmt::Write as _, sync::Arc};

use corten_core::Result;
use smallvec::{SmallVec, smallvec};

use crate::{
    adapter::is_set,
    device::{Gpu, lock},
    kernel::{Declared, Pipeline, Shader, Source, WORDS},
    memory::Block,
    stream::Dispatch,
};

/// Workgroups of a dispatch that has no room for others beside it.
const MOST_GROUPS: usize = 256;
/// Dispatches of a set.
const MOST_PARTS: usize = 8;
/// Buffers of a set, where the device binds as many.
const MOST_BUFFERS: usize = 32;
/// A set that came so often is compiled.
const OFTEN: u32 = 3;
/// Sets that are known.
const MOST_SETS: usize = 1024;

/// What a set is: the shader of each part, how many parameters it has, and which of the set's buffers it binds.
type Key = SmallVec<[u64; 32]>;

enum Known {
    Seen(u32),
    Compiled(Arc<Pipeline>),
    /// The driver does not take it.
    Refused,
}

/// The sets that were met.
#[derive(Default)]
pub(crate) struct Joined {
    sets: HashMap<Key, Known>,
}

impl Joined {
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Pipeline>> {
        self.sets.values().filter_map(|known| if let Known::Compiled(pipeline) = known { Some(pipeline) } else { None })
    }
}

/// A buffer of a dispatch.
#[derive(Clone, Copy)]
pub(crate) struct Bound<'a> {
    pub(crate) declared: &'a Declared,
    pub(crate) block: &'a Arc<Block>,
}

impl Bound<'_> {
    /// Whether one binding serves both.
    fn is(&self, other: &Self) -> bool {
        self.block.id == other.block.id
            && self.declared.access == other.declared.access
            && self.declared.element == other.declared.element
    }
}

/// Adds those of a dispatch's buffers that are not there yet.
fn extend<'a>(buffers: &mut SmallVec<[Bound<'a>; 8]>, work: &'a Dispatch) {
    for bound in work.bound() {
        if !buffers.iter().any(|known| known.is(&bound)) {
            buffers.push(bound);
        }
    }
}

/// Dispatches that may be one.
pub(crate) struct Set<'a> {
    parts: SmallVec<[&'a Dispatch; 4]>,
    buffers: SmallVec<[Bound<'a>; 8]>,
    /// Of parameters, four words each.
    rows: usize,
    /// Bytes of the workgroup's memory.
    shared: usize,
}

/// Rows of a dispatch's parameters.
fn rows(work: &Dispatch) -> usize {
    work.parameters.len().div_ceil(4)
}

fn groups(work: &Dispatch) -> usize {
    work.groups.iter().map(|&n| n as usize).product()
}

impl<'a> Set<'a> {
    fn new(work: &'a Dispatch) -> Self {
        let mut buffers = SmallVec::new();
        extend(&mut buffers, work);
        let shared = shared_bytes(&work.pipeline.shader.source.module);
        Self { parts: smallvec![work], buffers, rows: rows(work), shared }
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &'a Dispatch> {
        self.parts.iter().copied()
    }

    /// Takes a dispatch in, if there is room.
    fn takes(&mut self, gpu: &Gpu, work: &'a Dispatch) -> bool {
        let limits = &gpu.0.limits;
        let most = MOST_BUFFERS.min(limits.max_storage_buffers_per_shader_stage as usize);
        let mut buffers = self.buffers.clone();
        extend(&mut buffers, work);
        let shared = self.shared + shared_bytes(&work.pipeline.shader.source.module);
        let rows = self.rows + rows(work);
        // The last word of all stays zero.
        let fits = self.parts.len() < MOST_PARTS
            && self.parts[0].pipeline.joins
            && work.pipeline.joins
            && self.parts[0].pipeline.shader.lanes == work.pipeline.shader.lanes
            && groups(self.parts[0]) <= MOST_GROUPS
            && buffers.len() <= most
            && ends(self.parts.len() + 1) + rows < WORDS / 4
            && shared <= limits.max_compute_workgroup_storage_size as usize;
        if fits {
            self.parts.push(work);
            (self.buffers, self.rows, self.shared) = (buffers, rows, shared);
        }
        fits
    }

    /// Which of the set's buffers a part binds.
    fn bindings(&self, part: &'a Dispatch) -> impl Iterator<Item = usize> {
        part.bound().map(|bound| self.buffers.iter().position(|known| known.is(&bound)).unwrap_or(usize::MAX))
    }

    fn key(&self) -> Key {
        let mut key = Key::new();
        for part in &self.parts {
            key.extend([part.pipeline.id, rows(part) as u64]);
            key.extend(self.bindings(part).map(|binding| binding as u64));
        }
        key
    }

    fn dispatch(&self, pipeline: Arc<Pipeline>) -> Dispatch {
        let mut parameters: SmallVec<[u32; 32]> = SmallVec::new();
        let mut end = 0;
        for part in &self.parts {
            end += groups(part) as u32;
            parameters.push(end);
        }
        parameters.resize(ends(self.parts.len()) * 4, 0);
        for part in &self.parts {
            parameters.extend_from_slice(&part.parameters);
            parameters.resize(parameters.len().next_multiple_of(4), 0);
        }
        let blocks = self.buffers.iter().map(|bound| Arc::clone(bound.block)).collect();
        Dispatch { pipeline, parameters, blocks, groups: [end, 1] }
    }

    fn shader(&self) -> Shader {
        let names: Vec<&str> = self.parts.iter().map(|part| part.pipeline.shader.name.as_str()).collect();
        let bindings = self
            .buffers
            .iter()
            .enumerate()
            .map(|(number, bound)| Declared { name: format!("bound{number}"), ..bound.declared.clone() });
        let mut first_row = ends(self.parts.len());
        let (mut module, mut body) = (String::new(), String::new());
        for (number, part) in self.parts.iter().enumerate() {
            let Shader { source, bindings, .. } = &part.pipeline.shader;
            let mut renamed = Renaming { first_row, names: HashMap::new() };
            renamed.names.extend(declared(&source.module).map(|name| (name, format!("{name}_of{number}"))));
            let bound = self.bindings(part).map(|binding| format!("bound{binding}"));
            renamed.names.extend(bindings.iter().map(|binding| binding.name.as_str()).zip(bound));
            let _ = write!(
                module,
                "{}\nfn part{number}(group: u32, lane: u32) {{\n{}\n}}\n",
                renamed.apply(&source.module),
                renamed.apply(&source.body)
            );
            let end = |number: usize| format!("params[{}u].{}", number / 4, ["x", "y", "z", "w"][number % 4]);
            let before = if number == 0 { "0u".to_owned() } else { end(number - 1) };
            let _ = write!(body, "if group < {} {{\npart{number}(group - {before}, lane);\n}} else ", end(number));
            first_row += rows(part);
        }
        body += "{\n}";
        let (bindings, lanes) = (bindings.collect(), self.parts[0].pipeline.shader.lanes);
        Shader { name: names.join(" + "), bindings, lanes, source: Source { module, body } }
    }
}

/// Rows that say where the parts' workgroups end.
const fn ends(parts: usize) -> usize {
    parts.div_ceil(4)
}

/// The dispatches of a level as sets, in order.
pub(crate) fn sets<'a>(gpu: &Gpu, level: &[&'a Dispatch]) -> Vec<Set<'a>> {
    let mut sets: Vec<Set<'a>> = Vec::new();
    for &work in level {
        if groups(work) > MOST_GROUPS || !sets.iter_mut().any(|set| set.takes(gpu, work)) {
            sets.push(Set::new(work));
        }
    }
    sets
}

/// The dispatch of a whole set, if there is a shader for it.
///
/// # Errors
/// The driver refused the shader, and `CORTEN_GPU_CHECKS=1` asks to hear of it.
pub(crate) fn joined(gpu: &Gpu, set: &Set<'_>) -> Result<Option<Dispatch>> {
    if set.parts.len() == 1 {
        return Ok(None);
    }
    let key = set.key();
    let mut pipelines = lock(&gpu.0.pipelines);
    if pipelines.joined.sets.len() >= MOST_SETS {
        pipelines.joined.sets.retain(|_, known| !matches!(known, Known::Seen(_)));
    }
    let seen = match pipelines.joined.sets.get(&key) {
        Some(Known::Compiled(pipeline)) => return Ok(Some(set.dispatch(Arc::clone(pipeline)))),
        Some(Known::Refused) => return Ok(None),
        Some(Known::Seen(times)) => times + 1,
        None if pipelines.joined.sets.len() >= MOST_SETS => return Ok(None),
        None => 1,
    };
    let known = if seen < OFTEN {
        Known::Seen(seen)
    } else {
        match pipelines.compile(gpu, set.shader()) {
            Ok(pipeline) => Known::Compiled(Arc::new(pipeline)),
            Err(error) if is_set("CORTEN_GPU_CHECKS") => return Err(error),
            // One by one they are known to work.
            Err(_) => Known::Refused,
        }
    };
    let made = if let Known::Compiled(pipeline) = &known { Some(set.dispatch(Arc::clone(pipeline))) } else { None };
    pipelines.joined.sets.insert(key, known);
    Ok(made)
}

/// The words of a text: names and numbers, and where they begin. What follows a dot is a part of something.
pub(crate) fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + bytes[at..].iter().position(|&byte| part(byte))?;
            at = start + bytes[start..].iter().position(|&byte| !part(byte)).unwrap_or(bytes.len() - start);
            if start == 0 || bytes[start - 1] != b'.' {
                return Some((start, &text[start..at]));
            }
        }
    })
}

/// The names that a module declares: of functions, workgroup variables and constants.
fn declared(module: &str) -> impl Iterator<Item = &str> {
    let mut before = ["", ""];
    words(module).filter_map(move |(_, word)| {
        let declares = before[1] == "fn" || before[1] == "const" || before == ["var", "workgroup"];
        before = [before[1], word];
        declares.then_some(word)
    })
}

/// Bytes of a module's workgroup variables.
fn shared_bytes(module: &str) -> usize {
    module
        .split("var<workgroup> ")
        .skip(1)
        .filter_map(|rest| rest.split_once("array<")?.1.split_once(">;"))
        .map(|(array, _)| {
            let (element, count) = array.rsplit_once(", ").unwrap_or((array, "1"));
            let bytes = if element.starts_with("vec") { 16 } else { 4 };
            count.parse::<usize>().map_or(usize::MAX / 4, |count| count * bytes)
        })
        .sum()
}

/// How a part's text differs in the joined shader.
struct Renaming<'a> {
    names: HashMap<&'a str, String>,
    /// The row of its first parameters.
    first_row: usize,
}

impl Renaming<'_> {
    fn apply(&self, text: &str) -> String {
        let mut result = String::with_capacity(text.len() + 256);
        let (mut copied, mut previous) = (0, "");
        for (start, word) in words(text) {
            result += &text[copied..start];
            copied = start + word.len();
            let row = if previous == "params" { word.strip_suffix('u').and_then(|row| row.parse().ok()) } else { None };
            match (row, self.names.get(word)) {
                (Some(row), _) => {
                    let row: usize = row;
                    let _ = write!(result, "{}u", row + self.first_row);
                }
                (None, Some(name)) => result += name,
                (None, None) => result += word,
            }
            previous = word;
        }
        result + &text[copied..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_parameters_are_renamed() {
        let module = "var<workgroup> shared_sums: array<vec4<f32>, 64>;\nconst TEAM = 32u;\n\
                      fn combine(a: f32, b: f32) -> f32 { return a + b; }\n";
        assert_eq!(declared(module).collect::<Vec<_>>(), ["shared_sums", "TEAM", "combine"]);
        assert_eq!(shared_bytes(module), 1024);
        let names = declared(module).map(|name| (name, format!("{name}_of1"))).chain([("x", "bound3".to_owned())]);
        let renaming = Renaming { names: names.collect(), first_row: 5 };
        assert_eq!(
            renaming.apply("let v = combine(x[params[2u].x], shared_sums[TEAM].x) + 0x7fu;"),
            "let v = combine_of1(bound3[params[7u].x], shared_sums_of1[TEAM_of1].x) + 0x7fu;"
        );
    }
}
