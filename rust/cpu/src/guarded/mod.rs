//! Every kernel on operands that touch a page without access (`memory/guard.rs`): every tail, dtype and layout, with
//! every instruction set of this CPU. A kernel that reads or writes one byte too far ends the process.
//!
//! The sweeps run in processes of their own, which [`kernels_stay_within_their_operands`] starts.
//! `CORTEN_GUARD_TRACE=1` prints each case before it runs. Every length from 0 to 128 is tried with the widest
//! instruction set, those around the widths of registers with the others; `CORTEN_GUARD_TAILS=all` tries every length
//! with all of them.

mod elementwise;
mod fused;
mod order;
mod products;
mod windows;

use std::process::Command;

use corten_core::{DType, Layout, Op, Range, Result, Spec, View, infer, with_dtype};

use crate::{In, memory::Buffer, memory::guard, simd};

/// Lengths around the widths of registers and tiles.
const LENGTHS: [usize; 14] = [0, 1, 2, 3, 7, 8, 9, 15, 17, 31, 33, 64, 65, 128];
const FLOATS: [DType; 4] = [DType::F32, DType::F64, DType::BF16, DType::F16];

/// The lengths 0 to 128, or [`LENGTHS`] of them where `CORTEN_GUARD_TAILS=some`.
fn tails() -> impl Iterator<Item = usize> {
    let some = std::env::var("CORTEN_GUARD_TAILS").is_ok_and(|which| which == "some");
    (0..=128).filter(move |n| !some || LENGTHS.contains(n))
}

/// Values in memory that ends (or begins) where the last (first) of them does.
struct Operand {
    buffer: Buffer,
    layout: Layout,
    dtype: DType,
}

impl Operand {
    /// Small numbers that every dtype has, other ones for other seeds.
    fn new(dtype: DType, len: usize, layout: Layout, seed: usize) -> Self {
        let number = |i: usize| ((i * 5 + seed * 3) % 7 + 1) as i64;
        let buffer = with_dtype!(dtype, T => {
            let values: Vec<T> = (0..len).map(|i| <T as corten_core::Element>::from_i64(number(i))).collect();
            Buffer::from_slice(&values)
        });
        Self { buffer: buffer.expect("memory"), layout, dtype }
    }

    fn row_major(dtype: DType, shape: &[usize], seed: usize) -> Self {
        Self::new(dtype, shape.iter().product(), Layout::contiguous(shape), seed)
    }

    /// Indices below `below`, negative ones among them.
    fn indices(shape: &[usize], below: usize) -> Self {
        let number = |i: usize| (i * 11 % below) as i32 - if i.is_multiple_of(3) { below as i32 } else { 0 };
        let values: Vec<i32> = (0..shape.iter().product()).map(number).collect();
        Self {
            buffer: Buffer::from_slice(&values).expect("memory"),
            layout: Layout::contiguous(shape),
            dtype: DType::I32,
        }
    }

    /// Three labels of `n` classes: the first, one in the middle, the last.
    fn labels(n: usize) -> Self {
        let labels = [0, n as i32 / 2, n as i32 - 1];
        Self {
            buffer: Buffer::from_slice(&labels).expect("memory"),
            layout: Layout::contiguous(&[3]),
            dtype: DType::I32,
        }
    }

    fn view(&self) -> In<'_> {
        View { buffer: &self.buffer, layout: &self.layout, dtype: self.dtype }
    }

    fn spec(&self) -> Spec {
        Spec::new(self.layout.shape(), self.dtype)
    }
}

fn whole(start: usize, step: isize, len: usize) -> Range {
    Range { start, step, len }
}

/// `n` elements apart, backwards, repeated, and behind others; each view reaches to both ends of its memory.
fn strided(dtype: DType, n: usize, seed: usize) -> Vec<Operand> {
    if n == 0 {
        return vec![Operand::row_major(dtype, &[0], seed)];
    }
    let last = 2 * (n - 1) + 1;
    vec![
        Operand::new(dtype, last, Layout::contiguous(&[last]).slice(&[whole(0, 2, n)]), seed),
        Operand::new(dtype, n, Layout::contiguous(&[n]).slice(&[whole(n - 1, -1, n)]), seed),
        Operand::new(dtype, 1, Layout::contiguous(&[1]).expand(&[n]), seed),
        Operand::new(dtype, n + 1, Layout::contiguous(&[n + 1]).slice(&[whole(1, 1, n)]), seed),
    ]
}

/// Shapes of two axes: rows with gaps, columns, a repeated row, a repeated column.
fn tables(dtype: DType, rows: usize, n: usize, seed: usize) -> Vec<Operand> {
    if n == 0 {
        return vec![Operand::row_major(dtype, &[rows, 0], seed)];
    }
    let gaps = (rows - 1) * (n + 3) + n;
    let gapped = Layout::new([rows, n].into_iter().collect(), [(n + 3) as isize, 1].into_iter().collect(), 0);
    vec![
        Operand::row_major(dtype, &[rows, n], seed),
        Operand::new(dtype, gaps, gapped, seed),
        Operand::new(dtype, rows * n, Layout::contiguous(&[n, rows]).permute(&[1, 0]), seed),
        Operand::new(dtype, n, Layout::contiguous(&[n]).expand(&[rows, n]), seed),
        Operand::new(dtype, rows, Layout::contiguous(&[rows, 1]).expand(&[rows, n]), seed),
    ]
}

/// Runs cases and counts them.
struct Sweep {
    name: &'static str,
    trace: bool,
    cases: usize,
    refused: usize,
}

impl Sweep {
    fn new(name: &'static str) -> Self {
        assert!(guard::is_on(), "set CORTEN_GUARD_PAGES to run the sweeps");
        Self { name, trace: std::env::var_os("CORTEN_GUARD_TRACE").is_some(), cases: 0, refused: 0 }
    }

    /// One call of a kernel. What has no kernel refuses, which is counted.
    fn case<R>(&mut self, what: impl FnOnce() -> String, call: impl FnOnce() -> Result<R>) -> Option<R> {
        if self.trace {
            eprintln!("{}: {}", self.name, what());
        }
        if let Ok(result) = call() {
            self.cases += 1;
            Some(result)
        } else {
            self.refused += 1;
            None
        }
    }

    /// Whether the op takes these operands, and what it gives.
    fn takes(op: &Op, inputs: &[&Operand]) -> Option<Vec<Spec>> {
        infer(op, &inputs.iter().map(|x| x.spec()).collect::<Vec<_>>()).ok().map(|specs| specs.to_vec())
    }
}

impl Drop for Sweep {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // The parent reads this.
            let (name, isa) = (self.name, simd::isa().name());
            eprintln!("cases {name} {} {isa} refused {} blocks {}", self.cases, self.refused, guard::blocks());
            assert!(self.cases > 0, "{name}: nothing was run");
            assert!(self.refused * 10 <= self.cases, "{name}: {} of {} refused", self.refused, self.cases);
        }
    }
}

#[test]
#[ignore = "runs guarded, started by kernels_stay_within_their_operands"]
fn conformance() {
    assert!(guard::is_on(), "set CORTEN_GUARD_PAGES to run the sweeps");
    corten_testkit::conformance(&crate::Cpu, &corten_core::DType::ALL);
}

#[test]
fn kernels_stay_within_their_operands() {
    let this = std::env::current_exe().expect("the test's own program");
    let mut names: Vec<&str> = simd::Isa::ALL.iter().filter(|isa| **isa <= simd::isa()).map(|isa| isa.name()).collect();
    if simd::features().iter().any(|(name, used)| name.starts_with("amx") && *used) {
        names.push("");
    }
    let widest = names[names.len() - 1];
    let wanted = std::env::var("CORTEN_GUARD_TAILS").unwrap_or_default();
    for isa in names {
        let tails = if isa == widest && wanted != "some" { "all" } else { "some" };
        let tails = if wanted == "all" { "all" } else { tails };
        for side in ["begin", "end"] {
            let child = Command::new(&this)
                .args(["guarded::", "--ignored", "--nocapture", "--test-threads=2"])
                .envs([("CORTEN_ISA", isa), ("CORTEN_GUARD_PAGES", side), ("CORTEN_GUARD_TAILS", tails)])
                .env("CORTEN_NUM_THREADS", "1")
                .output()
                .expect("the program starts");
            let said = String::from_utf8_lossy(&child.stderr);
            assert!(
                child.status.success(),
                "{isa} {side}: {}; CORTEN_GUARD_TRACE=1 names the case\n{said}",
                child.status
            );
            let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("cases ")).collect();
            assert_eq!(lines.len(), 5, "{isa} {side}: every sweep reports\n{said}");
            for line in lines {
                assert!(line.contains(&format!(" {isa} ")) || isa.is_empty(), "{isa}: other kernels ran: {line}");
                eprintln!("{isa} {side} {line}");
            }
        }
    }
}
