"""The broker dies, runs out of disk, loses the raw topic, and gets more partitions than the pipeline knows of."""

from __future__ import annotations

import random
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from confluent_kafka.admin import NewPartitions, NewTopic

from penstock.broker import embedded, process

from .load import wait_for

pytestmark = pytest.mark.chaos

RATE = 100.0
MORE_PARTITIONS = 6


class Broker:
    """A broker that is killed and started again at the same port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.info = embedded.start(data=folder)

    def kill(self) -> None:
        embedded.kill(self.info)
        self.start()

    def start(self) -> None:
        self.info = embedded.start(data=self._folder, port=self.info.port)

    def fill_the_disk(self) -> None:
        """No file of it may grow beyond 64 KB; a broker without a place to write ends."""
        running = psutil.Process(self.info.pid)
        _, hard = running.rlimit(resource.RLIMIT_FSIZE)
        running.rlimit(resource.RLIMIT_FSIZE, (64 * 1024, hard))
        wait_for(lambda: process.gone(self.info.pid, self.info.data), 60, "the broker ended on a full disk")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    folder = tmp_path_factory.mktemp("broker") / "broker"
    made = Broker(folder)
    yield made
    embedded.stop(folder)


def test_a_broker_that_dies(make_scene: Callable[..., Any], broker: Broker, chance: random.Random, full: bool) -> None:
    scene = _scene(make_scene, broker)
    faults = ["kill", "disk"] * (4 if full else 1)
    chance.shuffle(faults)
    for fault in faults:
        scene.fleet.pause(chance.uniform(1, 4))
        scene.faults.note(f"broker: {fault}")
        if fault == "kill":
            broker.kill()
        else:
            broker.fill_the_disk()
            scene.fleet.pause(2)
            broker.start()
        scene.faults.note("broker: there again")
        scene.moved()
    scene.finish(restarts=False)


def test_topics_that_change(make_scene: Callable[..., Any], broker: Broker) -> None:
    scene = _scene(make_scene, broker)
    scene.fleet.pause(2)
    _recreate(scene)
    _grow(scene)
    scene.finish(restarts=False)


def _scene(make_scene: Callable[..., Any], broker: Broker) -> Any:
    """Two workers under load."""
    scene = make_scene(broker.info.bootstrap)
    for name in ("a", "b"):
        scene.fleet.worker(name, str(scene.pipeline))
    scene.begin()
    scene.load.start(RATE)
    return scene


def _recreate(scene: Any) -> None:
    """The raw topic is deleted and made anew, when everything in it was delivered; the workers go on with it."""
    scene.load.stop()
    assert scene.oracle.settle(60, [scene.fleet.tend]), scene.oracle.problems
    scene.faults.note("raw topic: deleted and made anew")
    topic, admin = scene.oracle.topic("raw"), scene.oracle.admin
    admin.delete_topics([topic])[topic].result(20)
    fresh = NewTopic(topic, scene.load.partitions, 1)
    wait_for(lambda: admin.create_topics([fresh])[topic].exception(20) is None, 20, "the raw topic was made anew")
    wait_for(
        lambda: (
            all(p.leader >= 0 for p in admin.list_topics(topic, timeout=10).topics[topic].partitions.values())
            and len(admin.list_topics(topic, timeout=10).topics[topic].partitions) == scene.load.partitions
        ),
        20,
        "the new partitions have leaders",
    )
    scene.load.renew()
    scene.load.epochs.update(range(scene.load.partitions))
    scene.load.start(RATE)
    scene.moved(90)
    scene.fleet.pause(3)


def _grow(scene: Any) -> None:
    """Partitions are added behind the pipeline's back: it says so, loses nothing of its own, and takes them over
    when its file and its topics are changed as the documentation says.
    """
    admin, raw = scene.oracle.admin, scene.oracle.topic("raw")
    scene.load.stop()
    assert scene.oracle.settle(60, [scene.fleet.tend]), scene.oracle.problems
    scene.faults.note(f"raw topic: {MORE_PARTITIONS} partitions")
    admin.create_partitions([NewPartitions(raw, MORE_PARTITIONS)])[raw].result(20)
    heard = [len(scene.fleet.text(name)) for name in ("a", "b")]

    def said() -> bool:
        fresh = [scene.fleet.text(name)[before:] for name, before in zip(("a", "b"), heard, strict=True)]
        return any("partition" in text.lower() for text in fresh)

    scene.load.start(RATE / 4)
    try:
        wait_for(said, 30, "a worker said that the raw topic has more partitions than the pipeline")
        scene.moved(30)
    except AssertionError as error:
        scene.oracle.problems.append(f"partitions added: {error}")
    scene.load.stop()
    for name in ("a", "b"):
        if scene.fleet.alive(name):
            scene.fleet.leave(name)
    for name in scene.oracle.admin.list_topics(timeout=10).topics:
        if name.startswith(f"{scene.oracle.name}.") and name not in (raw, scene.oracle.topic("cursors")):
            admin.create_partitions([NewPartitions(name, MORE_PARTITIONS)])[name].result(20)
    content = yaml.safe_load(scene.pipeline.read_text("utf-8"))
    content["raw"]["partitions"] = MORE_PARTITIONS
    scene.pipeline.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    scene.load.partitions = scene.oracle.partitions = MORE_PARTITIONS
    scene.load.renew()
    scene.oracle.watch_more()
    for name in ("a", "b"):
        scene.fleet.start(name)
    scene.load.start(RATE)
    scene.moved()
