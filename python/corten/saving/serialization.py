"""Objects as JSON-ready configurations and back.

A configuration names its class. The name is looked up among the user's registered objects and the
public names of a fixed list of Corten's own modules: nothing a file says is ever imported.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import threading
import types
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from corten import _core, dtype_policies
from corten.config import standardize_dtype
from corten.saving.object_registration import (
    CustomObjectScope,
    get_registered_name,
    get_registered_object,
    registered_in_any_package,
)
from corten.variable import Variable

_LONGEST_NAME = 1000
_PLAIN = (str, int, float, bool, type(None))

# Where Corten's own classes and functions live. Order matters for names that occur twice.
_MODULES = (
    "corten.layers", "corten.models", "corten.losses", "corten.metrics", "corten.optimizers",
    "corten.optimizers.schedules", "corten.initializers", "corten.regularizers",
    "corten.constraints", "corten.activations", "corten.dtype_policies", "corten.random",
    "corten.callbacks", "corten.ops", "corten.quantizers", "corten.distillation",
    "corten.transformers",
)  # fmt: skip
# The folders of Keras's modules that correspond to ours.
_ALIASES = {name.split(".", 1)[1]: name for name in _MODULES}


# Classes and functions of the user's that were written in this process, by module and name. They let
# `from_config(get_config())` work without registration; files never reach them (`only_registered`).
_written: weakref.WeakValueDictionary[tuple[str, str], Any] = weakref.WeakValueDictionary()


class _Strictness(threading.local):
    only_registered = False


_strictness = _Strictness()


@contextlib.contextmanager
def only_registered() -> Iterator[None]:
    """Context for configurations from files: only registered and own names are found."""
    previous = _strictness.only_registered
    _strictness.only_registered = True
    try:
        yield
    finally:
        _strictness.only_registered = previous


def _remember(obj: Any, module: str) -> None:
    if not module.startswith("corten."):
        _written[module, obj.__name__] = obj


def serialize_keras_object(obj: Any) -> Any:
    """Return a configuration of an object that JSON can hold.

    Args:
        obj: A layer, loss, function, tensor, array, dtype, container or plain value.

    Raises:
        ValueError: The object has no `get_config` and is nothing else that can be written.

    Example:
        >>> import corten
        >>> config = corten.saving.serialize_keras_object(corten.layers.Dense(2, name="out"))
        >>> config["class_name"], config["config"]["units"]
        ('Dense', 2)
    """
    if isinstance(obj, _PLAIN):
        if obj.__class__ in _PLAIN:
            return obj
        return obj if obj is None else next(t for t in (bool, int, float, str) if isinstance(obj, t))(obj)
    custom = getattr(type(obj), "__corten_serialize__", None)
    if custom is not None:
        return custom(obj)
    if isinstance(obj, (list, tuple)):
        items = [serialize_keras_object(item) for item in obj]
        return {"class_name": "__tuple__", "items": items} if isinstance(obj, tuple) else items
    if isinstance(obj, dict):
        return serialize_dict(obj)
    if isinstance(obj, bytes):
        return {"class_name": "__bytes__", "config": {"value": obj.decode("latin-1")}}
    if isinstance(obj, (Variable, _core.Tensor)):
        value = obj.numpy()
        dtype = obj._dtype if isinstance(obj, Variable) else obj.dtype
        return {"class_name": "__tensor__", "config": {"value": value.tolist(), "dtype": dtype}}
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, np.ndarray):
        if obj.dtype.kind not in "biufUS":
            raise ValueError(f"Cannot serialize an array of dtype {obj.dtype}.")
        return {
            "class_name": "__numpy__",
            "config": {"value": obj.tolist(), "dtype": obj.dtype.name if obj.dtype.kind in "biuf" else "str"},
        }
    if isinstance(obj, slice):
        parts = {"start": obj.start, "stop": obj.stop, "step": obj.step}
        parts = {key: serialize_keras_object(value) for key, value in parts.items()}
        return {"class_name": "__slice__", "config": parts}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(obj, np.dtype):
        return obj.name
    if isinstance(obj, dtype_policies.DTypePolicy):
        return dtype_policies.serialize(obj)
    if isinstance(obj, types.FunctionType) and obj.__name__ == "<lambda>":
        raise ValueError(
            "Cannot serialize a lambda: its code would have to be stored and run on loading. "
            "Define a named function and register it with "
            "`@corten.saving.register_keras_serializable()`."
        )
    if inspect.isclass(obj):
        try:
            return standardize_dtype(obj)
        except ValueError:
            pass
        return {**_names(obj), "class_name": "__typespec__", "config": get_registered_name(obj)}
    if inspect.isfunction(obj) or inspect.isbuiltin(obj) or _is_wrapped_function(obj):
        _remember(obj, _public_module(obj))
        return {
            "module": _public_module(obj),
            "class_name": "function",
            "config": obj.__name__,
            "registered_name": get_registered_name(obj),
        }
    if not hasattr(obj, "get_config"):
        raise ValueError(f"Cannot serialize {obj!r} of type {type(obj).__name__}: it has no `get_config()`.")
    config = serialize_dict(_config_of(obj))
    result = {**_names(type(obj)), "config": config}
    build_config = _build_config_of(obj)
    if build_config is not None:
        result["build_config"] = serialize_dict(build_config)
    if hasattr(obj, "get_compile_config") and getattr(obj, "compiled", False):
        compile_config = obj.get_compile_config()
        if compile_config is not None:
            result["compile_config"] = serialize_dict(compile_config)
    return result


def _is_wrapped_function(obj: Any) -> bool:
    return callable(obj) and hasattr(obj, "__wrapped__") and hasattr(obj, "__name__")


def _config_of(obj: Any) -> dict[str, Any]:
    config = obj.get_config()
    if not isinstance(config, dict):
        raise TypeError(f"`get_config()` of {obj!r} must return a dict; got {type(config).__name__}.")
    return config


def _build_config_of(obj: Any) -> dict[str, Any] | None:
    if not hasattr(obj, "get_build_config") or hasattr(obj, "_graph") or hasattr(obj, "_stack"):
        return None
    config: dict[str, Any] | None = obj.get_build_config()
    return config


def serialize_dict(config: dict[str, Any]) -> dict[str, Any]:
    """Return a dict with every value serialized."""
    return {str(key): serialize_keras_object(value) for key, value in config.items()}


def _names(cls: Any) -> dict[str, Any]:
    registered = get_registered_name(cls)
    module = _public_module(cls)
    own = module.startswith("corten.") and registered == cls.__name__
    _remember(cls, module)
    return {"module": module, "class_name": cls.__name__, "registered_name": None if own else registered}


def _public_module(obj: Any) -> str:
    """Return the public module of one of Corten's own objects, else the module as it is."""
    module = str(getattr(obj, "__module__", "builtins"))
    if module.startswith("corten."):
        for name in _MODULES:
            if module == name or module.startswith(f"{name}."):
                return name
        return ".".join(module.split(".")[:2])
    return module


def deserialize_keras_object(
    config: Any, custom_objects: dict[str, Any] | None = None, safe_mode: bool = True, **_: Any
) -> Any:
    """Create an object from what `serialize_keras_object` returned.

    Args:
        config: The configuration.
        custom_objects: Classes and functions that it names, by name.
        safe_mode: Accepted for compatibility; loading never runs code from a file.

    Raises:
        TypeError: The configuration names a class that is not known, or is malformed.

    Example:
        >>> import corten
        >>> config = corten.saving.serialize_keras_object(corten.layers.Dense(2))
        >>> corten.saving.deserialize_keras_object(config).units
        2
    """
    if custom_objects:
        with CustomObjectScope(custom_objects):
            return deserialize_keras_object(config)
    if config is None or isinstance(config, (int, float, bool)):
        return config
    if isinstance(config, str):
        found = get_registered_object(config)
        return config if found is None else found
    if isinstance(config, (list, tuple)):
        items = [deserialize_keras_object(item) for item in config]
        return tuple(items) if isinstance(config, tuple) else items
    if not isinstance(config, dict):
        return config
    if "class_name" not in config or ("config" not in config and config["class_name"] != "__tuple__"):
        return {key: deserialize_keras_object(value) for key, value in config.items()}
    class_name = config["class_name"]
    if not isinstance(class_name, str):
        raise TypeError(f"Cannot load: `class_name` must be a string; got {_shortened(config)}.")
    if class_name in _SPECIAL:
        return _special(config)
    target = _find(config)
    if class_name == "function":
        return target
    inner = config["config"]
    if not isinstance(inner, dict):
        raise TypeError(f"Cannot load {class_name!r}: Expected 'config' to be a dict; got {inner!r}.")
    if not hasattr(target, "from_config"):
        raise TypeError(
            f"Unable to reconstruct an instance of '{class_name}' because the class is missing a "
            "`from_config()` method."
        )
    instance = target.from_config(_restore_tuples(inner))
    build_config = config.get("build_config")
    if build_config and not getattr(instance, "built", True) and hasattr(instance, "build_from_config"):
        instance.build_from_config(_restore_tuples(build_config))
    compile_config = config.get("compile_config")
    if compile_config and hasattr(instance, "compile_from_config"):
        instance.compile_from_config(compile_config)
    return instance


def _restore_tuples(value: Any) -> Any:
    """Turn marked tuples back into tuples; nested objects stay configurations."""
    if isinstance(value, dict):
        name = value.get("class_name")
        if isinstance(name, str) and name in _SPECIAL and name != "__typespec__":
            return _special(value)
        return {key: _restore_tuples(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_restore_tuples(child) for child in value]
    return value


def _special(config: dict[str, Any]) -> Any:
    """Make what is no object of a class: a tuple, an array, a slice.

    Raises:
        TypeError: The configuration does not have what such a value needs.
    """
    name = config["class_name"]
    try:
        return _SPECIAL[name](config)
    except (AttributeError, LookupError, ArithmeticError) as error:
        raise TypeError(f"Cannot load a value {name!r} ({error!r}): {_shortened(config)}") from None


def _load_array(config: dict[str, Any]) -> Any:
    inner = config["config"]
    dtype = inner["dtype"]
    if dtype == "str":
        return np.array(inner["value"])
    return np.array(inner["value"], dtype=standardize_dtype(dtype))


def _load_tensor(config: dict[str, Any]) -> Any:
    inner = config["config"]
    return _core.tensor(np.asarray(inner["value"]), dtype=standardize_dtype(inner["dtype"]))


def _load_slice(config: dict[str, Any]) -> slice:
    inner = config["config"]
    return slice(*(deserialize_keras_object(inner.get(k)) for k in ("start", "stop", "step")))


def _refuse_code() -> Any:
    raise ValueError(
        "The file holds the code of a lambda, which would have to be run to load it: Corten runs no code "
        "from files. Build the model from its source and use `load_weights`, or pass `custom_objects`."
    )


# Classes whose module holds more than a file may name.
_SINGLE = {
    "CustomScaleLayer": "corten.applications.inception_blocks",
    "LayerScale": "corten.applications.layer_scale",
    "FeatureSpace": "corten.utils.feature_space",
}

_SPECIAL: dict[str, Any] = {
    "__tuple__": lambda config: tuple(_restore_tuples(item) for item in config["items"]),
    "__bytes__": lambda config: config["config"]["value"].encode("latin-1"),
    "__tensor__": _load_tensor,
    "__numpy__": _load_array,
    "__slice__": _load_slice,
    "__ellipsis__": lambda _: Ellipsis,
    "__lambda__": lambda config: _refuse_code(),
    "__typespec__": lambda config: _find({**config, "class_name": config["config"]}),
}


def _find(config: dict[str, Any]) -> Any:
    """Return the class or function that a configuration names.

    Raises:
        TypeError: It is neither registered nor one of Corten's own.
    """
    is_function = config["class_name"] == "function"
    name = config["config"] if is_function else config["class_name"]
    if not isinstance(name, str):
        raise TypeError(f"Cannot load: Expected 'config' to be a non-null str, a name; got {name!r:.200}.")
    if len(name) > _LONGEST_NAME:
        raise TypeError(f"Cannot load: a class or function with a name of {len(name)} letters.")
    for key in (config.get("registered_name"), name):
        found = get_registered_object(key) if isinstance(key, str) else None
        if found is not None:
            return found
    module = config.get("module")
    if isinstance(module, str) and not _strictness.only_registered:
        found = _written.get((module, name))
        if found is not None:
            return found
    found = _find_own(name, module if isinstance(module, str) else None, is_function)
    registered = config.get("registered_name")
    if found is not None and registered not in {None, "", name, "function"}:
        # Not what the file says it is: a file that was tampered with, or one of other code.
        raise ValueError(
            f"Cannot load: {name!r} with the registered name {registered!r} resolved to a Keras built-in; "
            "pass the class or function of that name as `custom_objects`."
        )
    if found is not None:
        return found
    if is_function:
        # Keras 3.6 left the package out of the names of registered functions.
        found = registered_in_any_package(name)
    if found is not None:
        return found
    import difflib

    known = [*_own_names()] if not is_function and len(name) < 100 else []
    close = difflib.get_close_matches(name, known, 1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    kind = "function" if is_function else "class"
    raise TypeError(
        f"Could not locate {kind} '{name[:100]}'. Make sure custom classes and functions are decorated "
        f"with `@corten.saving.register_keras_serializable()` or passed as `custom_objects`. "
        f"Full object config: {_shortened(config)}.{hint}"
    )


def _shortened(config: dict[str, Any]) -> str:
    text = repr({key: value for key, value in config.items() if key != "build_config"})
    return text if len(text) < 400 else text[:400] + "..."


def _find_own(name: str, module: str | None, is_function: bool) -> Any:
    if name.startswith("_"):
        return None
    candidates = []
    if module is not None:
        root, _, rest = module.partition(".")
        if root not in {"corten", "keras", "builtins"}:
            return None
        if name in _SINGLE and not is_function:
            return getattr(importlib.import_module(_SINGLE[name]), name)
        rest = rest.removeprefix("src.")
        if rest in _ALIASES:
            candidates = [_ALIASES[rest]]
        elif rest.split(".")[0] in _ALIASES:
            candidates = [_ALIASES[rest.split(".")[0]]]
    for module_name in [*candidates, *_MODULES]:
        try:
            place = importlib.import_module(module_name)
            # Asking a module for what it has not costs it a search for similar names.
            found = getattr(place, name, None) if name in dir(place) else None
        except ImportError:
            continue
        if found is not None and _may_be_named(found, name, is_function):
            return found
    return None


# Functions of the modules that are no functions of tensors, and loops that a file could make endless.
_NOT_FOR_FILES = frozenset({
    "get", "serialize", "deserialize", "serialize_object", "deserialize_object", "names_of", "get_dataloader",
    "clone_model", "load_model", "model_from_json", "save_model", "while_loop", "fori_loop",
    "custom_gradient",
})  # fmt: skip


def _may_be_named(found: Any, name: str, is_function: bool) -> bool:
    """Whether a configuration may name this; what a module only imported is not its own."""
    if not str(getattr(found, "__module__", None) or "corten").startswith("corten"):
        return False
    if inspect.isclass(found):
        return not is_function
    return is_function and callable(found) and name not in _NOT_FOR_FILES


def _own_names() -> set[str]:
    names: set[str] = set()
    for module_name in _MODULES[:10]:
        try:
            names |= {n for n in dir(importlib.import_module(module_name)) if n[0].isupper()}
        except ImportError:
            continue
    return names
