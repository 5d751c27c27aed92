"""Ten steps of every optimizer against NumPy in float64, alone and with the options all share."""

import numpy as np
import pytest
from numpy_rules import (
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    Ftrl,
    Lamb,
    Lion,
    Nadam,
    RMSprop,
)

import corten
from corten import ops, optimizers

RATE = 0.125  # exact in float32, in which the learning rate is kept
STEPS = 10
CASES = [
    ("SGD", {}, SGD),
    ("SGD", {"momentum": 0.9}, SGD),
    ("SGD", {"momentum": 0.9, "nesterov": True}, SGD),
    ("RMSprop", {}, RMSprop),
    ("RMSprop", {"momentum": 0.5}, RMSprop),
    ("RMSprop", {"rho": 0.8, "centered": True}, RMSprop),
    ("RMSprop", {"momentum": 0.5, "centered": True}, RMSprop),
    ("Adagrad", {}, Adagrad),
    ("Adadelta", {}, Adadelta),
    ("Adam", {}, Adam),
    ("Adam", {"beta_1": 0.8, "beta_2": 0.95}, Adam),
    ("Adam", {"amsgrad": True}, Adam),
    ("Adamax", {}, Adamax),
    ("Nadam", {}, Nadam),
    ("Lion", {}, Lion),
    ("Lamb", {}, Lamb),
    ("Ftrl", {}, Ftrl),
    ("Ftrl", {"l1_regularization_strength": 0.05, "l2_regularization_strength": 0.1}, Ftrl),
    ("Adafactor", {}, Adafactor),
]
IDS = [f"{name}-{'-'.join(settings) or 'default'}" for name, settings, _ in CASES]


def data(seed=0):
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(3, 4)), rng.normal(size=(5,))]
    gradients = [[rng.normal(size=w.shape) for w in weights] for _ in range(STEPS)]
    return weights, gradients


def variables_of(weights, dtype="float64"):
    return [corten.Variable(w, dtype=dtype, name=f"w{i}") for i, w in enumerate(weights)]


def run(optimizer, weights, gradients, dtype="float64"):
    variables = variables_of(weights, dtype)
    for step in gradients:
        optimizer.apply([ops.convert_to_tensor(g, dtype=dtype) for g in step], variables)
    return [variable.numpy() for variable in variables]


def reference(rule, settings, weights, gradients, transform=None, decay=0.0):
    rules = [rule(**settings) for _ in weights]
    weights = [w.copy() for w in weights]
    for number, step in enumerate(gradients, 1):
        step = transform(step) if transform else step
        for i, (one, g) in enumerate(zip(rules, step, strict=True)):
            weights[i] = one(weights[i] * (1 - RATE * decay), g, RATE, number)
    return weights


def assert_near(got, wanted, tolerance=1e-10):
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("name", "settings", "rule"), CASES, ids=IDS)
class TestEveryRule:
    def make(self, name, settings, **shared):
        return getattr(optimizers, name)(learning_rate=RATE, **settings, **shared)

    def test_trajectory(self, name, settings, rule):
        weights, gradients = data()
        assert_near(
            run(self.make(name, settings), weights, gradients), reference(rule, settings, weights, gradients)
        )

    def test_float32(self, name, settings, rule):
        weights, gradients = data()
        got = run(self.make(name, settings), weights, gradients, dtype="float32")
        assert got[0].dtype == np.float32
        assert_near(got, reference(rule, settings, weights, gradients), 2e-4)

    def test_weight_decay(self, name, settings, rule):
        weights, gradients = data()
        got = run(self.make(name, settings, weight_decay=0.03), weights, gradients)
        assert_near(got, reference(rule, settings, weights, gradients, decay=0.03))

    def test_global_clipnorm(self, name, settings, rule):
        def clip(step):
            norm = np.sqrt(sum(np.sum(g**2) for g in step))
            return [g / max(1.0, norm / 0.5) for g in step]

        weights, gradients = data()
        got = run(self.make(name, settings, global_clipnorm=0.5), weights, gradients)
        assert_near(got, reference(rule, settings, weights, gradients, clip))

    def test_accumulation_equals_mean_gradients(self, name, settings, rule):
        weights, gradients = data()
        pairs = [
            [(a + b) / 2 for a, b in zip(*gradients[i : i + 2], strict=True)] for i in range(0, STEPS, 2)
        ]
        got = run(self.make(name, settings, gradient_accumulation_steps=2), weights, gradients)
        assert_near(got, reference(rule, settings, weights, pairs))

    def test_engine_and_python_step_agree(self, name, settings, rule):
        """A subclass that calls the inherited `update_step` gives the same numbers as the fused rule."""
        base = getattr(optimizers, name)

        class Own(base):
            def update_step(self, gradient, variable, learning_rate):
                super().update_step(gradient, variable, learning_rate)

        weights, gradients = data()
        optimizer = Own(learning_rate=RATE, weight_decay=0.02, **settings)
        assert not optimizer._uses_engine()
        wanted = run(self.make(name, settings, weight_decay=0.02), weights, gradients)
        assert_near(run(optimizer, weights, gradients), wanted)

    def test_state_survives_saving(self, name, settings, rule):
        weights, gradients = data()
        whole = run(self.make(name, settings), weights, gradients)
        first = self.make(name, settings)
        variables = variables_of(weights)
        for step in gradients[:4]:
            first.apply([ops.convert_to_tensor(g) for g in step], variables)
        store = {}
        first.save_own_variables(store)
        second = optimizers.deserialize(optimizers.serialize(first))
        second.build(variables)
        second.load_own_variables(store)
        for step in gradients[4:]:
            second.apply([ops.convert_to_tensor(g) for g in step], variables)
        assert_near([variable.numpy() for variable in variables], whole)


@pytest.mark.parametrize(("argument", "limit"), [("clipnorm", 0.7), ("clipvalue", 0.3)])
def test_clipping_each_gradient(argument, limit):
    def clip(step):
        if argument == "clipvalue":
            return [np.clip(g, -limit, limit) for g in step]
        return [g / max(1.0, np.linalg.norm(g) / limit) for g in step]

    weights, gradients = data()
    got = run(optimizers.Adam(RATE, **{argument: limit}), weights, gradients)
    assert_near(got, reference(Adam, {}, weights, gradients, clip))


def test_averaging():
    weights, gradients = data()
    optimizer = optimizers.SGD(RATE, use_ema=True, ema_momentum=0.75, ema_overwrite_frequency=4)
    got = run(optimizer, weights, gradients)
    for i, start in enumerate(weights):
        w, average = start.copy(), None
        for number, step in enumerate(gradients, 1):
            w = w - RATE * step[i]
            average = w.copy() if average is None else 0.75 * average + 0.25 * w
            if number % 4 == 0:
                w = average.copy()
        np.testing.assert_allclose(got[i], w, rtol=1e-12)
        np.testing.assert_allclose(optimizer._model_variables_moving_average[i].numpy(), average, rtol=1e-12)
    variables = optimizer._trainable_variables
    optimizer.finalize_variable_values(variables)
    for variable, average in zip(variables, optimizer._model_variables_moving_average, strict=True):
        np.testing.assert_array_equal(variable.numpy(), average.numpy())


def test_loss_scale_is_divided_out():
    weights, gradients = data()
    scaled = [[g * 8.0 for g in step] for step in gradients]
    optimizer = optimizers.Adam(RATE, loss_scale_factor=8.0)
    assert optimizer.scale_loss(0.5) == 4.0
    assert_near(run(optimizer, weights, scaled), reference(Adam, {}, weights, gradients))


def test_schedule_free_average_and_back():
    """After `finalize` the variables hold the mean of all z, and training goes on from y."""
    weights, gradients = data()
    optimizer = optimizers.ScheduleFreeAdamW(RATE, beta_1=0.9, epsilon=1e-8)
    variables = variables_of(weights)
    z = [w.copy() for w in weights]
    x = [w.copy() for w in weights]
    v = [np.zeros_like(w) for w in weights]
    for number, step in enumerate(gradients, 1):
        optimizer.apply([ops.convert_to_tensor(g) for g in step], variables)
        for i, g in enumerate(step):
            v[i] = 0.999 * v[i] + 0.001 * g**2
            z[i] = z[i] - RATE * g / (np.sqrt(v[i] / (1 - 0.999**number)) + 1e-8)
            x[i] = x[i] + (z[i] - x[i]) / number
    y = [0.1 * a + 0.9 * b for a, b in zip(z, x, strict=True)]
    assert_near([variable.numpy() for variable in variables], y, 1e-7)
    optimizer.finalize_variable_values(variables)
    assert_near([variable.numpy() for variable in variables], x, 1e-7)


def test_muon_steps_are_orthogonal():
    """All singular values of a step are near one another, and its size follows `rms_rate`."""
    rng = np.random.default_rng(0)
    start = rng.normal(size=(6, 4))
    variable = corten.Variable(start, dtype="float64")
    optimizer = optimizers.Muon(learning_rate=1.0, weight_decay=0.0, rms_rate=None)
    optimizer.apply([ops.convert_to_tensor(rng.normal(size=(6, 4)))], [variable])
    values = np.linalg.svd(start - variable.numpy(), compute_uv=False)
    assert values.min() > 0.6
    assert values.max() < 1.3
