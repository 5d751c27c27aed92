"""The progress bar, and the one line per epoch where there is no terminal."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from corten.config import is_interactive_logging_enabled

_BAR_WIDTH = 20


def resolve_verbose(verbose: Any, caller: str) -> int:
    """Gives 0, 1 or 2 for the `verbose` argument of a method.

    Raises:
        ValueError: Anything else.
    """
    if type(verbose) is int and 0 <= verbose <= 2:
        return verbose
    if isinstance(verbose, str) and verbose == "auto":
        return 1 if is_interactive() else 2
    if isinstance(verbose, bool | int | np.integer) and int(verbose) in (0, 1, 2):
        return int(verbose)
    raise ValueError(f"{caller}: verbose must be 0, 1, 2 or 'auto'; got {verbose!r}")


def is_interactive() -> bool:
    """Whether lines may be rewritten: in a terminal or a notebook, unless that is switched off."""
    if not is_interactive_logging_enabled():
        return False
    if "ipykernel" in sys.modules or "google.colab" in sys.modules:
        return True
    if os.environ.get("TERM") == "dumb":
        return False
    try:
        return sys.stdout is not None and sys.stdout.isatty()
    except (AttributeError, ValueError):
        return False


def _can_print(text: str) -> bool:
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _columns() -> int:
    """Width of the terminal; wide where it is not known."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 500
    except (AttributeError, OSError, ValueError):
        return 500


def write(text: str) -> None:
    """Writes to standard output; a missing, closed or narrow output never stops the training."""
    stream = sys.stdout
    if stream is None:
        return
    try:
        stream.write(text)
        stream.flush()
    except UnicodeEncodeError:
        stream.write(text.encode("ascii", "replace").decode("ascii"))
        stream.flush()
    except (OSError, ValueError):
        return


def format_value(value: Any) -> str:
    """Shows a metric: four decimals, or scientific where those would hide it.

    Example:
        >>> format_value(0.12345), format_value(0.00001), format_value(float("nan"))
        ('0.1235', '1.0000e-05', 'nan')
    """
    if isinstance(value, int | float | np.number):
        number = float(value)
        if number == 0 or not math.isfinite(number) or 1e-3 <= abs(number) < 1e5:
            return f"{number:.4f}"
        return f"{number:.4e}"
    array = np.asarray(value)
    return np.array2string(array, precision=4, separator=", ", threshold=10)


def format_seconds(seconds: float) -> str:
    """Shows a duration.

    Example:
        >>> format_seconds(75), format_seconds(0.3), format_seconds(7325)
        ('1:15', '0s', '2:02:05')
    """
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    if whole >= 60:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole}s"


def format_rate(seconds: float, unit: str) -> str:
    """Shows the time of one step.

    Example:
        >>> format_rate(0.0123, "step"), format_rate(2.5, "step"), format_rate(4e-5, "step")
        ('12ms/step', '2s/step', '40us/step')
    """
    if seconds >= 1:
        return f"{int(seconds)}s/{unit}"
    if seconds >= 1e-3:
        return f"{int(seconds * 1e3)}ms/{unit}"
    return f"{int(seconds * 1e6)}us/{unit}"


class Progbar:
    """Shows how far a loop is, with values.

    Args:
        target: Number of steps, None when it is not known.
        width: Width of the bar.
        verbose: 0 silent, 1 a bar that is redrawn, 2 one line at the end.
        interval: Seconds between two drawings. Without a terminal one line comes at the end; 0 asks for
            a line at each update there.
        stateful_metrics: Names of values that are shown as they are; others are averaged.
        stateless_metrics: The opposite choice: names of values that are averaged; give one or the other.
        unit_name: What a step is called.

    Example:
        >>> bar = Progbar(3, verbose=0)
        >>> for step in range(3):
        ...     bar.update(step + 1, [("loss", 1.0 / (step + 1))])
        >>> bar.current
        3
    """

    def __init__(
        self,
        target: int | None,
        width: int = _BAR_WIDTH,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError("Progbar: Only one of stateful_metrics and stateless_metrics can be given")
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self.stateful_metrics = set(stateful_metrics or ())
        self.current = 0
        #: Text in front of the line, such as 'Epoch 1/3 - '.
        self.prefix = ""
        self._sums: dict[str, list[float]] = {}
        self._shown: dict[str, Any] = {}
        self._start = time.monotonic()
        self._last_draw = 0.0
        self._last_length = 0
        self._is_open = False
        # A bar is only redrawn where the line can be rewritten; elsewhere one line comes at the end.
        self._rewrites = verbose == 1 and is_interactive()
        self._unicode = _can_print("\u2501")

    def update(
        self, current: int, values: Iterable[tuple[str, Any]] | None = None, finalize: bool | None = None
    ) -> None:
        """Sets the position and the values, and draws if it is time.

        Args:
            current: Steps done.
            values: Pairs of name and value.
            finalize: Whether this is the end; by default when the target is reached.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        self._take_values(values, current - self.current)
        self.current = current
        if self.verbose == 0:
            return
        now = time.monotonic()
        draws = self._rewrites or (self.verbose == 1 and self.interval == 0)
        if not finalize and (not draws or now - self._last_draw < self.interval):
            return
        self._last_draw = now
        if self._rewrites:
            line = self.line(finalize, now)
            if not finalize:
                # A line that wraps could not be rewritten; the last one is shown in full.
                line = line[: _columns() - 1]
            padding = " " * max(self._last_length - len(line), 0)
            self._last_length = len(line)
            self._is_open = not finalize
            write(f"\r{line}{padding}" + ("\n" if finalize else ""))
        else:
            write(f"{self.prefix}{self.line(finalize, now, bar=self.verbose == 1)}\n")

    def close_line(self) -> None:
        """Goes to a new line if the bar was drawn and not finished."""
        if self._is_open:
            self._is_open = False
            write("\n")

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Moves on by `n` steps."""
        self.update(self.current + n, values)

    def is_due(self) -> bool:
        """Whether `update` would draw now."""
        return self._rewrites and time.monotonic() - self._last_draw >= self.interval

    def line(self, finalize: bool, now: float | None = None, *, bar: bool = True) -> str:
        """Gives the line as it is drawn."""
        elapsed = (time.monotonic() if now is None else now) - self._start
        per_step = elapsed / self.current if self.current else 0.0
        parts = [self._count()]
        if bar:
            parts.append(self._bar())
        if finalize or self.target is None or not self.current:
            parts.append(format_seconds(elapsed))
        else:
            parts.append(format_seconds(per_step * (self.target - self.current)))
        parts.append(format_rate(per_step, self.unit_name))
        line = " ".join(parts)
        for name, value in self._shown.items():
            line += f" - {name}: {format_value(value)}"
        return line

    def _count(self) -> str:
        if self.target is None:
            return f"{self.current}/Unknown"
        digits = len(str(self.target))
        return f"{self.current:>{digits}d}/{self.target}"

    def _bar(self) -> str:
        if self.target is None:
            return ""
        done = int(self.width * min(self.current / max(self.target, 1), 1.0))
        if self._unicode:
            return "\u2501" * done + "\u2500" * (self.width - done)
        head = ">" if done < self.width else ""
        return "[" + "=" * done + head + "." * (self.width - done - len(head)) + "]"

    def _take_values(self, values: Iterable[tuple[str, Any]] | None, steps: int) -> None:
        for name, value in values or ():
            scalar = isinstance(value, int | float | np.number)
            if self.stateless_metrics is None:
                as_it_is = name in self.stateful_metrics
            else:
                as_it_is = name not in self.stateless_metrics
            if as_it_is or not scalar:
                self._shown[name] = value
                continue
            sums = self._sums.setdefault(name, [0.0, 0.0])
            weight = max(steps, 1)
            sums[0] += float(value) * weight
            sums[1] += weight
            self._shown[name] = sums[0] / sums[1]
