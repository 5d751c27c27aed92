"""Operation: values, graphs, configurations and files of operations of one's own."""

import numpy as np
import pytest

import corten


@corten.saving.register_keras_serializable("tests")
class Scaled(corten.Operation):
    def __init__(self, factor, *, shift=0.0, name=None):
        super().__init__(name=name)
        self.factor = factor
        self.shift = shift

    def call(self, x, y=None):
        x = x * self.factor + self.shift
        return x if y is None else x + y


class Pair(corten.Operation):
    def call(self, x):
        return x[:, :1], x + 1


def test_values():
    x = np.arange(6, dtype="float32").reshape(2, 3)
    found = Scaled(2.0, shift=1.0)(x, y=corten.ops.ones((2, 3)))
    assert isinstance(found, corten.Tensor)
    np.testing.assert_array_equal(found, 2 * x + 2)


def test_graph_shapes_inputs_and_outputs():
    x, y = corten.Input((3,), name="x"), corten.Input((3,), name="y")
    scaled = Scaled(3.0, name="scaled")
    with pytest.raises(AttributeError, match="scaled has never been called on symbolic tensors"):
        _ = scaled.input
    out = scaled(x, y=y)
    assert out.shape == (None, 3)
    assert scaled.output is out
    assert [one is other for one, other in zip(scaled.input, [x, y], strict=True)] == [True, True]
    pair = Pair()
    left, right = pair(out)
    assert (left.shape, right.shape) == ((None, 1), (None, 3))
    assert pair.input is out
    model = corten.Model([x, y], [left, right])
    values = model([np.ones((2, 3), "float32"), np.full((2, 3), 0.5, "float32")])
    np.testing.assert_array_equal(values[1], np.full((2, 3), 4.5))
    assert [operation.name for operation in model.operations][-2:] == ["scaled", pair.name]


def test_an_own_spec_is_believed():
    class Opaque(corten.Operation):
        def call(self, x):
            return corten.ops.array(np.asarray(x).sum(0))

        def compute_output_spec(self, x):
            return corten.KerasTensor(x.shape[1:], x.dtype)

    assert Opaque()(corten.Input((4,))).shape == (4,)
    np.testing.assert_array_equal(Opaque()(np.ones((2, 4), "float32")), np.full(4, 2.0))


def test_gradients_and_rematerialization():
    calls = []

    class Square(corten.Operation):
        def call(self, x):
            calls.append(1)
            return x * x

    with corten.RematScope():
        square = Square()
    assert corten.grad(lambda x: corten.ops.sum(square(x)))(corten.tensor([3.0])).tolist() == [6.0]
    assert len(calls) == 2


@pytest.mark.parametrize("ending", ["corten", "keras"])
def test_models_with_operations_are_saved_and_cloned(tmp_path, ending):
    pytest.importorskip("h5py")
    x = corten.Input((3,))
    model = corten.Model(x, corten.layers.Dense(2)(Scaled(0.5, shift=2.0, name="scaled")(x)))
    model.save(tmp_path / f"model.{ending}")
    again = corten.models.load_model(tmp_path / f"model.{ending}")
    data = np.linspace(0, 1, 6, dtype="float32").reshape(2, 3)
    np.testing.assert_array_equal(again(data), model(data))
    twin = corten.models.clone_model(model)
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(twin(data), model(data))
    assert twin.operations[1] is not model.operations[1]


def test_configurations():
    config = Scaled(2.0, name="a").get_config()
    assert config == {"factor": 2.0, "shift": 0.0, "name": "a"}
    assert Scaled.from_config(config).get_config() == config
    pair = Pair()
    assert pair.get_config() == {"name": pair.name}
    with pytest.raises(NotImplementedError, match="Scaled: what its constructor got cannot be written"):
        Scaled(object()).get_config()


def test_mistakes():
    class Forgot(corten.Operation):
        def __init__(self):
            pass

    with pytest.raises(RuntimeError, match="Forgot: call `super"):
        Forgot()(1.0)
    with pytest.raises(ValueError, match="must be a string and cannot contain character `/`"):
        Pair(name="a/b")
    with pytest.raises(NotImplementedError, match="Operation does not define `call`"):
        corten.Operation()(1.0)
