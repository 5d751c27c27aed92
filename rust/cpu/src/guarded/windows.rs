//! Convolutions with their gradients, and pooling.

use corten_core::{Backend, ConvSpec, DType, Dims, Op, Padding, PoolSpec};

use super::{FLOATS, LENGTHS, Operand, Sweep, tails};
use crate::Cpu;

#[test]
#[ignore = "runs guarded, started by kernels_stay_within_their_operands"]
fn windows() {
    let mut sweep = Sweep::new("windows");
    for dtype in FLOATS {
        let all = dtype == DType::F32;
        for n in tails().filter(|n| *n > 0 && (all || LENGTHS.contains(n))) {
            // Channels in, channels out, both, one group for each channel, widths.
            convolution(&mut sweep, dtype, &[5, 6], &[3, 3], (n, 4), 1);
            convolution(&mut sweep, dtype, &[5, 6], &[3, 3], (3, n), 1);
            convolution(&mut sweep, dtype, &[4, 3], &[1, 1], (n, n.min(40)), 1);
            convolution(&mut sweep, dtype, &[5, 6], &[3, 3], (n, n), n);
            convolution(&mut sweep, dtype, &[4, 5], &[2, 2], (n, 2 * n), n);
            convolution(&mut sweep, dtype, &[n], &[3], (3, 5), 1);
            convolution(&mut sweep, dtype, &[2, n], &[2, 3], (2, 17), 1);
            convolution(&mut sweep, dtype, &[n], &[4], (8, 8), 4);
            if LENGTHS.contains(&n) {
                convolution(&mut sweep, dtype, &[3, 4, 5], &[2, 2, 3], (n, 3), 1);
            }
            pooling(&mut sweep, dtype, &[5, 6], &[2, 2], n);
            pooling(&mut sweep, dtype, &[n], &[3], 3);
        }
    }
}

fn specs(rank: usize, groups: usize) -> [ConvSpec; 3] {
    let spec = |stride, padding, dilation| ConvSpec {
        strides: Dims::from_elem(stride, rank),
        padding: Padding::from_elem(padding, rank),
        dilation: Dims::from_elem(dilation, rank),
        groups,
    };
    [spec(1, (1, 1), 1), spec(2, (0, 2), 1), spec(1, (2, 1), 2)]
}

fn convolution(
    sweep: &mut Sweep,
    dtype: DType,
    size: &[usize],
    kernel: &[usize],
    (channels_in, channels_out): (usize, usize),
    groups: usize,
) {
    for spec in specs(size.len(), groups) {
        let image = |size: &[usize], channels| -> Vec<usize> { [&[2], size, &[channels]].concat() };
        let weights = [kernel, &[channels_in / groups, channels_out]].concat();
        let x = Operand::row_major(dtype, &image(size, channels_in), 1);
        let w = Operand::row_major(dtype, &weights, 2);
        let Some(specs) = Sweep::takes(&Op::Conv(spec.clone()), &[&x, &w]) else { continue };
        let dy = Operand::row_major(dtype, &specs[0].shape, 3);
        let what = || format!("convolution {dtype} {size:?} {kernel:?} {channels_in} {channels_out} {spec:?}");
        sweep.case(what, || Cpu.conv(&spec, x.view(), w.view(), dy.layout.shape()));
        sweep.case(what, || Cpu.conv_grad_input(&spec, dy.view(), w.view(), x.layout.shape()));
        sweep.case(what, || Cpu.conv_grad_weight(&spec, x.view(), dy.view(), w.layout.shape()));
    }
}

fn pooling(sweep: &mut Sweep, dtype: DType, size: &[usize], window: &[usize], channels: usize) {
    let rank = size.len();
    for (stride, padding, dilation) in [(2, (0, 0), 1), (1, (1, 0), 1), (1, (0, 1), 2)] {
        let spec = PoolSpec {
            window: Dims::from_slice(window),
            strides: Dims::from_elem(stride, rank),
            padding: Padding::from_elem(padding, rank),
            dilation: Dims::from_elem(dilation, rank),
            count_padding: stride == 1,
        };
        let x = Operand::row_major(dtype, &[&[2], size, &[channels]].concat(), 1);
        let Some(specs) = Sweep::takes(&Op::MaxPool(spec.clone()), &[&x]) else { continue };
        let dy = Operand::row_major(dtype, &specs[0].shape, 2);
        let out = dy.layout.shape();
        let what = || format!("pooling {dtype} {size:?} {channels} {spec:?}");
        sweep.case(what, || Cpu.max_pool(&spec, x.view(), out));
        sweep.case(what, || Cpu.max_pool_grad(&spec, x.view(), dy.view()));
        sweep.case(what, || Cpu.max_pool_select(&spec, x.view(), x.view(), out));
        sweep.case(what, || Cpu.avg_pool(&spec, x.view(), out));
        sweep.case(what, || Cpu.avg_pool_grad(&spec, dy.view(), x.layout.shape()));
    }
}
