"""What TensorBoard reads from the files that the callback wrote."""

import numpy as np
import pytest

import corten
from corten import callbacks, layers

event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def read(folder):
    """Everything in the event files of a folder."""
    accumulator = event_accumulator.EventAccumulator(str(folder), size_guidance={"tensors": 0})
    accumulator.Reload()
    return accumulator


def scalars(folder, tag):
    """Steps and values of one tag."""
    events = read(folder).Tensors(tag)
    return [event.step for event in events], [float(event.tensor_proto.float_val[0]) for event in events]


def tags(folder):
    return sorted(read(folder).Tags()["tensors"])


def data():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(32, 2)).astype("float32")
    return x, x.sum(1, keepdims=True)


def make_model():
    corten.utils.set_random_seed(0)
    model = corten.Sequential([corten.Input((2,)), layers.Dense(3, name="hidden"), layers.Dense(1)])
    model.compile(corten.optimizers.SGD(0.1), "mse")
    return model


def test_scalars_of_epochs_are_those_of_the_history(tmp_path):
    x, y = data()
    model = make_model()
    history = model.fit(
        x,
        y,
        batch_size=8,
        epochs=3,
        verbose=0,
        validation_data=(x, y),
        callbacks=callbacks.TensorBoard(tmp_path),
    )
    steps, values = scalars(tmp_path / "train", "epoch_loss")
    assert steps == [0, 1, 2]
    np.testing.assert_allclose(values, history.history["loss"], rtol=1e-6)
    np.testing.assert_allclose(
        scalars(tmp_path / "validation", "epoch_loss")[1], history.history["val_loss"], rtol=1e-6
    )
    np.testing.assert_allclose(scalars(tmp_path / "train", "epoch_learning_rate")[1], [0.1] * 3)
    assert scalars(tmp_path / "validation", "evaluation_loss_vs_iterations")[0] == [4, 8, 12]
    assert tags(tmp_path / "train") == ["epoch_learning_rate", "epoch_loss"]


def test_no_validation_no_file_of_it(tmp_path):
    x, y = data()
    make_model().fit(x, y, verbose=0, callbacks=callbacks.TensorBoard(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["train"]


def test_scalars_of_batches(tmp_path):
    x, y = data()
    board = callbacks.TensorBoard(tmp_path, update_freq=3, write_steps_per_second=True)
    make_model().fit(x, y, batch_size=4, epochs=2, verbose=0, callbacks=board)
    assert scalars(tmp_path / "train", "batch_loss")[0] == [3, 6, 9, 12, 15]
    assert min(scalars(tmp_path / "train", "batch_steps_per_second")[1]) > 0
    assert min(scalars(tmp_path / "train", "epoch_steps_per_second")[1]) > 0


def test_a_second_fit_goes_on_counting(tmp_path):
    x, y = data()
    model = make_model()
    for _ in range(2):
        model.fit(
            x, y, batch_size=8, verbose=0, callbacks=callbacks.TensorBoard(tmp_path, update_freq="batch")
        )
    assert scalars(tmp_path / "train", "batch_loss")[0] == list(range(1, 9))


def test_evaluate_writes_its_values(tmp_path):
    x, y = data()
    model = make_model()
    loss = model.evaluate(x, y, verbose=0, callbacks=[callbacks.TensorBoard(tmp_path)])
    steps, values = scalars(tmp_path / "validation", "evaluation_loss_vs_iterations")
    assert steps == [0]
    np.testing.assert_allclose(values, [loss], rtol=1e-6)


def test_histograms_and_images_of_weights(tmp_path):
    x, y = data()
    model = make_model()
    board = callbacks.TensorBoard(tmp_path, histogram_freq=2, write_images=True)
    model.fit(x, y, epochs=3, verbose=0, callbacks=board)
    events = read(tmp_path / "train")
    histograms = events.Tensors(f"{model.layers[0].kernel.path}/histogram")
    assert [event.step for event in histograms] == [0, 2]
    proto = histograms[-1].tensor_proto
    buckets = np.frombuffer(proto.tensor_content, "float64").reshape(-1, 3)
    kernel = model.layers[0].kernel.numpy()
    assert buckets[:, 2].sum() == kernel.size
    np.testing.assert_allclose([buckets[0, 0], buckets[-1, 1]], [kernel.min(), kernel.max()])
    width, height, png = events.Tensors(f"{model.layers[0].kernel.path}/image")[-1].tensor_proto.string_val
    assert (width, height) == (b"3", b"2")
    picture = decoded(png)
    expected = (kernel - kernel.min()) / (kernel.max() - kernel.min()) * 255
    np.testing.assert_allclose(picture, expected, atol=1)


def decoded(png):
    image = pytest.importorskip("PIL.Image")
    import io

    return np.asarray(image.open(io.BytesIO(png)))


def test_embeddings_go_to_the_projector(tmp_path):
    model = corten.Sequential(
        [
            corten.Input((2,), dtype="int32"),
            layers.Embedding(4, 3, name="words"),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    board = callbacks.TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"words": "words.tsv"})
    model.fit(np.zeros((4, 2), "int32"), np.ones((4, 1)), verbose=0, callbacks=board)
    text = (tmp_path / "projector_config.pbtxt").read_text()
    vectors = next(path for path in tmp_path.iterdir() if path.suffix == ".tsv")
    assert 'metadata_path: "words.tsv"' in text
    assert f'tensor_path: "{vectors.name}"' in text
    np.testing.assert_allclose(np.loadtxt(vectors), model.layers[0].embeddings.numpy(), rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"update_freq": "step"}, "update_freq"),
        ({"update_freq": 0}, "update_freq"),
        ({"profile_batch": 2}, "profile"),
    ],
)
def test_wrong_arguments(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        callbacks.TensorBoard(tmp_path, **arguments)


def test_metadata_of_no_embedding(tmp_path):
    board = callbacks.TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"hidden": "names.tsv"})
    x, y = data()
    with pytest.raises(ValueError, match="'hidden', but the Embedding layers of the model are none"):
        make_model().fit(x, y, verbose=0, callbacks=board)


def test_without_the_package(monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.event_file_writer", None)
    with pytest.raises(ImportError, match=r"corten\[tensorboard\]"):
        callbacks.TensorBoard(tmp_path)


def test_each_optimizer_of_several_has_its_rate(tmp_path):
    model = make_model()
    chosen = corten.optimizers.OptimizerMap(corten.optimizers.SGD(0.1, name="slow"))
    chosen["bias"] = corten.optimizers.SGD(0.5, name="fast")
    model.compile(corten.optimizers.MultiOptimizer(chosen), "mse")
    model.fit(*data(), epochs=1, verbose=0, callbacks=callbacks.TensorBoard(tmp_path))
    values = [scalars(tmp_path / "train", f"epoch_learning_rate_{name}") for name in ("slow", "fast")]
    assert "epoch_learning_rate" not in tags(tmp_path / "train")
    np.testing.assert_allclose([float(value[-1][-1]) for value in values], [0.1, 0.5], rtol=1e-6)
