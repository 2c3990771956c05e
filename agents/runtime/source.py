"""Sources: pages of records into the raw topic, each page and the cursor behind it in one Kafka transaction.

The transactional id is the source's, so of two processes that run one source the later one fences the earlier. At start
the producer is initialised first and the cursor read after that, read_committed: a source that was killed goes on
exactly behind the last page that readers of the raw topic can see.

What a source could not read as a record (a ragged row), and what the broker does not take (too large), goes to the dead
letters in the same transaction.
"""

import asyncio
import hashlib
import time
from dataclasses import dataclass

import orjson
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, ProducerFenced

from penstock.agents.runtime import metrics
from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.deliver import REFUSALS, RETRY_BACKOFF_MS
from penstock.agents.runtime.logs import logger
from penstock.agents.runtime.messages import BATCH_BYTES, partition_of
from penstock.agents.runtime.patience import patiently
from penstock.agents.runtime.tail import read_range
from penstock.codecs.dead_letter import DeadLetter
from penstock.codecs.dead_letter import encode as encode_letter
from penstock.model.component import Page, Source, SourceConfig, SourceRecord, Unreadable
from penstock.model.errors import FencedError
from penstock.model.record import (
    HEADER_LICENSE,
    HEADER_RECORD_ID,
    HEADER_SOURCE_ID,
    HEADER_SOURCE_TYPE,
    HEADER_TENANT,
    Data,
    Headers,
)
from penstock.topology.plan import Plan

POLL_SECONDS = 1.0
MOST_FAILURES = 8
_REFUSED = tuple(REFUSALS)


@dataclass(slots=True)
class SourceCount:
    """What a source gave in this run."""

    records: int = 0
    unreadable: int = 0


class SourceTask:
    """One source of the plan.

    Parameters
    ----------
    name, kind
        As in the file; the kind is the component's name.
    source, config
        Built by its module.
    """

    def __init__(
        self, cluster: Cluster, plan: Plan, name: str, kind: str, source: Source, config: SourceConfig
    ) -> None:
        self._cluster = cluster
        self._plan = plan
        self._name = name
        self._source = source
        self._labels = (plan.pipeline.name, f"source-{name}")
        self._headers: Headers = [(HEADER_SOURCE_TYPE, kind.encode()), (HEADER_SOURCE_ID, source.id.encode())]
        if config.tenant:
            self._headers.append((HEADER_TENANT, config.tenant.encode()))
        if config.license:
            self._headers.append((HEADER_LICENSE, config.license.encode()))
        self._turn = 0
        self._failures = 0
        self._producer: AIOKafkaProducer | None = None
        self.count = SourceCount()

    async def run(self, stop: asyncio.Event, *, until_done: bool) -> SourceCount:
        """Read and produce until `stop`, or until the source has nothing more for now.

        Raises
        ------
        SourceError
            The source cannot be read further.
        FencedError
            Another process runs this source now.
        BrokerUnreachableError
            Kafka failed again and again.
        """
        try:
            while True:
                try:
                    await self._read(stop, until_done)
                    return self.count
                except ProducerFenced:
                    raise FencedError(f"another process runs the source {self._name} now; this one stopped") from None
                except KafkaError as error:
                    await self._wait_after(error)
        finally:
            await self._source.close()

    async def _wait_after(self, error: KafkaError) -> None:
        """Before everything is begun anew, at the cursor that stands in Kafka: the outcome of the page is not known."""
        self._failures += 1
        if self._failures > MOST_FAILURES:
            raise self._cluster.unreachable(error) from None
        metrics.RETRIES.labels(*self._labels).inc()
        logger().warning("source begins anew", pipeline=self._labels[0], source=self._name, reason=type(error).__name__)
        await asyncio.sleep(min(0.2 * 2**self._failures, 10))

    async def _read(self, stop: asyncio.Event, until_done: bool) -> None:
        await self._start_producer()
        try:
            cursor = await self._cursor()
            while not stop.is_set():
                page = await self._fetch(cursor)
                if page.records or page.cursor != cursor:
                    await self._produce(page)
                    self._failures = 0
                    cursor = page.cursor
                if page.done and until_done:
                    break
                if page.done:
                    await _pause(stop, POLL_SECONDS)
        finally:
            await self._stop_producer()

    async def _start_producer(self) -> None:
        self._producer = self._cluster.producer(
            transactional_id=f"{self._plan.pipeline.name}.source.{self._name}",
            transaction_timeout_ms=60_000,
            retry_backoff_ms=RETRY_BACKOFF_MS,
            max_batch_size=BATCH_BYTES,
        )
        await self._producer.start()

    async def _stop_producer(self) -> None:
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def _fetch(self, cursor: Data | None) -> Page:
        return await patiently(lambda: self._source.fetch(cursor), self._plan.pipeline.error_handling, self._labels)

    async def _cursor(self) -> Data | None:
        consumer = self._cluster.reader(isolation_level="read_committed")
        await consumer.start()
        found: Data | None = None
        try:
            tp = TopicPartition(self._plan.cursors_topic, 0)
            consumer.assign([tp])
            begin, end = (await consumer.beginning_offsets([tp]))[tp], (await consumer.end_offsets([tp]))[tp]
            async for messages in read_range(consumer, tp, begin, end):
                for message in messages:
                    if message.key == self._name.encode() and message.value is not None:
                        found = orjson.loads(message.value)
        finally:
            await consumer.stop()
        return found

    async def _produce(self, page: Page) -> None:
        """One page and its cursor, in one transaction."""
        records = [record for record in page.records if isinstance(record, SourceRecord)]
        letters = [
            self._letter(record.id or self._place(page, number), record.code, record.value)
            for number, record in enumerate(page.records)
            if isinstance(record, Unreadable)
        ]
        try:
            await self._transact(records, letters, page.cursor)
        except _REFUSED:
            refused = await self._refused(records)
            letters += [
                self._letter(record.id or self._place(page, number), code, record.value, record.key, record.headers)
                for number, record in enumerate(page.records)
                if isinstance(record, SourceRecord) and (code := refused.get(id(record)))
            ]
            records = [record for record in records if id(record) not in refused]
            await self._transact(records, letters, page.cursor)
        self.count.records += len(records)
        self.count.unreadable += len(letters)
        metrics.RECORDS_OUT.labels(*self._labels).inc(len(records))
        for letter in letters:
            metrics.DEAD_LETTERS.labels(self._plan.pipeline.name, letter.stage, letter.code).inc()

    async def _transact(self, records: list[SourceRecord], letters: list[DeadLetter], cursor: Data | None) -> None:
        """Write all of it, or with no cursor only try to; raises one of `_REFUSED` where the broker takes it not."""
        producer = self._producer
        assert producer is not None
        await producer.begin_transaction()
        try:
            sent = await self._send_records(producer, records)
            for letter in letters:
                topic = self._plan.pipeline.dead_letter_topic
                sent.append(await producer.send(topic, encode_letter(letter), key=letter.message_key))
            if cursor is not None:
                key, value = self._name.encode(), orjson.dumps(cursor)
                sent.append(await producer.send(self._plan.cursors_topic, value, key=key, partition=0))
            for future in sent:
                await future
        except _REFUSED:
            await producer.abort_transaction()
            # what was sent behind the refused batch has numbers that the broker no longer takes from this producer
            await self._stop_producer()
            await self._start_producer()
            raise
        if cursor is None:
            await producer.abort_transaction()
        else:
            await producer.commit_transaction()

    async def _refused(self, records: list[SourceRecord]) -> dict[int, str]:
        """Which records, by their `id`, the broker does not take, and why: found by halving, nothing is written."""
        try:
            await self._transact(records, [], None)
        except _REFUSED as error:
            if len(records) == 1:
                return {id(records[0]): REFUSALS[type(error)]}
            middle = len(records) // 2
            return await self._refused(records[:middle]) | await self._refused(records[middle:])
        return {}

    def _place(self, page: Page, number: int) -> str:
        """An id for what has none: its place in the source."""
        return f"source-{self._name}/{hashlib.sha256(orjson.dumps(page.cursor)).hexdigest()[:16]}/{number}"

    async def _send_records(
        self, producer: AIOKafkaProducer, records: list[SourceRecord]
    ) -> list[asyncio.Future[object]]:
        topic, sent = self._plan.pipeline.raw_topic, []
        for partition, some in self._by_partition(records).items():
            batch = producer.create_batch()
            for record in some:
                headers = [*self._headers, *record.headers]
                if record.id:
                    headers.append((HEADER_RECORD_ID, record.id.encode()))
                stamp = int(time.time() * 1000) if record.timestamp is None else record.timestamp
                message = {"timestamp": stamp, "key": record.key, "value": record.value, "headers": headers}
                if batch.append(**message) is None:
                    sent.append(await producer.send_batch(batch, topic, partition=partition))
                    batch = producer.create_batch()
                    batch.append(**message)
            sent.append(await producer.send_batch(batch, topic, partition=partition))
        return sent

    def _by_partition(self, records: list[SourceRecord]) -> dict[int, list[SourceRecord]]:
        """Keyed records by Kafka's own hash, so that other producers agree; the others take turns."""
        count = self._plan.pipeline.raw.partitions
        found: dict[int, list[SourceRecord]] = {}
        for record in records:
            if record.key is None:
                partition = self._turn = (self._turn + 1) % count
            else:
                partition = partition_of(record.key, count)
            found.setdefault(partition, []).append(record)
        return found

    def _letter(
        self, known: str, code: str, value: bytes | None, key: bytes | None = None, headers: Headers | None = None
    ) -> DeadLetter:
        now = int(time.time() * 1000)
        return DeadLetter(
            id=known,
            pipeline=self._plan.pipeline.name,
            stage=f"source-{self._name}",
            code=code,
            outcome="dead",
            topic=self._plan.pipeline.raw_topic,
            partition=-1,
            offset=-1,
            timestamp=now,
            failed_at=now,
            key=key,
            value=value,
            headers=[*self._headers, *(headers or [])],
        )


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
