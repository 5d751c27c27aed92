"""Writes `keras_api.json`: the public names of Keras with their parameters and defaults.

Run where Keras is installed: ``KERAS_BACKEND=jax python tests/parity/make_keras_api.py``. The tests and
`scripts/keras_parity.py` need the file only.
"""

import inspect
import json
import types
from pathlib import Path

import keras

# Classes whose methods people call or override: these are listed as well, inherited ones at the first class.
WITH_METHODS = (
    "Layer", "Initializer", "InputSpec", "KerasTensor", "Loss", "Metric", "Model", "Optimizer", "Regularizer",
    "Sequential", "Variable", "callbacks.Callback", "callbacks.CallbackList", "constraints.Constraint",
    "layers.RNN", "layers.Wrapper", "optimizers.schedules.LearningRateSchedule", "random.SeedGenerator",
    "utils.PyDataset", "utils.Progbar",
)  # fmt: skip


def parameters(thing) -> list | None:
    """`[name]` or `[name, default as text]` for each parameter; None where Python cannot tell."""
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return None
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    listed = []
    for parameter in signature.parameters.values():
        name = stars.get(parameter.kind, "") + parameter.name
        default = parameter.default
        listed.append([name] if default is inspect.Parameter.empty else [name, described(default)])
    return listed


def described(default) -> str:
    """The default as text, without addresses in memory."""
    if isinstance(default, type | types.FunctionType):
        return default.__name__
    return repr(default)


def walk(module, prefix: str, found: dict, seen: frozenset) -> None:
    for name in sorted(dir(module)):
        thing = getattr(module, name)
        if name.startswith("_"):
            continue
        path = f"{prefix}{name}"
        if inspect.ismodule(thing):
            # Public modules lie in `keras` itself; what they import from elsewhere is not theirs.
            own = thing.__name__.startswith("keras.") and "keras.src" not in thing.__name__
            if own and thing.__name__ not in seen:
                walk(thing, f"{path}.", found, seen | {thing.__name__})
        elif inspect.isclass(thing):
            found[path] = ["class", parameters(thing)]
        elif callable(thing):
            found[path] = ["function", parameters(thing)]
        else:
            found[path] = ["value", None]


def resolve(path: str):
    thing = keras
    for part in path.split("."):
        thing = getattr(thing, part)
    return thing


def methods(path: str, found: dict) -> None:
    owner, listed = resolve(path), [resolve(other) for other in WITH_METHODS]
    for name in sorted(dir(owner)):
        if name.startswith("_") or name in dir(object):
            continue
        inherited = [base for base in listed if base is not owner and issubclass(owner, base)]
        if any(name in dir(base) for base in inherited) and name not in vars(owner):
            continue
        if not any(name in vars(base) and base.__module__.startswith("keras.") for base in owner.__mro__):
            continue
        member = inspect.getattr_static(owner, name)
        if isinstance(member, property):
            found[f"{path}.{name}"] = ["property", None]
        elif callable(getattr(owner, name)):
            known = parameters(getattr(owner, name))
            found[f"{path}.{name}"] = ["method", [p for p in known or [] if p[0] != "self"]]


def aliases(found: dict) -> None:
    """Says of a second name of the same thing only which name came first."""
    first: dict[int, str] = {}
    for path in sorted(found, key=lambda path: (path.count("."), path)):
        if found[path][0] in ("class", "function"):
            original = first.setdefault(id(resolve(path)), path)
            if original != path:
                found[path] = original


def main() -> None:
    found: dict = {}
    walk(keras, "", found, frozenset({"keras"}))
    for path in WITH_METHODS:
        methods(path, found)
    aliases(found)
    lines = [
        f"{json.dumps(name)}: {json.dumps(found[name], separators=(',', ':'))}" for name in sorted(found)
    ]
    text = f'{{"keras": "{keras.__version__}", "names": {{\n' + ",\n".join(lines) + "\n}}\n"
    json.loads(text)
    target = Path(__file__).with_name("keras_api.json")
    target.write_text(text, encoding="utf-8")
    print(f"{len(found)} names, {len(text) / 1e3:.0f} kB: {target}")


if __name__ == "__main__":
    main()
