//! Copies, and elements by index.

use corten_core::{Backend, DType, Error, Layout, Range, Result, Scalar, ScatterMode, View};

use crate::among;
use crate::operand::{Operand, assert_close, layouts, read};

type Combine = (ScatterMode, fn(f64, f64) -> f64);

/// Fills, copies into regions, gathers and scatters.
///
/// # Panics
/// Where the backend differs from the reference.
pub fn movement<B: Backend>(backend: &B, dtypes: &[DType]) {
    for &dtype in dtypes {
        copies(backend, dtype);
        for index in among(dtypes, &INDICES) {
            gathers(backend, dtype, index);
        }
    }
    for index in among(dtypes, &INDICES) {
        scatters(backend, dtypes, index);
    }
    out_of_range(backend);
}

/// What indices may be.
const INDICES: [DType; 2] = [DType::I32, DType::I64];

fn copies<B: Backend>(backend: &B, dtype: DType) {
    let filled = backend.fill(dtype, 5, Scalar::Int(1)).expect("fill");
    assert_close("fill", &read(backend, &filled, &[5], dtype), &[1.0; 5], 0.0);
    if dtype != DType::Bool {
        let counted = backend.iota(dtype, 5).expect("iota");
        assert_close("iota", &read(backend, &counted, &[5], dtype), &[0.0, 1.0, 2.0, 3.0, 4.0], 0.0);
    }
    for x in layouts(backend, dtype, 0.0, 9.0, 1) {
        // Into every second column of a larger array, backwards.
        let mut out = backend.fill(dtype, 5 * 8, Scalar::Int(0)).expect("fill");
        let ranges = [Range { start: 1, step: 1, len: 3 }, Range { start: 7, step: -2, len: 4 }];
        backend.copy(x.view(), &mut out, &Layout::contiguous(&[5, 8]).slice(&ranges)).expect("copy");
        let mut expected = vec![0.0; 40];
        for (i, value) in x.values().into_iter().enumerate() {
            expected[(1 + i / 4) * 8 + 7 - 2 * (i % 4)] = value;
        }
        assert_close(&format!("copy of {dtype}, {}", x.name), &read(backend, &out, &[5, 8], dtype), &expected, 0.0);
    }
}

fn gathers<B: Backend>(backend: &B, dtype: DType, index_dtype: DType) {
    for x in layouts(backend, dtype, 0.0, 9.0, 1) {
        let values = x.values();
        let rows = Operand::contiguous(backend, &[2.0, 0.0, -1.0, 1.0], &[2, 2], index_dtype);
        let y = backend.gather(x.view(), rows.view(), 0).expect("gather");
        let expected: Vec<f64> =
            [2, 0, 2, 1].iter().flat_map(|&row: &usize| values[row * 4..row * 4 + 4].to_vec()).collect();
        assert_close(&format!("take of {dtype}, {}", x.name), &read(backend, &y, &[2, 2, 4], dtype), &expected, 0.0);
        let columns = Operand::contiguous(backend, &[3.0, -4.0], &[2], index_dtype);
        let y = backend.gather(x.view(), columns.view(), 1).expect("gather");
        let expected: Vec<f64> = (0..3).flat_map(|row| [values[row * 4 + 3], values[row * 4]]).collect();
        assert_close(
            &format!("take of {dtype} along 1, {}", x.name),
            &read(backend, &y, &[3, 2], dtype),
            &expected,
            0.0,
        );
        let each = Operand::contiguous(backend, &[0.0, 3.0, -1.0, 1.0, 2.0, 2.0], &[3, 2], index_dtype);
        let y = backend.take_along(x.view(), each.view(), 1).expect("take along");
        let expected = [values[0], values[3], values[7], values[5], values[10], values[10]];
        assert_close(
            &format!("take_along_axis of {dtype}, {}", x.name),
            &read(backend, &y, &[3, 2], dtype),
            &expected,
            0.0,
        );
    }
}

fn scatters<B: Backend>(backend: &B, dtypes: &[DType], index_dtype: DType) {
    let functions: [Combine; 5] = [
        (ScatterMode::Set, |_, new| new),
        (ScatterMode::Add, |old, new| old + new),
        (ScatterMode::Mul, |old, new| old * new),
        (ScatterMode::Max, f64::max),
        (ScatterMode::Min, f64::min),
    ];
    for dtype in among(dtypes, &[DType::F32, DType::F64, DType::I32, DType::I64]) {
        for base in layouts(backend, dtype, 1.0, 9.0, 1) {
            for updates in layouts(backend, dtype, 1.0, 9.0, 2) {
                for (mode, f) in functions {
                    let what = format!("scatter {} of {dtype}, {} into {}", mode.name(), updates.name, base.name);
                    let rows = Operand::contiguous(backend, &[2.0, 0.0, -1.0], &[3], index_dtype);
                    let y = backend.scatter(mode, base.view(), rows.view(), updates.view(), 0).expect("scatter");
                    let mut expected = base.values();
                    for (i, new) in updates.values().into_iter().enumerate() {
                        let place = [2, 0, 2][i / 4] * 4 + i % 4;
                        expected[place] = f(expected[place], new);
                    }
                    assert_close(&what, &read(backend, &y, &[3, 4], dtype), &expected, 1e-6);
                    let places = [0.0, 1.0, 1.0, -1.0, 3.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
                    let each = Operand::contiguous(backend, &places, &[3, 4], index_dtype);
                    let y = backend.scatter_along(mode, base.view(), each.view(), updates.view(), 1).expect("scatter");
                    let mut expected = base.values();
                    for (i, new) in updates.values().into_iter().enumerate() {
                        let column = if places[i] < 0.0 { 3 } else { places[i] as usize };
                        let place = i / 4 * 4 + column;
                        expected[place] = f(expected[place], new);
                    }
                    assert_close(&format!("{what}, along"), &read(backend, &y, &[3, 4], dtype), &expected, 1e-6);
                }
            }
        }
    }
}

/// A device may find it when the result is read.
fn out_of_range<B: Backend>(backend: &B) {
    let x = Operand::contiguous(backend, &[1.0, 2.0, 3.0], &[3], DType::F32);
    let fails = |what: String, result: Result<B::Buffer>, len: usize| {
        let layout = Layout::contiguous(&[len]);
        let found = result.and_then(|buffer| {
            backend.download(View { buffer: &buffer, layout: &layout, dtype: DType::F32 }, &mut vec![0; len * 4])
        });
        assert!(matches!(found, Err(Error::Index(_))), "{what}: {found:?}");
    };
    for bad in [3.0, -4.0] {
        let index = Operand::contiguous(backend, &[0.0, bad], &[2], DType::I32);
        let update = Operand::contiguous(backend, &[1.0, 1.0], &[2], DType::F32);
        fails(format!("take of index {bad}"), backend.gather(x.view(), index.view(), 0), 2);
        fails(format!("take_along_axis of index {bad}"), backend.take_along(x.view(), index.view(), 0), 2);
        let added = backend.scatter(ScatterMode::Add, x.view(), index.view(), update.view(), 0);
        fails(format!("scatter at index {bad}"), added, 3);
        let set = backend.scatter_along(ScatterMode::Set, x.view(), index.view(), update.view(), 0);
        fails(format!("scatter_along_axis at index {bad}"), set, 3);
    }
}
