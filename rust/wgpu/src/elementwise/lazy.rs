//! Elementwise ops that wait until something reads their result, so that a chain of them is one dispatch.
//!
//! A buffer without memory knows its op and operands ([`Pending`]). When its elements are needed, the ops it is made of
//! become one shader, as far as their shapes are equal; those whose results somebody else still holds are stored by it
//! too. Before memory changes in place, everything that is still to read it is computed.

use std::{collections::HashMap, fmt::Write as _, sync::Arc};

use corten_core::{Error, Layout, Result};
use smallvec::SmallVec;

use crate::{
    In,
    device::{Gpu, lock},
    half::HALF,
    kernel::{Bind, Grid, Kernel, Parameters, Source, each_element, launch},
    memory::{Buffer, Cell, alloc_like},
    strided::Walk,
};

/// Ops of one shader.
const MOST_OPS: usize = 16;
/// Operands of one shader; with the results they fit the eight buffers that every device binds.
const MOST_LEAVES: usize = 6;
/// Buffers of one shader.
const MOST_BUFFERS: usize = 8;
const LEAVES: [&str; MOST_LEAVES] = ["a", "b", "c", "d", "e", "f"];
const RESULTS: [&str; MOST_BUFFERS] = ["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"];

/// One op and its operands.
pub(crate) struct Pending {
    name: &'static str,
    layout: Layout,
    /// The result's type in shaders.
    kind: &'static str,
    /// Of the operands `$0`, `$1`, `$2`.
    expression: String,
    pub(crate) operands: SmallVec<[Operand; 3]>,
}

impl Pending {
    /// Whether the result is float16.
    pub(crate) fn is_half(&self) -> bool {
        self.kind == HALF
    }
}

#[derive(Clone)]
pub(crate) struct Operand {
    pub(crate) cell: Arc<Cell>,
    layout: Layout,
    kind: &'static str,
}

/// An op that is still to be computed, as others see it.
struct Inner {
    kind: &'static str,
    expression: String,
    operands: SmallVec<[Operand; 3]>,
}

/// The op of a cell that is still to be computed, if its result has a shape.
fn inner(cell: &Cell, shape: &[usize]) -> Option<Inner> {
    // Copied, because operands are looked at without the lock.
    lock(&cell.pending).as_ref().filter(|how| how.layout.shape() == shape).map(|how| Inner {
        kind: how.kind,
        expression: how.expression.clone(),
        operands: how.operands.clone(),
    })
}

impl Operand {
    /// The op that makes it, if its elements are those of a result of that layout, one for one.
    fn inner(&self, layout: &Layout) -> Option<Inner> {
        let matches = self.layout.shape() == layout.shape()
            && self.layout.offset() == 0
            && self.layout.is_contiguous()
            && self.cell.len() == layout.len();
        if matches { inner(&self.cell, layout.shape()).filter(|inner| inner.kind == self.kind) } else { None }
    }

    fn is(&self, cell: &Arc<Cell>, layout: &Layout, kind: &str) -> bool {
        Arc::ptr_eq(&self.cell, cell) && self.layout == *layout && self.kind == kind
    }
}

/// What an expression is made of.
#[derive(Default)]
struct Extent {
    ops: Vec<*const Cell>,
    leaves: Vec<Operand>,
}

impl Extent {
    fn add(&mut self, operand: &Operand, layout: &Layout) {
        match operand.inner(layout) {
            Some(_) if self.ops.contains(&Arc::as_ptr(&operand.cell)) => {}
            Some(inner) => {
                self.ops.push(Arc::as_ptr(&operand.cell));
                inner.operands.iter().for_each(|operand| self.add(operand, layout));
            }
            None if self.leaves.iter().any(|leaf| leaf.is(&operand.cell, &operand.layout, operand.kind)) => {}
            None => self.leaves.push(operand.clone()),
        }
    }
}

pub(crate) fn record(
    gpu: &Gpu,
    name: &'static str,
    operands: &[(In<'_>, &'static str)],
    kind: &'static str,
    expression: String,
) -> Result<Buffer> {
    let layout = Layout::contiguous(operands[0].0.layout.shape());
    // Refused now, where the op can still be named.
    Walk::new(name, &operands.iter().map(|(x, _)| x.layout).collect::<SmallVec<[&Layout; 3]>>())?;
    let operands: SmallVec<[Operand; 3]> = operands
        .iter()
        .map(|(x, kind)| Operand { cell: Arc::clone(x.buffer.cell()), layout: x.layout.clone(), kind })
        .collect();
    for operand in &operands {
        if operand.inner(&layout).is_none() {
            // No part of this expression: it is read, so it is needed.
            operand.cell.ready()?;
        }
    }
    let mut extent = Extent::default();
    operands.iter().for_each(|operand| extent.add(operand, &layout));
    if extent.ops.len() >= MOST_OPS || extent.leaves.len() > MOST_LEAVES {
        for operand in &operands {
            operand.cell.ready()?;
        }
    }
    let len = layout.len();
    Ok(Buffer::pending(gpu, len, Pending { name, layout, kind, expression, operands }))
}

/// Gives a cell its memory.
pub(crate) fn compute(cell: &Arc<Cell>) -> Result<()> {
    let _alone = lock(&cell.gpu.0.computing);
    run(cell)
}

/// An expression as it becomes a shader.
#[derive(Default)]
struct Graph {
    leaves: Vec<(Buffer, Layout, &'static str)>,
    nodes: Vec<Node>,
    /// Where the value of a cell is.
    known: HashMap<*const Cell, usize>,
}

struct Node {
    cell: Arc<Cell>,
    kind: &'static str,
    text: String,
    /// How often other nodes read it.
    uses: usize,
}

/// The caller holds the device's lock for this.
fn run(cell: &Arc<Cell>) -> Result<()> {
    let Some((layout, name)) = lock(&cell.pending).as_ref().map(|root| (root.layout.clone(), root.name)) else {
        return Ok(());
    };
    let mut graph = Graph::default();
    graph.add(cell, &layout)?;
    if graph.leaves.len() > MOST_LEAVES {
        // Results that were read since then are operands now: each part for itself, which leaves three at most.
        drop(std::mem::take(&mut graph));
        for operand in inner(cell, layout.shape()).into_iter().flat_map(|inner| inner.operands) {
            run(&operand.cell)?;
        }
        graph.add(cell, &layout)?;
    }
    let gpu = &cell.gpu;
    // Of the inner results those that others hold too: one reference is the node's own, the rest are counted.
    let most = MOST_BUFFERS.min(gpu.0.limits.max_storage_buffers_per_shader_stage as usize);
    let last = graph.nodes.len() - 1;
    let mut stored: Vec<usize> = (0..last)
        .filter(|&i| Arc::strong_count(&graph.nodes[i].cell) > 1 + graph.nodes[i].uses)
        .take(most.saturating_sub(graph.leaves.len() + 1))
        .collect();
    stored.push(last);
    let results = stored
        .iter()
        .map(|&node| alloc_like(gpu, &Buffer::of(&graph.nodes[node].cell), layout.len()))
        .collect::<Result<Vec<Buffer>>>()?;
    let walk = Walk::new(name, &graph.leaves.iter().map(|leaf| &leaf.1).collect::<Vec<&Layout>>())?;
    let mut parameters = Parameters::new();
    let n = parameters.count(layout.len());
    let words = walk.push(&mut parameters);
    let mut text = String::new();
    for (i, node) in graph.nodes.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "let v{i} = {};", node.text);
    }
    let mut bindings: SmallVec<[Bind<'_>; 8]> =
        graph.leaves.iter().zip(LEAVES).map(|((buffer, _, kind), name)| Bind::read(name, buffer, kind)).collect();
    for ((node, result), name) in stored.iter().zip(&results).zip(RESULTS) {
        let _ = writeln!(text, "{name}[i] = v{node};");
        bindings.push(Bind::write(name, result, graph.nodes[*node].kind));
    }
    let kernel = Kernel {
        name,
        key: &format!("{text}{}", walk.key()),
        parameters: &parameters,
        bindings: &bindings,
        grid: Grid::elements(layout.len()),
    };
    launch(gpu, &kernel, || {
        let mut loads = walk.places(&words, "i", "at");
        for (i, name) in LEAVES.iter().enumerate().take(graph.leaves.len()) {
            let _ = writeln!(loads, "let l{i} = {name}[at{i}];");
        }
        Source::new(each_element(&n, &(loads + &text)))
    })?;
    for (node, result) in stored.iter().zip(&results) {
        graph.nodes[*node].cell.settle(result);
    }
    Ok(())
}

impl Graph {
    /// Adds what computes a cell, which is still to be, and gives its number.
    fn add(&mut self, cell: &Arc<Cell>, layout: &Layout) -> Result<usize> {
        if let Some(&known) = self.known.get(&Arc::as_ptr(cell)) {
            return Ok(known);
        }
        let Some(Inner { kind, expression: mut text, operands }) = inner(cell, layout.shape()) else {
            return Err(Error::device("an array of the GPU is nowhere"));
        };
        for (number, operand) in operands.iter().enumerate() {
            let value = if operand.inner(layout).is_some() {
                let node = self.add(&operand.cell, layout)?;
                self.nodes[node].uses += 1;
                format!("v{node}")
            } else {
                format!("l{}", self.leaf(operand)?)
            };
            text = text.replace(&format!("${number}"), &value);
        }
        if kind == HALF {
            // Rounded here, so that what is computed together gives the bits of one by one.
            text = format!("k_half({text})");
        }
        self.nodes.push(Node { cell: Arc::clone(cell), kind, text, uses: 0 });
        self.known.insert(Arc::as_ptr(cell), self.nodes.len() - 1);
        Ok(self.nodes.len() - 1)
    }

    fn leaf(&mut self, operand: &Operand) -> Result<usize> {
        run(&operand.cell)?;
        let same = |leaf: &(Buffer, Layout, &'static str)| operand.is(leaf.0.cell(), &leaf.1, leaf.2);
        if let Some(known) = self.leaves.iter().position(same) {
            return Ok(known);
        }
        self.leaves.push((Buffer::of(&operand.cell), operand.layout.clone(), operand.kind));
        Ok(self.leaves.len() - 1)
    }
}
