"""One job, measured from outside: what it costs to work through records, once it runs.

1. A thousand records warm the job up: it imports, joins its group, opens its files and fills its caches.
2. When they are all out and the enriched topic has been quiet for a second, the clock and the job's CPU time are read.
3. The records are produced, many times faster than any job takes them.
4. The clock and the CPU time are read again when the last enriched record can be read.

The watcher asks the broker for the end of the enriched topic and the system for the job's CPU time, twenty times a
second, and reads no record while the job works. Between 2 and 4 lies all work for these records and no other, so that
a job that works in large batches is neither helped nor hurt by where its batches begin. A record is a raw one: those
that the license stage drops cost work too.
"""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import generate
from contenders import Contender
from process import JobProcess
from topics import Broker
from verify import verify

HERE = Path(__file__).parent
OUT = HERE / "out"
PARTITIONS = 4
SAMPLE_EVERY = 0.05  # seconds
WARM_UP = 1_000  # records
QUIET = 1.0  # seconds without a new record before the records are counted
STALLED_AFTER = 60.0  # seconds without a new record

Progress = Callable[[int, int], None]


class JobError(Exception):
    """The job gave no result; the message says why and where its log is."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one job cost.

    Attributes
    ----------
    records
        Raw records that were measured; those of the warm-up come on top.
    records_per_second, cpu_us_per_record
        For these records; CPU time is user and system time of all its processes.
    peak_mb
        Greatest resident size of all its processes together, in 10^6 bytes.
    seconds, cpu_seconds
        From the start of the process to the last enriched record, start-up and warm-up included.
    """

    name: str
    records: int
    records_per_second: float
    cpu_us_per_record: float
    peak_mb: float
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float
    end: int
    cpu: float


def measure(contender: Contender, broker: Broker, records: list[bytes], mmdb: Path, progress: Progress) -> Row:
    """Run one job over `records` and return what it cost.

    Parameters
    ----------
    contender
        The job; it has to be there (`Contender.absent`).
    records
        The generated records from index 0 on: WARM_UP of them, then those to measure.
        A job with a limit is given the first of them.
    mmdb
        The GeoIP database.
    progress
        Called with the number of enriched records so far and the number expected.

    Raises
    ------
    JobError
        When the job ends by itself or stalls.
    verify.WrongError
        When what it wrote is not right.
    """
    if contender.most:
        records = records[: WARM_UP + contender.most]
    name = f"{contender.name}-{uuid.uuid4().hex[:8]}"
    work = OUT / "work" / name
    work.mkdir(parents=True)
    config: dict[str, Any] = {
        "bootstrap": broker.bootstrap,
        "group": name,
        "raw": f"{name}.raw",
        "enriched": f"{name}.enriched",
        "partitions": PARTITIONS,
        "records": len(records) - (0 if contender.kafka else WARM_UP),
        "mmdb": str(mmdb),
        "allow": list(generate.ALLOWED_LICENSES),
        "work": str(work),
        "output": str(work / "enriched.jsonl"),
        "report": str(work / "report.json"),
    }
    try:
        if contender.kafka:
            return _over_kafka(contender, broker, records, config, progress)
        return _alone(contender, config, progress)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _over_kafka(
    contender: Contender, broker: Broker, records: list[bytes], config: dict[str, Any], progress: Progress
) -> Row:
    raw, enriched, count = config["raw"], config["enriched"], len(records) - WARM_UP
    broker.create([raw, enriched], PARTITIONS)
    try:
        broker.fill(raw, records[:WARM_UP], PARTITIONS)
        started = time.monotonic()
        with _start(contender, config) as job:
            watch = _Watch(job, contender, broker, enriched, progress)
            watch.until(len(generate.expected(WARM_UP)))
            begin, cpu = time.monotonic(), job.weigh()
            broker.fill(raw, records[WARM_UP:], PARTITIONS)
            last = watch.until(len(generate.expected(len(records))))
        verify(broker.read(enriched, PARTITIONS), len(records))
    finally:
        broker.delete_all(config["group"])
    return Row(
        contender.name,
        count,
        records_per_second=count / (last.at - begin),
        cpu_us_per_record=(last.cpu - cpu) / count * 1e6,
        peak_mb=job.peak_bytes / 1e6,
        seconds=last.at - started,
        cpu_seconds=last.cpu,
    )


class _Watch:
    """Looks at a job and its enriched topic from outside."""

    def __init__(self, job: JobProcess, contender: Contender, broker: Broker, topic: str, progress: Progress) -> None:
        self._job, self._contender, self._broker, self._topic = job, contender, broker, topic
        self._progress = progress

    def until(self, wanted: int) -> _Sample:
        """Watch until `wanted` records can be read; return the sample at which the last of them could."""
        last = _Sample(time.monotonic(), -1, 0.0)
        counted = -1  # the end at which the records were counted
        for at in _ticks():
            end, cpu = self._broker.end(self._topic, PARTITIONS), self._job.weigh()
            if end != last.end:
                last = _Sample(at, end, cpu)
                self._progress(min(end, wanted), wanted)
            quiet = at - last.at
            if end >= wanted and end > counted and quiet > QUIET:
                # in a transactional topic the end lies past the number of records: only reading tells
                counted = end
                if self._readable() >= wanted:
                    return last
            if (status := self._job.exit_status()) is not None:
                raise JobError(f"it ended by itself with status {status}, see {_log(self._contender)}")
            if quiet > STALLED_AFTER:
                out = f"{self._readable()} of {wanted} are out"
                raise JobError(f"no new record for {quiet:.0f} s, {out}, see {_log(self._contender)}")
        raise AssertionError("the ticks never end")

    def _readable(self) -> int:
        return sum(1 for _ in self._broker.read(self._topic, PARTITIONS))


def _alone(contender: Contender, config: dict[str, Any], progress: Progress) -> Row:
    """Run a job without topics: it makes the same records itself and reports its own seconds."""
    count = config["records"]
    started = time.monotonic()
    with _start(contender, config) as job:
        cpu = 0.0
        for _ in _ticks():
            cpu = job.weigh()
            if job.exit_status() is not None:
                break
        seconds = time.monotonic() - started
        if job.exit_status():
            raise JobError(f"it ended with status {job.exit_status()}, see {_log(contender)}")
    with Path(config["output"]).open("rb") as output:
        verify(output, count)
    progress(count, count)
    report = json.loads(Path(config["report"]).read_text(encoding="utf-8"))
    return Row(
        contender.name,
        count,
        records_per_second=count / report["seconds"],
        cpu_us_per_record=report["cpu_seconds"] / count * 1e6,
        peak_mb=job.peak_bytes / 1e6,
        seconds=seconds,
        cpu_seconds=cpu,
    )


def _start(contender: Contender, config: dict[str, Any]) -> JobProcess:
    work = Path(config["work"])
    file = work / "job.json"
    file.write_text(json.dumps(config), encoding="utf-8")
    return JobProcess([contender.python, str(contender.path), str(file)], work, HERE.parent / _log(contender))


def _log(contender: Contender) -> str:
    return f"bench/out/{contender.name}.log"


def _ticks() -> Iterator[float]:
    """Yield the monotonic time at a steady pace, without end."""
    due = time.monotonic()
    while True:
        yield time.monotonic()
        due += SAMPLE_EVERY
        time.sleep(max(0.0, due - time.monotonic()))
