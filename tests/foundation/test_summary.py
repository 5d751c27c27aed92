"""The table of `model.summary()`."""

import io
import sys

import numpy as np
import pytest

from corten import Input, Model, Sequential, layers


def lines(model, **kwargs):
    found = []
    model.summary(print_fn=found.append, **kwargs)
    return found


def small():
    return Sequential(
        [Input((4,)), layers.Dense(3, name="hidden"), layers.BatchNormalization(name="norm")], name="small"
    )


def test_table():
    text = lines(small())
    assert text[0] == 'Model: "small"'
    assert text[1].startswith("┏━")
    assert text[2].split("┃")[1].strip() == "Layer (type)"
    assert [cell.strip() for cell in text[4].split("│")[1:4]] == ["hidden (Dense)", "(None, 3)", "15"]
    assert text[-3:] == [
        " Total params: 27 (108.00 B)",
        " Trainable params: 21 (84.00 B)",
        " Non-trainable params: 6 (24.00 B)",
    ]
    assert len({len(line) for line in text[1:-3]}) == 1


def test_line_length_is_kept():
    for length in (60, 80, 120):
        assert {len(line) for line in lines(small(), line_length=length)[1:-3]} == {length}


def test_optimizer_parameters():
    model = small()
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 4), "float32"), np.ones((2, 3), "float32"))
    assert lines(model)[-1].startswith(" Optimizer params: ")


def test_connections_and_nesting():
    x = Input((4,), name="x")
    inner = small()
    y = inner(x)
    model = Model(x, layers.Add(name="sum")([y, layers.Dense(3, name="side")(x)]))
    text = "\n".join(lines(model, line_length=120))
    assert "Connected to" in text
    assert "small[0][0], side[0][0]" in text
    assert "hidden" not in text
    assert "└ hidden (Dense)" in "\n".join(lines(model, line_length=120, expand_nested=True))


def test_trainable_column():
    model = small()
    model.get_layer("hidden").trainable = False
    rows = {}
    for line in lines(model, show_trainable=True):
        if "│" in line:
            cells = line.split("│")
            rows[cells[1].split()[0]] = cells[-2].strip()
    assert rows == {"hidden": "N", "norm": "Y"}


def test_layer_range():
    text = "\n".join(lines(small(), layer_range=["norm", "norm"]))
    assert "norm" in text
    assert "hidden" not in text
    with pytest.raises(ValueError, match="matches no layers"):
        small().summary(layer_range=["nix", "norm"])


def test_unbuilt_and_subclassed():
    class Net(Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    model = Net()
    assert any("unbuilt" in line for line in lines(model))
    model(np.ones((3, 4), "float32"))
    row = next(line for line in lines(model) if "dense" in line)
    assert "(None, 2)" in row
    assert "10" in row


def test_ascii_terminals(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    small().summary()
    stream.flush()
    text = stream.buffer.getvalue().decode("ascii")
    assert text.splitlines()[1].startswith("+-")
    assert "| hidden (Dense)" in text


def test_long_names_wrap():
    model = Sequential([Input((4,)), layers.Dense(3, name="a_very_long_name_" * 5)])
    assert {len(line) for line in lines(model, line_length=60)[1:-3]} == {60}
