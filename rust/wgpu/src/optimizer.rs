//! Optimizer steps: as many parameters in one dispatch as the device binds buffers. The formulas are those of the
//! CPU's `optimizer/rules.rs`; coefficients are computed in float64 on the host.

use corten_core::{DType, OptimizerOp, Parameter, Result};
use smallvec::SmallVec;

use crate::{
    copy::Dense,
    device::Gpu,
    kernel::{Bind, Grid, ITEMS, Kernel, LANES, Parameters, Source, Word, launch},
    memory::Buffer,
};

/// Words of parameters that each tensor takes.
const WORDS: usize = 6;
/// Elements of a workgroup.
const GROUP: usize = LANES * ITEMS;

fn power(base: f64, step: u64) -> f64 {
    base.powi(i32::try_from(step).unwrap_or(i32::MAX))
}

/// Nadam's momentum schedule.
fn momentum_at(beta_1: f64, step: u64) -> f64 {
    beta_1 * (1.0 - 0.5 * power(0.96, step))
}

/// What the corrected moment is multiplied with.
fn scale(op: &OptimizerOp, learning_rate: f64) -> f64 {
    match *op {
        OptimizerOp::Adam { beta_1, beta_2, step, .. } => {
            learning_rate * (1.0 - power(beta_2, step)).sqrt() / (1.0 - power(beta_1, step))
        }
        OptimizerOp::Adamax { beta_1, step, .. } => learning_rate / (1.0 - power(beta_1, step)),
        OptimizerOp::Nadam { beta_1, step, u_product, .. } => {
            let next = momentum_at(beta_1, step + 1);
            next / (1.0 - u_product * momentum_at(beta_1, step) * next)
        }
        OptimizerOp::Sgd { .. }
        | OptimizerOp::RmsProp { .. }
        | OptimizerOp::Adagrad { .. }
        | OptimizerOp::Adadelta { .. }
        | OptimizerOp::Lion { .. } => learning_rate,
    }
}

/// A rule: how many slots it has, its coefficients, and the statements that change `w` and the slots `s0`, `s1`, `s2`
/// by the gradient `g`, seeing `lr` and `scale`.
struct Rule {
    slots: usize,
    key: String,
    statements: String,
}

impl Rule {
    fn new(op: &OptimizerOp, parameters: &mut Parameters) -> Self {
        let mut number = |value: f64| parameters.float(value).to_string();
        let (slots, name, statements) = match *op {
            OptimizerOp::Sgd { momentum, nesterov } => {
                let mu = number(momentum);
                if momentum == 0.0 {
                    (0, "sgd", "w = w - lr * g;".to_owned())
                } else if nesterov {
                    (1, "nesterov", format!("s0 = {mu} * s0 - lr * g;\nw = w + ({mu} * s0 - lr * g);"))
                } else {
                    (1, "momentum", format!("s0 = {mu} * s0 - lr * g;\nw = w + s0;"))
                }
            }
            OptimizerOp::RmsProp { rho, momentum, epsilon, centered } => {
                let (keep, take, mu, eps) = (number(rho), number(1.0 - rho), number(momentum), number(epsilon));
                let velocity = format!("s0 = {keep} * s0 + {take} * (g * g);\n");
                let average = |slot: &str| format!("{slot} = {keep} * {slot} + {take} * g;\n");
                match (momentum != 0.0, centered) {
                    (false, false) => (1, "rmsprop", format!("{velocity}w = w - lr * g / sqrt(s0 + {eps});")),
                    (false, true) => {
                        let average = average("s1");
                        (
                            2,
                            "rmsprop centered",
                            format!("{velocity}{average}w = w - lr * g / sqrt(s0 - s1 * s1 + {eps});"),
                        )
                    }
                    (true, false) => (
                        2,
                        "rmsprop momentum",
                        format!("{velocity}s1 = {mu} * s1 + lr * g / sqrt(s0 + {eps});\nw = w - s1;"),
                    ),
                    (true, true) => {
                        let average = average("s2");
                        (
                            3,
                            "rmsprop both",
                            format!(
                                "{velocity}{average}s1 = {mu} * s1 + lr * g / sqrt(s0 - s2 * s2 + {eps});\nw = w - s1;"
                            ),
                        )
                    }
                }
            }
            OptimizerOp::Adagrad { epsilon } => {
                let eps = number(epsilon);
                (1, "adagrad", format!("s0 = s0 + g * g;\nw = w - lr * g / sqrt(s0 + {eps});"))
            }
            OptimizerOp::Adadelta { rho, epsilon } => {
                let (keep, take, eps) = (number(rho), number(1.0 - rho), number(epsilon));
                (
                    2,
                    "adadelta",
                    format!(
                        "s0 = {keep} * s0 + {take} * (g * g);\nlet delta = -(sqrt(s1 + {eps}) * g / sqrt(s0 + {eps}));\n\
                         s1 = {keep} * s1 + {take} * (delta * delta);\nw = w + lr * delta;"
                    ),
                )
            }
            OptimizerOp::Adam { beta_1, beta_2, epsilon, amsgrad, .. } => {
                let (one, two, eps) = (number(1.0 - beta_1), number(1.0 - beta_2), number(epsilon));
                let moments = format!("s0 = s0 + (g - s0) * {one};\ns1 = s1 + (g * g - s1) * {two};\n");
                if amsgrad {
                    // NaN in the velocity does not vanish.
                    let largest = "s2 = select(select(s1, s2, s2 > s1), s1, k_is_nan(s1));\n";
                    (3, "amsgrad", format!("{moments}{largest}w = w - s0 * scale / (sqrt(s2) + {eps});"))
                } else {
                    (2, "adam", format!("{moments}w = w - s0 * scale / (sqrt(s1) + {eps});"))
                }
            }
            OptimizerOp::Adamax { beta_1, beta_2, epsilon, .. } => {
                let (one, two, eps) = (number(1.0 - beta_1), number(beta_2), number(epsilon));
                (
                    2,
                    "adamax",
                    format!(
                        "s0 = s0 + (g - s0) * {one};\nlet faded = {two} * s1;\n\
                         s1 = select(select(k_abs(g), faded, faded > k_abs(g)), g, k_is_nan(g));\n\
                         w = w - s0 * scale / (s1 + {eps});"
                    ),
                )
            }
            OptimizerOp::Nadam { beta_1, beta_2, epsilon, step, u_product } => {
                let now = momentum_at(beta_1, step);
                let (one, two, eps) = (number(1.0 - beta_1), number(1.0 - beta_2), number(epsilon));
                let of_gradient = number((1.0 - now) / (1.0 - u_product * now));
                let of_velocity = number(1.0 / (1.0 - power(beta_2, step)));
                (
                    2,
                    "nadam",
                    format!(
                        "s0 = s0 + (g - s0) * {one};\ns1 = s1 + (g * g - s1) * {two};\n\
                         let moment = scale * s0 + {of_gradient} * g;\nw = w - moment * lr / (sqrt(s1 * {of_velocity}) + {eps});"
                    ),
                )
            }
            OptimizerOp::Lion { beta_1, beta_2 } => {
                let (b1, one) = (number(beta_1), number(1.0 - beta_1));
                let (b2, two) = (number(beta_2), number(1.0 - beta_2));
                (
                    1,
                    "lion",
                    format!(
                        "let direction = s0 * {b1} + g * {one};\ns0 = s0 * {b2} + g * {two};\nw = w - lr * k_sign(direction);"
                    ),
                )
            }
        };
        Self { slots, key: name.to_owned(), statements }
    }
}

/// Where kernels find what belongs to one tensor.
struct Tensor {
    first: Word,
    len: Word,
    start: Word,
    decay: Word,
    learning_rate: Word,
    scale: Word,
}

pub(crate) fn optimizer_step(
    gpu: &Gpu,
    op: &OptimizerOp,
    dtype: DType,
    parameters: &mut [Parameter<'_, Buffer>],
) -> Result<()> {
    gpu.check(op.name(), dtype)?;
    let mut space = Parameters::new();
    let slots = Rule::new(op, &mut space).slots;
    let bound = gpu.0.limits.max_storage_buffers_per_shader_stage as usize / (2 + slots);
    let together = bound.min(space.room() / WORDS).max(1);
    let mut filled: Vec<&mut Parameter<'_, Buffer>> =
        parameters.iter_mut().filter(|parameter| !parameter.gradient.layout.is_empty()).collect();
    for chunk in filled.chunks_mut(together) {
        step(gpu, op, chunk)?;
    }
    Ok(())
}

fn step(gpu: &Gpu, op: &OptimizerOp, tensors: &mut [&mut Parameter<'_, Buffer>]) -> Result<()> {
    let gradients =
        tensors.iter().map(|tensor| Dense::new(gpu, tensor.gradient)).collect::<Result<SmallVec<[Dense<'_>; 4]>>>()?;
    let mut parameters = Parameters::new();
    let rule = Rule::new(op, &mut parameters);
    let mut groups = 0;
    let places: SmallVec<[Tensor; 4]> = tensors
        .iter()
        .zip(&gradients)
        .map(|(tensor, gradient)| {
            let len = tensor.gradient.layout.len();
            let first = parameters.count(groups);
            groups += len.div_ceil(GROUP);
            Tensor {
                first,
                len: parameters.count(len),
                start: parameters.count(gradient.offset()),
                decay: parameters.float(tensor.decay),
                learning_rate: parameters.float(tensor.learning_rate),
                scale: parameters.float(scale(op, tensor.learning_rate)),
            }
        })
        .collect();
    let names: Vec<[String; 5]> = (0..tensors.len())
        .map(|i| {
            [
                format!("value{i}"),
                format!("gradient{i}"),
                format!("slot{i}_0"),
                format!("slot{i}_1"),
                format!("slot{i}_2"),
            ]
        })
        .collect();
    let mut bindings: SmallVec<[Bind<'_>; 8]> = SmallVec::new();
    for ((tensor, gradient), names) in tensors.iter().zip(&gradients).zip(&names) {
        bindings.push(Bind::write(&names[0], tensor.value, "f32"));
        bindings.push(Bind::read(&names[1], gradient.buffer(), "f32"));
        bindings.extend(
            tensor.slots.iter().take(rule.slots).zip(&names[2..]).map(|(slot, name)| Bind::write(name, slot, "f32")),
        );
    }
    let kernel = Kernel {
        name: op.name(),
        key: &format!("optimizer {}", rule.key),
        parameters: &parameters,
        bindings: &bindings,
        grid: Grid::groups(groups),
    };
    launch(gpu, &kernel, || Source::new(body(&rule, &places)))
}

fn body(rule: &Rule, places: &[Tensor]) -> String {
    let mut text = String::new();
    for (i, place) in places.iter().enumerate() {
        let after = places.get(i + 1).map_or(String::new(), |next| format!(" && group < {}", next.first));
        let loads: String = (0..rule.slots).map(|slot| format!("var s{slot} = slot{i}_{slot}[at];\n")).collect();
        let stores: String = (0..rule.slots).map(|slot| format!("slot{i}_{slot}[at] = s{slot};\n")).collect();
        text += &format!(
            "if group >= {first}{after} {{\nlet lr = {lr};\nlet scale = {scale};\n\
             for (var item = 0u; item < {ITEMS}u; item++) {{\nlet at = (group - {first}) * {GROUP}u + item * {LANES}u + lane;\n\
             if at < {len} {{\nvar w = value{i}[at];\nw = w - {decay} * w;\nlet g = gradient{i}[{start} + at];\n\
             {loads}{statements}\nvalue{i}[at] = w;\n{stores}}}\n}}\n}}\n",
            first = place.first,
            lr = place.learning_rate,
            scale = place.scale,
            len = place.len,
            decay = place.decay,
            start = place.start,
            statements = rule.statements,
        );
    }
    text
}
