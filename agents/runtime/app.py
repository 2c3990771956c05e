"""The Faust app of an agent, and the seams at which it is told where to stand.

What is Faust's: group membership, assignment, fetching, the table and its changelog, back-pressure. Its committed
offsets serve lag displays only. What is changed:

* `Consumer.perform_seek` asks the hop for its places after every rebalance and recovery;
* `Consumer.on_partitions_revoked` tells the hop at once what it no longer owns;
* `Consumer._read_offset` stays empty: with it Faust drops messages that are fetched again after a seek;
* `Consumer._getmany` takes few messages at a time, in turns, and none of a partition that is held back. Faust's own
  way, `pause_partitions`, loses those that were fetched and not yet handed on: it skips them, and its position is past
  them.
* tables come back by `agents/runtime/seams/restoring.py`, and stay closed once stopped by
  `agents/runtime/seams/table_store.py`;
* `_Tables.on_start` does not wait a second for tables that somebody may yet declare;
* while partitions change hands a fetch waits at the broker for `PLACING_FETCH_MS` only. Faust's own waits 1.5 s, and a
  connection is answered in order: each question for offsets stood behind one.

faust-streaming is pinned exactly for them.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import faust
from aiokafka.errors import IllegalStateError
from faust.tables.manager import TableManager
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tables import TableT

from penstock.agents.runtime.cluster import HEARTBEAT_SECONDS, SESSION_SECONDS, Cluster
from penstock.agents.runtime.seams import table_store
from penstock.agents.runtime.seams.one_loop import InLoop
from penstock.agents.runtime.seams.restoring import Restoring
from penstock.topology.plan import Agent

BUFFERED_FRAMES = 16  # Faust's default of 4096 held 500 MB of frames
TAKEN_FRAMES = 2  # at a time: what is taken is unpacked at once, what is not stays compressed in the fetcher
TAKEN_SMALL_FRAMES, TAKEN_BYTES = 64, 128 * 1024  # more, as long as those of the last time were small
PLACING_FETCH_MS, FETCH_MS = 20, 500
_HELD_SECONDS = 0.02
_ALL_HELD_SECONDS = 0.2
_POSITION_SECONDS = 1.0


class Placed(Protocol):
    """Who knows where to stand: the hop."""

    async def take_places(self, consumer: "Consumer") -> None:
        """Read the places of what is assigned now, and seek there."""
        ...

    def give_up_places(self, revoked: set[TP]) -> None:
        """Stop acting for these partitions."""
        ...


class _NeverRead(defaultdict[TP, int | None]):
    """Faust's table of read offsets, kept empty."""

    def __init__(self) -> None:
        super().__init__(lambda: None)

    def __setitem__(self, key: TP, value: int | None) -> None:
        pass

    def update(self, *args: Any, **kwargs: Any) -> None:
        pass


class App(faust.App):
    """A Faust app that knows its hop and its cluster."""

    hop: Placed
    cluster: Cluster

    def restored(self) -> int:
        """A number that changes as long as tables are being restored."""
        tables: Any = self.tables
        return int(tables.recovery.restored())


class Consumer(driver.Consumer):
    """Faust's consumer, told where to stand by what is in the output topic."""

    app: App

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = _NeverRead()
        self._held: set[TP] = set()
        self._served: set[TP] = set()
        self._most = TAKEN_FRAMES
        self._released = asyncio.Event()

    def hold(self, tp: TP) -> None:
        """Take no more messages of this partition until it is released; what was taken before still comes."""
        self._held.add(tp)

    def release(self, tp: TP) -> None:
        """Take its messages again."""
        self._held.discard(tp)
        self._released.set()

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        wanted = (active_partitions or set()) - self._held
        if self._held:  # one that is released meanwhile must not wait until others get messages
            timeout = _HELD_SECONDS
        if not wanted:
            self._released.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._released.wait(), _ALL_HELD_SECONDS)
            return {}
        if self.app.in_recovery:
            return await self._fetched(wanted, timeout, None)
        # the fetcher gives what it has of the first partition: without turns the others wait until that one is empty
        taken = await self._fetched(wanted - self._served, 0, self._most) if self._served else None
        if not taken:
            self._served.clear()
            taken = await self._fetched(wanted, timeout, self._most)
        self._served.update(taken)
        sizes = [len(record.value or b"") for records in taken.values() for record in records]
        if sizes:
            self._most = min(TAKEN_SMALL_FRAMES, max(TAKEN_FRAMES, TAKEN_BYTES * len(sizes) // (sum(sizes) or 1)))
        return taken

    async def _fetched(self, wanted: set[TP], timeout: float, most: int | None) -> Any:
        thread = self._thread
        if not wanted:
            return {}
        return await thread._fetch_records(thread._ensure_consumer(), wanted, timeout=timeout, max_records=most)

    def _new_consumer_thread(self) -> "_Thread":
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        await super().perform_seek()
        await self.app.hop.take_places(self)
        self._fetch_for(FETCH_MS)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self._fetch_for(PLACING_FETCH_MS)
        self.app.hop.give_up_places(revoked)
        await super().on_partitions_revoked(revoked)

    def _fetch_for(self, milliseconds: int) -> None:
        """Let the broker wait so long for something to answer the next fetches with."""
        self._thread._ensure_consumer()._fetcher._fetch_max_wait_ms = milliseconds

    async def begins_at(self, tp: TP) -> int:
        """The first offset that the partition's log still has."""
        return int((await self.earliest_offsets(tp)).get(tp, 0))

    async def handed_on(self, tp: TP) -> int | None:
        """The offset up to which the fetcher gave messages to Faust; None while nobody can say."""
        with contextlib.suppress(TimeoutError, IllegalStateError):
            return await asyncio.wait_for(self.position(tp), _POSITION_SECONDS)
        return None

    def stand_at(self, tp: TP, offset: int) -> None:
        """Forget what was acknowledged of `tp`: a seek leaves Faust's books with gaps that freeze its commits."""
        self._acked.pop(tp, None)
        self._acked_index.pop(tp, None)
        self._committed_offset[tp] = offset


class _Thread(InLoop):
    """Where Faust's consumer lives."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        made = super()._create_worker_consumer(transport)
        made._fetch_max_wait_ms = PLACING_FETCH_MS
        return made


class _Tables(TableManager):
    app: Any

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()

    @property
    def recovery(self) -> Restoring:
        return self._restoring

    @cached_property
    def _restoring(self) -> Restoring:
        self._recovery = made = Restoring(self.app, self, beacon=self.beacon, loop=self.loop)
        made.cluster = self.app.cluster
        return made


class _Transport(driver.Transport):
    Consumer = Consumer


def make_app(
    cluster: Cluster,
    agent: Agent,
    partitions: int,
    folder: Path,
    hop: Placed,
    on_stream: Callable[[Any], Awaitable[None]],
) -> tuple[App, TableT[Any, Any]]:
    """A Faust app with one agent and one table, not started.

    Parameters
    ----------
    folder : Path
        Of its RocksDB tables; the folder above exists.
    on_stream
        The agent: gets the stream of its input topic.
    """
    app = App(
        agent.group,
        **cluster.faust_settings(),
        store=table_store.URL,
        datadir=str(folder),
        TableManager=_Tables,
        topic_partitions=partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        stream_wait_empty=False,
        stream_buffer_maxsize=BUFFERED_FRAMES,
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=HEARTBEAT_SECONDS,
        broker_commit_interval=2.0,
        consumer_auto_offset_reset="earliest",
        table_standby_replicas=0,
        producer_linger=0,
    )
    app.hop, app.cluster = hop, cluster
    app.transport = _Transport(app.conf.broker, app, loop=None)
    source = app.topic(agent.source, partitions=partitions, value_serializer="raw")
    table = app.Table("checkpoint", partitions=partitions)
    app.agent(source, name=agent.name)(on_stream)
    return app, table
