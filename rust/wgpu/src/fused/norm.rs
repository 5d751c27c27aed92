//! Normalizations: over the last axes (layer, root mean square), over groups of channels of each sample (group), over all
//! but the last axis (batch). Means and variances take two passes, because one loses the digits of small variances.

use corten_core::{DType, Layout, Result};

use super::{
    Gradient, Gradients, Operand, Outputs,
    columns::Columns,
    map,
    rows::{Rows, each},
};
use crate::{
    In,
    copy::{Dense, to_contiguous},
    device::Gpu,
    kernel::{Bind, Parameters, Word},
    memory::{Buffer, alloc},
};

/// The optional vectors that follow x.
struct Vectors<'a> {
    scale: Option<Dense<'a>>,
    offset: Option<Dense<'a>>,
}

impl<'a> Vectors<'a> {
    fn new(gpu: &Gpu, inputs: &[In<'a>], scale: bool, offset: bool) -> Result<Self> {
        let own = |wanted: bool, at: usize| wanted.then(|| Dense::new(gpu, inputs[at])).transpose();
        Ok(Self { scale: own(scale, 1)?, offset: own(offset, 1 + usize::from(scale))? })
    }
}

/// The place of an optional vector among the parameters.
fn place(parameters: &mut Parameters, vector: Option<&Dense<'_>>) -> Word {
    parameters.count(vector.map_or(0, Dense::offset))
}

/// What is standardized together: of each of `images`, `rows` of `groups` times `width` channels, a group of channels.
#[derive(Clone, Copy)]
pub(super) struct Norm {
    images: usize,
    rows: usize,
    groups: usize,
    width: usize,
    epsilon: f64,
    /// Whether the mean is taken off.
    centered: bool,
}

impl Norm {
    pub(super) fn of_rows(x: In<'_>, axes: usize, epsilon: f64, centered: bool) -> Self {
        let shape = x.layout.shape();
        let (before, last) = shape.split_at(shape.len() - axes);
        Self { images: before.iter().product(), rows: 1, groups: 1, width: last.iter().product(), epsilon, centered }
    }

    pub(super) fn of_groups(x: In<'_>, groups: usize, epsilon: f64) -> Option<Self> {
        let shape = x.layout.shape();
        let [images, middle @ .., channels] = shape else { return None };
        let rows = middle.iter().product();
        Some(Self { images: *images, rows, groups, width: channels / groups, epsilon, centered: true })
    }

    fn teams(self) -> Rows {
        Rows { count: self.images * self.groups, len: self.rows * self.width }
    }

    fn len(self) -> usize {
        self.images * self.rows * self.groups * self.width
    }

    fn key(self) -> String {
        let Self { rows, groups, centered, .. } = self;
        format!("{}{centered}", if rows * groups == 1 { "" } else { "grouped " })
    }

    /// The numbers that [`begin`](Self::begin) reads.
    fn push(self, parameters: &mut Parameters) -> [Word; 4] {
        [
            parameters.count(self.rows),
            parameters.count(self.groups),
            parameters.count(self.width),
            parameters.float(self.epsilon),
        ]
    }

    /// Functions for where element `i` of a team lies and which channel it is.
    fn functions(self, [rows, groups, width, _]: &[Word; 4]) -> String {
        if self.rows * self.groups == 1 {
            format!(
                "fn place(row: u32, i: u32) -> u32 {{\nreturn row * {width} + i;\n}}\n\
                 fn channel(row: u32, i: u32) -> u32 {{\nreturn i;\n}}\n"
            )
        } else {
            format!(
                "fn place(row: u32, i: u32) -> u32 {{\n\
                 return ((row / {groups} * {rows} + i / {width}) * {groups} + row % {groups}) * {width} + i % {width};\n}}\n\
                 fn channel(row: u32, i: u32) -> u32 {{\nreturn row % {groups} * {width} + i % {width};\n}}\n"
            )
        }
    }

    /// Statements that define `mean` and `inverse`, one over the deviation.
    fn moments(self, offset: &Word, epsilon: &Word) -> String {
        let x = format!("x[{offset} + place(row, i)]");
        let mut text = "var mean = 0.0;\n".to_owned();
        if self.centered {
            text += &format!("{}mean = team_sum(lane, mean) / f32(len);\n", each(&format!("mean += {x};")));
        }
        text + &format!(
            "var squares = 0.0;\n{}let inverse = 1.0 / sqrt(team_sum(lane, squares) / f32(len) + {epsilon});\n",
            each(&format!("let distance = {x} - mean;\nsquares += distance * distance;"))
        )
    }

    pub(super) fn forward(self, gpu: &Gpu, inputs: &[In<'_>], scale: bool, offset: bool) -> Outputs {
        if self.len() == 0 {
            return Ok(None);
        }
        let out = alloc(gpu, self.len())?;
        let (x, vectors) = (Dense::new(gpu, inputs[0])?, Vectors::new(gpu, inputs, scale, offset)?);
        let mut parameters = Parameters::new();
        let words = self.push(&mut parameters);
        let of_x = parameters.count(x.offset());
        let (of_scale, of_offset) =
            (place(&mut parameters, vectors.scale.as_ref()), place(&mut parameters, vectors.offset.as_ref()));
        let mut bindings = vec![Bind::read("x", x.buffer(), "f32"), Bind::write("result", &out, "f32")];
        bindings.extend(vectors.scale.as_ref().map(|scale| Bind::read("scale", scale.buffer(), "f32")));
        bindings.extend(vectors.offset.as_ref().map(|offset| Bind::read("offset", offset.buffer(), "f32")));
        self.teams().launch(gpu, "normalize", &format!("normalize {}", self.key()), parameters, &bindings, || {
            let mut value = format!("(x[{of_x} + place(row, i)] - mean) * inverse");
            if scale {
                value += &format!(" * scale[{of_scale} + channel(row, i)]");
            }
            if offset {
                value += &format!(" + offset[{of_offset} + channel(row, i)]");
            }
            let last = each(&format!("result[place(row, i)] = {value};"));
            (self.functions(&words), format!("{}if here {{\n{last}}}", self.moments(&of_x, &words[3])))
        })?;
        Ok(Some(vec![out]))
    }

    /// With `n` the standardized x and `g = dy scale`: `(g - mean(g) - n mean(g n)) / deviation`.
    pub(super) fn gradient(self, gpu: &Gpu, of: &Gradient<'_>, scale: bool, offset: bool) -> Gradients {
        let Some(dy) = of.grads[0] else { return Ok(None) };
        if self.len() == 0 {
            return Ok(None);
        }
        let dx = alloc(gpu, self.len())?;
        let teams = self.teams();
        let moments = alloc(gpu, 2 * teams.count)?;
        let (x, dy) = (Dense::new(gpu, of.inputs[0])?, Dense::new(gpu, dy)?);
        let vectors = Vectors::new(gpu, of.inputs, scale, offset)?;
        let mut parameters = Parameters::new();
        let words = self.push(&mut parameters);
        let (of_x, of_dy) = (parameters.count(x.offset()), parameters.count(dy.offset()));
        let of_scale = place(&mut parameters, vectors.scale.as_ref());
        let mut bindings = vec![
            Bind::read("x", x.buffer(), "f32"),
            Bind::read("dy", dy.buffer(), "f32"),
            Bind::write("result", &dx, "f32"),
            Bind::write("moments", &moments, "f32"),
        ];
        bindings.extend(vectors.scale.as_ref().map(|scale| Bind::read("scale", scale.buffer(), "f32")));
        let key = format!("normalize gradient {}", self.key());
        teams.launch(gpu, "normalize", &key, parameters, &bindings, || {
            let mut g = format!("let n = (x[{of_x} + place(row, i)] - mean) * inverse;\nvar g = dy[{of_dy} + place(row, i)];\n");
            if scale {
                g += &format!("g *= scale[{of_scale} + channel(row, i)];\n");
            }
            let level = if self.centered { "level = team_sum(lane, level) / f32(len);" } else { "level = 0.0;" };
            let body = format!(
                "{}var level = 0.0;\nvar slope = 0.0;\n{}{level}\nslope = team_sum(lane, slope) / f32(len);\nif here {{\n{}\
                 if member == 0u {{\nmoments[row * 2u] = mean;\nmoments[row * 2u + 1u] = inverse;\n}}\n}}",
                self.moments(&of_x, &words[3]),
                each(&format!("{g}level += g;\nslope += g * n;")),
                each(&format!("{g}result[place(row, i)] = (g - level - n * slope) * inverse;"))
            );
            (self.functions(&words), body)
        })?;
        let mut results = vec![of.needs[0].then_some(dx)];
        if scale || offset {
            let [of_scale, of_offset] = self.vector_gradients(gpu, &x, &dy, &moments)?;
            results.extend(scale.then_some(Some(of_scale)));
            results.extend(offset.then_some(Some(of_offset)));
        }
        Ok(Some(results))
    }

    fn vector_gradients(self, gpu: &Gpu, x: &Dense<'_>, dy: &Dense<'_>, moments: &Buffer) -> Result<[Buffer; 2]> {
        let mut parameters = Parameters::new();
        let [rows, groups, width, _] = self.push(&mut parameters);
        let (of_x, of_dy) = (parameters.count(x.offset()), parameters.count(dy.offset()));
        let all = parameters.count(self.groups * self.width);
        let bindings = [
            Bind::read("x", x.buffer(), "f32"),
            Bind::read("dy", dy.buffer(), "f32"),
            Bind::read("moments", moments, "f32"),
        ];
        let columns = Columns { rows: self.images * self.rows, width: self.groups * self.width, factor: 1.0 };
        columns.sum(gpu, "normalize", "normalize vectors", parameters, &bindings, || {
            format!(
                "let at = r * {all} + c;\nlet team = (r / {rows} * {groups} + c / {width}) * 2u;\nlet value1 = dy[{of_dy} + at];\n\
                 let value0 = value1 * (x[{of_x} + at] - moments[team]) * moments[team + 1u];"
            )
        })
    }
}

/// Sizes of a batch, and its operands as dense vectors of channels.
struct Batch {
    rows: usize,
    channels: usize,
    layout: Layout,
}

impl Batch {
    fn new(x: In<'_>) -> Self {
        let channels = x.layout.shape().last().copied().unwrap_or(1);
        Self { rows: x.layout.len() / channels.max(1), channels, layout: Layout::contiguous(&[channels]) }
    }

    fn vector<'a>(&'a self, gpu: &Gpu, buffer: &'a Buffer) -> Result<Dense<'a>> {
        Dense::new(gpu, In { buffer, layout: &self.layout, dtype: DType::F32 })
    }

    /// Of each channel.
    fn map(&self, gpu: &Gpu, operands: &[Operand<'_>], numbers: &[(&str, f64)], value: &str) -> Result<Buffer> {
        map(gpu, "batch_norm", operands, numbers, self.channels, value)
    }

    fn inverse(&self, gpu: &Gpu, variance: &Dense<'_>, epsilon: f64) -> Result<Buffer> {
        self.map(gpu, &[operand("variance", variance)], &[("epsilon", epsilon)], "1.0 / sqrt(of_variance + epsilon)")
    }

    fn columns(&self, factor: f64) -> Columns {
        Columns { rows: self.rows, width: self.channels, factor }
    }
}

const fn operand<'a>(name: &'static str, dense: &'a Dense<'a>) -> Operand<'a> {
    Operand { name, dense }
}

pub(super) fn batch(gpu: &Gpu, inputs: &[In<'_>], epsilon: f64, scale: bool, offset: bool) -> Outputs {
    let of = Batch::new(inputs[0]);
    if of.rows == 0 {
        return Ok(None);
    }
    let (x, vectors) = (Dense::new(gpu, inputs[0])?, Vectors::new(gpu, inputs, scale, offset)?);
    let columns = of.columns(1.0 / of.rows as f64);
    let start = |parameters: &mut Parameters| (parameters.count(x.offset()), parameters.count(of.channels));
    let mut parameters = Parameters::new();
    let (of_x, width) = start(&mut parameters);
    let operands = [Bind::read("x", x.buffer(), "f32")];
    let [mean] = columns.sum(gpu, "batch_norm", "batch mean", parameters, &operands, || {
        format!("let value0 = x[{of_x} + r * {width} + c];")
    })?;
    let mut parameters = Parameters::new();
    let (of_x, width) = start(&mut parameters);
    let operands = [Bind::read("x", x.buffer(), "f32"), Bind::read("mean", &mean, "f32")];
    let [variance] = columns.sum(gpu, "batch_norm", "batch variance", parameters, &operands, || {
        format!("let distance = x[{of_x} + r * {width} + c] - mean[c];\nlet value0 = distance * distance;")
    })?;
    let inverse = of.inverse(gpu, &of.vector(gpu, &variance)?, epsilon)?;
    let y = {
        let (mean, inverse) = (of.vector(gpu, &mean)?, of.vector(gpu, &inverse)?);
        let mut operands = vec![operand("x", &x), operand("mean", &mean), operand("inverse", &inverse)];
        let mut value = "(of_x - of_mean) * of_inverse".to_owned();
        if let Some(scale) = &vectors.scale {
            operands.push(operand("scale", scale));
            value += " * of_scale";
        }
        if let Some(offset) = &vectors.offset {
            operands.push(operand("offset", offset));
            value += " + of_offset";
        }
        map(gpu, "batch_norm", &operands, &[], of.rows * of.channels, &value)?
    };
    Ok(Some(vec![y, mean, variance]))
}

/// With `n` the normalized x, N rows, and `s` the scale over the deviation:
/// `dx = s (dy - mean(dy) - n mean(dy n)) + dmean / N + 2 dvariance (x - mean) / N`.
pub(super) fn batch_gradient(gpu: &Gpu, of: &Gradient<'_>, epsilon: f64, scale: bool, offset: bool) -> Gradients {
    let Some(dy) = of.grads[0] else { return Ok(None) };
    let sizes = Batch::new(of.inputs[0]);
    if sizes.rows == 0 {
        return Ok(None);
    }
    let (x, dy) = (Dense::new(gpu, of.inputs[0])?, Dense::new(gpu, dy)?);
    let vectors = Vectors::new(gpu, of.inputs, scale, offset)?;
    let (mean, variance) = (Dense::new(gpu, of.outputs[1])?, Dense::new(gpu, of.outputs[2])?);
    let inverse = sizes.inverse(gpu, &variance, epsilon)?;
    let mut parameters = Parameters::new();
    let [of_x, of_dy, of_mean, width] =
        [x.offset(), dy.offset(), mean.offset(), sizes.channels].map(|n| parameters.count(n));
    let operands = [
        Bind::read("x", x.buffer(), "f32"),
        Bind::read("dy", dy.buffer(), "f32"),
        Bind::read("mean", mean.buffer(), "f32"),
        Bind::read("inverse", &inverse, "f32"),
    ];
    let [products, sums] =
        sizes.columns(1.0).sum(gpu, "batch_norm", "batch gradient", parameters, &operands, || {
            format!(
                "let at = r * {width} + c;\nlet value1 = dy[{of_dy} + at];\n\
             let value0 = value1 * ((x[{of_x} + at] - mean[{of_mean} + c]) * inverse[c]);"
            )
        })?;
    let dx = if of.needs[0] {
        // As `dy a + (x - mean) b + c`, with a, b and c of each channel.
        let dense =
            |grad: Option<In<'_>>| -> Result<Option<Buffer>> { grad.map(|grad| to_contiguous(gpu, grad)).transpose() };
        let (dmean, dvariance) = (dense(of.grads[1])?, dense(of.grads[2])?);
        let dmean = dmean.as_ref().map(|buffer| sizes.vector(gpu, buffer)).transpose()?;
        let dvariance = dvariance.as_ref().map(|buffer| sizes.vector(gpu, buffer)).transpose()?;
        let (inverse, products, sums) =
            (sizes.vector(gpu, &inverse)?, sizes.vector(gpu, &products)?, sizes.vector(gpu, &sums)?);
        let count = [("count", 1.0 / sizes.rows as f64)];
        let a = match &vectors.scale {
            Some(scale) => sizes.map(
                gpu,
                &[operand("inverse", &inverse), operand("scale", scale)],
                &[],
                "of_inverse * of_scale",
            )?,
            None => sizes.map(gpu, &[operand("inverse", &inverse)], &[], "of_inverse")?,
        };
        let a = sizes.vector(gpu, &a)?;
        let mut operands = vec![operand("a", &a), operand("inverse", &inverse), operand("products", &products)];
        let mut value = "k_neg(of_a * of_inverse * of_products * count)".to_owned();
        if let Some(dvariance) = &dvariance {
            operands.push(operand("dvariance", dvariance));
            value += " + 2.0 * of_dvariance * count";
        }
        let b = sizes.map(gpu, &operands, &count, &value)?;
        let mut operands = vec![operand("a", &a), operand("sums", &sums)];
        let mut value = "k_neg(of_a * of_sums * count)".to_owned();
        if let Some(dmean) = &dmean {
            operands.push(operand("dmean", dmean));
            value += " + of_dmean * count";
        }
        let c = sizes.map(gpu, &operands, &count, &value)?;
        let (b, c) = (sizes.vector(gpu, &b)?, sizes.vector(gpu, &c)?);
        let operands = [
            operand("x", &x),
            operand("dy", &dy),
            operand("mean", &mean),
            operand("a", &a),
            operand("b", &b),
            operand("c", &c),
        ];
        let value = "of_dy * of_a + (of_x - of_mean) * of_b + of_c";
        Some(map(gpu, "batch_norm", &operands, &[], x.len(), value)?)
    } else {
        None
    };
    let mut results = vec![dx];
    results.extend(scale.then_some(Some(products)));
    results.extend(offset.then_some(Some(sums)));
    Ok(Some(results))
}
