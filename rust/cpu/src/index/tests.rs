use corten_core::{DType, Element, Layout, ScatterMode};
use half::bf16;

use super::*;

struct Owned {
    buffer: Buffer,
    layout: Layout,
    dtype: DType,
}
impl Owned {
    fn new<T: Element>(values: &[T], shape: &[usize]) -> Self {
        let buffer = Buffer::from_slice(values).unwrap();
        Self { buffer, layout: Layout::contiguous(shape), dtype: T::DTYPE }
    }
    fn view(&self) -> In<'_> {
        In { buffer: &self.buffer, layout: &self.layout, dtype: self.dtype }
    }
}

fn count(len: usize) -> Vec<f32> {
    (0..len).map(|i| i as f32).collect()
}

#[test]
fn rows_are_gathered_and_negative_indices_count_from_the_end() {
    let table = Owned::new(&count(12), &[4, 3]);
    let indices = Owned::new(&[2i64, -1], &[2]);
    assert_eq!(gather(table.view(), indices.view(), 0).unwrap().as_slice::<f32>(), [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);
    let columns = gather(table.view(), indices.view(), 1).unwrap();
    assert_eq!(columns.as_slice::<f32>(), [2.0, 2.0, 5.0, 5.0, 8.0, 8.0, 11.0, 11.0]);
    let large = Owned::new(&count(300 * 500), &[300, 500]);
    let indices = Owned::new(&(0..600).map(|i| i * 7 % 300).collect::<Vec<i32>>(), &[20, 30]);
    let out = gather(large.view(), indices.view(), 0).unwrap();
    for (i, row) in out.as_slice::<f32>().chunks(500).enumerate() {
        assert_eq!(row[3], ((i * 7 % 300) * 500 + 3) as f32);
    }
}

#[test]
fn an_index_out_of_range_is_named() {
    let table = Owned::new(&count(12), &[4, 3]);
    for (index, message) in [
        (4i32, "take: index 4 is out of range for axis 0 of size 4"),
        (-5, "take: index -5 is out of range for axis 0 of size 4"),
    ] {
        let indices = Owned::new(&[0, index], &[2]);
        assert_eq!(gather(table.view(), indices.view(), 0).unwrap_err().to_string(), message);
    }
}

#[test]
fn duplicates_add_up() {
    let base = Owned::new(&[0.0f32; 6], &[3, 2]);
    let indices = Owned::new(&[1i32, 1, -1], &[3]);
    let updates = Owned::new(&[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], &[3, 2]);
    let run = |mode| scatter(mode, base.view(), indices.view(), updates.view(), 0).unwrap().as_slice::<f32>().to_vec();
    assert_eq!(run(ScatterMode::Add), [0.0, 0.0, 4.0, 6.0, 5.0, 6.0]);
    assert_eq!(run(ScatterMode::Set), [0.0, 0.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(run(ScatterMode::Max), [0.0, 0.0, 3.0, 4.0, 5.0, 6.0]);
    let halves = Owned::new(&[bf16::ZERO], &[1]);
    let many = Owned::new(&vec![bf16::ONE; 1000], &[1000]);
    let zeros = Owned::new(&vec![0i32; 1000], &[1000]);
    let out = scatter(ScatterMode::Add, halves.view(), zeros.view(), many.view(), 0).unwrap();
    assert_eq!(out.as_slice::<bf16>(), [bf16::from_f32(1000.0)]);
    let truth = Owned::new(&[false], &[1]);
    let both = Owned::new(&[true, true], &[2]);
    let zeros = Owned::new(&[0i32, 0], &[2]);
    let out = scatter(ScatterMode::Add, truth.view(), zeros.view(), both.view(), 0).unwrap();
    assert_eq!(out.as_bytes(), [1]);
}

#[test]
fn large_scatters_equal_plain_loops() {
    let (rows, width, updates) = (500usize, 40usize, 3000usize);
    let places: Vec<i64> = (0..updates as i64).map(|i| i * i % rows as i64).collect();
    let values = count(updates * width);
    let mut want = vec![0.0f32; rows * width];
    for (i, &place) in places.iter().enumerate() {
        for j in 0..width {
            want[place as usize * width + j] += values[i * width + j];
        }
    }
    let base = Owned::new(&vec![0.0f32; rows * width], &[rows, width]);
    let out = scatter(
        ScatterMode::Add,
        base.view(),
        Owned::new(&places, &[updates]).view(),
        Owned::new(&values, &[updates, width]).view(),
        0,
    )
    .unwrap();
    assert_eq!(out.as_slice::<f32>(), want);
}

#[test]
fn along_an_axis_and_back() {
    let x = Owned::new(&count(6), &[2, 3]);
    let indices = Owned::new(&[2i32, 0, -2, 1], &[2, 2]);
    assert_eq!(take_along(x.view(), indices.view(), 1).unwrap().as_slice::<f32>(), [2.0, 0.0, 4.0, 4.0]);
    let updates = Owned::new(&[10.0f32, 20.0, 30.0, 40.0], &[2, 2]);
    let out = scatter_along(ScatterMode::Add, x.view(), indices.view(), updates.view(), 1).unwrap();
    assert_eq!(out.as_slice::<f32>(), [20.0, 1.0, 12.0, 3.0, 74.0, 5.0]);
    let indices = Owned::new(&[1i32, 0, 1], &[1, 3]);
    assert_eq!(take_along(x.view(), indices.view(), 0).unwrap().as_slice::<f32>(), [3.0, 1.0, 5.0]);
}
