"""The trials of a search, and the file that keeps them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from pathlib import Path
from typing import Any

from corten.saving.files import parse_json, write_bytes

_VERSION = 1


@dataclasses.dataclass
class Trial:
    """One setting that was tried.

    Attributes:
        number: Which trial it is, from 0.
        parameters: Name to value.
        seed: What its weights, order of samples and dropout were drawn from.
        epochs: For how long it was trained.
        score: The last value of the objective; NaN where training broke down.
        scores: What `score` was when the trial was trained for so many epochs.
        history: The logged values, a list per name.
    """

    number: int
    parameters: dict[str, Any]
    seed: int
    epochs: int = 0
    score: float = math.nan
    scores: dict[int, float] = dataclasses.field(default_factory=dict)
    history: dict[str, list[float]] = dataclasses.field(default_factory=dict)

    def rank(self, direction: str) -> tuple[float, int]:
        """Gives what to sort by: best first, NaN last, ties in the order of trials."""
        if math.isnan(self.score):
            return math.inf, self.number
        return (-self.score if direction == "max" else self.score), self.number


class TrialFile:
    """Keeps trials in `results.json` of a folder, written anew (as a whole or not at all) after each.

    Args:
        directory: The folder, or None to keep nothing.
        settings: What makes the search; a file of another search is refused.
    """

    def __init__(self, directory: Any, settings: dict[str, Any]) -> None:
        self.path = None if directory is None else Path(directory) / "results.json"
        # As they come back from a file, so that they compare.
        self._settings = json.loads(json.dumps(settings))

    def read(self) -> tuple[list[Trial], str | None]:
        """Gives the trials of an earlier run and whether higher is better ('max' or 'min').

        Raises:
            ValueError: The file belongs to another search, or is damaged.
        """
        if self.path is None or not self.path.exists():
            return [], None
        try:
            stored = parse_json(self.path.read_bytes(), str(self.path))
            digest = stored.pop("sha256", None)
            version, settings = stored["version"], dict(stored["settings"])
            if version == _VERSION and digest != content_digest(stored):
                raise ValueError("its checksum does not match")
            entries = [dict(entry) for entry in stored["trials"]]
            direction = stored["direction"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{self.path}: this is no file of search results ({error}); delete it"
            ) from error
        if version != _VERSION:
            raise ValueError(f"{self.path}: its version is {version}; this Corten reads {_VERSION}")
        for name, value in self._settings.items():
            if settings.get(name) != value:
                raise ValueError(
                    f"{self.path} holds the results of another search: its {name} is "
                    f"{settings.get(name)!r}, not {value!r}. Take another directory, or delete the file."
                )
        try:
            return [_trial_of(entry) for entry in entries], direction
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{self.path}: a trial in it is damaged ({error!r}); delete the file") from error

    def write(self, trials: list[Trial], direction: str | None) -> None:
        """Stores the trials."""
        if self.path is None:
            return
        entries = [dataclasses.asdict(trial) for trial in trials]
        content = {
            "version": _VERSION,
            "settings": self._settings,
            "direction": direction,
            "trials": [_plain(entry) for entry in entries],
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**content, "sha256": content_digest(content)}, indent=1, allow_nan=False)
        write_bytes(self.path, text.encode())


def content_digest(content: dict[str, Any]) -> str:
    """The checksum of a file of results, as its ``sha256`` says it.

    Args:
        content: What the file holds beside the checksum.

    Example:
        >>> content_digest({"version": 1})[:8]
        'c3aa9744'
    """
    # Through JSON once, which makes text of the numbers that are keys.
    plain = json.loads(json.dumps(content))
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _trial_of(entry: dict[str, Any]) -> Trial:
    def number(value: float | None) -> float:
        return math.nan if value is None else value

    restored = {
        "score": number(entry["score"]),
        "scores": {int(epochs): number(score) for epochs, score in entry["scores"].items()},
        "history": {name: [number(value) for value in values] for name, values in entry["history"].items()},
    }
    return Trial(**{**entry, **restored})


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity: they become null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def table(trials: list[Trial], direction: str, objective: str) -> str:
    """Gives the trials as lines of text, best first."""
    if not trials:
        return "no trials yet"
    names = list(trials[0].parameters)
    rows = [["trial", objective, "epochs", *names]]
    for trial in sorted(trials, key=lambda trial: trial.rank(direction)):
        values = [_short(trial.parameters[name]) for name in names]
        rows.append([str(trial.number), _short(trial.score), str(trial.epochs), *values])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
    )


def _short(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
