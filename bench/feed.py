"""Records without end for a trial, and what a stretch of them cost.

Making a record costs more than working on one, so some are made once and produced again and again; the job keeps
nothing of a record that would make the second time cheaper than the first, but for the addresses of 5,000 users.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import generate
import geo
import orjson
from contenders import CONTENDERS
from topics import Broker
from trial import OUT, PARTITIONS, Progress, Trial, ticks

BASE = 50_000  # records that are made
WARM_UP = 1_000
CHUNK = 20_000  # records produced at a time
AHEAD = 60_000  # records that may wait while more are produced


@dataclass(frozen=True, slots=True)
class Stretch:
    """What working through some records cost, start-up excluded.

    Attributes
    ----------
    bytes
        Of one record on average.
    cpu_us_per_record
        User and system time of all processes of the job.
    """

    records: int
    bytes: float
    seconds: float
    records_per_second: float
    cpu_us_per_record: float


class Supply:
    """Some records, again and again; the job keeps those whose license is allowed."""

    def __init__(self, records: list[bytes], allowed: list[bool]) -> None:
        self.records = records
        self._kept = [0, *accumulate(allowed)]

    def values(self, start: int, stop: int) -> list[bytes]:
        """Return records `start` to `stop` - 1."""
        count = len(self.records)
        return [self.records[number % count] for number in range(start, stop)]

    def kept(self, stop: int) -> int:
        """Return how many of the first `stop` records have to come out."""
        rounds, rest = divmod(stop, len(self.records))
        return rounds * self._kept[-1] + self._kept[rest]

    @property
    def mean_bytes(self) -> float:
        return sum(map(len, self.records)) / len(self.records)


def supply(count: int = BASE, size: int | None = None, all_kept: bool = False) -> Supply:
    """Return a supply of the benchmark's records, or of such records of about `size` bytes.

    With `all_kept` every one of them has to come out: there is no license stage.
    """
    records = [generate.record(index) if size is None else sized(index, size) for index in range(count)]
    allowed = [all_kept or generate.planted(index).allowed for index in range(count)]
    return Supply([orjson.dumps(record) for record in records], allowed)


def sized(index: int, size: int) -> dict[str, object]:
    """Return record `index` with about `size` bytes: fewer fields, or more sentences of its language in its message."""
    record = generate.record(index)
    if size < len(orjson.dumps(record)):
        record = {name: record[name] for name in ("id", "ip", "license", "message")}
    text, sentences = record["message"], generate.SENTENCES[generate.planted(index).language]
    spare, number = size - len(orjson.dumps(record)), 0
    while spare > 0:
        sentence = " " + sentences[number % len(sentences)]
        text, spare, number = text + sentence, spare - len(sentence.encode()), number + 1
    record["message"] = text.encode()[: len(text.encode()) + spare].decode(errors="ignore") if spare < 0 else text
    return record


class Feeder:
    """Feeds a trial from a supply, and measures stretches.

    Attributes
    ----------
    fed
        Records produced so far.
    """

    def __init__(self, trial: Trial, records: Supply) -> None:
        self.trial, self.supply, self.fed = trial, records, 0
        self._owed = 0  # records that have to come out of what was fed

    def warm_up(self, workers: int = 1) -> None:
        """Produce a thousand records, start the job and wait until they are out."""
        self.feed(WARM_UP)
        for _ in range(workers):
            self.trial.start()
        self.drain()

    def change(self, records: Supply) -> None:
        """Feed other records from now on."""
        self.supply, self._owed, self.fed = records, self.owed(), 0

    def owed(self) -> int:
        """Return how many records have to come out in all."""
        return self._owed + self.supply.kept(self.fed)

    def feed(self, count: int) -> None:
        """Produce the next records."""
        self.trial.feed(self.supply.values(self.fed, self.fed + count))
        self.fed += count

    def drain(self, progress: Progress | None = None) -> None:
        """Wait until everything that was fed is out."""
        self.trial.until(self.owed(), progress)

    def stretch(self, count: int, ahead: int = AHEAD, progress: Progress | None = None) -> Stretch:
        """Produce `count` records while the job works, wait until they are out, and return what they cost."""
        begin, stop = self.trial.sample(), self.fed + count
        for _ in ticks():
            end = self.trial.sample().end
            if progress:
                progress(end, self.owed())
            while self.fed < stop and self.owed() - end < ahead:
                self.feed(min(CHUNK, stop - self.fed))
            if self.fed == stop:
                break
            self.trial.check()
        last = self.trial.until(self.owed(), progress)
        seconds, cpu = last.at - begin.at, last.cpu - begin.cpu
        return Stretch(count, self.supply.mean_bytes, seconds, count / seconds, cpu / count * 1e6)


def trial_of(broker: Broker, name: str, *, partitions: int = PARTITIONS, **extra: object) -> Trial:
    """Return a trial of one of penstock's jobs over the benchmark's GeoIP database, with further configuration."""
    return Trial(CONTENDERS[name], broker, geo.write(Path(OUT / "geo.mmdb")), partitions=partitions, extra=extra)
