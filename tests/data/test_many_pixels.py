"""Pictures of many pixels in small files: which are read and which are refused."""

from __future__ import annotations

import functools
import io
from pathlib import Path
from typing import Any

import pytest

from corten.utils import image_dataset_from_directory, image_utils, load_img

Image = pytest.importorskip("PIL.Image")


def _plain(mode: str, size: tuple[int, int], form: str, **options: Any) -> io.BytesIO:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, form, **options)
    return buffer


@pytest.mark.parametrize(("mode", "form"), [("1", "PNG"), ("L", "PNG"), ("RGB", "JPEG"), ("P", "GIF")])
def test_an_empty_page_is_read(mode: str, form: str) -> None:
    page = _plain(mode, (3000, 3000), form)
    assert load_img(page, color_mode="grayscale").size == (3000, 3000)


def test_few_pixels_are_read_from_any_file() -> None:
    small = _plain("1", (2800, 2800), "TIFF", compression="group4")
    assert len(small.getvalue()) < 784
    assert load_img(small, color_mode="grayscale").size == (2800, 2800)


def test_more_are_refused_unless_they_are_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "page.tif"
    path.write_bytes(_plain("1", (3000, 3000), "TIFF", compression="group4").getvalue())
    with pytest.raises(ValueError, match=r"page.tif.*3000 x 3000 pixels.*MAX_IMAGE_PIXELS to None"):
        load_img(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert load_img(path, color_mode="grayscale").size == (3000, 3000)


def test_padding_that_would_take_all_memory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Image.new("L", (65_000, 1)).save(tmp_path / "a" / "line.png")
    read = functools.partial(image_dataset_from_directory, tmp_path, image_size=(4, 4), verbose=False)
    with pytest.raises(ValueError, match=r"line.png' has 1 x 65000 pixels; .* would make 65000 x 65000"):
        list(read(pad_to_aspect_ratio=True))
    assert len(list(read(crop_to_aspect_ratio=True))) == 1


def test_a_file_that_cannot_be_wound_is_read() -> None:
    class Stream:
        def __init__(self, data: bytes) -> None:
            self._data = io.BytesIO(data)

        def read(self, size: int = -1) -> bytes:
            return self._data.read(size)

    assert load_img(Stream(_plain("RGB", (6, 5), "PNG").getvalue())).size == (6, 5)


@pytest.mark.parametrize("kind", ["lossy", "lossless", "extended"])
def test_webp_files_are_measured_before_they_are_opened(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "picture.webp"
    frames = [Image.new("RGB", (37, 5), color) for color in ("red", "blue")]
    further = {"save_all": True, "append_images": frames[1:]} if kind == "extended" else {}
    frames[0].save(path, lossless=kind == "lossless", **further)
    data = bytearray(path.read_bytes())
    assert data[12:16] == {"lossy": b"VP8 ", "lossless": b"VP8L", "extended": b"VP8X"}[kind]
    assert load_img(path).size == (37, 5)
    with monkeypatch.context() as patch:
        patch.setattr(image_utils, "_FEW_PIXELS", 0)
        patch.setattr(image_utils, "_PIXELS_PER_BYTE", 0)
        patch.setattr(Image, "open", None)
        for source in (path, io.BytesIO(data)):
            with pytest.raises(ValueError, match=r"is refused .37 x 5 pixels are declared by"):
                load_img(source)
