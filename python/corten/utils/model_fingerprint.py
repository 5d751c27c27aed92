"""A short hash of a model: whether two are the same, in one line of a log."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import numpy as np

_PARTS = ("structure", "weights", "optimizer", "seeds")
_DIGITS = 16
# What settings carry that says nothing about what a model computes: names (which count the layers made so
# far), modules, and shapes seen by the first call. Seeds are a part of their own.
_LEFT_OUT = frozenset({"name", "module", "build_config", "compile_config", "seed"})


def fingerprint(model: Any, parts: str | Iterable[str] = _PARTS) -> str:
    """Gives a short hash of what a model is: equal hashes mean equal bits, to all that matters.

    It is a function of the model alone: another process, number of threads or name of a layer does not
    change it, and neither does saving and loading.

    - `"structure"`: classes and settings of the layers, how they are wired, shapes and dtypes of the
      weights. The code of classes of your own is not in it, only their names and what `get_config` gives.
    - `"weights"`: the bits of all weights, those that are not trained included, by their places in the
      model.
    - `"optimizer"`: its class, settings and state (moments, number of steps, learning rate); nothing for a
      model that is not compiled. The loss and the metrics are not in it.
    - `"seeds"`: the seeds of layers and initializers, and how far the random streams of the layers are. The
      global generator belongs to the process and is not in it.

    Args:
        model: The model or layer. For all parts but `"structure"` and `"optimizer"` it must be built.
        parts: What goes in: one of the names above, or several.

    Returns:
        16 hexadecimal digits, the first of a SHA-256.

    Raises:
        ValueError: A part is unknown, there is none, or the model has no weights yet.
        TypeError: `model` is neither a model nor a layer.

    Example:
        >>> import corten
        >>> from corten.utils import fingerprint
        >>> corten.utils.set_random_seed(1)
        >>> model = corten.Sequential([corten.Input((2,)), corten.layers.Dense(1)])
        >>> twin = corten.models.clone_model(model)
        >>> fingerprint(model, "structure") == fingerprint(twin, "structure")
        True
        >>> fingerprint(model) == fingerprint(twin)
        False
        >>> twin.set_weights(model.get_weights())
        >>> fingerprint(model) == fingerprint(twin)
        True
    """
    from corten.layers.tracking import Tracking
    from corten.saving.model_state import named_layers

    wanted = (parts,) if isinstance(parts, str) else tuple(parts)
    unknown = [part for part in wanted if part not in _PARTS]
    if unknown or not wanted:
        raise ValueError(f"fingerprint: parts are some of {', '.join(_PARTS)}; got {parts!r}")
    if not isinstance(model, Tracking):
        raise TypeError(f"fingerprint: expected a model or a layer; got {type(model).__name__}")
    if not getattr(model, "built", True) and {"weights", "seeds"} & set(wanted):
        raise ValueError(
            f"fingerprint: the model {getattr(model, 'name', '')!r} has no weights yet. Call it on data or "
            "`build` it."
        )
    places = list(named_layers(model))
    makers = {
        "structure": lambda: _structure(model, places),
        "weights": lambda: _weights(places),
        "optimizer": lambda: _optimizer(getattr(model, "optimizer", None)),
        "seeds": lambda: _seeds(model, places),
    }
    digest = hashlib.sha256(b"corten fingerprint 1")
    for part in _PARTS:
        if part in wanted:
            digest.update(part.encode() + makers[part]())
    return digest.hexdigest()[:_DIGITS]


def _structure(model: Any, places: list[tuple[str, Any]]) -> bytes:
    """Settings of the whole, which hold the wiring, and of each layer: a class may hold more than it says."""
    entries: list[Any] = [_settings(model)]
    for place, layer in places:
        if not _is_generator(layer):
            entries.append([place, type(layer).__name__, _settings(layer)])
    for place, key, array in _arrays(places):
        entries.append([place, key, *_kind(array)])
    return _hash(_plain(entries))


def _weights(places: list[tuple[str, Any]]) -> bytes:
    digest = hashlib.sha256()
    for place, key, array in _arrays(places):
        digest.update(_framed(f"{place}{key}", array))
    return digest.digest()


def _optimizer(optimizer: Any) -> bytes:
    from corten.saving.model_state import own_state

    if optimizer is None:
        return _hash(None)
    digest = hashlib.sha256(_hash(_plain(_settings(optimizer))))
    if optimizer.built:
        for key, array in own_state(optimizer).items():
            digest.update(_framed(key, array))
    return digest.digest()


def _seeds(model: Any, places: list[tuple[str, Any]]) -> bytes:
    from corten.saving.model_state import own_state

    found: list[Any] = []
    _collect_seeds(_settings(model), "", found)
    for place, layer in places:
        if not _is_generator(layer):
            _collect_seeds(_settings(layer), place, found)
    digest = hashlib.sha256(_hash(found))
    for place, holder in places:
        if _is_generator(holder):
            for key, array in own_state(holder).items():
                digest.update(_framed(f"{place}{key}", array))
    return digest.digest()


def _is_generator(holder: Any) -> bool:
    from corten.layers.tracking import is_seed_generator

    return is_seed_generator(holder)


def _arrays(places: list[tuple[str, Any]]) -> Iterable[tuple[str, str, Any]]:
    """The weights with their places."""
    from corten.saving.model_state import own_state

    for place, layer in places:
        if not _is_generator(layer):
            for key, array in own_state(layer).items():
                yield place, key, array


def _settings(target: Any) -> Any:
    """The class and the settings, as they are saved; None for a class that cannot say them."""
    from corten.saving.serialization import serialize_keras_object

    try:
        return serialize_keras_object(target)
    except (NotImplementedError, TypeError, ValueError):
        return None


def _plain(value: Any, names: dict[str, str] | None = None) -> Any:
    """Settings without what says nothing; layers that others refer to are numbered."""
    if isinstance(value, dict):
        if isinstance(value.get("layers"), list) and "input_layers" in value:
            layers = [str(layer.get("name")) for layer in value["layers"] if isinstance(layer, dict)]
            names = {name: f"layer {number}" for number, name in enumerate(layers)}
        kept = {}
        for key, item in value.items():
            if key in {"keras_history", "input_layers", "output_layers"}:
                kept[key] = _renamed(item, names or {})
            elif key not in _LEFT_OUT:
                # The name of a dtype policy is what it is.
                is_policy = key == "config" and "Policy" in str(value.get("class_name"))
                kept[key] = item if is_policy else _plain(item, names)
        return kept
    return [_plain(item, names) for item in value] if isinstance(value, list | tuple) else value


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(item, names) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value


def _collect_seeds(value: Any, path: str, found: list[Any]) -> None:
    """Notes what settings named `seed` say, by their places in the settings."""
    pairs = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list | tuple)
        else ()
    )
    for key, item in pairs:
        if key == "seed" and item is not None:
            found.append([path, _plain(item)])
        else:
            _collect_seeds(item, f"{path}/{key}", found)


def _bits(array: Any) -> np.ndarray[Any, Any]:
    from corten.saving.safetensors import Bfloat16

    return array.bits if isinstance(array, Bfloat16) else np.asarray(array)


def _kind(array: Any) -> list[Any]:
    from corten.saving.safetensors import Bfloat16

    bits = _bits(array)
    return ["bfloat16" if isinstance(array, Bfloat16) else bits.dtype.name, list(bits.shape)]


def _framed(name: str, array: Any) -> bytes:
    """The bits with name, dtype and shape before them, so that no two lists of arrays look alike."""
    bits = np.ascontiguousarray(_bits(array))
    little = bits.astype(bits.dtype.newbyteorder("<"), copy=False)
    return hashlib.sha256(json.dumps([name, *_kind(array)]).encode() + little.tobytes()).digest()


def _hash(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, allow_nan=True, default=_named)
    return hashlib.sha256(text.encode()).digest()


def _named(value: Any) -> str:
    """An object among settings that JSON does not know, without an address."""
    return type(value).__name__
