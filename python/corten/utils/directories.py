"""Folders of files as labelled lists: what the `*_dataset_from_directory` functions share."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from corten.data import Dataset

AUTOTUNE = -1


class Listing(NamedTuple):
    """Files with their labels.

    Attributes:
        paths: The files.
        labels: A number for each, or None.
        class_names: The classes; numbers as text where labels were given, None without labels.
    """

    paths: list[str]
    labels: np.ndarray | None
    class_names: list[str] | None


def list_files(
    name: str,
    directory: Any,
    labels: Any,
    label_mode: str | None,
    class_names: Sequence[str] | None,
    endings: tuple[str, ...],
    follow_links: bool,
) -> Listing:
    """Lists files in a folder by class, in an order that does not depend on the file system.

    Args:
        name: The function that asks.
        directory: The folder; with labels='inferred' each class has a folder in it.
        labels: ``'inferred'``, None, or one number for each file in sorted order.
        label_mode: ``'int'``, ``'binary'``, ``'categorical'`` or None.
        class_names: The folders to read, in the order of their numbers; None takes all, sorted.
        endings: Endings of the files to read.
        follow_links: Whether links to folders are followed.

    Raises:
        ValueError: Folder, labels or class names do not fit one another.
    """
    directory = os.path.expanduser(os.fspath(directory))
    if not os.path.isdir(directory):
        raise ValueError(f"{name}: {directory!r} is no folder")
    if label_mode not in {"int", "binary", "categorical", None}:
        raise ValueError(
            f"{name}: `label_mode` argument must be 'int', 'binary', 'categorical' or None; got "
            f"{label_mode!r}"
        )
    if label_mode is None:
        labels = None
    if labels is not None and not isinstance(labels, (list, tuple, np.ndarray)) and labels != "inferred":
        raise ValueError(f"{name}: `labels` argument should be 'inferred', a list or None; got {labels!r}")
    if not (isinstance(labels, str) and labels == "inferred"):
        if class_names is not None:
            raise ValueError(
                f'{name}: you can only pass `class_names` if `labels="inferred"`; got '
                f"labels={'None' if labels is None else type(labels).__name__}"
            )
        paths = _files_under(directory, endings, follow_links)
        paths = _some(name, directory, paths, endings)
        given = _given(name, labels, paths)
        classes = None if given is None else [str(number) for number in np.unique(given)]
        return Listing(paths, given, classes)
    found = sorted(
        entry.name for entry in os.scandir(directory) if entry.is_dir() and not entry.name.startswith(".")
    )
    names = found if class_names is None else list(class_names)
    if class_names is not None and set(names) != set(found):
        raise ValueError(
            f"{name}: the `class_names` passed did not match the folders of {directory!r}, which are "
            f"{found}; got {names}"
        )
    if label_mode == "binary" and len(names) != 2:
        raise ValueError(
            f"{name}: with label_mode='binary' there must be exactly 2 classes; {directory!r} has {names}"
        )
    paths, numbers = [], []
    for number, class_name in enumerate(names):
        of_class = _files_under(os.path.join(directory, class_name), endings, follow_links)
        paths += of_class
        numbers += [number] * len(of_class)
    return Listing(_some(name, directory, paths, endings), np.array(numbers, "int32"), names)


def _some(name: str, directory: str, paths: list[str], endings: tuple[str, ...]) -> list[str]:
    if not paths:
        kinds = {"image_dataset_from_directory": "images", "text_dataset_from_directory": "text files"}
        kind = kinds.get(name, "audio files")
        found = "No images found." if kind == "images" else f"No {kind} found in directory."
        raise ValueError(f"{name}: {found} {directory!r} has no files that end in {', '.join(endings)}")
    return paths


def _given(name: str, labels: Any, paths: list[str]) -> np.ndarray | None:
    if labels is None:
        return None
    if len(labels) != len(paths):
        raise ValueError(
            f"{name}: Expected the lengths of `labels` to match the number of files; there are {len(paths)} "
            f"files but {len(labels)} labels"
        )
    return np.asarray(labels, "int32")


def _files_under(folder: str, endings: tuple[str, ...], follow_links: bool) -> list[str]:
    found = []
    for root, folders, names in os.walk(folder, followlinks=follow_links):
        folders.sort()
        found += [os.path.join(root, name) for name in sorted(names) if name.lower().endswith(endings)]
    return found


def check_split(
    name: str, validation_split: float | None, subset: str | None, shuffle: bool, seed: int | None
) -> None:
    """Checks the arguments that choose a part of the files.

    Raises:
        ValueError: They contradict one another.
    """
    if validation_split and not 0 < validation_split < 1:
        raise ValueError(f"{name}: `validation_split` must be between 0 and 1; got {validation_split!r}")
    if subset not in {"training", "validation", "both", None}:
        raise ValueError(
            f'{name}: `subset` must be either "training", "validation" or "both"; got {subset!r}'
        )
    if subset is not None and not validation_split:
        raise ValueError(
            f"{name}: `validation_split` must be set with `subset`; got "
            f"validation_split={validation_split!r}, subset={subset!r}"
        )
    if validation_split and subset is None:
        raise ValueError(
            f"{name}: `subset` must be set with `validation_split`: 'training', 'validation' or 'both'; got "
            f"validation_split={validation_split!r}, subset=None"
        )
    if validation_split and shuffle and seed is None:
        raise ValueError(
            f"{name}: with validation_split and shuffle=True you must provide a `seed`, so that the two "
            "parts have no file in common; give seed, or shuffle=False"
        )


def datasets_of(
    listing: Listing,
    read: Callable[[str], Any],
    label_mode: str | None,
    batch_size: int | None,
    shuffle: bool,
    seed: int | None,
    validation_split: float | None,
    subset: str | None,
    verbose: bool,
) -> Any:
    """Makes the dataset of a listing, or those of both parts.

    Args:
        listing: The files.
        read: Reads one.
        label_mode: How labels are given.
        batch_size: Rows of a batch; None gives single files.
        shuffle: Whether each pass has an order of its own.
        seed: Makes the orders.
        validation_split: The share of the files kept for validation.
        subset: Which part is wanted.
        verbose: Whether to say how many files there are.
    """
    count = len(listing.paths)
    order = np.arange(count)
    if shuffle and validation_split:
        order = np.random.default_rng(seed).permutation(count)
    held = int(validation_split * count) if validation_split else 0
    parts = {"training": order[: count - held], "validation": order[count - held :], None: order}
    if verbose:
        classes = f" belonging to {len(listing.class_names)} classes" if listing.class_names else ""
        print(f"Found {count} files{classes}.")
        for part in ("training", "validation") if subset == "both" else [subset] if subset else []:
            print(f"Using {len(parts[part])} files for {part}.")
    labels = _encoded(listing, label_mode)

    def one(places: np.ndarray, shuffled: bool) -> Dataset:
        def element(number: Any) -> Any:
            place = int(places[int(number)])
            content = read(listing.paths[place])
            return content if labels is None else (content, labels[place])

        dataset = Dataset.from_tensor_slices(np.arange(len(places)))
        if shuffled:
            dataset = dataset.shuffle(max(1, len(places)), seed=seed)
        dataset = dataset.map(element, num_parallel_calls=AUTOTUNE)
        dataset = (dataset if batch_size is None else dataset.batch(batch_size)).prefetch(2)
        dataset.class_names = listing.class_names  # type: ignore[attr-defined]
        dataset.file_paths = [listing.paths[place] for place in places]  # type: ignore[attr-defined]
        return dataset

    if subset == "both":
        return one(parts["training"], shuffle), one(parts["validation"], False)
    return one(parts[subset], shuffle and subset != "validation")


def _encoded(listing: Listing, label_mode: str | None) -> np.ndarray | None:
    if listing.labels is None or label_mode is None:
        return None
    if label_mode == "binary":
        return listing.labels[:, None].astype("float32")
    if label_mode == "categorical":
        width = max(len(listing.class_names or ()), int(listing.labels.max()) + 1)
        return np.eye(width, dtype="float32")[listing.labels]
    return listing.labels
