"""Plain messages in and out of any topic: what the command line produces, consumes and looks through."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from penstock.agents.runtime.cluster import Cluster, Message
from penstock.agents.runtime.tail import read_range
from penstock.model.errors import ConfigurationError
from penstock.model.record import Headers

BATCH_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be produced."""

    value: bytes | None
    key: bytes | None = None
    headers: Headers = field(default_factory=list)


async def partitions_of(cluster: Cluster, topic: str) -> list[int]:
    """The partitions of a topic, in order. Raises ConfigurationError where there is no such topic."""
    async with cluster.admin() as admin:
        # all topics are asked for, because a broker may be set to make a topic that is asked for by name
        if topic not in await admin.list_topics():
            raise ConfigurationError(f"there is no topic {topic}", hint="`penstock plan` lists a pipeline's topics")
        (described,) = await admin.describe_topics([topic])
    return sorted(partition["partition"] for partition in described["partitions"])


def partition_of(key: bytes, count: int) -> int:
    """The partition that Kafka's own clients give a key."""
    return int((murmur2(key) & 0x7FFFFFFF) % count)


async def read_all(
    cluster: Cluster, topic: str, partitions: Iterable[int], *, isolation: str = "read_committed"
) -> AsyncIterator[list[Message]]:
    """Everything that the topic holds now, list by list, one partition after the other."""
    consumer = cluster.reader(isolation_level=isolation)
    await consumer.start()
    try:
        tps = [TopicPartition(topic, partition) for partition in partitions]
        begin, end = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
        for tp in tps:
            consumer.assign([tp])
            if begin[tp] < end[tp]:
                async for messages in read_range(consumer, tp, begin[tp], end[tp]):
                    yield messages
    finally:
        await consumer.stop()


class Writer:
    """Produces messages in batches: those with a key by Kafka's own hash, the others in turns, a batch each.

    Use as a context manager; leaving it waits for everything that was sent.
    """

    def __init__(self, cluster: Cluster, topic: str, partitions: int) -> None:
        self._cluster = cluster
        self._topic = topic
        self._count = partitions
        self._turn = 0
        self._sent: set[asyncio.Future[object]] = set()
        self._producer: AIOKafkaProducer = cluster.producer(max_batch_size=BATCH_BYTES)
        self.acknowledged = 0

    async def __aenter__(self) -> "Writer":
        try:
            await self._producer.start()
        except (KafkaError, OSError) as error:
            await self._producer.stop()
            raise self._cluster.unreachable(error) from None
        return self

    async def __aexit__(self, kind: object, *rest: object) -> None:
        try:
            if kind is None:
                await self.flush()
        finally:
            await self._producer.stop()

    async def send(self, messages: Iterable[Outgoing]) -> None:
        """Hand messages over; waits while too many batches are under way. Raises what an earlier one met."""
        self._turn = (self._turn + 1) % self._count
        by_partition: dict[int, list[Outgoing]] = {}
        for message in messages:
            partition = self._turn if message.key is None else partition_of(message.key, self._count)
            by_partition.setdefault(partition, []).append(message)
        for partition, some in by_partition.items():
            await self._send_batches(partition, some)

    async def flush(self) -> None:
        """Wait until the broker has everything."""
        await self._settle(0)

    async def _send_batches(self, partition: int, messages: list[Outgoing]) -> None:
        batch = self._producer.create_batch()
        for message in messages:
            given = {"timestamp": None, "key": message.key, "value": message.value, "headers": message.headers}
            if batch.append(**given) is None:
                await self._send_batch(batch, partition)
                batch = self._producer.create_batch()
                batch.append(**given)
        await self._send_batch(batch, partition)

    async def _send_batch(self, batch: object, partition: int) -> None:
        count = batch.record_count()  # type: ignore[attr-defined] # aiokafka ships no types
        future = await self._producer.send_batch(batch, self._topic, partition=partition)
        self._sent.add(future)
        future.add_done_callback(lambda done: self._acknowledge(done, count))
        await self._settle(16)

    async def _settle(self, most: int) -> None:
        while len(self._sent) > most or any(future.done() for future in self._sent):
            done, self._sent = await asyncio.wait(self._sent, return_when=asyncio.FIRST_COMPLETED)
            for future in done:
                future.result()

    def _acknowledge(self, future: "asyncio.Future[object]", count: int) -> None:
        if not future.cancelled() and future.exception() is None:
            self.acknowledged += count


async def follow(
    cluster: Cluster,
    topic: str,
    *,
    from_beginning: bool = False,
    committed: bool = False,
    idle_seconds: float | None = None,
) -> AsyncGenerator[list[Message], None]:
    """Messages of a topic as they come, without a group.

    Parameters
    ----------
    from_beginning : bool
        False starts behind what is there now.
    committed : bool
        Leave out what stands in transactions that were aborted or are open.
    idle_seconds : float, optional
        End after that many seconds without a message; None never ends.

    Raises
    ------
    ConfigurationError
        There is no such topic.
    """
    tps = [TopicPartition(topic, partition) for partition in await partitions_of(cluster, topic)]
    consumer = cluster.reader(isolation_level="read_committed" if committed else "read_uncommitted")
    await consumer.start()
    loop = asyncio.get_running_loop()
    try:
        consumer.assign(tps)
        starts = await (consumer.beginning_offsets(tps) if from_beginning else consumer.end_offsets(tps))
        for tp in tps:
            consumer.seek(tp, starts[tp])
        heard = loop.time()
        while idle_seconds is None or loop.time() - heard < idle_seconds:
            for messages in (await consumer.getmany(timeout_ms=100)).values():
                heard = loop.time()
                yield messages
    finally:
        await consumer.stop()
