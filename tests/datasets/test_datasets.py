"""Shipped data sets, and the files of larger ones."""

import gzip
import hashlib
import io
import json
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest

from corten import config, datasets
from corten.datasets import locate as locate_module, readers
from corten.utils import file_utils, get_file


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A machine without any data set and without a network."""
    monkeypatch.setenv("CORTEN_HOME", str(tmp_path / "corten"))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.delenv("CORTEN_DATASET_MIRROR", raising=False)
    folders = [tmp_path / "corten" / "datasets", tmp_path / "user" / ".keras" / "datasets"]
    monkeypatch.setattr(locate_module, "local_folders", lambda: folders)
    monkeypatch.setattr("corten.datasets.cifar10.local_folders", lambda: folders)

    def no_network(url, target, **kwargs):
        if url.startswith("file://"):
            return real_download(url, target, **kwargs)
        raise OSError("no network")

    real_download = file_utils.download
    monkeypatch.setattr(locate_module, "download", no_network)
    return tmp_path / "corten" / "datasets"


def test_mnist_sample_is_balanced_and_fixed():
    (x_train, y_train), (x_test, y_test) = datasets.mnist_sample.load_data()
    assert x_train.shape == (4000, 28, 28)
    assert x_test.shape == (1000, 28, 28)
    assert x_train.dtype == y_train.dtype == np.uint8
    assert np.bincount(y_train).tolist() == [400] * 10
    assert np.bincount(y_test).tolist() == [100] * 10
    assert x_train.max() == 255
    assert len(set(y_train[:50].tolist())) > 5
    images = np.concatenate([x_train, x_test]).reshape(5000, -1)
    assert len(np.unique(images, axis=0)) == 5000


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        ("digits", (1797, 8, 8), 10),
        ("iris", (150, 4), 3),
        ("breast_cancer", (569, 30), 2),
        ("wine", (178, 13), 3),
    ],
)
def test_shipped_tables(name, shape, classes):
    module = getattr(datasets, name)
    (x_train, y_train), (x_test, y_test) = module.load_data()
    assert (len(x_train) + len(x_test), *x_train.shape[1:]) == shape
    assert len(x_test) == round(shape[0] * 0.2)
    assert np.unique(np.concatenate([y_train, y_test])).tolist() == list(range(classes))
    assert len(module.get_label_names()) == classes
    assert len(module.get_feature_names()) == np.prod(shape[1:])
    assert np.isfinite(x_train).all()
    (again, _), _ = module.load_data()
    np.testing.assert_array_equal(x_train, again)
    (other, _), _ = module.load_data(seed=1)
    assert not np.array_equal(x_train, other)
    with pytest.raises(ValueError, match="test_split"):
        module.load_data(test_split=1.5)


def test_first_iris_is_the_known_one():
    (x_train, y_train), (x_test, y_test) = datasets.iris.load_data()
    rows = np.concatenate([x_train, x_test])
    labels = np.concatenate([y_train, y_test])
    found = np.flatnonzero((rows == [5.1, 3.5, 1.4, 0.2]).all(1))
    assert len(found) == 1
    assert labels[found[0]] == 0


def test_licences_are_beside_the_files():
    from importlib import resources

    folder = resources.files("corten.datasets") / "shipped"
    text = (folder / "README.md").read_text()
    for file in folder.iterdir():
        if file.name.endswith(".npz"):
            assert file.name in text
    assert "Redistribution and use" in (folder / "LICENSES.txt").read_text()


@pytest.mark.parametrize(
    "name", ["mnist", "fashion_mnist", "cifar10", "cifar100", "imdb", "reuters", "boston_housing"]
)
def test_offline_error_names_three_ways_out(home, name):
    with pytest.raises(OSError, match="Three ways out") as caught:
        getattr(datasets, name).load_data()
    message = str(caught.value)
    assert str(home) in message
    assert "CORTEN_DATASET_MIRROR" in message
    assert "mnist_sample" in message
    assert "no network" in message


def test_unknown_dataset_offers_the_nearest():
    with pytest.raises(AttributeError, match="Did you mean 'mnist'"):
        _ = datasets.mnits


def small_split():
    generator = np.random.default_rng(0)
    arrays = {
        "x_train": generator.integers(0, 256, (6, 28, 28)).astype("uint8"),
        "y_train": np.arange(6).astype("uint8"),
        "x_test": generator.integers(0, 256, (2, 28, 28)).astype("uint8"),
        "y_test": np.array([1, 2], dtype="uint8"),
    }
    return arrays


def idx_bytes(array):
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def write_idx(folder, arrays, packed=True):
    folder.mkdir(parents=True, exist_ok=True)
    for part, name in (("train", "train"), ("test", "t10k")):
        for key, kind in (("x", "images-idx3"), ("y", "labels-idx1")):
            content = idx_bytes(arrays[f"{key}_{part}"])
            path = folder / f"{name}-{kind}-ubyte{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(content) if packed else content)


def test_mnist_from_the_users_own_file(home, tmp_path):
    arrays = small_split()
    np.savez(tmp_path / "own.npz", **arrays)
    (x_train, _), (_, y_test) = datasets.mnist.load_data(path=tmp_path / "own.npz")
    np.testing.assert_array_equal(x_train, arrays["x_train"])
    np.testing.assert_array_equal(y_test, arrays["y_test"])
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npz"):
        datasets.mnist.load_data(path="nowhere.npz")


@pytest.mark.parametrize("packed", [True, False])
def test_mnist_from_idx_files(home, tmp_path, packed):
    arrays = small_split()
    write_idx(tmp_path / "idx", arrays, packed)
    (x_train, y_train), (x_test, _) = datasets.mnist.load_data(path=tmp_path / "idx")
    np.testing.assert_array_equal(x_train, arrays["x_train"])
    np.testing.assert_array_equal(y_train, arrays["y_train"])
    np.testing.assert_array_equal(x_test, arrays["x_test"])
    write_idx(home / "mnist", arrays, packed)
    (again, _), _ = datasets.mnist.load_data()
    np.testing.assert_array_equal(again, x_train)


def test_a_file_with_the_wrong_checksum_is_refused(home):
    home.mkdir(parents=True)
    np.savez(home / "mnist.npz", **small_split())
    with pytest.raises(ValueError, match="does not have the checksum"):
        datasets.mnist.load_data()


@pytest.mark.parametrize("kind", ["folder", "environment", "setting"])
def test_mirror(home, tmp_path, monkeypatch, kind):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    np.savez(mirror / "mnist.npz", **small_split())
    digest = hashlib.sha256((mirror / "mnist.npz").read_bytes()).hexdigest()
    source = locate_module.Source("mnist.npz", "https://example.invalid/mnist.npz", digest)
    monkeypatch.setattr(datasets.mnist, "_SOURCE", source)
    address = str(mirror) if kind == "folder" else mirror.as_uri()
    if kind == "environment":
        monkeypatch.setenv("CORTEN_DATASET_MIRROR", address)
    else:
        config.set_dataset_mirror(address)
    try:
        (x_train, _), _ = datasets.mnist.load_data()
    finally:
        config.set_dataset_mirror(None)
    assert x_train.shape == (6, 28, 28)
    assert (home / "mnist.npz").exists()


def test_a_file_packed_anew_is_known_by_its_content(home, monkeypatch):
    arrays = small_split()
    write_idx(home / "fashion-mnist", arrays)
    sources = []
    for path in sorted((home / "fashion-mnist").iterdir()):
        content = hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
        sources.append(
            locate_module.Source(path.name, "https://x.invalid", "0" * 32, "fashion-mnist", content)
        )
    test_images, test_labels, train_images, train_labels = sources
    monkeypatch.setattr(
        datasets.fashion_mnist, "_SOURCES", (train_images, train_labels, test_images, test_labels)
    )
    (x_train, y_train), _ = datasets.fashion_mnist.load_data()
    np.testing.assert_array_equal(x_train, arrays["x_train"])
    np.testing.assert_array_equal(y_train, arrays["y_train"])


def texts():
    lists = np.empty(4, dtype=object)
    for index in range(4):
        lists[index] = list(range(1, 3 + index))
    return lists


def test_imdb_lists_are_read_without_running_code(home, tmp_path):
    path = tmp_path / "own.npz"
    np.savez(
        path, x_train=texts(), y_train=np.array([0, 1, 0, 1]), x_test=texts(), y_test=np.array([1, 0, 1, 0])
    )
    (x_train, y_train), (x_test, _) = datasets.imdb.load_data(path=path, num_words=6)
    assert len(x_train) == len(x_test) == 4
    assert all(text[0] == 1 for text in x_train)
    assert max(max(text) for text in x_train) <= 5
    assert sorted(y_train.tolist()) == [0, 0, 1, 1]
    assert x_train.dtype == object
    (x_train, _), (x_test, _) = datasets.imdb.load_data(path=path, maxlen=5)
    assert all(len(text) < 5 for text in [*x_train, *x_test])
    (x_train, _), _ = datasets.imdb.load_data(
        path=path, start_char=None, index_from=0, oov_char=None, skip_top=2
    )
    assert min(min(text, default=9) for text in x_train) >= 2


def test_reuters(home, tmp_path):
    path = tmp_path / "own.npz"
    np.savez(path, x=texts(), y=np.array([0, 1, 2, 3]))
    (x_train, y_train), (x_test, y_test) = datasets.reuters.load_data(path=path, test_split=0.25)
    assert len(x_train) == 3
    assert len(x_test) == 1
    assert sorted([*y_train.tolist(), *y_test.tolist()]) == [0, 1, 2, 3]
    (tmp_path / "words.json").write_text(json.dumps({"the": 1}))
    assert datasets.reuters.get_word_index(path=tmp_path / "words.json") == {"the": 1}


class Evil:
    def __reduce__(self):
        return print, ("this must never be printed",)


def test_a_malicious_pickle_is_refused(tmp_path, capsys):
    array = np.empty(1, dtype=object)
    array[0] = Evil()
    np.savez(tmp_path / "evil.npz", x=array)
    with pytest.raises(ValueError, match=r"asks for .*print.*refused"):
        readers.read_npz(tmp_path / "evil.npz")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "payload",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"cnumpy\nfromfile\n(S'/etc/passwd'\ntR.",
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I1000000000000\ntS'b'\ntR.",
    ],
)
def test_the_unpickler_knows_three_names_only(payload):
    with pytest.raises(ValueError, match="refused"):
        readers.SafeUnpickler(io.BytesIO(payload), "file").load()


def cifar_archive(path, folder, files):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            data = pickle.dumps(content, protocol=2)
            information = tarfile.TarInfo(f"{folder}/{name}")
            information.size = len(data)
            tar.addfile(information, io.BytesIO(data))


def cifar_batch(count, **labels):
    pixels = np.arange(count * 3072).reshape(count, 3072).astype("uint8")
    return {b"data": pixels, **{key.encode(): value for key, value in labels.items()}}


def test_cifar10_from_an_archive(home, tmp_path):
    files = {f"data_batch_{number}": cifar_batch(2, labels=[number, 0]) for number in range(1, 6)}
    files["test_batch"] = cifar_batch(3, labels=[7, 8, 9])
    cifar_archive(tmp_path / "own.tar.gz", "cifar-10-batches-py", files)
    (x_train, y_train), (x_test, y_test) = datasets.cifar10.load_data(path=tmp_path / "own.tar.gz")
    assert x_train.shape == (10, 32, 32, 3)
    assert y_train[:, 0].tolist() == [1, 0, 2, 0, 3, 0, 4, 0, 5, 0]
    assert y_test.tolist() == [[7], [8], [9]]
    expected = np.arange(3 * 3072).reshape(3, 3, 32, 32).transpose(0, 2, 3, 1).astype("uint8")
    np.testing.assert_array_equal(x_test, expected)


def test_cifar100_label_modes(home, tmp_path):
    batch = cifar_batch(2, fine_labels=[99, 1], coarse_labels=[19, 2])
    cifar_archive(tmp_path / "own.tar.gz", "cifar-100-python", {"train": batch, "test": batch})
    (_, fine), _ = datasets.cifar100.load_data(path=tmp_path / "own.tar.gz")
    (_, coarse), _ = datasets.cifar100.load_data("coarse", path=tmp_path / "own.tar.gz")
    assert fine.tolist() == [[99], [1]]
    assert coarse.tolist() == [[19], [2]]
    with pytest.raises(ValueError, match="label_mode"):
        datasets.cifar100.load_data("rough")


@pytest.mark.parametrize("damage", ["cut", "header", "empty", "shape"])
def test_damaged_idx_files(tmp_path, damage):
    content = idx_bytes(np.arange(12, dtype="uint8").reshape(3, 4))
    content = {
        "cut": content[:-1],
        "header": content[:6],
        "empty": b"",
        "shape": content[:4] + struct.pack(">2I", 2**31, 2**31) + content[12:],
    }[damage]
    (tmp_path / "x-idx2-ubyte").write_bytes(content)
    with pytest.raises(ValueError, match="x-idx2-ubyte"):
        readers.read_idx(tmp_path / "x-idx2-ubyte")


def test_get_file_checks_and_extracts(tmp_path, monkeypatch):
    monkeypatch.setenv("CORTEN_HOME", str(tmp_path / "home"))
    source = tmp_path / "table.csv"
    source.write_text("a,b\n1,2\n")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    path = get_file("table.csv", source.as_uri(), file_hash=digest)
    assert Path(path).read_text() == "a,b\n1,2\n"
    source.write_text("changed")
    assert get_file("table.csv", source.as_uri(), file_hash=digest) == path
    with pytest.raises(ValueError, match="does not have the checksum"):
        get_file("other.csv", source.as_uri(), file_hash=digest)
    assert not (tmp_path / "home" / "datasets" / "other.csv").exists()


@pytest.mark.parametrize("kind", ["outside", "link"])
def test_archives_cannot_write_outside(tmp_path, kind):
    archive = tmp_path / "bad.tar"
    with tarfile.open(archive, "w") as tar:
        information = tarfile.TarInfo("../escaped" if kind == "outside" else "inside")
        if kind == "link":
            information.type, information.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(information, io.BytesIO(b""))
    with pytest.raises(ValueError, match="refused"):
        file_utils.extract_archive(archive)
    assert not (tmp_path / "escaped").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["bad.tar"]
