"""Training steps written by the user."""

import numpy as np
import pytest

import corten
from corten import layers


def data(count=32):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(count, 2)).astype("float32")
    return x, x.sum(1, keepdims=True)


class Base(corten.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, inputs):
        return self.dense(inputs)


class WithTape(Base):
    def train_step(self, data):
        x, y = data
        with corten.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


class WithBackward(Base):
    def train_step(self, data):
        x, y = data
        self.zero_grad()
        y_pred = self(x, training=True)
        loss = corten.ops.mean(corten.ops.square(y - y_pred))
        loss.backward()
        variables = self.trainable_variables
        self.optimizer.apply([variable.value.grad for variable in variables], variables)
        return {"loss": loss}


@pytest.mark.parametrize("kind", [WithTape, WithBackward])
def test_own_train_step_equals_the_standard_one(kind):
    x, y = data()
    results = []
    for cls in (Base, kind):
        corten.utils.set_random_seed(0)
        model = cls()
        model.compile(corten.optimizers.SGD(0.1), "mse", metrics=["mae"])
        history = model.fit(x, y, epochs=3, verbose=0)
        results.append(model.get_weights()[0])
        assert history.history["loss"][-1] < history.history["loss"][0]
    np.testing.assert_allclose(results[0], results[1], rtol=1e-6)


def test_own_train_step_logs_are_kept():
    class Model(Base):
        def train_step(self, data):
            logs = super().train_step(data)
            logs["norm"] = corten.ops.sum(corten.ops.square(self.dense.kernel))
            return logs

    x, y = data()
    model = Model()
    model.compile("sgd", "mse")
    history = model.fit(x, y, epochs=2, verbose=0)
    assert set(history.history) == {"loss", "norm"}


def test_own_compute_loss():
    class Model(Base):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return corten.ops.mean(corten.ops.abs(y - y_pred)) * 10

    x, y = data()
    model = Model()
    model.compile(corten.optimizers.SGD(0.0))
    history = model.fit(x, y, epochs=1, verbose=0)
    expected = 10 * float(np.abs(model.predict(x, verbose=0) - y).mean())
    assert history.history["loss"][0] == pytest.approx(expected, rel=1e-4)


def test_own_compute_metrics_test_step_and_predict_step():
    class Model(Base):
        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            results = super().compute_metrics(x, y, y_pred, sample_weight)
            results["extra"] = 7.0
            return results

        def test_step(self, data):
            return {"judged": 5.0}

        def predict_step(self, data):
            return super().predict_step(data) * 0 + 1

    x, y = data()
    model = Model()
    model.compile("sgd", "mse")
    assert model.fit(x, y, epochs=1, verbose=0).history["extra"] == [7.0]
    assert model.evaluate(x, y, verbose=0, return_dict=True) == {"judged": 5.0}
    assert np.all(model.predict(x, verbose=0) == 1)
    assert np.all(model.predict(x[:2]) == 1)


def test_two_optimizers_as_in_a_gan():
    class Gan(corten.Model):
        def __init__(self):
            super().__init__()
            self.generator = corten.Sequential([corten.Input((2,)), layers.Dense(2)])
            self.judge = corten.Sequential([corten.Input((2,)), layers.Dense(1)])
            self.loss_fn = corten.losses.BinaryCrossentropy(from_logits=True)
            self.g_tracker = corten.metrics.Mean(name="g_loss")

        def compile(self, g_optimizer, d_optimizer):
            super().compile()
            self.g_optimizer, self.d_optimizer = g_optimizer, d_optimizer

        @property
        def metrics(self):
            return [self.g_tracker]

        def train_step(self, real):
            if isinstance(real, tuple):
                real = real[0]
            count = real.shape[0]
            noise = corten.random.normal((count, 2))
            with corten.GradientTape() as tape:
                scores = self.judge(corten.ops.concatenate([self.generator(noise), real], axis=0))
                labels = corten.ops.concatenate(
                    [corten.ops.zeros((count, 1)), corten.ops.ones((count, 1))], axis=0
                )
                d_loss = self.loss_fn(labels, scores)
            gradients = tape.gradient(d_loss, self.judge.trainable_variables)
            self.d_optimizer.apply_gradients(zip(gradients, self.judge.trainable_variables, strict=True))
            with corten.GradientTape() as tape:
                g_loss = self.loss_fn(corten.ops.ones((count, 1)), self.judge(self.generator(noise)))
            gradients = tape.gradient(g_loss, self.generator.trainable_variables)
            self.g_optimizer.apply_gradients(zip(gradients, self.generator.trainable_variables, strict=True))
            self.g_tracker.update_state(g_loss)
            return {"g_loss": self.g_tracker.result(), "d_loss": d_loss}

    x, _ = data()
    gan = Gan()
    gan.compile(corten.optimizers.Adam(), corten.optimizers.Adam())
    before = [weight.copy() for weight in gan.get_weights()]
    history = gan.fit(x, epochs=2, batch_size=8, verbose=0)
    assert set(history.history) == {"g_loss", "d_loss"}
    assert all(not np.array_equal(a, b) for a, b in zip(before, gan.get_weights(), strict=True))


def test_loss_added_by_a_layer_needs_no_compiled_loss():
    class Penalty(layers.Layer):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, inputs):
            outputs = self.dense(inputs)
            self.add_loss(corten.ops.mean(corten.ops.square(outputs)))
            return outputs

    x, _ = data()
    model = corten.Sequential([corten.Input((2,)), Penalty()])
    model.compile(corten.optimizers.SGD(0.1))
    history = model.fit(x, epochs=5, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_compile_config_round_trip():
    model = corten.Sequential([corten.Input((2,)), layers.Dense(1)])
    model.compile(corten.optimizers.Adam(0.02), "mse", metrics=["mae"], loss_weights=None)
    config = model.get_compile_config()
    other = corten.Sequential([corten.Input((2,)), layers.Dense(1)])
    other.compile_from_config(config)
    assert type(other.optimizer) is corten.optimizers.Adam
    assert float(other.optimizer.learning_rate) == pytest.approx(0.02)
    x, y = data()
    assert set(other.fit(x, y, epochs=1, verbose=0).history) == {"loss", "mae"}


def test_metrics_names_in_keras_order():
    x, y = data()
    model = Base()
    model.compile("sgd", "mse", metrics=["mae", corten.metrics.MeanSquaredError(name="again")])
    model.fit(x, y, verbose=0)
    assert model.metrics_names == ["loss", "mae", "again"]
    values = model.evaluate(x, y, verbose=0)
    assert values[0] == pytest.approx(values[2], rel=1e-5)


def test_compute_loss_without_the_training_argument():
    class Model(Base):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
            return super().compute_loss(x, y, y_pred, sample_weight) * 2

    x, y = data()
    plain, doubled = Base(), Model()
    for model in (plain, doubled):
        model.compile(corten.optimizers.SGD(0.0), "mse")
        model.build((None, 2))
    doubled.set_weights(plain.get_weights())
    single = plain.fit(x, y, verbose=0).history["loss"][0]
    assert doubled.fit(x, y, verbose=0).history["loss"][0] == pytest.approx(2 * single, rel=1e-5)
    assert doubled.evaluate(x, y, verbose=0) == pytest.approx(2 * single, rel=1e-5)


def test_nested_outputs_with_losses_and_metrics_in_the_same_arrangement():
    class Nested(corten.Model):
        def __init__(self):
            super().__init__()
            self.left, self.right, self.size = layers.Dense(1), layers.Dense(1), layers.Dense(2)

        def call(self, inputs):
            return {
                "edges": {"left": self.left(inputs), "right": self.right(inputs)},
                "size": self.size(inputs),
            }

    x, y = data()
    model = Nested()
    model.compile("sgd", {"edges": {"left": "mse", "right": "mae"}, "size": "mse"}, metrics={"size": "mae"})
    targets = {"edges": {"left": y, "right": y}, "size": np.concatenate([y, y], 1)}
    history = model.fit(x, targets, epochs=2, verbose=0)
    assert set(history.history) == {"loss", "edges/left_loss", "edges/right_loss", "size_loss", "size_mae"}
    assert history.history["loss"][1] < history.history["loss"][0]


def test_targets_for_the_outputs_with_a_loss_are_enough():
    x, y = data()
    inputs = corten.Input((2,))
    model = corten.Model(inputs, [layers.Dense(1)(inputs), layers.Dense(3)(inputs)])
    model.compile("sgd", ["mse", None])
    alone = model.evaluate(x, y, verbose=0)
    assert alone == model.evaluate(x, [y, np.zeros((32, 3))], verbose=0)


def test_two_metrics_of_one_kind_both_show():
    x, y = data()
    model = Base()
    model.compile(
        "sgd", "mse", metrics=["mse", corten.metrics.MeanSquaredError(name="mse")], weighted_metrics=["mse"]
    )
    history = model.fit(x, y, verbose=0)
    assert set(history.history) == {"loss", "mse", "mse_1", "weighted_mse"}


def test_steps_per_execution_groups_the_batch_hooks():
    x, y = data()
    begun = []
    model = Base()
    model.compile("sgd", "mse", steps_per_execution=3)
    callback = corten.callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: begun.append(batch))
    model.fit(x, y, batch_size=4, verbose=0, callbacks=[callback])
    assert begun == [0, 3, 6]


def test_batch_methods_give_the_values_of_their_batch():
    x, y = data()
    model = Base()
    model.compile(corten.optimizers.SGD(0.0), "mse")
    first = model.train_on_batch(x[:4], y[:4])
    second = model.train_on_batch(x[4:8], y[4:8])
    assert second == pytest.approx(float(np.mean((model.predict(x[4:8]) - y[4:8]) ** 2)), rel=1e-5)
    assert first != second
