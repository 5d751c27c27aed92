//! Every kernel this CPU has, and the twins, against plain sums: all edges, layouts and extremes.

use corten_core::half::bf16;

use super::*;

const SIZES: [(usize, usize, usize); 10] = [
    (1, 1, 1),
    (3, 40, 5),
    (16, 16, 32),
    (17, 31, 33),
    (32, 32, 64),
    (33, 65, 63),
    (5, 7, 0),
    (40, 300, 1100),
    (300, 40, 130),
    (290, 70, 65),
];

/// Where the elements of a matrix lie: items in rows, in columns, or neither side by side; strides and length.
fn layouts(items: usize, depth: usize) -> [(usize, (isize, isize)); 3] {
    let (i, d) = (items as isize, depth as isize);
    [(items * depth, (d, 1)), (items * depth, (1, i)), (6 * items * depth, (3 * d, 3))]
}

/// The elements, one item after another.
fn plain<E: Cell>(matrix: &Matrix<'_, E>, (items, depth): (usize, usize)) -> Vec<f64> {
    (0..items * depth).map(|i| matrix.at(i / depth, i % depth).to_f64()).collect()
}

fn check<E: Cell>(kernel: Kernel<E::Sum>, value: impl Fn(usize) -> E, same: impl Fn(f64, f64, f64) -> bool) {
    for (rows, columns, depth) in SIZES {
        for (a_len, a_strides) in layouts(rows, depth) {
            for (b_len, b_strides) in layouts(columns, depth) {
                let left: Vec<E> = (0..a_len).map(|i| value(i * 7919 + 3)).collect();
                let right: Vec<E> = (0..b_len).map(|i| value(i * 104_729 + 1)).collect();
                let a = Matrix::new(&left, 0, (rows, a_strides.0), (depth, a_strides.1));
                let b = Matrix::new(&right, 0, (columns, b_strides.0), (depth, b_strides.1));
                let (left, right) = (plain(&a, (rows, depth)), plain(&b, (columns, depth)));
                let wanted: Vec<(f64, f64)> = (0..rows * columns)
                    .map(|i| {
                        let (row, column) = (&left[i / columns * depth..], &right[i % columns * depth..]);
                        let products = row[..depth].iter().zip(column).map(|(a, b)| a * b);
                        products.fold((0.0, 0.0), |(sum, size), x| (sum + x, size + f64::abs(x)))
                    })
                    .collect();
                for on_all_threads in [false, true] {
                    let mut out = vec![f64::NAN; rows * columns];
                    let pieces = DisjointMut::new(&mut out);
                    let finish = |row: usize, column: usize, sums: &[E::Sum]| {
                        let start = row * columns + column;
                        // SAFETY: every piece of the result comes once.
                        let to = unsafe { pieces.range(start..start + sums.len()) };
                        to.iter_mut().zip(sums).for_each(|(to, sum)| *to = sum.to_f64());
                    };
                    multiply(kernel, Size { rows, columns, depth }, &a, &b, &finish, on_all_threads);
                    for (i, (got, &(want, size))) in out.into_iter().zip(&wanted).enumerate() {
                        let (row, column) = (i / columns, i % columns);
                        assert!(same(got, want, size), "{rows}x{depth}x{columns} at {row}, {column}: {got} != {want}");
                    }
                }
            }
        }
    }
}

fn integers(kernel: Kernel<i32>) {
    let exact = |got: f64, want: f64, _: f64| got == want;
    check::<i8>(kernel, |i| (i % 251) as u8 as i8, exact);
    check::<i8>(kernel, |_| i8::MIN, exact);
    check::<i8>(kernel, |i| if i % 2 == 0 { i8::MIN } else { i8::MAX }, exact);
}

fn brains(kernel: Kernel<f32>) {
    // Half a unit in the last place for each of 550 sums, if a kernel takes them one by one.
    let near = |got: f64, want: f64, size: f64| (got - want).abs() <= 3.3e-5 * size;
    check::<bf16>(kernel, |i| bf16::from_f64((i % 97) as f64 / 16.0 - 3.0), near);
    check::<bf16>(kernel, |i| bf16::from_f64(if i % 3 == 0 { 2.0f64.powi((i % 60) as i32 - 30) } else { -0.37 }), near);
}

#[test]
fn the_twins_are_right() {
    integers(twin::INTEGERS);
    brains(twin::BRAIN);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn integers_of_each_instruction_set_are_exact() {
    if is_x86_feature_detected!("avx2") {
        integers(x86::AVX2);
    } else {
        eprintln!("skipped: no AVX2 here");
    }
    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
        integers(x86::VNNI);
    } else {
        eprintln!("skipped: no AVX-512 VNNI here");
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn bfloat16_on_avx512_agrees_with_the_plain_sums() {
    match x86::brain() {
        Some(kernel) => brains(kernel),
        None => eprintln!("skipped: no AVX-512 BF16 here"),
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn amx_agrees_with_the_plain_sums() {
    match amx::brain() {
        Some(kernel) => brains(kernel),
        None => eprintln!("skipped: no AMX for bfloat16 here"),
    }
    match amx::integers() {
        Some(kernel) => integers(kernel),
        None => eprintln!("skipped: no AMX for 8-bit integers here"),
    }
}

#[test]
fn the_layout_of_packed_tiles() {
    // 3 items of 5 bytes: words of four, the rest zero.
    let data: Vec<i8> = (1..=15).collect();
    let matrix = Matrix::new(&data, 0, (3, 5), (5, 1));
    let (mut by_item, mut by_word) = (vec![7u32; STEP], vec![7u32; STEP]);
    pack_panel(&matrix, 0..3, 5, true, 0, &mut by_item);
    pack_panel(&matrix, 0..3, 5, false, 0, &mut by_word);
    assert_eq!(by_item[..3], [0x0403_0201, 5, 0]);
    assert_eq!(by_item[EDGE..EDGE + 2], [0x0908_0706, 10]);
    assert_eq!(by_word[..4], [0x0403_0201, 0x0908_0706, 0x0e0d_0c0b, 0]);
    assert_eq!(by_word[EDGE..EDGE + 3], [5, 10, 15]);
    assert_eq!(by_item.iter().filter(|word| **word != 0).count(), 6);
    assert_eq!(by_word.iter().filter(|word| **word != 0).count(), 6);
    let mut sums = [0; SIDE];
    column_sums(&by_word, &mut sums);
    assert_eq!(sums[..4], [15, 40, 65, 0]);
}

#[test]
fn nan_and_infinity_pass_through() {
    let mut left = vec![bf16::ZERO; 40 * 70];
    left[5 * 70 + 69] = bf16::NAN;
    left[7 * 70] = bf16::INFINITY;
    let right = vec![bf16::ONE; 33 * 70];
    let size = Size { rows: 40, columns: 33, depth: 70 };
    let (a, b) = (Matrix::new(&left, 0, (40, 70), (70, 1)), Matrix::new(&right, 0, (33, 70), (70, 1)));
    let finish = |row: usize, _: usize, sums: &[f32]| match row {
        5 => assert!(sums.iter().all(|sum| sum.is_nan())),
        7 => assert!(sums.iter().all(|sum| *sum == f32::INFINITY)),
        _ => assert!(sums.iter().all(|sum| *sum == 0.0)),
    };
    multiply(twin::BRAIN, size, &a, &b, &finish, false);
}
