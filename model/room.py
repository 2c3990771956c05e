"""Rooms: child processes in which untrusted media are taken apart, so that whatever is in them harms nobody else.

    room = room_for(RoomOptions())
    clean = await room.run("penstock.agents.enrich._images:scrub", data, preserve_orientation=True)

A room is a few warm processes, each with one job at a time:

* A child is a Python of its own (never a fork of this process: its threads, connections and secrets stay here), with
  an environment of its own, no descriptors but its pipes, and limits for memory, processor time and files. Ctrl-C in a
  terminal is for this process alone.
* A job that takes longer than `RoomOptions.job_seconds`, by the clock on the wall, is killed.
* A child that crashed, was killed, or ran out of memory or time fails its job and no other; the next job gets another
  child. So does one that has done `_MOST_JOBS`: what a library loses now and then does not add up.
* A child ends with its parent: its pipe ends, and on Linux the kernel kills it.
* What a child answers is MessagePack with bounds, never pickles: even a child that was taken over can only lie.

A failure is an `EnrichmentError` whose reason is one of `REASONS`, or what the job's function raised.
"""

import asyncio
import atexit
import contextlib
import fcntl
import os
import queue
import signal
import struct
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, Final

import msgspec
from pydantic import Field

from penstock.model.component import ComponentConfig
from penstock.model.errors import EnrichmentError

REASONS: Final = {
    "timeout": "the content took longer than job_seconds",
    "cpu_limit": "the content took more processor time than job_cpu_seconds",
    "out_of_memory": "the content took more memory than job_memory_bytes",
    "crashed": "the process that took the content apart ended, or answered nonsense",
    "killed": "the system, or somebody, ended the process that took the content apart",
    "unavailable": "a library that takes such content apart cannot be loaded here",
    "malformed": "the content is not what its beginning says",
}
"""Why a job failed: reason -> what it means."""

_MOST_JOBS: Final = 1000
_START_SECONDS: Final = 60.0
_END_SECONDS: Final = 1.0
_PIPE_BYTES: Final = 1 << 20  # what Linux gives to anybody
_LONGEST_ANSWER: Final = 1 << 30
_HEADER: Final = struct.Struct("<Q")
_VARIABLES: Final = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "TMPDIR")
"""What a child sees of the environment: how to start, no addresses and no secrets."""


class RoomOptions(ComponentConfig):
    """Options of every stage that takes content apart in child processes."""

    processes: int = Field(2, ge=1, le=64, description="Child processes; each has one content at a time.")
    job_memory_bytes: int = Field(
        1 << 30, ge=1 << 28, description="Address space of a child process; more fails the content."
    )
    job_cpu_seconds: int = Field(10, ge=1, description="Processor time for one content.")
    job_seconds: float = Field(20.0, gt=0, description="Time for one content, from when a child process has it.")


class _Child:
    """One process. Its methods block; a job belongs to one thread at a time."""

    def __init__(self, options: RoomOptions, variables: tuple[str, ...], threads: int) -> None:
        environment = {name: os.environ[name] for name in (*_VARIABLES, *variables) if name in os.environ}
        bound = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        limits = [str(number) for number in (os.getpid(), options.job_memory_bytes, options.job_cpu_seconds)]
        self.jobs = 0
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "penstock.model.room_child", *limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment | bound,
            cwd="/",
            bufsize=0,
            start_new_session=True,
        )
        for pipe in (self.process.stdin, self.process.stdout):
            _widen(pipe)
        try:
            self._within(_START_SECONDS, self._read, _LONGEST_ANSWER)
        except BaseException:
            self.end()
            raise

    def run(self, job: bytes, seconds: float) -> Any:
        """What the job answers. Raises EnrichmentError; of other failures the process must be ended."""
        self.jobs += 1
        return self._within(seconds, self._ask, job)

    def end(self) -> None:
        """Kill the process and forget it."""
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process.wait()

    def _within(self, seconds: float, call: Any, *arguments: Any) -> Any:
        """Call with the process killed when time is up: whatever waits for it comes to an end then."""
        late = threading.Event()

        def stop() -> None:
            late.set()
            self.process.kill()

        timer = threading.Timer(seconds, stop)
        timer.start()
        try:
            return call(*arguments)
        except (OSError, EOFError):
            raise self._why(late.is_set(), seconds) from None
        except msgspec.MsgspecError:
            raise EnrichmentError("crashed", "the process that took content apart answered nonsense") from None
        finally:
            timer.cancel()
            timer.join()

    def _ask(self, job: bytes) -> Any:
        pipe = self.process.stdin
        assert pipe is not None
        for part in (_HEADER.pack(len(job)), job):
            view = memoryview(part)
            while view:  # a pipe takes what it has room for
                view = view[pipe.write(view) :]
        return self._read(_LONGEST_ANSWER)

    def _read(self, most: int) -> Any:
        (length,) = _HEADER.unpack(self._exactly(_HEADER.size))
        if length > most:
            raise msgspec.DecodeError
        return msgspec.msgpack.decode(self._exactly(length))

    def _exactly(self, length: int) -> bytearray:
        pipe = self.process.stdout
        assert pipe is not None
        found = bytearray(length)
        view = memoryview(found)
        while view:
            part = pipe.readinto(view)  # type: ignore[attr-defined] # it has no buffer, and so it is a file itself
            if not part:
                raise EOFError
            view = view[part:]
        return found

    def _why(self, late: bool, seconds: float) -> EnrichmentError:
        """Why the process went away in the middle of a job."""
        try:
            ended = self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:  # it did not, and closed its pipes
            self.process.kill()
            ended = 0
        if late:
            return EnrichmentError("timeout", f"content was not taken apart within {seconds:g} s")
        if ended == -signal.SIGXCPU:
            return EnrichmentError("cpu_limit", REASONS["cpu_limit"])
        if ended == -signal.SIGKILL:
            return EnrichmentError("killed", REASONS["killed"])
        return EnrichmentError("crashed", f"the process that took content apart ended with {ended}")


class Room:
    """A few child processes, started when there is something to do. See `room_for`.

    Parameters
    ----------
    options : RoomOptions
    variables : tuple of str
        What the children may see of the environment beside how to start.
    threads : int
        That libraries of numbers may start in a child.

    Attributes
    ----------
    waiting : int
        Jobs that are not done.
    """

    def __init__(self, options: RoomOptions, variables: tuple[str, ...] = (), threads: int = 1) -> None:
        self.options = options
        self.waiting = 0
        self._start = partial(_Child, options, variables, threads)
        self._threads = self._executor()
        self._idle: queue.SimpleQueue[_Child] = queue.SimpleQueue()
        self._live: set[_Child] = set()
        _ROOMS.add(self)

    async def run(self, function: str, data: bytes, **options: Any) -> Any:
        """What ``module:name`` of `function` makes of `data`, in a child process.

        Parameters
        ----------
        function : str
            ``(data, **options) -> answer``; the answer is what MessagePack can hold.
        data : bytes
        **options
            What MessagePack can hold.

        Raises
        ------
        EnrichmentError
            The function raised it, or one of `REASONS`.
        """
        job = msgspec.msgpack.encode((function, data, options))
        self.waiting += 1
        try:
            return await asyncio.wrap_future(self._threads.submit(self._job, job))
        finally:
            self.waiting -= 1

    def processes(self) -> list[int]:
        """The ids of the processes that are there now."""
        return [child.process.pid for child in self._live]

    def close(self) -> None:
        """End the processes; a job that runs fails, one that comes later starts others."""
        threads, self._threads = self._threads, self._executor()
        for child in list(self._live):
            child.process.kill()
        threads.shutdown()
        for child in list(self._live):
            self._drop(child)

    def _executor(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.options.processes, "room")

    def _job(self, job: bytes) -> Any:
        child = self._child()
        try:
            answer = child.run(job, self.options.job_seconds)
        except BaseException:
            self._drop(child)
            raise
        match answer:
            case ["ok", found]:
                self._give_back(child)
                return found
            case ["error", str(reason), str(message)]:
                if reason == "out_of_memory":
                    self._drop(child)  # what is left of its memory nobody knows
                else:
                    self._give_back(child)
                raise EnrichmentError(reason, message)
        self._drop(child)
        raise EnrichmentError("crashed", "the process that took content apart answered nonsense")

    def _child(self) -> _Child:
        while True:
            try:
                child = self._idle.get_nowait()
            except queue.Empty:
                child = self._start()
                self._live.add(child)
                return child
            if child.process.poll() is None:
                return child
            self._drop(child)  # it ended while it had nothing to do

    def _give_back(self, child: _Child) -> None:
        if child.jobs >= _MOST_JOBS:
            self._drop(child)
        else:
            self._idle.put(child)

    def _drop(self, child: _Child) -> None:
        self._live.discard(child)
        child.end()


def _widen(pipe: Any) -> None:
    """Let a pipe hold more than 64 KiB, where the system allows it: both ends wait for each other less often."""
    with contextlib.suppress(AttributeError, OSError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


_ROOMS: "weakref.WeakSet[Room]" = weakref.WeakSet()


def room_for(options: RoomOptions) -> Room:
    """The room of this process with these options: stages with the same ones share it."""
    return _shared(RoomOptions(**{name: getattr(options, name) for name in RoomOptions.model_fields}))


_shared = cache(Room)


@atexit.register
def _close() -> None:
    for room in list(_ROOMS):
        room.close()
