"""Tables that are gone, corrupted, from an older run, or restored from a changelog that lies: the output is unharmed.

A table says where an agent stands only where its output topic no longer does. So each wrong is done twice: with the
output's tail as it is, and with the tail deleted, when everybody downstream is done with it.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import NewTopic, OffsetSpec

from penstock.broker import embedded

from .load import wait_for

pytestmark = pytest.mark.chaos

RUNNER = Path(__file__).parent / "runner.py"
SESSION = 5.0
AGENTS = ("tag-map", "redact", "license")
WRONGS = ("deleted", "corrupted", "older", "changelog behind", "changelog overwritten")
RATE = 150.0
MOVED_SECONDS = 40.0
IN_SHORT = 2
"""Wrongs of the short size."""


def test_wrong_tables(
    make_scene: Callable[..., Any],
    embedded_broker: embedded.BrokerInfo,
    chance: random.Random,
    full: bool,
    tmp_path: Path,
) -> None:
    scene = make_scene(embedded_broker.bootstrap, environ={"CHAOS_SESSION": str(SESSION)})
    scene.fleet.script("a", RUNNER, "worker", str(scene.pipeline))
    scene.begin()
    scene.load.start(RATE)
    scene.fleet.pause(2)
    tables = Tables(scene, tmp_path)
    scene.fleet.kill("a", again=False)
    tables.keep()
    scene.fleet.start("a")
    scene.moved()
    wrongs = [(wrong, tail) for wrong in WRONGS for tail in ("with its tail", "without")]
    chance.shuffle(wrongs)
    for wrong, tail in wrongs if full else wrongs[:IN_SHORT]:
        if tail == "without":
            scene.load.stop()
            # frames that somebody still owes must not be deleted: that would be a loss, and not the table's
            assert scene.oracle.settle(120, [scene.fleet.tend]), scene.oracle.problems
        scene.fleet.kill("a", again=False)
        scene.faults.note(f"table {wrong}, output {tail}")
        tables.do(wrong, chance)
        if tail == "without":
            tables.cut_outputs()
            scene.load.start(RATE)
        scene.fleet.start("a")
        try:
            scene.moved(MOVED_SECONDS)
        except AssertionError as error:  # said at the end; the other wrongs are looked at as well
            scene.oracle.problems.append(f"table {wrong}, output {tail}: {error}")
            scene.fleet.kill("a", again=False)
            tables.do("deleted", chance)
            scene.fleet.start("a")
            scene.moved()
        scene.fleet.pause(chance.uniform(0.5, 2))
    scene.finish(restarts=False)


class Tables:
    """The tables of a pipeline's agents, on disk and as changelogs."""

    def __init__(self, scene: Any, folder: Path) -> None:
        self._scene = scene
        self._state = folder / "home" / "state" / scene.oracle.name
        self._kept = folder / "older"
        self._old: list[tuple[str, int, bytes | None, bytes | None]] = []

    def keep(self) -> None:
        """Remember how things stand, as something to fall back to."""
        shutil.copytree(self._state, self._kept)
        for topic in self._changelogs():
            self._old += [
                (self._scene.oracle.topic(topic), message.partition(), message.key(), message.value())
                for message in self._scene.oracle.read(topic)
            ]

    def do(self, wrong: str, chance: random.Random) -> None:
        """One wrong, to every agent's table."""
        if wrong == "deleted":
            shutil.rmtree(self._state)
        elif wrong == "corrupted":
            self._corrupt(chance)
        elif wrong == "older":
            shutil.rmtree(self._state, ignore_errors=True)
            shutil.copytree(self._kept, self._state)
        elif wrong == "changelog behind":
            for topic in self._changelogs():
                self._make_anew(self._scene.oracle.topic(topic))
            self._append_old()
        else:
            shutil.rmtree(self._state, ignore_errors=True)
            self._append_old()

    def cut_outputs(self) -> None:
        """Delete every frame of the agents' output topics, as retention or a person would."""
        for agent in AGENTS:
            self._delete(self._scene.oracle.topic(agent))

    def _changelogs(self) -> list[str]:
        return [f"{agent}-checkpoint-changelog" for agent in AGENTS]

    def _corrupt(self, chance: random.Random) -> None:
        """Overwrite the middle of every file that RocksDB has."""
        files = [path for path in self._state.rglob("*") if path.is_file() and "faust" in path.parts]
        assert files, f"no tables below {self._state}"
        for path in files:
            with path.open("r+b") as file:
                size = path.stat().st_size
                file.seek(size // 3)
                file.write(chance.randbytes(max(1, size // 3)))

    def _make_anew(self, topic: str) -> None:
        """A changelog that lost what it held; records of a compacted topic cannot be deleted otherwise."""
        admin = self._scene.oracle.admin
        admin.delete_topics([topic])[topic].result(20)
        fresh = NewTopic(topic, self._scene.load.partitions, 1, config={"cleanup.policy": "compact"})
        wait_for(lambda: admin.create_topics([fresh])[topic].exception(20) is None, 20, f"{topic} was made anew")
        wait_for(lambda: topic in admin.list_topics(timeout=10).topics, 20, f"{topic} is there")

    def _append_old(self) -> None:
        """What a zombie would do: append its old entries behind the newest ones."""
        producer = Producer({"bootstrap.servers": self._scene.bootstrap, "enable.idempotence": True})
        for topic, partition, key, value in self._old:
            producer.produce(topic, value, key, partition=partition)
        assert producer.flush(30) == 0

    def _delete(self, topic: str) -> None:
        admin = self._scene.oracle.admin
        asked = {TopicPartition(topic, number): OffsetSpec.latest() for number in range(self._scene.load.partitions)}
        ends = {tp: future.result(20).offset for tp, future in admin.list_offsets(asked).items()}
        gone = [TopicPartition(tp.topic, tp.partition, end) for tp, end in ends.items() if end]

        def deleted() -> bool:
            return all(future.exception(20) is None for future in admin.delete_records(gone).values())

        wait_for(deleted, 20, f"the records of {topic} were deleted")
