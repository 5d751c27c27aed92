//! Where the cells of windows lie in images, for one to three spatial axes seen as three.

use corten_core::{ConvSpec, PoolSpec};

use crate::kernel::{Parameters, Word};

/// Sizes of a convolution or pooling. Axes that are not there have size 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Geometry {
    pub(crate) batch: usize,
    pub(crate) input: [usize; 3],
    pub(crate) output: [usize; 3],
    pub(crate) kernel: [usize; 3],
    pub(crate) strides: [usize; 3],
    /// Padding before each axis; what follows is implied by the sizes.
    pub(crate) before: [usize; 3],
    pub(crate) dilation: [usize; 3],
    pub(crate) groups: usize,
    /// Channels of all groups.
    pub(crate) channels_in: usize,
    pub(crate) channels_out: usize,
}

/// The last axes of a shape, with ones before them.
fn three(sizes: &[usize]) -> [usize; 3] {
    let mut out = [1; 3];
    out[3 - sizes.len()..].copy_from_slice(sizes);
    out
}

impl Geometry {
    /// From the shapes of input, kernel and output, all with as many axes.
    pub(crate) fn new(spec: &ConvSpec, x: &[usize], w: &[usize], y: &[usize]) -> Self {
        let rank = x.len();
        let mut before = [0; 3];
        for (axis, padding) in spec.padding.iter().enumerate() {
            before[axis + 5 - rank] = padding.0;
        }
        Self {
            batch: x[0],
            input: three(&x[1..rank - 1]),
            output: three(&y[1..rank - 1]),
            kernel: three(&w[..rank - 2]),
            strides: three(&spec.strides),
            before,
            dilation: three(&spec.dilation),
            groups: spec.groups,
            channels_in: x[rank - 1],
            channels_out: y[rank - 1],
        }
    }

    pub(crate) fn of_pool(spec: &PoolSpec, x: &[usize], y: &[usize]) -> Self {
        let (strides, padding, dilation) = (spec.strides.clone(), spec.padding.clone(), spec.dilation.clone());
        let mut window = spec.window.clone();
        window.extend([1, 1]);
        Self::new(&ConvSpec { strides, padding, dilation, groups: 1 }, x, &window, y)
    }

    pub(crate) fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    pub(crate) fn outputs(&self) -> usize {
        self.batch * self.output.iter().product::<usize>()
    }

    pub(crate) fn inputs(&self) -> usize {
        self.batch * self.input.iter().product::<usize>()
    }

    /// Whether every output position reads just the input position of the same index.
    pub(crate) fn is_pointwise(&self) -> bool {
        self.taps() == 1 && self.strides == [1; 3] && self.before == [0; 3] && self.input == self.output
    }

    /// Whether every group has one input channel of several.
    pub(crate) fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.channels_in
    }

    /// All numbers, for kernels that walk windows themselves.
    pub(crate) fn push(&self, parameters: &mut Parameters) -> Words {
        let three = |parameters: &mut Parameters, of: [usize; 3]| of.map(|n| parameters.count(n));
        Words {
            input: three(parameters, self.input),
            output: three(parameters, self.output),
            kernel: three(parameters, self.kernel),
            strides: three(parameters, self.strides),
            before: three(parameters, self.before),
            dilation: three(parameters, self.dilation),
            channels_in: parameters.count(self.channels_in),
            channels_out: parameters.count(self.channels_out),
        }
    }
}

/// A [`Geometry`]'s numbers among the parameters.
pub(crate) struct Words {
    pub(crate) input: [Word; 3],
    pub(crate) output: [Word; 3],
    pub(crate) kernel: [Word; 3],
    pub(crate) strides: [Word; 3],
    pub(crate) before: [Word; 3],
    pub(crate) dilation: [Word; 3],
    pub(crate) channels_in: Word,
    pub(crate) channels_out: Word,
}

/// Statements that define `image`, `NAME0`, `NAME1`, `NAME2` of position `i` of images of some sizes.
pub(crate) fn split(i: &str, sizes: &[Word; 3], name: &str) -> String {
    let [d0, d1, d2] = sizes;
    format!(
        "let {name}2 = {i} % {d2};\nlet {name}1 = {i} / {d2} % {d1};\nlet {name}_rest = {i} / {d2} / {d1};\n\
         let {name}0 = {name}_rest % {d0};\nlet image = {name}_rest / {d0};\n"
    )
}

impl Words {
    /// Visits the cells of the window at output position `o0`, `o1`, `o2` of `image`, in order: `cell` is the input
    /// position, `tap` the number of the cell.
    pub(crate) fn each_cell(&self, statements: &str) -> String {
        let Self { input, kernel, strides, before, dilation, .. } = self;
        let axis = |a: usize| {
            format!(
                "for (var t{a} = 0u; t{a} < {k}; t{a}++) {{\nlet p{a} = o{a} * {s} + t{a} * {d} - {b};\nif p{a} < {n} {{\n",
                k = kernel[a],
                s = strides[a],
                d = dilation[a],
                b = before[a],
                n = input[a]
            )
        };
        format!(
            "{}{}{}let tap = (t0 * {} + t1) * {} + t2;\nlet cell = ((image * {} + p0) * {} + p1) * {} + p2;\n{statements}\n\
             }}\n}}\n}}\n}}\n}}\n}}\n",
            axis(0),
            axis(1),
            axis(2),
            kernel[1],
            kernel[2],
            input[0],
            input[1],
            input[2]
        )
    }

    /// Visits the windows that have the input position `p0`, `p1`, `p2` of `image` as a cell, in order: `window` is the
    /// output position (its parts `o0`, `o1`, `o2`), `tap` the number of the cell in it.
    pub(crate) fn each_window(&self, statements: &str) -> String {
        let Self { output, kernel, strides, before, dilation, .. } = self;
        let axis = |a: usize| {
            format!(
                "for (var u{a} = 0u; u{a} < {k}; u{a}++) {{\nlet t{a} = {k} - 1u - u{a};\n\
                 let far{a} = p{a} + {b} - t{a} * {d};\nlet o{a} = far{a} / {s};\n\
                 if p{a} + {b} >= t{a} * {d} && o{a} * {s} == far{a} && o{a} < {n} {{\n",
                k = kernel[a],
                s = strides[a],
                d = dilation[a],
                b = before[a],
                n = output[a]
            )
        };
        format!(
            "{}{}{}let tap = (t0 * {} + t1) * {} + t2;\nlet window = ((image * {} + o0) * {} + o1) * {} + o2;\n{statements}\n\
             }}\n}}\n}}\n}}\n}}\n}}\n",
            axis(0),
            axis(1),
            axis(2),
            kernel[1],
            kernel[2],
            output[0],
            output[1],
            output[2]
        )
    }
}
