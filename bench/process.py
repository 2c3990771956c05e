"""A job's process with all its children: started, weighed from outside, stopped by its own handle."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import psutil

HERE = Path(__file__).parent
CHILDREN_EVERY = 1.0  # seconds between looks for new children: a look reads the whole process table
STOP_WITHIN = 15.0  # seconds that a job has to end after SIGTERM


class JobProcess:
    """A job as a context: started on the way in, stopped on the way out, whatever happens between.

    Parameters
    ----------
    command
        The interpreter, the job's file and its configuration file.
    work
        An empty folder that is the job's working directory.
    log
        Where its standard output and error go.
    core
        The one core that it may run on; any where it is None.
    variables
        Environment variables beside those of this process.
    """

    def __init__(
        self,
        command: list[str],
        work: Path,
        log: Path,
        core: int | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._command, self._work, self._log, self._core = command, work, log, core
        self._variables = variables or {}
        self._members: dict[int, psutil.Process] = {}
        self._cpu: dict[int, float] = {}
        self._looked = 0.0
        self.peak_bytes = 0

    def __enter__(self) -> JobProcess:
        environment = {**os.environ, "PYTHONPATH": str(HERE), **self._variables}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self._work, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        if self._core is not None:
            os.sched_setaffinity(self._process.pid, {self._core})  # threads and children inherit it
        self._root = psutil.Process(self._process.pid)
        self._members[self._root.pid] = self._root
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        """Ask it to end, and make it end where it does not."""
        self._find_children()
        self._process.terminate()
        try:
            self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for member in self._members.values():
            if member.is_running() and member.pid != self._process.pid:
                member.kill()

    def exit_status(self) -> int | None:
        """Return the status of a job that ended by itself, else None."""
        return self._process.poll()

    def resident_mb(self) -> float:
        """Return the resident size of the process itself, in 10^6 bytes."""
        return float(self._root.memory_info().rss) / 1e6

    def weigh(self) -> float:
        """Return the CPU seconds that the process tree has used so far, and remember its greatest resident size."""
        if time.monotonic() - self._looked > CHILDREN_EVERY:
            self._find_children()
        resident = 0
        for pid, member in self._members.items():
            try:
                with member.oneshot():
                    times = member.cpu_times()
                    resident += member.memory_info().rss
            except psutil.Error:
                continue  # it ended: what it had used at the last look stays counted
            self._cpu[pid] = times.user + times.system
        self.peak_bytes = max(self.peak_bytes, resident)
        return sum(self._cpu.values())

    def _find_children(self) -> None:
        self._looked = time.monotonic()
        try:
            children = self._root.children(recursive=True)
        except psutil.Error:
            return
        self._members.update((child.pid, child) for child in children)
