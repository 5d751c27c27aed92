"""The arrays of a model by their places in it, given and taken."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from corten import _core
from corten.naming import to_snake_case
from corten.saving import safetensors
from corten.variable import Variable

TRAINING_STATE = ("optimizer/", "metrics/", "loss_tracker/", "compile_metrics/", "_")


def named_layers(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield each layer once with its place in the model, which does not depend on layer names."""
    from corten.layers.input_layer import InputLayer
    from corten.layers.tracking import Tracking, is_seed_generator, stateful_leaves

    seen: set[int] = set()

    def walk(layer: Any, prefix: str) -> Iterator[tuple[str, Any]]:
        seen.add(id(layer))
        yield prefix, layer
        used: dict[str, int] = {}
        for attribute in list(layer.__dict__["_tracked"]):
            value = layer.__dict__.get(attribute)
            name = "layers" if attribute in {"_graph_layers", "_stack"} else attribute.strip("_")
            if isinstance(value, Tracking) or is_seed_generator(value):
                children = [(name, value)]
            elif isinstance(value, (list, tuple, dict)):
                children = []
                for child in stateful_leaves(value):
                    if isinstance(child, (Variable, InputLayer)):
                        continue
                    base = f"{name}/{to_snake_case(type(child).__name__)}"
                    count = used.get(base, 0)
                    used[base] = count + 1
                    children.append((f"{base}_{count}" if count else base, child))
            else:
                continue
            for child_name, child in children:
                if id(child) in seen:
                    continue
                path = f"{prefix}{child_name}/"
                if isinstance(child, Tracking):
                    yield from walk(child, path)
                elif is_seed_generator(child):
                    seen.add(id(child))
                    yield path, child

    yield from walk(model, "")


def to_array(value: Any) -> Any:
    """The numbers of a variable or tensor as a NumPy array, or a `Bfloat16`."""
    if isinstance(value, (Variable, _core.Tensor)):
        dtype = value._dtype if isinstance(value, Variable) else value.dtype
        if dtype == "bfloat16":
            tensor = value._value if isinstance(value, Variable) else value
            return safetensors.Bfloat16.from_float32(_core.cast(tensor.detach(), "float32").numpy())
        return value.numpy()
    return np.asarray(value)


def own_state(holder: Any) -> dict[str, Any]:
    """The arrays of one layer, optimizer or seed generator, by key."""
    store: dict[str, Any] = {}
    if hasattr(holder, "save_own_variables"):
        holder.save_own_variables(store)
    elif isinstance(getattr(holder, "state", None), Variable):
        store["0"] = holder.state
    else:
        store = {str(index): variable for index, variable in enumerate(holder.variables)}
    return {str(key): to_array(value) for key, value in store.items()}


def weights_of(model: Any, objects_to_skip: Iterable[Any] | None = None) -> dict[str, Any]:
    """Gives the arrays of a model's weights by path, without those of `objects_to_skip`."""
    skipped = places_of(model, objects_to_skip)
    return {
        f"{prefix}vars/{key}": value
        for prefix, layer in named_layers(model)
        if prefix not in skipped
        for key, value in own_state(layer).items()
    }


def places_of(model: Any, layers: Iterable[Any] | None) -> frozenset[str]:
    """Where layers are in the model."""
    identities = {id(layer) for layer in layers or ()}
    return frozenset(prefix for prefix, layer in named_layers(model) if id(layer) in identities)


def names_of(model: Any) -> dict[str, str]:
    """The name of the layer at each place, for loading by name."""
    names = {prefix: layer.name for prefix, layer in named_layers(model) if hasattr(layer, "name")}
    return {"layer_names": json.dumps(names)}


def arrays_by_name(
    model: Any, arrays: dict[str, Any], metadata: dict[str, str], source: str
) -> dict[str, Any]:
    """The arrays of layers the model has by name, under their places in the model."""
    try:
        names = json.loads(metadata["layer_names"])
        sources = [(str(name), str(prefix)) for prefix, name in names.items()]
    except (KeyError, ValueError, AttributeError):
        raise ValueError(f"{source}: holds no layer names; save it anew, or load it by place.") from None
    places: dict[str, list[str]] = {}
    for name, prefix in sources:
        places.setdefault(name, []).append(prefix)
    found: dict[str, Any] = {}
    for prefix, layer in named_layers(model):
        there = places.get(getattr(layer, "name", ""), []) if prefix else []
        if len(there) > 1:
            raise ValueError(f"{source}: has several layers named {layer.name!r}; load it by place.")
        for begin in there:
            begin += "vars/"
            own = {name: value for name, value in arrays.items() if name.startswith(begin)}
            found.update({f"{prefix}vars/{name[len(begin) :]}": value for name, value in own.items()})
    if not found:
        given = ", ".join(sorted(places)[:8])
        raise ValueError(f"{source}: no layer of the model has a name of the file's layers ({given}).")
    return found


def assign_own(holder: Any, store: dict[str, Any], source: str) -> None:
    """Give a layer, optimizer or seed generator its own variables from arrays."""
    variables = list(
        holder._stored_variables()
        if hasattr(holder, "_stored_variables")
        else [holder.state]
        if isinstance(getattr(holder, "state", None), Variable)
        else holder.variables
    )
    for index, variable in enumerate(variables):
        value = store.get(str(index))
        if value is not None and tuple(value.shape) != variable.shape:
            raise ValueError(
                f"{source}: weight {variable.path!r} has shape {tuple(value.shape)} in the file "
                f"but {variable.shape} in the model; they must match."
            )
    if hasattr(holder, "load_own_variables"):
        holder.load_own_variables(store)
        return
    if len(store) != len(variables):
        raise ValueError(f"{source}: expected {len(variables)} variables, the file has {len(store)}.")
    for index, variable in enumerate(variables):
        variable.assign(store[str(index)])


def assign(
    model: Any,
    arrays: dict[str, Any],
    source: str,
    skip_mismatch: bool = False,
    partial: bool = False,
    skipped: frozenset[str] = frozenset(),
) -> None:
    """Assign all weights (if `partial`, of the layers that have some in `arrays`), or none.

    Places in `skipped` keep what they have.
    """
    stores: dict[str, dict[str, Any]] = {}
    for name, array in arrays.items():
        if name.startswith(TRAINING_STATE):
            continue  # Keras's files of weights may hold the optimizer too.
        prefix, found, key = name.rpartition("vars/")
        if not found:
            raise ValueError(f"{source}: has no weights of a Corten model (found {name!r}).")
        if prefix not in skipped:
            stores.setdefault(prefix, {})[key] = array
    variables = model.variables
    saved = [(variable, variable._value) for variable in variables]
    try:
        for prefix, layer in named_layers(model):
            if prefix not in skipped and (not partial or prefix in stores):
                _assign_layer(layer, prefix, stores, source, skip_mismatch)
        if stores and not skip_mismatch:
            raise ValueError(_left_over(model, stores, source))
    except BaseException:
        for variable, value in saved:
            variable._value = value
        raise


def _assign_layer(layer: Any, prefix: str, stores: dict[str, Any], source: str, skip_mismatch: bool) -> None:
    store = stores.pop(prefix, {})
    has_variables = hasattr(layer, "_own_variables") and any(True for _ in layer._own_variables(seeds=False))
    if not store and not has_variables and not _loads_itself(layer):
        return  # Also a seed generator whose state the file does not have.
    name = getattr(layer, "name", prefix.strip("/"))
    where = f"{source}: layer {name!r}"
    saved = [(v, v._value) for v in getattr(layer, "variables", [])]
    try:
        if not store and has_variables:
            raise ValueError(
                f"{where} has no weights in the file (looked for {prefix!r}); it received 0 variables."
            )
        assign_own(layer, store, where)
    except (ValueError, KeyError, TypeError) as error:
        if not skip_mismatch:
            if isinstance(error, KeyError):
                raise ValueError(f"{where}: the file lacks its variable {error}.") from None
            raise
        for variable, value in saved:
            variable._value = value
        warnings.warn(f"Skipping layer {name!r}, whose weights do not fit: {error}", stacklevel=4)


def _loads_itself(layer: Any) -> bool:
    """Whether a layer has a `load_own_variables` of its own, which is then always called."""
    method = getattr(type(layer), "load_own_variables", None)
    return method is not None and not method.__module__.startswith("corten.")


def _left_over(model: Any, stores: dict[str, Any], source: str) -> str:
    places = sorted(prefix.rstrip("/") or "(model)" for prefix in stores)
    shown = ", ".join(places[:8]) + (", ..." if len(places) > 8 else "")
    advice = (
        "The architectures differ."
        if model.variables
        else f"Model {model.name!r} has no weights yet: build it (call it on data) before loading."
    )
    return f"{source}: has weights that the model has no place for: {shown}. {advice}"
