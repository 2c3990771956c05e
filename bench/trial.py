"""A trial: one job at work over topics of its own, fed, watched and weighed from outside.

The watcher asks the broker for the end of the enriched topic and the system for the job's CPU time, twenty times a
second, and reads no record while the job works. When the end has not moved for a second it counts what can be read.
"""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from sysconfig import get_path
from types import TracebackType
from typing import Any

import generate
from contenders import Contender
from process import JobProcess
from topics import Broker

HERE = Path(__file__).parent
OUT = HERE / "out"
PARTITIONS = 4
SAMPLE_EVERY = 0.05  # seconds
QUIET = 1.0  # seconds without a new record before the records are counted
STALLED_AFTER = 60.0  # seconds without a new record

Progress = Callable[[int, int], None]


class JobError(Exception):
    """The job gave no result; the message says why and where its log is."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Where a trial stood.

    Attributes
    ----------
    at
        Seconds, monotonic.
    end
        Sum of the enriched topic's end offsets, markers of transactions included.
    cpu
        Seconds of user and system time of all processes of the job so far.
    """

    at: float
    end: int
    cpu: float


class Trial:
    """A job over topics of its own, as a context: whatever happens, its processes and topics are gone afterwards.

    Parameters
    ----------
    extra
        Further keys of the job's configuration, or other values.
    """

    def __init__(
        self,
        contender: Contender,
        broker: Broker,
        mmdb: Path,
        *,
        partitions: int = PARTITIONS,
        extra: dict[str, Any] | None = None,
    ) -> None:
        self.contender, self.broker, self.partitions = contender, broker, partitions
        self.group = f"{contender.name}-{uuid.uuid4().hex[:8]}"
        self.work = OUT / "work" / self.group
        self.raw, self.enriched = f"{self.group}.raw", f"{self.group}.enriched"
        self.config: dict[str, Any] = {
            "bootstrap": broker.bootstrap,
            "group": self.group,
            "raw": self.raw,
            "enriched": self.enriched,
            "partitions": partitions,
            "records": 0,
            "mmdb": str(mmdb),
            "allow": list(generate.ALLOWED_LICENSES),
            **({"packages": sorted({get_path("purelib"), get_path("platlib")})} if contender.borrows else {}),
            **(extra or {}),
        }
        self.jobs: list[JobProcess] = []
        self.log = f"bench/out/{contender.name}.log"  # of the process that was started last
        self._positions: dict[int, int] = {}
        self._counted = 0
        self.started = 0  # processes so far
        self._stack = ExitStack()

    def __enter__(self) -> Trial:
        self.work.mkdir(parents=True)
        self._stack.callback(shutil.rmtree, self.work, ignore_errors=True)
        if self.contender.kafka:
            self.broker.create([self.raw, self.enriched], self.partitions)
            self._stack.callback(self.broker.delete_all, self.group)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def start(
        self,
        core: int | None = None,
        command: list[str] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> JobProcess:
        """Start one more process of the job.

        Parameters
        ----------
        core
            The one that it may run on.
        command
            What is run instead of the job's own script; the configuration's path is added to it.
        variables
            Environment variables beside those of this process.
        """
        self.started += 1
        own = self.work / str(self.started)
        own.mkdir()
        config = {**self.config, "work": str(own), "output": str(own / "enriched.jsonl")}
        file = own / "job.json"
        file.write_text(json.dumps({**config, "report": str(own / "report.json")}), encoding="utf-8")
        command = [*(command or [self.contender.python, str(self.contender.path)]), str(file)]
        if self.started > 1:
            self.log = f"bench/out/{self.contender.name}-{self.started}.log"
        job = self._stack.enter_context(JobProcess(command, own, HERE.parent / self.log, core, variables))
        self.jobs.append(job)
        return job

    def stop(self) -> None:
        """Stop the processes of the job, as an operator does; topics and groups stay."""
        for job in self.jobs:
            job.stop()
        self.jobs = []

    def feed(self, values: Sequence[bytes]) -> None:
        """Produce values to the raw topic; returns when the broker has them."""
        self.broker.fill(self.raw, values, self.partitions)

    def sample(self) -> Sample:
        """Look once."""
        cpu = sum(job.weigh() for job in self.jobs)
        return Sample(time.monotonic(), self.broker.end(self.enriched, self.partitions), cpu)

    def peak_mb(self) -> float:
        return sum(job.peak_bytes for job in self.jobs) / 1e6

    def until(self, wanted: int, progress: Progress | None = None) -> Sample:
        """Watch until `wanted` records can be read; return the sample at which the last of them could.

        Raises
        ------
        JobError
            When the job ends by itself or stalls.
        """
        last = Sample(time.monotonic(), -1, 0.0)
        counted = -1  # the end at which the records were counted
        for at in ticks():
            now = self.sample()
            if now.end != last.end:
                last = now
                if progress:
                    progress(min(now.end, wanted), wanted)
            quiet = at - last.at
            if now.end >= wanted and now.end > counted and quiet > QUIET:
                # in a transactional topic the end lies past the number of records: only reading tells
                counted = now.end
                if self.readable() >= wanted:
                    return last
            self.check()
            if quiet > STALLED_AFTER:
                out = f"{self.readable()} of {wanted} are out"
                raise JobError(f"no new record for {quiet:.0f} s, {out}, see {self.log}")
        raise AssertionError("the ticks never end")

    def check(self) -> None:
        """Raise JobError if a process of the job ended by itself."""
        for job in self.jobs:
            if (status := job.exit_status()) is not None:
                raise JobError(f"it ended by itself with status {status}, see {self.log}")

    def readable(self) -> int:
        """Return how many records can be read from the enriched topic; what was counted before is not read again."""
        self._counted += sum(1 for _ in self.broker.read(self.enriched, self.partitions, self._positions))
        return self._counted


def ticks(every: float = SAMPLE_EVERY) -> Iterator[float]:
    """Yield the monotonic time at a steady pace, without end."""
    due = time.monotonic()
    while True:
        yield time.monotonic()
        due += every
        time.sleep(max(0.0, due - time.monotonic()))
