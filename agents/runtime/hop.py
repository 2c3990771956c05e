"""A hop: one Faust agent, from one frames topic to the next, that loses nothing and repeats nothing.

The protocol (the numbers stand in the code):

1. **Place.** After every rebalance or recovery, before the first frame, the agent reads the tail of its own output
   topic: how far it has come, and the input it came from. It seeks there, whatever Faust committed.
2. **Fallback.** Where the tail is empty, the checkpoint in the RocksDB table says where it stands; without one, or
   where that is further (another plan did the work since), how far delivery has come; without that, only a genesis
   frame is taken (`penstock.agents.continuity`).
3. **Admission.** A frame done before, or under way, is skipped, an overlapping one trimmed, one beyond a hole is
   refused.
4. **Healing.** At a hole the input is read again, from further and further back; a timer sees the hole at the end of a
   quiet partition. A hole that does not heal ends the agent, loudly. It never goes on over one.
5. **Fence.** Each assignment of a partition is a lane of its own. It ends the moment that the partition is revoked,
   and what it held is dropped: it will come again. After each await it is asked whether it may still act, which a
   process that stood still for longer than its lease may not either. While a place is being read there is no lane.
6. **Order of effects.** Records set aside are acknowledged first, then the output frames are sent; when they are
   acknowledged the table is written (not for each frame: it may stand half a second behind), then the event is
   acknowledged by hand. A crash between two of them repeats a
   frame, which the next hop trims. The next frame of a partition may be worked on and sent while some before it are
   under way: the broker takes them in order and nothing behind one that it refused, and each has the rest of its
   effects in its turn. One that fails ends the agent, which begins again with step 1.
7. **State.** Where stages remember records, what a frame changed is committed, with its place, between the output's
   acknowledgement and the table (`agents/runtime/state.py`). So the state may stand behind the output. Then the agent
   begins at the state's place, and works on what the output has already without sending it. The input is purged up to
   the state's place only.

What is Faust's part in this, and at which seams it is told where to stand, is in `agents/runtime/app.py`; steps 3 to 6
are those of one partition, in `agents/runtime/lane.py`.
"""

import asyncio
import contextlib
import shutil
import time
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from faust.types import TP

from penstock.agents.chain import Chain
from penstock.agents.continuity import Place
from penstock.agents.runtime import metrics
from penstock.agents.runtime.app import BUFFERED_FRAMES, Consumer, make_app
from penstock.agents.runtime.attempts import Attempts
from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.deadletter import DeadLetters
from penstock.agents.runtime.framing import FrameWriter
from penstock.agents.runtime.lane import Lane, Memory, Shared
from penstock.agents.runtime.lease import Lease
from penstock.agents.runtime.logs import logger
from penstock.agents.runtime.payloads import Payloads
from penstock.agents.runtime.processing import Processor
from penstock.agents.runtime.progress import Progress, read_progresses
from penstock.agents.runtime.purge import PURGE_EVERY_SECONDS, delete_below
from penstock.agents.runtime.state import PartitionState
from penstock.agents.runtime.tail import TAIL_FRAMES, frames_tail, place_of
from penstock.agents.runtime.topic_ids import topic_id
from penstock.codecs.frame import Head
from penstock.model.errors import FencedError, PenstockError
from penstock.topology.plan import Agent, Plan

STUCK_SECONDS = 90.0  # Faust's recovery is known to wait for ever now and then (faust#432, #596)
LEAST_SHARE = 2


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
        self._producer = producer
        self._lease = lease
        self._folder = folder
        self._labels = (plan.pipeline.name, agent.name)
        log = logger().bind(pipeline=plan.pipeline.name, agent=agent.name)
        self._processor = Processor(plan, agent, chain, letters, payloads, log)
        self._has_state = chain.has_state
        self._lanes: dict[TP, Lane] = {}
        self._states: list[PartitionState] = []
        self._placing = asyncio.Lock()
        self._restoring = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: asyncio.Future[None] | None = None
        self._placed = False
        self.joined = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; raises what made it impossible to go on."""
        self._failure = asyncio.get_running_loop().create_future()
        self._placed = False
        folder = self._folder / self._agent.name
        folder.mkdir(parents=True, exist_ok=True)
        attempts = Attempts(folder / "attempts")
        partitions = self._plan.pipeline.raw.partitions
        self._app, self._table = make_app(
            self._cluster, self._agent, partitions, folder / "faust", self, self._on_stream
        )
        generation = self._lease.check()
        self._shared = Shared(
            self._processor, self._plan.pipeline.batching, attempts, self._table, self._lease, generation, self._fail
        )
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
            for task in (watch, stopped):
                task.cancel()
            self._failure.cancel()
            await self._end_lanes()
            await self._close_states()
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self._app.stop(), 20)
            attempts.close()
            if self._app.crashed and not self._placed:
                self._discard_table(folder / "faust")

    async def _on_stream(self, stream: Any) -> None:
        async for event in stream.noack().events():
            lane = self._lanes.get(event.message.tp)
            if lane is not None:  # step 5: if there is none, whoever owns it reads it again
                lane.offer(stream, event)

    def _discard_table(self, folder: Path) -> None:
        """What stands here may be damaged, or ahead of its changelog: then it would end every start alike.

        It is a checkpoint only: it comes back from the changelog, and where we stand from the output.
        """
        self._processor.log.warning("the table is thrown away", reason=type(self._app.crash_reason).__name__)
        shutil.rmtree(folder, ignore_errors=True)

    def _fail(self, error: BaseException) -> None:
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)

    # places ---------------------------------------------------------------------------------------------------------

    async def take_places(self, consumer: Consumer) -> None:
        """Step 1: read where each assigned partition stands, and seek there. Called by Faust's consumer."""
        if not self._has_state:
            await self._take_places(consumer)
            return
        async with self._placing:  # Faust may ask twice at a time, and a state is opened once
            await self._take_places(consumer)

    async def _take_places(self, consumer: Consumer) -> None:
        try:
            mine = [tp for tp in consumer.assignment() if tp.topic == self._agent.source]
            self.give_up_places(set(mine))
            if self._has_state:
                await self._end_lanes()
                await self._close_states()
            numbers = [tp.partition for tp in mine]
            heads = await frames_tail(self._cluster, self._agent.target, numbers) if mine else {}
            delivered = await read_progresses(self._cluster, self._plan, numbers) if mine else {}
            share = max(LEAST_SHARE, BUFFERED_FRAMES // max(1, len(mine)))
            for tp in mine:
                own = self._own_place(tp.partition, heads.get(tp.partition))
                place, memory = _further(own, delivered.get(tp.partition)), None
                if self._has_state:
                    place, memory = await self._remember(consumer, tp, place, place is own)
                await consumer.seek_wait({tp: place.input if place else 0})
                consumer.stand_at(tp, place.input if place else 0)
                self._open(consumer, tp, place, share, memory)
            metrics.REBALANCES.labels(*self._labels).inc()
            metrics.PARTITIONS.labels(*self._labels).set(len(mine))
            self._placed = True
            self.joined.set()
        except Exception as error:
            self._fail(error)
            raise

    def give_up_places(self, revoked: set[TP]) -> None:
        """Step 5: what is revoked is fenced at once."""
        for tp in revoked:
            lane = self._lanes.pop(tp, None)
            if lane is not None:
                lane.close()

    def _open(self, consumer: Consumer, tp: TP, place: Place | None, share: int, memory: Memory | None) -> None:
        self.give_up_places({tp})  # Faust may ask for places twice at a time
        if self._failure is None or self._failure.done():  # and once more when it is being stopped
            return
        frame_bytes = self._plan.pipeline.batching.frame_bytes
        writer = FrameWriter(self._producer, self._agent.target, tp.partition, self._labels, frame_bytes)
        lane = self._lanes[tp] = Lane(self._shared, consumer, tp, place, writer, share, memory)
        for task in lane.tasks:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _end_lanes(self) -> None:
        self.give_up_places(set(self._lanes))
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=20)

    def _own_place(self, partition: int, head: Head | None) -> Place | None:
        """Steps 1 and 2: the place by the output's tail, else by the table."""
        saved = self._table.get(partition)
        return place_of(head) if head else Place(*saved) if saved is not None else None

    # state ----------------------------------------------------------------------------------------------------------

    async def _remember(
        self, consumer: Consumer, tp: TP, output: Place | None, by_output: bool
    ) -> tuple[Place | None, Memory]:
        """Step 7: the place to begin at, and the state that it is the place of.

        `by_output` is false where another plan did what lies below `output`: then those frames may not have come by.
        """
        state = await self._open_state(tp.partition)
        place = state.place
        if not state.began and output is None:
            await state.stand_at(None)  # so that who dies before the first commit knows that it has seen nothing
        elif output is not None and (not state.began or _before(place, output)):
            if not state.began or not by_output or (place.input if place else 0) < await consumer.begins_at(tp):
                self._processor.log.warning(
                    "what came before is not remembered", partition=tp.partition, state=place and place.next,
                    place=output.next,
                )  # fmt: skip
                await state.stand_at(output)
                place = output
        elif output is not None:
            place = output
        return place, Memory(state, output)

    async def _open_state(self, partition: int) -> PartitionState:
        tp = TopicPartition(self._agent.state_topic, partition)
        known = await topic_id(self._producer, tp.topic)
        folder = self._folder / self._agent.name / "state" / str(partition)
        state = PartitionState(self._cluster, tp, known, folder)
        self._states.append(state)
        self._restoring = True
        try:
            await state.open()
        finally:
            self._restoring = False
        return state

    async def _close_states(self) -> None:
        while self._states:
            with contextlib.suppress(Exception):  # a producer that is broken; whoever opens it next fences it
                await asyncio.wait_for(self._states.pop().close(), 20)

    # watching -------------------------------------------------------------------------------------------------------

    async def _watch(self, generation: int) -> None:
        """Every second: is it alive, the lease, holes at the end of quiet partitions, what can be purged."""
        purged = settled = time.monotonic()
        restored = 0
        while True:
            await asyncio.sleep(1.0)
            if self._app.unassigned:  # more workers than partitions: ready to take over
                self.joined.set()
            before, restored = restored, self._app.restored()
            # restoring state ends by itself where nothing comes
            if (self.joined.is_set() and not self._app.rebalancing) or restored != before or self._restoring:
                settled = time.monotonic()
            elif time.monotonic() - settled > STUCK_SECONDS:
                raise PenstockError(
                    f"joining the group, or restoring the table, has made no progress for {STUCK_SECONDS:.0f} s"
                )
            if self._lease.check() != generation:
                raise FencedError("this process stood still for longer than its lease")
            if self._app.crashed:
                raise PenstockError(f"the Faust app stopped: {type(self._app.crash_reason).__name__}")
            for tp, lane in list(self._lanes.items()):
                lag = lane.lag(self._app.consumer.highwater(tp) or 0)
                metrics.LAG.labels(*self._labels, str(tp.partition)).set(lag)
                await lane.look(lag)
            if time.monotonic() - purged > PURGE_EVERY_SECONDS:
                purged = time.monotonic()
                await self._purge()

    async def _purge(self) -> None:
        """Delete input frames that this agent is done with, but the tail, which the agent before it reads."""
        for lane in self._lanes.values():
            lane.save()
        floors = {
            TopicPartition(tp.topic, tp.partition): lane.place.input - TAIL_FRAMES
            for tp, lane in self._lanes.items()
            if lane.place is not None
        }
        with contextlib.suppress(Exception):  # a purge that fails is done by the next one
            await delete_below(self._producer, floors)


def _further(own: Place | None, delivered: Progress | None) -> Place | None:
    """Step 2: our own place, or where delivery is if that is further.

    It is further only where another plan did the work since: that one's frames did not come by here.
    """
    if delivered is None or (own is not None and not _before(own, delivered)):
        return own
    return Place(delivered.epoch, delivered.next, 0)


def _before(place: Place | None, other: Place | Progress) -> bool:
    return place is None or (place.epoch, place.next) < (other.epoch, other.next)
