//! Operands of any strides, walked by kernels in row-major order of their common shape.

use std::fmt::Write as _;

use corten_core::{Error, Layout, Result};
use smallvec::{SmallVec, smallvec};

use crate::kernel::{Parameters, Word};

/// Axes a kernel can walk, after adjacent ones were merged.
const MOST_AXES: usize = 16;

/// How an operand's place follows from an element's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// It is the number.
    Linear,
    /// It is always the same.
    Same,
    /// By strides.
    Strided,
}

/// A shape and operands of it; axes that lie side by side in all operands are one.
#[derive(Debug)]
pub(crate) struct Walk {
    shape: SmallVec<[usize; 6]>,
    strides: SmallVec<[SmallVec<[isize; 6]>; 3]>,
    offsets: SmallVec<[usize; 3]>,
    forms: SmallVec<[Form; 3]>,
}

/// The places of a [`Walk`]'s numbers among the parameters.
#[derive(Debug)]
pub(crate) struct WalkWords {
    shape: SmallVec<[Word; 6]>,
    operands: SmallVec<[(Word, SmallVec<[Word; 6]>); 3]>,
}

impl Walk {
    /// All layouts have one shape.
    ///
    /// # Errors
    /// More than 16 axes remain after merging.
    pub(crate) fn new(op: &str, layouts: &[&Layout]) -> Result<Self> {
        let (shape, rows): (&[usize], SmallVec<[&[isize]; 3]>) = match layouts {
            [] => (&[], SmallVec::new()),
            [first, ..] => (first.shape(), layouts.iter().map(|layout| layout.strides()).collect()),
        };
        let offsets: SmallVec<[usize; 3]> = layouts.iter().map(|layout| layout.offset()).collect();
        Self::of(op, shape, &rows, &offsets)
    }

    /// The same of some axes alone.
    pub(crate) fn over(op: &str, layout: &Layout, axes: impl Iterator<Item = usize>) -> Result<Self> {
        let (shape, strides): (SmallVec<[usize; 6]>, SmallVec<[isize; 6]>) =
            axes.map(|axis| (layout.shape()[axis], layout.strides()[axis])).unzip();
        Self::of(op, &shape, &[&strides], &[0])
    }

    fn of(op: &str, shape: &[usize], strides: &[&[isize]], offsets: &[usize]) -> Result<Self> {
        let mut merged: SmallVec<[usize; 6]> = SmallVec::new();
        let mut kept: SmallVec<[SmallVec<[isize; 6]>; 3]> = smallvec![SmallVec::new(); strides.len()];
        for (axis, &dim) in shape.iter().enumerate().filter(|(_, dim)| **dim != 1) {
            let joins = !merged.is_empty()
                && kept.iter().zip(strides).all(|(kept, own)| kept.last() == Some(&(own[axis] * dim as isize)));
            match merged.last_mut() {
                Some(last) if joins => {
                    *last *= dim;
                    kept.iter_mut().zip(strides).for_each(|(kept, own)| {
                        kept.pop();
                        kept.push(own[axis]);
                    });
                }
                _ => {
                    merged.push(dim);
                    kept.iter_mut().zip(strides).for_each(|(kept, own)| kept.push(own[axis]));
                }
            }
        }
        if merged.len() > MOST_AXES {
            return Err(Error::unsupported(format!(
                "{op}: the GPU takes {MOST_AXES} axes that do not lie side by side; got {}; copy the operand first, or \
                 run this on device \"cpu\"",
                merged.len()
            )));
        }
        let linear = |own: &SmallVec<[isize; 6]>| {
            let mut expected = 1;
            own.iter().zip(&merged).rev().all(|(&stride, &dim)| {
                let fits = stride == expected;
                expected *= dim as isize;
                fits
            })
        };
        let form = |own: &SmallVec<[isize; 6]>| {
            if linear(own) {
                Form::Linear
            } else if own.iter().all(|&stride| stride == 0) {
                Form::Same
            } else {
                Form::Strided
            }
        };
        let mut forms: SmallVec<[Form; 3]> = kept.iter().map(form).collect();
        if forms.contains(&Form::Strided) {
            // One of them needs coordinates: taking all by strides keeps the shaders few.
            forms.iter_mut().for_each(|form| *form = Form::Strided);
        }
        Ok(Self { shape: merged, strides: kept, offsets: SmallVec::from_slice(offsets), forms })
    }

    fn is_strided(&self) -> bool {
        self.forms.contains(&Form::Strided)
    }

    /// What the text of [`places`](Self::places) depends on.
    pub(crate) fn key(&self) -> String {
        let mut key = if self.is_strided() { self.shape.len().to_string() } else { String::new() };
        key.extend(self.forms.iter().map(|form| match form {
            Form::Linear => 'l',
            Form::Same => 'o',
            Form::Strided => 's',
        }));
        key
    }

    /// Adds what [`places`](Self::places) reads.
    pub(crate) fn push(&self, parameters: &mut Parameters) -> WalkWords {
        let shape = if self.is_strided() {
            self.shape.iter().map(|&dim| parameters.count(dim)).collect()
        } else {
            SmallVec::new()
        };
        let operands = (0..self.offsets.len())
            .map(|i| {
                let offset = parameters.count(self.offsets[i]);
                let strides = if self.forms[i] == Form::Strided {
                    self.strides[i].iter().map(|&stride| parameters.stride(stride)).collect()
                } else {
                    SmallVec::new()
                };
                (offset, strides)
            })
            .collect();
        WalkWords { shape, operands }
    }

    /// Statements that define `at0`, `at1`, ... (or another prefix): where element number `i` of each operand lies.
    pub(crate) fn places(&self, words: &WalkWords, i: &str, prefix: &str) -> String {
        let mut text = String::new();
        for (number, ((offset, _), form)) in words.operands.iter().zip(&self.forms).enumerate() {
            // Writing to a string cannot fail.
            let _ = match form {
                Form::Linear => writeln!(text, "let {prefix}{number} = {offset} + {i};"),
                Form::Same => writeln!(text, "let {prefix}{number} = {offset};"),
                Form::Strided => writeln!(text, "var {prefix}{number} = {offset};"),
            };
        }
        if !self.is_strided() {
            return text;
        }
        let _ = writeln!(text, "var {prefix}_rest = {i};");
        for axis in (0..self.shape.len()).rev() {
            // Of the first axis the rest is the coordinate.
            let dim = &words.shape[axis];
            let _ = if axis == 0 {
                writeln!(text, "let {prefix}_c0 = {prefix}_rest;")
            } else {
                writeln!(
                    text,
                    "let {prefix}_q{axis} = {prefix}_rest / {dim};\nlet {prefix}_c{axis} = {prefix}_rest - \
                     {prefix}_q{axis} * {dim};\n{prefix}_rest = {prefix}_q{axis};"
                )
            };
            for (number, (_, strides)) in words.operands.iter().enumerate() {
                if let Some(stride) = strides.get(axis) {
                    let _ = writeln!(text, "{prefix}{number} += {prefix}_c{axis} * {stride};");
                }
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_merge() {
        let x = Layout::contiguous(&[2, 3, 4]);
        let walk = Walk::new("test", &[&x, &x]).expect("few axes");
        assert_eq!((walk.shape.as_slice(), walk.key().as_str()), (&[24][..], "ll"));
        let turned = Layout::contiguous(&[4, 3, 2]).permute(&[2, 1, 0]);
        let walk = Walk::new("test", &[&x, &turned]).expect("few axes");
        assert_eq!(walk.key(), "3ss");
        let row = Layout::contiguous(&[4]).expand(&[2, 3, 4]);
        let walk = Walk::new("test", &[&x, &row]).expect("few axes");
        assert_eq!((walk.shape.as_slice(), walk.key().as_str()), (&[6, 4][..], "2ss"));
        let one = Layout::contiguous(&[]).expand(&[2, 3, 4]);
        assert_eq!(Walk::new("test", &[&one]).expect("few axes").key(), "o");
    }
}
