"""Child processes that decode what strangers sent, within limits of memory, CPU time and wall time.

A child is ``python -m penstock.services.ai_child``. It gets none of the parent's secrets, reads questions from its
standard input and writes answers to its standard output, and ends when the input does:

::

    question, answer     length (8 bytes, big-endian), then that many bytes of MessagePack
    question             {"task": "ocr", "content": bytes, "options": {…}}
    answer               {"result": {…}} or {"code": "malformed", "message": "…"}

Models stay loaded between questions. A child that does not answer in time, or dies, is replaced for the next question;
who asked is told why.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

LENGTH_BYTES: Final = 8
_KEPT_VARIABLES: Final = ("PATH", "PYTHONPATH", "LANG", "LD_LIBRARY_PATH", "AI_ENGINE_WHISPER")
"""What a child may know of the environment; tokens and addresses of databases are not among it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one question may cost.

    Attributes
    ----------
    memory_bytes : int
        Address space of the child, models included.
    cpu_seconds : int
    wall_seconds : float
    """

    memory_bytes: int = 4 << 30
    cpu_seconds: int = 120
    wall_seconds: float = 90.0


class ContentError(Exception):
    """The content cannot be read; the engine is fine.

    Attributes
    ----------
    code : str
        In snake case; a key of `penstock.services.ai_engine.STATUS`.
    message : str
        Never a part of the content.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class WorkError(Exception):
    """A question that got no result.

    Attributes
    ----------
    code : str
        As the child said, or ``timeout``, ``cpu_limit``, ``crashed``; ``killed`` where the system ended the child,
        which says nothing of the question.
    message : str
        Never a value of what was sent.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Workers:
    """Some children, started when they are needed.

    Parameters
    ----------
    count : int
        Questions that are answered at once; more wait.
    limits : Limits
    """

    def __init__(self, count: int, limits: Limits) -> None:
        self.waiting = 0
        self._limits = limits
        self._free: list[asyncio.subprocess.Process] = []
        self._places = asyncio.Semaphore(count)

    async def ask(self, task: str, content: bytes, options: dict[str, Any]) -> dict[str, Any]:
        """What a child made of the content. Raises WorkError."""
        question = msgspec.msgpack.encode({"task": task, "content": content, "options": options})
        self.waiting += 1
        try:
            async with self._places, self._child() as child:
                answer = await self._answer(child, question)
        finally:
            self.waiting -= 1
        if "result" not in answer:
            raise WorkError(answer["code"], answer["message"])
        result: dict[str, Any] = answer["result"]
        return result

    async def close(self) -> None:
        """End the children that wait for questions."""
        while self._free:
            await _end(self._free.pop())

    @contextlib.asynccontextmanager
    async def _child(self) -> AsyncIterator[asyncio.subprocess.Process]:
        child = self._free.pop() if self._free else await self._started()
        if child.returncode is not None:  # it died while nobody asked
            child = await self._started()
        try:
            yield child
        except BaseException:
            await _end(child)
            raise
        self._free.append(child)

    async def _started(self) -> asyncio.subprocess.Process:
        limits = self._limits
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "penstock.services.ai_child",
            str(limits.memory_bytes),
            str(limits.cpu_seconds),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ},
            start_new_session=True,  # Ctrl-C in a terminal is for the parent, which ends its children itself
        )

    async def _answer(self, child: asyncio.subprocess.Process, question: bytes) -> dict[str, Any]:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            async with asyncio.timeout(self._limits.wall_seconds):
                child.stdin.write(len(question).to_bytes(LENGTH_BYTES) + question)
                await child.stdin.drain()
                length = int.from_bytes(await child.stdout.readexactly(LENGTH_BYTES))
                answer: dict[str, Any] = msgspec.msgpack.decode(await child.stdout.readexactly(length))
        except TimeoutError:
            seconds = self._limits.wall_seconds
            raise WorkError("timeout", f"the content was not read within {seconds:g} s") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise _death(await child.wait()) from None
        return answer


def _death(status: int) -> WorkError:
    """Why a child went, from its exit status: negative is a signal's number."""
    if status == -signal.SIGXCPU:
        return WorkError("cpu_limit", "reading the content took too much CPU time")
    if status == -signal.SIGKILL:
        return WorkError("killed", "the system ended the process that read the content")
    return WorkError("crashed", "the process that read the content crashed")


async def _end(child: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.kill()
    await child.wait()
