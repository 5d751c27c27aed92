"""Damaged files and those of newer versions are refused, and the model that loads them stays as it is."""

import json
import zipfile

import numpy as np
import pytest
from tests.files.writers import model, read_trials, write_cache, write_trials

import corten

WEIGHTS = ["w.safetensors", "w.npz", "w.weights.h5", "w.weights.json", "m.corten", "m.keras"]


def saved(name, folder):
    if "h5" in name or "json" in name or name.endswith("keras"):
        pytest.importorskip("h5py")
    path = folder / name
    if path.stem == "m":
        model(0).save(path)
    else:
        model(0).save_weights(path)
    return path


def loads_nothing_else(path, right):
    """Loads into a model: its weights are right then, or an error names the file and nothing changes."""
    fresh = model.__wrapped__(5, compiled=False)
    before = [array.tobytes() for array in fresh.get_weights()]
    message = ""
    try:
        fresh.load_weights(path)
    except ValueError as error:
        message = str(error)
    after = [array.tobytes() for array in fresh.get_weights()]
    assert after == (before if message else right)
    assert not message or str(path.parent) in message
    return not message


@pytest.mark.parametrize("name", WEIGHTS)
def test_truncated_and_flipped_files(name, tmp_path):
    path = saved(name, tmp_path)
    right = [array.tobytes() for array in model(0).get_weights()]
    damaged = next(tmp_path.glob("*.h5")) if name.endswith("json") else path
    whole = damaged.read_bytes()
    for size in np.linspace(0, len(whole) - 1, 20).astype(int):
        damaged.write_bytes(whole[:size])
        assert not loads_nothing_else(path, right)
    random = np.random.default_rng(0)
    for place in random.choice(len(whole), 60, replace=False):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << random.integers(8)
        damaged.write_bytes(flipped)
        accepted = loads_nothing_else(path, right)
        # These have a checksum over every byte.
        assert not (accepted and name in {"w.safetensors", "w.weights.json"})
    damaged.write_bytes(whole)
    assert loads_nothing_else(path, right)


@pytest.mark.parametrize("name", WEIGHTS[:4])
def test_every_flipped_number_is_noticed(name, tmp_path):
    path = saved(name, tmp_path)
    kernel = model(0).get_weights()[0].tobytes()
    damaged = next(tmp_path.glob("*.h5")) if name.endswith("json") else path
    whole = damaged.read_bytes()
    place = whole.index(kernel)
    for offset in range(0, len(kernel), 5):
        damaged.write_bytes(
            whole[: place + offset] + bytes([whole[place + offset] ^ 1]) + whole[place + offset + 1 :]
        )
        with pytest.raises(ValueError, match=r"damaged|CRC|checksum"):
            model(5, compiled=False).load_weights(path)


def newer(path):
    """Turns the format version of a file into 99."""
    data = path.read_bytes()
    if path.suffix == ".safetensors":
        path.write_bytes(data.replace(b'"format_version":"1"', b'"format_version":"9"'))
    elif path.suffix == ".npz":
        path.write_bytes(data.replace(b"corten weights 1", b"corten weights 9"))
    elif path.suffix == ".h5":
        import h5py

        with h5py.File(path, "r+") as file:
            file.attrs["corten_format_version"] = 9
    elif path.suffix == ".json":
        path.write_bytes(data.replace(b'"format_version": 1', b'"format_version": 9'))
    else:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        metadata = json.loads(members["metadata.json"])
        members["metadata.json"] = json.dumps({**metadata, "format_version": 9}).encode()
        with zipfile.ZipFile(path, "w") as archive:
            for name, member in members.items():
                archive.writestr(name, member)


@pytest.mark.parametrize("name", WEIGHTS[:5])
def test_files_of_a_newer_corten_say_so(name, tmp_path):
    path = saved(name, tmp_path)
    newer(path)
    with pytest.raises(ValueError, match=r"format version 9.*up to 1.*update Corten") as raised:
        model(5, compiled=False).load_weights(path)
    assert str(path) in str(raised.value)


def test_caches_and_results(tmp_path):
    write_cache(tmp_path, 0)
    path = tmp_path / "elements"
    whole = path.read_bytes()
    cached = corten.data.Dataset.range(0).cache(str(path))
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="elements"):
            list(cached)
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(ValueError, match="elements"):
            list(cached)
    path.write_bytes(whole.replace(b"CACHE-2", b"CACHE-9"))
    with pytest.raises(ValueError, match="version '9'"):
        list(cached)
    write_trials(tmp_path, 0)
    results = tmp_path / "results.json"
    text = results.read_text()
    results.write_text(text.replace('"score": 0.5', '"score": 0.4'))
    with pytest.raises(ValueError, match=r"results\.json.*checksum"):
        read_trials(tmp_path)
    results.write_text(text.replace('"version": 1', '"version": 9'))
    with pytest.raises(ValueError, match="version is 9"):
        read_trials(tmp_path)


def test_files_of_other_writers_have_no_checksums(tmp_path):
    arrays = {f"w{index}": array for index, array in enumerate(model(0).get_weights())}
    names = {"w0": "layers/dense/vars/0", "w1": "layers/dense/vars/1"}
    names |= {"w2": "layers/dense_1/vars/0", "w3": "layers/dense_1/vars/1"}
    plain = {names[key]: array for key, array in arrays.items()}
    np.savez(tmp_path / "w.npz", **plain)
    (tmp_path / "w.safetensors").write_bytes(corten.saving.safetensors.dump(plain))
    right = [array.tobytes() for array in model(0).get_weights()]
    assert loads_nothing_else(tmp_path / "w.npz", right)
    assert loads_nothing_else(tmp_path / "w.safetensors", right)
