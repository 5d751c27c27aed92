"""Sizes that depend on the arguments.

A function is traced twice, with different sizes in place of every unknown one. A size that differs between
the traces is known by its pair of values: an axis of some tensor has it, or it is a product of such.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

#: One value in each trace.
Pair = tuple[int, int]

_BATCH = (2, 3)
# Primes, so that pairs do not meet, and large enough for windows and strides.
_OTHERS = ((61, 89), (67, 97), (71, 101), (73, 103), (79, 107), (83, 109))


class Unknown(NotImplementedError):
    """A size that depends on the arguments in a way that the format cannot say."""


def probes(shape: Sequence[int | None], others: Iterator[Pair]) -> tuple[list[int], list[int]]:
    """Gives two shapes with sizes in place of None, the first axis being the batch.

    Args:
        shape: Sizes, None where unknown.
        others: Pairs for axes other than the first.

    Example:
        >>> probes((None, None, 3), pairs())
        ([2, 61, 3], [3, 89, 3])
    """
    found: list[Pair] = []
    for axis, size in enumerate(shape):
        found.append((size, size) if size is not None else _BATCH if axis == 0 else next(others))
    return [first for first, _ in found], [second for _, second in found]


def pairs() -> Iterator[Pair]:
    """Pairs of sizes for unknown axes."""
    yield from _OTHERS
    raise Unknown(
        "export: more than six unknown sizes besides the batch; give `input_signature` fewer of them"
    )


class Sizes:
    """Where sizes that differ are found.

    Args:
        graph: Makes the nodes that read a size.
    """

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._axes: dict[Pair, tuple[str, int]] = {}
        self._made: dict[Pair, str] = {}

    def note(self, name: str, first: Sequence[int], second: Sequence[int]) -> None:
        """Notes the sizes of a tensor."""
        for axis, pair in enumerate(zip(first, second, strict=True)):
            if pair[0] != pair[1]:
                self._axes.setdefault(pair, (name, axis))

    def one(self, pair: Pair) -> str:
        """The name of an int64 tensor of shape (1,) with that size."""
        if pair[0] == pair[1]:
            return str(self._graph.constant([pair[0]], "int64"))
        if pair not in self._made:
            self._made[pair] = self._make(pair)
        return self._made[pair]

    def _make(self, pair: Pair) -> str:
        graph = self._graph
        if pair in self._axes:
            name, axis = self._axes[pair]
            shape = graph.node("Shape", [name])
            return str(graph.node("Gather", [shape, graph.constant([axis], "int64")], axis=0))
        for known in self._axes:
            if pair[0] % known[0] == 0 and pair[1] % known[1] == 0:
                rest = pair[0] // known[0], pair[1] // known[1]
                if rest[0] == rest[1] or rest in self._axes:
                    return str(graph.node("Mul", [self.one(known), self.one(rest)]))
            if (
                known[0] % pair[0] == 0
                and known[1] % pair[1] == 0
                and known[0] // pair[0] == known[1] // pair[1]
            ):
                divisor = known[0] // pair[0]
                return str(graph.node("Div", [self.one(known), self.one((divisor, divisor))]))
        raise Unknown(
            f"export: a size that is {pair[0]} and {pair[1]} for two sizes of the inputs is no axis of a "
            "tensor, nor a multiple of one; fix the sizes of the inputs with `input_signature`"
        )

    def shape(self, first: Sequence[int], second: Sequence[int], reshaped: bool = False) -> str:
        """The name of an int64 vector that holds a shape; `reshaped`: one size may be left to the reader."""
        both = list(zip(first, second, strict=True))
        unknown = [pair for pair in both if pair[0] != pair[1]]
        if not unknown:
            return str(self._graph.constant(list(first), "int64"))
        if reshaped and len(unknown) == 1:
            return str(self._graph.constant([-1 if a != b else a for a, b in both], "int64"))
        return str(self._graph.node("Concat", [self.one(pair) for pair in both], axis=0))
