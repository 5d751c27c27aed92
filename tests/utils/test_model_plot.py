import stat
import sys

import pytest

import corten
from corten import layers
from corten.utils import get_source_inputs, model_to_dot, plot_model


def branched():
    a, b = corten.Input((4,), name="a"), corten.Input((2,), name="b")
    inner = corten.Sequential([corten.Input((4,)), layers.Dense(3, "relu", name="deep")], name="inner")
    joined = layers.Concatenate(name="joined")([inner(a), b])
    return corten.Model(
        [a, b], [layers.Dense(1, name="end")(joined), corten.ops.relu(joined)], name="branched"
    )


def lines(graph):
    return [line.strip() for line in graph.to_string().splitlines()]


def test_boxes_and_arrows_of_a_functional_model():
    text = lines(model_to_dot(branched()))
    for edge in ('"a" -> "inner";', '"inner" -> "joined";', '"b" -> "joined";', '"joined" -> "end";'):
        assert text.count(edge) == 1
    assert sum(" -> " in line for line in text) == 5
    assert 'rankdir="TB";' in text


def test_nested_models_are_drawn_in_a_frame():
    text = lines(model_to_dot(branched(), expand_nested=True))
    assert 'subgraph "cluster_inner" {' in text
    assert '"inner/deep" -> "joined";' in text
    inside = next(line for line in text if line.startswith('"a" -> '))
    assert inside.startswith('"a" -> "inner/')


def test_what_is_written_into_the_boxes():
    options = ("shapes", "dtype", "layer_activations", "trainable")
    text = model_to_dot(
        branched(), **{f"show_{name}": True for name in options}, expand_nested=True
    ).to_string()
    deep = next(line for line in text.splitlines() if "inner/deep" in line)
    for cell in ("deep (Dense)", "relu", "(None, 4)", "(None, 3)", "float32", "True"):
        assert f">{cell}<" in deep
    assert "deep" not in model_to_dot(branched(), show_layer_names=False).to_string()


def test_sequential_and_subclassed_models():
    model = corten.Sequential([layers.Dense(2, name="one"), layers.Dense(2, name="two")])
    with pytest.raises(ValueError, match="not yet been built"):
        model_to_dot(model)
    model.build((None, 3))
    assert '"one" -> "two";' in lines(model_to_dot(model))

    class Own(corten.Model):
        def __init__(self):
            super().__init__(name="own")
            self.inner = layers.Dense(1)

        def call(self, x):
            return self.inner(x)

    own = Own()
    own(corten.ops.ones((1, 2)))
    text = lines(model_to_dot(own))
    assert sum("shape=none" in line for line in text) == 1


def test_names_cannot_break_the_text():
    model = corten.Sequential([corten.Input((1,)), layers.Dense(1, name='a"<b>')], name='say "hi"')
    text = model_to_dot(model).to_string()
    assert text.startswith('digraph "say \\"hi\\"" {')
    assert "a&quot;&lt;b&gt; (Dense)" in text


def test_pictures_go_through_graphviz(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImportError, match="needs Graphviz"):
        plot_model(branched(), tmp_path / "model.png")
    assert not (tmp_path / "model.png").exists()
    plot_model(branched(), tmp_path / "model.dot")
    assert (tmp_path / "model.dot").read_text().startswith("digraph")
    program = tmp_path / "dot"
    program.write_text(
        f"#!{sys.executable}\nimport sys\n"
        "assert sys.stdin.read(7) == 'digraph'\nprint('drawn', sys.argv[1])\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    plot_model(branched(), tmp_path / "model.svgz")
    assert (tmp_path / "model.svgz").read_text() == "drawn -Tsvgz\n"
    program.write_text(f"#!{sys.executable}\nraise SystemExit('bad graph')\n")
    with pytest.raises(RuntimeError, match="bad graph"):
        model_to_dot(branched()).write_png(tmp_path / "other.png")


def test_unknown_arguments_are_named():
    with pytest.raises(ValueError, match="show_weights"):
        model_to_dot(branched(), show_weights=True)
    with pytest.raises(ValueError, match="rankdir must be"):
        plot_model(branched(), rankdir="XX")


def test_source_inputs():
    a, b = corten.Input((2,)), corten.Input((2,))
    assert get_source_inputs(a) == [a]
    both = layers.Dense(1)(a * b + a)
    assert [id(source) for source in get_source_inputs(both)] == [id(a), id(b)]
    with pytest.raises(ValueError, match="expected a symbolic tensor"):
        get_source_inputs(3)
