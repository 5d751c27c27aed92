"""Datasets of files in folders: what is read, in which order, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

import corten
from corten import utils
from corten.utils.image_utils import smart_resize

RNG = np.random.default_rng(0)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Twelve images of different sizes; the red channel is the number of the class."""
    for number, name in enumerate(("ape", "bee", "cow")):
        folder = tmp_path / name
        folder.mkdir()
        for i in range(4):
            pixels = RNG.integers(0, 256, size=(8 + i, 10, 3)).astype("uint8")
            pixels[..., 0] = number * 10
            Image.fromarray(pixels).save(folder / f"{i}.png")
    (tmp_path / "ape" / "notes.txt").write_text("no image")
    return tmp_path


def read(data: Any) -> tuple[np.ndarray, np.ndarray]:
    batches = [(np.asarray(x), np.asarray(y)) for x, y in data]
    return np.concatenate([x for x, _ in batches]), np.concatenate([y for _, y in batches])


def test_images_with_the_names_of_their_folders(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = utils.image_dataset_from_directory(images, image_size=(8, 10), batch_size=5, shuffle=False)
    assert capsys.readouterr().out == "Found 12 files belonging to 3 classes.\n"
    x, y = read(data)
    assert (x.shape, x.dtype, y.dtype) == ((12, 8, 10, 3), np.float32, np.int32)
    np.testing.assert_array_equal(x[:, 0, 0, 0], y * 10)
    assert y.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert data.class_names == ["ape", "bee", "cow"]
    assert [Path(path).name for path in data.file_paths[:4]] == ["0.png", "1.png", "2.png", "3.png"]
    exact = np.asarray(Image.open(images / "ape" / "0.png"), "float32")
    np.testing.assert_array_equal(x[0], exact)
    assert len(data) == 3


def test_orders_are_repeatable_and_vary(images: Path) -> None:
    def labels(seed: int) -> list[list[int]]:
        data = utils.image_dataset_from_directory(images, image_size=(4, 4), seed=seed, verbose=False)
        return [read(data)[1].tolist() for _ in range(2)]

    assert labels(1) == labels(1) != labels(2)
    assert labels(1)[0] != labels(1)[1]


def test_parts_have_nothing_in_common(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options: dict[str, Any] = {"image_size": (4, 4), "validation_split": 0.25, "seed": 3}
    training, validation = utils.image_dataset_from_directory(images, subset="both", **options)
    assert "Using 9 files for training.\nUsing 3 files for validation.\n" in capsys.readouterr().out
    assert len(set(training.file_paths) | set(validation.file_paths)) == 12
    again = utils.image_dataset_from_directory(images, subset="validation", verbose=False, **options)
    assert again.file_paths == validation.file_paths


@pytest.mark.parametrize(
    ("mode", "shape", "dtype"), [("int", (12,), "int32"), ("categorical", (12, 3), "float32")]
)
def test_label_modes(images: Path, mode: str, shape: tuple[int, ...], dtype: str) -> None:
    data = utils.image_dataset_from_directory(images, image_size=(4, 4), label_mode=mode, verbose=False)
    y = read(data)[1]
    assert (y.shape, y.dtype) == (shape, np.dtype(dtype))


def test_images_alone_and_given_labels(images: Path) -> None:
    options: dict[str, Any] = {"image_size": (4, 4), "shuffle": False, "verbose": False}
    for mode in ({"labels": None}, {"label_mode": None}):
        batch = next(iter(utils.image_dataset_from_directory(images, **mode, **options)))
        assert batch.shape == (12, 4, 4, 3)
    data = utils.image_dataset_from_directory(images, labels=list(range(12)), **options)
    assert read(data)[1].tolist() == list(range(12))
    data = utils.image_dataset_from_directory(images, class_names=["cow", "ape", "bee"], **options)
    assert data.class_names[0] == "cow"
    assert read(data)[0][0, 0, 0, 0] == 20


def test_shapes_of_images(images: Path) -> None:
    options: dict[str, Any] = {"image_size": (6, 4), "verbose": False, "labels": None}
    shapes = {
        "rgb": (12, 6, 4, 3),
        "grayscale": (12, 6, 4, 1),
        "rgba": (12, 6, 4, 4),
    }
    for mode, shape in shapes.items():
        data = utils.image_dataset_from_directory(images, color_mode=mode, **options)
        assert next(iter(data)).shape == shape
    first = utils.image_dataset_from_directory(images, data_format="channels_first", **options)
    assert next(iter(first)).shape == (12, 3, 6, 4)
    padded = utils.image_dataset_from_directory(images, pad_to_aspect_ratio=True, shuffle=False, **options)
    assert np.asarray(next(iter(padded)))[0, 0].max() == 0
    cropped = utils.image_dataset_from_directory(images, crop_to_aspect_ratio=True, shuffle=False, **options)
    whole = corten.utils.img_to_array(utils.load_img(images / "ape" / "0.png"))
    np.testing.assert_allclose(np.asarray(next(iter(cropped)))[0], smart_resize(whole, (6, 4)), atol=1e-4)
    assert next(iter(utils.image_dataset_from_directory(images, batch_size=None, **options))).shape == (
        6,
        4,
        3,
    )


def test_a_model_is_trained_on_files(images: Path) -> None:
    data = utils.image_dataset_from_directory(images, image_size=(8, 8), seed=0, verbose=False)
    model = corten.Sequential(
        [corten.Input((8, 8, 3)), corten.layers.Flatten(), corten.layers.Dense(3, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert set(model.fit(data, epochs=2, verbose=0).history) == {"accuracy", "loss"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_mode": "number"}, "label_mode` argument must be"),
        ({"color_mode": "cmyk"}, "color_mode` must be one of"),
        ({"labels": [1, 2]}, "12 files but 2 labels"),
        ({"class_names": ["ape"]}, "class_names` passed did not match"),
        ({"label_mode": "binary"}, "exactly 2 classes"),
        ({"validation_split": 0.2}, "`subset` must be set"),
        ({"subset": "training"}, "`validation_split` must be set"),
        ({"validation_split": 2, "subset": "training"}, "between 0 and 1"),
        ({"validation_split": 0.2, "subset": "test"}, "subset` must be either"),
        ({"validation_split": 0.2, "subset": "training"}, "provide a `seed`"),
        ({"image_size": (3,)}, "height and width"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "exclude each other"),
    ],
)
def test_what_does_not_fit(images: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        utils.image_dataset_from_directory(images, **options)


def test_folders_that_hold_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no folder"):
        utils.image_dataset_from_directory(tmp_path / "none")
    with pytest.raises(ValueError, match=r"has no files that end in \.bmp"):
        utils.image_dataset_from_directory(tmp_path)


def test_an_unreadable_image_is_named(images: Path) -> None:
    (images / "bee" / "1.png").write_bytes(b"no image")
    data = utils.image_dataset_from_directory(images, image_size=(4, 4), verbose=False)
    with pytest.raises(ValueError, match=r"bee/1\.png.*no image that Pillow can read"):
        list(data)


def test_links_to_folders(images: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "ape").mkdir()
    (other / "ape" / "more").symlink_to(images / "bee")
    options: dict[str, Any] = {"image_size": (4, 4), "verbose": False}
    with pytest.raises(ValueError, match="has no files"):
        utils.image_dataset_from_directory(other, **options)
    assert len(utils.image_dataset_from_directory(other, follow_links=True, **options).file_paths) == 4


# -- texts, sounds, series ------------------------------------------------------------------------------


def test_texts(tmp_path: Path) -> None:
    for name, text in (("bad", "schlecht"), ("good", "很好")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_text(text, encoding="utf-8")
    data = utils.text_dataset_from_directory(
        tmp_path, label_mode="binary", max_length=6, shuffle=False, verbose=False
    )
    texts, labels = next(iter(data))
    assert [str(text) for text in texts] == ["schlec", "很好"]
    assert np.asarray(labels).tolist() == [[0.0], [1.0]]
    (tmp_path / "bad" / "1.txt").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ValueError, match=r"1\.txt' is not UTF-8"):
        list(data)


def test_sounds(tmp_path: Path) -> None:
    for number, name in enumerate(("high", "low")):
        (tmp_path / name).mkdir()
        tone = np.sin(np.arange(800) / 8000 * 2 * np.pi * (400 if number == 0 else 100))
        soundfile.write(tmp_path / name / "1.wav", tone[: 800 - 100 * number], 8000, subtype="FLOAT")
    options: dict[str, Any] = {"shuffle": False, "verbose": False}
    sounds, labels = next(iter(utils.audio_dataset_from_directory(tmp_path, **options)))
    assert sounds.shape == (2, 800, 1)
    assert np.asarray(labels).tolist() == [0, 1]
    assert np.abs(np.asarray(sounds)[1, 700:]).max() == 0
    data = utils.audio_dataset_from_directory(
        tmp_path, sampling_rate=4000, output_sequence_length=390, **options
    )
    sounds = np.asarray(next(iter(data))[0])
    assert sounds.shape == (2, 390, 1)
    expected = np.sin(np.arange(390) / 4000 * 2 * np.pi * 400)
    np.testing.assert_allclose(sounds[0, :, 0], expected, atol=1e-4)
    with pytest.raises(ValueError, match="no ragged tensors"):
        utils.audio_dataset_from_directory(tmp_path, ragged=True)
    (tmp_path / "low" / "1.wav").write_bytes(b"no sound")
    with pytest.raises(ValueError, match=r"low/1\.wav' cannot be read"):
        list(data)


def test_windows_of_a_series() -> None:
    series = np.arange(20)
    data = utils.timeseries_dataset_from_array(
        series, None, sequence_length=4, sequence_stride=3, sampling_rate=2, start_index=1, end_index=16
    )
    assert np.asarray(next(iter(data))).tolist() == [[1, 3, 5, 7], [4, 6, 8, 10], [7, 9, 11, 13]]
    data = utils.timeseries_dataset_from_array(series, series[4:] * 10, 4, batch_size=5)
    windows, targets = next(iter(data))
    assert np.asarray(targets).tolist() == [40, 50, 60, 70, 80]
    assert sum(len(np.asarray(x)) for x, _ in data) == 16
    one = utils.timeseries_dataset_from_array(series, None, 4, shuffle=True, seed=1)
    two = utils.timeseries_dataset_from_array(series, None, 4, shuffle=True, seed=1)
    np.testing.assert_array_equal(next(iter(one)), next(iter(two)))
    assert np.asarray(windows).shape == (5, 4)
    for options in ({"sequence_length": 0}, {"sequence_length": 3, "start_index": 30}):
        with pytest.raises(ValueError, match="timeseries_dataset_from_array: "):
            utils.timeseries_dataset_from_array(series, None, **options)
    with pytest.raises(ValueError, match="below end_index"):
        utils.timeseries_dataset_from_array(series, None, 3, start_index=5, end_index=4)


def test_images_to_files_and_back(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, size=(5, 6, 3)).astype("float32")
    pixels[0, 0], pixels[0, 1] = 0, 255
    utils.save_img(tmp_path / "x.png", pixels)
    np.testing.assert_array_equal(utils.img_to_array(utils.load_img(tmp_path / "x.png")), pixels)
    first = utils.img_to_array(utils.load_img(tmp_path / "x.png"), data_format="channels_first")
    assert first.shape == (3, 5, 6)
    assert utils.array_to_img(first, data_format="channels_first").size == (6, 5)
    assert utils.load_img(tmp_path / "x.png", target_size=(3, 4), keep_aspect_ratio=True).size == (4, 3)
    assert utils.load_img(tmp_path / "x.png", color_mode="grayscale").mode == "L"
    utils.save_img(tmp_path / "x.jpg", np.ones((4, 4, 4)), quality=90)
    for call in (
        lambda: utils.array_to_img(np.ones((2, 2))),
        lambda: utils.array_to_img(np.ones((2, 2, 5))),
        lambda: utils.img_to_array(np.ones(3)),
        lambda: utils.load_img(tmp_path / "x.png", target_size=(2, 2), interpolation="cubic"),
        lambda: smart_resize(np.ones((4, 4)), (2, 2)),
    ):
        with pytest.raises(ValueError, match=r"_img|_to_array|smart_resize"):
            call()


def test_class_names_of_given_labels(images: Path) -> None:
    options: dict[str, Any] = {"image_size": (4, 4), "verbose": False, "label_mode": "categorical"}
    data = utils.image_dataset_from_directory(images, labels=[0, 2] * 6, **options)
    assert data.class_names == ["0", "2"]
    assert next(iter(data))[1].shape == (12, 3)
    assert utils.image_dataset_from_directory(images, labels=None, **options).class_names is None
