"""A lane: one partition in the hands of a hop, from its assignment until it is revoked.

Each lane has two tasks of its own, so that a frame that waits (for a server, for its turn to be tried
again) holds up its own partition and no other:

* one admits the frames in order, runs them through the chain and sends what comes out (steps 3 to 6 of
  `agents/runtime/hop.py`, up to sending);
* one waits for what was sent to be acknowledged, in the same order, writes the table and acknowledges the event.

Frames that wait while others are under way are taken together, as one (`agents/runtime/waiting.py`). What is sent then
names the input of the first of them, and each event is acknowledged when the whole is.

So a lane stands at two places. As far as it has *sent* is what it owes next, and decides what is admitted. As far as
the broker has acknowledged is `place`: what stands in the table, and below which the input may be purged.

It also knows which message of its input comes next: frames topics have no gaps, but Faust may skip a message, or hand
one on that it fetched before a seek. What comes too soon is not looked at; the one before it is fetched again.

Where stages have state (`agents/runtime/state.py`), a lane begins at the place that the state counts up to. Frames
from there up to where the output ends change the state once more and are not sent; then it goes on as any other.

A lane takes whatever comes; when it holds its share of frames, and not only small ones, the consumer is told to hold
the partition back, until half of them are done. A failure of either task ends the agent, which is started anew.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from faust.types import TP
from faust.types.tables import TableT

from penstock.agents.continuity import Place, Refusal, admit, advance
from penstock.agents.runtime import healing, metrics
from penstock.agents.runtime.app import Consumer
from penstock.agents.runtime.attempts import Attempts
from penstock.agents.runtime.framing import FrameWriter
from penstock.agents.runtime.healing import Healing
from penstock.agents.runtime.lease import Lease
from penstock.agents.runtime.processing import Counts, Processed, Processor
from penstock.agents.runtime.state import PartitionState
from penstock.agents.runtime.waiting import Arrival, Waiting
from penstock.agents.state import Draft
from penstock.codecs.frame import Frame, decode
from penstock.topology.spec import Batching

UNDER_WAY = 4
CHECKPOINT_SECONDS = 0.5
"""How long the table may stand behind: each write to it is a message of its changelog."""
LATE_SECONDS = 10 * healing.HEAL_EVERY_SECONDS
SMALL_BYTES = 64 * 1024
"""A lane may hold more frames than its share as long as they are smaller than this, on average."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What the lanes of a hop have in common, for one life of it."""

    processor: Processor
    batching: Batching
    attempts: Attempts
    table: TableT[Any, Any]
    lease: Lease
    generation: int
    failed: Callable[[BaseException], None]


@dataclass(frozen=True, slots=True)
class _Sent:
    """What was made of some arrivals, or of a piece of them; what was done before has nothing to wait for."""

    arrivals: list[Arrival]
    acks: "list[asyncio.Future[object]]"
    reached: Place | None
    counts: Counts | None
    began: float
    whole: bool
    """Whether the arrivals are done with this."""
    silent: bool = False
    """Whether the output had it before."""


@dataclass(frozen=True, slots=True)
class Memory:
    """The state of a lane's partition, and how far the output is, which may be further."""

    state: PartitionState
    output: Place | None

    def in_output(self, epoch: int, offset: int) -> bool:
        """Whether the output has what became of this raw offset."""
        return self.output is not None and (epoch, offset) < (self.output.epoch, self.output.next)

    def until(self, frame: Frame) -> int:
        """The last offset of the frame that is treated as its first one is."""
        if self.output is None or not self.in_output(frame.epoch, frame.first) or frame.epoch != self.output.epoch:
            return frame.last
        return min(frame.last, self.output.next - 1)


class Lane:
    """One partition at work.

    Parameters
    ----------
    place
        Where it stands, by its output.
    share : int
        Frames that it may hold, waiting, worked on or under way.
    memory : Memory, optional
        Where stages have state; `place` is then where that stands.

    Attributes
    ----------
    place
        Where it stands, as acknowledged and written to the table.
    """

    def __init__(
        self,
        shared: Shared,
        consumer: Consumer,
        tp: TP,
        place: Place | None,
        writer: FrameWriter,
        share: int,
        memory: Memory | None = None,
    ) -> None:
        self.place = place
        self._memory = memory
        self._shared = shared
        self._consumer = consumer
        self._tp = tp
        self._sent_to = place
        self._writer = writer
        self._share = share
        self._labels = shared.processor.labels
        self._healing = Healing(consumer, tp, self._labels, shared.processor.log)
        self._frames = self._bytes = 0
        self._sending = 0
        self._seen = time.monotonic()
        self._comes: int | None = place.input if place else None  # None: whatever comes first
        self._behind = place.input + 1 if place else 0
        self._ours = True
        self._saved = 0.0
        self._unsaved: Arrival | None = None
        self._waiting = Waiting(shared.batching.frame_records, shared.batching.frame_bytes)
        self._under_way: asyncio.Queue[_Sent] = asyncio.Queue(UNDER_WAY - 1)  # and one that is being waited for
        self.tasks = [asyncio.create_task(self._work()), asyncio.create_task(self._settle())]
        for task in self.tasks:
            task.add_done_callback(self._ended)

    def offer(self, stream: Any, event: Any) -> None:
        """Take a frame; called from the stream's own task."""
        self._seen = time.monotonic()
        self._frames += 1
        self._bytes += len(event.value)
        self._waiting.put(Arrival(stream, event, copy_context()))
        if self._frames >= self._share and self._bytes >= self._share * SMALL_BYTES:
            self._consumer.hold(self._tp)

    def close(self) -> None:
        """Step 5: act no more, from now on. What is under way may still arrive; whoever comes next trims it."""
        self._ours = False
        self._consumer.release(self._tp)
        for task in self.tasks:
            task.cancel()

    def lag(self, end: int) -> int:
        """Messages of the input, which ends before `end`, that are not done."""
        if not self._frames and self._comes is not None:
            return max(0, end - self._comes)  # behind the last that was done there may be repeats
        return max(0, end - self._behind)

    async def look(self, lag: int) -> None:
        """Step 4: a hole at the end of a quiet partition is not seen by any frame."""
        self.save()
        now = time.monotonic()
        if self._frames:  # they wait behind one that takes long, or that waits for a server: that is no hole
            self._seen = now
            return
        quiet = now - self._seen
        if not (lag or self._healing.going_on) or quiet <= 2 * healing.HEAL_EVERY_SECONDS:
            return
        if quiet > LATE_SECONDS or not lag or not await self._is_late():
            self._seen = now
            await self._heal()

    async def _is_late(self) -> bool:
        """Whether the consumer still has to hand on the next message: then it is not missing."""
        return (await self._consumer.handed_on(self._tp) or 0) <= (self._comes or 0)

    async def _heal(self) -> None:
        back_to = await self._healing.heal(self.place)
        if back_to is not None:
            self._comes = back_to

    async def _comes_in_turn(self, offset: int) -> bool:
        """Whether this message is the next one of the input; where some were skipped they are fetched again."""
        if self._comes is not None and offset > self._comes:
            # what is deleted does not come
            self._comes = max(self._comes, await self._consumer.begins_at(self._tp))
        if self._comes is not None and offset > self._comes:
            await self._healing.back(self.place, self._comes)
            return False
        if self._comes is None or offset == self._comes:
            self._comes = offset + 1
        return True

    def _let_go(self, arrivals: Sequence[Arrival]) -> None:
        self._seen = time.monotonic()
        self._frames -= len(arrivals)
        self._bytes -= sum(len(arrival.data) for arrival in arrivals)
        self._behind = max(self._behind, arrivals[-1].offset + 1)
        if self._frames <= self._share // 2 or self._bytes <= self._share * SMALL_BYTES // 2:
            self._consumer.release(self._tp)

    def _may_act(self) -> bool:
        return self._ours and self._shared.lease.check() == self._shared.generation

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._shared.failed(error)

    # up to sending --------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            arrival = await self._waiting.get()
            if not self._may_act():
                return
            await self._take(arrival)
            await asyncio.sleep(0)  # what was sent goes out before the next frame takes the loop

    async def _take(self, arrival: Arrival) -> None:
        metrics.BYTES_IN.labels(*self._labels).inc(len(arrival.data))
        if not await self._comes_in_turn(arrival.offset):
            self._let_go([arrival])
            return
        admitted = admit(self._sent_to, decode(arrival.data))  # step 3
        if admitted is Refusal.DONE:  # perhaps by what is under way: acknowledged in its turn
            self._healing.skipped_no_more()
            await self._hand_on(_Sent([arrival], [], None, None, 0.0, whole=True))
        elif isinstance(admitted, Refusal):
            await self._heal()
            self._let_go([arrival])
        else:
            self._healing.over()
            arrivals = [arrival]
            frame = await self._together(arrivals, admitted)
            if self._may_act():
                await self._do(arrivals, frame)

    async def _together(self, arrivals: list[Arrival], frame: Frame) -> Frame:
        """The frame and what follows it; while something is under way there is time for more to come.

        What follows may follow without being looked at by `admit`: it begins where the frame ends. A frame that may be
        deadly is taken alone, or those beside it would be suspected as well.
        """
        if self._shared.attempts.suspects(self._tp.partition):
            return frame
        while True:
            frame = self._waiting.joined(arrivals, frame)
            if not self._sending or self._waiting.complete(arrivals, frame):
                break
            await self._waiting.stirred()
        self._comes = max(self._comes or 0, arrivals[-1].offset + 1)
        metrics.BYTES_IN.labels(*self._labels).inc(sum(len(arrival.data) for arrival in arrivals[1:]))
        return frame

    async def _hand_on(self, sent: _Sent) -> None:
        self._sending += 1
        await self._under_way.put(sent)

    async def _do(self, arrivals: list[Arrival], frame: Frame) -> None:
        """Do a frame, in pieces where one was deadly before."""
        attempts, partition = self._shared.attempts, self._tp.partition
        while True:
            async with attempts.turn(partition):
                until, poisonous = attempts.limit(partition, frame.epoch, frame.first, frame.last)
                piece = frame.upto(until if self._memory is None else min(until, self._memory.until(frame)))
                if not await self._do_piece(arrivals, piece, poisonous, whole=piece.last == frame.last):
                    return
            if piece.last == frame.last:
                return
            frame = frame.after(frame.epoch, piece.last + 1)

    async def _do_piece(self, arrivals: list[Arrival], piece: Frame, poisonous: bool, *, whole: bool) -> bool:
        """False where it is no longer ours to do."""
        attempts, partition = self._shared.attempts, self._tp.partition
        began = time.perf_counter()
        done, at_it = piece.first - 1, True  # given up, not died of
        attempts.begin(partition, piece.epoch, piece.first, piece.last)
        draft = self._memory.state.draft() if self._memory is not None else None
        try:
            processed = await self._shared.processor.process(partition, piece, poisonous, draft)
            if self._shared.lease.check() != self._shared.generation:
                return False
            at_it = False
            if not attempts.suspects(partition):  # the mark says what the chain is at, no more
                attempts.end(partition, piece.last)
            if not await self._send(arrivals, piece, processed, began, whole, draft):
                return False
            if attempts.suspects(partition):
                await self._under_way.join()
            done = piece.last
        finally:
            if at_it and self._shared.lease.check() != self._shared.generation:
                attempts.stood_still(partition)
            else:
                attempts.end(partition, done)
        return True

    async def _send(
        self,
        arrivals: list[Arrival],
        piece: Frame,
        processed: Processed,
        began: float,
        whole: bool,
        draft: Draft | None,
    ) -> bool:
        """Step 6, up to sending; False where a rebalance came between."""
        processor, offset = self._shared.processor, arrivals[0].offset
        if self._memory is not None and draft is not None:
            if not self._may_act():
                return False
            self._memory.state.under_way(draft.changes)
            if self._memory.in_output(piece.epoch, piece.first):
                self._sent_to = advance(piece, offset)
                await self._hand_on(_Sent(arrivals, [], self._sent_to, None, began, whole, silent=True))
                return True
        await processor.stow(processed)
        if not self._may_act():  # step 5
            return False
        await processor.set_aside(self._tp.partition, piece, processed)
        if not self._may_act():
            return False
        entries = processed.result.entries
        out = Frame(piece.topic_id, piece.epoch, piece.first, piece.last, offset, piece.genesis, entries)
        acks = await self._writer.send(out)
        self._sent_to = advance(out, offset)
        counts = Counts.of(processed.result)
        await self._hand_on(_Sent(arrivals, acks, self._sent_to, counts, began, whole))
        return True

    # from the acknowledgement on ------------------------------------------------------------------------------------

    async def _settle(self) -> None:
        """The rest of step 6, frame after frame."""
        while True:
            sent = await self._under_way.get()
            for ack in sent.acks:
                await ack
            if not self._may_act():  # step 5
                return
            if sent.reached is not None:
                if self._memory is not None:
                    await self._memory.state.commit(sent.reached)
                    if not self._may_act():
                        return
                self._reach(sent, sent.reached)
            if sent.whole:
                for arrival in sent.arrivals:
                    await arrival.stream.ack(arrival.event)
                self._let_go(sent.arrivals)
            self._under_way.task_done()
            self._sending -= 1
            self._waiting.stir()

    def _reach(self, sent: _Sent, reached: Place) -> None:
        self.place = reached
        if not sent.silent:
            self._unsaved = sent.arrivals[0]  # whole: its context holds the event by a weak reference
            if time.monotonic() - self._saved >= CHECKPOINT_SECONDS:
                self.save()
        metrics.NEXT.labels(*self._labels, str(self._tp.partition)).set(reached.next)
        metrics.FRAME_SECONDS.labels(*self._labels).observe(time.perf_counter() - sent.began)
        if sent.counts is not None:
            sent.counts.add(self._labels)

    def save(self) -> None:
        """Write the place to the table, if it is not there yet."""
        if self._unsaved is not None and self.place is not None and self._may_act():
            entry = [self.place.epoch, self.place.next, self.place.input]
            self._unsaved.context.run(self._shared.table.__setitem__, self._tp.partition, entry)
            self._saved, self._unsaved = time.monotonic(), None
