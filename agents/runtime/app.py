"""The Faust app of an agent, and the seams at which it is told where to stand.

What is Faust's: group membership, assignment, fetching, the table and its changelog, back-pressure. Its committed
offsets serve lag displays only. What is changed:

* `Consumer.perform_seek` asks the hop for its places after every rebalance and recovery;
* `Consumer.on_partitions_revoked` tells the hop at once what it no longer owns;
* `Consumer._read_offset` stays empty: with it Faust drops messages that are fetched again after a seek.

faust-streaming is pinned exactly for them.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import faust
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tables import TableT

from penstock.agents.runtime.cluster import HEARTBEAT_SECONDS, SESSION_SECONDS, Cluster
from penstock.topology.plan import Agent

BUFFERED_FRAMES = 16  # Faust's default of 4096 held 500 MB of frames


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
    """A Faust app that knows its hop."""

    hop: Placed


class Consumer(driver.Consumer):
    """Faust's consumer, told where to stand by what is in the output topic."""

    app: App

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = _NeverRead()

    async def perform_seek(self) -> None:
        await super().perform_seek()
        await self.app.hop.take_places(self)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self.app.hop.give_up_places(revoked)
        await super().on_partitions_revoked(revoked)

    def stand_at(self, tp: TP, offset: int) -> None:
        """Forget what was acknowledged of `tp`: a seek leaves Faust's books with gaps that freeze its commits."""
        self._acked.pop(tp, None)
        self._acked_index.pop(tp, None)
        self._committed_offset[tp] = offset


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
        store="rocksdb://?driver=rocksdict",
        datadir=str(folder),
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
    app.hop = hop
    app.transport = _Transport(app.conf.broker, app, loop=None)
    source = app.topic(agent.source, partitions=partitions, value_serializer="raw")
    table = app.Table("checkpoint", partitions=partitions)
    app.agent(source, name=agent.name)(on_stream)
    return app, table
