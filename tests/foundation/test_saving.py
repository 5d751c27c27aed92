"""Model files: round trips, damage, limits."""

import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import corten
from corten import Input, Model, Sequential, layers
from corten.saving import load_model, safetensors

DATA = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")


@corten.saving.register_keras_serializable("tests")
class Doubler(layers.Layer):
    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return x * self.factor


@corten.saving.register_keras_serializable("tests")
class Net(Model):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.blocks = [layers.Dense(units, activation="relu"), layers.Dense(units)]
        self.out = layers.Dense(1)

    def call(self, inputs):
        for block in self.blocks:
            inputs = block(inputs)
        return self.out(inputs)


def functional():
    a = Input((4,), name="a")
    x = layers.Dense(4, activation="relu")(a)
    x = layers.BatchNormalization()(x)
    x = Doubler(3.0)(layers.Add()([a, x]))
    return Model(a, layers.Dense(1)(x))


def sequential():
    return Sequential([Input((4,)), layers.Dense(3, activation="tanh"), layers.Dropout(0.2), layers.Dense(1)])


def subclassed():
    model = Net(3)
    model(DATA)
    return model


KINDS = [functional, sequential, subclassed]


@pytest.mark.parametrize("make", KINDS)
def test_round_trip(make, tmp_path):
    model = make()
    path = tmp_path / "m.corten"
    model.save(path)
    again = load_model(path)
    assert type(again) is type(model)
    np.testing.assert_array_equal(again(DATA).numpy(), model(DATA).numpy())
    assert again.name == model.name


@pytest.mark.parametrize("make", KINDS)
def test_training_goes_on_as_if_never_stopped(make, tmp_path):
    corten.set_random_seed(3)
    model = make()
    model.compile("adam", "mse", metrics=["mae"])
    y = DATA[:, :1]
    for _ in range(3):
        model.train_on_batch(DATA, y)
    path = tmp_path / "m.corten"
    model.save(path)
    again = load_model(path)
    assert int(again.optimizer.iterations) == 3
    for _ in range(2):
        model.train_on_batch(DATA, y)
        again.train_on_batch(DATA, y)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_compiling(tmp_path):
    model = sequential()
    model.compile("sgd", "mse")
    model.train_on_batch(DATA, DATA[:, :1])
    model.save(tmp_path / "m.corten")
    assert not load_model(tmp_path / "m.corten", compile=False).compiled


def test_the_same_model_gives_the_same_file(tmp_path):
    model = functional()
    model.save(tmp_path / "a.corten")
    model.save(tmp_path / "b.corten")
    assert (tmp_path / "a.corten").read_bytes() == (tmp_path / "b.corten").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["a.corten", "b.corten"]


def test_dtypes_survive(tmp_path):
    model = Sequential([Input((4,)), layers.Dense(2, dtype="bfloat16"), layers.Dense(2, dtype="float64")])
    model.save(tmp_path / "m.corten")
    again = load_model(tmp_path / "m.corten")
    assert [w.dtype for w in again.weights] == ["bfloat16"] * 2 + ["float64"] * 2
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(np.asarray(a, "float64"), np.asarray(b, "float64"))


@pytest.mark.parametrize("name", ["w.safetensors", "w.weights.safetensors", "w.npz", "w.weights.h5"])
def test_weights_alone(name, tmp_path):
    if name.endswith("h5"):
        pytest.importorskip("h5py")
    model = functional()
    model.save_weights(tmp_path / name)
    again = functional()
    again.load_weights(tmp_path / name)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_from_a_model_file(tmp_path):
    model, again = sequential(), sequential()
    model.save(tmp_path / "m.corten")
    again.load_weights(tmp_path / "m.corten")
    np.testing.assert_array_equal(again(DATA).numpy(), model(DATA).numpy())


def test_the_real_safetensors_reads_our_files(tmp_path):
    other = pytest.importorskip("safetensors.numpy")
    model = sequential()
    model.save_weights(tmp_path / "w.safetensors")
    loaded = other.load_file(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(loaded["layers/dense/vars/0"], model.get_weights()[0])
    other.save_file(loaded, tmp_path / "v.safetensors")
    again = sequential()
    again.load_weights(tmp_path / "v.safetensors")
    np.testing.assert_array_equal(again(DATA).numpy(), model(DATA).numpy())


# ---- what does not fit -------------------------------------------------------------------------


def unchanged(model, action, error, match):
    before = [w.copy() for w in model.get_weights()]
    with pytest.raises(error, match=match):
        action()
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_another_architecture_leaves_the_model_as_it_was(tmp_path):
    other = Sequential([Input((4,)), layers.Dense(3), layers.Dropout(0.2), layers.Dense(7)])
    other.save_weights(tmp_path / "w.safetensors")
    model = sequential()
    unchanged(model, lambda: model.load_weights(tmp_path / "w.safetensors"), ValueError, "shape")
    more = Sequential([Input((4,)), layers.Dense(3), layers.Dense(1), layers.Dense(1)])
    more.save_weights(tmp_path / "w.safetensors")
    unchanged(model, lambda: model.load_weights(tmp_path / "w.safetensors"), ValueError, "no place")
    fewer = Sequential([Input((4,)), layers.Dense(3)])
    fewer.save_weights(tmp_path / "w.safetensors")
    unchanged(model, lambda: model.load_weights(tmp_path / "w.safetensors"), ValueError, "no weights in the")


def test_skip_mismatch(tmp_path):
    other = Sequential([Input((4,)), layers.Dense(3), layers.Dropout(0.2), layers.Dense(7)])
    other.save_weights(tmp_path / "w.safetensors")
    model = sequential()
    with pytest.warns(UserWarning, match="Skipping layer"):
        model.load_weights(tmp_path / "w.safetensors", skip_mismatch=True)
    np.testing.assert_array_equal(model.get_weights()[0], other.get_weights()[0])


def test_an_unbuilt_model(tmp_path):
    sequential().save_weights(tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match="build"):
        Sequential([layers.Dense(3), layers.Dense(1)]).load_weights(tmp_path / "w.safetensors")


def test_paths_that_cannot_be(tmp_path):
    model = sequential()
    with pytest.raises(FileNotFoundError, match="nowhere"):
        model.save(tmp_path / "nowhere" / "m.corten")
    with pytest.raises(FileNotFoundError, match="File not found"):
        load_model(tmp_path / "missing.corten")
    with pytest.raises(FileNotFoundError, match="File not found"):
        model.load_weights(tmp_path / "missing.safetensors")
    for name in ("m.pb", "m.pt", "m.safetensors"):
        with pytest.raises(ValueError, match=r"m\.corten"):
            model.save(tmp_path / name)
    with pytest.raises(ValueError, match=r"\.safetensors"):
        model.save_weights(tmp_path / "w.bin")
    model.save(tmp_path / "m.corten")
    with pytest.raises(FileExistsError, match="overwrite"):
        model.save(tmp_path / "m.corten", overwrite=False)
    with pytest.raises(ValueError, match="path"):
        model.save(3)
    (tmp_path / "folder.corten").mkdir()
    with pytest.raises(IsADirectoryError):
        model.save(tmp_path / "folder.corten")
    with pytest.raises(ValueError, match="folder"):
        load_model(tmp_path / "folder.corten")


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    model = sequential()
    path = tmp_path / "m.corten"
    model.save(path)
    before = path.read_bytes()

    def broken(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="no space"):
        model.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["m.corten"]


def test_custom_classes_must_be_known(tmp_path):
    class Unknown(layers.Layer):
        def call(self, x):
            return x

    Sequential([Input((4,)), Unknown()]).save(tmp_path / "m.corten")
    with pytest.raises(TypeError, match="Could not locate class 'Unknown'"):
        load_model(tmp_path / "m.corten")
    again = load_model(tmp_path / "m.corten", custom_objects={"Unknown": Unknown})
    assert type(again.layers[0]) is Unknown


# ---- damage ------------------------------------------------------------------------------------


def test_truncated_files(tmp_path):
    model = sequential()
    path = tmp_path / "m.corten"
    model.save(path)
    data = path.read_bytes()
    for size in {0, 1, 30, len(data) // 4, len(data) // 2, len(data) - 30, len(data) - 1}:
        path.write_bytes(data[:size])
        with pytest.raises(ValueError, match=r"m\.corten"):
            load_model(path)


def test_truncated_weights(tmp_path):
    model = sequential()
    for name in ("w.safetensors", "w.npz"):
        path = tmp_path / name
        model.save_weights(path)
        data = path.read_bytes()
        for size in (0, 4, len(data) // 2, len(data) - 1):
            path.write_bytes(data[:size])
            unchanged(model, lambda: model.load_weights(path), ValueError, name)  # noqa: B023


def test_every_flipped_byte_is_noticed(tmp_path):
    model = Sequential([Input((2,)), layers.Dense(1)])
    path = tmp_path / "m.corten"
    model.save(path)
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    expected = model(np.ones((1, 2), "float32")).numpy()
    for position in rng.integers(0, len(data), 300):
        damaged = bytearray(data)
        damaged[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(damaged))
        try:
            again = load_model(path)
        except (ValueError, TypeError):
            continue
        # A few bytes mean nothing (dates, the version of the writer): the model is the same then.
        np.testing.assert_array_equal(again(np.ones((1, 2), "float32")).numpy(), expected)


def rewrite(path, change, **options):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def test_archives_that_are_not_ours(tmp_path):
    path = tmp_path / "m.corten"

    def fresh():
        sequential().save(path)

    fresh()
    rewrite(path, lambda m: m.update({"../evil.txt": b"x"}))
    with pytest.raises(ValueError, match="leads out of the archive"):
        load_model(path)
    fresh()
    rewrite(path, lambda m: None, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="compressed"):
        load_model(path)
    fresh()
    rewrite(path, lambda m: m.update({"config.json": b"{}"}))
    with pytest.raises(ValueError, match="checksum"):
        load_model(path)
    fresh()
    rewrite(path, lambda m: m.pop("weights.safetensors"))
    with pytest.raises(ValueError, match="damaged"):
        load_model(path)
    fresh()

    def newer(members):
        metadata = json.loads(members["metadata.json"])
        metadata["format_version"] = 99
        members["metadata.json"] = json.dumps(metadata).encode()

    rewrite(path, newer)
    with pytest.raises(ValueError, match="update Corten"):
        load_model(path)
    path.write_bytes(b"PK\x05\x06" + b"\0" * 18)
    with pytest.raises(ValueError, match=r"no metadata\.json"):
        load_model(path)


def test_configurations_never_import(tmp_path):
    for config in (
        {"module": "os", "class_name": "system", "config": {}, "registered_name": None},
        {"module": "corten.saving", "class_name": "load_model", "config": {}, "registered_name": None},
        {"module": "subprocess", "class_name": "function", "config": "run", "registered_name": "run"},
        {"module": "corten.layers", "class_name": "__import__", "config": {}, "registered_name": None},
    ):
        with pytest.raises(TypeError, match="Could not locate"):
            corten.saving.deserialize_keras_object(config)


# ---- safetensors -------------------------------------------------------------------------------


def build(header, body=b""):
    text = json.dumps(header).encode() if not isinstance(header, bytes) else header
    return len(text).to_bytes(8, "little") + text + body


def entry(dtype="F32", shape=(1,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "truncated"),
        ((2**62).to_bytes(8, "little") + b"{}", "header claims"),
        (build(b"{nonsense"), "JSON"),
        (build(b"[" * 100000 + b"]" * 100000), "JSON"),
        (build([1]), "not a JSON object"),
        (build({"a": 1}), "not valid"),
        (build({"a": entry(dtype="F8")}, b"0000"), "not valid"),
        (build({"a": entry(shape=(-1,))}, b"0000"), "not valid"),
        (build({"a": entry(shape=(2**40, 2**40))}, b"0000"), "bytes but its shape"),
        (build({"a": entry(shape=(True,))}, b"0000"), "not valid"),
        (build({"a": entry(offsets=(0, 8))}, b"0000"), "not valid"),
        (build({"a": entry(offsets=(4, 0))}, b"0000"), "not valid"),
        (build({"a": entry(offsets=(0, 3), shape=(1,))}, b"0000"), "bytes but its shape"),
        (build({"a": entry(), "b": entry()}, b"0000"), "overlaps"),
        (build({"a": entry(offsets=(4, 8))}, b"00000000"), "gap"),
        (build({"a": entry()}, b"00000000"), "damaged"),
        (build(b'{"a": 1, "a": 2}'), "twice"),
        (build({"a": entry(dtype="BOOL", offsets=(0, 1))}, b"\x07"), "booleans"),
    ],
)
def test_bad_safetensors(data, message):
    with pytest.raises(ValueError, match=message):
        safetensors.parse(data, "w")


def test_safetensors_dtypes():
    arrays = {
        dtype: np.array([[0, 1], [1, 0]], dtype)
        for dtype in ("float64", "float32", "float16", "int64", "int8", "uint16", "bool")
    }
    arrays["empty"] = np.zeros((0, 3), "float32")
    arrays["scalar"] = np.array(3, "int32")
    loaded = safetensors.parse(safetensors.dump(arrays, {"made": "here"}))
    for name, array in arrays.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array)
    with pytest.raises(ValueError, match="cannot store"):
        safetensors.dump({"x": np.array(["a"])})


# ---- objects -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [None, 1, 2.5, "text", True, [1, [2]], (1, (2, "x")), {"a": (1, None)}, slice(1, None, 2), ..., b"\xff"],
    ids=repr,
)
def test_plain_values(value):
    config = json.loads(json.dumps(corten.saving.serialize_keras_object(value)))
    assert corten.saving.deserialize_keras_object(config) == value


def test_arrays_and_tensors():
    for value in (np.arange(4, dtype="int16").reshape(2, 2), corten.tensor([1.0, 2.0])):
        config = json.loads(json.dumps(corten.saving.serialize_keras_object(value)))
        again = corten.saving.deserialize_keras_object(config)
        assert again.dtype == value.dtype
        np.testing.assert_array_equal(np.asarray(again), np.asarray(value))


def test_functions():
    config = corten.saving.serialize_keras_object(corten.activations.relu)
    assert corten.saving.deserialize_keras_object(config) is corten.activations.relu
    with pytest.raises(ValueError, match="lambda"):
        corten.saving.serialize_keras_object(lambda x: x)
    with pytest.raises(ValueError, match="get_config"):
        corten.saving.serialize_keras_object(object())


def test_nested_objects():
    layer = layers.Dense(
        2,
        activation="relu",
        kernel_regularizer=corten.regularizers.L2(0.1),
        kernel_initializer=corten.initializers.HeNormal(seed=1),
    )
    config = json.loads(json.dumps(corten.saving.serialize_keras_object(layer)))
    again = corten.saving.deserialize_keras_object(config)
    assert again.kernel_regularizer.l2 == pytest.approx(0.1)
    assert again.activation is corten.activations.relu


def test_unknown_names_get_a_hint():
    config = {"module": "corten.layers", "class_name": "Dens", "config": {}, "registered_name": None}
    with pytest.raises(TypeError, match="Did you mean 'Dense'"):
        corten.saving.deserialize_keras_object(config)


# ---- files that claim more than they hold ------------------------------------------------------


def test_npz_bombs(tmp_path):
    model = sequential()
    path = tmp_path / "w.npz"
    header = np.lib.format.header_data_from_array_1_0(np.zeros(1))
    header["shape"] = (2**50,)
    with zipfile.ZipFile(path, "w") as archive, archive.open("layers/dense/vars/0.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, header)
    unchanged(model, lambda: model.load_weights(path), ValueError, "no complete array")
    np.savez_compressed(path, **{"layers/dense/vars/0": np.zeros((4, 3))})
    unchanged(model, lambda: model.load_weights(path), ValueError, "compressed")
    np.savez(path, **{"layers/dense/vars/0": np.array([object()])})
    unchanged(model, lambda: model.load_weights(path), ValueError, r"w\.npz")


def test_h5_bombs_and_links(tmp_path):
    h5py = pytest.importorskip("h5py")
    model = sequential()
    path = tmp_path / "w.weights.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("layers/dense/vars/0", shape=(2**50,), chunks=(16,), dtype="f8")
    unchanged(model, lambda: model.load_weights(path), ValueError, "claims more")
    for link in (h5py.SoftLink("/x"), h5py.ExternalLink("other.h5", "/x")):
        with h5py.File(path, "w") as file:
            file["layers/dense/vars/0"] = link
        unchanged(model, lambda: model.load_weights(path), ValueError, "is a link")
    with h5py.File(path, "w") as file:
        file.create_dataset("layers/dense/vars/0", data="text")
    unchanged(model, lambda: model.load_weights(path), ValueError, r"weights\.h5")
    path.write_bytes(b"nonsense")
    unchanged(model, lambda: model.load_weights(path), ValueError, r"weights\.h5")


# ---- any bytes ---------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_no_safetensors(data):
    try:
        arrays = safetensors.parse(data)
    except ValueError:
        return
    assert sum(array.nbytes for array in arrays.values()) <= len(data)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=8),
        st.tuples(
            st.sampled_from(["float32", "int8", "bool", "uint64", "float16"]),
            st.lists(st.integers(0, 4), max_size=4),
        ),
        max_size=4,
    ),
    st.data(),
)
def test_damaged_safetensors_never_allocate_more_than_they_hold(entries, data):
    entries.pop("__metadata__", None)
    arrays = {name: np.ones(shape, dtype) for name, (dtype, shape) in entries.items()}
    encoded = bytearray(safetensors.dump(arrays))
    for name, array in safetensors.parse(bytes(encoded)).items():
        np.testing.assert_array_equal(array, arrays[name])
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] = data.draw(st.integers(0, 255))
    try:
        loaded = safetensors.parse(bytes(encoded))
    except ValueError:
        return
    assert sum(array.nbytes for array in loaded.values()) <= len(encoded)


def test_a_fresh_process_predicts_the_same_bits(tmp_path):
    model = Sequential(
        [
            Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    x = np.random.default_rng(0).normal(size=(16, 8, 8, 1)).astype("float32")
    model.fit(x, np.arange(16) % 3, verbose=0)
    model.save(tmp_path / "m.corten")
    np.save(tmp_path / "x.npy", x)
    code = (
        "import sys, numpy, corten; model = corten.models.load_model('m.corten'); "
        "sys.stdout.write(model.predict(numpy.load('x.npy'), verbose=0).tobytes().hex())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == model.predict(x, verbose=0).tobytes().hex()


def test_configurations_of_this_process_need_no_registration():
    class Cell(layers.Layer):
        def call(self, x):
            return x * 2

    def double(x):
        return x * 2

    wrapper = layers.TimeDistributed(Cell())
    again = type(wrapper).from_config(wrapper.get_config())
    assert type(again.layer) is Cell
    config = corten.saving.serialize_keras_object(double)
    assert corten.saving.deserialize_keras_object(config) is double
