"""A worker: any of a pipeline's agents and sinks, side by side in one event loop.

Each service runs under a supervisor. One that ends with an error is started anew with clean buffers, clients and
places (that is how fences, broken producers, stuck recoveries and holes are dealt with); one that keeps failing ends
the worker with that error, so that whatever runs workers sees it.
"""

import asyncio
import contextlib
import fcntl
import gc
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import httpx
from aiokafka import AIOKafkaProducer

from penstock.agents import registry
from penstock.agents.chain import Chain
from penstock.agents.runtime import metrics
from penstock.agents.runtime.cluster import Cluster, broker_away, cancelled
from penstock.agents.runtime.deadletter import DeadLetters
from penstock.agents.runtime.deliver import Deliver
from penstock.agents.runtime.framing import FrameWriter
from penstock.agents.runtime.hop import Hop
from penstock.agents.runtime.ingest import METADATA_SECONDS, Ingest
from penstock.agents.runtime.lease import Lease
from penstock.agents.runtime.load import Load
from penstock.agents.runtime.logs import logger
from penstock.agents.runtime.membership import client_id, take_out
from penstock.agents.runtime.owner import LOST_CONNECTION, Handler, Linger, Owner
from penstock.agents.runtime.patience import patiently
from penstock.agents.runtime.payloads import Payloads
from penstock.agents.runtime.producing import Producing
from penstock.agents.runtime.purge import purge_last_frames
from penstock.agents.runtime.reference import References
from penstock.agents.runtime.sink import SinkHandler
from penstock.agents.runtime.source import SourceTask
from penstock.agents.runtime.topic_ids import TopicId
from penstock.codecs.avro import ENRICHED_SCHEMA, AvroDecoder, AvroEncoder
from penstock.codecs.enriched import ENRICHMENT_VERSION, MetadataWriter
from penstock.codecs.schema_registry import SchemaRegistry
from penstock.connectors import registry as connectors
from penstock.model import keyring
from penstock.model.component import Event, Resources, Sink
from penstock.model.errors import ConfigurationError, PenstockError
from penstock.stores.claims import Claims, store_url
from penstock.topology.plan import DELIVER, INGEST, Agent, Plan, SinkAgent

MOST_RESTARTS = 8
RESTART_WINDOW_SECONDS = 180.0
MOST_WAIT_SECONDS = 2.0
"""For a broker that does not answer."""
GATHERED_BYTES = 512 * 1024
TAKE_OUT_SECONDS = 10.0
SPACING_SECONDS = 0.04
"""At least between two transactions of delivery in one partition: each is three requests, whatever it holds."""

Service = Callable[[asyncio.Event], Awaitable[None]]


@dataclass
class Worker:
    """Some agents and sinks of a plan.

    Attributes
    ----------
    home : Path
        Where state is kept; each worker on a machine takes a folder of its own below it.
    agents, sinks : list of str
        Names of what runs here (see `Plan.select`).
    """

    cluster: Cluster
    plan: Plan
    environ: Mapping[str, str]
    home: Path
    agents: list[str]
    sinks: list[str]
    owners: dict[str, Owner] = field(default_factory=dict, init=False)
    hops: dict[str, Hop] = field(default_factory=dict, init=False)
    lease: Lease = field(default_factory=Lease, init=False)
    load: Load = field(default_factory=Load, init=False)

    def __post_init__(self) -> None:
        pipeline = self.plan.pipeline
        self._references = References(self.cluster, pipeline.name)
        self.resources = Resources(
            pipeline=pipeline.name,
            tenant=pipeline.tenant,
            environ=self.environ,
            options={"license": pipeline.license, "env": pipeline.env},
            report=self._report,
            table=self._references.table,
        )
        store = store_url(pipeline.batching.claim_store, self.home, pipeline.name)
        self._payloads = Payloads(Claims(store), pipeline)
        self._producing = Producing(self.cluster.producer)

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set; then each service finishes or abandons its frame and leaves its group.

        Raises the error of a service that keeps failing.
        """
        _tune_collector()
        with _own_folder(self.home / "state" / self.plan.pipeline.name) as folder:
            name, used = client_id(folder)
            self.cluster = replace(self.cluster, client_id=name)
            if used:
                await self._take_out(*self.plan.groups)
            tickers = [asyncio.create_task(self.lease.run()), asyncio.create_task(self.load.run())]
            services = [
                asyncio.create_task(self._supervise(name, service, stop)) for name, service in self._services(folder)
            ]
            try:
                await asyncio.gather(*services)
            finally:
                stop.set()
                await asyncio.gather(*services, return_exceptions=True)
                await self._references.close()
                for ticker in tickers:
                    ticker.cancel()

    async def _take_out(self, *groups: str) -> None:
        """Take out of the groups what is left of this worker, or of one that died in its folder."""
        try:
            async with asyncio.timeout(TAKE_OUT_SECONDS), self._producing.producer() as producer:
                count = await take_out(producer.client, groups, self.cluster.client_id)
        except asyncio.CancelledError:
            if cancelled():
                raise
        except Exception as error:  # no broker answers, say: who needs it says so
            logger().debug("dead members were not looked for", reason=type(error).__name__)
        else:
            if count:
                logger().info("dead members taken out", pipeline=self.plan.pipeline.name, members=count)

    def _report(self, event: Event) -> None:
        metrics.EVENTS.labels(self.plan.pipeline.name, event.code).inc()
        logger().warning(event.message, pipeline=self.plan.pipeline.name, code=event.code)

    def ready(self) -> bool:
        """Whether every service has joined its group."""
        joined = [owner.joined for owner in self.owners.values()] + [hop.joined for hop in self.hops.values()]
        wanted = len(self.agents) + len(self.sinks)
        return len(joined) == wanted and all(event.is_set() for event in joined)

    def _services(self, folder: Path) -> list[tuple[str, Service]]:
        by_name = {agent.name: agent for agent in self.plan.agents}
        services: list[tuple[str, Service]] = []
        for name in self.agents:
            if name == INGEST:
                services.append((name, self._ingest))
            elif name == DELIVER:
                services.append((name, self._deliver))
            else:
                services.append((name, self._hop(by_name[name], folder)))
        by_sink = {sink.name: sink for sink in self.plan.sinks}
        services += [(f"sink-{name}", self._sink(by_sink[name])) for name in self.sinks]
        return services

    async def _supervise(self, name: str, service: Service, stop: asyncio.Event) -> None:
        failed: deque[float] = deque(maxlen=MOST_RESTARTS)
        tried = 0
        log = logger().bind(pipeline=self.plan.pipeline.name, agent=name)
        while not stop.is_set():
            try:
                await _uncancelled(service, stop)
            except ConfigurationError:
                raise
            except Exception as error:
                code = error.code if isinstance(error, PenstockError) else type(error).__name__
                metrics.RESTARTS.labels(self.plan.pipeline.name, name, code).inc()
                log.warning("started anew", reason=code, detail=_detail(error))
                if broker_away(error):  # however long that lasts: nobody else could go on either
                    tried += 1
                    await asyncio.sleep(min(0.2 * 2 ** min(tried, 10), MOST_WAIT_SECONDS))
                    continue
                tried = 0
                failed.append(time.monotonic())
                if len(failed) == MOST_RESTARTS and failed[-1] - failed[0] < RESTART_WINDOW_SECONDS:
                    log.error("gave up", reason=code)
                    raise
                await self._take_out(f"{self.plan.pipeline.name}.{name}")
                await asyncio.sleep(min(0.2 * 2 ** len(failed), 10))

    @asynccontextmanager
    async def _clients(self) -> AsyncIterator[tuple[AIOKafkaProducer, DeadLetters]]:
        """The producer of frames and the dead letters, for one life of a service."""
        async with self._producing.producer() as producer:
            letters = DeadLetters(self.cluster, self.plan, producer)
            try:
                yield producer, letters
            finally:
                with contextlib.suppress(Exception):
                    await asyncio.wait_for(letters.close(), 10)

    async def _ingest(self, stop: asyncio.Event) -> None:
        pipeline = self.plan.pipeline
        async with self._clients() as (producer, letters), httpx.AsyncClient(timeout=10) as http:
            avro = AvroDecoder(self._registry(http)) if pipeline.raw.codec == "avro" else None
            raw_id = TopicId(producer, pipeline.raw_topic)

            def make(partition: int) -> Ingest:
                labels, limit = (pipeline.name, INGEST), pipeline.batching.frame_bytes
                writer = FrameWriter(producer, self.plan.first_frames, partition, labels, limit)
                return Ingest(self.cluster, self.plan, partition, raw_id, writer, letters, self._payloads, avro)

            options = {
                "isolation_level": "read_committed",
                "auto_offset_reset": "none",
                "metadata_max_age_ms": int(METADATA_SECONDS * 1000),
            }
            linger = Linger(GATHERED_BYTES, pipeline.batching.linger_ms, self.load)
            await self._own(INGEST, pipeline.raw_topic, make, stop, options, linger)

    async def _deliver(self, stop: asyncio.Event) -> None:
        pipeline = self.plan.pipeline
        schema_id = await self._enriched_schema() if pipeline.enriched.codec == "avro" else None
        metadata = MetadataWriter(pipeline.env, ENRICHMENT_VERSION)
        async with self._clients() as (producer, letters):

            def make(partition: int) -> Deliver:
                return Deliver(self.cluster, self.plan, partition, metadata, letters, self._payloads, schema_id)

            purge = asyncio.create_task(purge_last_frames(self.cluster, self.plan, self.owners, producer))
            try:
                options = {"auto_offset_reset": "earliest"}
                await self._own(DELIVER, self.plan.last_frames, make, stop, options, spacing=SPACING_SECONDS)
            finally:
                purge.cancel()

    def _registry(self, http: httpx.AsyncClient) -> SchemaRegistry:
        return SchemaRegistry.from_environ(self.environ, http=http, token=self.environ.get("PENSTOCK_API_TOKEN"))

    async def _enriched_schema(self) -> int:
        """The id of the enriched envelope's schema; waits for a registry that does not answer."""
        pipeline = self.plan.pipeline
        async with httpx.AsyncClient(timeout=10) as http:
            encoder = AvroEncoder(self._registry(http), f"{pipeline.enriched_topic}-value", ENRICHED_SCHEMA)
            return await patiently(encoder.register, pipeline.error_handling, (pipeline.name, DELIVER))

    def _hop(self, agent: Agent, folder: Path) -> Service:
        async def run(stop: asyncio.Event) -> None:
            stages = [(stage.use, registry.configure(stage.use, stage.options)) for stage in agent.stages]
            chain = Chain(stages, self.resources)
            if chain.has_state and not keyring.configured(self.environ):
                raise ConfigurationError(
                    f"{agent.name} remembers records, and there is no key to do so under",
                    hint="make one with `openssl rand -hex 32` and set PENSTOCK_HASH_KEY",
                )
            async with self._clients() as (producer, letters):
                hop = self.hops[agent.name] = Hop(
                    self.cluster, self.plan, agent, chain, producer, letters, self._payloads, self.lease, folder
                )
                await hop.run(stop)

        return run

    def _sink(self, agent: SinkAgent) -> Service:
        async def run(stop: asyncio.Event) -> None:
            config = connectors.configure_sink(agent.component.use, agent.component.options)
            sink: Sink = connectors.build_sink(agent.component.use, config, self.resources)
            async with self._clients() as (producer, letters):

                def make(partition: int) -> SinkHandler:
                    return SinkHandler(
                        self.cluster, self.plan, agent, sink, partition, producer, letters, self._payloads
                    )

                try:
                    options = {"auto_offset_reset": "earliest"}
                    await self._own(f"sink-{agent.name}", agent.source, make, stop, options)
                finally:
                    await sink.close()

        return run

    async def _own(
        self,
        name: str,
        topic: str,
        make: Callable[[int], Handler],
        stop: asyncio.Event,
        options: Mapping[str, Any],
        linger: Linger | None = None,
        spacing: float = 0.0,
    ) -> None:
        owner = Owner(
            self.cluster,
            self.plan.pipeline.name,
            name,
            topic,
            make,
            self.plan.pipeline.raw.partitions,
            self.lease,
            dict(options),
            linger,
            spacing,
        )
        self.owners[name] = owner
        await owner.run(stop)


def source_tasks(
    cluster: Cluster, plan: Plan, resources: Resources, names: list[str] | None = None
) -> dict[str, SourceTask]:
    """The sources of the plan (or those of `names`), built. Raises ConfigurationError for a name that is none."""
    there = {source.name: source for source in plan.pipeline.sources}
    for name in names or []:
        if name not in there:
            raise ConfigurationError(f"no source is called {name}", hint=f"there are: {', '.join(there) or 'none'}")
    tasks = {}
    for name in names if names is not None else there:
        component = there[name]
        config = connectors.configure_source(component.use, component.options)
        source = connectors.build_source(component.use, config, resources)
        tasks[name] = SourceTask(cluster, plan, name, component.use, source, config)
    return tasks


async def _uncancelled(service: Service, stop: asyncio.Event) -> None:
    """Run a service; a cancellation that it lets out although nobody cancelled it is a failure like others."""
    try:
        await service(stop)
    except asyncio.CancelledError:
        if cancelled():
            raise
        raise PenstockError(LOST_CONNECTION) from None


def _tune_collector() -> None:
    """Let Python's cycle collector look less often: frames are many live objects and hardly ever cycles.

    Measured on the bench's job with default thresholds: 10 to 20% of all CPU time goes into looking.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@contextlib.contextmanager
def _own_folder(parent: Path) -> Iterator[Path]:
    """A state folder that no other process on this machine uses: the first of worker-0, worker-1, … that is free."""
    parent.mkdir(parents=True, exist_ok=True)
    for number in range(10_000):
        folder = parent / f"worker-{number}"
        folder.mkdir(exist_ok=True)
        lock: IO[str] = (folder / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        try:
            yield folder
        finally:
            lock.close()
        return
    raise ConfigurationError(f"no free worker folder below {parent}")


def _detail(error: BaseException) -> str:
    """What may be logged of an error: our own messages hold no values, others' may."""
    return str(error) if isinstance(error, PenstockError) else ""
