"""What tests of the runtime on a real Kafka share: a pipeline of one test, and an oracle that is not the product.

What stands in topics is read and written by confluent_kafka (librdkafka), which shares no code with what is tested.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec

from penstock.agents.runtime import topics
from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.metrics import REGISTRY
from penstock.agents.runtime.worker import Worker
from penstock.topology.load import loads
from penstock.topology.plan import Plan
from penstock.topology.plan import plan as make_plan
from tests.topic_reading import SETTLES, read_to

PATIENCE = 60.0
QUIET = 2  # librdkafka's log_level: clients outlive the broker that a test stops


LEADERLESS = {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART}
"""What a broker answers while a topic is being made (anew); librdkafka does not call all of it retriable."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message, as librdkafka sees it."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]

    @property
    def json(self) -> Any:
        assert self.value is not None
        return json.loads(self.value)


@dataclass(frozen=True, slots=True)
class Raw:
    """A message to be produced."""

    value: bytes | None
    key: bytes | None = None
    partition: int = 0
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes | None]] = ()


@dataclass
class Rig:
    """One pipeline on one broker."""

    bootstrap: str
    name: str
    home: Path
    environ: dict[str, str] = field(default_factory=lambda: {"PENSTOCK_HASH_KEY": "k" * 32})
    client: dict[str, Any] = field(default_factory=dict)
    """Further settings of the oracle's clients."""
    running: list["asyncio.Task[None]"] = field(default_factory=list)

    @property
    def cluster(self) -> Cluster:
        return Cluster(self.bootstrap, self.environ)

    def plan(self, **keys: Any) -> Plan:
        """The plan of a pipeline file with these keys; one partition where they do not say otherwise."""
        keys = {"name": self.name, "raw": {"partitions": 1}, "stages": ["tag"], "ungoverned": True, **keys}
        return make_plan(loads(json.dumps(keys), {}))

    async def ensure(self, plan: Plan) -> Plan:
        await topics.ensure(self.cluster, plan)
        return plan

    # running --------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def working(self, plan: Plan, agents: list[str] | None = None) -> AsyncIterator[Worker]:
        """A worker while in the context; what ends it early is raised behind it."""
        worker = Worker(self.cluster, plan, self.environ, self.home, agents or plan.agent_names(), [])
        stop = asyncio.Event()
        task = asyncio.create_task(worker.run(stop))
        self.running.append(task)
        try:
            yield worker
        finally:
            self.running.remove(task)
            stop.set()
            await asyncio.wait_for(task, PATIENCE)

    async def run(self, plan: Plan, **options: Any) -> None:
        """Run the worker until everything in the raw topic is delivered."""
        async with self.working(plan, **options):
            await self.delivered(plan)

    async def until(self, condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
        """What `condition` gives, called in a thread, as soon as it is true."""
        deadline = time.monotonic() + seconds
        while not (found := await asyncio.to_thread(condition)):
            assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
            if ended := [task for task in self.running if task.done()]:
                raise AssertionError(f"the worker ended before {what}: {ended[0].exception()!r}")
            await asyncio.sleep(0.1)
        return found

    async def delivered(self, plan: Plan, epoch: int | None = None, seconds: float = PATIENCE) -> None:
        """Wait until delivery has committed that everything below the ends of the raw topic is done."""

        def done() -> bool:
            ends = self.ends(plan.pipeline.raw_topic)
            found = self.positions(plan)
            return all(
                end == 0 or (p in found and found[p][1] >= end and epoch in (None, found[p][0]))
                for p, end in ends.items()
            )

        await self.until(done, "delivery of everything", seconds)

    # the oracle -----------------------------------------------------------------------------------------------------

    @cached_property
    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": QUIET, **self.client})

    def positions(self, plan: Plan) -> dict[int, tuple[int, int]]:
        """(epoch, raw offset owed next) by partition, as delivery wrote them in its transactions."""
        newest = {message.partition: message.json for message in self.read(plan.progress_topic, settles=0)}
        return {partition: (found["epoch"], found["next"]) for partition, found in newest.items()}

    def ends(self, topic: str) -> dict[int, int]:
        return self._offsets(topic, OffsetSpec.latest())

    def starts(self, topic: str) -> dict[int, int]:
        return self._offsets(topic, OffsetSpec.earliest())

    def _offsets(self, topic: str, spec: OffsetSpec) -> dict[int, int]:
        count = len(self.admin.list_topics(topic, timeout=10).topics[topic].partitions)
        asked = {TopicPartition(topic, p): spec for p in range(count)}
        deadline = time.monotonic() + 20
        while True:
            try:
                return {tp.partition: f.result(10).offset for tp, f in self.admin.list_offsets(asked).items()}
            except confluent_kafka.KafkaException as error:  # leaders move right after a topic was made
                passes = error.args[0].retriable() or error.args[0].code() in LEADERLESS
                assert passes and time.monotonic() < deadline, error
                time.sleep(0.05)

    def produce(self, topic: str, messages: Iterable[Raw], **settings: Any) -> list[int]:
        """Write messages and wait for all of them; their offsets, in order."""
        offsets: dict[int, int] = {}

        def told(number: int) -> Callable[[Any, Any], None]:
            def note(error: Any, message: Any) -> None:
                assert error is None, error
                offsets[number] = message.offset()

            return note

        producer = self.producer(**settings)
        for number, m in enumerate(messages):
            given = {"partition": m.partition, "timestamp": m.timestamp, "headers": list(m.headers)}
            producer.produce(topic, m.value, m.key, on_delivery=told(number), **given)
            producer.poll(0)
        assert producer.flush(30) == 0
        return [offsets[number] for number in sorted(offsets)]

    def producer(self, **settings: Any) -> Producer:
        defaults = {
            "bootstrap.servers": self.bootstrap,
            "message.max.bytes": 60_000_000,
            "linger.ms": 2,
            "log_level": QUIET,
        }
        return Producer({**defaults, **self.client, **settings})

    def read(self, topic: str, isolation: str = "read_committed", settles: float = SETTLES) -> list[Message]:
        """Everything that the topic holds, in order of partition and offset; see `read_to`."""
        ends = self.ends(topic)
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": f"{self.name}-oracle",
                "isolation.level": isolation,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "fetch.message.max.bytes": 60_000_000,
                "fetch.max.bytes": 60_000_000,
                "fetch.wait.max.ms": 20,
                **self.client,
            }
        )
        try:
            found = [_message(message) for message in read_to(consumer, topic, ends, settles)]
        finally:
            consumer.close()
        return sorted(found, key=lambda m: (m.partition, m.offset))

    def create(self, topic: str, partitions: int = 1, **config: str) -> None:
        settings = {name.replace("_", "."): value for name, value in config.items()}
        (made,) = self.admin.create_topics([NewTopic(topic, partitions, 1, config=settings)]).values()
        made.result(20)
        deadline = time.monotonic() + 20
        while True:  # made is not yet known everywhere
            (found,) = self.admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)]).values()
            if found.exception(10) is None and topic in self.admin.list_topics(timeout=10).topics:
                return
            assert time.monotonic() < deadline, f"{topic} does not appear"

    def recreate(self, topic: str, partitions: int = 1) -> None:
        """Delete a topic and make it anew under its name."""
        (gone,) = self.admin.delete_topics([topic]).values()
        gone.result(20)
        deadline = time.monotonic() + 20
        while True:
            try:
                self.create(topic, partitions)
                return
            except confluent_kafka.KafkaException:
                assert time.monotonic() < deadline, f"{topic} cannot be made anew"
                time.sleep(0.01)

    def delete_records(self, topic: str, before: int, partition: int = 0) -> None:
        (done,) = self.admin.delete_records([TopicPartition(topic, partition, before)]).values()
        done.result(20)

    def delete_groups(self, *groups: str) -> None:
        for done in self.admin.delete_consumer_groups(list(groups)).values():
            done.result(20)


def _message(message: Any) -> Message:
    return Message(
        message.partition(), message.offset(), message.timestamp()[1], message.key(), message.value(),
        list(message.headers() or []),
    )  # fmt: skip


@pytest.fixture
def rig(kafka: str, pipeline_name: str, home: Path) -> Rig:
    return Rig(kafka, pipeline_name, home)


@pytest.fixture
def metric() -> Callable[..., float]:
    """The value of a metric, 0 where it has none."""

    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0.0

    return value


@pytest.fixture
def make_rig(home: Path, pipeline_name: str) -> Callable[..., Rig]:
    """A rig for another broker than the shared one."""

    def make(bootstrap: str, environ: Mapping[str, str] | None = None, **client: Any) -> Rig:
        settings = {name.replace("_", "."): value for name, value in client.items()}
        return Rig(bootstrap, pipeline_name, home, dict(environ or {}), settings)

    return make


@pytest.fixture
def make_raw() -> type[Raw]:
    return Raw
