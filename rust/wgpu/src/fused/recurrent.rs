//! LSTM and GRU over whole sequences: the inputs' share of all steps is one product; then each step is a product with the
//! recurrent kernel and a pass over the gates. Backward the same in reverse; the weights' gradients are products over all
//! steps.

use corten_core::{Activation, DType, Dims, Layout, Range, Result};

use super::{Gradient, Gradients, Outputs, linear::column_sums};
use crate::{
    In,
    copy::{Dense, copy, fill_bits, to_contiguous},
    device::Gpu,
    ending::Ending,
    kernel::{Bind, Grid, Kernel, Parameters, Source, each_element, launch},
    matmul::{matmul, matmul_with_ending, transposed},
    memory::{Buffer, alloc},
};

/// Sizes of a layer: samples, steps, features of the input, units, gates.
#[derive(Clone, Copy)]
struct Sizes {
    samples: usize,
    steps: usize,
    features: usize,
    units: usize,
    gates: usize,
}

impl Sizes {
    fn new(inputs: &[In<'_>], gates: usize) -> Self {
        let (x, h) = (inputs[0].layout.shape(), inputs[4].layout.shape());
        Self { samples: x[0], steps: x[1], features: x[2], units: h[1], gates }
    }

    fn wide(self) -> usize {
        self.gates * self.units
    }

    fn rows(self) -> usize {
        self.samples * self.steps
    }

    fn is_empty(self) -> bool {
        [self.rows(), self.features, self.units].contains(&0)
    }

    /// One step of a row-major array `(samples, steps, len)`, as a matrix.
    fn step(self, step: usize, len: usize) -> Layout {
        let strides = [(self.steps * len) as isize, 1];
        Layout::new(Dims::from_slice(&[self.samples, len]), strides.into_iter().collect(), step * len)
    }

    /// All steps of such an array as a matrix.
    fn all(self, len: usize) -> Layout {
        Layout::contiguous(&[self.rows(), len])
    }
}

/// The same layout from another first element on.
fn moved(layout: &Layout, offset: usize) -> Layout {
    Layout::new(Dims::from_slice(layout.shape()), layout.strides().iter().copied().collect(), offset)
}

fn view<'a>(buffer: &'a Buffer, layout: &'a Layout) -> In<'a> {
    In { buffer, layout, dtype: DType::F32 }
}

/// An array of a pass over `(samples, units)`: its name, and where its element of a sample and unit lies.
struct Cell<'a> {
    bind: Bind<'a>,
    name: &'static str,
    /// The first element of the step.
    offset: usize,
    /// From one sample to the next.
    pitch: usize,
}

impl<'a> Cell<'a> {
    fn read(name: &'static str, buffer: &'a Buffer, offset: usize, pitch: usize) -> Self {
        Self { bind: Bind::read(name, buffer, "f32"), name, offset, pitch }
    }

    fn write(name: &'static str, buffer: &'a Buffer, offset: usize, pitch: usize) -> Self {
        Self { bind: Bind::write(name, buffer, "f32"), name, offset, pitch }
    }
}

/// Runs statements for each sample and unit `u`. Of an array X they know `at_X`, the place of the unit of the first gate;
/// the others are `units` apart.
fn cells(gpu: &Gpu, name: &str, key: &str, sizes: Sizes, arrays: &[Cell<'_>], statements: &str) -> Result<()> {
    let n = sizes.samples * sizes.units;
    let mut parameters = Parameters::new();
    let (n_word, units) = (parameters.count(n), parameters.count(sizes.units));
    let places: Vec<_> =
        arrays.iter().map(|cell| (parameters.count(cell.offset), parameters.count(cell.pitch))).collect();
    let bindings: Vec<Bind<'_>> = arrays.iter().map(|cell| cell.bind).collect();
    let kernel = Kernel {
        name,
        key: &format!("cells {key}"),
        parameters: &parameters,
        bindings: &bindings,
        grid: Grid::elements(n),
    };
    launch(gpu, &kernel, || {
        let mut text = format!("let units = {units};\nlet sample = i / units;\nlet u = i % units;\n");
        for (cell, (offset, pitch)) in arrays.iter().zip(&places) {
            text += &format!("let at_{} = {offset} + sample * {pitch} + u;\n", cell.name);
        }
        Source::new(each_element(&n_word, &(text + statements)))
    })
}

/// The inputs' share of the gates of all steps, with the bias.
fn shares(gpu: &Gpu, sizes: Sizes, inputs: &[In<'_>], bias: &Dense<'_>) -> Result<Buffer> {
    let x = Dense::new(gpu, inputs[0])?;
    let layout = moved(&sizes.all(sizes.features), x.offset());
    let ending = Ending::new(sizes.wide()).biased((bias.buffer(), bias.offset()), Activation::Linear);
    matmul_with_ending(gpu, view(x.buffer(), &layout), inputs[1], Some(ending))
}

/// The states before each step: the first and all but the last of `hs`.
fn before(gpu: &Gpu, sizes: Sizes, first: In<'_>, hs: In<'_>) -> Result<Buffer> {
    let Sizes { samples, steps, units, .. } = sizes;
    let out = alloc(gpu, sizes.rows() * units)?;
    copy(gpu, first, &out, &sizes.step(0, units))?;
    if steps > 1 {
        let whole = |len: usize| Range { start: 0, step: 1, len };
        let part = |start: usize| [whole(samples), Range { start, step: 1, len: steps - 1 }, whole(units)];
        let to = Layout::contiguous(&[samples, steps, units]).slice(&part(1));
        let from = hs.layout.slice(&part(0));
        copy(gpu, In { layout: &from, ..hs }, &out, &to)?;
    }
    Ok(out)
}

/// Gates of one step before activation: the share (in the gates' place) and the state's term.
const LSTM: &str = "let input = k_sigmoid(gates[at_gates] + term[at_term]);\n\
    let forget = k_sigmoid(gates[at_gates + units] + term[at_term + units]);\n\
    let candidate = k_tanh(gates[at_gates + 2u * units] + term[at_term + 2u * units]);\n\
    let output = k_sigmoid(gates[at_gates + 3u * units] + term[at_term + 3u * units]);\n\
    let state = forget * OLD + input * candidate;\n\
    gates[at_gates] = input;\ngates[at_gates + units] = forget;\ngates[at_gates + 2u * units] = candidate;\n\
    gates[at_gates + 3u * units] = output;\ncell[at_cell] = state;\nhidden[at_hidden] = output * k_tanh(state);";

pub(super) fn lstm(gpu: &Gpu, inputs: &[In<'_>]) -> Outputs {
    let sizes = Sizes::new(inputs, 4);
    if sizes.is_empty() {
        return Ok(None);
    }
    let (units, wide, steps) = (sizes.units, sizes.wide(), sizes.steps);
    let (bias, c0) = (Dense::new(gpu, inputs[3])?, Dense::new(gpu, inputs[5])?);
    let gates = shares(gpu, sizes, inputs, &bias)?;
    let (hs, cs) = (alloc(gpu, sizes.rows() * units)?, alloc(gpu, sizes.rows() * units)?);
    for step in 0..steps {
        let layout = sizes.step(step.saturating_sub(1), units);
        let state = if step == 0 { inputs[4] } else { view(&hs, &layout) };
        let term = matmul(gpu, state, inputs[2])?;
        let mut arrays = vec![
            Cell::read("term", &term, 0, wide),
            Cell::write("gates", &gates, step * wide, steps * wide),
            Cell::write("cell", &cs, step * units, steps * units),
            Cell::write("hidden", &hs, step * units, steps * units),
        ];
        // The array of cell states is bound once: later steps find the old state in it.
        let old = if step == 0 {
            arrays.push(Cell::read("old", c0.buffer(), c0.offset(), units));
            "old[at_old]"
        } else {
            "cell[at_cell - units]"
        };
        cells(gpu, "lstm", &format!("lstm {old}"), sizes, &arrays, &LSTM.replace("OLD", old))?;
    }
    Ok(Some(vec![hs, cs, gates]))
}

/// From the gradients of the hidden and the cell state those of the gates before activation; `dc` becomes the gradient of
/// the previous cell state.
const LSTM_GRADIENT: &str = "let input = gates[at_gates];\nlet forget = gates[at_gates + units];\n\
    let candidate = gates[at_gates + 2u * units];\nlet output = gates[at_gates + 3u * units];\n\
    let squashed = k_tanh(cell[at_cell]);\nlet d_hidden = DH;\nlet d_cell = DC;\n\
    let d = d_cell + d_hidden * output * (1.0 - squashed * squashed);\n\
    dgates[at_dgates] = d * candidate * input * (1.0 - input);\n\
    dgates[at_dgates + units] = d * OLD * forget * (1.0 - forget);\n\
    dgates[at_dgates + 2u * units] = d * input * (1.0 - candidate * candidate);\n\
    dgates[at_dgates + 3u * units] = d_hidden * squashed * output * (1.0 - output);\ndc[at_dc] = d * forget;";

pub(super) fn lstm_gradient(gpu: &Gpu, of: &Gradient<'_>) -> Gradients {
    let sizes = Sizes::new(of.inputs, 4);
    if of.grads[2].is_some() || sizes.is_empty() {
        return Ok(None);
    }
    let (units, wide, steps, samples) = (sizes.units, sizes.wide(), sizes.steps, sizes.samples);
    let c0 = Dense::new(gpu, of.inputs[5])?;
    let dense = |x: In<'_>| to_contiguous(gpu, x);
    let (cs, gates) = (dense(of.outputs[1])?, dense(of.outputs[2])?);
    let (dhs, dcs) = (of.grads[0].map(dense).transpose()?, of.grads[1].map(dense).transpose()?);
    let dgates = alloc(gpu, sizes.rows() * wide)?;
    let dc = fill_bits(gpu, samples * units, 0)?;
    let mut dh = fill_bits(gpu, samples * units, 0)?;
    let recurrent_t = transposed(of.inputs[2].layout);
    for step in (0..steps).rev() {
        let at = |len: usize| (step * len, steps * len);
        let read = |name, buffer, len| Cell::read(name, buffer, at(len).0, at(len).1);
        let mut arrays = vec![
            read("gates", &gates, wide),
            read("cell", &cs, units),
            Cell::read("dh", &dh, 0, units),
            Cell::write("dgates", &dgates, at(wide).0, at(wide).1),
            Cell::write("dc", &dc, 0, units),
        ];
        let (mut of_hidden, mut of_cell) = ("dh[at_dh]", "dc[at_dc]");
        if let Some(dhs) = &dhs {
            arrays.push(read("dhs", dhs, units));
            of_hidden = "dh[at_dh] + dhs[at_dhs]";
        }
        if let Some(dcs) = &dcs {
            arrays.push(read("dcs", dcs, units));
            of_cell = "dc[at_dc] + dcs[at_dcs]";
        }
        let old = if step == 0 {
            arrays.push(Cell::read("old", c0.buffer(), c0.offset(), units));
            "old[at_old]"
        } else {
            "cell[at_cell - units]"
        };
        let text = LSTM_GRADIENT.replace("DH", of_hidden).replace("DC", of_cell).replace("OLD", old);
        cells(gpu, "lstm gradient", &text, sizes, &arrays, &text)?;
        let layout = sizes.step(step, wide);
        dh = matmul(gpu, view(&dgates, &layout), In { layout: &recurrent_t, ..of.inputs[2] })?;
    }
    let mut results = weight_gradients(gpu, sizes, of, &dgates, &dgates)?;
    let layout = sizes.all(wide);
    results.push(of.needs[3].then(|| column_sums(gpu, view(&dgates, &layout), wide)).transpose()?);
    results.extend([Some(dh), Some(dc)]);
    Ok(Some(results))
}

/// The gradients of input, kernel and recurrent kernel from those of the shares of the gates.
fn weight_gradients(
    gpu: &Gpu,
    sizes: Sizes,
    of: &Gradient<'_>,
    dinput: &Buffer,
    dstate: &Buffer,
) -> Result<Vec<Option<Buffer>>> {
    let wide = sizes.all(sizes.wide());
    let x = Dense::new(gpu, of.inputs[0])?;
    let kernel_t = transposed(of.inputs[1].layout);
    let of_input = view(dinput, &wide);
    let dx = of.needs[0].then(|| matmul(gpu, of_input, In { layout: &kernel_t, ..of.inputs[1] })).transpose()?;
    let x_t = Layout::new(
        Dims::from_slice(&[sizes.features, sizes.rows()]),
        [1, sizes.features as isize].into_iter().collect(),
        x.offset(),
    );
    let dkernel = of.needs[1].then(|| matmul(gpu, view(x.buffer(), &x_t), of_input)).transpose()?;
    let drecurrent = if of.needs[2] {
        let states = before(gpu, sizes, of.inputs[4], of.outputs[0])?;
        let states_t = transposed(&sizes.all(sizes.units));
        Some(matmul(gpu, view(&states, &states_t), view(dstate, &wide))?)
    } else {
        None
    };
    Ok(vec![dx, dkernel, drecurrent])
}

/// `share` is in the gates' place; `term` is the state's, with its bias.
const GRU: &str = "let z = k_sigmoid(gates[at_gates] + term[at_term]);\n\
    let r = k_sigmoid(gates[at_gates + units] + term[at_term + units]);\nlet t = term[at_term + 2u * units];\n\
    let candidate = k_tanh(gates[at_gates + 2u * units] + r * t);\n\
    gates[at_gates] = z;\ngates[at_gates + units] = r;\ngates[at_gates + 2u * units] = candidate;\nterms[at_terms] = t;\n\
    hidden[at_hidden] = z * OLD + (1.0 - z) * candidate;";

pub(super) fn gru(gpu: &Gpu, inputs: &[In<'_>]) -> Outputs {
    let sizes = Sizes::new(inputs, 3);
    if sizes.is_empty() {
        return Ok(None);
    }
    let (units, wide, steps) = (sizes.units, sizes.wide(), sizes.steps);
    let (bias, h0) = (Dense::new(gpu, inputs[3])?, Dense::new(gpu, inputs[4])?);
    let gates = shares(gpu, sizes, inputs, &bias)?;
    let (hs, terms) = (alloc(gpu, sizes.rows() * units)?, alloc(gpu, sizes.rows() * units)?);
    for step in 0..steps {
        let layout = sizes.step(step.saturating_sub(1), units);
        let state = if step == 0 { inputs[4] } else { view(&hs, &layout) };
        // The second row of the bias is the state's.
        let of_state = Ending::new(wide).biased((bias.buffer(), bias.offset() + wide), Activation::Linear);
        let term = matmul_with_ending(gpu, state, inputs[2], Some(of_state))?;
        let mut arrays = vec![
            Cell::read("term", &term, 0, wide),
            Cell::write("gates", &gates, step * wide, steps * wide),
            Cell::write("terms", &terms, step * units, steps * units),
            Cell::write("hidden", &hs, step * units, steps * units),
        ];
        let old = if step == 0 {
            arrays.push(Cell::read("old", h0.buffer(), h0.offset(), units));
            "old[at_old]"
        } else {
            "hidden[at_hidden - units]"
        };
        cells(gpu, "gru", &format!("gru {old}"), sizes, &arrays, &GRU.replace("OLD", old))?;
    }
    Ok(Some(vec![hs, gates, terms]))
}

/// `own` becomes the part of the previous state's gradient that does not go through the recurrent kernel.
const GRU_GRADIENT: &str = "let z = gates[at_gates];\nlet r = gates[at_gates + units];\n\
    let candidate = gates[at_gates + 2u * units];\nlet d = DH;\n\
    let dz = d * (OLD - candidate) * z * (1.0 - z);\nlet dc = d * (1.0 - z) * (1.0 - candidate * candidate);\n\
    let dr = dc * terms[at_terms] * r * (1.0 - r);\ndinput[at_dinput] = dz;\ndinput[at_dinput + units] = dr;\n\
    dinput[at_dinput + 2u * units] = dc;\ndstate[at_dstate] = dz;\ndstate[at_dstate + units] = dr;\n\
    dstate[at_dstate + 2u * units] = dc * r;\nown[at_own] = d * z;";

pub(super) fn gru_gradient(gpu: &Gpu, of: &Gradient<'_>) -> Gradients {
    let sizes = Sizes::new(of.inputs, 3);
    if of.grads[1].is_some() || of.grads[2].is_some() || sizes.is_empty() {
        return Ok(None);
    }
    let (units, wide, steps, samples) = (sizes.units, sizes.wide(), sizes.steps, sizes.samples);
    let dense = |x: In<'_>| to_contiguous(gpu, x);
    let states = before(gpu, sizes, of.inputs[4], of.outputs[0])?;
    let (gates, terms) = (dense(of.outputs[1])?, dense(of.outputs[2])?);
    let dhs = of.grads[0].map(dense).transpose()?;
    let (dinput, dstate) = (alloc(gpu, sizes.rows() * wide)?, alloc(gpu, sizes.rows() * wide)?);
    let own = alloc(gpu, samples * units)?;
    let mut dh = fill_bits(gpu, samples * units, 0)?;
    let recurrent_t = transposed(of.inputs[2].layout);
    for step in (0..steps).rev() {
        let at = |len: usize| (step * len, steps * len);
        let read = |name, buffer, len| Cell::read(name, buffer, at(len).0, at(len).1);
        let mut arrays = vec![
            read("gates", &gates, wide),
            read("terms", &terms, units),
            read("old", &states, units),
            Cell::read("dh", &dh, 0, units),
            Cell::write("dinput", &dinput, at(wide).0, at(wide).1),
            Cell::write("dstate", &dstate, at(wide).0, at(wide).1),
            Cell::write("own", &own, 0, units),
        ];
        let mut of_hidden = "dh[at_dh]";
        if let Some(dhs) = &dhs {
            arrays.push(read("dhs", dhs, units));
            of_hidden = "dh[at_dh] + dhs[at_dhs]";
        }
        let text = GRU_GRADIENT.replace("DH", of_hidden).replace("OLD", "old[at_old]");
        cells(gpu, "gru gradient", &text, sizes, &arrays, &text)?;
        let layout = sizes.step(step, wide);
        let ending = Ending::new(units).with_residual(Some((&own, 0)));
        let weights = In { layout: &recurrent_t, ..of.inputs[2] };
        dh = matmul_with_ending(gpu, view(&dstate, &layout), weights, Some(ending))?;
    }
    let mut results = weight_gradients(gpu, sizes, of, &dinput, &dstate)?;
    results.push(if of.needs[3] { Some(bias_gradients(gpu, sizes, &dinput, &dstate)?) } else { None });
    results.push(Some(dh));
    Ok(Some(results))
}

/// The sums of both gradients, one after the other.
fn bias_gradients(gpu: &Gpu, sizes: Sizes, dinput: &Buffer, dstate: &Buffer) -> Result<Buffer> {
    let wide = sizes.wide();
    let (all, row) = (sizes.all(wide), Layout::contiguous(&[wide]));
    let out = alloc(gpu, 2 * wide)?;
    for (place, part) in [dinput, dstate].into_iter().enumerate() {
        let sums = column_sums(gpu, view(part, &all), wide)?;
        let to = moved(&row, place * wide);
        copy(gpu, view(&sums, &row), &out, &to)?;
    }
    Ok(out)
}
