"""The tutorials' programs run with their import lines changed, or stop with the right message."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import programs
import pytest
from corten.tf.keras import layers, models

import corten
import corten.tf as tf
from corten import datasets


def random_images(count):
    generator = np.random.default_rng(0)
    return generator.random((count, 28, 28, 1)), generator.integers(10, size=(count, 1))


def test_p1_stops_before_the_first_batch_and_names_both_fixes(capsys):
    x, y = random_images(64)
    with pytest.raises(ValueError, match="categorical_crossentropy") as caught:
        programs.p1(models, layers, x, y, x, y)
    message = str(caught.value)
    assert "(64, 1)" in message
    assert "0 to 9" in message
    assert "sparse_categorical_crossentropy" in message
    assert "to_categorical(y, 10)" in message
    assert "crossentropy'" in message
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "crossentropy"])
def test_p1_corrected_trains(loss, capsys):
    x, y = random_images(96)
    model, loss_value, accuracy = programs.p1(models, layers, x, y, x[:40], y[:40], loss=loss, epochs=2)
    assert model.count_params() == 93322
    assert np.isfinite(loss_value)
    assert 0 <= accuracy <= 1
    output = capsys.readouterr().out
    assert "Epoch 2/2" in output
    assert "Accuracy:" in output


def test_p1_architecture_learns_real_digits():
    (x, y), (x_test, y_test) = datasets.mnist_sample.load_data()
    corten.utils.set_random_seed(0)
    model = programs.convolutional_network(models, layers)
    model.compile(optimizer="rmsprop", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[:1000, :, :, None] / 255.0, y[:1000], epochs=3, verbose=0)
    assert model.evaluate(x_test[:500, :, :, None] / 255.0, y_test[:500], verbose=0)[1] > 0.8


@pytest.mark.parametrize("program", [programs.p2, programs.p4])
@pytest.mark.parametrize("input_shape", [5, (5,)])
def test_p2_and_p4_take_an_int_or_a_tuple(program, input_shape, capsys):
    generator = np.random.default_rng(0)
    x = generator.random((40, 5))
    y = x.sum(1)
    predictions = program(tf, input_shape, x, y, x[:7])
    assert predictions.shape == (7, 1)


@pytest.mark.parametrize("program", [programs.p3, programs.p5, programs.p6])
def test_linear_regressions_run_and_repeat(program, capsys):
    first_model, first = program(tf)
    second_model, second = program(tf)
    assert first.shape == (100, 1)
    assert first.tobytes() == second.tobytes()
    for a, b in zip(first_model.get_weights(), second_model.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()
    assert "Epoch 100/100" in capsys.readouterr().out


def test_p3_finds_the_line(capsys):
    _, predictions = programs.p3(tf)
    assert 0.5 < predictions.min() < predictions.max() < 3.5


@pytest.fixture
def mnist(monkeypatch):
    """`mnist.load_data` without a network: the shipped sample."""
    (x, y), (x_test, y_test) = datasets.mnist_sample.load_data()
    monkeypatch.setattr(
        datasets.mnist, "load_data", lambda: ((x[:1024], y[:1024]), (x_test[:256], y_test[:256]))
    )


def test_p7_stops_before_the_first_batch_and_says_flatten(mnist, capsys):
    with pytest.raises(ValueError, match=r"\(None, 784\)") as caught:
        programs.p7(tf)
    message = str(caught.value)
    assert "(28, 28)" in message
    assert "reshape(-1, 784)" in message
    assert "Flatten()" in message
    assert capsys.readouterr().out == ""


def test_p7_corrected_trains(mnist, capsys):
    _, accuracy = programs.p7(tf, flatten=True, epochs=3)
    assert accuracy > 0.7


def test_p8(capsys):
    (x, y), (x_test, y_test) = datasets.digits.load_data()
    x, x_test = x.reshape(-1, 64) / 16.0, x_test.reshape(-1, 64) / 16.0
    corten.utils.set_random_seed(0)
    _, history = programs.p8(tf, x[:640], y[:640], x_test, y_test)
    assert history.history["val_accuracy"][-1] > 0.8


SCRIPT = """
    import corten.tf as tf
    import numpy as np

    tf.random.set_seed(42)
    x_train = np.random.rand(100, 1)
    y_train = 2 * x_train + 1 + np.random.randn(100, 1)
    model = tf.keras.Sequential([
        tf.keras.layers.Dense(units=1, input_shape=(1,))
    ])
    model.compile(optimizer='sgd', loss='mean_squared_error')
    model.fit(x_train, y_train, epochs=100)
    predictions = model.predict(x_train)
    print(predictions)
"""


def test_p3_as_a_script_repeats(tmp_path):
    script = tmp_path / "p3.py"
    script.write_text(textwrap.dedent(SCRIPT))
    outputs = []
    for _ in range(3):
        result = subprocess.run(
            [sys.executable, str(script)], capture_output=True, text=True, check=True, env=dict(os.environ)
        )
        outputs.append(result.stdout[result.stdout.index("[[") :])
    assert outputs[0] == outputs[1] == outputs[2]
