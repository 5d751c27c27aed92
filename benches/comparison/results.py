"""What samples say together, and the shape of the document they are kept in."""

import statistics
from typing import Any

from . import machine

SCHEMA = 1

# Field: its types. Lists and nested objects are described below.
DOCUMENT = {
    "schema": int,
    "date": str,
    "machine": dict,
    "settings": dict,
    "frameworks": dict,
    "ceilings": dict,
    "workloads": list,
    "samples": list,
    "errors": list,
    "summary": list,
}
NUMBER = (int, float)
SAMPLE = {
    "workload": str,
    "framework": str,
    "round": int,
    "ms": NUMBER,
    "fastest": NUMBER,
    "lower": NUMBER,
    "upper": NUMBER,
    "calls": int,
}
ERROR = {"workload": str, "framework": str, "round": int, "error": str}
MAYBE = (int, float, type(None))
WORKLOAD = {"name": str, "family": str, "flops": MAYBE, "bytes": MAYBE, "ceiling": (str, type(None))}
ROW = {
    "workload": str,
    "medians": dict,
    "spreads": dict,
    "best_peer": (str, type(None)),
    "ratio": MAYBE,
    "ratio_low": MAYBE,
    "ratio_high": MAYBE,
    "ratio_quiet": MAYBE,
    "rate": MAYBE,
    "unit": str,
    "of_ceiling": MAYBE,
}
MACHINE = {"cpu": str, "architecture": str, "cores": int, "flags": list, "system": str}


def check(document: dict[str, Any]) -> None:
    """Says what is wrong with the shape of a document.

    Raises:
        ValueError: A field is missing or has another type.
    """

    def matches(value: dict[str, Any], shape: dict[str, Any], where: str) -> None:
        for name, kind in shape.items():
            if name not in value:
                raise ValueError(f"results: {where} has no {name!r}")
            if not isinstance(value[name], kind):
                raise ValueError(f"results: {name!r} of {where} is {value[name]!r}")

    matches(document, DOCUMENT, "the document")
    if document["schema"] != SCHEMA:
        raise ValueError(f"results: expected schema {SCHEMA}; got {document['schema']}: measure again")
    matches(document["machine"], MACHINE, "the machine")
    for name, shape in (("workloads", WORKLOAD), ("samples", SAMPLE), ("errors", ERROR), ("summary", ROW)):
        for entry in document[name]:
            matches(entry, shape, f"an entry of {name}")


def merged(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """Runs of one machine as one: a long comparison may be measured in parts.

    Raises:
        ValueError: They are of several machines, or two of them have a workload in common.
    """
    first = documents[0]
    for name in ("cpu", "cores"):
        if len({document["machine"][name] for document in documents}) > 1:
            raise ValueError(f"results: expected runs of one machine; got several values of {name!r}")
    names = [workload["name"] for document in documents for workload in document["workloads"]]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"results: expected every workload in one run; {twice[0]!r} is in several")
    joined = {
        name: [entry for document in documents for entry in document[name]]
        for name in ("workloads", "samples", "errors")
    }
    frameworks: dict[str, Any] = {}
    for document in documents:
        frameworks |= document["frameworks"]
    ceilings = machine.best([document["ceilings"] for document in documents])
    document = {**first, **joined, "frameworks": frameworks, "ceilings": ceilings}
    return {**document, "summary": summarized(document)}


def medians(document: dict[str, Any], workload: str) -> dict[str, dict[int, float]]:
    """By framework, the median of every round, ms."""
    found: dict[str, dict[int, float]] = {}
    for sample in document["samples"]:
        if sample["workload"] == workload:
            found.setdefault(sample["framework"], {})[sample["round"]] = sample["ms"]
    return found


def summarized(document: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a workload: medians over the rounds, best peer, ratio, how near the ceiling is."""
    return [row(document, workload) for workload in document["workloads"]]


def row(document: dict[str, Any], workload: dict[str, Any]) -> dict[str, Any]:
    """The summary of one workload."""
    rounds = medians(document, workload["name"])
    middle = {framework: statistics.median(values.values()) for framework, values in rounds.items()}
    peers = {framework: value for framework, value in middle.items() if framework != "corten"}
    best = min(peers, key=lambda framework: peers[framework], default=None)
    ratio, ratios = None, []
    if best is not None and "corten" in middle:
        ratio = peers[best] / middle["corten"]
        # Round by round, as neighbours in time: what a busy minute does to both cancels.
        ratios = [rounds[best][n] / value for n, value in rounds["corten"].items() if n in rounds[best]]
    # Each at its quietest: a neighbour on one core may slow some library tenfold in most rounds.
    quiet = {framework: min(values.values()) for framework, values in rounds.items()}
    own = quiet.pop("corten", None)
    rate, unit, share = speed(document, workload, middle.get("corten"))
    return {
        "workload": workload["name"],
        "medians": middle,
        "spreads": {name: [min(values.values()), max(values.values())] for name, values in rounds.items()},
        "best_peer": best,
        "ratio": ratio,
        "ratio_low": min(ratios, default=None),
        "ratio_high": max(ratios, default=None),
        "ratio_quiet": min(quiet.values()) / own if quiet and own else None,
        "rate": rate,
        "unit": unit,
        "of_ceiling": share,
    }


def speed(
    document: dict[str, Any], workload: dict[str, Any], ms: float | None
) -> tuple[float | None, str, float | None]:
    """GFLOP/s or GB/s, the unit, and the part of the measured ceiling that is."""
    bound = workload["ceiling"]
    amount = workload["flops"] if bound == "fma" else workload["bytes"]
    unit = {"fma": "GFLOP/s", "copy": "GB/s", "read": "GB/s"}.get(bound or "", "")
    if not bound or amount is None or ms is None:
        return None, unit, None
    rate = amount / (ms * 1e6)
    highest = document["ceilings"].get("fma_gflops" if bound == "fma" else f"{bound}_gbs")
    return rate, unit, rate / highest if highest else None
