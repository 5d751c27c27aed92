//! The graph of what was computed, and the walk back through it.

use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use corten_core::{BinaryOp, Dims, Error, Layout, Op, ReduceOp, Result, Tuple};
use smallvec::SmallVec;

use super::rules;
use crate::{
    device,
    execute::{self, Outputs},
    ops,
    tensor::{Data, Tensor},
    transfer, watch,
};

/// A gradient written by the user: upstream gradients (one per output) to gradients of the inputs.
pub trait CustomGradient: Send + Sync {
    fn gradient(&self, upstream: &[Option<Tensor>]) -> Result<Vec<Option<Tensor>>>;
}

/// Where a history starts; `backward` leaves the gradient here.
#[derive(Debug, Default)]
pub struct Leaf {
    gradient: Mutex<Option<Tensor>>,
}

impl Leaf {
    pub fn gradient(&self) -> Option<Tensor> {
        self.gradient.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_gradient(&self, gradient: Option<Tensor>) {
        *self.gradient.lock().unwrap_or_else(PoisonError::into_inner) = gradient;
    }
}

enum Rule {
    Leaf(Leaf),
    Op(Box<Op>),
    Custom(Box<dyn CustomGradient>),
}

impl Rule {
    fn name(&self) -> &'static str {
        match self {
            Self::Leaf(_) => "leaf",
            Self::Op(op) => op.name(),
            Self::Custom(_) => "custom",
        }
    }
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// One step of a history. Ids grow, so descending ids are a topological order.
#[derive(Debug)]
struct Node {
    id: u64,
    rule: Rule,
    inputs: SmallVec<[Tensor; 3]>,
    /// Values only: a tensor here would hold its own node alive.
    outputs: SmallVec<[Arc<Data>; 2]>,
    /// The layer it ran in, where that is noted.
    place: Option<Arc<str>>,
}

/// Which output of which step a tensor is.
#[derive(Clone, Debug)]
pub struct Origin {
    node: Arc<Node>,
    index: usize,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static RECORDING: Cell<bool> = const { Cell::new(true) };
}

/// Whether ops on this thread are recorded.
pub fn is_grad_enabled() -> bool {
    RECORDING.get()
}

/// Switches recording on this thread; gives what it was.
pub fn set_grad_enabled(enabled: bool) -> bool {
    RECORDING.replace(enabled)
}

/// Restores the recording state when dropped.
#[derive(Debug)]
pub struct NoGrad(bool);

impl Drop for NoGrad {
    fn drop(&mut self) {
        RECORDING.set(self.0);
    }
}

/// Stops recording until the guard is dropped.
#[must_use]
pub fn no_grad() -> NoGrad {
    NoGrad(set_grad_enabled(false))
}

/// Records until the guard is dropped.
#[must_use]
pub(crate) fn enable_grad() -> NoGrad {
    NoGrad(set_grad_enabled(true))
}

impl Origin {
    pub(crate) fn leaf() -> Self {
        let node = Node::new(Rule::Leaf(Leaf::default()), SmallVec::new(), SmallVec::new());
        Self { node: Arc::new(node), index: 0 }
    }

    pub(crate) fn as_leaf(&self) -> Option<&Leaf> {
        match &self.node.rule {
            Rule::Leaf(leaf) => Some(leaf),
            Rule::Op(_) | Rule::Custom(_) => None,
        }
    }
}

impl Node {
    fn new(rule: Rule, inputs: SmallVec<[Tensor; 3]>, outputs: SmallVec<[Arc<Data>; 2]>) -> Self {
        Self { id: NEXT_ID.fetch_add(1, Ordering::Relaxed), rule, inputs, outputs, place: watch::place() }
    }
}

impl Drop for Node {
    /// Long histories (a recurrent layer over thousands of steps) are freed in a loop: recursion
    /// would overflow the stack.
    fn drop(&mut self) {
        let mut pending: Vec<Tensor> = self.inputs.drain(..).collect();
        while let Some(tensor) = pending.pop() {
            if let Some(Origin { node, .. }) = tensor.into_origin()
                && let Some(mut node) = Arc::into_inner(node)
            {
                pending.extend(node.inputs.drain(..));
            }
        }
    }
}

/// Whether a result of an op on these operands gets a history.
fn wanted(inputs: &[&Tensor]) -> bool {
    inputs.iter().any(|x| x.requires_grad()) && is_grad_enabled()
}

/// [`record`] for an op of one result.
pub(crate) fn record_one(op: Op, inputs: &[&Tensor], value: Arc<Data>) -> Tensor {
    if !wanted(inputs) {
        return Tensor::with_origin(value, None);
    }
    record(op, inputs, SmallVec::from_iter([value])).swap_remove(0)
}

/// Attaches history to the results of an op where one of its operands has one.
pub(crate) fn record(op: Op, inputs: &[&Tensor], values: SmallVec<[Arc<Data>; 2]>) -> Outputs {
    if !wanted(inputs) || !values.iter().any(|value| value.dtype.is_float()) {
        return values.into_iter().map(|value| Tensor::with_origin(value, None)).collect();
    }
    let keeps = rules::keeps(&op);
    let kept_inputs = inputs.iter().map(|x| if keeps.inputs { Tensor::clone(x) } else { x.hollow() }).collect();
    let kept_outputs = if keeps.outputs { values.clone() } else { values.iter().map(|value| hollow(value)).collect() };
    attach(Node::new(Rule::Op(Box::new(op)), kept_inputs, kept_outputs), values)
}

fn hollow(value: &Data) -> Arc<Data> {
    Arc::new(Data {
        storage: crate::storage::Storage::Meta,
        layout: Layout::contiguous(value.layout.shape()),
        dtype: value.dtype,
    })
}

fn attach(node: Node, values: SmallVec<[Arc<Data>; 2]>) -> Outputs {
    let node = Arc::new(node);
    values
        .into_iter()
        .enumerate()
        .map(|(index, value)| {
            let origin = value.dtype.is_float().then(|| Origin { node: Arc::clone(&node), index });
            Tensor::with_origin(value, origin)
        })
        .collect()
}

/// Gives `outputs` a history of one step from `inputs`, whose gradient is `rule`.
pub fn custom(outputs: &[Tensor], inputs: &[Tensor], rule: Box<dyn CustomGradient>) -> Outputs {
    let values: SmallVec<[Arc<Data>; 2]> = outputs.iter().map(|output| Arc::clone(output.data())).collect();
    if !is_grad_enabled() || !inputs.iter().any(Tensor::requires_grad) {
        return values.into_iter().map(|value| Tensor::with_origin(value, None)).collect();
    }
    let inputs = inputs.iter().map(Tensor::hollow).collect();
    let outputs = values.iter().map(|value| hollow(value)).collect();
    attach(Node::new(Rule::Custom(rule), inputs, outputs), values)
}

type Upstream = SmallVec<[Option<Tensor>; 2]>;

/// Gradients of `outputs`, weighted by `upstream` (ones where `None`), with respect to `inputs`: `None`
/// where an input did not take part. With `create_graph` they have a history of their own.
pub fn gradients(
    outputs: &[Tensor],
    upstream: &[Option<Tensor>],
    inputs: &[Tensor],
    create_graph: bool,
) -> Result<Vec<Option<Tensor>>> {
    let wanted: HashSet<u64> = inputs.iter().filter_map(Tensor::origin).map(|origin| origin.node.id).collect();
    let found = walk(outputs, upstream, Some(&wanted), create_graph)?;
    Ok(inputs
        .iter()
        .map(|input| {
            let origin = input.origin()?;
            found.get(&origin.node.id)?.get(origin.index)?.clone()
        })
        .collect())
}

/// Adds the gradients of `outputs` to every leaf they came from.
pub fn backward(outputs: &[Tensor], upstream: &[Option<Tensor>]) -> Result<()> {
    if let Some(output) = outputs.iter().find(|output| !output.requires_grad()) {
        return Err(Error::argument(format!(
            "backward: this tensor of shape {} has no history: none of the values it was computed from requires a gradient. \
             Set `requires_grad=True` on an input, or compute it outside of `no_grad`",
            Tuple(output.shape())
        )));
    }
    walk(outputs, upstream, None, false).map(|_| ())
}

/// Walks the history from `outputs` back. With `wanted`, follows only what leads to those nodes and
/// gives their gradients; without, fills every leaf.
fn walk(
    outputs: &[Tensor],
    upstream: &[Option<Tensor>],
    wanted: Option<&HashSet<u64>>,
    create_graph: bool,
) -> Result<HashMap<u64, Upstream>> {
    let _guard = if create_graph { enable_grad() } else { no_grad() };
    let useful = wanted.map(|wanted| leading_to(outputs, wanted));
    let follows = |id: u64| useful.as_ref().is_none_or(|useful| useful.contains(&id));
    let mut pending: BTreeMap<u64, (Arc<Node>, Upstream)> = BTreeMap::new();
    for (output, gradient) in outputs.iter().zip(upstream) {
        let Some(origin) = output.origin().filter(|origin| follows(origin.node.id)) else { continue };
        let gradient = start(output, gradient.as_ref())?;
        accumulate(&mut pending, origin, gradient)?;
    }
    let mut found = HashMap::new();
    while let Some((id, (node, gradients))) = pending.pop_last() {
        if wanted.is_some_and(|wanted| wanted.contains(&id)) {
            found.insert(id, gradients.clone());
        }
        let _scope = watch::backward(node.place.as_ref(), node.rule.name());
        // Rules know some operands by their shapes only: what they make goes where the gradient is.
        let _here = gradients.iter().flatten().next().map(|gradient| device::within(gradient.device()));
        let needs: SmallVec<[bool; 6]> =
            node.inputs.iter().map(|x| x.origin().is_some_and(|origin| follows(origin.node.id))).collect();
        let results = match &node.rule {
            Rule::Leaf(leaf) => {
                if wanted.is_none() {
                    fill(leaf, gradients.into_iter().next().flatten())?;
                }
                continue;
            }
            Rule::Custom(rule) => custom_gradients(&**rule, &node, &gradients)?,
            Rule::Op(op) if needs.contains(&true) => {
                let outputs: SmallVec<[Tensor; 2]> = node
                    .outputs
                    .iter()
                    .enumerate()
                    .map(|(index, value)| {
                        let origin =
                            (create_graph && value.dtype.is_float()).then(|| Origin { node: Arc::clone(&node), index });
                        Tensor::with_origin(Arc::clone(value), origin)
                    })
                    .collect();
                rules::vjp(op, &node.inputs, &outputs, &gradients, &needs)?
            }
            Rule::Op(_) => continue,
        };
        for ((input, result), need) in node.inputs.iter().zip(results).zip(needs) {
            if let (Some(origin), Some(gradient), true) = (input.origin(), result, need) {
                accumulate(&mut pending, origin, sum_to(&gradient, input.shape())?)?;
            }
        }
    }
    Ok(found)
}

/// The ids of the nodes from which a wanted node can be reached, itself included.
fn leading_to(outputs: &[Tensor], wanted: &HashSet<u64>) -> HashSet<u64> {
    let mut nodes: BTreeMap<u64, Arc<Node>> = BTreeMap::new();
    let mut stack: Vec<Arc<Node>> = outputs.iter().filter_map(Tensor::origin).map(|o| Arc::clone(&o.node)).collect();
    while let Some(node) = stack.pop() {
        if nodes.contains_key(&node.id) {
            continue;
        }
        stack.extend(node.inputs.iter().filter_map(Tensor::origin).map(|origin| Arc::clone(&origin.node)));
        nodes.insert(node.id, node);
    }
    let mut useful = HashSet::new();
    for (id, node) in &nodes {
        let leads = node.inputs.iter().filter_map(Tensor::origin).any(|origin| useful.contains(&origin.node.id));
        if wanted.contains(id) || leads {
            useful.insert(*id);
        }
    }
    useful
}

fn start(output: &Tensor, gradient: Option<&Tensor>) -> Result<Tensor> {
    match gradient {
        None => ops::full_like(output, 1.0),
        Some(gradient) if gradient.shape() == output.shape() => {
            let what = "backward: the output and its upstream gradient are";
            ops::cast(&transfer::beside(gradient, output.device(), what)?, output.dtype())
        }
        Some(gradient) => Err(Error::shape(format!(
            "backward: the upstream gradient must have the shape of the output, {}; got {}",
            Tuple(output.shape()),
            Tuple(gradient.shape())
        ))),
    }
}

fn accumulate(pending: &mut BTreeMap<u64, (Arc<Node>, Upstream)>, origin: &Origin, gradient: Tensor) -> Result<()> {
    let (_, slots) = pending.entry(origin.node.id).or_insert_with(|| {
        let slots = std::iter::repeat_n(None, origin.node.outputs.len().max(1)).collect();
        (Arc::clone(&origin.node), slots)
    });
    let slot = &mut slots[origin.index];
    *slot = Some(match slot.take() {
        None => gradient,
        Some(mut sum) => {
            let done =
                !is_grad_enabled() && execute::in_place(&Op::Binary(BinaryOp::Add), &mut sum, 0, Some(&gradient))?;
            if done { sum } else { ops::add(&sum, &gradient)? }
        }
    });
    Ok(())
}

fn fill(leaf: &Leaf, gradient: Option<Tensor>) -> Result<()> {
    let Some(gradient) = gradient else { return Ok(()) };
    let sum = match leaf.gradient() {
        None => gradient,
        Some(before) => ops::add(&before, &gradient)?,
    };
    leaf.set_gradient(Some(sum));
    Ok(())
}

fn custom_gradients(
    rule: &dyn CustomGradient,
    node: &Node,
    upstream: &[Option<Tensor>],
) -> Result<Vec<Option<Tensor>>> {
    let results = rule.gradient(upstream)?;
    if results.len() != node.inputs.len() {
        return Err(Error::argument(format!(
            "custom_gradient: one gradient per input is needed; got {} for {} inputs",
            results.len(),
            node.inputs.len()
        )));
    }
    for (result, input) in results.iter().zip(&node.inputs) {
        if let Some(result) = result
            && result.shape() != input.shape()
        {
            return Err(Error::shape(format!(
                "custom_gradient: the gradient of an input of shape {} has shape {}",
                Tuple(input.shape()),
                Tuple(result.shape())
            )));
        }
    }
    Ok(results)
}

/// Undoes broadcasting: sums over the axes along which the operand was repeated.
pub(super) fn sum_to(gradient: &Tensor, shape: &[usize]) -> Result<Tensor> {
    if gradient.shape() == shape {
        return Ok(gradient.clone());
    }
    let lead = gradient.rank() - shape.len();
    let axes: Dims = (0..gradient.rank())
        .filter(|&axis| axis < lead || (shape[axis - lead] == 1 && gradient.shape()[axis] != 1))
        .collect();
    let summed = ops::reduce(ReduceOp::Sum, gradient, &axes, false)?;
    ops::reshape(&summed, shape)
}
