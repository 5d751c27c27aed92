"""Checks Corten's ops against a bundle of cases of another library's op database.

    python benches/opinfo_gate.py BUNDLE.pkl.xz [--ops add,matmul] [--failures 50]

The bundle is a list of records: op name, arguments (NumPy arrays, channels first), float64 reference
outputs, and for a given upstream gradient the reference gradients. `opinfo_adapters` says how each
op is called here. An op without an adapter counts as not covered; a case that raises
NotImplementedError as unsupported; both are listed.
"""

from __future__ import annotations

import argparse
import collections
import lzma
import pathlib
import pickle
import sys
from typing import Any

import numpy as np

import corten
from corten import _core

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from opinfo_adapters import ADAPTERS

RELATIVE, ABSOLUTE = 2e-4, 2e-5
# Cases in which float32 itself loses more digits: ill-conditioned matrices, long products and sums.
LOOSE = {
    "nn.functional.layer_norm": (2e-3, 5e-4),
    "nn.functional.group_norm": (2e-3, 5e-4),
    "nn.functional.batch_norm": (2e-3, 5e-4),
    "nn.functional.instance_norm": (2e-3, 5e-4),
    "nn.functional.ctc_loss": (2e-3, 2e-4),
    "logcumsumexp": (2e-3, 2e-3),
    "linalg.inv": (2e-3, 1e-3),
    "linalg.solve": (2e-3, 1e-3),
    "linalg.pinv": (5e-3, 1e-3),
    "linalg.matrix_power": (5e-3, 1e-3),
    "linalg.det": (2e-3, 1e-3),
    "linalg.slogdet": (2e-3, 1e-3),
}


def converted(
    value: Any, path: tuple[Any, ...], sources: dict[tuple[Any, ...], Any], watched: set[Any]
) -> Any:
    """Turns the arrays of a structure into tensors; those to differentiate by are collected."""
    if isinstance(value, np.ndarray):
        tensor = corten.tensor(value, requires_grad=path in watched)
        sources[path] = tensor
        return tensor
    if isinstance(value, (list, tuple)):
        return type(value)(converted(one, (*path, i), sources, watched) for i, one in enumerate(value))
    if isinstance(value, dict):
        return {name: converted(one, (*path, name), sources, watched) for name, one in value.items()}
    if isinstance(value, str) and value.startswith("dtype:"):
        return value[6:]
    return value


def candidate(op: str, args: Any, kwargs: Any, wrt: Any, cot: Any) -> tuple[list[Any], list[Any] | None]:
    """Runs one case; gives outputs, and gradients if an upstream gradient is given."""
    adapter = ADAPTERS.get(op)
    if adapter is None:
        raise NotImplementedError(op)
    sources: dict[tuple[Any, ...], Any] = {}
    watched = set(map(tuple, wrt)) if cot is not None else set()
    args, kwargs = converted((tuple(args), dict(kwargs)), (), sources, watched)
    kwargs = {name: value for name, value in kwargs.items() if name not in ("device", "requires_grad")}
    result = adapter(*args, **kwargs)
    results = list(result) if isinstance(result, (list, tuple)) else [result]
    outputs = [one.detach().numpy() if isinstance(one, corten.Tensor) else np.asarray(one) for one in results]
    if cot is None:
        return outputs, None
    pairs = [(one, upstream) for one, upstream in zip(results, cot, strict=False) if upstream is not None]
    pairs = [(one, corten.tensor(upstream)) for one, upstream in pairs if one.requires_grad]
    leaves = [sources[tuple(path)] for path in wrt]
    if not pairs:
        return outputs, [np.zeros(leaf.shape) for leaf in leaves]
    upstream = [ups.astype(one.dtype) if ups.dtype != one.dtype else ups for one, ups in pairs]
    gradients = _core.gradients([one for one, _ in pairs], leaves, upstream)
    return outputs, [None if gradient is None else gradient.numpy() for gradient in gradients]


def difference(got: Any, expected: Any, relative: float, absolute: float) -> str:
    """Says how two arrays differ; nothing if they agree."""
    got, expected = np.asarray(got), np.asarray(expected)
    if got.shape != expected.shape:
        return f"shape {got.shape} instead of {expected.shape}"
    if expected.dtype == bool or np.issubdtype(expected.dtype, np.integer):
        return "" if np.array_equal(got.astype(expected.dtype), expected) else "other values"
    got, expected = got.astype(np.float64), expected.astype(np.float64)
    with np.errstate(all="ignore"):
        close = np.isclose(got, expected, rtol=relative, atol=absolute, equal_nan=True)
        close |= (np.abs(expected) > 3e38) & np.isinf(got)
        return "" if close.all() else f"off by {np.nanmax(np.abs(got - expected)):.3g}"


def run(cases: list[dict[str, Any]]) -> tuple[dict[str, collections.Counter[str]], list[str]]:
    """Runs all cases; gives the counts of each op and a line for each failure."""
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    failures = []
    for case in cases:
        op, tolerance = case["op"], LOOSE.get(case["op"], (RELATIVE, ABSOLUTE))
        for kind, upstream in (("forward", None), ("gradient", case["cot"])):
            if kind == "gradient" and case["grads"] is None:
                continue
            try:
                outputs, gradients = candidate(op, case["args"], case["kwargs"], case["wrt"], upstream)
                if kind == "forward":
                    pairs = list(zip(outputs, case["out"], strict=False))
                    message = "" if len(outputs) >= len(case["out"]) else "outputs are missing"
                else:
                    known = zip(gradients or [], case["grads"], strict=True)
                    pairs = [(np.zeros(e.shape) if g is None else g, e) for g, e in known if e is not None]
                    message = ""
                for got, expected in pairs:
                    message = message or difference(got, expected, *tolerance)
                outcome = "wrong" if message else "passed"
            except NotImplementedError as error:
                outcome, message = "unsupported", str(error)
            except Exception as error:
                outcome, message = "error", f"{type(error).__name__}: {error}"[:140]
            counts[op][f"{kind} {outcome}"] += 1
            if outcome != "passed" and op in ADAPTERS:
                failures.append(f"{op}/{case['variant']} #{case['i']} {kind} {outcome}: {message}")
    return counts, failures


def main() -> int:
    """Runs a bundle and prints the figures; the exit status says whether the bar is met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle")
    parser.add_argument("--ops", help="only these ops, with commas")
    parser.add_argument("--failures", type=int, default=200, help="how many to print")
    options = parser.parse_args()
    with lzma.open(options.bundle) as file:
        cases = [case for case in pickle.load(file) if "error" not in case]
    if options.ops:
        chosen = set(options.ops.split(","))
        cases = [case for case in cases if case["op"] in chosen]
    counts, failures = run(cases)
    for line in failures[: options.failures]:
        print(line)
    names = {case["op"] for case in cases}
    print("not covered:", " ".join(sorted(names - set(ADAPTERS))))
    covered = {op for op in names if any(key.endswith("passed") for key in counts[op])}
    bar = True
    for kind in ("forward", "gradient"):
        totals: collections.Counter[str] = collections.Counter()
        for op in names & set(ADAPTERS):
            for key, value in counts[op].items():
                if key.startswith(kind):
                    totals[key.split()[1]] += value
        total = sum(totals.values())
        part = totals["passed"] / total if total else 1.0
        bar = bar and part >= 0.98
        print(f"{kind}: {totals['passed']} of {total} passed ({part:.2%}); {dict(totals)}")
    print(f"ops covered: {len(covered)} of {len(names)}")
    return 0 if bar and (options.ops or len(covered) >= 200) else 1


if __name__ == "__main__":
    sys.exit(main())
