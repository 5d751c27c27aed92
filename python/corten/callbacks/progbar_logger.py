"""Progress on standard output."""

from __future__ import annotations

import time
from typing import Any

from corten.callbacks.callback import Callback, Logs
from corten.training.progress import Progbar, is_interactive, write


class ProgbarLogger(Callback):
    """Shows a progress bar per epoch, or one line per epoch where lines cannot be rewritten.

    `fit`, `evaluate` and `predict` add one unless `verbose=0`.

    Args:
        appears_after: Seconds before the bar of `predict` appears.
    """

    def __init__(self, appears_after: float = 0.0) -> None:
        self._appears_after = appears_after
        self._bar: Progbar | None = None
        self._seen = 0
        self._verbose = 1
        self._epochs = 1
        self._training = False
        self._start = 0.0
        #: False when nothing is drawn before the end of an epoch, so batches need not be reported.
        self.watches_batches = True

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params
        self._verbose = int(params.get("verbose", 1))
        self._epochs = int(params.get("epochs") or 1)
        # Without a known number of steps the batches must be counted here.
        self.watches_batches = (self._verbose == 1 and is_interactive()) or params.get("steps") is None

    def _new_bar(self) -> Progbar:
        target = (self.params or {}).get("steps")
        self._seen = 0
        self._start = time.monotonic()
        self._bar = Progbar(target, verbose=self._verbose)
        return self._bar

    def on_train_begin(self, logs: Logs = None) -> None:
        self._training = True

    def on_train_end(self, logs: Logs = None) -> None:
        self._training = False

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        bar = self._new_bar()
        if self._epochs > 1:
            title = f"Epoch {epoch + 1}/{self._epochs}"
            if self._verbose == 1 and is_interactive():
                write(f"{title}\n")
            else:
                bar.prefix = f"{title} - "

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._step(batch)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._finish(logs)

    def on_test_begin(self, logs: Logs = None) -> None:
        if not self._training:
            self._new_bar()

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        if not self._training:
            self._step(batch)

    def on_test_end(self, logs: Logs = None) -> None:
        if not self._training:
            self._finish(logs)

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._new_bar()

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._seen = batch + 1
        if self._bar is not None and self._is_visible() and self._bar.is_due():
            self._bar.update(self._seen, finalize=False)

    def on_predict_end(self, logs: Logs = None) -> None:
        if self._is_visible():
            self._finish(None)

    def close_line(self) -> None:
        """Ends the line of a bar that will not be finished."""
        if self._bar is not None:
            self._bar.close_line()
        self._training = False

    def _is_visible(self) -> bool:
        return time.monotonic() - self._start >= self._appears_after

    def _step(self, batch: int) -> None:
        self._seen = batch + 1
        bar = self._bar
        if bar is not None and bar.is_due():
            # The values are only computed for the few steps that are drawn.
            self._show(bar, self.model._current_logs(), finalize=False)

    def _finish(self, logs: Logs) -> None:
        bar = self._bar
        if bar is None:
            return
        self._seen = (self.params or {}).get("steps_done") or self._seen or bar.target or 0
        bar.target = self._seen
        self._show(bar, logs or {}, finalize=True)
        if (self.params or {}).get("steps") is None and self.params is not None and self._training:
            # After the first epoch the length of the data is known.
            self.params["steps"] = self._seen

    def _show(self, bar: Progbar, logs: dict[str, Any], *, finalize: bool) -> None:
        bar.stateful_metrics.update(logs)
        bar.update(self._seen, list(logs.items()), finalize=finalize)
