//! What this machine can do at most, whatever library runs on it: multiply-adds in registers, copies and reads of
//! memory, on a number of threads. Prints one line of JSON: the best of many runs, which is what a ceiling is.
//!
//! `cargo bench -p corten-cpu --bench ceiling -- THREADS`. It needs nothing but std: `rustc -O` compiles it alone.

// A benchmark prints.
#![allow(clippy::print_stdout)]

use std::{
    hint::black_box,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

/// Chains of dependent multiply-adds kept going at once: latency times ports is 8 to 10 on cores of today, and with
/// two operands they fit 16 registers.
const CHAINS: usize = 12;
/// Multiply-adds of a chain in one run: some 200 us.
const STEPS: usize = 20_000;
/// Numbers in an array: 16 MiB, as the elementwise workloads have.
const LEN: usize = 4 << 20;

/// Runs `$step` on each of the chains, so often, and folds them with `$join`. The chains are variables and not an array,
/// which the compiler would keep in memory or rotate through registers.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! chains {
    ($first:expr, $step:expr, $join:expr) => {{
        let step = $step;
        let join = $join;
        let (mut a, mut b, mut c, mut d) = ($first, $first, $first, $first);
        let (mut e, mut f, mut g, mut h) = ($first, $first, $first, $first);
        let (mut i, mut j, mut k, mut l) = ($first, $first, $first, $first);
        for _ in 0..STEPS {
            (a, b, c, d) = (step(a), step(b), step(c), step(d));
            (e, f, g, h) = (step(e), step(f), step(g), step(h));
            (i, j, k, l) = (step(i), step(j), step(k), step(l));
        }
        join(join(join(a, b), join(c, d)), join(join(join(e, f), join(g, h)), join(join(i, j), join(k, l))))
    }};
}

/// Multiply-adds of the widest vectors; gives the number of flops done.
#[cfg(target_arch = "x86_64")]
mod fma {
    use std::arch::x86_64::{
        _mm256_add_ps, _mm256_fmadd_ps, _mm256_set1_ps, _mm512_add_ps, _mm512_fmadd_ps, _mm512_set1_ps,
    };

    use super::{CHAINS, STEPS, black_box, scalar};

    #[target_feature(enable = "avx512f")]
    fn avx512() -> usize {
        let (scale, offset) = (_mm512_set1_ps(black_box(0.5)), _mm512_set1_ps(black_box(1.0)));
        let first = || _mm512_set1_ps(black_box(1.0));
        black_box(chains!(first(), |x| _mm512_fmadd_ps(x, scale, offset), |x, y| _mm512_add_ps(x, y)));
        2 * 16 * CHAINS * STEPS
    }

    #[target_feature(enable = "avx2,fma")]
    fn avx2() -> usize {
        let (scale, offset) = (_mm256_set1_ps(black_box(0.5)), _mm256_set1_ps(black_box(1.0)));
        let first = || _mm256_set1_ps(black_box(1.0));
        black_box(chains!(first(), |x| _mm256_fmadd_ps(x, scale, offset), |x, y| _mm256_add_ps(x, y)));
        2 * 8 * CHAINS * STEPS
    }

    pub(super) fn run() -> usize {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has AVX-512F, just detected.
            unsafe { avx512() }
        } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has AVX2 and FMA, just detected.
            unsafe { avx2() }
        } else {
            scalar()
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod fma {
    use std::arch::aarch64::{vaddq_f32, vdupq_n_f32, vfmaq_f32};

    use super::{CHAINS, STEPS, black_box};

    #[target_feature(enable = "neon")]
    fn neon() -> usize {
        let (scale, offset) = (vdupq_n_f32(black_box(0.5)), vdupq_n_f32(black_box(1.0)));
        let first = || vdupq_n_f32(black_box(1.0));
        black_box(chains!(first(), |x| vfmaq_f32(offset, x, scale), |x, y| vaddq_f32(x, y)));
        2 * 4 * CHAINS * STEPS
    }

    pub(super) fn run() -> usize {
        // SAFETY: every aarch64 processor this is built for has NEON.
        unsafe { neon() }
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod fma {
    pub(super) use super::scalar as run;
}

/// Plain Rust, for processors without one of the above: the compiler vectorizes what it can.
#[cfg(not(target_arch = "aarch64"))]
fn scalar() -> usize {
    let (scale, offset) = (black_box(0.5_f32), black_box(1.0_f32));
    let mut chains = [1.0_f32; 4 * CHAINS];
    for _ in 0..STEPS {
        for chain in &mut chains {
            *chain = *chain * scale + offset;
        }
    }
    black_box(chains);
    2 * 4 * CHAINS * STEPS
}

/// Largest amount a nanosecond, all threads together: they start together, and the slowest one ends a run.
fn best<S>(threads: usize, state: impl Fn() -> S + Sync, run: impl Fn(&mut S) -> usize + Sync) -> f64 {
    const RUNS: usize = 300;
    let gate = Barrier::new(threads);
    let runs: Vec<Vec<(Duration, usize)>> = thread::scope(|scope| {
        let spawned: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut state = state();
                    run(&mut state);
                    (0..RUNS)
                        .map(|_| {
                            gate.wait();
                            let start = Instant::now();
                            let amount = run(&mut state);
                            (start.elapsed(), amount)
                        })
                        .collect()
                })
            })
            .collect();
        spawned.into_iter().map(|thread| thread.join().expect("a measuring thread ended well")).collect()
    });
    (0..RUNS)
        .map(|i| {
            let slowest = runs.iter().map(|thread| thread[i].0).max().unwrap_or_default();
            let amount: usize = runs.iter().map(|thread| thread[i].1).sum();
            amount as f64 / slowest.as_nanos().max(1) as f64
        })
        .fold(0.0, f64::max)
}

/// Folds an array in lanes; its only use is that all of it must be read.
#[inline(always)]
fn fold(values: &[f32]) -> usize {
    let mut lanes = [0_u32; 128];
    for block in values.as_chunks::<128>().0 {
        for (lane, value) in lanes.iter_mut().zip(block) {
            *lane ^= value.to_bits();
        }
    }
    black_box(lanes);
    4 * values.len()
}

/// The same in the widest vectors.
fn read(values: &[f32]) -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f")]
        fn wide(values: &[f32]) -> usize {
            fold(values)
        }
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has AVX-512F, just detected.
            return unsafe { wide(values) };
        }
    }
    fold(values)
}

fn main() {
    let threads = std::env::args()
        .filter_map(|argument| argument.parse::<usize>().ok())
        .find(|&count| count > 0)
        .unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let part = LEN / threads;
    let flops = best(threads, || (), |()| fma::run());
    // As the elementwise workloads do: one array of 16 MiB read and another written, shared between the threads.
    let copy = best(
        threads,
        || (vec![1.0_f32; part], vec![2.0_f32; part]),
        |(from, to)| {
            to.copy_from_slice(black_box(from));
            black_box(to);
            8 * part
        },
    );
    let reading = best(threads, || vec![1.0_f32; part], |values| read(black_box(values)));
    println!(
        "{{\"threads\": {threads}, \"fma_gflops\": {flops:.2}, \"copy_gbs\": {copy:.2}, \"read_gbs\": {reading:.2}}}"
    );
}
