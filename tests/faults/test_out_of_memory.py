"""Out of memory: a MemoryError that says where, and nothing is lost."""

import numpy as np
import pytest
from tests.faults.helpers import run

import corten
from corten import layers, ops

MIB = 1 << 20


@pytest.fixture
def room():
    """Gives a function that leaves so many bytes beyond what is in use."""
    yield lambda size: corten.memory.set_limit(corten.memory.stats()["allocated"] + size)
    corten.memory.set_limit(None)


class Wide(layers.Layer):
    """Its gradient needs more memory than its result."""

    def call(self, x):
        return ops.sum(ops.exp(ops.expand_dims(x, -1) * ops.ones((1, 1, 600))), axis=-1)


def make_model(optimizer="adam", *more):
    corten.utils.set_random_seed(1)
    model = corten.Sequential(
        [
            corten.Input((16,)),
            layers.Dense(32, "relu", name="small"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            *more,
            layers.Dense(64, "relu", name="large"),
            layers.Dense(1),
        ],
        name="net",
    )
    model.compile(optimizer, "mse")
    return model


def bits(model):
    return [v.numpy().tobytes() for v in (*model.variables, *model.optimizer.variables)]


def data(rows):
    x = np.random.default_rng(0).normal(size=(rows, 16)).astype("float32")
    return x, x.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize(
    "optimizer",
    ["adam", "lamb", lambda: corten.optimizers.SGD(0.01, momentum=0.9, use_ema=True)],
    ids=["adam", "lamb", "average"],
)
def test_a_step_that_does_not_fit_changes_nothing(room, captured, optimizer):
    made = optimizer if isinstance(optimizer, str) else optimizer()
    model = make_model(made)
    model.run_eagerly = not captured
    small, large = data(256), ops.convert_to_tensor(np.tile(data(64)[0], (400, 1)))
    targets = ops.sum(large, axis=1, keepdims=True)
    model.fit(*small, batch_size=32, epochs=2, verbose=0)
    before, drawn = bits(model), corten.random.seed_generator.global_generator.count
    room(8 * MIB)
    with pytest.raises(
        MemoryError, match=r"bytes could not be allocated for the result of .*shape .*float32"
    ) as caught:
        model.fit(large, targets, batch_size=25600, verbose=0, shuffle=False)
    assert "limit" in str(caught.value)
    assert "layer 'net/" in str(caught.value) or any("layer" in note for note in caught.value.__notes__)
    assert bits(model) == before
    assert corten.random.seed_generator.global_generator.count == drawn
    # The next smaller batch works, with the error still at hand, and gives what it would have given.
    model.fit(*small, batch_size=32, epochs=1, shuffle=False, verbose=0)
    corten.memory.set_limit(None)
    other = make_model(optimizer if isinstance(optimizer, str) else optimizer())
    other.fit(*small, batch_size=32, epochs=2, verbose=0)
    other.fit(*small, batch_size=32, epochs=1, shuffle=False, verbose=0)
    assert bits(model) == bits(other)


def test_the_gradient_names_its_layer(room):
    model = make_model("sgd", Wide(name="wide"))
    x, y = (ops.convert_to_tensor(part) for part in data(256))
    model.fit(x, y, batch_size=8, verbose=0)
    before = bits(model)
    forward = 256 * 32 * 600 * 4
    room(int(3.2 * forward))
    with pytest.raises(MemoryError, match=r"in the gradient of .*, in layer 'net/wide' \(Wide\)"):
        model.fit(x, y, batch_size=256, verbose=0)
    assert bits(model) == before


def test_evaluate_predict_and_ops(room):
    model = make_model()
    x, y = (ops.convert_to_tensor(part) for part in data(40000))
    model.evaluate(x[:32], y[:32], verbose=0)
    room(2 * MIB)
    for call in (
        lambda: model.evaluate(x, y, batch_size=40000, verbose=0),
        lambda: model.predict(x, batch_size=40000, verbose=0),
        lambda: model(x),
    ):
        with pytest.raises(MemoryError, match=r"\(40000, \d+\)") as caught:
            call()
        assert any("'small'" in note for note in caught.value.__notes__)
    with pytest.raises(MemoryError, match=r"for the result of add, shape \(40000, 16\), dtype float32"):
        ops.add(x, x)
    with pytest.raises(MemoryError, match=r"matmul, shape \(40000, 40000\)"):
        ops.matmul(x, ops.transpose(x))
    assert model.predict(x, batch_size=64, verbose=0).shape == (40000, 1)
    assert np.isfinite(model.evaluate(x, y, batch_size=64, verbose=0))


def test_loading_and_data_sets(room, tmp_path):
    layer = layers.Dense(1024)
    layer.build((None, 1024))
    model = corten.Sequential([corten.Input((1024,)), layer])
    model.save(tmp_path / "model.corten")
    expected = model.get_weights()
    kept = layers.Dense(1024)
    kept.build((None, 1024))
    other = corten.Sequential([corten.Input((1024,)), kept])
    before = other.get_weights()
    room(2 * MIB)
    with pytest.raises(MemoryError):
        corten.models.load_model(tmp_path / "model.corten")
    with pytest.raises(MemoryError):
        corten.data.Dataset.from_tensor_slices(np.ones((1000, 64, 64), "float32")).batch(1000).map(
            lambda x: ops.exp(ops.convert_to_tensor(x))
        ).get_single_element()
    for one, two in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    corten.memory.set_limit(None)
    for one, two in zip(
        expected, corten.models.load_model(tmp_path / "model.corten").get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, two)


def test_nothing_leaks(room):
    model = make_model()
    x, y = (ops.convert_to_tensor(part) for part in data(30000))
    model.fit(x[:64], y[:64], verbose=0)
    model.fit(x[:64], y[:64], verbose=0)
    used = corten.memory.stats()["allocated"]
    for _ in range(3):
        room(4 * MIB)
        with pytest.raises(MemoryError):
            model.fit(x, y, batch_size=30000, verbose=0)
        corten.memory.set_limit(None)
        assert corten.memory.stats()["allocated"] <= used + 64 * 1024


def test_limits_are_checked(room):
    with pytest.raises(ValueError, match="at least one byte"):
        corten.memory.set_limit(0)
    corten.memory.set_limit(5 << 30)
    assert corten.memory.limit() == 5 << 30
    corten.memory.set_limit(None)
    assert corten.memory.limit() is None


def test_the_environment_sets_the_limit():
    out = run(
        """
        say(corten.memory.limit())
        try:
            ops.zeros((1000, 1000)) + 1.0
        except MemoryError as error:
            say("MemoryError")
        say(float(ops.sum(ops.ones((100, 100)))))
        """,
        CORTEN_MEMORY_LIMIT="2000000",
    )
    assert out.split() == ["2000000", "MemoryError", "10000.0"]


def test_a_real_limit_of_the_system():
    out = run(
        """
        import resource
        model = make_model()
        rows = np.tile(x, (4000, 1)), np.tile(y, (4000, 1))
        model.fit(x, y, 8, verbose=0)
        before = bits(model)
        pages = int(open("/proc/self/statm").read().split()[0])
        limit = pages * resource.getpagesize() + (24 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        for call in (
            lambda: model.fit(*rows, 256000, verbose=0),
            lambda: model.predict(rows[0], 256000, verbose=0),
            lambda: ops.matmul(ops.ones((4000, 10)), ops.ones((10, 4000))),
            lambda: ops.sort(ops.ones((5000, 2000))),
            lambda: ops.conv(ops.ones((1, 300, 300, 3)), ops.ones((3, 3, 3, 64))),
        ):
            try:
                call()
            except MemoryError:
                say("MemoryError")
        assert bits(model) == before
        model.fit(x, y, 8, verbose=0)
        assert model.predict(x, verbose=0).shape == (64, 1)
        """
    )
    assert out.split() == ["MemoryError"] * 5
