"""Arrays that are read, or made dense, batch by batch."""

import numpy as np
import pytest

import corten
from corten.training.adapters import lazy_rows

ROWS = 70


class Watched(np.memmap):
    """A memory-mapped array that notes how many rows are asked for at once."""

    asked: list[int] = []

    def __getitem__(self, index):
        if isinstance(index, slice):
            Watched.asked.append(len(range(*index.indices(ROWS))))
        elif isinstance(index, np.ndarray):
            Watched.asked.append(len(index))
        return super().__getitem__(index)


@pytest.fixture
def mapped(tmp_path, monkeypatch):
    monkeypatch.setattr(lazy_rows, "_SMALL_BYTES", 0)
    values = np.random.default_rng(0).normal(size=(ROWS, 3))
    file = Watched(tmp_path / "x.bin", dtype="float64", mode="w+", shape=values.shape)
    np.copyto(np.asarray(file), values)
    Watched.asked = []
    return file


def make_model(features=3):
    corten.utils.set_random_seed(0)
    model = corten.Sequential([corten.Input((features,)), corten.layers.Dense(2, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def history_of(model, *data, **settings):
    corten.utils.set_random_seed(1)
    return model.fit(*data, **settings).history


LABELS = np.arange(ROWS) % 2


@pytest.mark.parametrize("shuffle", [True, False, "batch"])
def test_a_mapped_file_gives_the_bits_of_an_array_and_is_read_by_batches(mapped, shuffle):
    lazy, whole = make_model(), make_model()
    settings = {"batch_size": 16, "epochs": 2, "verbose": 0, "shuffle": shuffle}
    history = history_of(lazy, mapped, LABELS, **settings)
    assert max(Watched.asked) == 16
    assert sum(Watched.asked) >= 2 * ROWS
    expected = history_of(whole, np.array(mapped), LABELS, **settings)
    assert history == expected
    Watched.asked = []
    found = lazy.predict(mapped, batch_size=16, verbose=0)
    assert max(Watched.asked) == 16
    np.testing.assert_array_equal(found, whole.predict(np.array(mapped), batch_size=16, verbose=0))
    assert lazy.evaluate(mapped, LABELS, verbose=0) == whole.evaluate(np.array(mapped), LABELS, verbose=0)


def test_splits_weights_and_mapped_targets(mapped):
    lazy, whole = make_model(), make_model()
    weights = np.linspace(0, 1, ROWS)
    settings = {"validation_split": 0.3, "sample_weight": weights, "verbose": 0, "batch_size": 8}
    history = history_of(lazy, mapped, LABELS, **settings)
    assert max(Watched.asked[2:]) == 8  # the split itself makes two views
    assert history == history_of(whole, np.array(mapped), LABELS, **settings)
    lazy, whole = make_model(), make_model()
    settings = {"class_weight": {0: 1.0, 1: 3.0}, "verbose": 0}
    assert history_of(lazy, mapped, LABELS, **settings) == history_of(
        whole, np.array(mapped), LABELS, **settings
    )
    model = corten.Sequential([corten.Input((3,)), corten.layers.Dense(3)])
    model.compile("sgd", "mse")
    model.fit({"a": mapped}["a"], mapped, verbose=0)


def test_labels_in_memory_are_checked_before_the_first_step(mapped):
    labels = LABELS.copy()
    labels[-1] = 7
    model = make_model()
    before = model.get_weights()
    with pytest.raises(ValueError, match="7"):
        model.fit(mapped, labels, shuffle=False, verbose=0)
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_a_large_file_is_never_in_memory_as_a_whole(tmp_path):
    status = "/proc/self/status"
    try:
        open(status).close()
    except OSError:
        pytest.skip("needs Linux's /proc")

    def anonymous_mib():
        with open(status) as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024

    file = np.memmap(tmp_path / "large.bin", dtype="float32", mode="w+", shape=(32_768, 1024))  # 128 MiB
    model = corten.Sequential([corten.Input((1024,)), corten.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(file[:512], np.zeros(512), batch_size=256, verbose=0)
    seen = []

    class Watch(corten.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(anonymous_mib())

    before = anonymous_mib()
    model.fit(file, np.zeros(len(file)), batch_size=256, verbose=0, callbacks=[Watch()])
    assert len(seen) == 128
    assert max(seen) - before < 32


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil"])
def test_sparse_matrices_are_made_dense_by_batches(kind):
    sparse = pytest.importorskip("scipy.sparse")
    values = np.random.default_rng(0).normal(size=(ROWS, 50)) * (
        np.random.default_rng(1).random((ROWS, 50)) < 0.1
    )
    for make in (sparse.csr_matrix, sparse.csr_array):
        x = make(values).asformat(kind)
        lazy, whole = make_model(50), make_model(50)
        settings = {"epochs": 2, "verbose": 0, "validation_split": 0.2}
        history = history_of(lazy, x, LABELS, **settings)
        assert history == history_of(whole, values, LABELS, **settings)
        np.testing.assert_array_equal(lazy.predict(x, verbose=0), whole.predict(values, verbose=0))


def test_hdf5_datasets_are_read_by_batches(tmp_path):
    h5py = pytest.importorskip("h5py")
    values = np.random.default_rng(0).normal(size=(ROWS, 3)).astype("float32")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = values
        lazy, whole = make_model(), make_model()
        settings = {"epochs": 2, "verbose": 0}
        assert history_of(lazy, file["x"], LABELS, **settings) == history_of(
            whole, values, LABELS, **settings
        )
        np.testing.assert_array_equal(lazy.predict(file["x"], verbose=0), whole.predict(values, verbose=0))


def test_a_split_hdf5_dataset_is_read_by_batches(tmp_path, monkeypatch):
    h5py = pytest.importorskip("h5py")
    values = np.random.default_rng(0).normal(size=(ROWS, 3)).astype("float32")
    asked = []
    read = h5py.Dataset.__getitem__

    def noting(dataset, rows, *rest):
        found = read(dataset, rows, *rest)
        asked.append(len(found))
        return found

    monkeypatch.setattr(h5py.Dataset, "__getitem__", noting)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = values
        lazy, whole = make_model(), make_model()
        settings = {"epochs": 2, "verbose": 0, "batch_size": 16, "validation_split": 0.5}
        history = history_of(lazy, file["x"], LABELS, **settings)
    assert max(asked) == 16
    assert history == history_of(whole, values, LABELS, **settings)


def test_mistakes_are_named(mapped, tmp_path):
    with pytest.raises(ValueError, match=r"same number of samples.*x has 70, y has 60"):
        make_model().fit(mapped, LABELS[:60], verbose=0)
    with pytest.raises(ValueError, match="3 features and the model wants 5"):
        make_model(5).fit(mapped, LABELS, verbose=0)
    text = np.memmap(tmp_path / "text.bin", dtype="S4", mode="w+", shape=(ROWS, 3))
    with pytest.raises(TypeError, match="x must hold numbers"):
        make_model().fit(text, LABELS, verbose=0)
