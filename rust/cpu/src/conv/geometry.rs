//! Where the taps of a kernel fall in an image, for one to three spatial axes seen as three.

use std::ops::Range;

use corten_core::{ConvSpec, PoolSpec};

/// Sizes of a convolution. Axes that are not there have size 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Geometry {
    pub(crate) batch: usize,
    pub(crate) input: [usize; 3],
    pub(crate) output: [usize; 3],
    pub(crate) kernel: [usize; 3],
    pub(crate) strides: [usize; 3],
    /// Padding before each axis; the padding after it is implied by the sizes.
    pub(crate) before: [usize; 3],
    pub(crate) dilation: [usize; 3],
    pub(crate) groups: usize,
    /// Channels of one group.
    pub(crate) channels_in: usize,
    pub(crate) channels_out: usize,
}

/// The last axes of a shape, with ones before them.
pub(crate) fn three(sizes: &[usize]) -> [usize; 3] {
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
            channels_in: x[rank - 1] / spec.groups,
            channels_out: y[rank - 1] / spec.groups,
        }
    }

    /// The windows of a pooling over images of one shape.
    pub(crate) fn of_pool(spec: &PoolSpec, x: &[usize], y: &[usize]) -> Self {
        let (strides, padding, dilation) = (spec.strides.clone(), spec.padding.clone(), spec.dilation.clone());
        let mut window = spec.window.clone();
        window.extend([1, 1]);
        Self::new(&ConvSpec { strides, padding, dilation, groups: 1 }, x, &window, y)
    }

    pub(crate) fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    pub(crate) fn input_positions(&self) -> usize {
        self.batch * self.input.iter().product::<usize>()
    }

    pub(crate) fn output_positions(&self) -> usize {
        self.batch * self.output.iter().product::<usize>()
    }

    /// Whether every output position reads just the input position of the same index.
    pub(crate) fn is_pointwise(&self) -> bool {
        self.taps() == 1 && self.strides == [1; 3] && self.before == [0; 3] && self.input == self.output
    }

    /// Whether some position reads outside of the image.
    pub(crate) fn is_padded(&self) -> bool {
        !self.reading().is_inside()
    }

    /// The same convolution of an image that has its padding, and how large that is.
    pub(crate) fn with_padding(&self) -> Self {
        let input = std::array::from_fn(|axis| {
            let read = (self.output[axis].max(1) - 1) * self.strides[axis]
                + (self.kernel[axis].max(1) - 1) * self.dilation[axis]
                + 1;
            read.max(self.before[axis] + self.input[axis])
        });
        Self { input, before: [0; 3], ..*self }
    }

    /// Whether every group has one input channel of several.
    pub(crate) fn is_depthwise(&self) -> bool {
        self.channels_in == 1 && self.groups > 1
    }

    /// Where output positions read the input: position `p` and tap `k` meet at
    /// `p * stride + k * dilation - before`.
    pub(crate) fn reading(&self) -> Grid {
        let origins = std::array::from_fn(|axis| {
            (0..self.kernel[axis])
                .map(|tap| (tap * self.dilation[axis]) as isize - self.before[axis] as isize)
                .collect()
        });
        Grid::new(self.batch, self.output, self.input, self.strides, origins)
    }

    /// Where input positions are read from, for each residue of the position by the strides: the
    /// taps that reach it, and the grid over the output image. With that, the gradient of a
    /// strided convolution multiplies no zeros.
    pub(crate) fn written(&self) -> Vec<Phase> {
        let mut phases = Vec::new();
        for r0 in 0..self.strides[0].min(self.input[0]) {
            for r1 in 0..self.strides[1].min(self.input[1]) {
                for r2 in 0..self.strides[2].min(self.input[2]) {
                    let first = [r0, r1, r2];
                    let axes: [Vec<(usize, isize)>; 3] = std::array::from_fn(|axis| {
                        let stride = self.strides[axis] as isize;
                        (0..self.kernel[axis])
                            .map(|tap| {
                                let distance =
                                    (first[axis] + self.before[axis]) as isize - (tap * self.dilation[axis]) as isize;
                                (tap, distance)
                            })
                            .filter(|(_, distance)| distance.rem_euclid(stride) == 0)
                            .map(|(tap, distance)| (tap, distance.div_euclid(stride)))
                            .collect()
                    });
                    phases.push(Phase {
                        first,
                        taps: std::array::from_fn(|axis| axes[axis].iter().map(|(tap, _)| *tap).collect()),
                        grid: Grid::new(
                            self.batch,
                            std::array::from_fn(|axis| (self.input[axis] - first[axis]).div_ceil(self.strides[axis])),
                            self.output,
                            [1; 3],
                            std::array::from_fn(|axis| axes[axis].iter().map(|(_, o)| *o).collect()),
                        ),
                    });
                }
            }
        }
        phases
    }
}

/// Positions, and the places in an image that each of them reads.
#[derive(Clone, Debug)]
pub(crate) struct Grid {
    pub(crate) batch: usize,
    pub(crate) positions: [usize; 3],
    pub(crate) image: [usize; 3],
    /// Position `p` reads at `p * step + origin`, for each origin.
    pub(crate) steps: [usize; 3],
    pub(crate) origins: [Vec<isize>; 3],
    /// The least and the greatest origin.
    reach: [(isize, isize); 3],
}

/// The input positions `first + q * stride`, and what reaches them.
pub(crate) struct Phase {
    pub(crate) first: [usize; 3],
    /// Taps by axis, in the order of the grid's origins.
    pub(crate) taps: [Vec<usize>; 3],
    pub(crate) grid: Grid,
}

/// Consecutive positions of the last axis: the same image and the same first two coordinates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) image: usize,
    pub(crate) at: [usize; 3],
    pub(crate) len: usize,
}

/// What is called for a position, with the taps that read inside the image there, in order: (first
/// element of the image's cell, index of the tap).
type PerPosition<'a> = dyn FnMut(usize, &[(usize, usize)]) + 'a;

impl Grid {
    fn new(
        batch: usize,
        positions: [usize; 3],
        image: [usize; 3],
        steps: [usize; 3],
        origins: [Vec<isize>; 3],
    ) -> Self {
        let reach = std::array::from_fn(|axis| {
            let ends = |origin: &isize| (*origin, *origin);
            let widen = |a: (isize, isize), b: (isize, isize)| (a.0.min(b.0), a.1.max(b.1));
            origins[axis].iter().map(ends).reduce(widen).unwrap_or((0, 0))
        });
        Self { batch, positions, image, steps, origins, reach }
    }

    pub(crate) fn len(&self) -> usize {
        self.batch * self.positions.iter().product::<usize>()
    }

    pub(crate) fn taps(&self) -> usize {
        self.origins.iter().map(Vec::len).product()
    }

    /// The taps' indices by axis.
    pub(crate) fn tap(&self, index: usize) -> [usize; 3] {
        let (b, c) = (self.origins[1].len(), self.origins[2].len());
        [index / (b * c), index / c % b, index % c]
    }

    /// The coordinates of a position: image, then axes.
    pub(crate) fn position(&self, index: usize) -> (usize, [usize; 3]) {
        let [a, b, c] = self.positions;
        let row = index / c;
        (row / b / a, [row / b % a, row % b, index % c])
    }

    /// Goes on to the next position.
    #[inline]
    pub(crate) fn advance(&self, image: &mut usize, at: &mut [usize; 3]) {
        for axis in (0..3).rev() {
            at[axis] += 1;
            if at[axis] < self.positions[axis] {
                return;
            }
            at[axis] = 0;
        }
        *image += 1;
    }

    /// Whether all taps of the position, given as what it reads at with an origin of zero, read inside the image.
    #[inline]
    pub(crate) fn reads_inside(&self, at: [isize; 3]) -> bool {
        (0..3).all(|axis| {
            let (least, most) = self.reach[axis];
            at[axis] + least >= 0 && at[axis] + most < self.image[axis] as isize
        })
    }

    /// Whether all positions read inside the image with all taps.
    pub(crate) fn is_inside(&self) -> bool {
        let last = |axis: usize| (self.positions[axis].max(1) - 1) * self.steps[axis];
        self.reads_inside([0; 3]) && self.reads_inside(std::array::from_fn(|axis| last(axis) as isize))
    }

    /// Cuts positions into runs.
    pub(crate) fn runs(&self, positions: Range<usize>) -> impl Iterator<Item = Run> {
        let mut next = positions.start;
        std::iter::from_fn(move || {
            (next < positions.end).then(|| {
                let (image, at) = self.position(next);
                let len = (self.positions[2] - at[2]).min(positions.end - next);
                next += len;
                Run { image, at, len }
            })
        })
    }

    /// Where in the image (counted in cells) the first position of a run reads with the tap, and
    /// which positions of the run read inside.
    pub(crate) fn reach(&self, run: &Run, tap: [usize; 3]) -> Option<(isize, Range<usize>)> {
        let mut cell = run.image as isize;
        for (axis, &tap) in tap.iter().enumerate().take(2) {
            let at = (run.at[axis] * self.steps[axis]) as isize + self.origins[axis][tap];
            if at < 0 || at >= self.image[axis] as isize {
                return None;
            }
            cell = cell * self.image[axis] as isize + at;
        }
        let step = self.steps[2] as isize;
        let at = run.at[2] as isize * step + self.origins[2][tap[2]];
        let size = self.image[2] as isize;
        // Inside: 0 <= at + i * step < size.
        let low = if at >= 0 { 0 } else { (-at + step - 1) / step };
        let high = if at >= size { 0 } else { (size - at + step - 1) / step };
        let (low, high) = (low.min(run.len as isize), high.min(run.len as isize));
        (low < high).then(|| (cell * size + at, low as usize..high as usize))
    }

    /// Calls `cell` for every position, for images of `channels` elements a cell.
    pub(crate) fn for_positions(&self, positions: Range<usize>, channels: usize, cell: &mut PerPosition<'_>) {
        let mut reaches = Vec::with_capacity(self.taps());
        let mut taps = Vec::with_capacity(self.taps());
        let mut first = positions.start;
        for run in self.runs(positions) {
            reaches.clear();
            let inside = (0..self.taps()).filter_map(|tap| Some((tap, self.reach(&run, self.tap(tap))?)));
            reaches.extend(inside);
            for i in 0..run.len {
                taps.clear();
                let step = (i * self.steps[2]) as isize;
                let here = reaches.iter().filter(|(_, (_, inside))| inside.contains(&i));
                taps.extend(here.map(|&(tap, (start, _))| ((start + step) as usize * channels, tap)));
                cell(first + i, &taps);
            }
            first += run.len;
        }
    }
}
