"""One process at a time: an advisory lock on a file, which the system releases when its holder dies."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.model.errors import BrokerStartError

PAUSE = 0.05
"""Seconds between two tries."""


@contextmanager
def exclusive(path: Path, *, wait_seconds: float, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock of a file; threads of one process exclude each other as well.

    Parameters
    ----------
    path : Path
        The file; made when absent, never removed, so that all lock the same one.
    wait_seconds : float
        How long to wait for another holder.
    on_wait : callable
        Called once if another holds it.

    Raises
    ------
    BrokerStartError
        Another process held it all the time, or the file cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as problem:
        raise BrokerStartError(
            f"cannot write {path}: {problem.strerror}", hint="choose a folder that you may write"
        ) from problem
    try:
        _acquire(descriptor, path, wait_seconds, on_wait)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, wait_seconds: float, on_wait: Callable[[], None]) -> None:
    deadline = time.monotonic() + wait_seconds
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise BrokerStartError(
                    f"another penstock process has held {path} for {wait_seconds:.0f} s",
                    hint="wait for it to finish, or end it",
                ) from None
        if not told:
            told = True
            on_wait()
        time.sleep(PAUSE)
