"""What becomes of records while a pipeline runs, read from its topics: exact, whoever does the work.

One read_committed reader follows three things, from where they stood when the tally was opened:

1. the progress topic: how far delivery is, which moves in the transaction that delivers;
2. the last frames topic, from where delivery stood: each raw offset once, by the rules of `penstock.agents.continuity`;
3. the dead letters and the quarantine: those of sources, delivery and sinks stand nowhere else. A letter written twice
   has one key and counts once.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from penstock.agents.continuity import Place, admit, advance
from penstock.agents.runtime.cluster import Cluster, Message
from penstock.agents.runtime.progress import Progress
from penstock.agents.runtime.tail import last_values
from penstock.agents.runtime.topic_ids import topic_ids
from penstock.codecs import dead_letter
from penstock.codecs.dead_letter import HEADER_REPLAYED
from penstock.codecs.frame import Frame, decode
from penstock.model.record import Kept, Lost, Stub
from penstock.topology.plan import DELIVER, INGEST, Plan

MOST_ERRORS = 100
POISON = "poison"
_CATCH_UP_SECONDS = 10.0


class RunError(msgspec.Struct, frozen=True, kw_only=True):
    """A record that failed, in the shape of the AI-ETL document's PipelineError; holds no value of the record.

    Attributes
    ----------
    stage : str
        ``extract`` (sources, ingest), ``transform`` or ``load`` (delivery, sinks).
    error_type : str
        The stable code.
    """

    stage: str
    error_type: str
    message: str
    record_id: str | None = None
    timestamp: datetime | None = None
    stacktrace: str | None = None
    retryable: bool = False


@dataclass(slots=True)
class Totals:
    """Records by what became of them; `failed` are those that nobody decided to leave out."""

    kept: int = 0
    dropped: int = 0
    denied: int = 0
    quarantined: int = 0
    dead: int = 0
    lost: int = 0
    unreadable: int = 0
    refused: int = 0
    poisonous: int = 0
    delivered: int = 0

    @property
    def seen(self) -> int:
        """Raw records that reached the end of the chain, and what sources could not read as a record."""
        return self.kept + self.dropped + self.denied + self.quarantined + self.dead + self.unreadable

    @property
    def failed(self) -> int:
        return self.dead + self.poisonous + self.lost + self.unreadable + self.refused


@dataclass(slots=True)
class _Delivering:
    """One partition: frames that are done but not known to be delivered, as (next, kept)."""

    place: Place | None
    progress: Progress | None
    waiting: deque[tuple[int, int, int]] = field(default_factory=deque)


class Tally:
    """Counts one run. Made by `open`."""

    def __init__(self, plan: Plan, consumer: AIOKafkaConsumer, topic_id: str) -> None:
        self._plan = plan
        self._consumer = consumer
        self._topic_id = topic_id
        self._partitions: dict[int, _Delivering] = {}
        self._letters: set[bytes] = set()
        self._failed_later: set[str] = set()
        self._scores = (0, 0.0)
        self.totals = Totals()
        self.errors: list[RunError] = []
        self.failed = asyncio.Event()
        """Set as soon as a record failed."""
        self.first_frame: float | None = None
        self.last_frame: float | None = None
        self.first_delivery: float | None = None
        self.last_delivery: float | None = None

    @classmethod
    async def open(cls, cluster: Cluster, plan: Plan) -> "Tally":
        """A tally that begins here and now; the topics of the plan exist."""
        async with cluster.admin() as admin:
            topic_id = (await topic_ids(admin, [plan.pipeline.raw_topic]))[plan.pipeline.raw_topic]
        consumer = cluster.reader(isolation_level="read_committed")
        await consumer.start()
        tally = cls(plan, consumer, topic_id)
        try:
            await tally._start(cluster)
        except BaseException:
            await consumer.stop()
            raise
        return tally

    async def follow(self) -> None:
        """Count until cancelled."""
        while True:
            for tp, messages in (await self._consumer.getmany(timeout_ms=200)).items():
                self._take(tp, messages)

    async def catch_up(self) -> None:
        """Count what is there now; nothing else may be following. Gives up quietly after ten seconds."""
        ends = await self._consumer.end_offsets(list(self._consumer.assignment()))
        deadline = asyncio.get_running_loop().time() + _CATCH_UP_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            behind = [tp for tp, end in ends.items() if await self._consumer.position(tp) < end]
            if not behind:
                return
            for tp, messages in (await self._consumer.getmany(timeout_ms=100)).items():
                self._take(tp, messages)

    async def close(self) -> None:
        await self._consumer.stop()

    def progress(self, partition: int) -> Progress | None:
        """How far delivery is with the raw topic as it is now; None where it did not begin."""
        found = self._partitions[partition].progress
        return found if found is not None and found.topic_id == self._topic_id else None

    def next_offsets(self) -> dict[int, int]:
        """Raw offset that delivery owes next, by partition, where it ever began."""
        return {p: found.next for p in self._partitions if (found := self.progress(p)) is not None}

    @property
    def quality(self) -> float | None:
        """The mean quality score of the records that have one."""
        count, total = self._scores
        return total / count if count else None

    async def _start(self, cluster: Cluster) -> None:
        pipeline = self._plan.pipeline
        numbers = range(pipeline.raw.partitions)
        frames = [TopicPartition(self._plan.last_frames, p) for p in numbers]
        ends = [
            TopicPartition(topic, p)
            for topic in (self._plan.progress_topic, pipeline.dead_letter_topic, pipeline.quarantine_topic)
            for p in numbers
        ]
        starts = await self._consumer.end_offsets(ends)
        # read after the ends: what comes between is read twice, and changes nothing the second time
        known = await last_values(cluster, self._plan.progress_topic, numbers)
        begin = await self._consumer.beginning_offsets(frames)
        for tp in frames:
            value = known.get(tp.partition)
            progress = None if value is None else msgspec.json.decode(value, type=Progress)
            same = progress is not None and progress.frames == tp.topic
            starts[tp] = max(progress.input, begin[tp]) if progress is not None and same else begin[tp]
            place = None if progress is None else Place(progress.epoch, progress.next, starts[tp])
            self._partitions[tp.partition] = _Delivering(place, progress)
        self._consumer.assign(list(starts))
        for tp, start in starts.items():
            self._consumer.seek(tp, start)

    def _take(self, tp: TopicPartition, messages: list[Message]) -> None:
        if tp.topic == self._plan.last_frames:
            for message in messages:
                self._take_frame(self._partitions[tp.partition], message)
        elif tp.topic == self._plan.progress_topic:
            self._partitions[tp.partition].progress = msgspec.json.decode(messages[-1].value, type=Progress)
            self.last_delivery = _now()
            self.first_delivery = self.first_delivery or self.last_delivery
        else:
            for message in messages:
                self._take_letter(message)
        if tp.topic in (self._plan.last_frames, self._plan.progress_topic):
            self._settle(self._partitions[tp.partition])
        if self.totals.failed:
            self.failed.set()

    def _take_frame(self, partition: _Delivering, message: Message) -> None:
        frame = admit(partition.place, decode(message.value))
        if not isinstance(frame, Frame):
            return
        partition.place = advance(frame, message.offset)
        kept = 0
        for entry in frame.entries:
            match entry:
                case Kept():
                    kept += 1
                    self._score(entry)
                case Stub():
                    self._take_stub(entry)
                case Lost():
                    self.totals.lost += entry.last - max(entry.offset, frame.first) + 1
        self.totals.kept += kept
        partition.waiting.append((frame.epoch, frame.last + 1, kept))
        self.last_frame = _now()
        self.first_frame = self.first_frame or self.last_frame

    def _take_stub(self, stub: Stub) -> None:
        setattr(self.totals, stub.outcome, getattr(self.totals, stub.outcome) + 1)
        self.totals.poisonous += stub.outcome == "quarantined" and stub.code == POISON

    def _score(self, entry: Kept) -> None:
        score = entry.notes.get("quality_score")
        value = None if score is None else orjson.loads(score)
        if isinstance(value, int | float):
            self._scores = (self._scores[0] + 1, self._scores[1] + value)

    def _settle(self, partition: _Delivering) -> None:
        progress = partition.progress
        while (
            partition.waiting and progress is not None and partition.waiting[0][:2] <= (progress.epoch, progress.next)
        ):
            self.totals.delivered += partition.waiting.popleft()[2]

    def _take_letter(self, message: Message) -> None:
        key = message.key or b""
        if message.value is None or key in self._letters or HEADER_REPLAYED in dict(message.headers):
            return
        self._letters.add(key)
        letter = dead_letter.decode(message.value)
        if letter.stage.startswith("source-"):
            self.totals.unreadable += 1
        elif letter.stage == DELIVER:
            self.totals.delivered -= 1
            self._fail_later(letter.id)
        elif letter.stage.startswith("sink-"):
            self._fail_later(letter.id)
        failed = letter.outcome == "dead" or letter.code == POISON
        if failed and len(self.errors) < MOST_ERRORS:
            self.errors.append(_error(letter))

    def _fail_later(self, id: str) -> None:
        """Kept by the chain, refused behind it: counted once, however many refused it."""
        self._failed_later.add(id)
        self.totals.refused = len(self._failed_later)


def _error(letter: dead_letter.DeadLetter) -> RunError:
    return RunError(
        stage=_phase(letter.stage),
        error_type=letter.code,
        message=f"{letter.stage}: {letter.detail or letter.code}",
        record_id=letter.id,
        timestamp=datetime.fromtimestamp(letter.failed_at / 1000, UTC),
        stacktrace="\n".join(letter.trace) or None,
    )


def _phase(stage: str) -> str:
    if stage == INGEST or stage.startswith("source-"):
        return "extract"
    return "load" if stage == DELIVER or stage.startswith("sink-") else "transform"


def _now() -> float:
    return asyncio.get_running_loop().time()
