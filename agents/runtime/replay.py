"""Sending records again that were set aside: dead letters are replayed, quarantined records released.

A replayed record is a new message of the raw topic: the original bytes, key and headers, and ``penstock-origin`` with
its first id, by which sinks and the ledger know it. It goes to the partition it came from; order is given up for it.

In the same transaction a marker is written behind its letter: the letter's key, no value, and the headers
``penstock-replayed`` and ``penstock-place`` (where in the raw topic the record stood). So no crash sends a record
twice, and a later replay leaves out what was replayed from that place. A letter from another place (the record was
replayed and failed again) counts anew; one from the same place is late (a worker that was stopped meanwhile), and does
not.

A letter alone does not say that its record is nowhere else: it is written before the frame that leaves the record out,
and a worker that dies in between leaves a letter of a record that may go on at the second try. What became of it is
decided when delivery commits the frame. For records that the stage `license` set aside delivery writes a marker in
that transaction, with the header ``penstock-settled`` (the place): who releases them by itself waits for it.

The transactional id is the pipeline's: of two replays at once the later one fences the earlier, and reads what that one
had done only after it can do no more.
"""

import time
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, ProducerFenced

from penstock.agents.runtime.cluster import Cluster, Message
from penstock.agents.runtime.deliver import RETRY_BACKOFF_MS
from penstock.agents.runtime.messages import partition_of, read_all
from penstock.agents.runtime.tail import read_range
from penstock.codecs.dead_letter import HEADER_PLACE, HEADER_REPLAYED, HEADER_SETTLED, DeadLetter, decode
from penstock.model.errors import ConfigurationError, FencedError
from penstock.model.record import HEADER_ORIGIN, Headers
from penstock.topology.plan import Plan

_RECORDS = 200
_GONE = "gone"


@dataclass(slots=True)
class Letter:
    """A record that was set aside by one stage.

    Attributes
    ----------
    letter : DeadLetter
        Without key, value and headers.
    topic, partition, offset
        Where the newest letter of this key stands.
    written : int
        How often.
    replays : dict
        When it was replayed (milliseconds since the epoch), by the place that it stood at.
    settled_at : set
        The places where delivery accounted for it as set aside.
    """

    letter: DeadLetter
    topic: str
    partition: int
    offset: int
    written: int = 1
    replays: dict[bytes, int] = field(default_factory=dict)
    settled_at: set[bytes] = field(default_factory=set)

    @property
    def replayed_at(self) -> int | None:
        """Milliseconds since the epoch; None where that letter was not replayed yet."""
        return self.replays.get(self.letter.place)

    @property
    def settled(self) -> bool:
        """Whether the record is nowhere else, so that releasing it makes no second one."""
        return self.letter.place in self.settled_at

    @property
    def gone(self) -> bool:
        """Whether the original bytes were gone before the letter was written."""
        return self.letter.original == _GONE


@dataclass(slots=True)
class Replayed:
    """What a replay did, in letters."""

    sent: int = 0
    before: int = 0
    """Left out: they were replayed before."""
    gone: int = 0
    """Left out: their original bytes are gone."""
    unknown: list[str] = field(default_factory=list)
    """Ids that no letter has."""


async def read_letters(cluster: Cluster, plan: Plan, *, quarantine: bool = False) -> list[Letter]:
    """The dead letters of a pipeline (or its quarantined records), one for each key, oldest first."""
    topic = plan.pipeline.quarantine_topic if quarantine else plan.pipeline.dead_letter_topic
    found: dict[bytes, Letter] = {}
    async for messages in read_all(cluster, topic, range(plan.pipeline.raw.partitions)):
        for message in messages:
            _note(found, topic, message)
    return sorted(found.values(), key=lambda each: (each.letter.failed_at, each.partition, each.offset))


async def read_original(cluster: Cluster, letter: Letter) -> DeadLetter:
    """The letter with the record's key, value and headers. Raises ConfigurationError where it is deleted by now."""
    found: DeadLetter | None = None
    async for _, original in read_originals(cluster, [letter]):
        found = original
    if found is not None:
        return found
    raise ConfigurationError(f"the letter of {letter.letter.id} is gone: its topic's retention deleted it")


def select(
    letters: Iterable[Letter], *, ids: Collection[str] = (), code: str | None = None, stage: str | None = None
) -> list[Letter]:
    """The letters with one of these ids (any, where none is given), this code and this stage."""
    return [
        each
        for each in letters
        if (not ids or each.letter.id in ids)
        and (code is None or each.letter.code == code)
        and (stage is None or each.letter.stage == stage)
    ]


async def replay(
    cluster: Cluster,
    plan: Plan,
    *,
    quarantine: bool = False,
    ids: Collection[str] = (),
    code: str | None = None,
    stage: str | None = None,
    again: bool = False,
    settled: bool = False,
    headers: Headers | None = None,
) -> Replayed:
    """Send records again.

    Parameters
    ----------
    ids, code, stage
        See `select`.
    again : bool
        Also those that were replayed before.
    settled : bool
        Only those that are known to be nowhere else.
    headers : list of (name, value), optional
        Set on each record, in place of its own of that name (a license that somebody found out, say).

    Raises
    ------
    FencedError
        Another replay of this pipeline began meanwhile; what was sent until then stays sent.
    """
    async with _producer(cluster, plan) as producer:
        letters = await read_letters(cluster, plan, quarantine=quarantine)
        known = {each.letter.id for each in letters}
        done = Replayed(unknown=sorted(set(ids) - known))
        wanted: list[Letter] = []
        for each in select(letters, ids=ids, code=code, stage=stage):
            if each.gone:
                done.gone += 1
            elif each.replayed_at is not None and not again:
                done.before += 1
            elif each.settled or not settled:
                wanted.append(each)
        pending: list[tuple[Letter, DeadLetter]] = []
        async for pair in read_originals(cluster, wanted):
            pending.append(pair)
            if len(pending) == _RECORDS:
                await _send(producer, plan, pending, headers or [])
                done.sent, pending = done.sent + len(pending), []
        if pending:
            await _send(producer, plan, pending, headers or [])
        done.sent += len(pending)
        done.gone += len(wanted) - done.sent
    return done


def _note(found: dict[bytes, Letter], topic: str, message: Message) -> None:
    key, headers = message.key or b"", dict(message.headers)
    known = found.get(key)
    if message.value is not None:
        letter = decode(message.value)
        letter.key, letter.value, letter.headers = None, None, []
        found[key] = _newer(known, Letter(letter, topic, message.partition, message.offset))
    elif known is not None:
        at = headers.get(HEADER_PLACE) or known.letter.place
        if HEADER_REPLAYED in headers:
            known.replays[at] = int(headers[HEADER_REPLAYED] or 0)
        elif HEADER_SETTLED in headers:
            known.settled_at.add(headers[HEADER_SETTLED] or b"")


def _newer(known: Letter | None, letter: Letter) -> Letter:
    """The letter that counts of those known of a key and a further one."""
    if known is None:
        return letter
    known.written += 1
    at = letter.letter.place
    if at in known.replays and letter.letter.offset >= 0:
        return known  # late: the record went on from there
    known.replays.pop(at, None)  # a source's, which stands nowhere: it failed again
    letter.written, letter.replays, letter.settled_at = known.written, known.replays, known.settled_at
    return letter


async def read_originals(cluster: Cluster, letters: list[Letter]) -> AsyncIterator[tuple[Letter, DeadLetter]]:
    """The letters again, whole, those that are still there."""
    wanted = {(each.partition, each.offset): each for each in letters}
    if not wanted:
        return
    consumer = cluster.reader(isolation_level="read_committed")
    await consumer.start()
    try:
        topic = letters[0].topic
        tps = sorted({TopicPartition(topic, each.partition) for each in letters})
        begin = await consumer.beginning_offsets(tps)
        for tp in tps:
            consumer.assign([tp])
            offsets = [offset for partition, offset in wanted if partition == tp.partition]
            first, end = max(min(offsets), begin[tp]), max(offsets) + 1
            if first < end:
                async for messages in read_range(consumer, tp, first, end):
                    for message in messages:
                        each = wanted.get((tp.partition, message.offset))
                        if each is not None:
                            yield each, decode(message.value)
    finally:
        await consumer.stop()


@asynccontextmanager
async def _producer(cluster: Cluster, plan: Plan) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that has fenced every earlier replay."""
    producer = cluster.producer(
        transactional_id=f"{plan.pipeline.name}.replay",
        transaction_timeout_ms=60_000,
        retry_backoff_ms=RETRY_BACKOFF_MS,
    )
    try:
        await producer.start()
    except (KafkaError, OSError) as error:
        await producer.stop()
        raise cluster.unreachable(error) from None
    try:
        yield producer
    except ProducerFenced:
        raise FencedError(f"another replay of {plan.pipeline.name} began; this one stopped") from None
    finally:
        await producer.stop()


async def _send(
    producer: AIOKafkaProducer, plan: Plan, pending: list[tuple[Letter, DeadLetter]], headers: Headers
) -> None:
    """Records and markers, in one transaction."""
    pipeline = plan.pipeline
    now = str(int(time.time() * 1000)).encode()
    sent = []
    async with producer.transaction():
        for number, (stood, letter) in enumerate(pending):
            partition = _partition(letter, number, pipeline.raw.partitions)
            with_origin = _headers(letter, headers)
            sent.append(
                await producer.send(
                    pipeline.raw_topic, letter.value, key=letter.key, headers=with_origin, partition=partition
                )
            )
            sent.append(
                await producer.send(
                    stood.topic, None, key=letter.message_key,
                    headers=[(HEADER_REPLAYED, now), (HEADER_PLACE, letter.place)], partition=stood.partition,
                )
            )  # fmt: skip
        for future in sent:  # a transaction commits although a batch in it failed, unless the client looks
            await future


def _partition(letter: DeadLetter, number: int, count: int) -> int:
    """Where the record came from; what never was in the raw topic goes where its key does, or in turns."""
    if 0 <= letter.partition < count:
        return letter.partition
    return number % count if letter.key is None else partition_of(letter.key, count)


def _headers(letter: DeadLetter, given: Headers) -> Headers:
    replaced = {HEADER_ORIGIN, *(name for name, _ in given)}
    own = [(name, value) for name, value in letter.headers if name not in replaced]
    return [*own, *given, (HEADER_ORIGIN, letter.id.encode())]
