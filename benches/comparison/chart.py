"""Results as a picture: a bar a workload, to the right where Corten is faster."""

import math
from pathlib import Path
from typing import Any

FASTER, SLOWER, WORD = "#2f6f4f", "#b5533c", "#444444"


def draw(document: dict[str, Any], path: Path) -> None:
    """Writes the chart of a results document as a PNG file.

    Raises:
        ImportError: Matplotlib is not installed.
        ValueError: Nothing was measured on both sides.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [row for row in document["summary"] if row["ratio"] is not None]
    if not rows:
        raise ValueError("chart: expected workloads that Corten and a peer were measured on; got none")
    names = [row["workload"] for row in rows]
    ratios = [row["ratio"] for row in rows]
    places = list(range(len(rows)))
    figure, axes = pyplot.subplots(figsize=(9, 1.6 + 0.21 * len(rows)), layout="constrained")
    # Bars start at 1 on a logarithmic scale: twice as fast and half as fast are equally long.
    axes.barh(
        places,
        [ratio - 1 for ratio in ratios],
        left=1,
        height=0.72,
        color=[FASTER if ratio >= 1 else SLOWER for ratio in ratios],
    )
    axes.hlines(places, [row["ratio_low"] for row in rows], [row["ratio_high"] for row in rows], WORD, lw=1)
    axes.plot([row["ratio_quiet"] for row in rows], places, "o", ms=4, mfc="white", mec=WORD, mew=1)
    lowest = min(*(row["ratio_low"] for row in rows), 0.5)
    highest = max(*(row["ratio_high"] for row in rows), 2.0)
    axes.set_xscale("log", base=2)
    # Room for the words beside the bars, a part of the width.
    room = max(1.9, (highest / lowest) ** 0.2)
    left, right = lowest / room, highest * room
    axes.set_xlim(left, right)
    for place, row in zip(places, rows, strict=True):
        ahead = row["ratio"] >= 1
        edge = (
            max(row["ratio"], row["ratio_high"]) * 1.08
            if ahead
            else min(row["ratio"], row["ratio_low"]) / 1.08
        )
        axes.annotate(
            f"{row['ratio']:.2f}  {row['best_peer']}",
            (edge, place),
            ha="left" if ahead else "right",
            va="center",
            fontsize=7,
            color=WORD,
        )
    powers = range(math.ceil(math.log2(left)), math.floor(math.log2(right)) + 1)
    axes.set_xticks([2.0**power for power in powers], [f"{2.0**power:.3g}" for power in powers], fontsize=8)
    axes.axvline(1, color=WORD, lw=0.8)
    axes.grid(axis="x", color="#dddddd", lw=0.6)
    axes.set_axisbelow(True)
    axes.set_yticks(places, names, fontsize=8, family="monospace")
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.set_xlabel(
        "time of the best peer / time of Corten; line: lowest and highest round; dot: quietest rounds",
        fontsize=8,
    )
    here = document["machine"]
    axes.set_title(
        f"Right of 1: Corten is faster. {here['cpu']}, {document['settings']['threads']} threads, "
        f"{document['date'][:10]}",
        fontsize=9,
        loc="left",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130, format="png")
    pyplot.close(figure)
