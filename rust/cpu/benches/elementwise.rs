//! How long the most used elementwise, reduction and movement kernels take: best of many runs, by size.
//! `cargo bench -p corten-cpu --bench elementwise`; numbers from a busy machine mean little.

// A benchmark prints.
#![allow(clippy::print_stdout)]

use std::{hint::black_box, time::Instant};

use corten_core::{
    ArgReduceOp, Backend, BinaryOp, DType, Layout, ReduceOp, Result, ScanOp, ScatterMode, UnaryOp, View,
};
use corten_cpu::{Buffer, Cpu, parallel, simd};

/// Prints the best time of one call and the bytes it moves in it.
fn report<R>(name: &str, bytes: usize, call: impl Fn() -> Result<R>) {
    let begin = Instant::now();
    let mut best = f64::MAX;
    let mut rounds = 0;
    while rounds < 3 || (begin.elapsed().as_millis() < 50 && rounds < 20_000) {
        let start = Instant::now();
        black_box(call().is_ok());
        best = best.min(start.elapsed().as_secs_f64());
        rounds += 1;
    }
    println!("{name:32} {:10.2} us {:8.2} GB/s", best * 1e6, bytes as f64 / best / 1e9);
}

/// Prints the time of a call on a small tensor, where overhead is all there is: best mean of many batches.
fn latency<R>(name: &str, call: impl Fn() -> Result<R>) {
    const CALLS: u32 = 500;
    let mut best = f64::MAX;
    for _ in 0..400 {
        let start = Instant::now();
        for _ in 0..CALLS {
            black_box(call().is_ok());
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(CALLS));
    }
    println!("{name:32} {:10.1} ns", best * 1e9);
}

fn view<'a>(buffer: &'a Buffer, layout: &'a Layout, dtype: DType) -> View<'a, Buffer> {
    View { buffer, layout, dtype }
}

fn small() -> Result<()> {
    let buffer = Buffer::from_slice(&[1.5f32; 16])?;
    let (row, scalar) = (Layout::contiguous(&[16]), Layout::contiguous(&[]).expand(&[16]));
    let (x, one) = (view(&buffer, &row, DType::F32), view(&buffer, &scalar, DType::F32));
    latency("allocate 64 bytes", || Buffer::alloc(64));
    latency("add 16", || Cpu.binary(BinaryOp::Add, x, x));
    latency("add 16 and a scalar", || Cpu.binary(BinaryOp::Add, x, one));
    latency("sum 16", || Cpu.reduce(ReduceOp::Sum, x, &[0]));
    Ok(())
}

fn large(len: usize) -> Result<()> {
    println!("--- {len} elements");
    let values: Vec<f32> = (0..len).map(|i| (i % 1000) as f32 / 100.0 - 5.0).collect();
    let buffer = Buffer::from_slice(&values)?;
    let flat = Layout::contiguous(&[len]);
    let shape = [len / 64, 64];
    let matrix = Layout::contiguous(&shape);
    let x = view(&buffer, &flat, DType::F32);
    let rows = view(&buffer, &matrix, DType::F32);
    report("add", 12 * len, || Cpu.binary(BinaryOp::Add, x, x));
    report("power", 12 * len, || Cpu.binary(BinaryOp::Pow, x, x));
    for (name, layout) in [
        ("add a row of 64", Layout::contiguous(&[64]).expand(&shape)),
        ("add a column", Layout::contiguous(&[len / 64, 1]).expand(&shape)),
        ("add a scalar", Layout::contiguous(&[]).expand(&shape)),
    ] {
        report(name, 8 * len, || Cpu.binary(BinaryOp::Add, rows, view(&buffer, &layout, DType::F32)));
    }
    for op in [
        UnaryOp::Relu,
        UnaryOp::Exp,
        UnaryOp::Log,
        UnaryOp::Tanh,
        UnaryOp::Sigmoid,
        UnaryOp::Softplus,
        UnaryOp::Erf,
        UnaryOp::Gelu,
        UnaryOp::GeluTanh,
        UnaryOp::Sin,
    ] {
        report(op.name(), 8 * len, || Cpu.unary(op, x));
    }
    report("to bfloat16", 6 * len, || Cpu.cast(x, DType::BF16));
    report("to int32", 8 * len, || Cpu.cast(x, DType::I32));
    report("sum of all", 4 * len, || Cpu.reduce(ReduceOp::Sum, x, &[0]));
    report("max of all", 4 * len, || Cpu.reduce(ReduceOp::Max, x, &[0]));
    report("sum of rows of 64", 4 * len, || Cpu.reduce(ReduceOp::Sum, rows, &[1]));
    report("sum of 64 columns", 4 * len, || Cpu.reduce(ReduceOp::Sum, rows, &[0]));
    report("max of rows of 64", 4 * len, || Cpu.reduce(ReduceOp::Max, rows, &[1]));
    report("argmax of rows of 64", 4 * len, || Cpu.arg_reduce(ArgReduceOp::Max, rows, 1));
    report("cumsum of rows of 64", 8 * len, || Cpu.scan(ScanOp::Sum, rows, 1, false));
    report("sort rows of 64", 8 * len, || Cpu.sort(rows, 1, false));
    let side = 1 << (len.ilog2() / 2);
    let transposed = Layout::contiguous(&[side, len / side]).permute(&[1, 0]);
    let turned = view(&buffer, &transposed, DType::F32);
    report("add a transpose", 12 * len, || Cpu.binary(BinaryOp::Add, turned, turned));
    Ok(())
}

fn indexed() -> Result<()> {
    println!("--- 4096 rows of a 10000 x 64 table");
    let table = Buffer::from_slice(&vec![0.5f32; 10_000 * 64])?;
    let indices = Buffer::from_slice(&(0..4096).map(|i| i * 7919 % 10_000).collect::<Vec<i32>>())?;
    let layouts = [&[10_000, 64][..], &[4096], &[4096, 64]].map(Layout::contiguous);
    let (x, index) = (view(&table, &layouts[0], DType::F32), view(&indices, &layouts[1], DType::I32));
    let updates = view(&table, &layouts[2], DType::F32);
    report("gather", 4096 * 64 * 8, || Cpu.gather(x, index, 0));
    report("scatter add", 4096 * 64 * 8, || Cpu.scatter(ScatterMode::Add, x, index, updates, 0));
    Ok(())
}

fn main() -> Result<()> {
    println!("instruction set {}, {} threads", simd::isa().name(), parallel::num_threads());
    small()?;
    for len in [1 << 12, 1 << 16, 1 << 20] {
        large(len)?;
    }
    indexed()
}
