"""What runs in a child process of `penstock.model.room`: jobs in, answers out, one at a time.

    python -P -m penstock.model.room_child <parent's process id> <bytes of memory> <seconds of processor time>

A message is its length (8 bytes, little endian) and MessagePack: of a job ``[function, data, options]``, of its answer
``["ok", what it returned]`` or ``["error", reason, message]``. An empty answer at the beginning says that it is ready.
"""

import contextlib
import ctypes
import importlib
import os
import resource
import signal
import struct
import sys
from functools import cache
from typing import Any, BinaryIO, Final

import msgspec

from penstock.model.errors import EnrichmentError

_HEADER: Final = struct.Struct("<Q")
_DIE_WITH_PARENT: Final = 1  # PR_SET_PDEATHSIG of prctl(2)


def main(parent: int, memory: int, seconds: int) -> None:
    """Do jobs until there are no more."""
    _bind(parent)
    # what a library prints must not get between the answers
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    _limit(resource.RLIMIT_AS, memory)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, 64)
    _send(answers, [])
    while header := jobs.read(_HEADER.size):
        (length,) = _HEADER.unpack(header)
        job = jobs.read(length)
        _allow(seconds)
        _send(answers, _answer(job))


def _bind(parent: int) -> None:
    """End when the parent does, also in the middle of a job."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before it could be bound to
        os._exit(0)


def _limit(what: int, most: int) -> None:
    """Set a limit that cannot be lifted again, as far as the system knows it."""
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(what, (most, most))


def _allow(seconds: int) -> None:
    """So many more seconds of processor time; then SIGXCPU ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, hard))


def _answer(job: bytes) -> list[Any]:
    try:
        name, data, options = msgspec.msgpack.decode(job)
        del job
        return ["ok", _function(name)(data, **options)]
    except EnrichmentError as error:
        return ["error", error.reason, error.message]
    except ImportError as error:
        return ["error", "unavailable", f"a library cannot be loaded: {error.name}"]
    except MemoryError:
        return ["error", "out_of_memory", "content takes more memory than job_memory_bytes"]
    except Exception as error:  # each decoder has errors of its own; their texts may quote the content
        return ["error", "malformed", f"content cannot be taken apart: {type(error).__name__}"]


@cache
def _function(name: str) -> Any:
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


def _send(answers: BinaryIO, answer: list[Any]) -> None:
    body = msgspec.msgpack.encode(answer)
    for part in (_HEADER.pack(len(body)), body):
        view = memoryview(part)
        while view:
            view = view[answers.write(view) :]


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
