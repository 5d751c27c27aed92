//! Elementwise kernels, copies, creation and random numbers.

use corten_core::{Backend, BinaryOp, CompareOp, DType, Distribution, Key, Layout, Op, Scalar, UnaryOp};

use super::{FLOATS, LENGTHS, Operand, Sweep, strided, tables, tails, whole};
use crate::{Cpu, memory::Buffer};

/// Every function, polygamma with its kernel of higher orders too.
fn functions() -> impl Iterator<Item = UnaryOp> {
    UnaryOp::all().chain([UnaryOp::Polygamma(2)])
}

#[test]
#[ignore = "runs guarded, started by kernels_stay_within_their_operands"]
fn elementwise() {
    let mut sweep = Sweep::new("elementwise");
    for dtype in DType::ALL {
        unary(&mut sweep, dtype);
        binary(&mut sweep, dtype);
        casts_and_copies(&mut sweep, dtype);
    }
    in_place(&mut sweep);
    random(&mut sweep);
}

fn unary(sweep: &mut Sweep, dtype: DType) {
    for op in functions() {
        if Sweep::takes(&Op::Unary(op), &[&Operand::row_major(dtype, &[1], 0)]).is_none() {
            continue;
        }
        for n in tails() {
            let x = Operand::row_major(dtype, &[n], n);
            sweep.case(|| format!("{} {dtype} {n}", op.name()), || Cpu.unary(op, x.view()));
        }
        for n in LENGTHS {
            for x in strided(dtype, n, n).into_iter().chain(tables(dtype, 3, n, n)) {
                sweep.case(|| format!("{} {dtype} {:?}", op.name(), x.layout), || Cpu.unary(op, x.view()));
            }
        }
    }
}

fn binary(sweep: &mut Sweep, dtype: DType) {
    let one = Operand::row_major(dtype, &[1], 0);
    for &op in BinaryOp::ALL {
        if Sweep::takes(&Op::Binary(op), &[&one, &one]).is_none() {
            continue;
        }
        both(sweep, dtype, op.name(), |a, b| Cpu.binary(op, a.view(), b.view()));
    }
    for &op in CompareOp::ALL {
        both(sweep, dtype, op.name(), |a, b| Cpu.compare(op, a.view(), b.view()));
    }
    for n in tails() {
        let (a, b) = (Operand::row_major(dtype, &[n], 1), Operand::row_major(dtype, &[n], 2));
        let condition = Operand::row_major(DType::Bool, &[n], 0);
        sweep.case(|| format!("select {dtype} {n}"), || Cpu.select(condition.view(), a.view(), b.view()));
    }
    for n in LENGTHS {
        for condition in tables(DType::Bool, 3, n, 0) {
            for (a, b) in tables(dtype, 3, n, 1).iter().zip(tables(dtype, 3, n, 2).iter().rev()) {
                let call = || Cpu.select(condition.view(), a.view(), b.view());
                sweep.case(|| format!("select {dtype} {:?} {:?}", a.layout, b.layout), call);
            }
        }
    }
}

fn both<R>(sweep: &mut Sweep, dtype: DType, name: &str, call: impl Fn(&Operand, &Operand) -> corten_core::Result<R>) {
    let run = |sweep: &mut Sweep, a: &Operand, b: &Operand| {
        sweep.case(|| format!("{name} {dtype} {:?} {:?}", a.layout, b.layout), || call(a, b));
    };
    for n in tails() {
        run(sweep, &Operand::row_major(dtype, &[n], 1), &Operand::row_major(dtype, &[n], 2));
    }
    for n in LENGTHS {
        let row = Operand::row_major(dtype, &[n], 1);
        for other in strided(dtype, n, 2) {
            run(sweep, &row, &other);
            run(sweep, &other, &row);
        }
        let table = Operand::row_major(dtype, &[3, n], 1);
        for other in tables(dtype, 3, n, 2) {
            run(sweep, &table, &other);
            run(sweep, &other, &table);
        }
    }
}

fn casts_and_copies(sweep: &mut Sweep, dtype: DType) {
    for to in DType::ALL {
        for n in tails() {
            let x = Operand::row_major(dtype, &[n], n);
            sweep.case(|| format!("cast {dtype} {to} {n}"), || Cpu.cast(x.view(), to));
        }
        for n in LENGTHS {
            for x in strided(dtype, n, n) {
                sweep.case(|| format!("cast {dtype} {to} {:?}", x.layout), || Cpu.cast(x.view(), to));
            }
        }
    }
    for n in tails() {
        sweep.case(|| format!("fill {dtype} {n}"), || Cpu.fill(dtype, n, Scalar::Int(1)));
        if dtype != DType::Bool {
            sweep.case(|| format!("iota {dtype} {n}"), || Cpu.iota(dtype, n));
        }
        let x = Operand::row_major(dtype, &[n], 0);
        sweep.case(|| format!("upload {dtype} {n}"), || Cpu.upload(dtype, x.buffer.as_bytes()));
        for rows in [1, 2, 5, 16, 17] {
            for x in tables(dtype, rows, n, 0) {
                for to in tables(dtype, rows, n, 1).iter_mut().take(3) {
                    let what = || format!("copy {dtype} {:?} to {:?}", x.layout, to.layout);
                    sweep.case(what, || Cpu.copy(x.view(), &mut to.buffer, &to.layout));
                }
            }
        }
        for x in strided(dtype, n, 0) {
            // Memory of the reader's own: guarded too.
            let mut out = Buffer::for_elements(dtype, n).expect("memory");
            sweep.case(|| format!("download {dtype} {:?}", x.layout), || Cpu.download(x.view(), out.as_mut_bytes()));
        }
    }
    for shape in [[3, 5, 7], [8, 8, 8], [1, 17, 33], [16, 1, 31]] {
        for axes in [[0, 2, 1], [1, 0, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
            let len = shape.iter().product();
            let x = Operand::new(dtype, len, Layout::contiguous(&shape).permute(&axes), 1);
            let flipped: Vec<_> = x.layout.shape().iter().map(|&size| whole(size - 1, -1, size)).collect();
            for layout in [x.layout.clone(), x.layout.slice(&flipped)] {
                let mut out = Buffer::for_elements(dtype, len).expect("memory");
                let to = Layout::contiguous(layout.shape());
                let x = Operand::new(dtype, len, layout, 1);
                sweep.case(|| format!("copy {dtype} {:?}", x.layout), || Cpu.copy(x.view(), &mut out, &to));
            }
        }
    }
}

fn in_place(sweep: &mut Sweep) {
    for dtype in [DType::F32, DType::F64] {
        for n in tails().chain([1023, 1024, 1025, 2049]) {
            for op in functions().filter(|op| !op.is_predicate() && !matches!(op, UnaryOp::Not | UnaryOp::Polygamma(_)))
            {
                let mut x = Operand::row_major(dtype, &[n], n);
                sweep.case(|| format!("{} in place {n}", op.name()), || Cpu.unary_in_place(op, &mut x.buffer, dtype));
            }
            let other = Operand::row_major(dtype, &[n], 1);
            for &op in BinaryOp::ALL {
                if Sweep::takes(&Op::Binary(op), &[&other, &other]).is_none() {
                    continue;
                }
                for left in [false, true] {
                    let mut x = Operand::row_major(dtype, &[n], n);
                    let call = || Cpu.binary_in_place(op, &mut x.buffer, other.view(), left);
                    sweep.case(|| format!("{} in place {n}", op.name()), call);
                }
            }
        }
    }
}

fn random(sweep: &mut Sweep) {
    let key = Key { seed: 7, stream: 3 };
    let distributions = [
        Distribution::Bits,
        Distribution::Uniform,
        Distribution::Normal,
        Distribution::TruncatedNormal,
        Distribution::Integers { low: 0, high: 5 },
    ];
    for distribution in distributions {
        for dtype in DType::ALL {
            let shape = [1].into_iter().collect();
            if Sweep::takes(&Op::Random { distribution, shape, dtype, key }, &[]).is_none() {
                continue;
            }
            for n in tails() {
                let call = || Cpu.random(distribution, dtype, n, key);
                sweep.case(|| format!("{distribution:?} {dtype} {n}"), call);
            }
        }
    }
    for dtype in FLOATS {
        for n in tails() {
            let alpha = Operand::row_major(dtype, &[n], 1);
            sweep.case(|| format!("gamma {dtype} {n}"), || Cpu.random_gamma(alpha.view(), key));
        }
    }
}
