"""Symbolic tensors and shape inference by two runs."""

import numpy as np
import pytest

import corten
from corten import KerasTensor, ops
from corten.symbolic import FunctionOperation, any_symbolic, node_of, output_spec, standardize_shape


def test_unknown_sizes_stay_unknown():
    x = KerasTensor((None, 8, 3))
    y = output_spec(lambda x: x.reshape(x.shape[0], -1), (x,))
    assert y.shape == (None, 24)
    z = output_spec(lambda x: x.reshape(-1, 3), (x,))
    assert z.shape == (None, 3)


def test_known_shapes_take_one_run():
    calls = []
    output_spec(lambda x: calls.append(1) or x, (KerasTensor((2, 3)),))
    assert len(calls) == 1


def test_several_outputs_and_structures():
    spec = output_spec(lambda d: {"s": d["a"].sum(1), "n": None}, ({"a": KerasTensor((None, 4))},))
    assert spec["s"].shape == (None,)
    assert spec["n"] is None


def test_strided_results_do_not_look_static():
    x = KerasTensor((None, None, 1))
    y = corten.layers.MaxPooling1D(16)(x)
    assert y.shape == (None, None, 1)


def test_number_of_outputs_may_not_depend_on_an_unknown_size():
    with pytest.raises(ValueError, match="depends on an unknown dimension"):
        output_spec(lambda x: [0] * (x.shape[0] // 1000), (KerasTensor((None, 2)),))


def test_errors_are_those_of_the_function():
    with pytest.raises(ValueError, match="matmul"):
        ops.matmul(KerasTensor((None, 3)), KerasTensor((4, 5)))


def test_operators_record_nodes():
    x = KerasTensor((None, 3))
    y = (x * 2 + 1) / x - x
    assert y.shape == (None, 3)
    node = node_of(y)
    assert isinstance(node.operation, FunctionOperation)
    assert node.inputs[1] is x
    assert (1 + x).shape == (None, 3)
    assert (x > 0).dtype == "bool"
    assert x[:, 0].shape == (None,)
    assert (x @ np.ones((3, 5), "float32")).shape == (None, 5)
    assert (-x).shape == (None, 3)


def test_functional_model_of_plain_functions():
    x = corten.Input((3,))
    y = ops.relu(x - 1.0)[:, :2] * 2
    model = corten.Model(x, y)
    data = np.array([[0.0, 2.0, 5.0]], "float32")
    np.testing.assert_allclose(model(data).numpy(), [[0, 2]])
    again = corten.models.model_from_json(model.to_json())
    np.testing.assert_allclose(again(data).numpy(), [[0, 2]])


@pytest.mark.parametrize(
    "use", [float, int, bool, np.asarray, len, list], ids=["float", "int", "bool", "array", "len", "list"]
)
def test_values_are_refused(use):
    with pytest.raises(TypeError, match="symbolic"):
        use(KerasTensor((2,)))


def test_any_symbolic_looks_inside():
    x = KerasTensor((2,))
    assert any_symbolic(([{"a": (1, x)}],))
    assert any_symbolic((), {"a": x})
    assert not any_symbolic(([{"a": (1, 2)}],), {"b": "x"})


def test_standardize_shape():
    assert standardize_shape([None, np.int64(3)]) == (None, 3)
    assert standardize_shape(5) == (5,)
    for bad in (None, "ab", (1.5,), (-1,)):
        with pytest.raises(ValueError, match=r"shape"):
            standardize_shape(bad)


def test_inference_leaves_state_alone():
    class Counter(corten.layers.Layer):
        def build(self, input_shape):
            self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

        def call(self, inputs):
            self.count.assign(self.count + inputs.mean())
            self.add_loss(inputs.mean())
            return inputs

    layer = Counter()
    corten.Model(x := corten.Input((2,)), layer(x))
    assert float(layer.count) == 0
    assert layer.losses == []


def test_attributes():
    x = KerasTensor((None, 3), "int32", name="ids")
    assert (x.ndim, x.size, x.dtype, x.name) == (2, None, "int32", "ids")
    assert KerasTensor((2, 3)).size == 6
    with pytest.raises(ValueError, match="dtype"):
        KerasTensor((2,), "flot32")


def test_unknown_sizes_that_meet_known_ones():
    x, y = KerasTensor((None, 3)), KerasTensor((8, 3))
    assert (x + y).shape == (8, 3)
    assert (x * np.ones((8, 3), "float32")).shape == (8, 3)
    with pytest.raises(ValueError, match="broadcast"):
        KerasTensor((None, 3)) + KerasTensor((8, 4))


def test_messages_do_not_show_stand_in_sizes():
    with pytest.raises(ValueError, match=r"None") as caught:
        corten.layers.Add()([corten.Input((3,)), corten.Input((4,))])
    assert "2003" not in str(caught.value) + "".join(caught.value.__notes__)
