"""Sources: pages of records into the raw topic, each page and the cursor behind it in one Kafka transaction.

The transactional id is the source's, so of two processes that run one source the later one fences the earlier. At start
the producer is initialised first and the cursor read after that, read_committed: a source that was killed goes on
exactly behind the last page that readers of the raw topic can see.

What a source could not read as a record (a ragged row) goes to the dead letters in the same transaction.
"""

import asyncio
import time
from dataclasses import dataclass

import orjson
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.partitioner import murmur2

from penstock.agents.runtime import metrics
from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.deliver import BATCH_BYTES, RETRY_BACKOFF_MS
from penstock.agents.runtime.patience import patiently
from penstock.agents.runtime.tail import read_range
from penstock.codecs.dead_letter import DeadLetter
from penstock.codecs.dead_letter import encode as encode_letter
from penstock.model.component import Page, Source, SourceConfig, SourceRecord, Unreadable
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
        self.count = SourceCount()

    async def run(self, stop: asyncio.Event, *, until_done: bool) -> SourceCount:
        """Read and produce until `stop`, or until the source has nothing more for now.

        Raises SourceError where the source cannot be read further.
        """
        producer = self._cluster.producer(
            transactional_id=f"{self._plan.pipeline.name}.source.{self._name}",
            transaction_timeout_ms=60_000,
            retry_backoff_ms=RETRY_BACKOFF_MS,
            max_batch_size=BATCH_BYTES,
        )
        await producer.start()
        try:
            cursor = await self._cursor()
            while not stop.is_set():
                page = await self._fetch(cursor)
                if page.records or page.cursor != cursor:
                    await self._produce(producer, page)
                    cursor = page.cursor
                if page.done and until_done:
                    break
                if page.done:
                    await _pause(stop, POLL_SECONDS)
        finally:
            await producer.stop()
            await self._source.close()
        return self.count

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

    async def _produce(self, producer: AIOKafkaProducer, page: Page) -> None:
        """One page and its cursor, in one transaction."""
        await producer.begin_transaction()
        sent = await self._send_records(producer, [r for r in page.records if isinstance(r, SourceRecord)])
        unreadable = [record for record in page.records if isinstance(record, Unreadable)]
        for record in unreadable:
            letter = self._letter(record)
            sent.append(
                await producer.send(
                    self._plan.pipeline.dead_letter_topic, encode_letter(letter), key=letter.message_key
                )
            )
        cursor = orjson.dumps(page.cursor)
        sent.append(await producer.send(self._plan.cursors_topic, cursor, key=self._name.encode(), partition=0))
        for future in sent:
            await future
        await producer.commit_transaction()
        self.count.records += len(page.records) - len(unreadable)
        self.count.unreadable += len(unreadable)
        metrics.RECORDS_OUT.labels(*self._labels).inc(len(page.records) - len(unreadable))
        for record in unreadable:
            metrics.DEAD_LETTERS.labels(self._plan.pipeline.name, f"source-{self._name}", record.code).inc()

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
                partition = (murmur2(record.key) & 0x7FFFFFFF) % count
            found.setdefault(partition, []).append(record)
        return found

    def _letter(self, record: Unreadable) -> DeadLetter:
        return DeadLetter(
            id=record.id or f"source-{self._name}",
            pipeline=self._plan.pipeline.name,
            stage=f"source-{self._name}",
            code=record.code,
            outcome="dead",
            topic=self._plan.pipeline.raw_topic,
            partition=-1,
            offset=-1,
            timestamp=int(time.time() * 1000),
            failed_at=int(time.time() * 1000),
            value=record.value,
            headers=list(self._headers),
        )


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
