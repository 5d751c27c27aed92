"""The heaps of texts of HDF5 files are checked before they are read: files that were changed pass."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from corten.saving.hdf5_heaps import TextHeaps

h5py = pytest.importorskip("h5py")


def _texts(random: Random) -> list[str]:
    return ["x" * random.choice((0, 1, 7, 8, 100, 3000, 70_000)) for _ in range(random.randrange(1, 5))]


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("seed", range(6))
def test_files_that_were_changed_pass(tmp_path: Path, seed: int, libver: str) -> None:
    random, path = Random(seed), tmp_path / "m.h5"
    longest = 0
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
    with h5py.File(path, "r") as file:
        for name in file["layers"].attrs:
            longest = max(longest, *(len(text) for text in file["layers"].attrs[name]))
        assert TextHeaps(path).check(file) >= longest
        assert TextHeaps(path.read_bytes()).check(file) == TextHeaps(path).check(file)


def test_a_file_without_texts_has_no_heaps(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["a"] = [1, 2]
    with h5py.File(tmp_path / "m.h5", "r") as file:
        assert TextHeaps(tmp_path / "m.h5").check(file) == 0
