//! Reductions, scans, sorts and movement by index.

use corten_core::{ArgReduceOp, Backend, DType, Op, ReduceOp, ScanOp, ScatterMode};

use super::{LENGTHS, Operand, Sweep, strided, tables, tails};
use crate::Cpu;

#[test]
#[ignore = "runs guarded, started by kernels_stay_within_their_operands"]
fn order() {
    let mut sweep = Sweep::new("order");
    for dtype in DType::ALL {
        reductions(&mut sweep, dtype);
        lines(&mut sweep, dtype);
        by_index(&mut sweep, dtype);
    }
}

/// Operands of one, two and three axes, of which one has `n` elements.
fn operands(dtype: DType, n: usize) -> Vec<(Operand, Vec<Vec<usize>>)> {
    let mut all = vec![
        (Operand::row_major(dtype, &[n], 1), vec![vec![0]]),
        (Operand::row_major(dtype, &[3, n], 1), vec![vec![0], vec![1], vec![0, 1]]),
        (Operand::row_major(dtype, &[n, 3], 1), vec![vec![0], vec![1]]),
        (Operand::row_major(dtype, &[2, n, 3], 1), vec![vec![1], vec![0, 2]]),
    ];
    if LENGTHS.contains(&n) {
        all.extend(strided(dtype, n, 1).into_iter().map(|x| (x, vec![vec![0]])));
        all.extend(tables(dtype, 3, n, 1).into_iter().map(|x| (x, vec![vec![0], vec![1], vec![0, 1]])));
    }
    all
}

fn reductions(sweep: &mut Sweep, dtype: DType) {
    for n in tails() {
        for (x, axes) in operands(dtype, n) {
            for axes in axes {
                for &op in ReduceOp::ALL {
                    let inferred = Op::Reduce { op, axes: axes.iter().copied().collect(), keepdims: false };
                    if Sweep::takes(&inferred, &[&x]).is_some() {
                        let what = || format!("{} {dtype} {axes:?} {:?}", op.name(), x.layout);
                        sweep.case(what, || Cpu.reduce(op, x.view(), &axes));
                    }
                }
                for &op in ArgReduceOp::ALL {
                    let inferred = Op::ArgReduce { op, axis: axes[0], keepdims: false };
                    if axes.len() == 1 && Sweep::takes(&inferred, &[&x]).is_some() {
                        let what = || format!("arg {op:?} {dtype} {axes:?} {:?}", x.layout);
                        sweep.case(what, || Cpu.arg_reduce(op, x.view(), axes[0]));
                    }
                }
            }
        }
    }
}

fn lines(sweep: &mut Sweep, dtype: DType) {
    for n in tails() {
        for (x, axes) in operands(dtype, n) {
            for axis in axes.iter().filter(|axes| axes.len() == 1).map(|axes| axes[0]) {
                for flag in [false, true] {
                    for &op in ScanOp::ALL {
                        let inferred = Op::Scan { op, axis, reverse: flag };
                        if Sweep::takes(&inferred, &[&x]).is_some() {
                            let what = || format!("scan {op:?} {dtype} {axis} {:?}", x.layout);
                            sweep.case(what, || Cpu.scan(op, x.view(), axis, flag));
                        }
                    }
                    let what = || format!("sort {dtype} {axis} {:?}", x.layout);
                    sweep.case(what, || Cpu.sort(x.view(), axis, flag));
                }
            }
            for k in [1, n / 2, n] {
                if Sweep::takes(&Op::TopK { k }, &[&x]).is_some() {
                    sweep.case(|| format!("top {k} {dtype} {:?}", x.layout), || Cpu.top_k(x.view(), k));
                }
            }
        }
        let (sorted, wanted) = (Operand::row_major(dtype, &[n], 1), Operand::row_major(dtype, &[n], 2));
        for right in [false, true] {
            let call = || Cpu.search_sorted(sorted.view(), wanted.view(), right);
            sweep.case(|| format!("search {dtype} {n}"), call);
        }
    }
}

fn by_index(sweep: &mut Sweep, dtype: DType) {
    for n in tails() {
        // Columns that are moved, and as many indices.
        let (table, indices) = (Operand::row_major(dtype, &[5, n], 1), Operand::indices(&[n], 5));
        sweep.case(|| format!("gather {dtype} {n}"), || Cpu.gather(table.view(), indices.view(), 0));
        let wide = Operand::row_major(dtype, &[n, 5], 1);
        sweep.case(|| format!("gather columns {dtype} {n}"), || Cpu.gather(wide.view(), indices.view(), 1));
        let (along, few) = (Operand::indices(&[2, n], 5), Operand::indices(&[3], 5));
        sweep.case(|| format!("take {dtype} {n}"), || Cpu.take_along(table.view(), along.view(), 0));
        let (update, updates) = (Operand::row_major(dtype, &[3, n], 2), Operand::row_major(dtype, &[2, n], 2));
        for &mode in ScatterMode::ALL {
            if dtype == DType::Bool && mode != ScatterMode::Set {
                continue;
            }
            let call = || Cpu.scatter(mode, table.view(), few.view(), update.view(), 0);
            sweep.case(|| format!("scatter {mode:?} {dtype} {n}"), call);
            let call = || Cpu.scatter_along(mode, table.view(), along.view(), updates.view(), 0);
            sweep.case(|| format!("scatter along {mode:?} {dtype} {n}"), call);
        }
    }
    for n in LENGTHS {
        for x in tables(dtype, 5, n, 1) {
            let indices = Operand::indices(&[4], 5);
            sweep.case(|| format!("gather {dtype} {:?}", x.layout), || Cpu.gather(x.view(), indices.view(), 0));
            for update in tables(dtype, 4, n, 2) {
                let call = || Cpu.scatter(ScatterMode::Set, x.view(), indices.view(), update.view(), 0);
                sweep.case(|| format!("scatter {dtype} {:?} {:?}", x.layout, update.layout), call);
            }
        }
    }
}
