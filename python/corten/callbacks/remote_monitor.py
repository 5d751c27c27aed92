"""Sending the values of each epoch to a server."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
import warnings
from typing import Any

import numpy as np

from corten.callbacks.callback import Callback, Logs

#: Seconds to wait for the server: a monitor must not hold up the training.
_TIMEOUT = 10.0


class RemoteMonitor(Callback):
    """Sends the values of every epoch to a server, by HTTP POST.

    The values and the epoch's number are one JSON object. A server that cannot be reached is a warning,
    not the end of the training.

    Args:
        root: Address of the server; `http://` or `https://`.
        path: Path on the server.
        field: Name of the form's field that holds the JSON text; not used with `send_as_json`.
        headers: Additional HTTP headers, a dict.
        send_as_json: Send the JSON as the body (`application/json`) rather than in a form.

    Raises:
        ValueError: `root` is no HTTP address.

    Source: https://keras.io/api/callbacks/remote_monitor/

    Example:
        >>> RemoteMonitor("http://localhost:9000", send_as_json=True).path
        '/publish/epoch/end/'
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: dict[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        if urllib.parse.urlsplit(root).scheme not in {"http", "https"}:
            raise ValueError(
                f"RemoteMonitor: root must be an address such as 'http://localhost:9000'; got {root!r}"
            )
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        values = {"epoch": epoch, **{name: _plain(value) for name, value in (logs or {}).items()}}
        text = json.dumps(values)
        if self.send_as_json:
            body, kind = text.encode(), "application/json"
        else:
            body = urllib.parse.urlencode({self.field: text}).encode()
            kind = "application/x-www-form-urlencoded"
        request = urllib.request.Request(
            self.root + self.path, data=body, headers={"Content-Type": kind, **(self.headers or {})}
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT):
                pass
        except (urllib.error.URLError, OSError) as error:
            reason = getattr(error, "reason", None) or error
            warnings.warn(
                f"Could not reach RemoteMonitor root server at {self.root}: {reason}",
                UserWarning,
                stacklevel=2,
            )


def _plain(value: Any) -> Any:
    """A number or list for JSON; an array of one number is that number."""
    array = np.asarray(value)
    return array.item() if array.size == 1 else array.tolist()
