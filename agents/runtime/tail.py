"""Reading the ends of topics: what a hop has done is what stands in its output topic.

`frames_tail` gives the place of the frame with the greatest (epoch, last) among the last frames of each partition: the
greatest and not the newest, because a worker that was frozen may have appended a few old frames when it woke.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition

from penstock.agents.continuity import Place
from penstock.agents.runtime.cluster import Cluster, Message
from penstock.codecs.frame import Head, decode_head
from penstock.model.errors import UnreachableError

TAIL_FRAMES = 64
_PATIENCE_SECONDS = 30.0


async def read_range(
    consumer: AIOKafkaConsumer, tp: TopicPartition, start: int, end: int
) -> AsyncIterator[list[Message]]:
    """The messages of one partition from offset `start` up to `end` (excluded), list by list.

    Raises UnreachableError where nothing more comes for half a minute before the end is reached.
    """
    consumer.seek(tp, start)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE_SECONDS
    # the position moves past transaction markers and compacted offsets as well, which no message shows
    while await consumer.position(tp) < end:
        batch = await consumer.getmany(tp, timeout_ms=200)
        for messages in batch.values():
            deadline = loop.time() + _PATIENCE_SECONDS
            yield [message for message in messages if message.offset < end]
        if loop.time() > deadline:
            raise UnreachableError(f"partition {tp.partition} of {tp.topic}", "the broker", seconds=_PATIENCE_SECONDS)


async def _last_messages(
    cluster: Cluster, topic: str, partitions: Iterable[int], count: int, isolation: str
) -> dict[int, list[Message]]:
    """The last `count` messages of each partition, doubling back where markers or compaction left fewer."""
    found: dict[int, list[Message]] = {}
    consumer = cluster.reader(isolation_level=isolation)
    await consumer.start()
    try:
        tps = [TopicPartition(topic, partition) for partition in partitions]
        begin, end = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
        for tp in tps:
            consumer.assign([tp])
            reach = count
            while True:
                start = max(begin[tp], end[tp] - reach)
                found[tp.partition] = [
                    m async for messages in read_range(consumer, tp, start, end[tp]) for m in messages
                ]
                if found[tp.partition] or start <= begin[tp]:
                    break
                reach *= 4
    finally:
        await consumer.stop()
    return found


async def frames_tail(
    cluster: Cluster, topic: str, partitions: Iterable[int], count: int = TAIL_FRAMES
) -> dict[int, Head]:
    """The head of the frame that reaches furthest in the tail of each partition; absent where there is none."""
    tails = await _last_messages(cluster, topic, partitions, count, "read_uncommitted")
    found: dict[int, Head] = {}
    for partition, messages in tails.items():
        heads = [decode_head(message.value) for message in messages if message.value is not None]
        if heads:
            found[partition] = max(heads, key=lambda head: (head.epoch, head.last))
    return found


async def last_values(cluster: Cluster, topic: str, partitions: Iterable[int]) -> dict[int, bytes]:
    """The newest committed value of each partition of a compacted topic of our own; absent where there is none."""
    tails = await _last_messages(cluster, topic, partitions, 16, "read_committed")
    return {p: messages[-1].value for p, messages in tails.items() if messages and messages[-1].value is not None}


def place_of(head: Head) -> Place:
    """Where the agent stands whose output reaches as far as `head`."""
    return Place(head.epoch, head.last + 1, head.input)


async def bounds(cluster: Cluster, tp: TopicPartition) -> tuple[int, int]:
    """The offset that the partition's log begins at, and the one that comes next at its end."""
    consumer = cluster.reader()
    await consumer.start()
    try:
        return (await consumer.beginning_offsets([tp]))[tp], (await consumer.end_offsets([tp]))[tp]
    finally:
        await consumer.stop()
