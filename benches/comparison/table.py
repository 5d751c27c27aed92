"""Results as text: for a terminal, and as Markdown."""

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from .adapters import FRAMEWORKS

Row = list[str]
DASH = "-"
APART = 1.5  # rounds further apart than this were not measured under the same conditions


def number(value: float | None) -> str:
    """Three figures, never an exponent for what is measured here."""
    if value is None:
        return DASH
    if value >= 1000:
        return f"{value:.0f}"
    digits = 2 - math.floor(math.log10(abs(value))) if value else 2
    return f"{value:.{max(0, digits)}f}"


def times(value: float | None) -> str:
    """A ratio."""
    return DASH if value is None else f"{value:.2f}"


def span(pair: Sequence[float | None], form: Callable[[float | None], str] = number) -> str:
    """Lowest and highest."""
    low, high = pair
    return DASH if low is None or high is None else f"{form(low)}..{form(high)}"


def percent(value: float | None) -> str:
    """A part of a whole."""
    return DASH if value is None else f"{100 * value:.0f} %"


def comparison(document: dict[str, Any]) -> tuple[Row, list[Row]]:
    """One line a workload: Corten, the best peer, how they compare, how near to the ceiling Corten is."""
    header = [
        "workload",
        "Corten, ms",
        "its rounds",
        "best peer, ms",
        "its rounds",
        "best peer is",
        "ratio",
        "its rounds",
        "quiet",
        "rate",
        "of ceiling",
    ]
    lines = []
    for row in document["summary"]:
        peer = row["best_peer"]
        lines.append(
            [
                row["workload"],
                number(row["medians"].get("corten")),
                span(row["spreads"].get("corten", (None, None))),
                number(row["medians"].get(peer)),
                span(row["spreads"].get(peer, (None, None))),
                peer or DASH,
                times(row["ratio"]),
                span((row["ratio_low"], row["ratio_high"]), times),
                times(row["ratio_quiet"]),
                DASH if row["rate"] is None else f"{number(row['rate'])} {row['unit']}",
                percent(row["of_ceiling"]),
            ]
        )
    return header, lines


def medians(document: dict[str, Any]) -> tuple[Row, list[Row]]:
    """One line a workload: the median of every framework, ms."""
    failed = {(error["workload"], error["framework"]) for error in document["errors"]}
    names = [name for name in FRAMEWORKS if document["frameworks"].get(name, {}).get("status") == "measured"]

    def cell(row: dict[str, Any], name: str) -> str:
        return "failed" if (row["workload"], name) in failed else number(row["medians"].get(name))

    lines = [[row["workload"], *(cell(row, name) for name in names)] for row in document["summary"]]
    return ["workload, ms", *names], lines


def families(document: dict[str, Any]) -> tuple[Row, list[Row]]:
    """One line a family: how often Corten is the fastest, and geometric means of the ratios.

    Fastest is who is so by the medians and by the quietest rounds as well.
    """
    family = {workload["name"]: workload["family"] for workload in document["workloads"]}
    ratios: dict[str, list[tuple[float, float]]] = {}
    for row in document["summary"]:
        if row["ratio"] is not None:
            ratios.setdefault(family[row["workload"]], []).append((row["ratio"], row["ratio_quiet"]))
    if len(ratios) > 1:
        ratios["all"] = [pair for values in ratios.values() for pair in values]
    lines = [
        [
            name,
            f"{sum(min(pair) >= 1 for pair in values)} of {len(values)}",
            times(statistics.geometric_mean(ratio for ratio, _ in values)),
            times(statistics.geometric_mean(quiet for _, quiet in values)),
            times(min(ratio for ratio, _ in values)),
        ]
        for name, values in ratios.items()
    ]
    return ["family", "Corten fastest", "mean ratio", "mean quiet", "lowest ratio"], lines


def machine(document: dict[str, Any]) -> str:
    """What was measured on, when, and with which versions."""
    here, settings, ceilings = document["machine"], document["settings"], document["ceilings"]
    versions = {
        package: version
        for entry in document["frameworks"].values()
        for package, version in entry.get("versions", {}).items()
    }
    limits = (
        f"Ceilings not measured: {ceilings['missing']}."
        if "missing" in ceilings
        else f"Measured ceilings: {ceilings['fma_gflops']:.0f} GFLOP/s of float32 multiply-adds, copy "
        f"{ceilings['copy_gbs']:.0f} GB/s, read {ceilings['read_gbs']:.0f} GB/s."
    )
    length = f"{settings['rounds']} round{'s' * (settings['rounds'] != 1)} of {settings['seconds']:g} s"
    return (
        f"{here['cpu']}, {settings['threads']} of {here['cores']} cores ({', '.join(here['flags'])}), "
        f"{here['system']}, {document['date'][:10]}; {length} a workload and framework. {limits} "
        f"Versions: {', '.join(f'{package} {version}' for package, version in versions.items())}."
    )


def notes(document: dict[str, Any]) -> list[str]:
    """What is missing and what failed: each framework and each error once."""
    lines = [
        f"missing: {name}: {entry['reason']}"
        for name, entry in document["frameworks"].items()
        if entry["status"] == "missing"
    ]
    seen: dict[str, int] = {}
    for error in document["errors"]:
        text = f"failed: {error['workload']} on {error['framework']}: {error['error']}"
        seen[text] = seen.get(text, 0) + 1
    lines += [f"{text} ({count} times)" if count > 1 else text for text, count in seen.items()]
    alone = [row["workload"] for row in document["summary"] if row["best_peer"] is None]
    if alone:
        lines.append(f"no peer measured: {', '.join(alone)}")
    wide = [
        row
        for row in document["summary"]
        for low, high in [row["spreads"].get(name, (1, 1)) for name in ("corten", row["best_peer"])]
        if high > APART * low
    ]
    if wide:
        count = len({row["workload"] for row in wide})
        lines.append(
            f"busy machine: in {count} of {len(document['summary'])} lines rounds of Corten or of its best "
            f"peer are more than {APART:g} times apart; trust `quiet` there, and measure again"
        )
    return lines


def plain(header: Row, lines: list[Row]) -> str:
    """Columns of a terminal: the first to the left, the rest to the right."""
    widths = [max(len(line[i]) for line in [header, *lines]) for i in range(len(header))]

    def text(line: Row) -> str:
        cells = [
            line[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
        ]
        return "  ".join(cells).rstrip()

    return "\n".join([text(header), text(["-" * width for width in widths]), *(text(line) for line in lines)])


def markdown(header: Row, lines: list[Row]) -> str:
    """A Markdown table, numbers to the right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, rule, *lines])


def report(document: dict[str, Any], form: Callable[[Row, list[Row]], str] = plain) -> str:
    """Everything: machine, comparison, families, medians, notes."""
    parts = [
        machine(document),
        form(*comparison(document)),
        form(*families(document)),
        form(*medians(document)),
    ]
    found = notes(document)
    if found:
        parts.append("\n".join(f"- {line}" for line in found) if form is markdown else "\n".join(found))
    return "\n\n".join(parts)
