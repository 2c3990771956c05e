"""Where a pipeline stands: for ``penstock status`` (from outside, whether or not workers run) and the live view.

From outside everything is read from Kafka, by the rules that agents themselves use to find their place:

===========  ======================================  ==========================================
of           next raw offset, place in the input     lag
===========  ======================================  ==========================================
ingest       the tail of its frames topic            raw offsets behind the raw topic's end
an agent     the tail of its frames topic            frames behind the end of its input topic
deliver      the progress topic                      likewise
a sink       its position; the group's commit        likewise
===========  ======================================  ==========================================
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import orjson
from aiokafka import TopicPartition

from penstock.agents.runtime import metrics
from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.messages import read_all
from penstock.agents.runtime.progress import Progress
from penstock.agents.runtime.replay import Letter, read_letters
from penstock.agents.runtime.tail import frames_tail, last_values
from penstock.agents.runtime.tally import Tally
from penstock.connectors import registry as connectors
from penstock.model.component import Resources, Sink
from penstock.model.errors import PenstockError
from penstock.topology.plan import DELIVER, INGEST, Plan

_TAIL = 4  # frames; an agent itself looks at more, for what a zombie may have appended


class PartitionStatus(msgspec.Struct, frozen=True):
    """One partition of one agent.

    Attributes
    ----------
    end : int or None
        Of its input topic; None where only the lag is known.
    next : int or None
        The raw offset it owes; None where it never began.
    lag : int
        Messages of its input topic that are not done.
    """

    partition: int
    end: int | None
    next: int | None
    lag: int


class AgentStatus(msgspec.Struct, frozen=True):
    """One agent or sink.

    Attributes
    ----------
    records_in, records_out : int or None
        In this run; None from outside.
    rate : float or None
        Raw offsets (inside a run: records) a second since the look before; None at the first look.
    problem : str
        Why something could not be found out (a sink's destination that does not answer).
    """

    name: str
    input: str
    lag: int
    partitions: list[PartitionStatus]
    records_in: int | None = None
    records_out: int | None = None
    rate: float | None = None
    problem: str = ""


class Snapshot(msgspec.Struct, frozen=True):
    """A pipeline at one moment.

    Attributes
    ----------
    at : float
        Seconds since the epoch.
    records : dict
        Inside a run: kept, dropped, denied, quarantined, dead, lost, delivered. From outside: dead and quarantined,
        those that were not replayed yet.
    reasons : dict
        From outside: how many of those, by ``<stage>/<code>``.
    sources : dict
        From outside: the cursor of each source that ever ran.
    rate : float or None
        Records delivered a second since the look before.
    """

    pipeline: str
    at: float
    agents: list[AgentStatus]
    records: dict[str, int]
    reasons: dict[str, int] = {}
    sources: dict[str, Any] = {}
    rate: float | None = None


class Meter:
    """Snapshots from inside a run: this process's metrics since the meter was made, and a tally."""

    def __init__(self, plan: Plan, tally: Tally, clock: Callable[[], float] = time.monotonic) -> None:
        self._plan = plan
        self._tally = tally
        self._clock = clock
        self._base = self._counters()
        self._before: tuple[float, Snapshot] | None = None
        self._names = [
            (INGEST, plan.pipeline.raw_topic),
            *((agent.name, agent.source) for agent in plan.agents),
            (DELIVER, plan.last_frames),
            *((f"sink-{sink.name}", sink.source) for sink in plan.sinks),
        ]

    def snapshot(self) -> Snapshot:
        """Where the run stands; cheap."""
        now, counters = self._clock(), self._counters()
        lags, nexts = self._by_partition(metrics.LAG), self._by_partition(metrics.NEXT)
        agents = []
        for name, source in self._names:
            taken, given = (
                int(counters.get((kind, name), 0) - self._base.get((kind, name), 0)) for kind in ("in", "out")
            )
            of = {p for agent, p in (*lags, *nexts) if agent == name}
            partitions = [PartitionStatus(p, None, nexts.get((name, p)), lags.get((name, p), 0)) for p in sorted(of)]
            rate = self._rate(now, name, taken)
            agents.append(
                AgentStatus(name, source, sum(p.lag for p in partitions), partitions, taken, given, rate)
            )  # fmt: skip
        totals = self._tally.totals
        names = ("kept", "dropped", "denied", "quarantined", "dead", "lost", "unreadable", "refused", "delivered")
        records = {name: int(getattr(totals, name)) for name in names}
        delivered = None
        if self._before is not None:
            seconds = max(now - self._before[0], 1e-6)
            delivered = (records["delivered"] - self._before[1].records["delivered"]) / seconds
        snapshot = Snapshot(self._plan.pipeline.name, time.time(), agents, records, rate=delivered)
        self._before = (now, snapshot)
        return snapshot

    def _rate(self, now: float, name: str, taken: int) -> float | None:
        if self._before is None:
            return None
        earlier = next((a.records_in or 0 for a in self._before[1].agents if a.name == name), 0)
        return (taken - earlier) / max(now - self._before[0], 1e-6)

    def _counters(self) -> dict[tuple[str, str], float]:
        found = {}
        for kind, counter in (("in", metrics.RECORDS_IN), ("out", metrics.RECORDS_OUT)):
            for family in counter.collect():
                for sample in family.samples:
                    if sample.name.endswith("_total") and sample.labels["pipeline"] == self._plan.pipeline.name:
                        found[kind, sample.labels["agent"]] = sample.value
        return found

    def _by_partition(self, gauge: Any) -> dict[tuple[str, int], int]:
        return {
            (sample.labels["agent"], int(sample.labels["partition"])): int(sample.value)
            for family in gauge.collect()
            for sample in family.samples
            if sample.labels["pipeline"] == self._plan.pipeline.name
        }


class Looker:
    """Snapshots from outside; each look compares itself with the one before. Close it."""

    def __init__(self, cluster: Cluster, plan: Plan, resources: Resources) -> None:
        self._cluster = cluster
        self._plan = plan
        self._partitions = range(plan.pipeline.raw.partitions)
        self._before: Snapshot | None = None
        self._sinks: dict[str, Sink | str] = {}
        for agent in plan.sinks:
            try:
                config = connectors.configure_sink(agent.component.use, agent.component.options)
                self._sinks[agent.name] = connectors.build_sink(agent.component.use, config, resources)
            except PenstockError as error:
                self._sinks[agent.name] = error.message

    async def look(self) -> Snapshot:
        """Where the pipeline stands now; its topics exist."""
        at = time.time()
        agents = await asyncio.gather(
            self._ingest(),
            *(self._agent(agent.name, agent.source, agent.target) for agent in self._plan.agents),
            self._deliver(),
            *(self._sink(sink.name, sink.source, sink.group) for sink in self._plan.sinks),
        )
        waiting = [
            each
            for quarantine in (False, True)
            for each in await read_letters(self._cluster, self._plan, quarantine=quarantine)
            if each.replayed_at is None
        ]
        snapshot = Snapshot(
            self._plan.pipeline.name,
            at,
            [self._with_rate(agent, at) for agent in agents],
            {kind: sum(w.letter.outcome == kind for w in waiting) for kind in ("dead", "quarantined")},
            _reasons(waiting),
            await self._cursors(),
            self._rate(DELIVER, agents, at),
        )
        self._before = snapshot
        return snapshot

    async def close(self) -> None:
        for sink in self._sinks.values():
            if not isinstance(sink, str):
                await sink.close()

    async def _ingest(self) -> AgentStatus:
        raw = self._plan.pipeline.raw_topic
        begin, end = await self._bounds(raw)
        heads = await frames_tail(self._cluster, self._plan.first_frames, self._partitions, _TAIL)
        nexts = {p: head.last + 1 for p, head in heads.items()}
        partitions = [
            PartitionStatus(p, end[p], nexts.get(p), max(0, end[p] - max(nexts.get(p, 0), begin[p])))
            for p in self._partitions
        ]
        return _status(INGEST, raw, partitions)

    async def _agent(self, name: str, source: str, target: str) -> AgentStatus:
        heads = await frames_tail(self._cluster, target, self._partitions, _TAIL)
        places = {p: (head.last + 1, head.input + 1) for p, head in heads.items()}
        return await self._reader(name, source, places)

    async def _deliver(self) -> AgentStatus:
        values = await last_values(self._cluster, self._plan.progress_topic, self._partitions)
        known = {p: msgspec.json.decode(value, type=Progress) for p, value in values.items()}
        source = self._plan.last_frames
        places = {p: (each.next, each.input + 1 if each.frames == source else 0) for p, each in known.items()}
        return await self._reader(DELIVER, source, places)

    async def _sink(self, name: str, source: str, group: str) -> AgentStatus:
        tps = [TopicPartition(source, p) for p in self._partitions]
        async with self._cluster.admin() as admin:
            committed = await admin.list_consumer_group_offsets(group, partitions=tps)
        done = {tp.partition: max(0, committed[tp].offset) for tp in tps if tp in committed}
        try:
            nexts, problem = await self._positions(name), ""
        except PenstockError as error:
            nexts, problem = {}, error.message
        places = {p: (nexts.get(p), done.get(p, 0)) for p in self._partitions}
        return await self._reader(f"sink-{name}", source, places, problem)

    async def _positions(self, name: str) -> dict[int, int | None]:
        sink = self._sinks[name]
        if isinstance(sink, str):
            raise PenstockError(sink)
        pipeline = self._plan.pipeline
        streams = [f"{pipeline.name}/{pipeline.raw_topic}/{p}" for p in self._partitions]
        found = await asyncio.gather(*(sink.position(stream) for stream in streams))
        return {p: None if position is None else position.next for p, position in enumerate(found)}

    async def _reader(
        self, name: str, source: str, places: Mapping[int, tuple[int | None, int]], problem: str = ""
    ) -> AgentStatus:
        """The status of a reader of frames; `places` are (next raw offset, next input offset) by partition."""
        begin, end = await self._bounds(source)
        partitions = []
        for p in self._partitions:
            owed, done = places.get(p, (None, 0))
            partitions.append(PartitionStatus(p, end[p], owed, max(0, end[p] - max(done, begin[p]))))
        return _status(name, source, partitions, problem)

    async def _bounds(self, topic: str) -> tuple[dict[int, int], dict[int, int]]:
        consumer = self._cluster.reader()
        await consumer.start()
        try:
            tps = [TopicPartition(topic, p) for p in self._partitions]
            begin, end = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
        finally:
            await consumer.stop()
        return ({tp.partition: o for tp, o in begin.items()}, {tp.partition: o for tp, o in end.items()})

    async def _cursors(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        async for messages in read_all(self._cluster, self._plan.cursors_topic, [0]):
            for message in messages:
                if message.key is not None and message.value is not None:
                    found[message.key.decode()] = orjson.loads(message.value)
        return found

    def _with_rate(self, agent: AgentStatus, at: float) -> AgentStatus:
        return msgspec.structs.replace(agent, rate=self._rate(agent.name, [agent], at))

    def _rate(self, name: str, agents: list[AgentStatus], at: float) -> float | None:
        if self._before is None:
            return None
        earlier, later = (
            sum(p.next or 0 for agent in some if agent.name == name for p in agent.partitions)
            for some in (self._before.agents, agents)
        )
        return max(0.0, (later - earlier) / max(at - self._before.at, 1e-6))


def _status(name: str, source: str, partitions: list[PartitionStatus], problem: str = "") -> AgentStatus:
    return AgentStatus(name, source, sum(p.lag for p in partitions), partitions, problem=problem)


def _reasons(letters: list[Letter]) -> dict[str, int]:
    counts = Counter(f"{each.letter.stage}/{each.letter.code}" for each in letters)
    return dict(counts.most_common())
