"""The broker's process: started so that it outlives us, known again by its command line, ended by its own number.

The number of a process is given anew after its end. So a broker is known by its command line, which names its data
folder (``-Dpenstock.broker=<folder>``): a process of that number with that argument can only be it.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

MAIN_CLASS: Final = "kafka.Kafka"
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_PAUSE: Final = 0.02
_MARK: Final = "-Dpenstock.broker="
# the shell ends at once, so the broker is nobody's child: no zombie of ours, and no pipe that it could fill
_DETACHED: Final = '"$@" >>"$0" 2>&1 </dev/null & echo $!'


def mark(data: Path) -> str:
    """Give the argument by which the broker of a data folder is known."""
    return f"{_MARK}{data}"


def java_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the part of an environment that Java is to see: neither secrets nor what changes its options."""
    return {name: environ[name] for name in _PASSED_ON if name in environ}


def spawn(command: Sequence[str], *, folder: Path, console: Path, environ: Mapping[str, str]) -> int:
    """Start a program in a session of its own, in a folder, with its output appended to a file.

    Returns
    -------
    int
        The number of its process.

    Raises
    ------
    OSError
        There is no shell, or the file cannot be written.
    """
    console.open("ab").close()
    shell = subprocess.run(
        ["/bin/sh", "-c", _DETACHED, str(console), *command],
        cwd=folder,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        check=True,
    )
    return int(shell.stdout)


def runs(number: int, data: Path) -> bool:
    """Tell whether this process is there and is the broker of that folder."""
    return mark(data) in _arguments(number)


def gone(number: int, data: Path) -> bool:
    """Tell whether there is no broker of that folder under this number any more, nor one that is about to be.

    A process without a command line is between two programs (execve(2) takes the old one's away first), or has given
    its memory up and still has threads that hold its ports: neither is gone.
    """
    arguments = _arguments(number)
    return not _lives(number) if not any(arguments) else mark(data) not in arguments


def end(number: int, data: Path, *, with_signal: signal.Signals, wait_seconds: float) -> bool:
    """Send a signal to the broker of a folder and wait for its end.

    Returns
    -------
    bool
        Whether it is gone.
    """
    deadline = time.monotonic() + wait_seconds
    told = False
    while not gone(number, data):
        if not told and runs(number, data):
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, with_signal)
            told = True
        if time.monotonic() >= deadline:
            return False
        time.sleep(_PAUSE)
    return True


def _lives(number: int) -> bool:
    """Tell whether a process is there and no zombie, or has threads that do not know of its end yet."""
    try:
        name_and_rest = Path(f"/proc/{number}/stat").read_text("utf-8", "replace")
    except OSError:
        return False
    # proc(5): after the name in brackets come the state, and as the 18th field from there the number of threads
    fields = name_and_rest.rpartition(")")[2].split()
    return fields[0] not in "ZX" or int(fields[17]) > 1


def _arguments(number: int) -> list[str]:
    """Give the command line of a process: none if it is gone, or dead and not yet collected by its parent."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{number}/cmdline").read_bytes().decode("utf-8", "surrogateescape").split("\0")
        except OSError:
            return []
    return _arguments_by_ps(number)


def _arguments_by_ps(number: int) -> list[str]:
    """Give the same where there is no /proc (macOS); ps joins the arguments, so that one may hold blanks."""
    shown = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(number)], capture_output=True, text=True, check=False
    ).stdout.strip()
    start = shown.find(_MARK)
    ending = shown.find(" " + MAIN_CLASS, start)
    return [shown[start:ending]] if 0 <= start < ending else []
