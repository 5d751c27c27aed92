//! The device itself: memory, order of work, errors, loss.

mod common;

use std::{sync::Mutex, time::Duration};

use common::{Twin, bytes, floats, optimizer_steps, read, spread, view};
use corten_core::{
    ArgReduceOp, Backend, BinaryOp, CompareOp, DType, Error, FusedOp, Layout, OptimizerOp, Range, ReduceOp, Scalar,
    UnaryOp, View,
};
use corten_cpu::Cpu;
use corten_wgpu::{AdapterKind, adapters, close, open};

/// Tests here count what the device does, or take it away: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

macro_rules! alone {
    () => {
        ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    };
}

#[test]
fn adapters_are_ordered_and_explained() {
    let all = adapters();
    for (place, adapter) in all.iter().enumerate() {
        assert_eq!(adapter.index, place);
        assert!(!adapter.name.is_empty() && adapter.max_buffer_bytes > 0);
        let opened = open(place);
        match &adapter.refusal {
            Some(reason) => {
                let message = opened.expect_err("refused").to_string();
                assert!(message.contains(reason) && message.contains("CORTEN_ALLOW_SOFTWARE_GPU=1"), "{message}");
                assert_eq!(adapter.kind, AdapterKind::Software);
            }
            None => assert!(opened.is_ok(), "{opened:?}"),
        }
    }
    let message = open(all.len()).expect_err("no such adapter").to_string();
    assert!(message.contains("GPU"), "{message}");
}

#[test]
fn work_and_uploads_keep_their_order() {
    let Some(gpu) = common::gpu() else { return };
    let _alone = alone!();
    let layout = Layout::contiguous(&[1000]);
    let mut sum = gpu.fill(DType::F32, 1000, Scalar::Int(0)).expect("fill");
    // Each upload takes the memory that the step before has just left, whose reader is still queued.
    for i in 0..200 {
        let x = gpu.upload(DType::F32, &bytes(&[i as f32; 1000])).expect("upload");
        sum = gpu.binary(BinaryOp::Add, view(&sum, &layout), view(&x, &layout)).expect("add");
    }
    assert!(floats(&read(&gpu, &sum, 1000, DType::F32)).iter().all(|&x| x == 19_900.0));
}

#[test]
fn the_clock_tells_the_time_of_the_work_since_its_start() {
    let Some(gpu) = common::gpu() else { return };
    let _alone = alone!();
    let message = gpu.stop_clock().expect_err("no clock runs").to_string();
    assert!(message.contains("was not started"), "{message}");
    if let Err(error) = gpu.start_clock() {
        // Such as a device with the default limits.
        assert!(error.to_string().contains("does not tell how long"), "{error}");
        return;
    }
    assert_eq!(gpu.stop_clock().expect("no work"), Duration::ZERO);
    let time_of = |side: usize| {
        let x = Twin::new(&gpu, &spread(side * side, -1.0, 1.0), &[side, side]);
        gpu.start_clock().expect("a clock");
        let product = gpu.matmul(x.on_gpu(), x.on_gpu()).expect("matmul");
        let time = gpu.stop_clock().expect("the time");
        drop(product);
        time
    };
    time_of(512);
    let (little, much) = (time_of(16), time_of(512));
    assert!(Duration::ZERO < little && little < much, "{little:?} for 16, {much:?} for 512");

    let x = Twin::new(&gpu, &spread(64, -1.0, 1.0), &[64]);
    gpu.start_clock().expect("a clock");
    for _ in 0..2100 {
        drop(gpu.reduce(ReduceOp::Sum, x.on_gpu(), &[0]).expect("sum"));
        gpu.flush().expect("one pass each");
    }
    let message = gpu.stop_clock().expect_err("more passes than it takes").to_string();
    assert!(message.contains("at most 2048 passes; 2100 were sent"), "{message}");
}

#[test]
fn memory_is_used_again() {
    let Some(gpu) = common::gpu() else { return };
    let _alone = alone!();
    gpu.empty_cache();
    let x = Twin::new(&gpu, &spread(10_000, 0.0, 1.0), &[10_000]);
    let step = || {
        let y = gpu.unary(UnaryOp::Exp, x.on_gpu()).expect("exp");
        let y = gpu.unary(UnaryOp::Neg, View { buffer: &y, layout: &x.layout, dtype: DType::F32 }).expect("neg");
        gpu.reduce(ReduceOp::Max, View { buffer: &y, layout: &x.layout, dtype: DType::F32 }, &[0]).expect("max")
    };
    // Looking at the counts ends a round: rounds are equal, and known after some.
    let round = || {
        (0..50).for_each(|_| drop(step()));
        gpu.statistics()
    };
    for _ in 0..4 {
        round();
    }
    let (first, last) = (round(), round());
    assert_eq!((first.pooled_bytes, first.live_bytes), (last.pooled_bytes, last.live_bytes));
    assert_eq!(first.pipelines, last.pipelines);
    assert!(last.dispatches - first.dispatches <= 100, "the two functions are one dispatch");
    assert!(last.submits - first.submits <= 3, "dispatches are sent together");
    assert_eq!((last.uploads, last.downloads), (first.uploads, first.downloads));
    gpu.empty_cache();
    assert_eq!(gpu.statistics().pooled_bytes, 0);
}

#[test]
fn what_does_not_depend_on_each_other_becomes_one_dispatch() {
    let Some(gpu) = common::gpu() else { return };
    let _alone = alone!();
    let x = Twin::new(&gpu, &spread(600, -2.0, 2.0), &[20, 30]);
    let flipped = x.layout.permute(&[1, 0]);
    let places = Twin::new(&gpu, &[3i32, 0, 19, 3, -1], &[5]);
    let step = || {
        let turned = View { buffer: &x.gpu, layout: &flipped, dtype: DType::F32 };
        let sums = gpu.reduce(ReduceOp::Sum, x.on_gpu(), &[1]).expect("sum");
        let best = gpu.arg_reduce(ArgReduceOp::Max, x.on_gpu(), 1).expect("argmax");
        let rows = gpu.gather(x.on_gpu(), places.on_gpu(), 0).expect("gather");
        let product = gpu.matmul(x.on_gpu(), turned).expect("matmul");
        let soft =
            gpu.fused(&FusedOp::Softmax { axis: 1 }, &[x.on_gpu()]).expect("softmax").expect("a kernel").remove(0);
        // One level further on, over memory that a reader of the first level uses.
        let layout = Layout::contiguous(&[20, 20]);
        let total = gpu.reduce(ReduceOp::Sum, view(&product, &layout), &[0]).expect("sum");
        [(sums, 20), (best, 20), (rows, 150), (product, 400), (soft, 600), (total, 20)]
    };
    let rounds: Vec<(u64, Vec<Vec<u8>>)> = (0..6)
        .map(|_| {
            let before = gpu.statistics().dispatches;
            let results = step();
            let dispatches = gpu.statistics().dispatches - before;
            (dispatches, results.iter().map(|(buffer, len)| read(&gpu, buffer, *len, DType::F32)).collect())
        })
        .collect();
    let (first, expected) = &rounds[0];
    assert_eq!(*first, 6);
    assert!(rounds.iter().all(|(_, found)| found == expected), "joined or not, the bits are the same");
    assert!(rounds[3..].iter().all(|(dispatches, _)| *dispatches <= 4), "{:?}", rounds.iter().map(|one| one.0));
    let kernels = gpu.kernels();
    assert!(kernels.keys().any(|name| name.contains(" + ")), "{kernels:?}");
}

#[test]
fn a_chain_is_one_dispatch() {
    let Some(gpu) = common::gpu() else { return };
    let _alone = alone!();
    let values = spread(600, -2.0, 2.0);
    let x = Twin::new(&gpu, &values, &[20, 30]);
    let row = Twin::new(&gpu, &spread(30, 1.0, 2.0), &[30]);
    let wide = row.layout.expand(&[20, 30]);
    let row_view = View { buffer: &row.gpu, layout: &wide, dtype: DType::F32 };
    let expected: Vec<f32> =
        values.iter().enumerate().map(|(i, &x)| (x * spread(30, 1.0, 2.0)[i % 30] + x).max(0.0)).collect();
    let before = gpu.statistics().dispatches;
    let scaled = gpu.binary(BinaryOp::Mul, view(&x.gpu, &x.layout), row_view).expect("mul");
    let sum = gpu.binary(BinaryOp::Add, view(&scaled, &x.layout), view(&x.gpu, &x.layout)).expect("add");
    let zero = gpu.fill(DType::F32, 1, Scalar::Int(0)).expect("fill");
    let zeros = Layout::contiguous(&[]).expand(&[20, 30]);
    let zeros = View { buffer: &zero, layout: &zeros, dtype: DType::F32 };
    let positive = gpu.compare(CompareOp::Gt, view(&sum, &x.layout), zeros).expect("compare");
    let positive = View { buffer: &positive, layout: &x.layout, dtype: DType::Bool };
    let result = gpu.select(positive, view(&sum, &x.layout), zeros).expect("select");
    assert_eq!(gpu.statistics().dispatches - before, 1, "nothing but the zero was computed");
    let found = floats(&read(&gpu, &result, 600, DType::F32));
    assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 1e-6), "{found:?}");
    assert_eq!(gpu.statistics().dispatches - before, 2);
    // The sum is still held, so the same dispatch has stored it.
    let found = floats(&read(&gpu, &sum, 600, DType::F32));
    assert!(found.iter().zip(&values).enumerate().all(|(i, (a, x))| {
        let expected = x * spread(30, 1.0, 2.0)[i % 30] + x;
        (a - expected).abs() <= 1e-6
    }));
    assert_eq!(gpu.statistics().dispatches - before, 2);
}

#[test]
fn optimizers_take_few_dispatches() {
    let Some(gpu) = common::gpu() else { return };
    let _alone = alone!();
    let before = gpu.statistics().dispatches;
    let _ = optimizer_steps(&gpu, |_| OptimizerOp::Sgd { momentum: 0.0, nesterov: false }, 0);
    assert_eq!(gpu.statistics().dispatches - before, 3, "four tensors are one dispatch a step");
}

#[test]
fn long_chains_and_unread_results() {
    let Some(gpu) = common::gpu() else { return };
    let _alone = alone!();
    let x = Twin::new(&gpu, &[1.0f32; 100], &[100]);
    let before = gpu.statistics().dispatches;
    let mut sum = gpu.binary(BinaryOp::Add, view(&x.gpu, &x.layout), view(&x.gpu, &x.layout)).expect("add");
    for _ in 0..998 {
        sum = gpu.binary(BinaryOp::Add, view(&sum, &x.layout), view(&x.gpu, &x.layout)).expect("add");
        drop(gpu.unary(UnaryOp::Exp, view(&sum, &x.layout)).expect("never read"));
    }
    assert!(floats(&read(&gpu, &sum, 100, DType::F32)).iter().all(|&x| x == 1000.0));
    let dispatches = gpu.statistics().dispatches - before;
    assert!((60..140).contains(&dispatches), "{dispatches}");
}

#[test]
fn results_that_are_read_early_widen_what_waits_for_them() {
    let Some(gpu) = common::gpu() else { return };
    let _alone = alone!();
    let layout = Layout::contiguous(&[4]);
    let pair = |op, a: &_, b: &_| gpu.binary(op, view(a, &layout), view(b, &layout)).expect("an op of two");
    // Six operands, as many as one shader takes, until the sum of two is an operand too.
    let leaves: Vec<_> = (1..=6).map(|value| gpu.fill(DType::F32, 4, Scalar::Int(value)).expect("fill")).collect();
    let sum = pair(BinaryOp::Add, &leaves[0], &leaves[1]);
    let product = pair(BinaryOp::Mul, &leaves[0], &leaves[1]);
    let total =
        leaves[2..].iter().fold(pair(BinaryOp::Add, &sum, &product), |total, leaf| pair(BinaryOp::Add, &total, leaf));
    assert_eq!(floats(&read(&gpu, &sum, 4, DType::F32)), [3.0; 4]);
    assert_eq!(floats(&read(&gpu, &total, 4, DType::F32)), [23.0; 4]);
}

#[test]
fn what_changes_in_place_is_read_before() {
    let Some(gpu) = common::gpu() else { return };
    let _alone = alone!();
    let values = spread(50, 0.0, 1.0);
    let mut x = Twin::new(&gpu, &values, &[50]);
    let layout = x.layout.clone();
    let doubled = gpu.binary(BinaryOp::Add, view(&x.gpu, &layout), view(&x.gpu, &layout)).expect("add");
    let negative = gpu.unary(UnaryOp::Neg, view(&doubled, &layout)).expect("neg");
    drop(doubled);
    gpu.unary_in_place(UnaryOp::Square, &mut x.gpu, DType::F32).expect("square");
    let one = gpu.fill(DType::F32, 50, Scalar::Int(1)).expect("fill");
    let after = gpu.binary(BinaryOp::Add, view(&x.gpu, &layout), view(&one, &layout)).expect("add");
    gpu.copy(view(&one, &layout), &mut x.gpu, &layout).expect("copy");
    let check = |buffer, expected: fn(f32) -> f32| {
        let found = floats(&read(&gpu, buffer, 50, DType::F32));
        assert!(found.iter().zip(&values).all(|(a, &x)| (a - expected(x)).abs() <= 1e-6), "{found:?}");
    };
    check(&negative, |x| -2.0 * x);
    check(&after, |x| x * x + 1.0);
    check(&x.gpu, |_| 1.0);
}

#[test]
fn memory_has_a_limit() {
    let Some(gpu) = common::gpu() else { return };
    let _alone = alone!();
    gpu.empty_cache();
    gpu.set_memory_limit(Some(gpu.statistics().live_bytes + 1_100_000));
    let kept = gpu.alloc(DType::F32, 100_000).expect("within the limit");
    // Pooled memory is given back before an array is refused.
    drop(gpu.alloc(DType::F32, 150_000).expect("within the limit"));
    drop(gpu.alloc(DType::F32, 140_000).expect("the pool is emptied for it"));
    let error = gpu.alloc(DType::F32, 200_000).expect_err("beyond the limit");
    gpu.set_memory_limit(None);
    assert!(matches!(error, Error::Memory { bytes: 800_000.., .. }) && error.to_string().contains("limit"), "{error}");
    drop(kept);
    assert!(gpu.alloc(DType::F32, 200_000).is_ok());
    let error = gpu.alloc(DType::F32, usize::MAX / 8).expect_err("beyond any device");
    assert!(matches!(error, Error::Memory { .. }), "{error}");
}

#[test]
fn dtypes_that_are_not_there_are_named() {
    let Some(gpu) = common::gpu() else { return };
    let _alone = alone!();
    for (dtype, way) in [(DType::I64, "int32"), (DType::F64, "float32"), (DType::U8, "int32"), (DType::BF16, "float32")]
    {
        let message = gpu.upload(dtype, &[0; 16]).expect_err("not there").to_string();
        assert!(message.contains(dtype.name()) && message.contains(way) && message.contains("cpu"), "{message}");
    }
}

#[test]
fn truth_values_are_bytes_outside() {
    let Some(gpu) = common::gpu() else { return };
    let _alone = alone!();
    let x = Twin::new(&gpu, &[true, false, true, true, false], &[5]);
    assert_eq!(read(&gpu, &x.gpu, 5, DType::Bool), [1, 0, 1, 1, 0]);
    let layout = x.layout.slice(&[Range { start: 4, step: -2, len: 3 }]);
    let mut out = [9; 3];
    gpu.download(View { buffer: &x.gpu, layout: &layout, dtype: DType::Bool }, &mut out).expect("download");
    assert_eq!(out, [0, 1, 1]);
}

#[test]
fn an_index_out_of_range_is_named_once() {
    let Some(gpu) = common::gpu() else { return };
    let _alone = alone!();
    let x = Twin::new(&gpu, &spread(12, 0.0, 1.0), &[4, 3]);
    let at = Twin::new(&gpu, &[0, -5], &[2]);
    let y = gpu.gather(x.on_gpu(), at.on_gpu(), 0).expect("queued");
    let error = gpu.synchronize().expect_err("out of range");
    assert_eq!(error.to_string(), "take: index -5 is out of range for axis 0 of size 4");
    gpu.synchronize().expect("it was told");
    assert_eq!(floats(&read(&gpu, &y, 6, DType::F32))[..3], floats(&read(&gpu, &x.gpu, 12, DType::F32))[..3]);
}

#[test]
fn many_axes() {
    let Some(gpu) = common::gpu() else { return };
    let _alone = alone!();
    // Every axis but one apart from its neighbours.
    let shape = [2usize; 12];
    let axes: Vec<usize> = (0..12).rev().collect();
    let values = spread(1 << 12, 0.0, 1.0);
    let x = Twin::new(&gpu, &values, &shape);
    let turned = x.layout.permute(&axes);
    let mut out = vec![0; 4 << 12];
    gpu.download(View { buffer: &x.gpu, layout: &turned, dtype: DType::F32 }, &mut out).expect("download");
    let reversed = |i: usize| (i as u32).reverse_bits() as usize >> 20;
    assert!(floats(&out).iter().enumerate().all(|(i, &value)| value == values[reversed(i)]));
    let shape = [2usize; 18];
    let axes: Vec<usize> = (0..18).rev().collect();
    let x = Twin::new(&gpu, &spread(1 << 18, 0.0, 1.0), &shape);
    let turned = x.layout.permute(&axes);
    let view = View { buffer: &x.gpu, layout: &turned, dtype: DType::F32 };
    let error = gpu.unary(UnaryOp::Neg, view).expect_err("too many axes");
    assert!(matches!(error, Error::Unsupported(_)), "{error}");
}

#[test]
fn threads_share_a_device() {
    let Some(gpu) = common::gpu() else { return };
    let _alone = alone!();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let gpu = gpu.clone();
            scope.spawn(move || {
                for i in 0..20 {
                    let x = gpu.fill(DType::F32, 300, Scalar::Int(thread * 100 + i)).expect("fill");
                    let layout = Layout::contiguous(&[300]);
                    let view = View { buffer: &x, layout: &layout, dtype: DType::F32 };
                    let y = gpu.binary(BinaryOp::Add, view, view).expect("add");
                    let expected = (2 * (thread * 100 + i)) as f32;
                    assert!(floats(&read(&gpu, &y, 300, DType::F32)).iter().all(|&value| value == expected));
                }
            });
        }
    });
}

/// In a process of its own: it takes the device away from everybody.
#[test]
fn a_lost_device_is_an_error_and_a_new_one_works() {
    if std::env::var("CORTEN_TEST_LOSS").is_ok() {
        return lose();
    }
    if common::gpu().is_none() {
        return;
    }
    let status = std::process::Command::new(std::env::current_exe().expect("a test"))
        .args(["--exact", "a_lost_device_is_an_error_and_a_new_one_works", "--nocapture"])
        .env("CORTEN_TEST_LOSS", "1")
        .status()
        .expect("a process");
    assert!(status.success());
}

fn lose() {
    let gpu = open(0).expect("a GPU");
    let x = Twin::new(&gpu, &spread(100, 0.0, 1.0), &[100]);
    let y = gpu.unary(UnaryOp::Exp, x.on_gpu()).expect("queued");
    gpu.destroy();
    assert!(gpu.is_lost());
    for error in [
        gpu.unary(UnaryOp::Exp, x.on_gpu()).expect_err("lost"),
        gpu.upload(DType::F32, &[0; 4]).expect_err("lost"),
        gpu.download(View { buffer: &y, layout: &x.layout, dtype: DType::F32 }, &mut [0; 400]).expect_err("lost"),
        gpu.synchronize().expect_err("lost"),
        gpu.flush().expect_err("lost"),
    ] {
        assert!(matches!(error, Error::Device(_)) && error.to_string().contains("was lost"), "{error}");
    }
    close(0);
    let new = open(0).expect("a new one");
    assert!(!new.same(&gpu) && !new.is_lost());
    let error = new.unary(UnaryOp::Exp, x.on_gpu()).expect_err("memory of the old one");
    assert!(matches!(error, Error::Device(_)), "{error}");
    let x = Twin::new(&new, &spread(100, 0.0, 1.0), &[100]);
    assert!(new.unary(UnaryOp::Exp, x.on_gpu()).is_ok() && new.synchronize().is_ok());
}

#[test]
fn chains_of_float16_round_after_each_op() {
    let Some(gpu) = common::gpu() else { return };
    let _alone = alone!();
    if !gpu.supports(DType::F16) {
        eprintln!("SKIPPED: this GPU has no float16");
        return;
    }
    // 2049 is 2048 in float16, 65504 + 32 is infinite, the smallest number is its own neighbour of zero.
    let x = Twin::new(&gpu, &[2048.0f32, 65504.0, 6e-8, 1.0], &[4]);
    let y = Twin::new(&gpu, &[1.0f32, 32.0, -3.5e-8, 3.0], &[4]);
    let found = chain(&gpu, x.on_gpu(), y.on_gpu());
    assert_eq!(found, chain(&Cpu, x.on_cpu(), y.on_cpu()));
    assert_eq!(found, [0.0, f32::INFINITY, -(2.0f32.powi(-24)), 3.0]);
}

/// `(x + y) - x` in float16.
fn chain<B: Backend>(device: &B, x: View<'_, B::Buffer>, y: View<'_, B::Buffer>) -> Vec<f32> {
    let [x, y] = [x, y].map(|wide| device.cast(wide, DType::F16).expect("cast"));
    let layout = Layout::contiguous(&[4]);
    let half = |buffer| View { buffer, layout: &layout, dtype: DType::F16 };
    let sum = device.binary(BinaryOp::Add, half(&x), half(&y)).expect("sum");
    let back = device.binary(BinaryOp::Sub, half(&sum), half(&x)).expect("difference");
    let wide = device.cast(half(&back), DType::F32).expect("cast");
    floats(&read(device, &wide, 4, DType::F32))
}
