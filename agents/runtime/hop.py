"""A hop: one Faust agent, from one frames topic to the next, that loses nothing and repeats nothing.

The protocol (the numbers stand in the code):

1. **Place.** After every rebalance or recovery, before the first frame, the agent reads the tail of its own output
   topic: how far it has come, and the input it came from. It seeks there, whatever Faust committed.
2. **Fallback.** Where the tail is empty, the checkpoint in the RocksDB table says where it stands; without one, or
   where that is further (another plan did the work since), how far delivery has come; without that, only a genesis
   frame is taken (`penstock.agents.continuity`).
3. **Admission.** A frame done before is skipped, an overlapping one trimmed, one beyond a hole is refused.
4. **Healing.** At a hole the input is read again, from further and further back; a timer sees the hole at the end of a
   quiet partition. A hole that does not heal ends the agent, loudly. It never goes on over one.
5. **Fence.** While a place is being read the partition has none, and nothing is done for it. After each await the
   place is compared again: if it is another, a rebalance came between, and the frame is dropped; it will come again.
6. **Order of effects.** Records set aside are acknowledged first, then the output frames, then the table is written,
   then the event is acknowledged by hand. A crash between two of them repeats a frame, which the next hop trims.

What is Faust's part in this, and at which seams it is told where to stand, is in `agents/runtime/app.py`.
"""

import asyncio
import contextlib
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete
from faust.types import TP

from penstock.agents.chain import Aside, Chain, Result
from penstock.agents.continuity import Place, Refusal, admit, advance
from penstock.agents.runtime import metrics
from penstock.agents.runtime.app import Consumer, make_app
from penstock.agents.runtime.attempts import DEATHS_BEFORE_HALVING, Attempts
from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.deadletter import DeadLetters
from penstock.agents.runtime.framing import FrameWriter
from penstock.agents.runtime.lease import Lease
from penstock.agents.runtime.logs import logger
from penstock.agents.runtime.patience import patiently
from penstock.agents.runtime.payloads import Payloads
from penstock.agents.runtime.progress import Progress, read_progresses
from penstock.agents.runtime.retrying import run_with_retries
from penstock.agents.runtime.tail import TAIL_FRAMES, frames_tail, place_of
from penstock.codecs.frame import Frame, Head, decode
from penstock.model.errors import FencedError, HoleError, PenstockError
from penstock.model.record import Entry, Kept, Stub, record_id
from penstock.topology.plan import Agent, Plan

HEAL_EVERY_SECONDS = 3.0
HEAL_FOR_SECONDS = 60.0
PURGE_EVERY_SECONDS = 30.0
STUCK_SECONDS = 90.0  # Faust's recovery is known to wait for ever now and then (faust#432, #596)


_CATEGORY = re.compile(rb'"category":"([^"\\]*)"')


@dataclass(slots=True)
class _Healing:
    """A hole being healed."""

    since: float
    last_try: float
    reach: int = 0


class Hop:
    """One agent of the plan in this process. `run` makes a new Faust app each time it is called."""

    def __init__(
        self,
        cluster: Cluster,
        plan: Plan,
        agent: Agent,
        chain: Chain,
        producer: AIOKafkaProducer,
        letters: DeadLetters,
        payloads: Payloads,
        lease: Lease,
        folder: Path,
    ) -> None:
        self._cluster = cluster
        self._plan = plan
        self._agent = agent
        self._chain = chain
        self._producer = producer
        self._letters = letters
        self._payloads = payloads
        self._lease = lease
        self._folder = folder
        self._labels = (plan.pipeline.name, agent.name)
        self._log = logger().bind(pipeline=plan.pipeline.name, agent=agent.name)
        self._places: dict[int, Place | None] = {}
        self._healing: dict[int, _Healing] = {}
        self._writers: dict[int, FrameWriter] = {}
        self._seen: dict[int, float] = {}
        self._busy = False
        self._failure: asyncio.Future[None] | None = None
        self.joined = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; raises what made it impossible to go on."""
        self._places, self._healing, self._writers = {}, {}, {}
        self._failure = asyncio.get_running_loop().create_future()
        folder = self._folder / self._agent.name
        folder.mkdir(parents=True, exist_ok=True)
        self._attempts = Attempts(folder / "attempts")
        partitions = self._plan.pipeline.raw.partitions
        self._app, self._table = make_app(
            self._cluster, self._agent, partitions, folder / "faust", self, self._on_stream
        )
        generation = self._lease.check()
        watch = asyncio.create_task(self._watch(generation))
        stopped = asyncio.create_task(stop.wait())
        try:
            await self._app.start()
            waiting: list[asyncio.Future[Any]] = [self._failure, watch, stopped]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if self._failure.done():
                self._failure.result()
            if watch.done():
                watch.result()
        finally:
            self._places = {}
            for task in (watch, stopped):
                task.cancel()
            self._failure.cancel()
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self._app.stop(), 20)
            self._attempts.close()

    async def _on_stream(self, stream: Any) -> None:
        async for event in stream.noack().events():
            try:
                await self._on_event(stream, event)
            except Exception as error:
                self._fail(error)
                return

    def _fail(self, error: BaseException) -> None:
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)

    # places ---------------------------------------------------------------------------------------------------------

    async def take_places(self, consumer: Consumer) -> None:
        """Step 1: read where each assigned partition stands, and seek there. Called by Faust's consumer."""
        try:
            mine = [tp for tp in consumer.assignment() if tp.topic == self._agent.source]
            self.give_up_places(set(mine))
            numbers = [tp.partition for tp in mine]
            heads = await frames_tail(self._cluster, self._agent.target, numbers) if mine else {}
            delivered = await read_progresses(self._cluster, self._plan, numbers) if mine else {}
            for tp in mine:
                place = self._place(tp.partition, heads.get(tp.partition), delivered.get(tp.partition))
                await consumer.seek_wait({tp: place.input if place else 0})
                consumer.stand_at(tp, place.input if place else 0)
                self._writers[tp.partition] = self._writer(tp.partition)
                self._seen[tp.partition] = time.monotonic()
                self._places[tp.partition] = place
            metrics.REBALANCES.labels(*self._labels).inc()
            metrics.PARTITIONS.labels(*self._labels).set(len(mine))
            self.joined.set()
        except Exception as error:
            self._fail(error)
            raise

    def give_up_places(self, revoked: set[TP]) -> None:
        """Step 5: what is revoked is fenced at once."""
        for tp in revoked:
            self._places.pop(tp.partition, None)
            self._healing.pop(tp.partition, None)

    def _place(self, partition: int, head: Head | None, delivered: Progress | None) -> Place | None:
        """Steps 1 and 2: the place by the output's tail, else by the table, or else where delivery is.

        Delivery is further only where another plan did the work since: that one's frames did not come by here.
        """
        saved = self._table.get(partition)
        place = place_of(head) if head else Place(*saved) if saved is not None else None
        if delivered is None or (place is not None and (place.epoch, place.next) >= (delivered.epoch, delivered.next)):
            return place
        return Place(delivered.epoch, delivered.next, 0)

    def _writer(self, partition: int) -> FrameWriter:
        frame_bytes = self._plan.pipeline.batching.frame_bytes
        return FrameWriter(self._producer, self._agent.target, partition, self._labels, frame_bytes)

    # frames ---------------------------------------------------------------------------------------------------------

    async def _on_event(self, stream: Any, event: Any) -> None:
        partition, offset = event.message.partition, event.message.offset
        if partition not in self._places:  # step 5: not acknowledged either: whoever owns it reads it again
            return
        place = self._places[partition]
        self._seen[partition] = time.monotonic()
        frame = decode(event.value)
        metrics.BYTES_IN.labels(*self._labels).inc(len(event.value))
        admitted = admit(place, frame)  # step 3
        if admitted is Refusal.DONE:
            await stream.ack(event)
        elif isinstance(admitted, Refusal):
            await self._heal(partition, place, event.message.tp)
        else:
            self._healing.pop(partition, None)
            self._busy = True
            try:
                done = await self._work(partition, place, admitted, offset)
            finally:
                self._busy = False
            if done:
                await stream.ack(event)

    async def _work(self, partition: int, place: Place | None, frame: Frame, offset: int) -> bool:
        """Do a frame, in pieces where one was deadly before; False where a rebalance came between."""
        while True:
            until, poisonous = self._attempts.limit(partition, frame.epoch, frame.first, frame.last)
            piece = _upto(frame, until)
            self._attempts.begin(partition, piece.epoch, piece.first, piece.last)
            reached = await self._do(partition, place, piece, offset, poisonous)
            if reached is None:
                self._attempts.end(partition, piece.first - 1)  # given up, not died of
                return False
            self._attempts.end(partition, piece.last)
            if piece.last == frame.last:
                return True
            place, frame = reached, frame.after(frame.epoch, piece.last + 1)

    async def _do(
        self, partition: int, place: Place | None, frame: Frame, offset: int, poisonous: bool
    ) -> Place | None:
        began = time.perf_counter()
        generation = self._lease.check()
        gone: list[Aside] = []
        entries = await self._payloads.fetch(frame.entries, partition, self._agent.name, gone)
        if poisonous:
            result, attempts = self._condemn(partition, frame), DEATHS_BEFORE_HALVING
        else:
            handling = self._plan.pipeline.error_handling
            result, attempts = await run_with_retries(
                lambda some: patiently(lambda: self._run_chain(partition, some), handling, self._labels),
                entries,
                handling,
            )
        if self._lease.check() != generation:
            self._attempts.stood_still(partition)
            return None
        result.aside += gone
        await self._payloads.stow(result.entries)
        if not self._may_act(partition, place, generation):  # step 5
            return None
        await self._letters.set_aside(partition, result.aside, frame.topic_id, attempts)  # step 6
        out = Frame(frame.topic_id, frame.epoch, frame.first, frame.last, offset, frame.genesis, result.entries)
        writer = self._writers[partition]
        await writer.send(out)
        await writer.flush()
        if not self._may_act(partition, place, generation):
            return None
        reached = self._places[partition] = advance(out, offset)
        self._table[partition] = [reached.epoch, reached.next, reached.input]
        self._count(partition, result, reached, time.perf_counter() - began)
        return reached

    async def _run_chain(self, partition: int, entries: Sequence[Entry]) -> Result:
        return await self._chain.run(self._plan.pipeline.raw_topic, partition, entries)

    def _may_act(self, partition: int, place: Place | None, generation: int) -> bool:
        ours = partition in self._places and self._places[partition] is place
        return ours and self._lease.check() == generation

    def _condemn(self, partition: int, frame: Frame) -> Result:
        """Quarantine the one record of the frame unseen: it killed its worker again and again."""
        topic = self._plan.pipeline.raw_topic
        result = Result([], [], {})
        for entry in frame.entries:
            if isinstance(entry, Kept):
                known = record_id(topic, partition, entry)
                result.aside.append(Aside(entry.offset, known, self._agent.name, "poison", "quarantined"))
                stub = Stub(entry.offset, entry.timestamp, "quarantined", self._agent.name, "poison", entry.origin)
                result.entries.append(stub)
            else:
                result.entries.append(entry)
        self._log.error("a record that kills its worker was quarantined", partition=partition, offset=frame.first)
        return result

    # holes ----------------------------------------------------------------------------------------------------------

    async def _heal(self, partition: int, place: Place | None, tp: TP) -> None:
        """Step 4: read the input again, each time from further back; give up after a minute."""
        now = time.monotonic()
        healing = self._healing.setdefault(partition, _Healing(now, now - HEAL_EVERY_SECONDS))
        if now - healing.since > HEAL_FOR_SECONDS:
            raise HoleError(
                f"{self._agent.source} partition {partition}: frames are missing after {place} and do not come",
                hint="the input topic lost frames; the upstream agent must write them again",
            )
        if now - healing.last_try < HEAL_EVERY_SECONDS:
            return
        healing.last_try = now
        back_to = max(0, (place.input if place else 0) - healing.reach)
        healing.reach = max(1, healing.reach * 2)
        metrics.HOLES.labels(*self._labels).inc()
        self._log.warning("hole", partition=partition, place=place and place.next, back_to=back_to)
        consumer = cast(Consumer, self._app.consumer)
        await consumer.seek(tp, back_to)
        consumer.stand_at(tp, back_to)

    async def _watch(self, generation: int) -> None:
        """Every second: is it alive, the lease, holes at the end of quiet partitions, what can be purged."""
        purged = settled = time.monotonic()
        while True:
            await asyncio.sleep(1.0)
            if self._app.unassigned:  # more workers than partitions: ready to take over
                self.joined.set()
            if self.joined.is_set() and not self._app.rebalancing:
                settled = time.monotonic()
            elif time.monotonic() - settled > STUCK_SECONDS:
                raise PenstockError(f"joining the group or restoring the table takes more than {STUCK_SECONDS:.0f} s")
            if self._lease.check() != generation:
                raise FencedError("this process stood still for longer than its lease")
            if self._app.crashed:
                raise PenstockError(f"the Faust app stopped: {type(self._app.crash_reason).__name__}")
            now = time.monotonic()
            for partition, place in list(self._places.items()):
                tp = TP(self._agent.source, partition)
                lag = self._lag(tp, place)
                metrics.LAG.labels(*self._labels, str(partition)).set(lag)
                if self._busy:  # frames wait behind one that takes long, or that waits for a server: that is no hole
                    self._seen[partition] = now
                elif lag and now - self._seen[partition] > 2 * HEAL_EVERY_SECONDS:
                    self._seen[partition] = now
                    await self._heal(partition, place, tp)
            if now - purged > PURGE_EVERY_SECONDS:
                purged = now
                await self._purge()

    def _lag(self, tp: TP, place: Place | None) -> int:
        highwater = self._app.consumer.highwater(tp) or 0
        return max(0, highwater - (place.input + 1 if place else 0))

    async def _purge(self) -> None:
        """Delete input frames that this agent is done with, but the tail, which the agent before it reads."""
        floors = {
            TopicPartition(self._agent.source, partition): RecordsToDelete(place.input - TAIL_FRAMES)
            for partition, place in self._places.items()
            if place is not None and place.input > TAIL_FRAMES
        }
        if floors:
            with contextlib.suppress(Exception):  # a purge that fails is done by the next one
                async with self._cluster.admin() as admin:
                    await admin.delete_records(floors)

    def _count(self, partition: int, result: Result, reached: Place, seconds: float) -> None:
        metrics.RECORDS_IN.labels(*self._labels).inc(len(result.entries))
        metrics.RECORDS_OUT.labels(*self._labels).inc(sum(isinstance(entry, Kept) for entry in result.entries))
        metrics.FRAME_RECORDS.labels(*self._labels).observe(len(result.entries))
        metrics.FRAME_SECONDS.labels(*self._labels).observe(seconds)
        metrics.NEXT.labels(*self._labels, str(partition)).set(reached.next)
        for stage, count in result.counts.items():
            metrics.STAGE_SECONDS.labels(*self._labels, stage).inc(count.seconds)
            for outcome, number in count.outcomes.items():
                verdict, _, reason = outcome.partition(":")
                metrics.VERDICTS.labels(*self._labels, stage, verdict, reason).inc(number)
        for category, number in _categories(result).items():
            metrics.PII.labels(self._labels[0], category).inc(number)


def _categories(result: Result) -> Counter[str]:
    """In how many fields each category of PII was found, if `redact` was at work here."""
    if not any(stage.startswith("redact") for stage in result.counts):
        return Counter()
    notes = b"".join(entry.notes.get("pii", b"") for entry in result.entries if isinstance(entry, Kept))
    return Counter(category.decode() for category in _CATEGORY.findall(notes))


def _upto(frame: Frame, last: int) -> Frame:
    """The part of the frame up to raw offset `last`."""
    if last >= frame.last:
        return frame
    entries = [entry for entry in frame.entries if entry.offset <= last]
    return Frame(frame.topic_id, frame.epoch, frame.first, last, frame.input, frame.genesis, entries)
