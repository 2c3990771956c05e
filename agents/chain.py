"""The chain: the entries of a frame in, each stage's verdict applied, the entries of the next frame out.

Pure but for what its stages were handed: no Kafka, no clock, no frame. The same chain runs fused in one agent, in
pieces over many agents, in `penstock stage run` and in notebooks, and gives the same entries byte for byte, because
each stage leaves a record as bytes (`Kept`) behind, whatever comes next.

What becomes of a record whose stage raised:

* an enricher (`Enrich`, `EnrichRecord`, `EnrichBatch`) never blocks: the record goes on, ``enrichments.errors`` names
  stage and code;
* any other stage: the record stops as ``dead``; the caller writes its dead letter before it passes the entries on.
  `UnreachableError` that is raised is not the record's fault: it leaves the chain, and the whole frame is tried
  again. An `EnrichBatch` that would rather go on without its server returns it for the record.

A stage with state (`ApplyState`) is handed a draft of it for each record: what a record changes counts if its verdict
does. Who runs the chain may hand in the state and keep it where records are kept; else it lives as long as the chain.
"""

import asyncio
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final

import orjson
from msgspec import UNSET

from penstock.agents import registry
from penstock.agents.state import Draft
from penstock.model.component import (
    Annotations,
    Apply,
    ApplyBatch,
    ApplyState,
    Enrich,
    EnrichBatch,
    EnrichRecord,
    Resources,
    StageConfig,
    State,
)
from penstock.model.errors import EnrichmentError, PenstockError, StageError, UnreachableError
from penstock.model.record import Entry, Kept, Outcome, Record, Stub, record_prefix
from penstock.model.verdict import KEEP, Deny, Drop, Keep, Quarantine, Verdict

AT_ONCE: Final = 128
"""Records that pass all stages before the next do: what they are made of stays in the processor's cache meanwhile (500
at once take a fifth longer). A stage that asks a server gets the whole frame, to ask for as many as it can at once."""

LONG_SECONDS: Final = 0.1
_BREATH_SECONDS: Final = 0.001


@dataclass(slots=True)
class Aside:
    """A record that a stage quarantined, or that died in it: what a dead letter is made of."""

    offset: int
    id: str
    stage: str
    code: str
    outcome: Outcome
    detail: str = ""
    trace: list[str] = field(default_factory=list)
    """Where it was raised, as ``file:line function``; never the text of a foreign exception."""


@dataclass(slots=True)
class StageCount:
    """What one stage did with one frame."""

    records: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)  # "kept", or "<outcome>:<code>"


@dataclass(slots=True)
class Result:
    """The entries of the next frame, the records set aside, and the counts by stage."""

    entries: list[Entry]
    aside: list[Aside]
    counts: dict[str, StageCount]


class Chain:
    """Stages in order.

    Parameters
    ----------
    stages
        Name and options of each stage.
    resources
        What stages may use.
    """

    def __init__(self, stages: Sequence[tuple[str, StageConfig]], resources: Resources) -> None:
        self.names = [name for name, config in stages if config.enabled]
        self._whole = any(registry.alone(name, config) for name, config in stages if config.enabled)
        self._steps = [_built(name, config, resources) for name, config in stages if config.enabled]
        self.has_state = any(kind is ApplyState for _, kind, _ in self._steps)
        self._own = Draft()
        self._turn = asyncio.Lock()

    async def run(self, topic: str, partition: int, entries: Sequence[Entry], state: State | None = None) -> Result:
        """Run every stage over the entries of one frame of one raw partition.

        Parameters
        ----------
        topic, partition, entries
        state
            What stages with state remember of the partition; it is changed, also where this raises: hand in a draft.
            Without it they remember as long as this chain lives, one frame after the other.

        Raises
        ------
        UnreachableError
            A stage needs a server that does not answer now; nothing was changed that trying again would not redo.
        """
        if self.has_state and state is None:
            async with self._turn:
                draft = Draft(self._own)
                result = await self._all(topic, partition, entries, draft)
                draft.keep()
                return result
        return await self._all(topic, partition, entries, state)

    async def _all(self, topic: str, partition: int, entries: Sequence[Entry], state: State | None) -> Result:
        result = Result([], [], {})
        if not self._steps:
            result.entries += entries
            return result
        at_once = max(1, len(entries)) if self._whole else AT_ONCE
        for first in range(0, len(entries), at_once):
            await self._run(topic, partition, entries[first : first + at_once], result, state)
        return result

    async def _run(
        self, topic: str, partition: int, entries: Sequence[Entry], result: Result, state: State | None
    ) -> None:
        """Run every stage over some of the entries, and add what came of it to `result`."""
        out = list(entries)
        live: dict[int, Record] = {}
        prefix = record_prefix(topic, partition)
        for index, entry in enumerate(entries):
            if type(entry) is Kept and entry.data is not None:  # stages look at no tombstone
                out[index] = copy = _copy(entry)
                live[index] = Record(copy, copy.origin or f"{prefix}{copy.offset}")
        for number, (name, kind, function) in enumerate(self._steps):
            if not live:
                break
            count = result.counts.setdefault(name, StageCount())
            count.records += len(live)
            began = time.perf_counter()
            draft = Draft(state, bytes([number])) if kind is ApplyState else None  # each has keys of its own
            stopped = await _step(name, kind, function, live, count, draft)
            for index, aside in stopped.items():
                record = live.pop(index)
                out[index] = Stub(
                    record.entry.offset, record.timestamp, aside.outcome, name, aside.code, record.entry.origin
                )
                if aside.outcome in ("quarantined", "dead"):
                    result.aside.append(aside)
                count.outcomes[f"{aside.outcome}:{aside.code}"] += 1
            count.outcomes["kept"] += len(live)
            seconds = time.perf_counter() - began
            count.seconds += seconds
            if seconds > LONG_SECONDS:  # the loop has more to do: signs of life, what came meanwhile
                await asyncio.sleep(_BREATH_SECONDS)
        result.entries += out


def _built(name: str, config: StageConfig, resources: Resources) -> tuple[str, Any, Any]:
    """Name, kind and function of a stage; the function of every enricher takes the record."""
    kind, function = registry.build(name, config, resources)
    if kind is Enrich:
        enrich: Any = function
        return name, EnrichRecord, lambda record: enrich(record.data)
    return name, kind, function


def _copy(entry: Kept) -> Kept:
    """A copy to work on, so that trying the same frame again starts from the same entries."""
    return Kept(
        entry.offset,
        entry.timestamp,
        entry.data,
        dict(entry.notes),
        entry.key,
        entry.headers,
        entry.origin,
        entry.claim,
    )


async def _step(
    name: str, kind: Any, function: Any, live: dict[int, Record], count: StageCount, draft: Draft | None
) -> dict[int, Aside]:
    """Run one stage over the live records; what it stopped, by index."""
    if kind is EnrichRecord:
        for record in live.values():
            _enrich(name, function, record, count)
        return {}
    if kind is EnrichBatch:
        records = list(live.values())
        for record, answer in zip(records, await _answers(function, records), strict=True):
            _annotate(name, record, answer, count)
        return {}
    if kind is ApplyBatch:
        verdicts = await _batch(name, function, list(live.values()))
    elif draft is not None:
        verdicts = _remembering(name, function, list(live.values()), draft)
    else:
        verdicts = [_apply(name, function, record) for record in live.values()]
    stopped = {}
    for (index, record), verdict in zip(live.items(), verdicts, strict=True):
        if verdict is KEEP:
            continue
        aside = _settle(name, record, verdict)
        if aside is not None:
            stopped[index] = aside
        elif isinstance(verdict, Keep) and verdict.failed:
            _note_failure(name, record, verdict.failed, count)
    return stopped


def _enrich(name: str, function: EnrichRecord, record: Record, count: StageCount) -> None:
    try:
        added = function(record)
        if added:
            _merge(record, added)
    except UnreachableError:
        raise
    except Exception as error:  # an enricher never blocks a record
        _failed(name, record, error, count)


async def _answers(function: EnrichBatch, records: list[Record]) -> Sequence[Annotations | Exception | None]:
    """The answer for each record; where the batch raised, each is tried alone, so that one cannot fail the others."""
    try:
        return await function(records)
    except UnreachableError:
        raise
    except Exception as error:
        if len(records) == 1:
            return [error]
        return [(await _answers(function, [record]))[0] for record in records]


def _annotate(name: str, record: Record, answer: Annotations | Exception | None, count: StageCount) -> None:
    try:
        if isinstance(answer, Exception):
            raise answer
        if answer:
            _merge(record, answer)
    except Exception as error:
        _failed(name, record, error, count)


def _failed(name: str, record: Record, error: Exception, count: StageCount) -> None:
    match error:
        case EnrichmentError():
            code = error.reason
            if error.found:
                _merge(record, error.found)
        case PenstockError():
            code = error.code
        case _:
            code = type(error).__name__
    _note_failure(name, record, code, count)


def _note_failure(name: str, record: Record, code: str, count: StageCount) -> None:
    count.outcomes[f"failed:{code}"] += 1
    _merge(record, {"errors": {name: code}})


def _merge(record: Record, added: Annotations) -> None:
    for group, body in added.items():
        name = f"enrichments.{group}"
        before = record.entry.notes.get(name)
        record.replace_note(name, body if before is None else {**orjson.loads(before), **body})


def _apply(name: str, function: Apply, record: Record) -> Verdict | PenstockError:
    try:
        return function(record)
    except UnreachableError:
        raise
    except PenstockError as error:
        return error
    except Exception as error:
        return _stage_error(name, error)


def _remembering(
    name: str, function: ApplyState, records: list[Record], draft: Draft
) -> Sequence[Verdict | PenstockError]:
    """Verdicts of a stage with state; what a record changed before it failed is forgotten."""
    verdicts = []
    for record in records:
        verdict = _apply(name, lambda record: function(record, draft), record)
        if isinstance(verdict, PenstockError):
            draft.drop()
        else:
            draft.keep()
        verdicts.append(verdict)
    return verdicts


async def _batch(name: str, function: ApplyBatch, records: list[Record]) -> Sequence[Verdict | PenstockError]:
    """Verdicts of a batch; where the batch raised, each record is tried alone, so that one cannot stop the others."""
    try:
        return await function(records)
    except UnreachableError:
        raise
    except Exception as error:
        if len(records) == 1:
            return [error if isinstance(error, PenstockError) else _stage_error(name, error)]
        return [(await _batch(name, function, [record]))[0] for record in records]


def _settle(name: str, record: Record, verdict: Verdict | PenstockError) -> Aside | None:
    """Apply a verdict to its record; what stops it, if anything does."""
    match verdict:
        case Keep():
            return _changed(name, record, verdict)
        case Drop():
            return Aside(record.entry.offset, record.id, name, verdict.code, "dropped")
        case Deny():
            return Aside(record.entry.offset, record.id, name, verdict.code, "denied")
        case Quarantine():
            return Aside(record.entry.offset, record.id, name, verdict.code, "quarantined")
        case PenstockError():
            return Aside(record.entry.offset, record.id, name, verdict.code, "dead", verdict.message, trace(verdict))
    raise TypeError(f"stage {name} gave {type(verdict).__name__} where a verdict is due")


def _changed(name: str, record: Record, keep: Keep) -> Aside | None:
    """Write what a stage changed; a value that cannot be written as JSON is the stage's failure, not the frame's."""
    try:
        if keep.data is not UNSET:
            record.replace_data(keep.data, keep.same_layout)
        for note, value in keep.notes.items():
            record.replace_note(note, value)
    except Exception as error:
        return _settle(name, record, _stage_error(name, error))
    if keep.key is not UNSET:
        record.entry.key = keep.key
    if keep.headers is not UNSET:
        record.entry.headers = keep.headers
    return None


def _stage_error(name: str, error: Exception) -> StageError:
    wrapped = StageError(name, error)
    wrapped.__cause__ = error
    return wrapped


def trace(error: BaseException) -> list[str]:
    """Where an error came from, innermost last; file names without their folders, no values."""
    frames = traceback.extract_tb((error.__cause__ or error).__traceback__)
    return [f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames[-8:]]
