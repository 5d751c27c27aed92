use corten_core::{Layout, View};

use super::*;

const ALL: [OptimizerOp; 12] = [
    OptimizerOp::Sgd { momentum: 0.0, nesterov: false },
    OptimizerOp::Sgd { momentum: 0.9, nesterov: false },
    OptimizerOp::Sgd { momentum: 0.9, nesterov: true },
    OptimizerOp::RmsProp { rho: 0.9, momentum: 0.0, epsilon: 1e-7, centered: false },
    OptimizerOp::RmsProp { rho: 0.9, momentum: 0.5, epsilon: 1e-7, centered: true },
    OptimizerOp::Adagrad { epsilon: 1e-7 },
    OptimizerOp::Adadelta { rho: 0.95, epsilon: 1e-7 },
    OptimizerOp::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, amsgrad: false, step: 1 },
    OptimizerOp::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, amsgrad: true, step: 1 },
    OptimizerOp::Adamax { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, step: 1 },
    OptimizerOp::Nadam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, step: 1, u_product: 1.0 },
    OptimizerOp::Lion { beta_1: 0.9, beta_2: 0.99 },
];

fn buffer<T: Element>(values: &[f64]) -> Buffer {
    let mut out = Buffer::alloc(values.len() * size_of::<T>()).expect("memory");
    for (slot, &value) in out.as_mut_slice::<T>().iter_mut().zip(values) {
        *slot = T::from_f64(value);
    }
    out
}

/// One step on one parameter; slots start at zero. Gives the new values and the slots.
fn run<T: Element>(op: OptimizerOp, values: &[f64], gradients: &[f64], decay: f64) -> (Vec<f64>, Vec<Vec<f64>>) {
    let mut value = buffer::<T>(values);
    let gradient = buffer::<T>(gradients);
    let mut slots: Vec<Buffer> = (0..slot_count(&op)).map(|_| buffer::<T>(&vec![0.0; values.len()])).collect();
    let layout = Layout::contiguous(&[values.len()]);
    let mut parameters = [Parameter {
        value: &mut value,
        slots: slots.iter_mut().collect(),
        gradient: View { buffer: &gradient, layout: &layout, dtype: T::DTYPE },
        decay,
        learning_rate: 0.1,
    }];
    optimizer_step(&op, T::DTYPE, &mut parameters).expect("step");
    let read = |x: &Buffer| x.as_slice::<T>()[..values.len()].iter().map(|v| v.to_f64()).collect();
    (read(&value), slots.iter().map(read).collect())
}

#[test]
fn first_steps_by_hand() {
    let (w, g) = (2.0f64, 0.5f64);
    let cases = [
        (ALL[0], w - 0.1 * g),
        (ALL[1], w - 0.1 * g),
        (ALL[2], w - 0.9 * 0.05 - 0.05),
        (ALL[3], w - 0.1 * g / (0.1 * g * g + 1e-7).sqrt()),
        (ALL[4], w - 0.1 * g / (0.1 * g * g - (0.1 * g).powi(2) + 1e-7).sqrt()),
        (ALL[5], w - 0.1 * g / (g * g + 1e-7).sqrt()),
        (ALL[6], w - 0.1 * g * 1e-7f64.sqrt() / (0.05 * g * g + 1e-7).sqrt()),
        (ALL[7], w - 0.1 * (0.001f64.sqrt() / 0.1) * (0.1 * g) / ((0.001 * g * g).sqrt() + 1e-7)),
        (ALL[8], w - 0.1 * (0.001f64.sqrt() / 0.1) * (0.1 * g) / ((0.001 * g * g).sqrt() + 1e-7)),
        (ALL[9], w - 0.1 / 0.1 * (0.1 * g) / (g + 1e-7)),
        (ALL[11], w - 0.1),
    ];
    for (op, expected) in cases {
        let (values, _) = run::<f64>(op, &[w], &[g], 0.0);
        assert!((values[0] - expected).abs() < 1e-12, "{op:?}: {} and {expected}", values[0]);
    }
    let (u1, u2) = (0.9 * (1.0 - 0.5 * 0.96), 0.9 * (1.0 - 0.5 * 0.96f64.powi(2)));
    let moment = u2 * (0.1 * g) / (1.0 - u1 * u2) + (1.0 - u1) * g / (1.0 - u1);
    let expected = w - 0.1 * moment / (g + 1e-7);
    assert!((run::<f64>(ALL[10], &[w], &[g], 0.0).0[0] - expected).abs() < 1e-12);
}

#[test]
fn decay_comes_before_the_update() {
    let (values, _) = run::<f64>(ALL[0], &[2.0], &[0.5], 0.25);
    assert!((values[0] - (1.5 - 0.05)).abs() < 1e-15);
}

#[test]
fn widths_agree_over_chunk_borders() {
    let n = CHUNK + BLOCK + 3;
    let values: Vec<f64> = (0..n).map(|i| (i as f64 * 0.37).sin()).collect();
    let gradients: Vec<f64> = (0..n).map(|i| (i as f64 * 0.11).cos() + 0.01).collect();
    for op in ALL {
        let (exact, slots) = run::<f64>(op, &values, &gradients, 0.0);
        for (name, tolerance, (rough, rough_slots)) in [
            ("f32", 2e-5, run::<f32>(op, &values, &gradients, 0.0)),
            ("f16", 4e-3, run::<half::f16>(op, &values, &gradients, 0.0)),
            ("bf16", 2e-2, run::<half::bf16>(op, &values, &gradients, 0.0)),
        ] {
            let arrays = std::iter::once((&exact, &rough)).chain(slots.iter().zip(&rough_slots));
            for (a, b) in arrays {
                for i in 0..n {
                    // Rules that divide by the gradient's size turn around its sign near zero.
                    if gradients[i].abs() > 0.1 {
                        assert!((a[i] - b[i]).abs() <= tolerance, "{op:?} {name} {i}: {} and {}", a[i], b[i]);
                    }
                }
            }
        }
    }
}

#[test]
fn strided_gradients() {
    let mut value = buffer::<f32>(&[0.0; 4]);
    let gradient = buffer::<f32>(&[1.0, 2.0, 3.0, 4.0]);
    let layout = Layout::contiguous(&[2, 2]).permute(&[1, 0]);
    let mut parameters = [Parameter {
        value: &mut value,
        slots: Vec::new(),
        gradient: View { buffer: &gradient, layout: &layout, dtype: DType::F32 },
        decay: 0.0,
        learning_rate: 1.0,
    }];
    optimizer_step(&ALL[0], DType::F32, &mut parameters).expect("step");
    assert_eq!(value.as_slice::<f32>()[..4], [-1.0, -3.0, -2.0, -4.0]);
}
