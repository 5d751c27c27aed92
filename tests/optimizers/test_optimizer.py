"""What all optimizers share: state, learning rates, errors, serialization, stateless use."""

import copy
import pickle

import numpy as np
import pytest

import corten
from corten import ops, optimizers
from corten.optimizers import schedules

NAMES = [
    "sgd",
    "rmsprop",
    "adagrad",
    "adadelta",
    "adam",
    "adamw",
    "adamax",
    "nadam",
    "lion",
    "lamb",
    "ftrl",
    "adafactor",
    "muon",
    "schedulefreeadamw",
]


def ones(shape=(2,)):
    return ops.ones(shape)


@pytest.mark.parametrize("name", NAMES)
def test_get_config_round_trip(name):
    optimizer = optimizers.get(name)
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert type(again) is type(optimizer)
    assert again.get_config() == optimizer.get_config()
    assert pickle.loads(pickle.dumps(optimizer)).get_config() == optimizer.get_config()


def test_variable_order_is_keras():
    optimizer = optimizers.Adam(use_ema=True, gradient_accumulation_steps=2, amsgrad=True)
    a, b = corten.Variable([1.0], name="a"), corten.Variable([1.0], name="b")
    optimizer.build([a, b])
    names = [variable.name for variable in optimizer.variables]
    assert names == [
        "iteration",
        "learning_rate",
        "a_average",
        "a_gradient_accumulator",
        "b_average",
        "b_gradient_accumulator",
        "a_momentum",
        "a_velocity",
        "b_momentum",
        "b_velocity",
        "a_velocity_hat",
        "b_velocity_hat",
    ]


def test_learning_rate_can_be_set():
    optimizer = optimizers.SGD(0.5)
    variable = corten.Variable([1.0, 1.0])
    optimizer.apply([ones()], [variable])
    optimizer.learning_rate = 0.25
    optimizer.apply([ones()], [variable])
    np.testing.assert_allclose(variable.numpy(), [0.25, 0.25])
    optimizer.learning_rate.assign(0.125)
    optimizer.apply([ones()], [variable])
    np.testing.assert_allclose(variable.numpy(), [0.125, 0.125])


def test_schedule_is_followed():
    optimizer = optimizers.SGD(schedules.PiecewiseConstantDecay([0], [1.0, 0.5]))
    variable = corten.Variable([4.0, 4.0])
    for expected in (3.0, 2.5, 2.0):
        optimizer.apply([ones()], [variable])
        np.testing.assert_allclose(variable.numpy(), expected)
    assert float(optimizer.learning_rate) == 0.5


def test_own_schedule_and_callable():
    class Linear(schedules.LearningRateSchedule):
        def __call__(self, step):
            return 1.0 / (ops.cast(step, "float32") + 1.0)

    variable = corten.Variable([4.0, 4.0])
    optimizer = optimizers.SGD(Linear())
    optimizer.apply([ones()], [variable])
    optimizer.apply([ones()], [variable])
    np.testing.assert_allclose(variable.numpy(), 2.5)
    optimizer = optimizers.SGD(lambda: 0.5)
    optimizer.apply([ones()], [variable])
    np.testing.assert_allclose(variable.numpy(), 2.0)


def test_excluded_from_weight_decay():
    kernel, bias = corten.Variable([1.0], name="kernel"), corten.Variable([1.0], name="bias")
    optimizer = optimizers.AdamW(learning_rate=1.0, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.apply([ops.zeros((1,)), ops.zeros((1,))], [kernel, bias])
    assert kernel.numpy().tolist() == [0.5]
    assert bias.numpy().tolist() == [1.0]
    with pytest.raises(ValueError, match="before the optimizer is built"):
        optimizer.exclude_from_weight_decay(var_list=[kernel])


def test_constraint_after_step():
    variable = corten.Variable([1.0, 1.0], constraint=corten.constraints.NonNeg())
    optimizers.SGD(2.0).apply([ones()], [variable])
    assert variable.numpy().tolist() == [0.0, 0.0]


def test_missing_gradients():
    a, b = corten.Variable([1.0]), corten.Variable([1.0])
    with pytest.warns(UserWarning, match="Gradients do not exist for variables"):
        optimizers.SGD(0.5).apply([ones((1,)), None], [a, b])
    assert (a.numpy(), b.numpy()) == (0.5, 1.0)
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        optimizers.SGD(0.5).apply([None], [a])


def test_values_handed_out_do_not_change():
    """The engine updates in place; arrays and views made before stay as they were."""
    variable = corten.Variable([1.0, 2.0])
    optimizer = optimizers.SGD(1.0)
    optimizer.apply([ones()], [variable])
    array, view = variable.numpy(), ops.reshape(variable, (2, 1))
    optimizer.apply([ones()], [variable])
    assert array.tolist() == [0.0, 1.0]
    assert view.tolist() == [[0.0], [1.0]]
    assert variable.numpy().tolist() == [-1.0, 0.0]


def test_variable_subset_and_unknown_variable():
    a, b, other = corten.Variable([1.0]), corten.Variable([1.0]), corten.Variable([1.0])
    optimizer = optimizers.Adam(0.5)
    optimizer.build([a, b])
    optimizer.apply([ones((1,))], [b])
    assert a.numpy() == 1.0
    np.testing.assert_allclose(b.numpy(), 0.5, rtol=1e-5)
    with pytest.raises(ValueError, match="Unknown variable"):
        optimizer.apply([ones((1,))], [other])
    with pytest.raises(ValueError, match="one gradient per variable"):
        optimizer.apply([ones((1,))], [a, b])


def test_stateless_apply_changes_nothing():
    variable = corten.Variable([1.0, 2.0])
    optimizer = optimizers.Adam(0.5)
    with pytest.raises(ValueError, match="must be built"):
        optimizer.stateless_apply([], [ones()], [variable.value])
    optimizer.build([variable])
    state = [v.value for v in optimizer.variables]
    trained, state = optimizer.stateless_apply(state, [ones()], [variable.value])
    np.testing.assert_allclose(trained[0].numpy(), [0.5, 1.5], rtol=1e-5)
    assert int(state[0]) == 1
    assert variable.numpy().tolist() == [1.0, 2.0]
    assert int(optimizer.iterations) == 0


def test_custom_optimizer():
    class Momentum(optimizers.Optimizer):
        def build(self, variables):
            super().build(variables)
            self.speed = self.add_optimizer_variables(variables, "speed")

        def update_step(self, gradient, variable, learning_rate):
            speed = self.speed[self._get_variable_index(variable)]
            self.assign(speed, 0.5 * speed + gradient)
            self.assign_sub(variable, learning_rate * speed)

    variable = corten.Variable([1.0, 1.0])
    optimizer = Momentum(learning_rate=0.5, clipvalue=1.0)
    optimizer.apply([ops.full((2,), 9.0)], [variable])
    optimizer.apply([ops.full((2,), 9.0)], [variable])
    np.testing.assert_allclose(variable.numpy(), [-0.25, -0.25])
    assert [v.name for v in optimizer.variables][2].endswith("_speed")


def test_copy_is_independent():
    variable = corten.Variable([1.0, 1.0])
    optimizer = optimizers.SGD(0.5, momentum=0.5)
    optimizer.apply([ones()], [variable])
    other = copy.deepcopy(optimizer)
    optimizer.apply([ones()], [variable])
    assert int(other.iterations) == 1
    other.apply([ones()])
    np.testing.assert_allclose(other._trainable_variables[0].numpy(), variable.numpy())


def test_mixed_dtypes_in_one_model():
    half, single = corten.Variable([1.0], dtype="float16"), corten.Variable([1.0], dtype="float32")
    optimizers.Adam(0.5).apply([ones((1,)), ones((1,))], [half, single])
    np.testing.assert_allclose(half.numpy(), 0.5, rtol=1e-2)
    np.testing.assert_allclose(single.numpy(), 0.5, rtol=1e-5)


def test_loss_scale_skips_infinite_steps():
    variable = corten.Variable([1.0])
    optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(0.5), initial_scale=8.0, dynamic_growth_steps=2)
    optimizer.apply([ops.convert_to_tensor([np.inf])], [variable])
    assert variable.numpy() == 1.0
    assert float(optimizer.scale_loss(1.0)) == 4.0
    optimizer.apply([ops.full((1,), 4.0)], [variable])
    optimizer.apply([ops.full((1,), 4.0)], [variable])
    assert variable.numpy() == 0.0
    assert float(optimizer.scale_loss(1.0)) == 8.0


def test_multi_optimizer_routes_and_scales_rates():
    slow, fast = optimizers.SGD(0.25), optimizers.SGD(1.0)
    chosen = optimizers.OptimizerMap(default_optimizer=fast, optimizer_map={"slow": slow})
    optimizer = optimizers.MultiOptimizer(chosen)
    a, b = corten.Variable([1.0], name="slow"), corten.Variable([1.0], name="quick")
    optimizer.apply([ones((1,)), ones((1,))], [a, b])
    assert (a.numpy(), b.numpy()) == (0.75, 0.0)
    optimizer.learning_rate = 0.125
    assert float(fast.learning_rate) == 0.5
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert type(again.optimizers[0]) is optimizers.SGD
    chosen["w"] = optimizers.Adam()
    with pytest.raises(ValueError, match="several patterns"):
        chosen(corten.Variable([1.0], name="slow_w"))


def test_unknown_names_and_arguments():
    with pytest.raises(ValueError, match=r"Unknown optimizer: 'adma'\. Did you mean 'adam'"):
        optimizers.get("adma")
    with pytest.raises(ValueError, match="An optimizer is given as"):
        optimizers.get(3)
    with pytest.raises(ValueError, match="not recognized: lr"):
        optimizers.SGD(lr=0.1)
    with pytest.raises(ValueError, match="a number, a schedule or a callable"):
        optimizers.SGD("0.1")
    with pytest.raises(ValueError, match="Only one of"):
        optimizers.SGD(clipnorm=1.0, clipvalue=1.0)
    with pytest.raises(ValueError, match="gradient_accumulation_steps"):
        optimizers.SGD(gradient_accumulation_steps=1)
    with pytest.raises(ValueError, match="ema_momentum"):
        optimizers.SGD(use_ema=True, ema_momentum=2.0)


def test_load_of_another_optimizers_state_warns():
    optimizer = optimizers.SGD()
    with pytest.warns(UserWarning, match="Skipping variable loading"):
        optimizer.load_own_variables({"0": np.zeros(())})


def test_variables_have_paths_below_the_optimizer():
    model = corten.Sequential([corten.Input((3,)), corten.layers.Dense(1, name="top")], name="net")
    model.compile(corten.optimizers.Adam(0.5, name="mine"), "mse")
    model.optimizer.build(model.trainable_variables)
    paths = [variable.path for variable in model.optimizer.variables]
    assert paths[:3] == ["mine/iteration", "mine/learning_rate", "mine/net_top_kernel_momentum"]
    assert float(model.get_state_tree()["optimizer_variables"]["mine"]["learning_rate"]) == 0.5
    model.set_state_tree({"optimizer_variables": {"mine": {"iteration": 7}}})
    assert int(model.optimizer.iterations) == 7
    assert model._get_variable_map()["net/top/kernel"] is model.layers[0].kernel
