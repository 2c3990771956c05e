"""The child process of `penstock.services.ai_workers`: limits first, then one question after the other.

``python -m penstock.services.ai_child <bytes of memory> <seconds of CPU time for each question>``
"""

import os
import resource
import sys
from collections.abc import Callable
from typing import IO, Any

import msgspec

from penstock.services.ai_workers import LENGTH_BYTES, ContentError


def main(memory_bytes: int, cpu_seconds: int) -> None:
    """Answer until there is no question more."""
    questions, answers = _streams()
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # nothing here has a file to write
    while header := questions.read(LENGTH_BYTES):
        question = msgspec.msgpack.decode(questions.read(int.from_bytes(header)))
        _allow(cpu_seconds)
        answer = msgspec.msgpack.encode(_answered(question))
        answers.write(len(answer).to_bytes(LENGTH_BYTES) + answer)
        answers.flush()


def _streams() -> tuple[IO[bytes], IO[bytes]]:
    """Questions and answers; what a library prints goes nowhere, so that it cannot be taken for an answer."""
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return sys.stdin.buffer, answers


def _allow(seconds: int) -> None:
    """Let the process use so much more CPU time; SIGXCPU ends it then."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _answered(question: dict[str, Any]) -> dict[str, Any]:
    try:
        read = _reading(question["task"])
    except ImportError as error:
        return {"code": "unavailable", "message": f"a library of the engine cannot be loaded: {error.name}"}
    try:
        return {"result": read(question["content"], **question["options"])}
    except ContentError as error:
        return {"code": error.code, "message": error.message}
    except MemoryError:
        return {"code": "memory_limit", "message": "reading the content took too much memory"}
    except Exception as error:  # a decoder's own: its text may quote the content
        return {"code": "malformed", "message": f"the content cannot be read: {type(error).__name__}"}


def _reading(task: str) -> Callable[..., dict[str, Any]]:
    """What answers such a question; loaded with it, as a child answers questions of one kind."""
    if task == "ocr":
        from penstock.services.ai_ocr import extract

        return extract
    from penstock.services.ai_speech import transcribe

    return transcribe


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
