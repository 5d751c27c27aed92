"""Failing the Nth call of the operating system that writes, or ending the process there."""

import contextlib
import errno
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

#: Calls that change the disk or a descriptor, with the error that each fails with.
CALLS = {
    "open": errno.EMFILE,
    "mkdir": errno.ENOSPC,
    "write": errno.ENOSPC,
    "fsync": errno.EIO,
    "replace": errno.EACCES,
    "close": errno.EIO,
}


class Steps:
    """Counts calls and does something at the Nth.

    Args:
        folder: Only names below it count, and descriptors opened there.
        number: At which step, from 1; 0 only counts.
        action: What happens, given the name of the call and whether the call has been made.
    """

    def __init__(self, folder: Path, number: int, action: Callable[[str, bool], None]) -> None:
        self.folder = str(folder)
        self.number = number
        self.action = action
        self.count = 0
        self.calls: list[str] = []
        self._handles: set[int] = set()

    def _is_ours(self, call: str, first: Any, keywords: dict[str, Any]) -> bool:
        if isinstance(first, int):
            return first in self._handles
        if call == "mkdir" and os.path.isdir(first):
            return False  # It asks whether the folder is there, and it is.
        return os.fspath(first).startswith(self.folder) or keywords.get("dir_fd") in self._handles

    def wrap(self, call: str) -> Callable[..., Any]:
        original = getattr(os, call)

        def wrapped(*arguments: Any, **keywords: Any) -> Any:
            if not self._is_ours(call, arguments[0], keywords):
                return original(*arguments, **keywords)
            self.count += 1
            self.calls.append(call)
            due = self.count == self.number
            if due and call != "close":
                self.action(call, False)
            result = original(*arguments, **keywords)
            if call == "open":
                self._handles.add(result)
            elif call == "close":
                self._handles.discard(arguments[0])
            if due:
                self.action(call, True)
            return result

        return wrapped


def fail(call: str, done: bool) -> None:
    """Raises the error of a call in its place; `close` frees its descriptor and fails then."""
    if not done or call == "close":
        raise OSError(CALLS[call], os.strerror(CALLS[call]))


def kill_before(call: str, done: bool) -> None:
    if not done or call == "close":
        os.kill(os.getpid(), signal.SIGKILL)


def kill_after(call: str, done: bool) -> None:
    if done:
        os.kill(os.getpid(), signal.SIGKILL)


@contextlib.contextmanager
def at_step(folder: Path, number: int, action: Callable[[str, bool], None]) -> Iterator[Steps]:
    """Does something at the Nth step of what the block writes below a folder."""
    steps = Steps(folder, number, action)
    with contextlib.ExitStack() as stack:
        for call in CALLS:
            stack.enter_context(mock.patch.object(os, call, steps.wrap(call)))
        yield steps


@contextlib.contextmanager
def short_writes(most: int = 7) -> Iterator[None]:
    """Lets every write take a few bytes only."""
    original = os.write
    with mock.patch.object(
        os, "write", lambda handle, data: original(handle, bytes(memoryview(data)[:most]))
    ):
        yield


@contextlib.contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Has the system refuse to let files grow beyond a size; Python ignores the signal that goes with it."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def in_child(work: Callable[[], Any]) -> int:
    """Runs something in a forked process that ends at once; gives its status, negative for a signal."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 3.12 and later warn of threads, which this child does not use.
        child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
