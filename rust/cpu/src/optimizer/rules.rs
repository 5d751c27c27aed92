//! The rules, element by element, in Keras 3's formulas. Coefficients are computed once per step
//! in float64; the loops over elements are plain so that the compiler vectorizes them.

use corten_core::OptimizerOp;

use super::{SLOTS, wide};
use crate::simd::{Isa, isa};

/// A range of one parameter: what a rule reads and writes.
pub(super) struct Arrays<'a, T> {
    pub(super) value: &'a mut [T],
    pub(super) gradient: &'a [T],
    /// Unused slots are empty.
    pub(super) slots: [&'a mut [T]; SLOTS],
}

/// A rule with its coefficients for this step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    op: OptimizerOp,
    learning_rate: f64,
    decay: f64,
    /// Adam, Adamax, Nadam: what the corrected moment is multiplied with.
    scale: f64,
    /// Nadam: the factor of the gradient.
    gradient_scale: f64,
    /// Nadam: `1 / (1 - beta_2^t)`.
    velocity_scale: f64,
}

impl Rule {
    pub(super) fn new(op: &OptimizerOp, learning_rate: f64, decay: f64) -> Self {
        let mut rule =
            Self { op: *op, learning_rate, decay, scale: learning_rate, gradient_scale: 0.0, velocity_scale: 1.0 };
        match *op {
            OptimizerOp::Adam { beta_1, beta_2, step, .. } => {
                rule.scale = learning_rate * (1.0 - power(beta_2, step)).sqrt() / (1.0 - power(beta_1, step));
            }
            OptimizerOp::Adamax { beta_1, step, .. } => {
                rule.scale = learning_rate / (1.0 - power(beta_1, step));
            }
            OptimizerOp::Nadam { beta_1, beta_2, step, u_product, .. } => {
                let now = momentum_at(beta_1, step);
                let next = momentum_at(beta_1, step + 1);
                let product = u_product * now;
                rule.scale = next / (1.0 - product * next);
                rule.gradient_scale = (1.0 - now) / (1.0 - product);
                rule.velocity_scale = 1.0 / (1.0 - power(beta_2, step));
            }
            OptimizerOp::Sgd { .. }
            | OptimizerOp::RmsProp { .. }
            | OptimizerOp::Adagrad { .. }
            | OptimizerOp::Adadelta { .. }
            | OptimizerOp::Lion { .. } => {}
        }
        rule
    }
}

fn power(base: f64, step: u64) -> f64 {
    base.powi(i32::try_from(step).unwrap_or(i32::MAX))
}

/// Nadam's momentum schedule.
pub(super) fn momentum_at(beta_1: f64, step: u64) -> f64 {
    beta_1 * (1.0 - 0.5 * power(0.96, step))
}

/// Runs `f(value, gradient, slots) -> value` over the elements.
macro_rules! each {
    ($arrays:ident, $t:ty, $decay:ident, [$($slot:ident),*], |$w:ident, $g:ident| $body:expr) => {{
        let Arrays { value, gradient, slots: [$($slot,)* ..] } = $arrays;
        let len = value.len();
        let gradient = &gradient[..len];
        $(let $slot = &mut $slot[..len];)*
        for i in 0..len {
            let $w = value[i] - $decay * value[i];
            let $g = gradient[i];
            $(let $slot = &mut $slot[i];)*
            value[i] = $body;
        }
    }};
}

macro_rules! rules {
    ($name:ident, $avx2:ident, $avx512:ident, $inner:ident, $t:ty) => {
        #[inline(always)]
        fn $inner(rule: &Rule, arrays: Arrays<'_, $t>) {
            let lr = rule.learning_rate as $t;
            let decay = rule.decay as $t;
            let scale = rule.scale as $t;
            match rule.op {
                OptimizerOp::Sgd { momentum, nesterov } => {
                    let mu = momentum as $t;
                    if momentum == 0.0 {
                        each!(arrays, $t, decay, [], |w, g| w - lr * g);
                    } else if nesterov {
                        each!(arrays, $t, decay, [m], |w, g| {
                            *m = mu * *m - lr * g;
                            w + (mu * *m - lr * g)
                        });
                    } else {
                        each!(arrays, $t, decay, [m], |w, g| {
                            *m = mu * *m - lr * g;
                            w + *m
                        });
                    }
                }
                OptimizerOp::RmsProp { rho, momentum, epsilon, centered } => {
                    let (keep, take) = (rho as $t, (1.0 - rho) as $t);
                    let (mu, eps) = (momentum as $t, epsilon as $t);
                    match (momentum != 0.0, centered) {
                        (false, false) => each!(arrays, $t, decay, [v], |w, g| {
                            *v = keep * *v + take * (g * g);
                            w - lr * g / (*v + eps).sqrt()
                        }),
                        (false, true) => each!(arrays, $t, decay, [v, average], |w, g| {
                            *v = keep * *v + take * (g * g);
                            *average = keep * *average + take * g;
                            w - lr * g / (*v - *average * *average + eps).sqrt()
                        }),
                        (true, false) => each!(arrays, $t, decay, [v, m], |w, g| {
                            *v = keep * *v + take * (g * g);
                            *m = mu * *m + lr * g / (*v + eps).sqrt();
                            w - *m
                        }),
                        (true, true) => each!(arrays, $t, decay, [v, m, average], |w, g| {
                            *v = keep * *v + take * (g * g);
                            *average = keep * *average + take * g;
                            *m = mu * *m + lr * g / (*v - *average * *average + eps).sqrt();
                            w - *m
                        }),
                    }
                }
                OptimizerOp::Adagrad { epsilon } => {
                    let eps = epsilon as $t;
                    each!(arrays, $t, decay, [sum], |w, g| {
                        *sum += g * g;
                        w - lr * g / (*sum + eps).sqrt()
                    });
                }
                OptimizerOp::Adadelta { rho, epsilon } => {
                    let (keep, take, eps) = (rho as $t, (1.0 - rho) as $t, epsilon as $t);
                    each!(arrays, $t, decay, [squares, deltas], |w, g| {
                        *squares = keep * *squares + take * (g * g);
                        let delta = -((*deltas + eps).sqrt() * g / (*squares + eps).sqrt());
                        *deltas = keep * *deltas + take * (delta * delta);
                        w + lr * delta
                    });
                }
                OptimizerOp::Adam { beta_1, beta_2, epsilon, amsgrad, .. } => {
                    let (one, two, eps) = ((1.0 - beta_1) as $t, (1.0 - beta_2) as $t, epsilon as $t);
                    if amsgrad {
                        each!(arrays, $t, decay, [m, v, largest], |w, g| {
                            *m += (g - *m) * one;
                            *v += (g * g - *v) * two;
                            // Written as a choice so that NaN in v does not vanish.
                            *largest = if *largest > *v { *largest } else { *v };
                            w - *m * scale / (largest.sqrt() + eps)
                        });
                    } else {
                        each!(arrays, $t, decay, [m, v], |w, g| {
                            *m += (g - *m) * one;
                            *v += (g * g - *v) * two;
                            w - *m * scale / (v.sqrt() + eps)
                        });
                    }
                }
                OptimizerOp::Adamax { beta_1, beta_2, epsilon, .. } => {
                    let (one, two, eps) = ((1.0 - beta_1) as $t, beta_2 as $t, epsilon as $t);
                    each!(arrays, $t, decay, [m, norm], |w, g| {
                        *m += (g - *m) * one;
                        let faded = two * *norm;
                        *norm = if faded > g.abs() { faded } else { g.abs() };
                        w - *m * scale / (*norm + eps)
                    });
                }
                OptimizerOp::Nadam { beta_1, beta_2, epsilon, .. } => {
                    let (one, two, eps) = ((1.0 - beta_1) as $t, (1.0 - beta_2) as $t, epsilon as $t);
                    let (of_gradient, of_velocity) = (rule.gradient_scale as $t, rule.velocity_scale as $t);
                    each!(arrays, $t, decay, [m, v], |w, g| {
                        *m += (g - *m) * one;
                        *v += (g * g - *v) * two;
                        let moment = scale * *m + of_gradient * g;
                        w - moment * lr / ((*v * of_velocity).sqrt() + eps)
                    });
                }
                OptimizerOp::Lion { beta_1, beta_2 } => {
                    let (b1, one) = (beta_1 as $t, (1.0 - beta_1) as $t);
                    let (b2, two) = (beta_2 as $t, (1.0 - beta_2) as $t);
                    each!(arrays, $t, decay, [m], |w, g| {
                        let direction = *m * b1 + g * one;
                        *m = *m * b2 + g * two;
                        // `signum` of zero is one; the rule stands still there. NaN stays NaN.
                        let sign = if direction == 0.0 { direction } else { direction.signum() };
                        w - lr * sign
                    });
                }
            }
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2")]
        fn $avx2(rule: &Rule, arrays: Arrays<'_, $t>) {
            $inner(rule, arrays);
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512vl,avx512dq")]
        fn $avx512(rule: &Rule, arrays: Arrays<'_, $t>) {
            $inner(rule, arrays);
        }

        /// Applies the rule to a range. Every instruction set gives the same bits: the formulas use
        /// correctly rounded operations only, and Rust does not contract them.
        pub(super) fn $name(rule: &Rule, arrays: Arrays<'_, $t>) {
            match isa() {
                // SAFETY: `isa` found the features the function was compiled for.
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => unsafe { $avx512(rule, arrays) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => unsafe { $avx2(rule, arrays) },
                #[cfg(target_arch = "aarch64")]
                Isa::Neon => $inner(rule, arrays),
                Isa::Scalar => $inner(rule, arrays),
            }
        }
    };
}

rules!(apply_plain_f32, apply_f32_avx2, apply_f32_avx512, apply_f32_plain, f32);
rules!(apply_f64, apply_f64_avx2, apply_f64_avx512, apply_f64_plain, f64);

/// Applies the rule to a range; Adam's bits depend on the instruction set, those of other rules do not.
pub(super) fn apply_f32(rule: &Rule, arrays: Arrays<'_, f32>) {
    let arrays = match rule.op {
        OptimizerOp::Adam { beta_1, beta_2, epsilon, amsgrad: false, .. } => {
            let adam = wide::Adam {
                decay: rule.decay as f32,
                one: (1.0 - beta_1) as f32,
                two: (1.0 - beta_2) as f32,
                epsilon: epsilon as f32,
                scale: rule.scale as f32,
            };
            match wide::adam(adam, arrays) {
                Ok(()) => return,
                Err(arrays) => arrays,
            }
        }
        OptimizerOp::Adam { .. }
        | OptimizerOp::Sgd { .. }
        | OptimizerOp::RmsProp { .. }
        | OptimizerOp::Adagrad { .. }
        | OptimizerOp::Adadelta { .. }
        | OptimizerOp::Adamax { .. }
        | OptimizerOp::Nadam { .. }
        | OptimizerOp::Lion { .. } => arrays,
    };
    apply_plain_f32(rule, arrays);
}
