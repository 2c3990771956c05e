"""A pipeline between two queues: the same pure chain as on Kafka, without Kafka, for notebooks and tests.

::

    config = PipelineConfig(tenant_id="acme", source_name="tickets", source_type="csv")
    metrics = await StreamingETLPipeline(config).process_stream(input_queue, output_queue)

**In**: dicts, or `Record` and `SourceRecord` of the model; they are not changed. ``None`` ends the stream, and so does
``Queue.shutdown`` (Python 3.13). NaN becomes null; dates and UUIDs become text.

**Out**: the enriched envelope of `penstock.codecs.enriched` as a dict, ``{"id": …, "deleted": True}`` for a tombstone,
in the order of the input. Nothing is put behind the last one: the stream is over when `process_stream` returns, and the
input queue's ``join`` then returns as well.

**Batches** take what is there, up to `batch_size`, and never wait for more. At most `max_workers` of them are between
the queues at once (which pays for stages that wait for a network), and while the output queue holds
`backpressure_threshold` records nothing is put there, so that in the end the input queue fills up. Who cancels
`process_stream` loses the batches between the queues.

**Governed**: `stages` run before the enrichers; by default tag, redact, license, as in a pipeline file.

**Failures** never stop the stream. A record that is denied, quarantined, dead or unreadable is not put out: it counts
as failed, stands in ``errors`` by its id, and goes to the error handler as it came in. So does a batch whose stage
needs a server that does not answer (`UnreachableError`, ``retriable``: the handler may put the record in again). A
record that a stage dropped, as nobody needs it, counts as succeeded. An enricher that fails is noted in the record and
counted. What a handler raises stands in ``errors``; no error holds a value.
"""

import asyncio
import inspect
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final, TypeAlias

import orjson

from penstock.agents._pipeline_config import PipelineConfig, enrichers, governance
from penstock.agents.chain import Chain, Result, StageCount
from penstock.codecs import json as json_codec
from penstock.codecs.enriched import ENRICHMENT_VERSION, MetadataWriter, encode
from penstock.model.component import Resources, SourceRecord
from penstock.model.errors import DecodeError, PenstockError, RecordError, UnreachableError
from penstock.model.record import (
    HEADER_RECORD_ID,
    HEADER_SOURCE_ID,
    HEADER_SOURCE_TYPE,
    Data,
    Entry,
    Headers,
    Kept,
    Record,
    Stub,
    record_id,
)

__all__ = ["PipelineConfig", "RecordFailedError", "StreamingETLPipeline"]

Metrics: TypeAlias = dict[str, Any]
ProvenanceHandler: TypeAlias = Callable[[Data], Awaitable[object] | object]
ErrorHandler: TypeAlias = Callable[[PenstockError, Any], Awaitable[object] | object]

MOST_ERRORS: Final = 1000
"""Errors that the metrics of a stream list; more are counted only."""

_PARTITION: Final = 0
_LONGEST_LOOK: Final = 0.02

if sys.version_info >= (3, 13):
    _SHUT_DOWN: tuple[type[Exception], ...] = (asyncio.QueueShutDown,)
else:
    _SHUT_DOWN = ()


class RecordFailedError(RecordError):
    """A stage stopped a record: denied, quarantined, or dead.

    Attributes
    ----------
    id, stage, outcome, reason : str
        The record, the stage, ``denied``, ``quarantined`` or ``dead``, and the stage's code.
    """

    def __init__(self, id: str, stub: Stub, detail: str = "") -> None:
        super().__init__(f"{stub.outcome} by {stub.stage} ({stub.code}){': ' + detail if detail else ''}")
        self.id = id
        self.stage = stub.stage
        self.outcome = stub.outcome
        self.reason = stub.code


class StreamingETLPipeline:
    """Records from one queue, governed and enriched, into another.

    Parameters
    ----------
    config : PipelineConfig
    resources : Resources, optional
        Environment variables and clock for the stages; by default the process's own.

    Raises
    ------
    ConfigurationError
        A stage or enricher is unknown, has a wrong option or misses what it needs.
    """

    def __init__(self, config: PipelineConfig, resources: Resources | None = None) -> None:
        self.config = config
        self.resources = replace(
            resources or Resources(environ=_environ()),
            pipeline=config.source_name,
            tenant=config.tenant_id,
            options={"license": config.license, "env": config.env},
        )
        chosen = enrichers(config)
        self.chain = Chain(
            [*governance(config), *((name, options) for name, options, _ in chosen)],
            self.resources,
        )
        self.counts = {name: _Count(shown) for name, options, shown in chosen if options.enabled}
        self.on_provenance: ProvenanceHandler | None = None
        self.on_error: ErrorHandler | None = None
        self.taken = 0

    def set_provenance_handler(self, handler: ProvenanceHandler) -> None:
        """Call `handler(event)`, sync or async, for each record, before it is put out.

        An event has the fields of a ledger entry (`penstock.model.ledger`) that make sense here, and whose it is:
        ``record_id``, ``tenant``, ``source_name``, ``source_type``, ``verdict``, ``stage``, ``code``, ``content_hash``
        (SHA-256 of the data as put out), ``license``, ``pii`` (categories), ``timestamp`` (milliseconds).
        """
        self.on_provenance = handler

    def set_error_handler(self, handler: ErrorHandler) -> None:
        """Call `handler(error, record)`, sync or async, for each record that fails, with the record as it came in."""
        self.on_error = handler

    async def process_stream(self, input_queue: "asyncio.Queue[Any]", output_queue: "asyncio.Queue[Data]") -> Metrics:
        """Process records until the input ends.

        Returns
        -------
        dict
            ``records_processed`` = ``records_succeeded`` + ``records_failed``, ``total_duration_ms``,
            ``enrichments_applied`` (records an enricher worked on without failing, summed over enrichers),
            ``enrichment_duration_ms`` and ``errors`` (the first `MOST_ERRORS`), of this call.
        """
        began = time.perf_counter()
        stream = _Stream(self, input_queue, output_queue)
        reader, writer = asyncio.create_task(stream.read()), asyncio.create_task(stream.write())
        try:
            await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            tasks = [reader, writer, *stream.running]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in (reader, writer):
            if not task.cancelled():
                task.result()
        stream.metrics["total_duration_ms"] = (time.perf_counter() - began) * 1000
        return stream.metrics

    def enricher_metrics(self) -> dict[str, Metrics]:
        """What each enricher did since this pipeline was made, by its name in the configuration.

        A record in which an enricher found nothing to add counts as a success.
        """
        return {count.shown: count.metrics() for count in self.counts.values()}


@dataclass(slots=True)
class _Count:
    """What one enricher did."""

    shown: str
    total: int = 0
    failed: int = 0
    seconds: float = 0.0

    def add(self, stage: StageCount) -> int:
        """Add what it did with one batch; the records that it did not fail on."""
        noted = sum(number for code, number in stage.outcomes.items() if code.startswith("failed:"))
        failed = noted + stage.records - stage.outcomes["kept"]
        self.total += stage.records
        self.failed += failed
        self.seconds += stage.seconds
        return stage.records - failed

    def metrics(self) -> Metrics:
        succeeded = self.total - self.failed
        return {
            "total_enrichments": self.total,
            "successful_enrichments": succeeded,
            "failed_enrichments": self.failed,
            "total_duration_ms": self.seconds * 1000,
            "average_duration_ms": self.seconds * 1000 / self.total if self.total else 0.0,
            "success_rate": succeeded / self.total if self.total else 0.0,
        }


_Settled: TypeAlias = tuple[int, Any, Entry | PenstockError]
"""Number of a record, the record as it came in, what became of it."""


def _metrics() -> Metrics:
    return {
        "records_processed": 0,
        "records_succeeded": 0,
        "records_failed": 0,
        "total_duration_ms": 0.0,
        "enrichments_applied": 0,
        "enrichment_duration_ms": 0.0,
        "errors": [],
    }


@dataclass(slots=True)
class _Stream:
    """One call of `process_stream`: a reader starts a task a batch, a writer takes their results in order."""

    pipeline: StreamingETLPipeline
    input: "asyncio.Queue[Any]"
    output: "asyncio.Queue[Data]"
    metrics: Metrics = field(default_factory=_metrics)
    running: "list[asyncio.Task[list[_Settled]]]" = field(default_factory=list)
    _order: "asyncio.Queue[asyncio.Task[list[_Settled]] | None]" = field(default_factory=asyncio.Queue)
    _slots: asyncio.Semaphore = field(init=False)
    _writer: MetadataWriter = field(init=False)

    def __post_init__(self) -> None:
        config = self.pipeline.config
        self._slots = asyncio.Semaphore(config.max_workers)
        self._writer = MetadataWriter(config.env, ENRICHMENT_VERSION)

    async def read(self) -> None:
        ended = False
        while not ended:
            await self._slots.acquire()
            items, ended = await self._take()
            if items:
                first = self.pipeline.taken
                self.pipeline.taken += len(items)
                task = asyncio.create_task(self._process(list(enumerate(items, first))))
                self.running.append(task)
                self._order.put_nowait(task)
        self._order.put_nowait(None)

    async def write(self) -> None:
        while (task := await self._order.get()) is not None:
            for settled in await task:
                await self._settle(*settled)
                self.input.task_done()
            self.running.remove(task)
            self._slots.release()

    async def _take(self) -> tuple[list[Any], bool]:
        """What is there, up to a batch, and whether the input ended behind it; waits for the first record only."""
        items: list[Any] = []
        try:
            item = await self.input.get()
            while item is not None:
                items.append(item)
                if len(items) == self.pipeline.config.batch_size:
                    return items, False
                item = self.input.get_nowait()
        except asyncio.QueueEmpty:
            return items, False
        except _SHUT_DOWN:
            return items, True
        self.input.task_done()
        return items, True

    async def _process(self, items: list[tuple[int, Any]]) -> list[_Settled]:
        found: dict[int, Entry | PenstockError] = {}
        entries = []
        for number, item in items:
            try:
                entries.append(_entry(number, item, self.pipeline))
            except DecodeError as error:
                found[number] = error
        try:
            result = await self.pipeline.chain.run(self.pipeline.config.source_name, _PARTITION, entries)
        except UnreachableError as error:
            found.update((entry.offset, error) for entry in entries)
        else:
            found.update(_settled(result, self.pipeline.config.source_name))
            self._count(result.counts)
        return [(number, item, found[number]) for number, item in items]

    def _count(self, counts: Mapping[str, StageCount]) -> None:
        for name, count in self.pipeline.counts.items():
            if name in counts:
                self.metrics["enrichments_applied"] += count.add(counts[name])
                self.metrics["enrichment_duration_ms"] += counts[name].seconds * 1000

    async def _settle(self, number: int, item: Any, found: Entry | PenstockError) -> None:
        """Tell what became of a record, and put it out if it was kept."""
        source, metrics = self.pipeline.config.source_name, self.metrics
        id = record_id(source, _PARTITION, found) if isinstance(found, Kept) else f"{source}/{_PARTITION}/{number}"
        if isinstance(found, RecordFailedError):
            id = found.id
        if self.pipeline.config.emit_provenance:
            await self._tell("provenance", self.pipeline.on_provenance, self._event(id, found))
        metrics["records_processed"] += 1
        if isinstance(found, PenstockError):
            metrics["records_failed"] += 1
            self._note(f"{id}: {found}")
            await self._tell("error", self.pipeline.on_error, found, item)
            return
        if isinstance(found, Kept):
            await self._put(self._envelope(id, found))
        metrics["records_succeeded"] += 1

    def _envelope(self, id: str, entry: Kept) -> Data:
        if entry.data is None:
            return {"id": id, "deleted": True}
        metadata = self._writer.write(entry, self.pipeline.resources.clock())
        tenant = orjson.dumps(self.pipeline.config.tenant_id)
        envelope: Data = orjson.loads(encode(entry, id=id, metadata=metadata, tenant=tenant))
        return envelope

    async def _put(self, envelope: Data) -> None:
        wait = 0.0
        while self.output.qsize() >= self.pipeline.config.backpressure_threshold:
            await asyncio.sleep(wait)  # a queue tells nobody that something was taken from it
            wait = min(wait + 0.001, _LONGEST_LOOK)
        await self.output.put(envelope)

    async def _tell(self, name: str, handler: Callable[..., Any] | None, *arguments: Any) -> None:
        if handler is None:
            return
        try:
            returned = handler(*arguments)
            if inspect.isawaitable(returned):
                await returned
        except Exception as error:  # it is the caller's, and never stops the stream
            self._note(f"the {name} handler raised {type(error).__name__}")

    def _note(self, error: str) -> None:
        if len(self.metrics["errors"]) < MOST_ERRORS:
            self.metrics["errors"].append(error)

    def _event(self, id: str, found: Entry | PenstockError) -> Data:
        config = self.pipeline.config
        stage, code, verdict, notes = "", "", "kept", dict[str, bytes]()
        ...
