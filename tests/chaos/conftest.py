"""A pipeline under attack: real processes, faults drawn from a seed, and an oracle that uses none of our code.

The oracle reads topics with confluent-kafka (read_committed), and the graph's and the ledger's databases with sqlite3.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from penstock.broker import embedded
from penstock.services import host

PARTITIONS = 4
WRONG_CONFIGURATION = 2


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll until the condition holds; fail loudly at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds:.0f} s: {what}"
        time.sleep(0.2)


@dataclass
class Fleet:
    """Worker processes, which come back when they die."""

    command: list[str]
    environ: dict[str, str]
    logs: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    frozen: dict[str, float] = field(default_factory=dict)
    exits: list[tuple[str, int]] = field(default_factory=list)

    def start(self, name: str) -> None:
        with (self.logs / f"worker-{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(self.command, env=self.environ, stdout=log, stderr=log)

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes[name].wait()
        self.frozen.pop(name, None)
        self.start(name)

    def freeze(self, name: str, seconds: float) -> None:
        os.kill(self.processes[name].pid, signal.SIGSTOP)
        self.frozen[name] = time.monotonic() + seconds

    def tend(self) -> None:
        """Wake who has been frozen long enough, start anew who is gone."""
        for name, until in list(self.frozen.items()):
            if time.monotonic() > until:
                os.kill(self.processes[name].pid, signal.SIGCONT)
                del self.frozen[name]
        for name, process in self.processes.items():
            if name not in self.frozen and (status := process.poll()) is not None:
                assert status != WRONG_CONFIGURATION, f"worker {name} refuses its configuration; see its log"
                self.exits.append((name, status))
                self.start(name)

    def stop(self) -> None:
        for name in list(self.frozen):
            os.kill(self.processes[name].pid, signal.SIGCONT)
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@dataclass
class Oracle:
    """What must have happened, and what did."""

    bootstrap: str
    name: str
    services: Path
    sent: dict[str, tuple[int, str]] = field(default_factory=dict)  # own id -> (partition, expected outcome)
    per_partition: Counter[int] = field(default_factory=Counter)
    enriched: dict[int, list[str]] = field(default_factory=lambda: {p: [] for p in range(PARTITIONS)})
    stalls: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._producer = Producer({"bootstrap.servers": self.bootstrap, "enable.idempotence": True, "linger.ms": 5})
        self._consumer = self._reader("enriched")
        self._last = dict.fromkeys(range(PARTITIONS), time.monotonic())

    def topic_exists(self, name: str) -> bool:
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        return f"{self.name}.{name}" in admin.list_topics(timeout=10).topics

    def send(self, identity: str, line: bytes, outcome: str) -> None:
        partition = len(self.sent) % PARTITIONS
        self.sent[identity] = (partition, outcome)
        self.per_partition[partition] += 1
        self._producer.produce(f"{self.name}.raw", line, partition=partition)
        self._producer.poll(0)

    def flush(self) -> None:
        assert self._producer.flush(60) == 0, "the oracle's own records did not reach the broker"

    def look(self) -> None:
        """Take what is new on the enriched topic."""
        while (message := self._consumer.poll(0)) is not None:
            if message.error() is None:
                partition = message.partition()
                self.enriched[partition].append(json.loads(message.value())["data"]["id"])
                now = time.monotonic()
                self.stalls[partition] = max(self.stalls.get(partition, 0.0), now - self._last[partition])
                self._last[partition] = now

    def expected(self, outcome: str) -> set[str]:
        return {identity for identity, (_, wanted) in self.sent.items() if wanted == outcome}

    def arrived(self) -> int:
        return sum(len(set(ids)) for ids in self.enriched.values())

    def dead_letters(self) -> set[str]:
        """Keys of the dead letters."""
        reader = self._reader("dlq")
        found, quiet = set(), 0
        while quiet < 10:
            message = reader.poll(0.3)
            quiet = quiet + 1 if message is None else 0
            if message is not None and message.error() is None:
                found.add(message.key().decode())
        reader.close()
        return found

    def database(self, service: str) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self.services / 'services' / service}.db?mode=ro", uri=True)

    def _reader(self, topic: str) -> Consumer:
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": f"oracle-{topic}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            }
        )
        consumer.assign([TopicPartition(f"{self.name}.{topic}", p, 0) for p in range(PARTITIONS)])
        return consumer


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[embedded.BrokerInfo]:
    """A broker of our own: it is killed."""
    info = embedded.start(data=tmp_path / "broker")
    yield info
    embedded.stop(tmp_path / "broker")


@pytest.fixture
def services(tmp_path: Path) -> Iterator[host.ServicesInfo]:
    yield host.start(home=tmp_path / "home")
    host.stop(tmp_path / "home")


@pytest.fixture
def make_fleet(tmp_path: Path) -> Iterator[Callable[[list[str], dict[str, str]], Fleet]]:
    fleets: list[Fleet] = []

    def make(arguments: list[str], environ: dict[str, str]) -> Fleet:
        command = [sys.executable, "-m", "penstock.cli.main", "worker", *arguments]
        fleets.append(Fleet(command, environ, tmp_path))
        return fleets[-1]

    yield make
    for fleet in fleets:
        fleet.stop()


@pytest.fixture
def oracle_for() -> Callable[[str, str, Path], Oracle]:
    return Oracle


@pytest.fixture
def until() -> Callable[[Callable[[], bool], float, str], None]:
    return wait_for


@pytest.fixture
def chance() -> random.Random:
    """Faults are drawn from PENSTOCK_CHAOS_SEED; the seed is printed, so that a failure can be run again."""
    seed = int(os.environ.get("PENSTOCK_CHAOS_SEED", "1"))
    print(f"PENSTOCK_CHAOS_SEED={seed}")
    return random.Random(seed)
