"""One run of a whole pipeline in this process: its sources, agents, delivery and sinks, until there is nothing to do.

Idle means, of what was in the raw topic when the sources had ended: delivery's progress has reached every partition's
end, and every sink has committed the last of the frames that it took to get there. Both are read from Kafka, so it
does not matter whether other workers took part.

Counts are those of `penstock.agents.runtime.tally`: of what delivery owed when the run began and what came after, read
from the topics themselves; what earlier runs delivered is in none of them.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from penstock.agents.runtime import topics
from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.logs import logger
from penstock.agents.runtime.source import SourceTask
from penstock.agents.runtime.status import Meter, Snapshot
from penstock.agents.runtime.tally import RunError, Tally
from penstock.agents.runtime.worker import Worker, source_tasks
from penstock.model.errors import ConfigurationError, PenstockError
from penstock.topology.plan import Plan

LOOK_SECONDS = 0.1
SHOW_SECONDS = 0.5
_GRACE_SECONDS = 5.0

State = Literal["done", "stopped", "failed"]
OnSnapshot = Callable[[Snapshot], None]


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did, in the shape of the AI-ETL document's PipelineResult.

    Attributes
    ----------
    success : bool
        Everything that was owed is accounted for, and no record failed.
    records_extracted : int
        Raw records that this run brought to the end of the chain, and what sources could not read as a record; where
        it was stopped early, at least what its own sources read.
    records_transformed : int
        Of these, those that every stage kept.
    records_loaded : int
        Of these, those delivered to the enriched topic.
    records_failed : int
        Dead in a stage, unreadable, refused behind the chain, quarantined for killing workers, or lost to retention.
        What a policy dropped, denied or quarantined did not fail; `final_state` counts it.
    duration_seconds, extract_duration, transform_duration, load_duration : float
        Wall time in all; while sources ran; from the first to the last frame and delivery. They overlap: it is a
        stream.
    errors : list of RunError
        The first hundred; no values of records.
    avg_quality_score : float or None
    final_state : dict
        ``state`` (done, stopped, failed), counts by outcome, and the raw offset owed next by partition.
    """

    success: bool
    records_extracted: int
    records_transformed: int
    records_loaded: int
    records_failed: int
    start_time: datetime
    end_time: datetime
    duration_seconds: float
    extract_duration: float
    transform_duration: float
    load_duration: float
    errors: list[RunError]
    avg_quality_score: float | None
    final_state: dict[str, Any]

    @property
    def exit_status(self) -> int:
        return 0 if self.success else 1


async def run_pipeline(
    cluster: Cluster,
    plan: Plan,
    environ: Mapping[str, str],
    home: Path,
    *,
    stop: asyncio.Event,
    on_snapshot: OnSnapshot | None = None,
    until_idle: bool = True,
    sources: list[str] | None = None,
) -> RunResult:
    """Run a pipeline.

    Parameters
    ----------
    home : Path
        Where state is kept.
    stop : asyncio.Event
        Set it to end the run early; the result is what was done until then.
    on_snapshot : callable, optional
        Shown where the run stands, twice a second.
    until_idle : bool
        False runs until `stop`.
    sources : list of str, optional
        Names of the sources to run; all of the file where None.

    Raises
    ------
    ConfigurationError, BrokerUnreachableError
        Before anything ran.
    PenstockError
        A service that keeps failing, with what it failed on.
    """
    await topics.ensure(cluster, plan)
    worker = Worker(cluster, plan, environ, home, plan.agent_names(), [sink.name for sink in plan.sinks])
    tasks = source_tasks(cluster, plan, worker.resources, sources)
    tally = await Tally.open(cluster, plan)
    try:
        return await _Run(cluster, plan, worker, tally, tasks, until_idle).run(stop, on_snapshot)
    finally:
        await tally.close()


class _Run:
    def __init__(
        self,
        cluster: Cluster,
        plan: Plan,
        worker: Worker,
        tally: Tally,
        sources: Mapping[str, SourceTask],
        until_idle: bool,
    ) -> None:
        self._cluster = cluster
        self._plan = plan
        self._worker = worker
        self._tally = tally
        self._sources = sources
        self._until_idle = until_idle
        self._halt = asyncio.Event()
        self._meter = Meter(plan, tally)
        self._errors: list[RunError] = []
        self._extract_seconds = 0.0

    async def run(self, stop: asyncio.Event, on_snapshot: OnSnapshot | None) -> RunResult:
        began, clock = datetime.now(UTC), time.monotonic()
        # an event of its own: a worker that fails sets it before it is done, which must not look like an orderly end
        worker_halt = asyncio.Event()
        working = asyncio.create_task(self._worker.run(worker_halt))
        counting = asyncio.create_task(self._tally.follow())
        finishing = asyncio.create_task(self._finish())
        wanted = [working, counting, finishing, asyncio.create_task(stop.wait())]
        if self._plan.pipeline.error_handling.on_error == "fail":
            wanted.append(asyncio.create_task(self._tally.failed.wait()))
        showing = asyncio.create_task(self._show(on_snapshot)) if on_snapshot else None
        state: State = "failed"
        try:
            await asyncio.wait(wanted, return_when=asyncio.FIRST_COMPLETED)
            for task in (working, counting, finishing):
                if task.done():
                    task.result()
            state = "done" if finishing.done() else "stopped" if stop.is_set() else "failed"
        finally:
            self._halt.set()
            worker_halt.set()
            await self._wind_up(working, finishing, [*wanted, *([showing] if showing else [])])
        await self._tally.catch_up()
        if on_snapshot:
            on_snapshot(self._meter.snapshot())
        return self._result(state, began, time.monotonic() - clock)

    async def _wind_up(
        self, working: "asyncio.Task[None]", finishing: "asyncio.Task[None]", everything: list["asyncio.Task[Any]"]
    ) -> None:
        """End all tasks; sources may finish their page, agents finish or abandon their frame."""
        await asyncio.wait([finishing], timeout=_GRACE_SECONDS)
        await asyncio.wait([working])
        for task in everything:
            task.cancel()
        await asyncio.gather(*everything, return_exceptions=True)
        failure = working.exception()
        if isinstance(failure, ConfigurationError):  # wrong also where there was nothing to do
            raise failure

    async def _finish(self) -> None:
        """Run the sources; then wait until what is in the raw topic is done, or for ever."""
        began = time.monotonic()
        await asyncio.gather(*(self._source(name, task) for name, task in self._sources.items()))
        self._extract_seconds = time.monotonic() - began
        if not self._until_idle:
            await self._halt.wait()
        elif not self._halt.is_set():
            await self._idle()

    async def _source(self, name: str, task: SourceTask) -> None:
        """One source; where it fails, what it gave until then is still brought to the end."""
        try:
            await task.run(self._halt, until_done=self._until_idle)
        except ConfigurationError:
            raise
        except PenstockError as error:
            logger().error("source failed", pipeline=self._plan.pipeline.name, source=name, error=str(error))
            self._errors.append(
                RunError(
                    stage="extract",
                    error_type=error.code,
                    message=f"source-{name}: {error}",
                    timestamp=datetime.now(UTC),
                    retryable=error.retriable,
                )
            )

    async def _idle(self) -> None:
        """Wait for the raw ends seen now: first for delivery, then for the sinks."""
        owed = await self._raw_ends()
        needed: dict[TopicPartition, int] = {}
        while owed and not self._halt.is_set():
            for partition, end in list(owed.items()):
                progress = self._tally.progress(partition)
                if progress is not None and progress.next >= end:
                    del owed[partition]
                    if progress.frames == self._plan.last_frames:
                        needed[TopicPartition(progress.frames, partition)] = progress.input + 1
            await _set_within(self._halt, LOOK_SECONDS)
        async with self._cluster.admin() as admin:
            for sink in self._plan.sinks:
                while needed and not await _committed(admin, sink.group, needed):
                    if await _set_within(self._halt, LOOK_SECONDS):
                        return

    async def _raw_ends(self) -> dict[int, int]:
        """The end of each raw partition that holds anything that may be owed."""
        consumer = self._cluster.reader()
        await consumer.start()
        try:
            tps = [TopicPartition(self._plan.pipeline.raw_topic, p) for p in range(self._plan.pipeline.raw.partitions)]
            begin, end = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
        finally:
            await consumer.stop()
        return {tp.partition: end[tp] for tp in tps if begin[tp] < end[tp]}

    async def _show(self, on_snapshot: OnSnapshot) -> None:
        while True:
            on_snapshot(self._meter.snapshot())
            await asyncio.sleep(SHOW_SECONDS)

    def _result(self, state: State, began: datetime, seconds: float) -> RunResult:
        totals, tally = self._tally.totals, self._tally
        read = sum(task.count.records + task.count.unreadable for task in self._sources.values())
        outcomes = {name: getattr(totals, name) for name in ("dropped", "denied", "quarantined", "dead", "lost")}
        finished = state == "done" or (state == "stopped" and not self._until_idle)
        return RunResult(
            success=finished and not totals.failed and not self._errors,
            records_extracted=max(totals.seen, read),
            records_transformed=totals.kept,
            records_loaded=totals.delivered,
            records_failed=totals.failed,
            start_time=began,
            end_time=datetime.now(UTC),
            duration_seconds=seconds,
            extract_duration=self._extract_seconds,
            transform_duration=(tally.last_frame or 0.0) - (tally.first_frame or 0.0),
            load_duration=(tally.last_delivery or 0.0) - (tally.first_delivery or 0.0),
            errors=[*self._errors, *tally.errors][:100],
            avg_quality_score=tally.quality,
            final_state={
                "state": state,
                **outcomes,
                "unreadable": totals.unreadable,
                "refused": totals.refused,
                "next": {str(partition): owed for partition, owed in tally.next_offsets().items()},
            },
        )


async def _committed(admin: AIOKafkaAdminClient, group: str, needed: Mapping[TopicPartition, int]) -> bool:
    """Whether the group has committed at least these offsets."""
    found = await admin.list_consumer_group_offsets(group, partitions=list(needed))
    return all(tp in found and found[tp].offset >= offset for tp, offset in needed.items())


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    """Whether the event is set before so many seconds are over."""
    try:
        return await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
