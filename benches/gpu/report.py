"""Results as text: for a terminal, and as Markdown."""

from collections.abc import Sequence
from typing import Any

from ..comparison.table import number, span, times

DASH = "-"
LEVELS = ("below usable", "usable", "good", "as good as any")
HEADER = [
    "workload", "Corten, ms", "quartiles", "on the GPU", "rate",
    "PyTorch, ms", "quartiles", "on the GPU", "ratio", "its spread", "is",
]  # fmt: skip


def level(ratio: float | None, bars: Sequence[float]) -> str:
    """What a ratio is worth."""
    return DASH if ratio is None else LEVELS[sum(ratio >= bar for bar in bars)]


def compared(corten: dict[str, Any], peer: dict[str, Any] | None) -> dict[str, Any]:
    """Corten's throughput over the peer's: of the medians, and the lowest and highest of a turn."""
    if peer is None:
        return {"ratio": None, "ratio_low": None, "ratio_high": None}
    turns = [b / a for a, b in zip(corten["samples"], peer["samples"], strict=True)]
    return {"ratio": peer["ms"] / corten["ms"], "ratio_low": min(turns), "ratio_high": max(turns)}


def rate(row: dict[str, Any]) -> str:
    """Arithmetic or traffic in a second."""
    seconds = row["corten"]["ms"] / 1e3
    if row["flops"]:
        return f"{number(row['flops'] / seconds / 1e9)} GFLOP/s"
    return f"{number(row['bytes'] / seconds / 1e9)} GB/s" if row["bytes"] else DASH


def on_device(times: dict[str, Any]) -> str:
    """What the device itself spent, in ms."""
    return DASH if times["device_ms"] is None else number(times["device_ms"])


def lines(document: dict[str, Any]) -> list[list[str]]:
    """One line a workload."""
    table = []
    for row in document["results"]:
        ours, peer = row["corten"], row["torch"]
        table.append(
            [
                row["workload"],
                number(ours["ms"]),
                span((ours["lower"], ours["upper"])),
                on_device(ours),
                rate(row),
                number(peer["ms"]) if peer else DASH,
                span((peer["lower"], peer["upper"])) if peer else DASH,
                on_device(peer) if peer else DASH,
                times(row["ratio"]),
                span((row["ratio_low"], row["ratio_high"]), times),
                level(row["ratio"], row["bars"]),
            ]
        )
    return table


def markdown(header: list[str], body: list[list[str]]) -> str:
    """A table; numbers to the right."""
    marks = ["---", *("---:" for _ in header[1:])]
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, marks, *body))


def about(document: dict[str, Any]) -> str:
    """What was measured on what."""
    gpu, torch = document["adapter"], document["torch"]
    peer = (
        f"PyTorch {torch['torch']} (CUDA {torch['cuda']}, {torch['gpu']}), TF32 off"
        if "torch" in torch
        else f"without a peer: {torch['missing']}"
    )
    return (
        f"{gpu['name']} ({gpu['kind']}, {gpu['backend']}, {gpu['driver']}), {document['machine']['system']}, "
        f"{document['date']}; Corten {document['corten']}; {peer}. Wall time of whole calls, waited for, "
        f"and what a call takes by the GPU's own clock; {document['samples']} samples of each, in turn, "
        "after 5 calls that are not counted."
    )


def text(document: dict[str, Any]) -> str:
    """The whole report."""
    parts = [about(document)]
    if document["results"]:
        parts.append(markdown(HEADER, lines(document)))
    if document["tiles"]:
        parts.append(tiles(document["tiles"]))
    parts += [f"- {one['workload']}: {one['error']}" for one in document["errors"]]
    return "\n\n".join(parts) + "\n"


def tiles(swept: list[dict[str, Any]]) -> str:
    """The best tile of each size, beside the one that products take."""
    header = ["product", "best tile", "GFLOP/s", "chosen now", "GFLOP/s", "best / chosen"]
    body = [
        [
            one["product"],
            one["best"],
            number(one["tiles"][one["best"]]),
            one["chosen"],
            number(one["chosen_rate"]),
            times(one["tiles"][one["best"]] / one["chosen_rate"]),
        ]
        for one in swept
    ]
    return markdown(header, body)
