"""Runs ops on tensors of more than 2^31 elements, whose places no 32-bit number has.

`python scripts/check_huge_tensors.py` needs some 9 GiB of free memory and a few minutes; a check for which
there is not enough is left out with a line that says so. Elements have one byte each. Answers are compared
with what is known of the numbers: they count up and begin again after 251. `--only NAME` (may be repeated)
runs one check; `--elements` takes another size.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import corten
from corten import ops

GIB = 1 << 30
PERIOD = 251
# Places on both sides of where 31 and 32 bits end, and of both ends.
EDGES = (0, 1, 2**31 - 2, 2**31 - 1, 2**31, 2**31 + 1)


def available() -> int:
    """Bytes of memory that programs may still take."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/meminfo does not say how much memory there is")


def counted(n: int) -> np.ndarray:
    """The numbers of all checks: `i % 251` at place i."""
    return np.resize(np.arange(PERIOD, dtype=np.uint8), n)


def places(n: int) -> np.ndarray:
    """Places of a tensor with `n` elements that are looked at one by one."""
    return np.array([place for place in (*EDGES, n - 2, n - 1) if place < n], dtype=np.int64)


def equal(got: Any, want: Any) -> None:
    """Compares two arrays.

    Raises:
        AssertionError: They differ.
    """
    np.testing.assert_array_equal(np.asarray(got), np.asarray(want))


class Checks:
    """All checks, over tensors that are made once.

    Args:
        n: How many elements.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.values = counted(n)
        self.x = corten.ops.convert_to_tensor(self.values)

    def elementwise(self) -> None:
        y = ops.add(self.x, self.x)
        assert y.dtype == "uint8", y.dtype
        equal(y[self.n - 600 :], self.values[self.n - 600 :] * 2)
        equal(y[2**31 - 300 : 2**31 + 300], self.values[2**31 - 300 : 2**31 + 300] * 2)
        equal(ops.max(y), 255 - 255 % 2)

    def comparisons(self) -> None:
        nine = self.x == 9
        assert bool(ops.any(nine))
        assert not bool(ops.all(nine))
        assert not bool(ops.any(self.x == 255))
        equal(nine[self.n - 600 :], self.values[self.n - 600 :] == 9)

    def reductions(self) -> None:
        equal(ops.max(self.x), PERIOD - 1)
        equal(ops.min(self.x), 0)
        table = ops.reshape(self.x[: self.n - self.n % 1024], (1024, -1))
        equal(ops.max(table, axis=1), np.full(1024, PERIOD - 1))

    def places_of_extremes(self) -> None:
        # The only 255 lies behind all places that 31 bits have.
        marked = ops.scatter_update(self.x, np.array([[self.n - 3]]), np.array([255], "uint8"))
        equal(ops.max(marked), 255)
        assert int(marked[self.n - 3]) == 255
        # Places are int32: no place of so long an axis may come out wrong, so it is refused.
        for function in (ops.argmax, ops.argmin):
            try:
                function(marked)
            except ValueError as error:
                if "too long" not in str(error):
                    raise
            else:
                raise AssertionError("argmax of more than 2^31 elements gave something")
        width = 1024
        rows = self.n // width
        table = ops.reshape(marked[self.n - rows * width :], (rows, width))
        found = ops.argmax(table[-10:], axis=1)
        equal(found[-1], width - 3)
        equal(ops.argmax(table, axis=0)[width - 3], rows - 1)

    def indexing(self) -> None:
        for place in places(self.n):
            assert int(self.x[int(place)]) == place % PERIOD
            assert int(self.x[int(place) - self.n]) == place % PERIOD
        equal(self.x[:: 2**29 + 1], self.values[:: 2**29 + 1])
        equal(self.x[::-1][:1000], self.values[::-1][:1000])

    def take(self) -> None:
        at = places(self.n)
        equal(ops.take(self.x, at), at % PERIOD)
        equal(ops.take(self.x, at - self.n), at % PERIOD)
        equal(ops.take_along_axis(self.x, at, axis=0), at % PERIOD)

    def concatenation(self) -> None:
        half = self.n // 2
        whole = ops.concatenate([self.x[half:], self.x[:half]])
        assert whole.shape == (self.n,)
        rest = self.n - half
        equal(whole[rest - 500 : rest + 500], np.r_[self.values[self.n - 500 :], self.values[:500]])
        equal(whole[-500:], self.values[half - 500 : half])

    def transposed_copy(self) -> None:
        columns = 3
        rows = self.n // columns
        table = ops.reshape(self.x[: rows * columns], (rows, columns))
        flat = ops.reshape(ops.transpose(table), (-1,))
        want = self.values[: rows * columns].reshape(rows, columns).T
        for column in range(columns):
            begin = column * rows
            equal(flat[begin : begin + 1000], want[column, :1000])
            equal(flat[begin + rows - 1000 : begin + rows], want[column, -1000:])

    def casts(self) -> None:
        signed = ops.cast(self.x, "int8")
        assert signed.dtype == "int8", signed.dtype
        equal(signed[self.n - 600 :], self.values[self.n - 600 :].astype("int8"))
        truths = ops.cast(self.x, "bool")
        equal(truths[self.n - 600 :], self.values[self.n - 600 :] != 0)

    def ranges(self) -> None:
        counts = ops.arange(self.n, dtype="uint8")
        equal(counts[self.n - 600 :], np.arange(self.n - 600, self.n).astype("uint8"))

    def whole_copies(self) -> None:
        back = ops.convert_to_numpy(self.x)
        assert back.shape == (self.n,)
        assert np.array_equal(back, self.values)


# What each check takes besides the numbers and their tensor, in tensors.
CHECKS: dict[str, int] = {
    "elementwise": 2,
    "comparisons": 2,
    "reductions": 1,
    "places_of_extremes": 2,
    "indexing": 1,
    "take": 1,
    "concatenation": 2,
    "transposed_copy": 2,
    "casts": 2,
    "ranges": 2,
    "whole_copies": 2,
}


def main() -> int:
    """Runs the checks; gives the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--elements", type=int, default=2**31 + 5, help="default 2^31 + 5")
    parser.add_argument("--only", action="append", choices=CHECKS, help="default: all")
    arguments = parser.parse_args()
    n = arguments.elements
    if n < 2**31 + 2:
        parser.error(f"--elements: more than 2^31 + 1 are the point; got {n}")
    if available() < 3 * n:
        sys.stdout.write(f"left out: needs {3 * n / GIB:.1f} GiB, {available() / GIB:.1f} are free\n")
        return 0
    checks, failed = Checks(n), []
    for name in arguments.only or CHECKS:
        tensors = CHECKS[name]
        if available() < tensors * n:
            sys.stdout.write(f"{name}: left out: needs {tensors * n / GIB:.1f} GiB more\n")
            continue
        check: Callable[[], None] = getattr(checks, name)
        begun = time.monotonic()
        try:
            check()
            said = "ok"
        except Exception as error:
            failed.append(name)
            said = f"FAILED: {type(error).__name__}: {str(error)[:1000]}"
        sys.stdout.write(f"{name}: {said}, {time.monotonic() - begun:.1f} s\n")
        sys.stdout.flush()
    sys.stdout.write(f"{len(failed)} failed{': ' if failed else ''}{', '.join(failed)}\n")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
