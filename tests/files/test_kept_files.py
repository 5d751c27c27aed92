"""`ModelCheckpoint(max_to_keep=...)` never removes the only file that can be read."""

from pathlib import Path

import numpy as np
import pytest
from tests.files.writers import model

import corten


def run(folder, epochs, **settings):
    callback = corten.callbacks.ModelCheckpoint(folder / "at-{epoch:02d}.corten", **settings)
    net = model.__wrapped__(0)
    x = np.ones((4, 3), "float32")
    net.fit(x, x[:, :2], epochs=epochs, verbose=0, callbacks=[callback])
    return callback, net


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_last_files_stay(tmp_path):
    (tmp_path / "at-00.corten").write_bytes(b"of somebody else")
    _, net = run(tmp_path, 5, max_to_keep=2)
    assert names(tmp_path) == ["at-00.corten", "at-04.corten", "at-05.corten"]
    newest = corten.saving.load_model(tmp_path / "at-05.corten")
    assert all(np.array_equal(a, b) for a, b in zip(net.get_weights(), newest.get_weights(), strict=True))


def test_all_files_stay_unless_asked(tmp_path):
    run(tmp_path, 3)
    assert len(names(tmp_path)) == 3


def test_weights_and_the_best(tmp_path):
    callback = corten.callbacks.ModelCheckpoint(
        tmp_path / "{epoch}.weights.npz",
        monitor="loss",
        save_best_only=True,
        save_weights_only=True,
        max_to_keep=1,
    )
    callback.set_model(model(0))
    callback.on_train_begin()
    for epoch, loss in enumerate([3.0, 2.0, 5.0]):
        callback.on_epoch_end(epoch, {"loss": loss})
    assert names(tmp_path) == ["2.weights.npz"]


def test_one_file_that_is_written_again_and_again(tmp_path):
    callback = corten.callbacks.ModelCheckpoint(tmp_path / "m.corten", max_to_keep=1)
    callback.set_model(model(0))
    callback.on_train_begin()
    for epoch in range(3):
        callback.on_epoch_end(epoch, {})
    assert names(tmp_path) == ["m.corten"]


def test_nothing_is_removed_for_a_file_that_cannot_be_read(tmp_path, monkeypatch):
    callback, net = run(tmp_path, 1, max_to_keep=1)
    save = type(net).save

    def damaging(self, path, **settings):
        save(self, path, **settings)
        data = Path(path).read_bytes()
        Path(path).write_bytes(data[: len(data) // 2] + b"!" + data[len(data) // 2 + 1 :])

    monkeypatch.setattr(type(net), "save", damaging)
    with pytest.warns(UserWarning, match=r"cannot be read back.*at-02\.corten"):
        callback.on_epoch_end(1, {})
    assert names(tmp_path) == ["at-01.corten", "at-02.corten"]
    monkeypatch.undo()
    callback.on_epoch_end(2, {})
    assert names(tmp_path) == ["at-02.corten", "at-03.corten"]


@pytest.mark.parametrize("count", [0, -1, 1.5])
def test_numbers_that_are_none(count):
    with pytest.raises(ValueError, match="max_to_keep must be a positive number"):
        corten.callbacks.ModelCheckpoint("m.corten", max_to_keep=count)
