"""A lane: one partition in the hands of a hop, from its assignment until it is revoked.

Each lane has a queue and two tasks of its own, so that a frame that waits (for a server, for its turn to be tried
again) holds up its own partition and no other:

* one admits the frames in order, runs them through the chain and sends what comes out (steps 3 to 6 of
  `agents/runtime/hop.py`, up to sending);
* one waits for what was sent to be acknowledged, in the same order, writes the table and acknowledges the event.

So a lane stands at two places. As far as it has *sent* is what it owes next, and decides what is admitted. As far as
the broker has acknowledged is `place`: what stands in the table, and below which the input may be purged.

It also knows which message of its input comes next: frames topics have no gaps, but Faust may skip a message, or hand
one on that it fetched before a seek. What comes too soon is not looked at; the one before it is fetched again.

The queue itself takes whatever comes; when it holds a lane's share of frames the consumer is told to hold the
partition back, until half of them are done. A failure of either task ends the agent, which is started anew.
"""

import asyncio
import time
from collections.abc import Callable
from contextvars import Context, copy_context
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
from penstock.codecs.frame import Frame, decode

UNDER_WAY = 4
LATE_SECONDS = 10 * healing.HEAL_EVERY_SECONDS


@dataclass(frozen=True, slots=True)
class Shared:
    """What the lanes of a hop have in common, for one life of it."""

    processor: Processor
    attempts: Attempts
    table: TableT[Any, Any]
    lease: Lease
    generation: int
    failed: Callable[[BaseException], None]


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A frame as it came. Faust's table asks the context which event, and so which partition, is being worked on."""

    stream: Any
    event: Any
    context: Context


@dataclass(frozen=True, slots=True)
class _Sent:
    """A frame, or a piece of it, that is under way; one that was done before has nothing to wait for."""

    arrival: _Arrival
    acks: "list[asyncio.Future[object]]"
    reached: Place | None
    counts: Counts | None
    began: float
    whole: bool
    """Whether the frame is done with this."""


class Lane:
    """One partition at work.

    Parameters
    ----------
    place
        Where it stands, by its output.
    share : int
        Frames that it may hold, waiting, worked on or under way.

    Attributes
    ----------
    place
        Where it stands, as acknowledged and written to the table.
    """

    def __init__(
        self, shared: Shared, consumer: Consumer, tp: TP, place: Place | None, writer: FrameWriter, share: int
    ) -> None:
        self.place = place
        self._shared = shared
        self._consumer = consumer
        self._tp = tp
        self._sent_to = place
        self._writer = writer
        self._share = share
        self._labels = shared.processor.labels
        self._healing = Healing(consumer, tp, self._labels, shared.processor.log)
        self._frames = 0
        self._seen = time.monotonic()
        self._comes: int | None = place.input if place else None  # None: whatever comes first
        self._ours = True
        self._arrived: asyncio.Queue[_Arrival] = asyncio.Queue()
        self._under_way: asyncio.Queue[_Sent] = asyncio.Queue(UNDER_WAY - 1)  # and one that is being waited for
        self.tasks = [asyncio.create_task(self._work()), asyncio.create_task(self._settle())]
        for task in self.tasks:
            task.add_done_callback(self._ended)

    def offer(self, stream: Any, event: Any) -> None:
        """Take a frame; called from the stream's own task."""
        self._seen = time.monotonic()
        self._frames += 1
        self._arrived.put_nowait(_Arrival(stream, event, copy_context()))
        if self._frames >= self._share:
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
        return max(0, end - (self.place.input + 1 if self.place else 0))

    async def look(self, lag: int) -> None:
        """Step 4: a hole at the end of a quiet partition is not seen by any frame."""
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

    def _let_go(self) -> None:
        self._seen = time.monotonic()
        self._frames -= 1
        if self._frames <= self._share // 2:
            self._consumer.release(self._tp)

    def _may_act(self) -> bool:
        return self._ours and self._shared.lease.check() == self._shared.generation

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._shared.failed(error)

    # up to sending --------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            arrival = await self._arrived.get()
            if not self._may_act():
                return
            await self._take(arrival)
            await asyncio.sleep(0)  # what was sent goes out before the next frame takes the loop

    async def _take(self, arrival: _Arrival) -> None:
        data = arrival.event.value
        metrics.BYTES_IN.labels(*self._labels).inc(len(data))
        if not await self._comes_in_turn(arrival.event.message.offset):
            self._let_go()
            return
        admitted = admit(self._sent_to, decode(data))  # step 3
        if admitted is Refusal.DONE:  # perhaps by what is under way: acknowledged in its turn
            self._healing.skipped_no_more()
            await self._under_way.put(_Sent(arrival, [], None, None, 0.0, whole=True))
        elif isinstance(admitted, Refusal):
            await self._heal()
            self._let_go()
        else:
            self._healing.over()
            await self._do(arrival, admitted)

    async def _do(self, arrival: _Arrival, frame: Frame) -> None:
        """Do a frame, in pieces where one was deadly before."""
        attempts, partition = self._shared.attempts, self._tp.partition
        while True:
            async with attempts.turn(partition):
                until, poisonous = attempts.limit(partition, frame.epoch, frame.first, frame.last)
                piece = frame.upto(until)
                if not await self._do_piece(arrival, piece, poisonous, whole=piece.last == frame.last):
                    return
            if piece.last == frame.last:
                return
            frame = frame.after(frame.epoch, piece.last + 1)

    async def _do_piece(self, arrival: _Arrival, piece: Frame, poisonous: bool, *, whole: bool) -> bool:
        """False where it is no longer ours to do."""
        attempts, partition = self._shared.attempts, self._tp.partition
        began = time.perf_counter()
        done = piece.first - 1  # given up, not died of
        attempts.begin(partition, piece.epoch, piece.first, piece.last)
        try:
            processed = await self._shared.processor.process(partition, piece, poisonous)
            if self._shared.lease.check() != self._shared.generation:
                attempts.stood_still(partition)
                return False
            if not attempts.suspects(partition):  # the mark says what the chain is at, no more
                attempts.end(partition, piece.last)
            if not await self._send(arrival, piece, processed, began, whole):
                return False
            if attempts.suspects(partition):
                await self._under_way.join()
            done = piece.last
        finally:
            attempts.end(partition, done)
        return True

    async def _send(self, arrival: _Arrival, piece: Frame, processed: Processed, began: float, whole: bool) -> bool:
        """Step 6, up to sending; False where a rebalance came between."""
        processor, offset = self._shared.processor, arrival.event.message.offset
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
        await self._under_way.put(_Sent(arrival, acks, self._sent_to, counts, began, whole))
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
                self._reach(sent, sent.reached)
            if sent.whole:
                await sent.arrival.stream.ack(sent.arrival.event)
                self._let_go()
            self._under_way.task_done()

    def _reach(self, sent: _Sent, reached: Place) -> None:
        partition = self._tp.partition
        entry = [reached.epoch, reached.next, reached.input]
        sent.arrival.context.run(self._shared.table.__setitem__, partition, entry)
        self.place = reached
        metrics.NEXT.labels(*self._labels, str(partition)).set(reached.next)
        metrics.FRAME_SECONDS.labels(*self._labels).observe(time.perf_counter() - sent.began)
        if sent.counts is not None:
            sent.counts.add(self._labels)
