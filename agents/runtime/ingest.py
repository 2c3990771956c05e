"""Ingest: messages of the raw topic in, frames out.

The raw topic is read by aiokafka and not by Faust, whose consumer stalls on transaction markers and compaction gaps.
Where a partition stands is read from the tail of the frames topic at each assignment:

1. a frame of this raw topic's id is there: go on behind its last offset;
2. only frames of another id: the raw topic was made anew: a new epoch, its first frame is marked genesis;
3. nothing is there: genesis, unless delivery has already got somewhere with this raw topic: then from there;
4. a topic made anew while it is read may hold the offset that we would read next: its id is asked for behind every
   fetch, before anything is made of it, and where it is another one ingest starts anew.

Raw offsets below the topic's start were deleted before they were read: they become an explicit loss marker. An offset
owed beyond the topic's end means that the topic was cut back: ingest stops and says so.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from aiokafka import AIOKafkaProducer, TopicPartition

from penstock.agents.chain import Aside, trace
from penstock.agents.runtime import metrics
from penstock.agents.runtime.cluster import Cluster, Message
from penstock.agents.runtime.deadletter import DeadLetters
from penstock.agents.runtime.framing import FrameWriter
from penstock.agents.runtime.logs import logger
from penstock.agents.runtime.patience import patiently
from penstock.agents.runtime.payloads import Payloads
from penstock.agents.runtime.progress import read_progress
from penstock.agents.runtime.tail import frames_tail
from penstock.agents.runtime.topic_ids import topic_id, topic_ids
from penstock.codecs.avro import AvroDecoder
from penstock.codecs.frame import Frame, weight
from penstock.codecs.json import canonical
from penstock.model.errors import HoleError, PenstockError, RecordError
from penstock.model.record import HEADER_ORIGIN, Entry, Kept, Lost, Stub
from penstock.topology.plan import INGEST, Plan

CHECK_SECONDS = 5.0
METADATA_SECONDS = 10.0
"""How soon a raw topic that was deleted and made anew is found again; the client's default is 5 minutes."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where ingest begins in one raw partition."""

    topic_id: str
    epoch: int
    next: int
    genesis: bool
    lost: Lost | None = None


async def find_start(cluster: Cluster, plan: Plan, partition: int) -> Start:
    """Where ingest owes the next offset; see the rules above. Raises HoleError where the raw topic was cut back."""
    raw = plan.pipeline.raw_topic
    async with cluster.admin() as admin:
        topic_id = (await topic_ids(admin, [raw]))[raw]
    head = (await frames_tail(cluster, plan.first_frames, [partition])).get(partition)
    begin, end = await _bounds(cluster, raw, partition)
    if head is None:
        known = await read_progress(cluster, plan, partition)
        if known is None or known.topic_id != topic_id:
            return Start(topic_id, known.epoch + 1 if known else 0, begin, genesis=True)
        epoch, owed = known.epoch, known.next
    elif head.topic_id == topic_id:
        epoch, owed = head.epoch, head.last + 1
    else:
        return Start(topic_id, head.epoch + 1, begin, genesis=True)
    if owed > end:
        raise HoleError(
            f"{raw} partition {partition} ends at {end}, but everything below {owed} was read before",
            hint="the topic lost its end; restore it, or delete and recreate it to start a new epoch",
        )
    return Start(topic_id, epoch, max(owed, begin), genesis=False, lost=Lost(owed, begin - 1) if owed < begin else None)


async def _bounds(cluster: Cluster, topic: str, partition: int) -> tuple[int, int]:
    consumer = cluster.reader()
    await consumer.start()
    try:
        tp = TopicPartition(topic, partition)
        return (await consumer.beginning_offsets([tp]))[tp], (await consumer.end_offsets([tp]))[tp]
    finally:
        await consumer.stop()


class Ingest:
    """One raw partition; a handler of `penstock.agents.runtime.owner.Owner`."""

    def __init__(
        self,
        cluster: Cluster,
        plan: Plan,
        partition: int,
        producer: AIOKafkaProducer,
        writer: FrameWriter,
        letters: DeadLetters,
        payloads: Payloads,
        avro: AvroDecoder | None,
    ) -> None:
        self._cluster = cluster
        self._plan = plan
        self._partition = partition
        self._producer = producer
        self._writer = writer
        self._letters = letters
        self._payloads = payloads
        self._avro = avro
        self._labels = (plan.pipeline.name, INGEST)
        self._start = Start("", 0, 0, genesis=True)
        self._next = 0
        self._first = True
        self._checked = time.monotonic()

    async def open(self) -> int:
        self._start = start = await find_start(self._cluster, self._plan, self._partition)
        self._next, self._first = start.next, True
        if start.lost is not None:
            count = start.lost.last - start.lost.offset + 1
            metrics.LOST.labels(self._plan.pipeline.name).inc(count)
            logger().error(
                "offsets lost: retention deleted them unread",
                pipeline=self._plan.pipeline.name, partition=self._partition,
                first=start.lost.offset, last=start.lost.last,
            )  # fmt: skip
            self._next = start.lost.offset
            await self._emit([start.lost], start.lost.last)
        return start.next

    async def handle(self, messages: list[Message]) -> int | None:
        await self._check_topic()
        messages = [message for message in messages if message.offset >= self._next]
        batching = self._plan.pipeline.batching
        await self._prefetch(messages)
        entries: list[Entry] = []
        asides: list[tuple[Aside, Message]] = []
        size = 0
        for message in messages:
            entry = self._entry(message, asides)
            heavy = weight(entry) if isinstance(entry, Kept) else 64
            if entries and (len(entries) >= batching.frame_records or size + heavy > batching.frame_bytes):
                await self._set_aside(asides)
                await self._emit(entries, message.offset - 1)
                entries, size = [], 0
            entries.append(entry)
            size += heavy
        if entries:
            await self._set_aside(asides)
            await self._emit(entries, messages[-1].offset)
        await self._writer.flush()
        metrics.RECORDS_IN.labels(*self._labels).inc(len(messages))
        metrics.BYTES_IN.labels(*self._labels).inc(sum(len(message.value or b"") for message in messages))
        return self._next

    async def skipped(self, position: int) -> None:
        now = time.monotonic()
        if position > self._next or now - self._checked > CHECK_SECONDS:
            await self._check_topic()
        if position > self._next:
            # an empty frame: nobody shall wait for a record to learn that these offsets are accounted for
            await self._emit([], position - 1)
            await self._writer.flush()

    async def close(self) -> None:
        """Nothing to do: what was under way is found in the tail by the next owner."""

    async def _check_topic(self) -> None:
        """Step 4. Asked after the messages were read: what was read before the topic was deleted is the old one's."""
        raw = self._plan.pipeline.raw_topic
        if await topic_id(self._producer, raw) != self._start.topic_id:
            raise PenstockError(f"{raw} was deleted or made anew while it was read")
        self._checked = time.monotonic()

    def _entry(self, message: Message, asides: list[tuple[Aside, Message]]) -> Entry:
        origin = _origin(message) or self._first_id(message.offset)
        try:
            data = self._decode(message.value)
        except RecordError as error:
            topic = self._plan.pipeline.raw_topic
            known = origin or f"{topic}/{self._partition}/{message.offset}"
            aside = Aside(message.offset, known, INGEST, error.code, "dead", error.message, trace(error))
            asides.append((aside, message))
            return Stub(message.offset, message.timestamp, "dead", INGEST, error.code, origin)
        headers = list(message.headers) if message.headers else []
        return Kept(message.offset, message.timestamp, data, {}, message.key, headers, origin)

    def _first_id(self, offset: int) -> str:
        """What tells a record from that of the same offset before the topic was made anew; nothing in the first epoch.

        It travels as the origin, so that whoever compares ids later needs to know of no epoch.
        """
        epoch = self._start.epoch
        return f"{self._plan.pipeline.raw_topic}~{epoch}/{self._partition}/{offset}" if epoch else ""

    def _decode(self, value: bytes | None) -> bytes | None:
        if value is None:
            return None
        if self._avro is None:
            return canonical(value)
        return orjson.dumps(self._avro.decode(value))

    async def _prefetch(self, messages: list[Message]) -> None:
        """Fetch the Avro schemas that these messages need, once each, so that decoding never waits."""
        avro = self._avro
        if avro is not None:
            values = [message.value for message in messages if message.value is not None]
            handling = self._plan.pipeline.error_handling
            await patiently(lambda: avro.prefetch(values), handling, self._labels)

    async def _set_aside(self, asides: list[tuple[Aside, Message]]) -> None:
        if asides:
            await self._letters.write(
                self._letters.letter(aside, self._partition, message) for aside, message in asides
            )
            asides.clear()

    async def _emit(self, entries: list[Entry], last: int) -> None:
        """Send one frame that covers everything from what is owed to `last`."""
        await self._payloads.stow(entries)
        genesis = self._start.genesis and self._first
        frame = Frame(self._start.topic_id, self._start.epoch, self._next, last, last, genesis, entries)
        await self._writer.send(frame)
        self._next, self._first = last + 1, False
        metrics.FRAME_RECORDS.labels(*self._labels).observe(len(entries))
        metrics.RECORDS_OUT.labels(*self._labels).inc(sum(isinstance(entry, Kept) for entry in entries))
        metrics.NEXT.labels(*self._labels, str(self._partition)).set(self._next)


def _origin(message: Message) -> str:
    if not message.headers:
        return ""
    headers: Mapping[str, bytes | None] = dict(message.headers)
    value = headers.get(HEADER_ORIGIN)
    return value.decode("utf-8", "replace") if value else ""
