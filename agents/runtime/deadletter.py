"""Writing dead letters and quarantined records, with their original bytes.

A letter is acknowledged by the broker before the frame that leaves its record out is sent (DESIGN: the range stays
contiguous, and no crash between the two loses the record). Frames hold no original bytes: they are read again from the
raw topic, at the record's own offset; letters are rare, copying every record's bytes through every hop is not.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Set

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from penstock.agents.chain import Aside
from penstock.agents.runtime import metrics
from penstock.agents.runtime.cluster import Cluster, Message
from penstock.agents.runtime.tail import read_range
from penstock.agents.runtime.topic_ids import topic_id as topic_id_of
from penstock.codecs.dead_letter import DeadLetter, encode
from penstock.topology.plan import Plan

_FETCH_BYTES = 64 * 1024
"""Of one fetch; a batch that is larger comes whole (KIP-74)."""


class DeadLetters:
    """Sets records aside on the topics of one pipeline."""

    def __init__(self, cluster: Cluster, plan: Plan, producer: AIOKafkaProducer) -> None:
        self._cluster = cluster
        self._plan = plan
        self._producer = producer
        self._reader: AIOKafkaConsumer | None = None
        self._reading = asyncio.Lock()

    async def set_aside(self, partition: int, asides: Iterable[Aside], topic_id: str, attempts: int = 1) -> None:
        """Write a letter for each record, and wait until the broker has them all.

        Parameters
        ----------
        topic_id : str
            Of the raw topic that the records came from: where it was made anew, their bytes are gone.
        """
        asides = list(asides)
        if not asides:
            return
        originals = await self._originals(partition, [aside.offset for aside in asides])
        # looked at after reading: what was read before it was deleted is right all the same
        if originals and await topic_id_of(self._producer, self._plan.pipeline.raw_topic) != topic_id:
            originals = {}
        await self.write([self.letter(aside, partition, originals.get(aside.offset), attempts) for aside in asides])

    async def write(self, letters: Iterable[DeadLetter]) -> None:
        """Send the letters and wait until the broker has them all."""
        sent = []
        for letter in letters:
            topic = self.topic(letter)
            partition = max(letter.partition, 0)
            sent.append(await self._producer.send(topic, encode(letter), key=letter.message_key, partition=partition))
            metrics.DEAD_LETTERS.labels(self._plan.pipeline.name, letter.stage, letter.code).inc()
        for future in sent:
            await future

    def topic(self, letter: DeadLetter) -> str:
        """Where the letter goes: quarantined records have a topic of their own."""
        pipeline = self._plan.pipeline
        return pipeline.quarantine_topic if letter.outcome == "quarantined" else pipeline.dead_letter_topic

    def letter(self, aside: Aside, partition: int, message: Message | None, attempts: int = 1) -> DeadLetter:
        """The letter of a record that was read as `message`; None where the raw topic no longer has it."""
        return DeadLetter(
            id=aside.id,
            pipeline=self._plan.pipeline.name,
            stage=aside.stage,
            code=aside.code,
            outcome=aside.outcome,
            detail=aside.detail,
            trace=aside.trace,
            attempts=attempts,
            topic=self._plan.pipeline.raw_topic,
            partition=partition,
            offset=aside.offset,
            timestamp=message.timestamp if message else 0,
            failed_at=int(time.time() * 1000),
            key=message.key if message else None,
            value=message.value if message else None,
            headers=list(message.headers) if message else [],
            original="" if message else "gone",
        )

    async def close(self) -> None:
        if self._reader is not None:
            await self._reader.stop()

    async def _originals(self, partition: int, offsets: list[int]) -> dict[int, Message]:
        """The raw messages at these offsets, those that are still there."""
        tp = TopicPartition(self._plan.pipeline.raw_topic, partition)
        wanted = set(offsets)
        first, behind = min(wanted), max(wanted) + 1
        async with self._reading:
            reader = await self._assigned()
            reader.resume(tp)
            try:
                return await _read(reader, tp, first, behind, wanted)
            except OffsetOutOfRangeError:  # deleted since, or the topic was made anew
                begin, end = await reader.beginning_offsets([tp]), await reader.end_offsets([tp])
                with contextlib.suppress(OffsetOutOfRangeError):
                    return await _read(reader, tp, max(first, begin[tp]), min(behind, end[tp]), wanted)
                return {}
            finally:
                reader.pause(tp)

    async def _assigned(self) -> AIOKafkaConsumer:
        """A reader of the raw topic that fetches nothing by itself.

        A partition is asked for where it is to be read, in small parts: an assignment for each letter, a look at the
        ends and a fetch of whatever follows took 31 ms of CPU time, as much as 300 records.
        """
        if self._reader is None:
            pipeline = self._plan.pipeline
            self._reader = self._cluster.reader(max_partition_fetch_bytes=_FETCH_BYTES, auto_offset_reset="none")
            await self._reader.start()
            tps = [TopicPartition(pipeline.raw_topic, partition) for partition in range(pipeline.raw.partitions)]
            self._reader.assign(tps)
            self._reader.pause(*tps)
            for tp in tps:
                self._reader.seek(tp, 0)  # one without a position is asked for
        return self._reader


async def _read(
    reader: AIOKafkaConsumer, tp: TopicPartition, start: int, stop: int, wanted: Set[int]
) -> dict[int, Message]:
    found: dict[int, Message] = {}
    if start < stop:
        async for messages in read_range(reader, tp, start, stop):
            found.update((message.offset, message) for message in messages if message.offset in wanted)
    return found
