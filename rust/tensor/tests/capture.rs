//! A captured step gives the bits of the step that was traced, and what cannot be repeated is refused.

use corten_tensor::core::{DType, Distribution, DropoutSpec, FusedOp, Key, Op, OptimizerOp};
use corten_tensor::{Plan, Slot, Tensor, autograd, capture, execute, ops, optimizer_step};

const RATE: f64 = 0.1;
const ADAM: OptimizerOp = OptimizerOp::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, amsgrad: false, step: 1 };

fn tensor(shape: &[usize], seed: u64) -> Tensor {
    let op = Op::Random {
        shape: shape.into(),
        distribution: Distribution::Normal,
        dtype: DType::F32,
        key: Key { seed, stream: 0 },
    };
    execute::run_one(op, &[]).expect("the step runs")
}

/// The variables (a weight and its two slots) and the sum of all losses.
struct Training {
    variables: Vec<Tensor>,
    total: Tensor,
    step: u64,
}

impl Training {
    fn new() -> Self {
        let zeros = || ops::full_like(&tensor(&[5, 3], 9), 0.0).expect("the step runs");
        let weight = tensor(&[5, 3], 7).watched();
        Self { variables: vec![weight, zeros(), zeros()], total: tensor(&[], 8), step: 0 }
    }

    fn key(&self) -> Key {
        Key { seed: 3, stream: self.step }
    }

    fn learn(&mut self, x: &Tensor, target: &Tensor) {
        let kept = execute::run_one(Op::Fused(FusedOp::Dropout(DropoutSpec { rate: 0.25, key: self.key() })), &[x])
            .expect("the step runs");
        let scores = ops::matmul(&kept, &self.variables[0]).expect("the step runs");
        let losses = execute::run_one(Op::Fused(FusedOp::CrossEntropy), &[&scores, target]).expect("the step runs");
        let loss = ops::reduce(corten_tensor::core::ReduceOp::Sum, &losses, &[0], false).expect("the step runs");
        let gradients = autograd::gradients(std::slice::from_ref(&loss), &[None], &self.variables[..1], false)
            .expect("the step runs");
        self.total = ops::add(&loss.detach(), &self.total).expect("the step runs");
        drop((losses, loss, scores));
        let _guard = autograd::no_grad();
        let [weight, slots @ ..] = &mut self.variables[..] else { unreachable!() };
        let mut parameters = [Slot {
            value: weight,
            gradient: gradients[0].clone().expect("the step runs"),
            slots: slots.iter_mut().collect(),
            decay: 0.01,
        }];
        self.step += 1;
        let OptimizerOp::Adam { beta_1, beta_2, epsilon, amsgrad, .. } = ADAM else { unreachable!() };
        let op = OptimizerOp::Adam { beta_1, beta_2, epsilon, amsgrad, step: self.step };
        optimizer_step(&op, RATE, &mut parameters).expect("the step runs");
    }

    fn traced(&mut self, x: &Tensor, target: &Tensor) -> Result<capture::Trace, &'static str> {
        let key = self.key();
        capture::begin(&[x.clone(), target.clone()], &self.variables, std::slice::from_ref(&self.total));
        self.learn(x, target);
        capture::end(std::slice::from_ref(&self.total), &[key])
    }

    fn replayed(&mut self, plan: &Plan, x: &Tensor, target: &Tensor) {
        let mut table = plan.table();
        let inputs = [x.clone(), target.clone()];
        let states = [self.total.clone()];
        assert!(plan.fits(&inputs, &self.variables, &states));
        let results = plan.run(&mut table, &inputs, &self.variables, &states, &[self.key()]).expect("the step runs");
        self.total = results[0].clone();
        self.step += 1;
        let mut variables: Vec<&mut Tensor> = self.variables.iter_mut().collect();
        plan.update(&mut table, &mut variables, RATE, 0.01, self.step).expect("the step runs");
    }

    fn values(&self) -> Vec<Vec<f32>> {
        self.variables.iter().chain([&self.total]).map(|value| value.to_vec().expect("the step runs")).collect()
    }
}

fn batch(number: u64) -> (Tensor, Tensor) {
    (tensor(&[4, 5], 2 * number + 20), tensor(&[4, 3], 2 * number + 21))
}

#[test]
fn a_plan_gives_the_bits_of_the_traced_step() {
    let (mut eager, mut captured) = (Training::new(), Training::new());
    for number in 0..6 {
        let (x, target) = batch(number);
        eager.learn(&x, &target);
    }
    let traces: Vec<capture::Trace> = (0..2)
        .map(|number| {
            let (x, target) = batch(number);
            captured.traced(&x, &target).expect("the step runs")
        })
        .collect();
    let plan = Plan::new(&traces[0], &traces[1], vec![true, false, false]).expect("the step runs");
    assert!(plan.updates() && !plan.is_empty() && plan.draws() == 1);
    for number in 2..6 {
        let (x, target) = batch(number);
        captured.replayed(&plan, &x, &target);
    }
    assert_eq!(captured.values(), eager.values());
}

#[test]
fn a_plan_fits_its_shapes_only() {
    let mut training = Training::new();
    let (x, target) = batch(0);
    let traces =
        [training.traced(&x, &target).expect("the step runs"), training.traced(&x, &target).expect("the step runs")];
    let plan = Plan::new(&traces[0], &traces[1], vec![true, false, false]).expect("the step runs");
    let states = [training.total.clone()];
    assert!(!plan.fits(&[tensor(&[3, 5], 1), target], &training.variables, &states));
    assert!(!plan.fits(&[x], &training.variables, &states));
}

#[test]
fn a_value_from_elsewhere_is_refused() {
    let (x, constant) = (tensor(&[3], 1), tensor(&[3], 2));
    capture::begin(std::slice::from_ref(&x), &[], &[]);
    let sum = ops::add(&x, &constant).expect("the step runs");
    assert_eq!(capture::end(&[sum], &[]).unwrap_err(), "an operand comes from elsewhere");
}

#[test]
fn a_look_at_a_value_is_refused() {
    let x = tensor(&[1], 1);
    capture::begin(std::slice::from_ref(&x), &[], &[]);
    let sum = ops::add(&x, &x).expect("the step runs");
    assert!(sum.item().is_ok());
    assert_eq!(capture::end(&[sum], &[]).unwrap_err(), "a value was read");
}

#[test]
fn a_key_drawn_twice_is_refused() {
    let x = tensor(&[3], 1);
    let key = Key { seed: 1, stream: 2 };
    capture::begin(std::slice::from_ref(&x), &[], &[]);
    assert_eq!(capture::end(&[x], &[key, key]).unwrap_err(), "one random key was drawn twice");
}

#[test]
fn steps_that_differ_make_no_plan() {
    let x = tensor(&[3], 1);
    let traces: Vec<capture::Trace> = [1.0, 2.0]
        .into_iter()
        .map(|factor| {
            capture::begin(std::slice::from_ref(&x), &[], &[]);
            let scaled = ops::mul(&x, &ops::full_like(&x, factor).expect("the step runs")).expect("the step runs");
            capture::end(&[scaled], &[]).expect("the step runs")
        })
        .collect();
    assert_eq!(Plan::new(&traces[0], &traces[1], vec![]).unwrap_err(), "the step differs from batch to batch");
}

#[test]
fn what_reaches_no_result_is_left_out() {
    let x = tensor(&[3], 1);
    let traces: Vec<capture::Trace> = (0..2)
        .map(|_| {
            capture::begin(std::slice::from_ref(&x), &[], &[]);
            let _unused = ops::add(&x, &x).expect("the step runs");
            let product = ops::mul(&x, &x).expect("the step runs");
            capture::end(&[product], &[]).expect("the step runs")
        })
        .collect();
    assert_eq!(Plan::new(&traces[0], &traces[1], vec![]).expect("the step runs").len(), 1);
}
