"""Owning partitions of one topic: the frame of ingest, delivery and sinks.

`Owner` joins a consumer group and gives each partition that it is assigned a `Handler` and a task of its own, so that
one partition that waits (for a sink, say) holds up no other. A handler is opened at every assignment, and says where to
read from: positions are never taken from what the group committed.

Crash only: any failure, also in the rebalance callbacks (whose exceptions aiokafka logs and forgets), ends `run` with
that failure; whoever runs it starts a new owner, which begins with clean buffers.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.structs import OffsetAndMetadata

from penstock.agents.runtime import metrics
from penstock.agents.runtime.cluster import Cluster, Message
from penstock.agents.runtime.lease import Lease
from penstock.agents.runtime.load import Load
from penstock.agents.runtime.logs import logger
from penstock.agents.runtime.seams.plain_records import Packed, plain
from penstock.agents.runtime.topics import HOW_TO_GROW
from penstock.model.errors import FencedError, PenstockError

QUEUED_BATCHES = 2
COMMIT_SECONDS, LAST_COMMIT_SECONDS = 0.2, 2.0
IDLE_FETCH_MS = 500
LOST_CONNECTION = "the connection was lost, and a client ended its own task"


class Handler(Protocol):
    """What an owner does with one partition while it owns it."""

    async def open(self) -> int:
        """Get ready; the offset to read from."""
        ...

    async def handle(self, messages: Iterable[Message]) -> int | None:
        """Take messages in order; they are unpacked on the way, so look at them once, and keep none for long.

        Returns the offset that may be committed for display and purging, None for none yet.
        """
        ...

    async def skipped(self, position: int) -> None:
        """Everything below `position` was read and held no further message (transaction markers, compaction)."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Linger:
    """How long the broker gathers messages before it answers a fetch.

    While messages flow it waits for `bytes` of them, or `ms` milliseconds, so that a frame gets more than one, and the
    longer the busier this process is; when none came for a while, the first one that comes is handed on at once.
    """

    bytes: int
    ms: int
    load: Load


@dataclass(slots=True)
class _Owned:
    handler: Handler
    queue: asyncio.Queue[list[Packed]]
    task: asyncio.Task[None] | None = None
    busy: bool = False
    paused: bool = False


@dataclass
class Owner:
    """The partitions of `topic` that the group gives us.

    Attributes
    ----------
    pipeline, agent : str
        Labels of metrics; the group is ``<pipeline>.<agent>``.
    make : callable
        A handler for a partition.
    partitions : int
        How many there are by the plan. More may have been added to the topic since: those are left alone, and that is
        said, because the topics behind this one do not have them.
    options
        Passed to the consumer (``isolation_level``, ``auto_offset_reset``, ``metadata_max_age_ms`` …).
    linger
        None hands messages on as they come.
    spacing : float
        Seconds from the beginning of one call of a handler to that of the next, at least; what comes meanwhile is
        handled together.
    """

    cluster: Cluster
    pipeline: str
    agent: str
    topic: str
    make: Callable[[int], Handler]
    partitions: int
    lease: Lease
    options: dict[str, Any] = field(default_factory=dict)
    linger: Linger | None = None
    spacing: float = 0.0
    owned: dict[TopicPartition, _Owned] = field(default_factory=dict, init=False)
    joined: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    """Set at the first assignment."""

    def __post_init__(self) -> None:
        self._failure: asyncio.Future[None] = asyncio.get_event_loop().create_future()
        self._labels = (self.pipeline, self.agent)
        self._closing = False
        self._done: dict[TopicPartition, int] = {}
        self.consumer: AIOKafkaConsumer = self.cluster.consumer(
            group_id=f"{self.pipeline}.{self.agent}",
            max_partition_fetch_bytes=2 * 1024 * 1024,
            value_deserializer=plain,
            **self.options,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Own and handle partitions until `stop` is set; raises what made it impossible to go on."""
        self.consumer.subscribe([self.topic], listener=_Listener(self))
        await self.consumer.start()
        poll = asyncio.create_task(self._poll(stop))
        commits = asyncio.create_task(self._commit_regularly())
        try:
            await asyncio.wait({poll, commits, self._failure}, return_when=asyncio.FIRST_COMPLETED)
            if self._failure.done():
                self._failure.result()
            if commits.done():
                raise PenstockError(LOST_CONNECTION)
            await poll
        finally:
            self._closing = True
            poll.cancel()
            commits.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await poll
            with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                await asyncio.wait_for(self._commit(), LAST_COMMIT_SECONDS)
            await self.release()
            await self.consumer.stop()
            self._failure.cancel()

    async def _poll(self, stop: asyncio.Event) -> None:
        generation = self.lease.check()
        while not stop.is_set():
            try:
                batches = await self.consumer.getmany(timeout_ms=200)
            except NoOffsetForPartitionError:
                continue  # found before the partition was told where to read from: it is by now, or is being opened
            except OffsetOutOfRangeError as error:
                if await self._stands_at(error.args[0]):
                    raise
                continue  # likewise: the group had committed an offset that is deleted by now
            if self.lease.check() != generation:
                raise FencedError("this process stood still for longer than its lease")
            self._gather(flowing=bool(batches))
            for tp, packed in batches.items():
                owned = self.owned.get(tp)
                if owned is None:
                    continue
                await owned.queue.put(packed)
                if owned.queue.full() and not owned.paused:
                    owned.paused = True
                    self.consumer.pause(tp)
            if not batches:
                await self._tell_skipped()

    def _gather(self, *, flowing: bool) -> None:
        """Say how long the next fetches shall linger."""
        if self.linger is not None:
            fetcher = self.consumer._fetcher
            fetcher._fetch_min_bytes = self.linger.bytes if flowing else 1
            fetcher._fetch_max_wait_ms = int(self.linger.ms * self.linger.load.stretch) if flowing else IDLE_FETCH_MS

    async def _stands_at(self, offsets: Mapping[TopicPartition, int]) -> bool:
        """Whether one of these is where we read on in a partition that we own."""
        return any([tp in self.owned and await self.consumer.position(tp) == at for tp, at in offsets.items()])

    async def _tell_skipped(self) -> None:
        for tp, owned in list(self.owned.items()):
            if not owned.busy and owned.queue.empty() and not owned.paused:
                position = await self.consumer.position(tp)
                metrics.LAG.labels(*self._labels, str(tp.partition)).set(
                    max(0, (self.consumer.highwater(tp) or position) - position)
                )
                if tp in self.owned and not owned.busy and owned.queue.empty():
                    await owned.handler.skipped(position)

    async def _serve(self, tp: TopicPartition, owned: _Owned) -> None:
        began = 0.0
        while True:
            packed = await owned.queue.get()
            owned.busy = True
            if (early := began + self.spacing - time.monotonic()) > 0:
                await asyncio.sleep(early)
            began = time.monotonic()
            while not owned.queue.empty():
                packed += owned.queue.get_nowait()
            if owned.paused:
                owned.paused = False
                self.consumer.resume(tp)
            done = await owned.handler.handle(chain.from_iterable(packed))
            if done is not None:
                self._done[tp] = done
            owned.busy = False
            highwater = self.consumer.highwater(tp)
            if highwater is not None:
                metrics.LAG.labels(*self._labels, str(tp.partition)).set(max(0, highwater - packed[-1].offset - 1))

    async def _commit_regularly(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            if self._done:
                await self._commit()

    async def _commit(self) -> None:
        """Commit what is done of all partitions, for lag displays and purging.

        Losing one does no harm, a rebalance may refuse it.
        """
        done, self._done = self._done, {}
        with contextlib.suppress(Exception):
            await self.consumer.commit({tp: OffsetAndMetadata(offset, "") for tp, offset in done.items()})

    async def assign(self, assigned: set[TopicPartition]) -> None:
        """Open a handler for each partition and read from where it says."""
        metrics.REBALANCES.labels(*self._labels).inc()
        metrics.PARTITIONS.labels(*self._labels).set(len(assigned))
        planned = self._planned(assigned)
        fresh = {tp: _Owned(self.make(tp.partition), asyncio.Queue(QUEUED_BATCHES)) for tp in planned}
        try:
            starts = await asyncio.gather(*(owned.handler.open() for owned in fresh.values()))
        except BaseException:
            await asyncio.gather(*(owned.handler.close() for owned in fresh.values()), return_exceptions=True)
            raise
        if self._closing:
            await asyncio.gather(*(owned.handler.close() for owned in fresh.values()), return_exceptions=True)
            return
        for (tp, owned), start in zip(fresh.items(), starts, strict=True):
            self.consumer.seek(tp, start)
            owned.task = asyncio.create_task(self._serve(tp, owned))
            owned.task.add_done_callback(partial(self._task_ended, owned))
        self.owned = fresh
        self.joined.set()

    def _planned(self, assigned: set[TopicPartition]) -> set[TopicPartition]:
        """Those that the plan knows of; the others are not read, and it is said how they will be."""
        added = {tp for tp in assigned if tp.partition >= self.partitions}
        metrics.UNPLANNED.labels(*self._labels).set(len(added))
        if added:
            for tp in added:
                self.consumer.seek(tp, 0)  # one without a position ends every fetch, although it is paused
            self.consumer.pause(*added)
            logger().error(
                "partitions were added to a topic; they are not read, everything else goes on",
                pipeline=self.pipeline, agent=self.agent, topic=self.topic, planned=self.partitions,
                added=sorted(tp.partition for tp in added), hint=HOW_TO_GROW,
            )  # fmt: skip
        return assigned - added

    async def release(self) -> None:
        """Stop the handlers; what they were doing is left undone, and done again by the next owner."""
        owned, self.owned = self.owned, {}
        self._done.clear()
        metrics.PARTITIONS.labels(*self._labels).set(0)
        for each in owned.values():
            if each.task is not None:
                each.task.cancel()
        await asyncio.gather(*(each.task for each in owned.values() if each.task), return_exceptions=True)
        await asyncio.gather(*(each.handler.close() for each in owned.values()), return_exceptions=True)

    def fail(self, error: BaseException) -> None:
        """End `run` with this error."""
        if not self._failure.done():
            self._failure.set_exception(error)

    def _task_ended(self, owned: _Owned, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self.fail(task.exception() or PenstockError(f"{self.agent}: a partition was let go"))
        elif owned in self.owned.values():  # not by us: a client ended a task of its own, and this one with it
            self.fail(PenstockError(LOST_CONNECTION))


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka ships no types
    """Hands rebalances to the owner, and its failures to `run`: aiokafka would log and forget them."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        try:
            await self._owner.release()
        except Exception as error:
            self._owner.fail(error)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        try:
            await self._owner.assign(assigned)
        except Exception as error:
            self._owner.fail(error)
