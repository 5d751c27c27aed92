//! Contractions by name.

use corten_core::{DType, Dims, Error, Op, Range, Result, Tuple, promote, saturating_len};

use super::{cast, matmul, permute, reshape, sum};
use crate::{execute::run_one, tensor::Tensor};

/// An operand whose axes have names.
struct Named {
    tensor: Tensor,
    labels: Vec<char>,
}

/// Names given to the axes an ellipsis stands for: from the private use area, so that no user has them.
const ELLIPSIS: u32 = 0xE000;

fn ellipsis_label(from_the_end: usize) -> char {
    char::from_u32(ELLIPSIS + from_the_end as u32).unwrap_or('\u{F8FF}')
}

/// Einstein summation as `NumPy` writes it, with `...`, repeated names and implicit output. int8 is summed in int32, as
/// by [`matmul`].
///
/// ```
/// use corten_tensor::{Tensor, ops};
/// let a = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0], &[2, 2]).unwrap();
/// let trace = ops::einsum("ii", &[a]).unwrap();
/// assert_eq!(trace.item().unwrap(), 5.0);
/// ```
pub fn einsum(equation: &str, operands: &[Tensor]) -> Result<Tensor> {
    let equation: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let (inputs, output) = match equation.split_once("->") {
        Some((inputs, output)) => (inputs, Some(output)),
        None => (equation.as_str(), None),
    };
    let terms: Vec<&str> = inputs.split(',').collect();
    if terms.len() != operands.len() {
        return Err(Error::argument(format!(
            "einsum: `{equation}` names {} operands; got {}",
            terms.len(),
            operands.len()
        )));
    }
    let dtype = operands.iter().map(Tensor::dtype).reduce(promote).unwrap_or(DType::F32);
    let mut widest = 0;
    let mut named = Vec::new();
    for (term, tensor) in terms.iter().zip(operands) {
        let labels = parse(term, tensor, &equation, &mut widest)?;
        named.push(diagonal(Named { tensor: cast(tensor, dtype)?, labels })?);
    }
    check_sizes(&mut named, &equation)?;
    let output = match output {
        Some(output) => output_labels(output, widest, &named, &equation)?,
        None => implicit_output(inputs, widest),
    };
    let mut operands = named.into_iter();
    let Some(mut left) = operands.next() else {
        return Err(Error::argument("einsum: at least one operand is needed"));
    };
    let mut rest: Vec<Named> = operands.collect();
    while !rest.is_empty() {
        let right = rest.remove(0);
        let needed = |label: &char| output.contains(label) || rest.iter().any(|other| other.labels.contains(label));
        left = contract(left, right, &needed)?;
    }
    let mut left = sum_out(left, &|label| output.contains(label))?;
    if dtype == DType::I8 {
        left.tensor = cast(&left.tensor, DType::I32)?;
    }
    let order: Dims = output.iter().filter_map(|label| left.labels.iter().position(|l| l == label)).collect();
    permute(&left.tensor, &order)
}

fn parse(term: &str, tensor: &Tensor, equation: &str, widest: &mut usize) -> Result<Vec<char>> {
    let named = term.replace("...", "");
    if named.contains('.') || !named.chars().all(char::is_alphabetic) {
        return Err(Error::argument(format!("einsum: `{term}` in `{equation}` is not letters and one `...`")));
    }
    let count = named.chars().count();
    let has_ellipsis = term.contains("...");
    if count > tensor.rank() || (!has_ellipsis && count != tensor.rank()) {
        return Err(Error::shape(format!(
            "einsum: `{term}` in `{equation}` names {count} axes; the operand has shape {}",
            Tuple(tensor.shape())
        )));
    }
    let hidden = tensor.rank() - count;
    if has_ellipsis {
        *widest = (*widest).max(hidden);
    }
    let before = term.find("...").map_or(count, |at| term[..at].chars().count());
    let mut labels: Vec<char> = named.chars().collect();
    labels.splice(before..before, (0..hidden).rev().map(ellipsis_label));
    Ok(labels)
}

/// Axes of one operand with one name: their diagonal.
fn diagonal(mut operand: Named) -> Result<Named> {
    while let Some((first, second)) = repeated(&operand.labels) {
        let shape = operand.tensor.shape();
        if shape[first] != shape[second] {
            return Err(Error::shape(format!(
                "einsum: axes of one name must have one length; got {} and {}",
                shape[first], shape[second]
            )));
        }
        let n = shape[first];
        let rest: Dims = (0..shape.len()).filter(|&axis| axis != first && axis != second).collect();
        let order: Dims = rest.iter().copied().chain([first, second]).collect();
        let lead: Dims = rest.iter().map(|&axis| shape[axis]).collect();
        let flat: Dims = lead.iter().copied().chain([n * n]).collect();
        let merged = reshape(&permute(&operand.tensor, &order)?, &flat)?;
        let ranges = lead
            .iter()
            .map(|&len| Range { start: 0, step: 1, len })
            .chain([Range { start: 0, step: n as isize + 1, len: n }])
            .collect();
        let labels = rest.iter().map(|&axis| operand.labels[axis]).chain([operand.labels[first]]).collect();
        operand = Named { tensor: run_one(Op::Slice(ranges), &[&merged])?, labels };
    }
    Ok(operand)
}

fn repeated(labels: &[char]) -> Option<(usize, usize)> {
    (0..labels.len()).find_map(|i| (i + 1..labels.len()).find(|&j| labels[i] == labels[j]).map(|j| (i, j)))
}

/// One name, one length; an ellipsis axis of length 1 broadcasts by leaving the term.
fn check_sizes(named: &mut [Named], equation: &str) -> Result<()> {
    let mut sizes: Vec<(char, usize)> = Vec::new();
    for operand in named.iter() {
        for (&label, &dim) in operand.labels.iter().zip(operand.tensor.shape()) {
            match sizes.iter_mut().find(|(known, _)| *known == label) {
                None => sizes.push((label, dim)),
                Some((_, size)) if *size == 1 => *size = dim,
                Some((_, size)) if *size != dim && dim != 1 => {
                    return Err(Error::shape(format!("einsum: `{label}` in `{equation}` is {size} and {dim}")));
                }
                Some(_) => {}
            }
        }
    }
    for operand in named {
        let thin: Dims = (0..operand.labels.len())
            .filter(|&axis| {
                operand.tensor.shape()[axis] == 1
                    && sizes.iter().any(|&(label, size)| label == operand.labels[axis] && size != 1)
            })
            .collect();
        if thin.is_empty() {
            continue;
        }
        let keep = |axis: &usize| !thin.contains(axis);
        let shape: Dims = (0..operand.labels.len()).filter(keep).map(|axis| operand.tensor.shape()[axis]).collect();
        operand.tensor = reshape(&operand.tensor, &shape)?;
        operand.labels = (0..operand.labels.len()).filter(keep).map(|axis| operand.labels[axis]).collect();
    }
    Ok(())
}

fn output_labels(output: &str, widest: usize, named: &[Named], equation: &str) -> Result<Vec<char>> {
    let at = output.find("...");
    let letters = output.replace("...", "");
    let mut labels: Vec<char> = letters.chars().collect();
    if repeated(&labels).is_some() {
        return Err(Error::argument(format!("einsum: the output of `{equation}` names an axis twice")));
    }
    if let Some(missing) = labels.iter().find(|label| !named.iter().any(|operand| operand.labels.contains(label))) {
        return Err(Error::argument(format!(
            "einsum: the output of `{equation}` names `{missing}`, which no operand has"
        )));
    }
    if let Some(at) = at {
        let before = output[..at].chars().count();
        labels.splice(before..before, (0..widest).rev().map(ellipsis_label));
    }
    Ok(labels)
}

/// Without `->`: the names that occur once, in alphabetical order.
fn implicit_output(inputs: &str, widest: usize) -> Vec<char> {
    let letters: Vec<char> = inputs.chars().filter(|c| c.is_alphabetic()).collect();
    let mut once: Vec<char> =
        letters.iter().copied().filter(|label| letters.iter().filter(|l| *l == label).count() == 1).collect();
    once.sort_unstable();
    (0..widest).rev().map(ellipsis_label).chain(once).collect()
}

fn sum_out(operand: Named, needed: &dyn Fn(&char) -> bool) -> Result<Named> {
    let gone: Dims = (0..operand.labels.len()).filter(|&axis| !needed(&operand.labels[axis])).collect();
    if gone.is_empty() {
        return Ok(operand);
    }
    let dtype = operand.tensor.dtype();
    let dtype = if dtype == DType::I8 { DType::I32 } else { dtype };
    let tensor = cast(&sum(&operand.tensor, &gone, false)?, dtype)?;
    Ok(Named { tensor, labels: operand.labels.into_iter().filter(|label| needed(label)).collect() })
}

/// One matrix product: (batch, free of left, contracted) by (batch, contracted, free of right).
fn contract(left: Named, right: Named, needed: &dyn Fn(&char) -> bool) -> Result<Named> {
    let left = {
        let others = right.labels.clone();
        sum_out(left, &|label| needed(label) || others.contains(label))?
    };
    let right = {
        let others = left.labels.clone();
        sum_out(right, &|label| needed(label) || others.contains(label))?
    };
    let shared = |label: &&char| right.labels.contains(label);
    let batch: Vec<char> = left.labels.iter().filter(shared).filter(|label| needed(label)).copied().collect();
    let inner: Vec<char> = left.labels.iter().filter(shared).filter(|label| !needed(label)).copied().collect();
    let free_left: Vec<char> = left.labels.iter().filter(|label| !right.labels.contains(label)).copied().collect();
    let free_right: Vec<char> = right.labels.iter().filter(|label| !left.labels.contains(label)).copied().collect();
    let arrange = |operand: &Named, groups: [&[char]; 3]| -> Result<(Tensor, [Dims; 3])> {
        let place = |label: &char| operand.labels.iter().position(|l| l == label);
        let order: Dims = groups.iter().flat_map(|group| group.iter().filter_map(place)).collect();
        let sizes = groups
            .map(|group| group.iter().filter_map(place).map(|axis| operand.tensor.shape()[axis]).collect::<Dims>());
        let shape: Dims = sizes.iter().map(|dims| saturating_len(dims)).collect();
        Ok((reshape(&permute(&operand.tensor, &order)?, &shape)?, sizes))
    };
    let (a, [batch_dims, left_dims, _]) = arrange(&left, [&batch, &free_left, &inner])?;
    let (b, [_, _, right_dims]) = arrange(&right, [&batch, &inner, &free_right])?;
    let shape: Dims = batch_dims.into_iter().chain(left_dims).chain(right_dims).collect();
    let tensor = reshape(&matmul(&a, &b)?, &shape)?;
    Ok(Named { tensor, labels: batch.into_iter().chain(free_left).chain(free_right).collect() })
}

/// Contracts these axes of `a` with these of `b`, in their common dtype.
pub fn tensordot(a: &Tensor, b: &Tensor, a_axes: &[isize], b_axes: &[isize]) -> Result<Tensor> {
    if a_axes.len() != b_axes.len() {
        return Err(Error::argument(format!(
            "tensordot: as many axes of `a` as of `b` are needed; got {} and {}",
            a_axes.len(),
            b_axes.len()
        )));
    }
    let resolve = |axes: &[isize], rank: usize| -> Result<Dims> {
        axes.iter().map(|&axis| corten_core::resolve_axis("tensordot", axis, rank)).collect()
    };
    let (a_inner, b_inner) = (resolve(a_axes, a.rank())?, resolve(b_axes, b.rank())?);
    if a_inner.iter().zip(&b_inner).any(|(&i, &j)| a.shape()[i] != b.shape()[j]) {
        return Err(Error::shape(format!(
            "tensordot: contracted axes must have equal lengths; got a={} over {}, b={} over {}",
            Tuple(a.shape()),
            Tuple(&a_inner),
            Tuple(b.shape()),
            Tuple(&b_inner)
        )));
    }
    let free = |rank: usize, inner: &Dims| -> Dims { (0..rank).filter(|axis| !inner.contains(axis)).collect() };
    let (a_free, b_free) = (free(a.rank(), &a_inner), free(b.rank(), &b_inner));
    let len = |x: &Tensor, axes: &Dims| -> usize { axes.iter().map(|&axis| x.shape()[axis]).product() };
    let left_order: Dims = a_free.iter().chain(&a_inner).copied().collect();
    let right_order: Dims = b_inner.iter().chain(&b_free).copied().collect();
    let left = reshape(&permute(a, &left_order)?, &[len(a, &a_free), len(a, &a_inner)])?;
    let right = reshape(&permute(b, &right_order)?, &[len(b, &b_inner), len(b, &b_free)])?;
    let shape: Dims =
        a_free.iter().map(|&axis| a.shape()[axis]).chain(b_free.iter().map(|&axis| b.shape()[axis])).collect();
    let product = cast(&matmul(&left, &right)?, promote(a.dtype(), b.dtype()))?;
    reshape(&product, &shape)
}
