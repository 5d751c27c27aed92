"""What a training is made of, to tell whether a checkpoint belongs to it."""

from __future__ import annotations

from typing import Any

from corten.training.adapters import ArrayAdapter, DataAdapter
from corten.training.adapters.conversion import flatten
from corten.training.checkpoint.state import optimizers_of, variables_of

# Names count up with every layer a program makes, seeds may be drawn; a callback may change the others.
_LEFT_OUT = frozenset({"name", "seed", "trainable", "learning_rate", "shared_object_id"})


def describe(model: Any, adapter: DataAdapter, validation: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Gives what must be the same for training to go on with the same numbers.

    Args:
        model: The built model.
        adapter: The data that it is trained on.
        validation: The `EpochIterator` of the validation data, or None.
        arguments: Arguments of `fit` to compare.

    Returns:
        JSON: dicts and lists of numbers and text.
    """
    description = {f"fit/{name}": _plain(value) for name, value in arguments.items()}
    description["fit/x"] = _data(adapter)
    description["fit/validation_data"] = None if validation is None else _data(validation.adapter)
    leaf_layers = [layer for layer in model._flatten_layers() if not layer._layers]
    description["layers"] = [_named(layer) for layer in leaf_layers]
    description["optimizers"] = [_named(optimizer) for optimizer in optimizers_of(model)]
    description["variables"] = [
        {"path": v.path, "shape": list(v.shape), "dtype": v._dtype} for v in variables_of(model)
    ]
    return description


def _named(part: Any) -> dict[str, Any]:
    """Class and plain settings of a layer or optimizer."""
    try:
        config = part.get_config()
    except Exception:
        config = {}  # A class of the user's that cannot be saved: its name must do.
    kept = {key: value for key, value in config.items() if key not in _LEFT_OUT and _is_plain(value)}
    return {"class": type(part).__name__, **{key: _plain(value) for key, value in kept.items()}}


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return [[str(key), _plain(item)] for key, item in sorted(value.items())]
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if _is_plain(value) else str(value)


def _data(adapter: DataAdapter) -> dict[str, Any]:
    parts = adapter.arrays if isinstance(adapter, ArrayAdapter) else ()
    shapes = [
        [name, list(leaf.shape[1:]), str(leaf.dtype)]
        for part, label in zip(parts, ("x", "y", "sample_weight"), strict=False)
        for name, leaf in flatten(part, label)
    ]
    source = type(adapter.source).__name__ if adapter.source is not None else "arrays"
    return {
        "kind": source,
        "samples": adapter.num_samples,
        "batches": adapter.num_batches,
        "arrays": shapes,
    }


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Says in words what differs between two descriptions.

    Example:
        >>> differences({"fit/batch_size": 32}, {"fit/batch_size": 16})
        ['batch_size was 32 and is 16']
    """
    found: list[str] = []
    for key in now:
        _compare(key.removeprefix("fit/"), before.get(key), now[key], found)
    return found


def _compare(place: str, before: Any, now: Any, found: list[str]) -> None:
    if before == now:
        return
    if isinstance(before, dict) and isinstance(now, dict):
        if place.startswith("variables["):
            if before["shape"] != now["shape"] or before["dtype"] != now["dtype"]:
                kinds = [f"{tuple(one['shape'])} {one['dtype']}" for one in (before, now)]
                found.append(f"variable {now['path']!r} was {kinds[0]} and is {kinds[1]}")
            return
        if before.get("class") != now.get("class"):
            found.append(f"{place} was a {before.get('class')} and is a {now.get('class')}")
            return
        name = f"{place} ({now['class']})" if "class" in now else place
        for key in {**before, **now}:
            _compare(f"{name}.{key}", before.get(key), now.get(key), found)
        return
    structured = all(
        isinstance(value, list) and value and isinstance(value[0], dict) for value in (before, now)
    )
    if structured and len(before) == len(now):
        for index, (old, new) in enumerate(zip(before, now, strict=True)):
            _compare(f"{place}[{index}]", old, new, found)
    elif structured:
        found.append(f"there were {len(before)} {place} and are {len(now)}")
    else:
        found.append(f"{place} was {before!r} and is {now!r}")
