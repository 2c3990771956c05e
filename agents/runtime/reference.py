"""References: compacted topics that stages look things up in, read into memory and kept up to date.

Each topic is read once a worker, whoever asks for it, by a consumer without a group: every worker reads all of it. A
`Table` is ready when everything is read that was there when reading began. A broker that goes away delays what is new;
what is known stays. A topic that was cut short or made anew is read again from its beginning, and a key that does not
come again is deleted. A topic that is not there yet is waited for.
"""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.logs import logger
from penstock.agents.runtime.messages import partitions_of
from penstock.model.errors import PenstockError
from penstock.model.http import Backoff
from penstock.model.table import Table

LOOK_SECONDS = 60.0
"""How often a topic is looked at for new partitions."""
_POLL_MS = 500
_LOOK_AGAIN_SECONDS = 0.05
_MOST_AT_ONCE = 2000


class References:
    """The tables of one worker.

    Parameters
    ----------
    cluster : Cluster
    pipeline : str
        For logs.
    """

    def __init__(self, cluster: Cluster, pipeline: str) -> None:
        self._cluster = cluster
        self._log = logger().bind(pipeline=pipeline)
        self._readers: dict[str, _Reader] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def table(self, topic: str) -> Table:
        """The table of a topic; reading begins when it is first asked for, in the event loop that runs then."""
        reader = self._readers.get(topic)
        if reader is None:
            reader = self._readers[topic] = _Reader(self._cluster, topic)
            self._tasks.add(asyncio.create_task(self._follow(reader)))
        return reader.table

    async def ready(self, seconds: float) -> None:
        """Wait until every topic asked for has been read to its end once, but no longer than so many seconds.

        Where one was not, the stage that asks its table says so.
        """
        for _ in range(round(seconds / _LOOK_AGAIN_SECONDS)):
            if all(reader.table.ready for reader in self._readers.values()):
                return
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def close(self) -> None:
        """Stop reading."""
        tasks, self._tasks = self._tasks, set()
        self._readers.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, reader: "_Reader") -> None:
        backoff, failures = Backoff(first=0.2, longest=10.0), 0
        while True:
            before = reader.messages
            try:
                await reader.read()
                failures = 0
            except Exception as error:  # whatever it is: records wait, or go on with what is known
                failures = 1 if reader.messages > before else failures + 1
                code = error.code if isinstance(error, PenstockError) else type(error).__name__
                if failures in (1, 5) or failures % 20 == 0:
                    self._log.warning("a reference cannot be read on", topic=reader.table.topic, reason=code)
                await asyncio.sleep(backoff.seconds(min(failures, 20)))


class _Reader:
    """Reads one topic, and knows how far it is."""

    def __init__(self, cluster: Cluster, topic: str) -> None:
        self.table = Table(topic)
        self.messages = 0
        self._cluster = cluster
        self._places: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._again: set[bytes] | None = None
        """Keys that have come since the topic was begun anew; None where it was not."""

    async def read(self) -> None:
        """Read on until the topic has other partitions, or begins anew. Raises what the client raises."""
        partitions = await self._partitions()
        consumer = self._cluster.reader(isolation_level="read_committed", auto_offset_reset="none")
        await consumer.start()
        try:
            consumer.assign(partitions)
            await self._begin(consumer, partitions)
            await self._go_on(consumer, partitions)
        except OffsetOutOfRangeError:
            self._start_again()
        finally:
            await consumer.stop()

    async def _partitions(self) -> list[TopicPartition]:
        topic = self.table.topic
        return [TopicPartition(topic, partition) for partition in await partitions_of(self._cluster, topic)]

    async def _begin(self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        begin, end = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        if any(self._places.get(tp, 0) > end[tp] for tp in partitions):
            self._start_again()
        for tp in partitions:
            consumer.seek(tp, max(begin[tp], self._places.get(tp, 0)))
        self._ends = end

    def _start_again(self) -> None:
        """The topic was cut short, or is another one under the same name."""
        self._places.clear()
        self._again = set()

    async def _go_on(self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        loop = asyncio.get_running_loop()
        looked = loop.time()
        while True:
            batches = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_MOST_AT_ONCE)
            for messages in batches.values():
                for message in messages:
                    self._take(message.key, message.value)
            for tp in partitions:  # which moves past transaction markers and compacted offsets as well
                self._places[tp] = await consumer.position(tp)
            if self._ends and all(self._places[tp] >= self._ends[tp] for tp in partitions):
                self._caught_up()
            if loop.time() - looked > LOOK_SECONDS:
                looked = loop.time()
                if set(await self._partitions()) != set(partitions):
                    return

    def _take(self, key: bytes | None, value: bytes | None) -> None:
        self.messages += 1
        if key is None:  # nothing that a compacted topic holds
            return
        if self._again is not None:
            self._again.add(key)
        self.table.put(key, value)

    def _caught_up(self) -> None:
        self._ends = {}
        if self._again is not None:
            for key in self.table.keys() - self._again:
                self.table.put(key, None)
            self._again = None
        self.table.ready = True
