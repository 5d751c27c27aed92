//! Maximum and average pooling of one to three spatial axes, channels last, with their gradients.
//! A maximum that occurs several times counts at its first place; NaN is larger than any number.

use std::ops::Range;

use corten_core::{
    DType, Element, Error, PoolSpec, Result,
    half::{bf16, f16},
    with_dtype,
};

use crate::{
    In,
    conv::geometry::{Geometry, Grid},
    dense::Dense,
    matmul::{Real, Scratch, Widen},
    memory::Buffer,
    parallel::{self, DisjointMut},
    simd::vectorized,
};

/// Elements read by one task.
const TASK: usize = 32 << 10;
/// Channels of one task of a gradient.
const CHANNELS: usize = 64;

pub(crate) fn max_pool(spec: &PoolSpec, x: In<'_>, out: &[usize]) -> Result<Buffer> {
    let geometry = Geometry::of_pool(spec, x.layout.shape(), out);
    with_dtype!(x.dtype, T => select::<T>(&geometry, x, None))
}

pub(crate) fn max_pool_select(spec: &PoolSpec, x: In<'_>, v: In<'_>, out: &[usize]) -> Result<Buffer> {
    let geometry = Geometry::of_pool(spec, x.layout.shape(), out);
    with_dtype!(x.dtype, T => select::<T>(&geometry, x, Some(v)))
}

pub(crate) fn max_pool_grad(spec: &PoolSpec, x: In<'_>, dy: In<'_>) -> Result<Buffer> {
    let geometry = Geometry::of_pool(spec, x.layout.shape(), dy.layout.shape());
    match x.dtype {
        DType::F32 => gradient::<f32, f32>(&geometry, Some(x), dy, spec),
        DType::F64 => gradient::<f64, f64>(&geometry, Some(x), dy, spec),
        DType::F16 => gradient::<f32, f16>(&geometry, Some(x), dy, spec),
        DType::BF16 => gradient::<f32, bf16>(&geometry, Some(x), dy, spec),
        dtype @ (DType::Bool
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::U64
        | DType::I8
        | DType::I16
        | DType::I32
        | DType::I64) => Err(Error::dtype(format!("max_pool_grad: a float dtype is needed; got {dtype}"))),
    }
}

pub(crate) fn avg_pool(spec: &PoolSpec, x: In<'_>, out: &[usize]) -> Result<Buffer> {
    let geometry = Geometry::of_pool(spec, x.layout.shape(), out);
    match x.dtype {
        DType::F32 => average::<f32, f32>(&geometry, x, spec),
        DType::F64 => average::<f64, f64>(&geometry, x, spec),
        DType::F16 => average::<f32, f16>(&geometry, x, spec),
        DType::BF16 => average::<f32, bf16>(&geometry, x, spec),
        dtype @ (DType::Bool
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::U64
        | DType::I8
        | DType::I16
        | DType::I32
        | DType::I64) => Err(Error::dtype(format!("average_pool: a float dtype is needed; got {dtype}"))),
    }
}

pub(crate) fn avg_pool_grad(spec: &PoolSpec, dy: In<'_>, out: &[usize]) -> Result<Buffer> {
    let geometry = Geometry::of_pool(spec, out, dy.layout.shape());
    match dy.dtype {
        DType::F32 => gradient::<f32, f32>(&geometry, None, dy, spec),
        DType::F64 => gradient::<f64, f64>(&geometry, None, dy, spec),
        DType::F16 => gradient::<f32, f16>(&geometry, None, dy, spec),
        DType::BF16 => gradient::<f32, bf16>(&geometry, None, dy, spec),
        dtype @ (DType::Bool
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::U64
        | DType::I8
        | DType::I16
        | DType::I32
        | DType::I64) => Err(Error::dtype(format!("average_pool_grad: a float dtype is needed; got {dtype}"))),
    }
}

/// Whether a value takes the place of the largest so far: it is larger, or the first NaN.
#[inline(always)]
// Without short cuts, so that it can be vectorized; only NaN differs from itself.
#[allow(clippy::eq_op, clippy::needless_bitwise_bool)]
fn replaces<T: Element>(value: T, largest: T) -> bool {
    (value > largest) | ((value != value) & (largest == largest))
}

/// Channels whose largest values stay in registers.
const NARROW: usize = 32;

vectorized! {
    /// The largest values of the cells that begin at the taps, of which there is one at least.
    fn keep_largest<T: Element>(x: &[T], taps: &[(usize, usize)], out: &mut [T]) {
        let narrow = out.len() - out.len() % NARROW;
        let (wide, rest) = out.split_at_mut(narrow);
        for (block, out) in wide.chunks_exact_mut(NARROW).enumerate() {
            let cell = |from: usize| &x[from + block * NARROW..][..NARROW];
            let mut largest = [T::ZERO; NARROW];
            largest.copy_from_slice(cell(taps[0].0));
            for &(from, _) in &taps[1..] {
                for (largest, value) in largest.iter_mut().zip(cell(from)) {
                    *largest = if replaces(*value, *largest) { *value } else { *largest };
                }
            }
            out.copy_from_slice(&largest);
        }
        rest.copy_from_slice(&x[taps[0].0 + narrow..][..rest.len()]);
        for &(from, _) in &taps[1..] {
            let cell = &x[from + narrow..][..rest.len()];
            for (largest, value) in rest.iter_mut().zip(cell) {
                *largest = if replaces(*value, *largest) { *value } else { *largest };
            }
        }
    }

    /// As above, and remembers the tap that gave the value.
    fn keep_largest_at<T: Element>(largest: &mut [T], places: &mut [u32], values: &[T], place: u32) {
        for ((largest, at), value) in largest.iter_mut().zip(places).zip(values) {
            let better = replaces(*value, *largest);
            *largest = if better { *value } else { *largest };
            *at = if better { place } else { *at };
        }
    }

    /// What comes back to the cells of a tap: `dy` where the largest value was there, else nothing.
    fn give_back<T: Real, S: Widen<T>>(nothing: T, places: &[u32], place: u32, dy: &[S], out: &mut [S]) {
        for ((to, at), dy) in out.iter_mut().zip(places).zip(dy) {
            *to = S::narrow(if *at == place { nothing + dy.widen() } else { nothing });
        }
    }

    fn add_scaled<T: Real, S: Widen<T>>(sums: &mut [T], values: &[S], factor: T) {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum = *sum + value.widen() * factor;
        }
    }
}

/// What a window that holds only padding gives: the smallest value of the dtype.
fn smallest<T: Element>() -> T {
    if T::DTYPE.is_float() {
        T::from_f64(f64::NEG_INFINITY)
    } else if T::DTYPE == DType::I64 {
        T::from_i64(i64::MIN)
    } else {
        // Conversion from float saturates.
        T::from_f64(if T::DTYPE == DType::Bool { 0.0 } else { f64::MIN })
    }
}

fn for_tasks(grid: &Grid, channels: usize, run: impl Fn(Range<usize>) + Sync) {
    parallel::for_ranges(grid.len(), (TASK / (grid.taps() * channels).max(1)).max(1), run);
}

/// The largest value of each window, or the value of `v` there.
fn select<T: Element>(geometry: &Geometry, x: In<'_>, v: Option<In<'_>>) -> Result<Buffer> {
    let channels = geometry.channels_in;
    let grid = geometry.reading();
    let mut result = Buffer::for_elements(T::DTYPE, grid.len() * channels)?;
    let x = Dense::<T>::new(x)?;
    let x = x.slice();
    let v = v.map(Dense::<T>::new).transpose()?;
    let v = v.as_ref().map(Dense::slice);
    let out = DisjointMut::new(result.as_mut_slice::<T>());
    for_tasks(&grid, channels, |positions| {
        let (mut largest, mut places) = (Vec::new(), Vec::new());
        if v.is_some() {
            largest.resize(channels, T::ZERO);
            places.resize(channels, 0);
        }
        grid.for_positions(positions, channels, &mut |position, taps| {
            // SAFETY: every position has its own range.
            let out = unsafe { out.range(position * channels..(position + 1) * channels) };
            if taps.is_empty() {
                out.fill(if v.is_some() { T::ZERO } else { smallest() });
            } else if let Some(v) = v {
                find_largest(x, taps, &mut largest, &mut places);
                for (channel, (to, place)) in out.iter_mut().zip(&places).enumerate() {
                    *to = v[taps[*place as usize].0 + channel];
                }
            } else {
                keep_largest(x, taps, out);
            }
        });
    });
    Ok(result)
}

/// For each channel, which of the taps (not empty) has the first maximum.
fn find_largest<T: Element>(x: &[T], taps: &[(usize, usize)], largest: &mut [T], places: &mut [u32]) {
    let channels = largest.len();
    let first = taps[0].0;
    largest.copy_from_slice(&x[first..first + channels]);
    places.fill(0);
    for (place, &(from, _)) in taps.iter().enumerate().skip(1) {
        keep_largest_at(largest, places, &x[from..from + channels], place as u32);
    }
}

/// One over the number of cells of a window.
fn weight<T: Real>(spec: &PoolSpec, inside: usize) -> T {
    let cells = if spec.count_padding { spec.window.iter().product() } else { inside };
    T::from_f64(1.0 / cells.max(1) as f64)
}

fn average<T: Real, S: Widen<T> + Element>(geometry: &Geometry, x: In<'_>, spec: &PoolSpec) -> Result<Buffer> {
    let channels = geometry.channels_in;
    let grid = geometry.reading();
    let mut result = Buffer::for_elements(S::DTYPE, grid.len() * channels)?;
    let x = Dense::<S>::new(x)?;
    let x = x.slice();
    let out = DisjointMut::new(result.as_mut_slice::<S>());
    for_tasks(&grid, channels, |positions| {
        let mut sums = vec![T::ZERO; channels];
        grid.for_positions(positions, channels, &mut |position, taps| {
            sums.fill(T::ZERO);
            for &(from, _) in taps {
                add_scaled(&mut sums, &x[from..from + channels], T::ONE);
            }
            let weight = weight(spec, taps.len());
            // SAFETY: every position has its own range.
            let out = unsafe { out.range(position * channels..(position + 1) * channels) };
            for (to, sum) in out.iter_mut().zip(&sums) {
                *to = S::narrow(*sum * weight);
            }
        });
    });
    Ok(result)
}

/// Whether no two windows have a cell in common.
fn are_apart(geometry: &Geometry) -> bool {
    (0..3).all(|axis| {
        let reach = (geometry.kernel[axis] - 1) * geometry.dilation[axis] + 1;
        geometry.strides[axis] >= reach || geometry.output[axis] == 1
    })
}

/// The gradient of maximum pooling where every cell is in one window or none: nothing is summed.
fn gradient_apart<T: Real, S: Widen<T> + Element>(geometry: &Geometry, x: In<'_>, dy: In<'_>) -> Result<Buffer> {
    let channels = geometry.channels_in;
    let grid = geometry.reading();
    let mut result = Buffer::for_elements(S::DTYPE, geometry.input_positions() * channels)?;
    let (x, dy) = (Dense::<S>::new(x)?, Dense::<S>::new(dy)?);
    let (x, dy) = (x.slice(), dy.slice());
    let cells: usize = geometry.input.iter().product();
    let windows: usize = geometry.output.iter().product();
    let all_cells_are_in_windows = (0..3).all(|axis| {
        let inside = geometry.before[axis] == 0 && geometry.dilation[axis] == 1;
        inside && geometry.output[axis] * geometry.kernel[axis] == geometry.input[axis]
    });
    let out = DisjointMut::new(result.as_mut_slice::<S>());
    let tasks = if cells == 0 { 0 } else { geometry.batch };
    let group = (TASK / (windows * grid.taps() * channels).max(1)).max(1);
    parallel::for_ranges(tasks, group, |images| {
        if !all_cells_are_in_windows {
            // SAFETY: every task has its own images, here and below.
            unsafe { out.range(images.start * cells * channels..images.end * cells * channels) }.fill(S::ZERO);
        }
        let (mut largest, mut places) = (vec![S::ZERO; channels], vec![0; channels]);
        let positions = images.start * windows..images.end * windows;
        grid.for_positions(positions, channels, &mut |position, taps| {
            if taps.is_empty() {
                return;
            }
            find_largest(x, taps, &mut largest, &mut places);
            let dy = &dy[position * channels..(position + 1) * channels];
            for (place, &(at, _)) in taps.iter().enumerate() {
                // SAFETY: as above.
                let out = unsafe { out.range(at..at + channels) };
                give_back(T::ZERO, &places, place as u32, dy, out);
            }
        });
    });
    Ok(result)
}

/// The gradient of maximum pooling (with `x`) or of average pooling (without). Windows overlap, so
/// tasks are whole images, and channels where these are many.
fn gradient<T: Real, S: Widen<T> + Element>(
    geometry: &Geometry,
    x: Option<In<'_>>,
    dy: In<'_>,
    spec: &PoolSpec,
) -> Result<Buffer> {
    if let Some(x) = x.filter(|_| are_apart(geometry)) {
        return gradient_apart::<T, S>(geometry, x, dy);
    }
    let all = geometry.channels_in;
    let grid = geometry.reading();
    let mut result = Buffer::for_elements(S::DTYPE, geometry.input_positions() * all)?;
    let (x, dy) = (x.map(Dense::<S>::new).transpose()?, Dense::<S>::new(dy)?);
    let (x, dy) = (x.as_ref().map(Dense::slice), dy.slice());
    let cells: usize = geometry.input.iter().product();
    let windows: usize = geometry.output.iter().product();
    let blocks = all.div_ceil(CHANNELS);
    let out = DisjointMut::new(result.as_mut_slice::<S>());
    let run = |task: usize| {
        let (image, first) = (task / blocks, task % blocks * CHANNELS);
        let channels = (all - first).min(CHANNELS);
        let mut sums = Scratch::<T>::zeroed(cells * channels);
        let mut largest = [S::ZERO; CHANNELS];
        let mut places = [0; CHANNELS];
        // Cells are counted within the image, and scaled where they are used.
        grid.for_positions(image * windows..(image + 1) * windows, 1, &mut |position, taps| {
            let dy = &dy[position * all + first..position * all + first + channels];
            if taps.is_empty() {
                return;
            }
            if let Some(x) = x {
                let (largest, places) = (&mut largest[..channels], &mut places[..channels]);
                let first_cell = taps[0].0 * all + first;
                largest.copy_from_slice(&x[first_cell..first_cell + channels]);
                places.fill(0);
                for (place, &(cell, _)) in taps.iter().enumerate().skip(1) {
                    let from = cell * all + first;
                    keep_largest_at(largest, places, &x[from..from + channels], place as u32);
                }
                for (channel, (place, dy)) in places.iter().zip(dy).enumerate() {
                    let at = (taps[*place as usize].0 - image * cells) * channels + channel;
                    sums[at] = sums[at] + dy.widen();
                }
            } else {
                let weight = weight(spec, taps.len());
                for &(cell, _) in taps {
                    let at = (cell - image * cells) * channels;
                    add_scaled(&mut sums[at..at + channels], dy, weight);
                }
            }
        });
        for (cell, sums) in sums.chunks_exact(channels).enumerate() {
            let at = (image * cells + cell) * all + first;
            // SAFETY: every task has its own channels of its own image.
            let out = unsafe { out.range(at..at + channels) };
            for (to, sum) in out.iter_mut().zip(sums) {
                *to = S::narrow(*sum);
            }
        }
    };
    let tasks = if cells == 0 { 0 } else { geometry.batch * blocks };
    // Small images go to tasks by the handful.
    let group = (TASK / (windows * grid.taps() * all.min(CHANNELS)).max(1)).max(1);
    parallel::for_ranges(tasks, group, |range| range.for_each(run));
    Ok(result)
}

#[cfg(test)]
mod tests {
    use corten_core::{Dims, Layout, Padding};

    use super::*;

    fn spec(window: &[usize], strides: &[usize], padding: &[(usize, usize)], dilation: &[usize]) -> PoolSpec {
        PoolSpec {
            window: Dims::from_slice(window),
            strides: Dims::from_slice(strides),
            padding: Padding::from_slice(padding),
            dilation: Dims::from_slice(dilation),
            count_padding: false,
        }
    }

    fn cases() -> Vec<(Vec<usize>, PoolSpec)> {
        vec![
            (vec![2, 8, 8, 3], spec(&[2, 2], &[2, 2], &[(0, 0), (0, 0)], &[1, 1])),
            (vec![3, 7, 9, 70], spec(&[3, 2], &[2, 1], &[(1, 1), (0, 1)], &[1, 2])),
            (vec![2, 11, 5], spec(&[4], &[3], &[(2, 1)], &[1])),
            (vec![1, 4, 5, 6, 2], spec(&[2, 3, 2], &[1, 2, 2], &[(0, 1), (1, 1), (0, 0)], &[1, 1, 1])),
            // Windows apart, with cells between and beside them, and with padding.
            (vec![3, 9, 8, 33], spec(&[2, 2], &[3, 2], &[(0, 0), (1, 0)], &[1, 1])),
            (vec![2, 7, 4], spec(&[2], &[4], &[(0, 1)], &[2])),
            // Windows of padding alone.
            (vec![1, 3, 2], spec(&[2], &[1], &[(4, 0)], &[1])),
        ]
    }

    /// Calls `f(window, cells)` with the first cell elements of each window, channel by channel.
    fn for_windows(shape: &[usize], spec: &PoolSpec, mut f: impl FnMut(usize, Vec<usize>)) -> Vec<usize> {
        let rank = shape.len();
        let mut out = shape.to_vec();
        out[1..rank - 1].copy_from_slice(&corten_core::pool_output("pool", spec, &shape[1..rank - 1]).expect("fits"));
        let geometry = Geometry::of_pool(spec, shape, &out);
        let channels = shape[rank - 1];
        let [d, h, w] = geometry.output;
        for index in 0..geometry.batch * d * h * w {
            let at = [index / (h * w) % d, index / w % h, index % w];
            let image = index / (d * h * w);
            let mut cells = Vec::new();
            for tap in 0..geometry.taps() {
                let k = geometry.kernel;
                let tap = [tap / (k[1] * k[2]), tap / k[2] % k[1], tap % k[2]];
                let place: [isize; 3] = std::array::from_fn(|axis| {
                    (at[axis] * geometry.strides[axis] + tap[axis] * geometry.dilation[axis]) as isize
                        - geometry.before[axis] as isize
                });
                if (0..3).all(|axis| (0..geometry.input[axis] as isize).contains(&place[axis])) {
                    let cell = (0..3).fold(image, |cell, axis| cell * geometry.input[axis] + place[axis] as usize);
                    cells.push(cell * channels);
                }
            }
            for channel in 0..channels {
                f(index * channels + channel, cells.iter().map(|cell| cell + channel).collect());
            }
        }
        out
    }

    fn first_largest(x: &[f32], cells: &[usize]) -> Option<usize> {
        cells.iter().copied().reduce(|best, cell| if x[cell] > x[best] { cell } else { best })
    }

    #[test]
    fn pooling_agrees_with_plain_loops() {
        for (number, (shape, spec)) in cases().into_iter().enumerate() {
            let len: usize = shape.iter().product();
            // Few distinct values, so that maxima repeat.
            let x: Vec<f32> = (0..len).map(|i| ((i * 7919) % 11) as f32 - 5.0).collect();
            let v: Vec<f32> = (0..len).map(|i| i as f32).collect();
            let (mut largest, mut chosen, mut mean) = (Vec::new(), Vec::new(), Vec::new());
            let (mut dx, mut spread) = (vec![0.0f32; len], vec![0.0f32; len]);
            let out = for_windows(&shape, &spec, |window, cells| {
                let dy = (window % 7) as f32;
                let best = first_largest(&x, &cells);
                largest.push(best.map_or(f32::NEG_INFINITY, |best| x[best]));
                chosen.push(best.map_or(0.0, |best| v[best]));
                mean.push(cells.iter().map(|&cell| x[cell]).sum::<f32>() / cells.len().max(1) as f32);
                if let Some(best) = best {
                    dx[best] += dy;
                }
                for &cell in &cells {
                    spread[cell] += dy / cells.len() as f32;
                }
            });
            let gradient: Vec<f32> = (0..largest.len()).map(|i| (i % 7) as f32).collect();
            let (image, windows) = (Layout::contiguous(&shape), Layout::contiguous(&out));
            let buffers = [&x, &v, &gradient].map(|values| Buffer::from_slice(values).expect("memory"));
            let [x, v] = [0, 1].map(|i| In { buffer: &buffers[i], layout: &image, dtype: DType::F32 });
            let dy = In { buffer: &buffers[2], layout: &windows, dtype: DType::F32 };
            let close = |got: Result<Buffer>, expected: &[f32], what: &str| {
                let got = got.expect(what);
                for (got, expected) in got.as_slice::<f32>().iter().zip(expected) {
                    let equal = got == expected || (got - expected).abs() < 1e-5;
                    assert!(equal, "case {number} {what}: {got} != {expected}");
                }
            };
            close(max_pool(&spec, x, &out), &largest, "max");
            close(max_pool_select(&spec, x, v, &out), &chosen, "select");
            close(max_pool_grad(&spec, x, dy), &dx, "max gradient");
            close(avg_pool(&spec, x, &out), &mean, "average");
            close(avg_pool_grad(&spec, dy, &shape), &spread, "average gradient");
        }
    }

    #[test]
    fn nan_is_the_maximum_and_padding_may_count() {
        let x = Buffer::from_slice(&[1.0f32, f32::NAN, 3.0, 4.0]).expect("memory");
        let layout = Layout::contiguous(&[1, 4, 1]);
        let x = In { buffer: &x, layout: &layout, dtype: DType::F32 };
        let mut spec = spec(&[3], &[1], &[(0, 0)], &[1]);
        let got = max_pool(&spec, x, &[1, 2, 1]).expect("pool");
        assert!(got.as_slice::<f32>().iter().all(|value| value.is_nan()));
        spec.padding[0] = (0, 2);
        spec.count_padding = true;
        let got = avg_pool(&spec, x, &[1, 4, 1]).expect("pool");
        assert_eq!(got.as_slice::<f32>()[3], 4.0 / 3.0);
    }

    #[test]
    fn integers_pool_too() {
        let x = Buffer::from_slice(&[-3i64, i64::MIN, 5, 7]).expect("memory");
        let layout = Layout::contiguous(&[1, 4, 1]);
        let got = max_pool(
            &spec(&[2], &[2], &[(0, 0)], &[1]),
            In { buffer: &x, layout: &layout, dtype: DType::I64 },
            &[1, 2, 1],
        )
        .expect("pool");
        assert_eq!(got.as_slice::<i64>(), &[-3, 7]);
    }
}
