"""Compares Corten's public names and parameters with Keras's, and writes `docs/keras-parity.md`.

    python scripts/keras_parity.py            writes the page
    python scripts/keras_parity.py --check    says what is not as listed; exit status 1 if there is anything
    python scripts/keras_parity.py --tighten  takes names that exist by now out of the list of names to come

Keras's side is `tests/parity/keras_api.json` (`tests/parity/make_keras_api.py` made it), so Keras is not
needed. `tests/parity/names_to_come.txt` lists names that are being written, one a line; names with another
reason are in `ABSENT` below, other parameters and defaults in `DIFFERENT`.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import json
import sys
import types
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PARITY = ROOT / "tests" / "parity"
PAGE = ROOT / "docs" / "keras-parity.md"
TO_COME = "being written"

OTHER_FRAMEWORK = "wraps or runs another framework's model"
JAX = "part of Keras's JAX or TensorFlow backend"
SPARSE = "there are no ragged and no sparse tensors"

#: Names that are not there, and why. `a.*` stands for all names below `a`.
ABSENT = {
    "callbacks.OrbaxCheckpoint": "a library of JAX; `ModelCheckpoint` and `BackupAndRestore` are there",
    "config.is_nnx_enabled": JAX,
    "config.enable_unsafe_deserialization": "a file never runs code, so there is nothing to allow",
    "config.set_backend": "there is one engine, no backend to choose",
    "distribution.*": "training on several devices is planned",
    "export.*": "writes models of other frameworks (SavedModel, ONNX, OpenVINO, LiteRT)",
    "KerasTensor.ragged": SPARSE,
    "KerasTensor.ragged_rank": SPARSE,
    "KerasTensor.row_splits_dtype": SPARSE,
    "KerasTensor.sparse": SPARSE,
    "Layer.add_metric": "raises an error in Keras 3: make metrics in `__init__`",
    "layers.FlaxLayer": OTHER_FRAMEWORK,
    "layers.JaxLayer": OTHER_FRAMEWORK,
    "layers.TFSMLayer": OTHER_FRAMEWORK,
    "layers.TorchModuleWrapper": OTHER_FRAMEWORK,
    "Model.compute_loss_and_updates": JAX,
    "Model.jax_state_sync": JAX,
    "Model.make_predict_function": "steps are not compiled by a method; override `predict_step`",
    "Model.make_test_function": "steps are not compiled by a method; override `test_step`",
    "Model.make_train_function": "steps are not compiled by a method; override `train_step`",
    "Model.stateless_compute_loss": JAX,
    "optimizers.legacy.*": "raise an error in Keras 3",
}

SHAPES = "takes any arguments: shapes come from running `call`"

#: `name: parameter` that is not there or has another default, and why.
DIFFERENT = {
    "backend.is_keras_tensor: x": "the function of `utils`, whose parameter has another name",
    "utils.is_keras_tensor: x": "the parameter has another name",
    "Model.export: format": "None is told by the ending of the path; ONNX is what is written",
    "KerasTensor: record_history": "symbolic tensors always know where they come from",
    "Layer.build: input_shape": "may be left out",
    "KerasTensor.reshape: newshape": "sizes may also be given one by one",
    **{
        f"layers.{name}{rank}D: pool_size": "may be left out: 2, as for max pooling"
        for name in ("AveragePooling", "AvgPool")
        for rank in (1, 2, 3)
    },
    "layers.RNN.compute_mask: _": "the parameter has a name",
    "layers.RNN.compute_mask: mask": "may be left out",
    "layers.RNN.compute_output_shape: initial_state_shape": SHAPES,
    "layers.RNN.compute_output_shape: sequences_shape": SHAPES,
    "layers.RNN.inner_loop: initial_state": "called `states`; not meant to be called by users",
    "layers.RNN.inner_loop: training": "always given; not meant to be called by users",
    "Metric.add_variable: initializer": "may be left out",
    "Model.predict_step: state": JAX,
    "Model.test_step: state": JAX,
    "Model.train_step: state": JAX,
    "optimizers.MultiOptimizer: optimizer_map": "another class: variables to optimizers by a function",
    "Sequential.compute_output_shape: input_shape": SHAPES,
    "Sequential.compute_output_spec: inputs": SHAPES,
    "Sequential.compute_output_spec: mask": SHAPES,
    "Sequential.compute_output_spec: training": SHAPES,
    "tree.assert_same_structure: check_types": "True, what Keras's None means",
    "Variable: layout": "belongs to several devices, which are planned",
}


def keras_names() -> dict[str, Any]:
    """Keras's names: `[kind, parameters]`, with aliases resolved."""
    names = json.loads((PARITY / "keras_api.json").read_text(encoding="utf-8"))["names"]
    return {name: names[entry] if isinstance(entry, str) else entry for name, entry in names.items()}


def keras_version() -> str:
    """The version of Keras that was read."""
    return json.loads((PARITY / "keras_api.json").read_text(encoding="utf-8"))["keras"]


def names_to_come() -> list[str]:
    """Names that are being written."""
    return (PARITY / "names_to_come.txt").read_text(encoding="utf-8").split()


def resolve(path: str) -> Any:
    """The thing of this name in Corten.

    Raises:
        LookupError: There is none.
    """
    thing: Any = importlib.import_module("corten")
    parts = path.split(".")
    for index, part in enumerate(parts):
        try:
            thing = getattr(thing, part)
        except AttributeError:
            if inspect.isclass(thing) and part in getattr(thing, "__annotations__", {}):
                return thing.__annotations__[part]  # set on instances
            try:
                thing = importlib.import_module("corten." + ".".join(parts[: index + 1]))
            except ImportError:
                raise LookupError(path) from None
    return thing


def exists(path: str) -> bool:
    """Whether Corten has this name."""
    try:
        resolve(path)
    except LookupError:
        return False
    return True


def reason_for_absence(name: str, to_come: set[str]) -> str | None:
    """Why a name is listed as absent; None where it is not."""
    if name in to_come:
        return TO_COME
    parts = name.split(".")
    for pattern in (name, *(".".join([*parts[:count], "*"]) for count in range(1, len(parts)))):
        if pattern in ABSENT:
            return ABSENT[pattern]
    return None


def described(default: Any) -> str:
    """A default as text, as in the file of Keras's names."""
    return default.__name__ if isinstance(default, type | types.FunctionType) else repr(default)


def same_default(ours: str | None, theirs: str | None) -> bool:
    """Whether two defaults, as text, mean the same: 1 and 1.0 do, 2 and (2, 2) too."""
    if ours == theirs or ours is None or theirs is None:
        return ours == theirs
    try:
        values = [ast.literal_eval(text) for text in (ours, theirs)]
    except (ValueError, SyntaxError):
        return False
    numbers = [set(value) if isinstance(value, tuple) else {value} for value in values]
    return bool(numbers[0] == numbers[1] and len(numbers[0]) == 1)


def our_parameters(thing: Any) -> dict[str, str | None] | None:
    """Names with defaults as text; what a class hands to its bases by `**kwargs` is included."""
    try:
        parameters = inspect.signature(thing).parameters
    except (TypeError, ValueError):
        return None
    found: dict[str, str | None] = {}
    passes_on = True
    for owner in (thing, *(thing.__mro__[1:] if inspect.isclass(thing) else ())):
        if not passes_on:
            break
        parameters = inspect.signature(owner).parameters
        passes_on = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        for p in parameters.values():
            if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL):
                found.setdefault(p.name, None if p.default is p.empty else described(p.default))
    return found


def differences(name: str, theirs: list[list[str]] | None) -> dict[str, str]:
    """What differs, by `name: parameter`."""
    ours = our_parameters(resolve(name)) if theirs else None
    if not theirs or ours is None:
        return {}
    found = {}
    named = [parameter for parameter in theirs if not parameter[0].startswith("*")]
    for parameter, *default in named:
        if parameter not in ours:
            found[f"{name}: {parameter}"] = "is not there"
        elif not same_default(ours[parameter], default[0] if default else None):
            found[f"{name}: {parameter}"] = (
                f"is {ours[parameter]}, in Keras {default[0] if default else 'required'}"
            )
    both = [p[0] for p in named if p[0] in ours]
    if [p for p in ours if p in set(both)][: len(both)] != both:
        found[f"{name}: order"] = f"the order of parameters is not Keras's: {', '.join(both)}"
    return found


class Comparison:
    """Everything at once: what is there, absent, different, and what the lists say wrongly."""

    def __init__(self) -> None:
        names, self.to_come = keras_names(), set(names_to_come())
        self.there = {name for name in names if exists(name)}
        self.absent = {
            name: reason_for_absence(name, self.to_come) for name in names if name not in self.there
        }
        self.different = {
            key: what
            for name in sorted(self.there)
            for key, what in differences(name, names[name][1]).items()
        }
        self.kinds = {name: names[name][0] for name in names}

    def problems(self) -> list[str]:
        found = [
            f"{name}: not there, and no reason is listed" for name, why in self.absent.items() if why is None
        ]
        found += [
            f"{key} {what}, and no reason is listed"
            for key, what in self.different.items()
            if key not in DIFFERENT
        ]
        found += [
            f"{name}: listed as absent ({why}), but it is there"
            for name in sorted(self.there)
            if (why := reason_for_absence(name, self.to_come)) is not None
        ]
        found += [
            f"{name}: to come, but Keras has no such name" for name in sorted(self.to_come - set(self.kinds))
        ]
        matched = {name for pattern in ABSENT for name in self.absent if matches(pattern, name)}
        stale = [p for p in ABSENT if not any(matches(p, name) for name in matched | self.there)]
        found += [f"{pattern}: listed as absent, but Keras has no such name" for pattern in stale]
        found += [
            f"{key}: listed as different, but it is not" for key in DIFFERENT if key not in self.different
        ]
        return found

    def page(self) -> str:
        areas: dict[str, Counter[str]] = defaultdict(Counter)
        for name, kind in self.kinds.items():
            if kind in ("method", "property"):
                area = "methods and properties of base classes"
            else:
                area = name.split(".")[0] if "." in name else "top level"
            areas[area]["there" if name in self.there else "absent"] += 1
        total = len(self.kinds)
        lines = [
            "# Keras parity",
            "",
            f"What Keras {keras_version()} has, and whether Corten has it: {len(self.there)} of {total} "
            "public names. `corten.X` stands for `keras.X`; parameters, order and defaults count too. "
            "`scripts/keras_parity.py` writes this page, and a test fails when it is not true any more.",
            "",
            "| area | names | there |",
            "|---|---|---|",
        ]
        for area in sorted(areas, key=lambda area: (area == "methods and properties of base classes", area)):
            count = areas[area]
            lines.append(f"| {area} | {count.total()} | {count['there']} |")
        lines += ["", "## What is not there", "", "| why | names |", "|---|---|"]
        by_reason: dict[str, list[str]] = defaultdict(list)
        for name, why in self.absent.items():
            by_reason[why or "no reason yet"].append(name)
        for why in sorted(by_reason):
            lines.append(f"| {why} | {', '.join(f'`{name}`' for name in sorted(by_reason[why]))} |")
        lines += ["", "## What takes other arguments", "", "| name: parameter | why |", "|---|---|"]
        lines += [f"| `{key}` | {DIFFERENT.get(key, 'no reason yet')} |" for key in sorted(self.different)]
        return "\n".join(lines) + "\n"


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern of `ABSENT` stands for this name."""
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def tighten() -> None:
    """Takes names that exist out of the list of names to come."""
    kept = [name for name in names_to_come() if not exists(name)]
    (PARITY / "names_to_come.txt").write_text("".join(f"{name}\n" for name in kept), encoding="utf-8")
    print(f"{len(kept)} names to come")


def main() -> None:
    """Runs the program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--tighten", action="store_true")
    arguments = parser.parse_args()
    if arguments.tighten:
        tighten()
    comparison = Comparison()
    if arguments.check:
        problems = comparison.problems()
        if PAGE.read_text(encoding="utf-8") != comparison.page():
            problems.append("docs/keras-parity.md is not up to date: run scripts/keras_parity.py")
        print("\n".join(problems) or "All as listed.")
        sys.exit(bool(problems))
    PAGE.write_text(comparison.page(), encoding="utf-8")
    print(f"{len(comparison.there)} of {len(comparison.kinds)} names: {PAGE}")


if __name__ == "__main__":
    main()
