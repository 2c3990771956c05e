"""A pipeline between two queues: the same pure chain as on Kafka, without Kafka, for notebooks and tests.

::

    config = PipelineConfig(tenant_id="acme", source_name="tickets", source_type="csv")
    metrics = await StreamingETLPipeline(config).process_stream(input_queue, output_queue)

**In**: dicts, or `SourceRecord` and `Record` of the model; they are not changed. ``None`` ends the stream, and so does
``Queue.shutdown`` (Python 3.13). NaN becomes null; dates and UUIDs become text.

**Out**: the envelope of `penstock.codecs.enriched` as a dict (``{"id": …, "deleted": True}`` for a tombstone), in the
order of the input. Nothing is put behind the last one: the stream is over when `process_stream` returns. The input
queue's ``join`` returns once everything that was put there is settled.

**Batches** take what is there, up to `batch_size`, and never wait for more. At most `max_workers` of them are between
the queues at once (which pays for stages that wait for a network), and while the output queue holds
`backpressure_threshold` records nothing is put there, so that in the end the input queue fills up. Who cancels
`process_stream` loses the batches between the queues.

**Governed**: `stages` run before the enrichers; by default tag, redact, license, as in a pipeline file. Behind an
enricher that adds text (a transcript, say) `redact` runs once more.

**Failures** never stop the stream. A record that is denied, quarantined, dead or unreadable is not put out: it counts
as failed, stands in ``errors`` by its id, and goes to the error handler as it came in. So do the records of a batch
whose stage needs a server that does not answer (`UnreachableError`, ``retriable``: the handler may put them in again).
A record that a stage dropped, as nobody needs it, counts as succeeded. An enricher that fails is noted in the record
and counted. What a handler raises stands in ``errors``. No error holds a value.
"""

import asyncio
import inspect
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import orjson

from penstock.agents._pipeline_config import PipelineConfig, chain, enrichers
from penstock.agents._pipeline_records import PARTITION, RecordFailedError, Settled, entry, event, settled, unsettled
from penstock.agents.chain import Chain, StageCount
from penstock.codecs.enriched import ENRICHMENT_VERSION, MetadataWriter, encode
from penstock.model.component import Resources
from penstock.model.errors import DecodeError, PenstockError, UnreachableError
from penstock.model.record import Data, Kept

__all__ = ["PipelineConfig", "RecordFailedError", "StreamingETLPipeline"]

Metrics: TypeAlias = dict[str, Any]
ProvenanceHandler: TypeAlias = Callable[[Data], Awaitable[object] | object]
ErrorHandler: TypeAlias = Callable[[PenstockError, Any], Awaitable[object] | object]

MOST_ERRORS: Final = 1000
"""Errors that the metrics of a stream list; the others are counted only."""

_LONGEST_WAIT: Final = 0.02  # seconds between two looks at an output queue that is full

_SHUT_DOWN: tuple[type[Exception], ...] = ()
if sys.version_info >= (3, 13):
    _SHUT_DOWN = (asyncio.QueueShutDown,)


class StreamingETLPipeline:
    """Records from one queue, governed and enriched, into another.

    Parameters
    ----------
    config : PipelineConfig
    resources : Resources, optional
        Environment variables and clock for the stages; the process's own where absent.

    Raises
    ------
    ConfigurationError
        A stage or an enricher is unknown, has a wrong option or misses what it needs.
    """

    def __init__(self, config: PipelineConfig, resources: Resources | None = None) -> None:
        resources = resources or Resources(environ=os.environ)
        if (env := resources.environ.get("AF_ENV")) and "env" not in config.model_fields_set:
            config = config.model_copy(update={"env": env})
        self.config = config
        self.resources = replace(
            resources,
            pipeline=config.source_name,
            tenant=config.tenant_id,
            options={"license": config.license, "env": config.env},
        )
        self._chain = Chain(chain(config), self.resources)
        self._enrichers = {name: _Enricher(shown) for name, options, shown in enrichers(config) if options.enabled}
        self._provenance: ProvenanceHandler | None = None
        self._error: ErrorHandler | None = None
        self._taken = 0

    def set_provenance_handler(self, handler: ProvenanceHandler) -> None:
        """Call `handler(event)`, sync or async, for each record, before it is put out.

        An event has the fields of a ledger's entry (`penstock.model.ledger`) that a stream without offsets knows, and
        whose it is: ``record_id``, ``tenant``, ``source_name``, ``source_type``, ``verdict``, ``stage``, ``code``,
        ``content_hash`` (SHA-256 of the data put out, hex), ``license``, ``pii`` (categories), ``timestamp`` (ms).
        """
        self._provenance = handler

    def set_error_handler(self, handler: ErrorHandler) -> None:
        """Call `handler(error, record)`, sync or async, for each record that fails, with the record as it came in."""
        self._error = handler

    async def process_stream(self, input_queue: "asyncio.Queue[Any]", output_queue: "asyncio.Queue[Data]") -> Metrics:
        """Process records until the input ends.

        Returns
        -------
        dict
            Of this call: ``records_processed``, which is ``records_succeeded`` and ``records_failed`` together;
            ``total_duration_ms``; ``enrichments_applied``, the records that an enricher did not fail on, summed over
            the enrichers; ``enrichment_duration_ms``; ``errors``, the first `MOST_ERRORS`.
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

        A record in which an enricher finds nothing to add is a success.
        """
        return {enricher.shown: enricher.metrics() for enricher in self._enrichers.values()}


@dataclass(slots=True)
class _Enricher:
    """Counts what one enricher did."""

    shown: str
    total: int = 0
    failed: int = 0
    seconds: float = 0.0

    def add(self, count: StageCount) -> int:
        """Add what it did with a batch; how many records it did not fail on."""
        noted = sum(number for code, number in count.outcomes.items() if code.startswith("failed:"))
        succeeded = count.outcomes["kept"] - noted
        self.total += count.records
        self.failed += count.records - succeeded
        self.seconds += count.seconds
        return succeeded

    def metrics(self) -> Metrics:
        succeeded, milliseconds = self.total - self.failed, self.seconds * 1000
        return {
            "total_enrichments": self.total,
            "successful_enrichments": succeeded,
            "failed_enrichments": self.failed,
            "total_duration_ms": milliseconds,
            "average_duration_ms": milliseconds / self.total if self.total else 0.0,
            "success_rate": succeeded / self.total if self.total else 0.0,
        }


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


_Batch: TypeAlias = list[tuple[Any, Settled]]
"""Each record as it came in, and what became of it."""


class _Stream:
    """One call of `process_stream`: a reader starts a task for each batch, a writer takes their results in order."""

    def __init__(self, pipeline: StreamingETLPipeline, input: "asyncio.Queue[Any]", output: "asyncio.Queue[Data]"):
        config = pipeline.config
        self.metrics = _metrics()
        self.running: list[asyncio.Task[_Batch]] = []
        self._pipeline, self._config, self._input, self._output = pipeline, config, input, output
        self._order: asyncio.Queue[asyncio.Task[_Batch] | None] = asyncio.Queue()
        self._slots = asyncio.Semaphore(config.max_workers)
        self._metadata = MetadataWriter(config.env, ENRICHMENT_VERSION)
        self._tenant = orjson.dumps(config.tenant_id)

    async def read(self) -> None:
        """Start batches until the input ends."""
        ended = False
        while not ended:
            await self._slots.acquire()
            items, ended = await self._take()
            if items:
                first = self._pipeline._taken
                self._pipeline._taken += len(items)
                self.running.append(asyncio.create_task(self._process(first, items)))
                self._order.put_nowait(self.running[-1])
        self._order.put_nowait(None)

    async def write(self) -> None:
        """Put out what batches become, in their order."""
        while (task := await self._order.get()) is not None:
            for item, found in await task:
                await self._settle(item, found)
                self._input.task_done()
            self.running.remove(task)
            self._slots.release()

    async def _take(self) -> tuple[list[Any], bool]:
        """What is there, up to a batch, and whether the input ends behind it; waits for the first record only."""
        items: list[Any] = []
        try:
            item = await self._input.get()
            while item is not None:
                items.append(item)
                if len(items) == self._config.batch_size:
                    return items, False
                item = self._input.get_nowait()
        except asyncio.QueueEmpty:
            return items, False
        except _SHUT_DOWN:
            return items, True
        self._input.task_done()
        return items, True

    async def _process(self, first: int, items: list[Any]) -> _Batch:
        source, now = self._config.source_name, int(self._pipeline.resources.clock() * 1000)
        found: dict[int, Settled] = {}
        entries = []
        for number, item in enumerate(items, first):
            try:
                entries.append(entry(number, item, source, self._config.source_type, now))
            except DecodeError as error:
                found[number] = unsettled(number, now, source, error)
        try:
            result = await self._pipeline._chain.run(source, PARTITION, entries)
        except UnreachableError as error:
            found.update((e.offset, unsettled(e.offset, e.timestamp, source, error, e.origin)) for e in entries)
        else:
            found.update(settled(result, source))
            self._count(result.counts)
        return [(item, found[number]) for number, item in enumerate(items, first)]

    def _count(self, counts: dict[str, StageCount]) -> None:
        for name, enricher in self._pipeline._enrichers.items():
            if name in counts:
                self.metrics["enrichments_applied"] += enricher.add(counts[name])
                self.metrics["enrichment_duration_ms"] += counts[name].seconds * 1000

    async def _settle(self, item: Any, found: Settled) -> None:
        """Tell what became of a record, and put it out if it was kept."""
        if self._config.emit_provenance and self._pipeline._provenance is not None:
            told = event(found, self._config.tenant_id, self._config.source_name, self._config.source_type)
            await self._tell("provenance", self._pipeline._provenance, told)
        if found.error is not None:
            self._note(f"{found.id}: {found.error}")
            if self._pipeline._error is not None:
                await self._tell("error", self._pipeline._error, found.error, item)
        elif isinstance(found.entry, Kept):
            await self._put(self._envelope(found.id, found.entry))
        self.metrics["records_processed"] += 1
        self.metrics["records_succeeded" if found.error is None else "records_failed"] += 1

    def _envelope(self, id: str, kept: Kept) -> Data:
        if kept.data is None:
            return {"id": id, "deleted": True}
        metadata = self._metadata.write(kept, self._pipeline.resources.clock())
        envelope: Data = orjson.loads(encode(kept, id=id, metadata=metadata, tenant=self._tenant))
        return envelope

    async def _put(self, envelope: Data) -> None:
        wait = 0.0
        while self._output.qsize() >= self._config.backpressure_threshold:
            await asyncio.sleep(wait)  # a queue tells nobody that something was taken from it
            wait = min(wait + 0.001, _LONGEST_WAIT)
        await self._output.put(envelope)

    async def _tell(self, name: str, handler: Callable[..., Any], *arguments: Any) -> None:
        try:
            returned = handler(*arguments)
            if inspect.isawaitable(returned):
                await returned
        except Exception as error:  # the handler is the caller's, the stream goes on
            self._note(f"the {name} handler raised {type(error).__name__}")

    def _note(self, error: str) -> None:
        if len(self.metrics["errors"]) < MOST_ERRORS:
            self.metrics["errors"].append(error)
