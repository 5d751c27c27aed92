"""`DotGraph`: the text that Graphviz draws, and the way to its program."""

from __future__ import annotations

import html
import shutil
import subprocess
from pathlib import Path
from typing import Any

_TEXT_FORMATS = frozenset({"dot", "gv", "raw"})


class DotGraph:
    """A directed graph in Graphviz's language.

    It has the methods of a `pydot.Dot` that people use after `model_to_dot`: `to_string`, `write`,
    `create`, and `write_png` and the like.

    Args:
        name: The graph's name.
        attributes: Attributes of the graph, such as `rankdir`.

    Example:
        >>> graph = DotGraph("small", {"rankdir": "LR"})
        >>> graph.add_node("a", [["first"]])
        >>> graph.add_node("b", [["second"]])
        >>> graph.add_edge("a", "b")
        >>> print(graph.to_string().splitlines()[-2].strip())
        "a" -> "b";
    """

    def __init__(self, name: str, attributes: dict[str, Any] | None = None) -> None:
        self.name = name
        self._attributes = dict(attributes or {})
        self._nodes: list[tuple[str, list[list[str]]]] = []
        self._edges: list[tuple[str, str]] = []
        self._clusters: list[DotGraph] = []

    def add_node(self, key: str, rows: list[list[str]]) -> None:
        """Adds a box.

        Args:
            key: What edges call it.
            rows: Lines of text, each a list of cells; the first is the title.
        """
        self._nodes.append((key, rows))

    def add_edge(self, start: str, stop: str) -> None:
        """Adds an arrow, once."""
        if (start, stop) not in self._edges:
            self._edges.append((start, stop))

    def add_subgraph(self, graph: DotGraph) -> None:
        """Adds a graph drawn in a frame of its own."""
        self._clusters.append(graph)

    def to_string(self) -> str:
        """Gives the graph as text."""
        return "\n".join(["digraph " + _quoted(self.name) + " {", *self._body("  "), "}"]) + "\n"

    def _body(self, indent: str) -> list[str]:
        lines = [f"{indent}{key}={_quoted(value)};" for key, value in self._attributes.items()]
        lines += [
            f"{indent}{_quoted(key)} [shape=none, label=<{_table(rows)}>];" for key, rows in self._nodes
        ]
        for cluster in self._clusters:
            lines.append(f"{indent}subgraph {_quoted('cluster_' + cluster.name)} {{")
            lines += [*cluster._body(indent + "  "), f"{indent}}}"]
        return [*lines, *(f"{indent}{_quoted(a)} -> {_quoted(b)};" for a, b in self._edges)]

    def create(self, prog: str = "dot", format: str = "png") -> bytes:
        """Draws the graph with Graphviz.

        Args:
            prog: The program.
            format: The format: 'png', 'svg', 'pdf', ...

        Raises:
            ImportError: Graphviz is not installed.
            RuntimeError: It refuses; the message is its own.
        """
        if format in _TEXT_FORMATS:
            return self.to_string().encode()
        program = shutil.which(prog)
        if program is None:
            raise ImportError(
                f"drawing a model as {format} needs Graphviz, whose program {prog!r} was not found: install "
                "it (`apt install graphviz`, `brew install graphviz`, or https://graphviz.org/download), or "
                "write the graph as text with a file name that ends in .dot"
            )
        run = subprocess.run(
            [program, f"-T{format}"], input=self.to_string().encode(), capture_output=True, check=False
        )
        if run.returncode != 0:
            raise RuntimeError(f"{prog} cannot draw the graph: {run.stderr.decode(errors='replace').strip()}")
        return run.stdout

    def write(self, path: Any, prog: str = "dot", format: str | None = None) -> bool:
        """Draws the graph to a file; one that ends in `.dot` or `.gv` gets the text.

        Args:
            path: The file.
            prog: The program.
            format: The format; None goes by the file name, and is text where it has no ending.

        Raises:
            ImportError: Graphviz is needed and not installed.
        """
        path = Path(path)
        kind = format or path.suffix[1:].lower() or "dot"
        from corten.saving.files import write_bytes

        write_bytes(path, self.create(prog, kind))
        return True

    def write_png(self, path: Any, prog: str = "dot") -> bool:
        """Draws the graph to a PNG file."""
        return self.write(path, prog, "png")

    def write_svg(self, path: Any, prog: str = "dot") -> bool:
        """Draws the graph to an SVG file."""
        return self.write(path, prog, "svg")

    def write_pdf(self, path: Any, prog: str = "dot") -> bool:
        """Draws the graph to a PDF file."""
        return self.write(path, prog, "pdf")

    def _repr_svg_(self) -> str | None:
        """How notebooks show it, where Graphviz is installed."""
        return self.create(format="svg").decode() if shutil.which("dot") else None

    def __repr__(self) -> str:
        return f"<DotGraph {self.name!r}>"


def _quoted(value: Any) -> str:
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _table(rows: list[list[str]]) -> str:
    width = max(len(row) for row in rows)
    lines = []
    for index, row in enumerate(rows):
        span = f' colspan="{width}"' if len(row) < width else ""
        color = ' bgcolor="gray90"' if index == 0 else ""
        cells = "".join(f"<td{span}{color}>{html.escape(cell)}</td>" for cell in row)
        lines.append(f"<tr>{cells}</tr>")
    return f'<table border="0" cellborder="1" cellspacing="0" cellpadding="6">{"".join(lines)}</table>'
