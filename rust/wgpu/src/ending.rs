//! What follows a product: `activation(scale * product + residual + bias)`, in the product's own kernel or in a pass.

use corten_core::{Activation, Result};

use crate::{
    device::Gpu,
    kernel::{Bind, Grid, Kernel, Parameters, Source, Word, each_element, launch},
    memory::Buffer,
};

/// A row-major operand and the place of its first element.
pub(crate) type At<'a> = (&'a Buffer, usize);

/// What becomes of each element of a product.
#[derive(Clone, Copy)]
pub(crate) struct Ending<'a> {
    activation: Activation,
    scale: f64,
    bias: Option<At<'a>>,
    residual: Option<At<'a>>,
    /// Where the operand of the activation, but for the bias, is kept.
    product: Option<&'a Buffer>,
    /// The size of the last axis.
    width: usize,
    words: Option<Words>,
}

#[derive(Clone, Copy)]
struct Words {
    scale: Word,
    bias: Word,
    residual: Word,
    width: Word,
}

/// The activation of `z`.
pub(crate) const fn activation_text(activation: Activation) -> &'static str {
    match activation {
        Activation::Linear => "z",
        Activation::Relu => "k_relu(z)",
        Activation::Sigmoid => "k_sigmoid(z)",
        Activation::Tanh => "k_tanh(z)",
        Activation::Gelu => "k_gelu(z)",
        Activation::GeluTanh => "k_gelu_tanh(z)",
        Activation::Silu => "k_silu(z)",
    }
}

impl<'a> Ending<'a> {
    pub(crate) const fn new(width: usize) -> Self {
        Self {
            activation: Activation::Linear,
            scale: 1.0,
            bias: None,
            residual: None,
            product: None,
            width,
            words: None,
        }
    }

    #[must_use]
    pub(crate) const fn scaled(self, scale: f64) -> Self {
        Self { scale, ..self }
    }

    #[must_use]
    pub(crate) const fn biased(self, bias: At<'a>, activation: Activation) -> Self {
        Self { bias: Some(bias), activation, ..self }
    }

    #[must_use]
    pub(crate) const fn with_residual(self, residual: Option<At<'a>>) -> Self {
        Self { residual, ..self }
    }

    #[must_use]
    pub(crate) const fn keeping(self, product: Option<&'a Buffer>) -> Self {
        Self { product, ..self }
    }

    /// With its numbers among the parameters.
    #[must_use]
    pub(crate) fn push(self, parameters: &mut Parameters) -> Self {
        let words = Words {
            scale: parameters.float(self.scale),
            bias: parameters.count(self.bias.map_or(0, |(_, offset)| offset)),
            residual: parameters.count(self.residual.map_or(0, |(_, offset)| offset)),
            width: parameters.count(self.width),
        };
        Self { words: Some(words), ..self }
    }

    pub(crate) fn key(&self) -> String {
        let Self { activation, bias, residual, product, .. } = self;
        format!("{activation:?}{}{}{}", bias.is_some(), residual.is_some(), product.is_some())
    }

    pub(crate) fn bindings(&self) -> impl Iterator<Item = Bind<'a>> {
        let bias = self.bias.map(|(buffer, _)| Bind::read("bias", buffer, "f32"));
        let residual = self.residual.map(|(buffer, _)| Bind::read("residual", buffer, "f32"));
        let product = self.product.map(|buffer| Bind::write("product", buffer, "f32"));
        bias.into_iter().chain(residual).chain(product)
    }

    /// `fn finish(value: f32, at: u32)`, which writes the element `at` of the result.
    pub(crate) fn text(&self) -> String {
        let Some(Words { scale, bias, residual, width }) = &self.words else { return String::new() };
        let mut text = format!("fn finish(value: f32, at: u32) {{\nvar z = value * {scale};\n");
        if self.residual.is_some() {
            text += &format!("z += residual[{residual} + at];\n");
        }
        if self.product.is_some() {
            text += "product[at] = z;\n";
        }
        if self.bias.is_some() {
            text += &format!("z += bias[{bias} + at % {width}];\n");
        }
        text + &format!("result[at] = {};\n}}\n", activation_text(self.activation))
    }

    /// As a pass over `n` elements that lie row-major from `offset` on.
    pub(crate) fn apply(&self, gpu: &Gpu, sums: &Buffer, offset: usize, out: &Buffer, n: usize) -> Result<()> {
        if n == 0 {
            return Ok(());
        }
        let mut parameters = Parameters::new();
        let ending = self.push(&mut parameters);
        let (n_word, start) = (parameters.count(n), parameters.count(offset));
        let mut bindings = vec![Bind::read("sums", sums, "f32"), Bind::write("result", out, "f32")];
        bindings.extend(ending.bindings());
        let kernel = Kernel {
            name: "bias_activation",
            key: &format!("ending {}", ending.key()),
            parameters: &parameters,
            bindings: &bindings,
            grid: Grid::elements(n),
        };
        launch(gpu, &kernel, || {
            Source::new(each_element(&n_word, &format!("finish(sums[{start} + i], i);"))).with(&ending.text())
        })
    }
}
