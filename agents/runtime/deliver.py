"""Delivery: frames in, single records out on the enriched topic, each exactly once for read_committed readers.

One transactional producer a partition: its id fences a zombie. One transaction holds, for a run of frames,

1. the enriched records (sent as ready-made batches),
2. the progress record (`penstock.agents.runtime.progress`): what was delivered, and from which input: the consumed
   offset. The group commits it too, but later and outside, for lag displays and purging only: inside it would cost two
   more requests of each transaction,
3. a marker for each record that the stage `license` set aside (`penstock.agents.runtime.replay`): that it is nowhere
   else is settled with this transaction, so it may be released.

All are sent before the first of them is waited for, so that they share requests; every one is waited for before the
commit, because a transaction commits although a batch in it failed, unless the client looks.

At open the producer is initialised first, which aborts what a predecessor left open, and only then is the progress
topic read: what it says is what stands in the enriched topic. An unknown outcome (a commit without an answer) ends the
owner, and the next one finds out the same way.

A record that the broker refuses (too large, a timestamp it does not take) is found by halving, set aside, and left out.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import orjson
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import InvalidTimestampError, KafkaError, MessageSizeTooLargeError, RecordTooLargeError

from penstock.agents.chain import Aside
from penstock.agents.continuity import Place
from penstock.agents.runtime import metrics
from penstock.agents.runtime.cluster import Cluster, InvalidRecordError, Message
from penstock.agents.runtime.deadletter import DeadLetters
from penstock.agents.runtime.messages import BATCH_BYTES
from penstock.agents.runtime.payloads import Payloads
from penstock.agents.runtime.progress import Progress, encode, read_progress
from penstock.agents.runtime.reading import Reader
from penstock.agents.runtime.tail import bounds
from penstock.codecs.avro import encode_enriched
from penstock.codecs.dead_letter import HEADER_SETTLED, message_key, raw_place
from penstock.codecs.enriched import MetadataWriter
from penstock.codecs.enriched import encode as encode_json
from penstock.model.errors import FencedError, TooLargeError
from penstock.model.record import HEADER_ORIGIN, Entry, Headers, Kept, Stub, record_id
from penstock.topology.plan import DELIVER, LARGEST_MESSAGE, Plan

MAX_RECORDS = 5000
RELEASED_STAGE: Final = "license"
"""What this stage sets aside may be released by a program (`penstock.agents.runtime.release`)."""
RETRY_BACKOFF_MS = 5  # a Kafka 4 broker answers the first batch of each transaction with a retriable error
REFUSALS: Final[dict[type[KafkaError], str]] = {
    MessageSizeTooLargeError: TooLargeError.code,
    RecordTooLargeError: TooLargeError.code,
    InvalidTimestampError: "timestamp_refused",
    InvalidRecordError: "record_refused",
}
"""What a broker says of a record that it will never take, and the code of its dead letter."""
_REFUSED = tuple(REFUSALS)


@dataclass(slots=True)
class _Run:
    """What one transaction delivers: entries of one epoch, read from offset `begin` of the frames topic on."""

    entries: list[Entry] = field(default_factory=list)
    topic_id: str = ""
    begin: int = 0
    place: Place | None = None


class Deliver:
    """One partition; a handler of `penstock.agents.runtime.owner.Owner`."""

    def __init__(
        self,
        cluster: Cluster,
        plan: Plan,
        partition: int,
        metadata: MetadataWriter,
        letters: DeadLetters,
        payloads: Payloads,
        avro_schema_id: int | None,
    ) -> None:
        self._cluster = cluster
        self._plan = plan
        self._partition = partition
        self._metadata = metadata
        self._tenant = orjson.dumps(plan.pipeline.tenant)
        self._letters = letters
        self._payloads = payloads
        self._avro_schema_id = avro_schema_id
        self._first_ids = f"{plan.pipeline.raw_topic}/{partition}/".encode()
        self._labels = (plan.pipeline.name, DELIVER)
        self._tp = TopicPartition(plan.last_frames, partition)
        self._producer: AIOKafkaProducer | None = None
        self._committed: tuple[int, int] | None = None
        self._reader = Reader(plan.last_frames, partition, None)

    async def open(self) -> int:
        await self._start_producer()
        known = await read_progress(self._cluster, self._plan, self._partition)
        self._committed = (known.epoch, known.next) if known else None
        begin, _ = await bounds(self._cluster, self._tp)
        if known is None:
            self._reader.place = None
            return begin
        position = max(known.input, begin) if known.frames == self._plan.last_frames else begin
        self._reader.place = Place(known.epoch, known.next, position)
        return position

    async def handle(self, messages: Iterable[Message]) -> int | None:
        began, received = time.perf_counter(), self._reader.received
        run = _Run()
        for frame, place in self._reader.owed(messages):
            if run.place is not None and run.place.epoch != frame.epoch:
                await self._deliver(run)
                run = _Run()
            if run.place is None:
                run.topic_id, run.begin = frame.topic_id, place.input
            gone: list[Aside] = []
            run.entries += await self._payloads.fetch(frame.entries, self._partition, DELIVER, gone)
            await self._letters.set_aside(self._partition, gone, frame.topic_id)
            run.place = place
            if len(run.entries) >= MAX_RECORDS:
                await self._deliver(run)
                run = _Run()
        if run.place is not None:
            await self._deliver(run)
        metrics.FRAME_SECONDS.labels(*self._labels).observe(time.perf_counter() - began)
        metrics.BYTES_IN.labels(*self._labels).inc(self._reader.received - received)
        return self._reader.position

    async def skipped(self, position: int) -> None:
        """Nothing to do: frames topics hold no transactions, and empty frames advance us themselves."""

    async def close(self) -> None:
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def _start_producer(self) -> None:
        self._producer = self._cluster.producer(
            transactional_id=f"{self._plan.deliver_group}-{self._partition}",
            transaction_timeout_ms=60_000,
            retry_backoff_ms=RETRY_BACKOFF_MS,
            max_batch_size=BATCH_BYTES,
        )
        await self._producer.start()

    async def _deliver(self, run: _Run) -> None:
        """One transaction, or several where the broker refuses a record among them."""
        assert run.place is not None
        kept = [entry for entry in run.entries if isinstance(entry, Kept)]
        try:
            await self._transact(kept, run)
        except _REFUSED as error:
            await self.close()
            await self._start_producer()
            await self._look_again()
            if len(kept) == 1:
                await self._refuse(kept[0], run.topic_id, error)
                await self._transact([], run)
            else:
                for half in self._halves(run):
                    await self._deliver(half)
            return
        metrics.RECORDS_IN.labels(*self._labels).inc(len(run.entries))
        metrics.RECORDS_OUT.labels(*self._labels).inc(len(kept))
        metrics.NEXT.labels(*self._labels, str(self._partition)).set(run.place.next)

    async def _look_again(self) -> None:
        """A new producer fences whoever delivered meanwhile: what we are about to deliver may be delivered.

        The refusal may come from our own client, so that the broker had no chance to say that we were fenced.
        """
        known = await read_progress(self._cluster, self._plan, self._partition)
        if ((known.epoch, known.next) if known else None) != self._committed:
            raise FencedError("another worker delivered while a record was refused here")

    def _halves(self, run: _Run) -> list[_Run]:
        assert run.place is not None
        middle = len(run.entries) // 2
        # who goes on from between the halves reads the run from its first frame again, and trims what is done
        between = Place(run.place.epoch, run.entries[middle].offset, run.begin)
        return [
            _Run(run.entries[:middle], run.topic_id, run.begin, between),
            _Run(run.entries[middle:], run.topic_id, run.begin, run.place),
        ]

    async def _refuse(self, entry: Kept, topic_id: str, error: KafkaError) -> None:
        code = REFUSALS[type(error)]
        known = record_id(self._plan.pipeline.raw_topic, self._partition, entry)
        aside = Aside(entry.offset, known, DELIVER, code, "dead", f"the broker refused it: {type(error).__name__}")
        await self._letters.set_aside(self._partition, [aside], topic_id)

    async def _transact(self, kept: list[Kept], run: _Run) -> None:
        assert self._producer is not None and run.place is not None
        producer, place = self._producer, run.place
        await producer.begin_transaction()
        try:
            sent = await self._send(kept)  # 1
            progress = Progress(run.topic_id, place.epoch, place.next, self._plan.last_frames, place.input)
            key = f"{self._plan.pipeline.raw_topic}/{self._partition}".encode()
            sent.append(  # 2
                await producer.send(self._plan.progress_topic, encode(progress), key=key, partition=self._partition)
            )
            sent += await self._settle(run.entries)  # 3
            for outcome in await asyncio.gather(*sent, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    raise outcome
        except _REFUSED:
            await producer.abort_transaction()
            raise
        await producer.commit_transaction()
        self._committed = place.epoch, place.next

    async def _settle(self, entries: list[Entry]) -> list["asyncio.Future[object]"]:
        assert self._producer is not None
        pipeline, sent = self._plan.pipeline, []
        for entry in entries:
            if isinstance(entry, Stub) and entry.outcome == "quarantined" and entry.stage == RELEASED_STAGE:
                id = record_id(pipeline.raw_topic, self._partition, entry)
                key, at = message_key(pipeline.name, entry.stage, id), raw_place(self._partition, entry.offset)
                sent.append(
                    await self._producer.send(
                        pipeline.quarantine_topic, None, key=key, headers=[(HEADER_SETTLED, at)],
                        partition=self._partition,
                    )
                )  # fmt: skip
        return sent

    async def _send(self, entries: list[Kept]) -> list["asyncio.Future[object]"]:
        """Send the records in batches; what is done when the broker has them."""
        producer = self._producer
        assert producer is not None
        topic, sent, size = self._plan.pipeline.enriched_topic, [], 0
        batch = producer.create_batch()
        now = time.time()
        for entry in entries:
            id = entry.origin.encode() or b"%b%d" % (self._first_ids, entry.offset)
            value, headers = self._value(entry, id, now), self._headers(entry, id)
            if value is not None:
                if len(value) > LARGEST_MESSAGE:
                    raise RecordTooLargeError
                size += len(value)
            at, key = entry.timestamp, entry.key
            if batch.append(timestamp=at, key=key, value=value, headers=headers) is None:
                sent.append(await producer.send_batch(batch, topic, partition=self._partition))
                batch = producer.create_batch()
                batch.append(timestamp=at, key=key, value=value, headers=headers)
        if batch.record_count():
            sent.append(await producer.send_batch(batch, topic, partition=self._partition))
        metrics.BYTES_OUT.labels(*self._labels).inc(size)
        return sent

    def _value(self, entry: Kept, id: bytes, now: float) -> bytes | None:
        if entry.data is None:
            return None
        metadata = self._metadata.write(entry, now)
        # names of topics need no escaping; a replayed record's first id may be anything
        written = orjson.dumps(entry.origin) if entry.origin else b'"%b"' % id
        value = encode_json(entry, id=written, metadata=metadata, tenant=self._tenant)
        if self._avro_schema_id is None:
            return value
        return encode_enriched(orjson.loads(value), self._avro_schema_id)

    def _headers(self, entry: Kept, id: bytes) -> Headers:
        headers = entry.headers
        if not headers:
            return [(HEADER_ORIGIN, id)]
        if entry.origin and any(name == HEADER_ORIGIN for name, _ in headers):
            return headers
        return [*headers, (HEADER_ORIGIN, id)]
