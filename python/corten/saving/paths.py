"""Names of files: what can be written and read, and errors for what cannot."""

from __future__ import annotations

import os
from collections.abc import Set
from pathlib import Path
from typing import Any

from corten.saving import files
from corten.saving.array_files import weights_format

H5_ENDINGS = frozenset({".h5", ".hdf5"})
WEIGHTS_ENDINGS = frozenset({".corten", ".keras", ".safetensors", ".npz", ".json", *H5_ENDINGS})


def check_file_name(filepath: Any, weights_only: bool = False) -> None:
    """Check that a file name has the ending of a format that can be written.

    Args:
        filepath: The path.
        weights_only: Whether the weights alone are to be saved.

    Raises:
        ValueError: It has the ending of another format.
    """
    path = as_path(filepath)
    if weights_only:
        weights_format(path)
        return
    if path.stem.endswith(".weights"):
        raise ValueError(
            f"save: {path.name!r} is a name for the weights alone: use `model.save_weights({path.name!r})`, "
            f"or `model.save({path.stem.removesuffix('.weights') + '.corten'!r})` for the whole model."
        )
    # Letters: 'model-0.25' is a name without an ending.
    if path.suffix not in {".corten", ".keras", *H5_ENDINGS} and path.suffix[1:2].isalpha():
        raise ValueError(
            "save: Invalid filepath extension for saving: a model is saved as `.corten`, `.keras` or `.h5`; "
            f"got {path.name!r}. Use `model.save({path.stem + '.corten'!r})`, or `save_weights` for weights."
        )


def as_path(filepath: Any) -> Path:
    """Gives a path for a string or path.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(filepath, (str, os.PathLike)):
        raise ValueError(f"Expected a path as a string or Path; got {filepath!r}.")
    return Path(filepath).expanduser()


def existing_path(filepath: Any, known: Set[str], what: str) -> Path:
    """Gives a path that exists.

    Raises:
        MissingFileError: There is nothing; it says which of the endings `known` can be read.
    """
    path = as_path(filepath)
    if path.exists():
        return path
    if path.suffix in known:
        advice = f"Please ensure the file is an accessible `{path.suffix}` file."
    else:
        advice = f"File format not supported: {what} are read from {', '.join(sorted(known))}."
    raise files.MissingFileError(f"File not found: {str(filepath)!r}. {advice}")


def refuse_arguments(kwargs: dict[str, Any]) -> None:
    """Raises an error for arguments that there are not.

    Raises:
        ValueError: There are some.
    """
    if "save_format" in kwargs:
        raise ValueError("The `save_format` argument is deprecated: the ending of the file's name tells it.")
    if kwargs:
        raise files.UnknownArgumentError(f"The following argument(s) are not supported: {sorted(kwargs)}")


def refuse_overwrite(path: Path, overwrite: bool) -> None:
    """Raises an error for a file that must not be replaced.

    Raises:
        FileExistsError: It exists and `overwrite` is false.
    """
    if path.exists() and not overwrite:
        raise FileExistsError(f"{str(path)!r} exists; pass `overwrite=True` to replace it.")
