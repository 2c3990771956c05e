"""The load: records whose content, key and fate follow from their number, produced with librdkafka.

Number `n` is a record of one of these fates, which the pipeline of `pipelines.py` gives it:

========  ===========================================================================
fate      record
========  ===========================================================================
enriched  well-formed, or a tombstone, which passes as one
dead      not JSON: to the dead letters at ingest
denied    under a license that is denied: a stub, nowhere else
aside     under a license that nobody knows: to the quarantine topic
poison    kills the process that looks at it (only where `poison` names its number)
refused   the graph API refuses it for good (only where `refused` names its number)
========  ===========================================================================
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer

from tests.topic_reading import read_to

PARTITIONS = 4
ALLOWED, DENIED, UNKNOWN = "CC0-1.0", "CC-BY-NC-4.0", "LicenseRef-house"
_LETTERS = str.maketrans("0123456789", "abcdefghij")


def key_of(number: int) -> str:
    """The key, and the field `id`, of a record: letters only, so that nobody takes it for somebody's number."""
    return "rec-" + str(number).translate(_LETTERS)


def number_of(key: str) -> int:
    return int(key.removeprefix("rec-").translate({ord(letter): str(n) for n, letter in enumerate("abcdefghij")}))


def email_of(number: int) -> str:
    return f"{key_of(number)}@mail.example.org"


def is_tombstone(number: int) -> bool:
    return number % 53 == 17


def value_of(number: int, fate: str) -> bytes | None:
    """The value of a record; None for a tombstone."""
    if fate == "dead":
        return b'{"id": "' + key_of(number).encode() + b'", "cut off'
    if fate == "enriched" and is_tombstone(number):
        return None
    return json.dumps(
        {
            "id": key_of(number),
            "contact": {"email": email_of(number), "ip": f"198.51.100.{number % 250}"},
            "message": "The pump in hall seven runs hot again; please call back. " * (1 + number % 3),
            "room": f"hall {number % 20}",
            "license": {"denied": DENIED, "aside": UNKNOWN}.get(fate, ALLOWED),
            "marker": fate if fate in ("poison", "refused") else "none",
        }
    ).encode()


@dataclass
class Load:
    """Produces records in a thread of its own, and remembers what the broker acknowledged.

    Attributes
    ----------
    sent : dict
        (epoch, partition, raw offset) -> number, as acknowledged.
    epochs : Counter
        How often each partition of the raw topic was made anew.
    """

    bootstrap: str
    topic: str
    poison: frozenset[int] = frozenset()
    refused: frozenset[int] = frozenset()
    partitions: int = PARTITIONS
    sent: dict[tuple[int, int, int], int] = field(default_factory=dict, init=False)
    epochs: Counter[int] = field(default_factory=Counter, init=False)
    number: int = field(default=0, init=False)
    running: list[tuple[float, range]] = field(default_factory=list, init=False)
    """Steady loads: when each began (monotonic), and the numbers of its records."""

    def __post_init__(self) -> None:
        self._producer = self._make_producer()
        self._errors: list[str] = []
        self._unplaced: set[tuple[int, int, int]] = set()
        self._thread: threading.Thread | None = None
        self._halt = threading.Event()

    def _make_producer(self) -> Producer:
        return Producer(
            {"bootstrap.servers": self.bootstrap, "enable.idempotence": True, "linger.ms": 5, "log_level": 0}
        )

    def renew(self) -> None:
        """The topic was made anew or grew: what a client knows of the old one would only fail."""
        self.flush()
        self._producer = self._make_producer()

    def fate(self, number: int) -> str:
        """What the pipeline does with a record."""
        if number in self.poison:
            return "poison"
        if number in self.refused:
            return "refused"
        if number % 41 == 5:
            return "dead"
        if number % 29 == 3:
            return "denied"
        return "aside" if number % 37 == 7 else "enriched"

    def start(self, rate: float) -> None:
        """Produce so many records a second until `stop`."""
        self._halt.clear()
        self._thread = threading.Thread(target=self._run, args=(rate,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop producing and wait until the broker has everything."""
        self._halt.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.flush()

    def burst(self, count: int) -> None:
        """Produce so many records at once and wait until the broker has them."""
        for _ in range(count):
            self.send()
        self.flush()

    def send(self) -> None:
        """Produce the next record, to the partitions in turn."""
        number, self.number = self.number, self.number + 1
        partition = number % self.partitions
        epoch = self.epochs[partition]

        def told(error: Any, message: Any) -> None:
            if error is not None:
                self._errors.append(f"record {number}: {error}")
            elif message.offset() is None:  # sent again; the broker says no more than that it had it
                self._unplaced.add((epoch, partition, number))
            else:
                self.sent[epoch, partition, message.offset()] = number

        value = value_of(number, self.fate(number))
        deadline = time.monotonic() + 60
        while True:
            try:
                self._producer.produce(self.topic, value, key_of(number), partition=partition, on_delivery=told)
                break
            except (BufferError, KafkaException):  # full, or the topic is just being made anew
                assert time.monotonic() < deadline, f"record {number} cannot be produced"
                self._producer.poll(0.1)
        self._producer.poll(0)

    def flush(self, seconds: float = 120) -> None:
        left = self._producer.flush(seconds)
        assert left == 0, f"{left} of the oracle's own records did not reach the broker"
        assert not self._errors, f"the oracle's own records were refused: {self._errors[:3]}"
        for partition in {partition for _, partition, _ in self._unplaced}:
            self._find(partition)
        assert not self._unplaced, f"the broker says that it has records which are not there: {self._unplaced}"

    def _find(self, partition: int) -> None:
        """Look in the raw topic for where the records stand of which the broker did not say it."""
        epoch = self.epochs[partition]
        wanted = {key_of(number).encode(): number for e, p, number in self._unplaced if (e, p) == (epoch, partition)}
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": f"oracle-of-{self.topic}",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "log_level": 0,
            }
        )
        try:
            for message in read_to(consumer, self.topic, {partition: 0}, forgiving=True):
                number = wanted.get(message.key())
                if number is not None:
                    self.sent[epoch, partition, message.offset()] = number
                    self._unplaced.discard((epoch, partition, number))
        finally:
            consumer.close()

    def ends(self) -> dict[int, int]:
        """What follows the last acknowledged offset of the newest epoch, by partition."""
        found = dict.fromkeys(range(self.partitions), 0)
        for epoch, partition, offset in list(self.sent):
            if epoch == self.epochs[partition]:
                found[partition] = max(found.get(partition, 0), offset + 1)
        return found

    def expected(self, *fates: str) -> dict[tuple[int, int, int], int]:
        """What was sent of these fates."""
        return {place: number for place, number in list(self.sent.items()) if self.fate(number) in fates}

    def _run(self, rate: float) -> None:
        began, count, first = time.monotonic(), 0, self.number
        while not self._halt.is_set():
            while count < (time.monotonic() - began) * rate and not self._halt.is_set():
                self.send()
                count += 1
            self._producer.poll(0.005)
        self.running.append((began, range(first, self.number)))


def wait_for(
    condition: Callable[[], Any],
    seconds: float,
    what: str | Callable[[], str],
    meanwhile: Iterable[Callable[[], None]] = (),
) -> Any:
    """Poll until the condition holds, and give what it gave; fail loudly at the deadline."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        for call in meanwhile:
            call()
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what if isinstance(what, str) else what()}")
        time.sleep(0.1)
    return found
