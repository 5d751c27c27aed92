"""The process of one framework, seen from outside."""

import contextlib
import json
import os
import queue
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

from .adapters import FRAMEWORKS

WORKER = Path(__file__).parents[1] / "worker.py"
# Settings that make a library slower than it is on this machine are not handed on.
HELD_BACK = (
    "OPENBLAS_CORETYPE",
    "ATEN_CPU_CAPABILITY",
    "DNNL_MAX_CPU_ISA",
    "ONEDNN_MAX_CPU_ISA",
    "CORTEN_ISA",
)


def environment(framework: str, threads: int) -> dict[str, str]:
    """Of a worker: so many threads for whatever library it has, the CPU only, quiet logs."""
    kept = {name: value for name, value in os.environ.items() if name not in HELD_BACK}
    counts = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "CORTEN_NUM_THREADS")
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "PYTHONWARNINGS": "ignore"}
    return {**kept, **dict.fromkeys(counts, str(threads)), **quiet, **FRAMEWORKS[framework].environment}


class Worker:
    """Starts a framework; `ready` is what it says of itself: `missing` or `error` where it did not start."""

    def __init__(self, framework: str, python: str, threads: int, timeout: float) -> None:
        self.framework, self.timeout = framework, timeout
        self.said = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed in `close`)
        self.replies: queue.Queue[str] = queue.Queue()
        self.process: subprocess.Popen[str] | None = None
        try:
            self.process = subprocess.Popen(
                [python, str(WORKER), framework, str(threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.said,
                text=True,
                env=environment(framework, threads),
            )
        except OSError as error:
            self.ready: dict[str, Any] = {"missing": f"{python}: {error.strerror}"}
            return
        self.listener = threading.Thread(target=self.listen, args=(self.process,), daemon=True)
        self.listener.start()
        self.ready = self.reply()

    def listen(self, process: "subprocess.Popen[str]") -> None:
        """Collects answers; an empty one is the end."""
        assert process.stdout is not None
        for line in process.stdout:
            self.replies.put(line)
        self.replies.put("")

    @property
    def usable(self) -> bool:
        """Whether it runs and can be asked."""
        started = "missing" not in self.ready and "error" not in self.ready
        return started and self.process is not None and self.process.poll() is None

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """The answer, or `{"error": ...}` if the process ended, hung or was never there."""
        if not self.usable or self.process is None or self.process.stdin is None:
            return {"error": self.ready.get("missing") or self.ready.get("error") or self.ended()}
        try:
            self.process.stdin.write(json.dumps({"do": do, **request}) + "\n")
            self.process.stdin.flush()
        except OSError:
            return {"error": self.ended()}
        return self.reply()

    def reply(self) -> dict[str, Any]:
        """The next answer."""
        try:
            line = self.replies.get(timeout=self.timeout)
        except queue.Empty:
            assert self.process is not None
            self.process.kill()
            return {"error": f"no answer in {self.timeout:g} s"}
        return json.loads(line) if line else {"error": self.ended()}

    def ended(self) -> str:
        """Why the process is gone, with its last words."""
        assert self.process is not None
        code = self.process.wait()
        self.said.seek(0)
        words = self.said.read().strip().splitlines()
        return f"the process ended ({code})" + (f": {words[-1][:300]}" if words else "")

    def close(self) -> None:
        """Lets the process end, or ends it."""
        if self.process is not None and self.process.stdin is not None and self.process.stdout is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.listener.join()
            self.process.stdout.close()
        self.said.close()
