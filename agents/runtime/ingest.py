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
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import orjson
from aiokafka import TopicPartition

from penstock.agents.chain import Aside, trace
from penstock.agents.runtime import metrics
from penstock.agents.runtime.cluster import Cluster, Message
from penstock.agents.runtime.deadletter import DeadLetters
from penstock.agents.runtime.framing import FrameWriter
from penstock.agents.runtime.logs import logger
from penstock.agents.runtime.patience import patiently
from penstock.agents.runtime.payloads import Payloads
from penstock.agents.runtime.progress import read_progress
from penstock.agents.runtime.tail import bounds, frames_tail
from penstock.agents.runtime.topic_ids import TopicId, topic_ids
from penstock.codecs.avro import AvroDecoder
from penstock.codecs.frame import Frame
from penstock.codecs.json import canonical
from penstock.model.errors import HoleError, PenstockError, RecordError
from penstock.model.record import HEADER_ORIGIN, Entry, Headers, Kept, Lost, Stub
from penstock.topology.plan import INGEST, Plan

CHECK_SECONDS = 5.0
_OVERHEAD, _OVERHEAD_OF_HEADER = 64, 8  # bytes, about: a frame that is too large all the same is split by its writer
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
    begin, end = await bounds(cluster, TopicPartition(raw, partition))
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


class Ingest:
    """One raw partition; a handler of `penstock.agents.runtime.owner.Owner`."""

    def __init__(
        self,
        cluster: Cluster,
        plan: Plan,
        partition: int,
        topic_id: TopicId,
        writer: FrameWriter,
        letters: DeadLetters,
        payloads: Payloads,
        avro: AvroDecoder | None,
    ) -> None:
        self._cluster = cluster
        self._plan = plan
        self._partition = partition
        self._topic_id = topic_id
        self._writer = writer
        self._letters = letters
        self._payloads = payloads
        self._avro = avro
        self._decode: Callable[[bytes], bytes] = (
            canonical if avro is None else lambda value: orjson.dumps(avro.decode(value))
        )
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
            await self._send([start.lost], start.lost.last)
        return start.next

    async def handle(self, messages: Iterable[Message]) -> int | None:
        await self._check_topic()
        if self._avro is not None:
            messages = await self._prefetched(self._avro, messages)
        batching = self._plan.pipeline.batching
        most, limit = batching.frame_records, batching.frame_bytes
        entries: list[Entry] = []
        asides: list[tuple[Aside, Message]] = []
        size = received = 0
        last = self._next - 1
        for message in messages:
            if message.offset < self._next:
                continue
            bytes_in = len(message.value or b"")
            heavy = bytes_in + (_OVERHEAD if message.key is None and not message.headers else _envelope(message))
            if entries and (size + heavy > limit or len(entries) == most):
                await self._emit(entries, asides, message.offset - 1)
                entries, asides, size = [], [], 0
            entries.append(self._entry(message, asides))
            size += heavy
            received += bytes_in
            last = message.offset
        if entries:
            await self._emit(entries, asides, last)
        await self._writer.flush()
        metrics.BYTES_IN.labels(*self._labels).inc(received)
        return self._next

    async def skipped(self, position: int) -> None:
        now = time.monotonic()
        if position > self._next or now - self._checked > CHECK_SECONDS:
            await self._check_topic()
        if position > self._next:
            # an empty frame: nobody shall wait for a record to learn that these offsets are accounted for
            await self._send([], position - 1)
            await self._writer.flush()

    async def close(self) -> None:
        """Nothing to do: what was under way is found in the tail by the next owner."""

    async def _check_topic(self) -> None:
        """Step 4. Asked after the messages were read: what was read before the topic was deleted is the old one's."""
        if await self._topic_id.now() != self._start.topic_id:
            raw = self._plan.pipeline.raw_topic
            raise PenstockError(f"{raw} was deleted or made anew while it was read")
        self._checked = time.monotonic()

    def _entry(self, message: Message, asides: list[tuple[Aside, Message]]) -> Entry:
        offset, value, headers = message.offset, message.value, message.headers
        origin = _origin(headers) if headers else ""
        if not origin and self._start.epoch:
            origin = self._first_id(offset)
        try:
            data = value if value is None else self._decode(value)
        except RecordError as error:
            known = origin or f"{self._plan.pipeline.raw_topic}/{self._partition}/{offset}"
            asides.append((Aside(offset, known, INGEST, error.code, "dead", error.message, trace(error)), message))
            return Stub(offset, message.timestamp, "dead", INGEST, error.code, origin)
        return Kept(offset, message.timestamp, data, {}, message.key, headers, origin)

    def _first_id(self, offset: int) -> str:
        """What tells a record from that of the same offset before the topic was made anew.

        It travels as the origin, so that whoever compares ids later needs to know of no epoch.
        """
        return f"{self._plan.pipeline.raw_topic}~{self._start.epoch}/{self._partition}/{offset}"

    async def _prefetched(self, avro: AvroDecoder, messages: Iterable[Message]) -> list[Message]:
        """The messages, once the Avro schemas that they need are there, so that decoding never waits."""
        unpacked = list(messages)
        values = [message.value for message in unpacked if message.value is not None]
        await patiently(lambda: avro.prefetch(values), self._plan.pipeline.error_handling, self._labels)
        return unpacked

    async def _emit(self, entries: list[Entry], asides: list[tuple[Aside, Message]], last: int) -> None:
        """Send one frame; records of it that were set aside have their letters before."""
        if asides:
            letters = [self._letters.letter(aside, self._partition, message) for aside, message in asides]
            await self._letters.write(letters)
        await self._payloads.stow(entries)
        await self._send(entries, last)
        metrics.RECORDS_IN.labels(*self._labels).inc(len(entries))
        metrics.RECORDS_OUT.labels(*self._labels).inc(len(entries) - len(asides))

    async def _send(self, entries: list[Entry], last: int) -> None:
        """Send one frame that covers everything from what is owed to `last`."""
        genesis = self._start.genesis and self._first
        frame = Frame(self._start.topic_id, self._start.epoch, self._next, last, last, genesis, entries)
        await self._writer.send(frame)
        self._next, self._first = last + 1, False
        metrics.FRAME_RECORDS.labels(*self._labels).observe(len(entries))
        metrics.NEXT.labels(*self._labels, str(self._partition)).set(self._next)


def _envelope(message: Message) -> int:
    """About how many bytes a record takes in a frame beside its value."""
    headers = sum(len(name) + len(value or b"") + _OVERHEAD_OF_HEADER for name, value in message.headers)
    return _OVERHEAD + len(message.key or b"") + headers


def _origin(headers: Headers) -> str:
    value = dict(headers).get(HEADER_ORIGIN)
    return value.decode("utf-8", "replace") if value else ""
