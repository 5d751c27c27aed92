"""Texts in folders as a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from corten.utils import directories


def text_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Text files in folders, one folder for each class, as a dataset of `(texts, labels)`.

    Args:
        directory: The folder; files that end in `.txt` are read as UTF-8.
        labels: As for `image_dataset_from_directory`.
        label_mode: As for `image_dataset_from_directory`.
        class_names: As for `image_dataset_from_directory`.
        batch_size: Texts of a batch; None gives single texts.
        max_length: Characters after which a text is cut; None keeps all.
        shuffle: Whether each pass has another order.
        seed: Makes orders and parts repeatable.
        validation_split: The share of the files kept for validation.
        subset: ``'training'``, ``'validation'``, or ``'both'`` for a pair of datasets.
        follow_links: Whether links to folders are followed.
        format: Accepted as in Keras; a `corten.data.Dataset` comes in any case.
        verbose: Whether to say how many files were found.

    Returns:
        A `Dataset` of arrays of strings, with the attributes `class_names` and `file_paths`.

    Raises:
        ValueError: Folder or arguments do not fit, or a file is not UTF-8.

    Example:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for name in ("good", "bad"):
        ...     (folder / name).mkdir()
        ...     size = (folder / name / "1.txt").write_text(f"a {name} film")
        >>> data = text_dataset_from_directory(folder, shuffle=False, verbose=False)
        >>> texts, labels = next(iter(data))
        >>> [str(text) for text in texts], labels.tolist()
        (['a bad film', 'a good film'], [0, 1])
    """
    name = "text_dataset_from_directory"
    directories.check_split(name, validation_split, subset, shuffle, seed)
    listing = directories.list_files(
        name, directory, labels, label_mode, class_names, (".txt",), follow_links
    )

    def read(path: str) -> str:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{name}: {path!r} is not UTF-8 ({error.reason} at byte {error.start})"
            ) from None
        return text if max_length is None else text[:max_length]

    return directories.datasets_of(
        listing, read, label_mode, batch_size, shuffle, seed, validation_split, subset, verbose
    )
