"""The heaps of HDF5 files are checked before they are read: files that were changed pass."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from corten.saving.hdf5_heaps import TextHeaps, check_names

h5py = pytest.importorskip("h5py")


def _texts(random: Random) -> list[str]:
    return ["x" * random.choice((0, 1, 7, 8, 100, 3000, 70_000)) for _ in range(random.randrange(1, 5))]


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("seed", range(6))
def test_files_that_were_changed_pass(tmp_path: Path, seed: int, libver: str) -> None:
    random, path = Random(seed), tmp_path / "m.h5"
    names = tuple(f"a{session}_" for session in range(3))
    for session in range(3):
        with h5py.File(path, "a", libver=libver) as file:
            holder = file.require_group("layers")
            for number in range(random.randrange(1, 12)):
                # Larger ones than 64 KB do not fit into the header of an object, but texts lie elsewhere.
                texts = _texts(random)
                holder.attrs.create(f"a{session}_{number}", texts, dtype=h5py.string_dtype())
                file[f"d{session}_{number}"] = list(range(random.randrange(1, 200)))
                if random.random() < 0.4:
                    del holder.attrs[random.choice(list(holder.attrs))]
    check_names(path)
    TextHeaps(path, names).check()
    TextHeaps(path.read_bytes(), names).check()
    with h5py.File(path, "r") as file:
        assert sum(len(text) for name in file["layers"].attrs for text in file["layers"].attrs[name]) > 0


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("one", [False, True])
def test_claims_are_found_wherever_attributes_lie(tmp_path: Path, libver: str, one: bool) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w", libver=libver) as file:
        # With more than eight, new files have them in a heap of their own.
        for number in range(20):
            holder = file.require_group(f"g{number}").attrs
            for other in range(1 if one else 12):
                holder.create(f"names{other}", ["abcde"] * 3, dtype=h5py.string_dtype())
    TextHeaps(path, ("names",)).check()
    data = bytearray(path.read_bytes())
    place = data.rindex(b"names0\0")
    length = data.index(b"\5\0\0\0", place)
    data[length : length + 4] = (1 << 30).to_bytes(4, "little")
    with pytest.raises(ValueError, match="an attribute claims texts of 10737418"):
        TextHeaps(bytes(data), ("names",)).check()
    TextHeaps(bytes(data), ("other",)).check()


def test_many_claims_together_are_found(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file.attrs["long"] = "x" * 60_000
        for number in range(40):
            file.create_group(f"g{number}").attrs.create("names", ["abcde"], dtype=h5py.string_dtype())
    data = bytearray(path.read_bytes())
    claim, place = (len(data) * 3 // 4).to_bytes(4, "little"), data.find(b"names\0")
    while place >= 0:
        length = data.index(b"\5\0\0\0", place)
        data[length : length + 4] = claim
        place = data.find(b"names\0", place + 1)
    with pytest.raises(ValueError, match="its attributes claim texts"):
        TextHeaps(bytes(data), ("names",)).check()


def test_the_space_of_names_that_went_may_lie_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        for number in range(60):
            file[f"a-name-of-some-length-{number}"] = number
        for number in Random(3).sample(range(60), 40):
            del file[f"a-name-of-some-length-{number}"]
    check_names(path)
    data = bytearray(path.read_bytes())
    heap = data.index(b"HEAP\0")
    size, first, start = (
        int.from_bytes(data[heap + place : heap + place + 8], "little") for place in (8, 16, 24)
    )
    pieces, piece = 0, first
    while piece != 1:
        last, piece = piece, int.from_bytes(data[start + piece : start + piece + 8], "little")
        pieces += 1
    assert 1 < pieces <= size // 16
    data[start + last : start + last + 8] = first.to_bytes(8, "little")
    with pytest.raises(ValueError, match=f"a heap of names is damaged .at byte {heap}."):
        check_names(bytes(data))


def test_notes_of_drivers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file["x"] = 1
    data = bytearray(path.read_bytes())
    assert data[8] == 0
    check_names(bytes(data))
    data[48:56] = (96).to_bytes(8, "little")
    with pytest.raises(ValueError, match="notes of a driver"):
        check_names(bytes(data))
