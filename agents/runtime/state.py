"""State of one partition of an agent: RocksDB here, a compacted topic behind it, and the place up to which it counts.

Who writes a frame's changes writes the place that they lead to in the same Kafka transaction, so that state and place
are never apart (the numbers stand in the code):

1. **Fence.** Opening initialises the transactional producer of the partition. A former owner that still lives cannot
   commit from then on, and what it left open is aborted.
2. **Restore.** What the topic has beyond the local copy is read, committed transactions only, and put into RocksDB in
   one batch with the offset it came from. A copy of another topic, or one so old that the topic may have forgotten what
   was deleted since, is thrown away.
3. **Commit.** When the output of a frame is acknowledged its changes and its place go to the topic in one transaction;
   when that is committed they go to RocksDB in one batch. Killed in between, the copy lags, and is restored.
4. **Overlay.** A frame sees the changes of the frames before it that are under way. A failure drops them all with the
   agent; nothing of them is anywhere.

So the state may lag behind the output, never run ahead of it, and whoever opens it finds it as it was at its place.
The frames from there up to where the output ends are worked on again, without being sent, and lead to the same state.

Faust's own tables are not used for this: they are written entry by entry, and whoever was frozen may still write them.
"""

import shutil
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition
from rocksdict import Options, Rdict, WriteBatch

from penstock.agents.continuity import Place
from penstock.agents.runtime.cluster import Cluster, Message
from penstock.agents.runtime.messages import BATCH_BYTES
from penstock.agents.runtime.tail import read_range
from penstock.agents.state import Changes, Draft
from penstock.model.errors import PenstockError

RETRY_BACKOFF_MS: Final = (
    5  # as for delivery: a Kafka 4 broker answers a transaction's first batch with a retriable error
)
OLDEST_COPY_SECONDS: Final = 12 * 3600
"""Older local copies are thrown away: a compacted topic forgets after 24 h what was deleted."""

_PLACE: Final = b"p"
_ENTRY: Final = b"e"
_COPY: Final = b"copy"
_WRITE_BUFFER: Final = 8 * 1024 * 1024


class _Copy(msgspec.Struct, array_like=True):
    """What the local copy is of."""

    topic_id: str
    offset: int
    """It holds what stands below in the topic's partition."""
    written: float


class PartitionState:
    """The state of one partition, as its owner has it.

    Parameters
    ----------
    cluster
    tp
        The partition of the state's topic.
    topic_id : str
        Kafka's id of that topic.
    folder : Path
        Of the local copy; nobody else uses it.

    Attributes
    ----------
    began : bool
        Whether anybody ever opened it.
    place : Place or None
        What it counts up to; None before the first record.
    """

    def __init__(self, cluster: Cluster, tp: TopicPartition, topic_id: str, folder: Path) -> None:
        self._cluster = cluster
        self._tp = tp
        self._topic_id = topic_id
        self._folder = folder
        self._offset = 0
        self._under_way: deque[Changes] = deque()
        self._producer: AIOKafkaProducer | None = None
        self._copy: Any = None
        self.began = False
        self.place: Place | None = None

    async def open(self) -> None:
        """Take it over from whoever had it, and bring the local copy up to date."""
        self._producer = self._cluster.producer(
            transactional_id=f"{self._tp.topic}-{self._tp.partition}",
            retry_backoff_ms=RETRY_BACKOFF_MS,
            max_batch_size=BATCH_BYTES,
        )
        await self._producer.start()  # 1
        self._copy = self._open_copy()
        await self._restore()  # 2
        found = self._copy.get(_PLACE)
        if found is not None:
            self.began = True
            self.place = msgspec.msgpack.decode(found, type=Place | None)

    async def close(self) -> None:
        """Let it go."""
        if self._copy is not None:
            self._copy.close()
            self._copy = None
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    # what stages see ------------------------------------------------------------------------------------------------

    def get(self, key: bytes) -> bytes | None:
        """The value, as the frames under way have it."""
        for changes in reversed(self._under_way):  # 4
            if key in changes:
                return changes[key]
        found: bytes | None = self._copy.get(_ENTRY + key)
        return found

    def put(self, key: bytes, value: bytes) -> None:
        raise TypeError("a partition's state is changed by commits only: put into a draft")

    def delete(self, key: bytes) -> None:
        raise TypeError("a partition's state is changed by commits only: delete in a draft")

    def draft(self) -> Draft:
        """Changes for one frame, on top of those that are under way."""
        return Draft(self)

    # what the lane does with it -------------------------------------------------------------------------------------

    def under_way(self, changes: Changes) -> None:
        """Show the changes of a frame to those after it."""
        self._under_way.append(changes)

    async def commit(self, place: Place) -> None:
        """Make the changes of the oldest frame that is under way last, with the place that it leads to."""
        await self._commit(self._under_way[0], place)
        self._under_way.popleft()

    async def stand_at(self, place: Place | None) -> None:
        """Say where it stands without a change: what came before was not seen."""
        await self._commit({}, place)

    async def _commit(self, changes: Changes, place: Place | None) -> None:
        written = [(_ENTRY + key, value) for key, value in changes.items()]
        written.append((_PLACE, msgspec.msgpack.encode(place)))
        producer = self._producer
        assert producer is not None
        async with producer.transaction():  # 3
            self._offset = max(self._offset, await _send(producer, self._tp, written))
        self._write(written)
        self.began, self.place = True, place

    # the local copy -------------------------------------------------------------------------------------------------

    def _open_copy(self) -> Any:
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            copy = self._rocksdb()
            about = copy.get(_COPY)
            known = None if about is None else msgspec.msgpack.decode(about, type=_Copy)
            fresh = known is None or time.time() - known.written < OLDEST_COPY_SECONDS
            if fresh and (known is None or known.topic_id == self._topic_id):
                self._offset = 0 if known is None else known.offset
                return copy
            copy.close()
        except Exception as error:  # rocksdict raises no other; what is damaged comes back from the topic
            if "lock" in str(error).lower():
                raise PenstockError(f"the state of {self._tp.topic} is still open in this folder") from None
        self._offset = 0
        shutil.rmtree(self._folder, ignore_errors=True)
        return self._rocksdb()

    def _rocksdb(self) -> Any:
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_write_buffer_size(_WRITE_BUFFER)
        return Rdict(str(self._folder), options)

    async def _restore(self) -> None:
        consumer = self._cluster.reader(isolation_level="read_committed")
        await consumer.start()
        try:
            consumer.assign([self._tp])
            begin, end = await consumer.beginning_offsets([self._tp]), await consumer.end_offsets([self._tp])
            start, end = max(begin[self._tp], self._offset), end[self._tp]
            if start < end:
                async for messages in read_range(consumer, self._tp, start, end):
                    if messages:
                        self._offset = messages[-1].offset + 1
                        self._write(_entries(messages))
        finally:
            await consumer.stop()

    def _write(self, written: Iterable[tuple[bytes, bytes | None]]) -> None:
        batch = WriteBatch(raw_mode=True)
        for key, value in written:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(_COPY, msgspec.msgpack.encode(_Copy(self._topic_id, self._offset, time.time())))
        self._copy.write(batch)


def _entries(messages: Iterable[Message]) -> Iterable[tuple[bytes, bytes | None]]:
    return [(message.key, message.value) for message in messages if message.key is not None]


async def _send(producer: AIOKafkaProducer, tp: TopicPartition, written: list[tuple[bytes, bytes | None]]) -> int:
    """Send all and wait; an offset behind which no more than the last batch of it stands."""
    sent = []
    batch = producer.create_batch()
    for key, value in written:
        if batch.append(timestamp=None, key=key, value=value) is None:
            sent.append(await producer.send_batch(batch, tp.topic, partition=tp.partition))
            batch = producer.create_batch()
            batch.append(timestamp=None, key=key, value=value)
    sent.append(await producer.send_batch(batch, tp.topic, partition=tp.partition))
    last = [await future for future in sent][-1]
    offset: int = last.offset  # of the first in the batch, or -1 where the broker had it before
    return offset + 1
