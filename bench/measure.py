"""One job, measured from outside: what it costs to work through records, once it runs.

1. A thousand records warm the job up: it imports, joins its group, opens its files and fills its caches.
2. When they are all out and the enriched topic has been quiet for a second, the clock and the job's CPU time are read.
3. The records are produced, many times faster than any job takes them.
4. The clock and the CPU time are read again when the last enriched record can be read.

Between 2 and 4 lies all work for these records and no other, so that a job that works in large batches is neither
helped nor hurt by where its batches begin. A record is a raw one: those that the license stage drops cost work too.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import generate
from contenders import Contender
from topics import Broker
from trial import JobError, Progress, Trial, ticks
from verify import verify

WARM_UP = 1_000  # records


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
    count = len(records) - (0 if contender.kafka else WARM_UP)
    with Trial(contender, broker, mmdb, extra={"records": count}) as trial:
        return _over_kafka(trial, records, progress) if contender.kafka else _alone(trial, count, progress)


def _over_kafka(trial: Trial, records: list[bytes], progress: Progress) -> Row:
    count = len(records) - WARM_UP
    trial.feed(records[:WARM_UP])
    started = time.monotonic()
    trial.start()
    trial.until(len(generate.expected(WARM_UP)))
    begin = trial.sample()
    trial.feed(records[WARM_UP:])
    last = trial.until(len(generate.expected(len(records))), progress)
    peak = trial.peak_mb()
    trial.stop()
    verify(trial.broker.read(trial.enriched, trial.partitions), len(records))
    return Row(
        trial.contender.name,
        count,
        records_per_second=count / (last.at - begin.at),
        cpu_us_per_record=(last.cpu - begin.cpu) / count * 1e6,
        peak_mb=peak,
        seconds=last.at - started,
        cpu_seconds=last.cpu,
    )


def _alone(trial: Trial, count: int, progress: Progress) -> Row:
    """Run a job without topics: it makes the same records itself and reports its own seconds."""
    started = time.monotonic()
    job = trial.start()
    cpu = 0.0
    for _ in ticks():
        cpu = job.weigh()
        if job.exit_status() is not None:
            break
    seconds = time.monotonic() - started
    if job.exit_status():
        raise JobError(f"it ended with status {job.exit_status()}, see {trial.log}")
    work = trial.work / "1"
    with (work / "enriched.jsonl").open("rb") as output:
        verify(output, count)
    progress(count, count)
    report = json.loads((work / "report.json").read_text(encoding="utf-8"))
    return Row(
        trial.contender.name,
        count,
        records_per_second=count / report["seconds"],
        cpu_us_per_record=report["cpu_seconds"] / count * 1e6,
        peak_mb=job.peak_bytes / 1e6,
        seconds=seconds,
        cpu_seconds=cpu,
    )
