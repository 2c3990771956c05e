"""Sinks: the last frames topic into a destination, which itself remembers how far it is.

At open the sink is asked for its position; frames below it are skipped, those that overlap are trimmed. A batch covers
a contiguous range, so the destination can compare and set: where another writer was faster the sink says so
(`FencedError`), and is asked again. A batch that is refused for good (a 4xx) is halved until the record is found, which
is set aside before the position moves over it.
"""

from collections.abc import Iterable

from aiokafka import AIOKafkaProducer, TopicPartition

from penstock.agents.chain import Aside
from penstock.agents.continuity import Place
from penstock.agents.runtime import metrics
from penstock.agents.runtime.cluster import Cluster, Message
from penstock.agents.runtime.deadletter import DeadLetters
from penstock.agents.runtime.patience import patiently
from penstock.agents.runtime.payloads import Payloads
from penstock.agents.runtime.reading import Reader
from penstock.agents.runtime.tail import TAIL_FRAMES, bounds
from penstock.codecs.frame import Frame
from penstock.model.component import Batch, Position, Publishes, Sink
from penstock.model.errors import FencedError, HoleError, RejectedError
from penstock.model.record import Entry, Kept, Stub, record_id
from penstock.topology.plan import Plan, SinkAgent

MAX_RECORDS = 2000


class SinkHandler:
    """One partition of one sink; a handler of `penstock.agents.runtime.owner.Owner`."""

    def __init__(
        self,
        cluster: Cluster,
        plan: Plan,
        agent: SinkAgent,
        sink: Sink,
        partition: int,
        producer: AIOKafkaProducer,
        letters: DeadLetters,
        payloads: Payloads,
    ) -> None:
        self._cluster = cluster
        self._plan = plan
        self._agent = agent
        self._sink = sink
        self._partition = partition
        self._producer = producer
        self._letters = letters
        self._payloads = payloads
        self._topic_id = ""
        self._stream = f"{plan.pipeline.name}/{plan.pipeline.raw_topic}/{partition}"
        self._labels = (plan.pipeline.name, f"sink-{agent.name}")
        self._tp = TopicPartition(agent.source, partition)
        self._reader = Reader(agent.source, partition, None)

    async def open(self) -> int:
        position = await self._position()
        sink = self._sink
        if isinstance(sink, Publishes):
            handling = self._plan.pipeline.error_handling
            await self._publish(await patiently(lambda: sink.last_head(self._stream), handling, self._labels))
        begin, _ = await bounds(self._cluster, self._tp)
        start = begin if position is None else await self._near(begin)
        self._reader.place = None if position is None else Place(position.epoch, position.next, start)
        return start

    async def handle(self, messages: Iterable[Message]) -> int | None:
        pending: list[Frame] = []
        count = 0
        for frame, _ in self._reader.owed(messages):
            if pending and (count >= MAX_RECORDS or pending[0].epoch != frame.epoch):
                await self._write(pending)
                pending, count = [], 0
            pending.append(frame)
            count += len(frame.entries)
        if pending:
            await self._write(pending)
        return self._reader.position

    async def skipped(self, position: int) -> None:
        """Nothing to do: frames topics hold no transactions, and empty frames advance us themselves."""

    async def close(self) -> None:
        """The sink itself is shared by all partitions; who made it closes it."""

    async def _position(self) -> Position | None:
        return await patiently(
            lambda: self._sink.position(self._stream), self._plan.pipeline.error_handling, self._labels
        )

    async def _near(self, begin: int) -> int:
        """Where to start reading: a little before what the group committed, which is never beyond what is written."""
        async with self._cluster.admin() as admin:
            committed = await admin.list_consumer_group_offsets(self._agent.group, partitions=[self._tp])
        known = committed.get(self._tp)
        return max(begin, known.offset - 1 - TAIL_FRAMES) if known and known.offset > 0 else begin

    async def _write(self, frames: list[Frame]) -> None:
        """Write a contiguous run of frames as one batch."""
        entries: list[Entry] = []
        gone: list[Aside] = []
        for frame in frames:
            entries += await self._payloads.fetch(frame.entries, self._partition, f"sink-{self._agent.name}", gone)
        await self._letters.set_aside(self._partition, gone, frames[0].topic_id)
        raw, self._topic_id = self._plan.pipeline.raw_topic, frames[0].topic_id
        batch = Batch(
            self._stream, raw, self._partition, frames[0].epoch, frames[0].first, frames[-1].last + 1,
            frames[0].genesis, entries,
        )  # fmt: skip
        await self._settle(batch)
        metrics.RECORDS_IN.labels(*self._labels).inc(len(entries))
        metrics.FRAME_RECORDS.labels(*self._labels).observe(len(entries))
        metrics.NEXT.labels(*self._labels, str(self._partition)).set(batch.next)

    async def _settle(self, batch: Batch) -> None:
        """Write the batch; where it is refused, find the record that is the cause."""
        try:
            receipt = await patiently(lambda: self._sink.write(batch), self._plan.pipeline.error_handling, self._labels)
        except FencedError:
            await self._after_fence(batch)
            return
        except RejectedError as error:
            await self._isolate(batch, error)
            return
        kept = {entry.offset: entry for entry in batch.entries if isinstance(entry, Kept)}
        asides = [self._aside(kept[offset], code) for offset, code in receipt.rejected]
        await self._letters.set_aside(self._partition, asides, self._topic_id)
        await self._publish(receipt.head)
        metrics.RECORDS_OUT.labels(*self._labels).inc(receipt.written)

    async def _publish(self, head: bytes) -> None:
        if head:
            await self._producer.send_and_wait(
                self._plan.heads_topic, head, key=self._stream.encode(), partition=self._partition
            )

    async def _after_fence(self, batch: Batch) -> None:
        """Another writer was here: go on where the destination is, if that is within or behind this batch."""
        position = await self._position()
        if position is not None and (position.epoch, position.next) >= (batch.epoch, batch.next):
            return
        if position is None or position.epoch != batch.epoch or position.next < batch.first:
            raise HoleError(
                f"sink {self._agent.name}: {self._stream} stands at {position and position.next}, "
                f"the batch begins at {batch.first}",
                hint="the destination lost data, or another pipeline writes under this name",
            )
        if position.next == batch.first:
            raise FencedError(f"sink {self._agent.name}: another writer is at work on {self._stream}")
        rest = [entry for entry in batch.entries if entry.offset >= position.next]
        await self._settle(
            Batch(batch.stream, batch.topic, batch.partition, batch.epoch, position.next, batch.next, False, rest)
        )

    async def _isolate(self, batch: Batch, error: RejectedError) -> None:
        kept = [entry for entry in batch.entries if isinstance(entry, Kept)]
        if not kept:
            raise error
        if len(kept) == 1:
            await self._letters.set_aside(self._partition, [self._aside(kept[0], error.code)], self._topic_id)
            stub = Stub(
                kept[0].offset, kept[0].timestamp, "dead", f"sink-{self._agent.name}", error.code, kept[0].origin
            )
            batch.entries = [stub if entry is kept[0] else entry for entry in batch.entries]
            await self._settle(batch)
            return
        middle = kept[len(kept) // 2].offset
        for first, following in ((batch.first, middle), (middle, batch.next)):
            entries = [entry for entry in batch.entries if first <= entry.offset < following]
            genesis = batch.genesis and first == batch.first
            await self._settle(
                Batch(batch.stream, batch.topic, batch.partition, batch.epoch, first, following, genesis, entries)
            )

    def _aside(self, entry: Kept, code: str) -> Aside:
        known = record_id(self._plan.pipeline.raw_topic, self._partition, entry)
        return Aside(entry.offset, known, f"sink-{self._agent.name}", code, "dead", "the destination refused it")
