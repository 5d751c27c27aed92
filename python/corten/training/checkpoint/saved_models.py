"""Files of `ModelCheckpoint`: a model, and beside it where its training was."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from corten.saving import files, safetensors
from corten.saving.model_state import assign, assign_own
from corten.training.checkpoint.files import parse_checkpoint

_MEMBER = "training.safetensors"


class SavedModel:
    """A `.corten` file with the state of training.

    Args:
        path: The file.
        members: What is in it.

    Attributes:
        state: The state besides weights and optimizer.
        arrays: Its arrays.
    """

    def __init__(self, path: Path, members: dict[str, bytes]) -> None:
        self.path = path
        self.state, self.arrays = parse_checkpoint(members[_MEMBER], f"{path}: {_MEMBER}")
        self._weights = safetensors.parse(members["weights.safetensors"], f"{path}: weights")
        optimizer = members.get("optimizer.safetensors")
        self._optimizer = None if optimizer is None else safetensors.parse(optimizer, f"{path}: optimizer")

    def assign_to(self, model: Any) -> None:
        """Sets weights and optimizer, which must be built.

        Raises:
            ValueError: They do not fit.
        """
        assign(model, self._weights, str(self.path))
        if self._optimizer is not None:
            assign_own(model.optimizer, self._optimizer, f"{self.path}: optimizer")


def read_saved_model(path: Path) -> SavedModel:
    """Reads a file that training is to go on from.

    Raises:
        ValueError: It is damaged, or holds no state of training.
    """
    members = files.read_archive(path)
    if _MEMBER not in members:
        raise ValueError(
            f"fit: {str(path)!r} holds a model without the state of its training. Load it with "
            "`corten.models.load_model` and call `fit` without `resume`; `ModelCheckpoint` writes files "
            "to go on from."
        )
    return SavedModel(path, members)


def furthest(folder: Path) -> SavedModel | None:
    """Gives the file of a folder whose training got furthest, or None; damaged ones are warned of."""
    best: SavedModel | None = None
    for path in sorted(folder.glob("*.corten")):
        try:
            members = files.read_archive(path)
            found = SavedModel(path, members) if _MEMBER in members else None
        except ValueError as error:
            warnings.warn(f"fit: a file is left out: {error}", UserWarning, stacklevel=2)
            continue
        if found is not None and (best is None or place_of(found.state) >= place_of(best.state)):
            best = found
    return best


def place_of(state: dict[str, Any]) -> tuple[int, int]:
    """Gives the epoch and the batch of a state."""
    return state["epoch"], state["step"]
