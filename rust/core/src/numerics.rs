//! What is said about an op that gave NaN or infinity.

use std::fmt;

use crate::{DType, Dims, Element, Tuple};

/// What the elements of an array are like.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    pub shape: Dims,
    pub dtype: DType,
    pub nan: usize,
    pub infinite: usize,
    pub zeros: usize,
    pub negative: usize,
    /// Smallest, largest and mean of the finite elements; zeros where there are none.
    pub min: f64,
    pub max: f64,
    pub mean: f64,
    /// How many elements there are.
    pub count: usize,
}

impl Statistics {
    /// Looks at all elements.
    pub fn of<T: Element>(shape: &[usize], values: impl Iterator<Item = T>) -> Self {
        let (mut min, mut max, mut sum) = (f64::INFINITY, f64::NEG_INFINITY, 0.0);
        let (mut nan, mut infinite, mut zeros, mut negative, mut count) = (0, 0, 0, 0, 0);
        for value in values {
            let value = value.to_f64();
            count += 1;
            negative += usize::from(value < 0.0);
            zeros += usize::from(value == 0.0);
            if value.is_nan() {
                nan += 1;
            } else if value.is_infinite() {
                infinite += 1;
            } else {
                min = min.min(value);
                max = max.max(value);
                sum += value;
            }
        }
        let finite = count - nan - infinite;
        let (min, max) = if finite > 0 { (min, max) } else { (0.0, 0.0) };
        let mean = if finite > 0 { sum / finite as f64 } else { 0.0 };
        Self { shape: Dims::from_slice(shape), dtype: T::DTYPE, nan, infinite, zeros, negative, min, max, mean, count }
    }

    pub const fn is_finite(&self) -> bool {
        self.nan == 0 && self.infinite == 0
    }

    /// The largest magnitude of the finite elements.
    pub fn magnitude(&self) -> f64 {
        self.max.abs().max(self.min.abs())
    }

    /// How many elements are NaN and infinite, in words.
    pub fn faults(&self) -> String {
        match (self.nan, self.infinite) {
            (nan, 0) => format!("{nan} NaN"),
            (0, infinite) => format!("{infinite} inf"),
            (nan, infinite) => format!("{nan} NaN and {infinite} inf"),
        }
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Tuple(&self.shape), self.dtype)?;
        if self.count > self.nan + self.infinite {
            write!(f, " from {:.4e} to {:.4e}, mean {:.4e}", self.min, self.max, self.mean)?;
        }
        if self.zeros > 0 {
            write!(f, ", {} zero", self.zeros)?;
        }
        if !self.is_finite() {
            write!(f, ", {}", self.faults())?;
        }
        Ok(())
    }
}

/// Which part of a training step an op belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    #[default]
    Forward,
    Backward,
    Update,
}

impl Phase {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Backward => "backward",
            Self::Update => "update",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Forward, Self::Backward, Self::Update].into_iter().find(|phase| phase.name() == name)
    }
}

/// An op that gave NaN or infinity, and what it was given.
#[derive(Clone, Debug)]
pub struct NonFinite {
    pub op: &'static str,
    /// The op whose gradient it is a part of.
    pub gradient_of: Option<&'static str>,
    pub phase: Phase,
    /// The layer, or the part of the step, that ran it; empty where nobody said.
    pub place: String,
    /// Which parameter an optimizer broke, counted among those that have a gradient.
    pub parameter: Option<usize>,
    pub operands: Vec<Statistics>,
    pub result: Statistics,
}

/// The largest argument whose exponential is finite in float32, float16 and so on.
fn exp_limit(dtype: DType) -> f64 {
    if dtype == DType::F16 {
        11.0
    } else if dtype == DType::F64 {
        709.7
    } else {
        88.7
    }
}

/// Values above this are on their way to overflow.
const LARGE: f64 = 1e15;
const LARGE_F16: f64 = 1e3;

impl NonFinite {
    /// What most likely helps.
    pub fn hint(&self) -> String {
        if self.phase == Phase::Update {
            return "the step was too large: lower the learning rate, or clip gradients with `clipnorm=1.0`".into();
        }
        if let Some(at) = self.operands.iter().position(|operand| operand.nan > 0) {
            return format!(
                "operand {at} holds NaN already: look for it in the data (`np.isnan(x).any()`) and in the weights; \
                 weights become NaN by an earlier step with too large a learning rate"
            );
        }
        let float16 = self.result.dtype == DType::F16;
        let any = |test: fn(&Statistics) -> bool| self.operands.iter().any(test);
        let last = self.operands.last();
        // A gradient's own ops are arithmetic; what went wrong follows from the op that it belongs to.
        let hint = match (self.gradient_of, self.gradient_of.unwrap_or(self.op)) {
            (_, "log" | "log2" | "log10") => {
                "the logarithm of 0 is infinite and that of a negative number is NaN: add a small number \
                 (`ops.log(x + 1e-7)`), or let a loss take logits (`from_logits=True`)"
            }
            (_, "log1p") => "log1p needs values above -1: use `ops.log1p(ops.maximum(x, -1 + 1e-7))`",
            (Some(_), "sqrt" | "norm") => "the slope of the square root is infinite at 0: use `ops.sqrt(x + 1e-12)`",
            (None, "sqrt") => "the square root of a negative number is NaN: use `ops.sqrt(ops.maximum(x, 0))`",
            (_, "rsqrt" | "reciprocal") => "the operand holds 0 or, for rsqrt, negative numbers: add a small number",
            (_, "divide" | "floor_divide" | "mod" | "fmod") if last.is_some_and(|x| x.zeros > 0) => {
                "there was a division by 0: use `ops.divide_no_nan`, or add a small number to the denominator"
            }
            (_, "power") if self.operands.first().is_some_and(|x| x.zeros + x.negative > 0) => {
                "a negative base with a fractional exponent is NaN, and 0 with a negative exponent (as in the gradient \
                 of an exponent below 1) is infinite: keep the base positive, as with `ops.maximum(x, 1e-7)`"
            }
            (_, "arcsin" | "arccos" | "arctanh" | "erfinv") => {
                "the operand must lie inside (-1, 1): clip it with `ops.clip(x, -1 + 1e-6, 1 - 1e-6)`"
            }
            (_, "exp" | "exp2" | "expm1" | "sinh" | "cosh")
                if last.is_some_and(|x| x.max > exp_limit(x.dtype) || x.min < -exp_limit(x.dtype)) =>
            {
                "the exponential overflows: subtract the largest value first (`ops.softmax` and `ops.logsumexp` do), or \
                 clip the argument"
            }
            (_, "cast") if float16 => {
                "the values are too large for float16 (65504 at most): use `mixed_bfloat16`, or scale them down"
            }
            (_, "softmax" | "log_softmax") if any(|x| x.infinite > 0) => {
                "a row holds infinity, or nothing but -inf (a mask that hides all positions): let a mask leave one, or \
                 use a large negative number in place of -inf"
            }
            (_, "dot_product_attention") if any(|x| x.infinite > 0) => {
                "an operand holds infinity; where it is the mask, a row that hides all positions has no result"
            }
            _ if any(|x| x.infinite > 0) => {
                "an operand holds infinity: inf - inf, 0 * inf and inf / inf are NaN; look for where it comes from"
            }
            _ if float16 || any(|x| x.dtype == DType::F16 && x.magnitude() > LARGE_F16) => {
                "the result is too large for float16 (65504 at most): use `mixed_bfloat16`, scale the values down, or train \
                 with `LossScaleOptimizer`"
            }
            _ if any(|x| x.magnitude() > LARGE) => {
                "the values grew step by step: lower the learning rate, clip gradients with `clipnorm=1.0`, or normalize \
                 the inputs and layers"
            }
            _ => "look at the operands above; the learning rate and the scale of the data are the usual causes",
        };
        hint.into()
    }
}

impl fmt::Display for NonFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} of {} results are not finite", self.op, self.result.faults(), self.result.count)?;
        write!(f, " ({}", self.phase.name())?;
        if let Some(op) = self.gradient_of {
            write!(f, ", gradient of {op}")?;
        }
        if !self.place.is_empty() {
            write!(f, ", in {}", self.place)?;
        }
        f.write_str(")")?;
        for (number, operand) in self.operands.iter().enumerate() {
            write!(f, "\n  operand {number}: {operand}")?;
        }
        write!(f, "\n  result: {}\n  likely fix: {}", self.result, self.hint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_there() {
        let values = [1.0f32, -2.0, 0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        let found = Statistics::of(&[6], values.into_iter());
        assert_eq!((found.nan, found.infinite, found.zeros, found.negative), (1, 2, 1, 2));
        assert_eq!((found.min, found.max, found.count), (-2.0, 1.0, 6));
        assert!(!found.is_finite());
        let nothing = Statistics::of(&[0], std::iter::empty::<f32>());
        assert!(nothing.is_finite() && nothing.mean == 0.0);
    }
}
