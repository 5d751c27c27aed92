"""The progress bar and the lines printed without a terminal."""

import io
import sys

import numpy as np
import pytest

import corten
from corten import layers
from corten.training import progress
from corten.utils import Progbar


def small_model():
    model = corten.Sequential([corten.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


class Terminal(io.TextIOWrapper):
    """A standard output that claims to be a terminal."""

    def __init__(self, encoding="utf-8"):
        super().__init__(io.BytesIO(), encoding=encoding)

    def isatty(self):
        return True

    def text(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


def test_one_line_per_epoch_without_a_terminal(capsys):
    small_model().fit(np.ones((8, 2)), np.ones((8, 1)), epochs=3, batch_size=2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("Epoch 1/3 - 4/4 ")
    assert "/step - loss: " in lines[0]
    assert " - mae: " in lines[0]


def test_validation_values_are_in_the_line(capsys):
    x, y = np.ones((8, 2)), np.ones((8, 1))
    small_model().fit(x, y, validation_data=(x, y), epochs=1)
    line = capsys.readouterr().out
    assert " - val_loss: " in line
    assert " - val_mae: " in line
    assert line.count("\n") == 1


def test_verbose_0_is_silent(capsys):
    model = small_model()
    x, y = np.ones((8, 2)), np.ones((8, 1))
    model.fit(x, y, verbose=0)
    model.evaluate(x, y, verbose=0)
    model.predict(x, verbose=0)
    assert capsys.readouterr().out == ""


def test_predict_prints_nothing_when_quick(capsys):
    model = small_model()
    model.predict(np.ones((80, 2)))
    assert capsys.readouterr().out == ""


def test_bar_in_a_terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    small_model().fit(np.ones((8, 2)), np.ones((8, 1)), epochs=2, batch_size=2, verbose="auto")
    text = terminal.text()
    assert "Epoch 1/2\n" in text
    assert "\r4/4 " + "\u2501" * 20 in text
    assert text.endswith("\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "gbk"])
def test_narrow_encodings_never_fail(monkeypatch, encoding):
    terminal = Terminal(encoding)
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    small_model().fit(np.ones((8, 2)), np.ones((8, 1)), epochs=1, verbose=1)
    text = terminal.text()
    assert "[" + "=" * 20 + "]" in text or "\u2501" in text


def test_no_output_at_all(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    small_model().fit(np.ones((8, 2)), np.ones((8, 1)), epochs=1, verbose=1)


def test_generator_of_unknown_length(capsys):
    batches = ((np.ones((2, 2)), np.ones((2, 1))) for _ in range(5))
    small_model().fit(batches, epochs=1)
    assert capsys.readouterr().out.startswith("5/5 ")


def test_progbar_alone(capsys):
    bar = Progbar(4, stateful_metrics=["last"])
    for step in range(4):
        bar.update(step + 1, [("mean", float(step)), ("last", float(step))])
    line = capsys.readouterr().out
    assert "4/4" in line
    assert "mean: 1.5000" in line
    assert "last: 3.0000" in line
    assert line.count("\n") == 1
    bar = Progbar(3, verbose=0)
    bar.add(2)
    assert bar.current == 2


@pytest.mark.parametrize("verbose", [3, "loud", -1, None])
def test_wrong_verbose(verbose):
    with pytest.raises(ValueError, match="verbose must be 0, 1, 2 or 'auto'"):
        progress.resolve_verbose(verbose, "fit")


def test_vectors_are_shown():
    assert progress.format_value(np.array([0.5, 0.25])) == "[0.5 , 0.25]"


def test_a_bar_without_a_terminal_shows_each_update_if_asked_to(capsys):
    for interval, shown in ((0.0, [1.0, 2.0, 3.0]), (0.05, [3.0])):
        bar = corten.utils.Progbar(3, interval=interval, stateful_metrics=["value"])
        for step in (1, 2, 3):
            bar.update(step, values=[("value", float(step))])
        lines = capsys.readouterr().out.splitlines()
        assert [line.rpartition(" ")[2] for line in lines] == [f"{value:.4f}" for value in shown]
