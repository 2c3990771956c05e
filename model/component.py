"""What a component promises: sources, stages and sinks, their configuration and the kinds of functions they build.

A **stage** is a module ``agents/<family>/<name>.py`` with

* a docstring whose first line is ``name: what it does`` and whose example a test runs,
* ``class Config(StageConfig)``: its options,
* ``def build(config: Config) -> Enrich`` (or another kind of function), which may take a second argument
  ``resources: Resources``,
* optionally ``def check(config: Config) -> None``, which raises ConfigurationError for what is wrong with the options
  on any machine and their model cannot tell, as in a file that they name,
* optionally ``ALIASES`` (other names it goes by), ``ADDS_TEXT = True`` (it writes text that `redact` must see),
  ``GROUP`` (the enrichment group it writes, its name if absent), ``ALONE = True`` (it is slow, or asks a server about
  each record: ``chain: auto`` gives it an agent of its own) or ``alone(config) -> bool`` where its options decide that,
  and for a stage with state ``spans(config) -> bool``: whether records that belong together may stand in several
  partitions.

The return annotation of ``build`` tells the chain how to call it (``Apply | ApplyBatch`` or ``EnrichRecord |
EnrichBatch`` where the options decide: a coroutine function is the latter):

==============  =======================================================================================
`Enrich`        data in, annotations out (or None); a failure is noted in the record and never blocks it
`EnrichRecord`  the same for a record, with its key, headers, earlier notes and layout
`EnrichBatch`   async, the records of a frame in, annotations, None or an error each out; for enrichers that ask a
                server or a child process
`Apply`         record in, verdict out; a failure makes a dead letter
`ApplyBatch`    async, the records of a frame in, a verdict each out; for stages that need the network, or for which
                many records at once are cheaper
`ApplyState`    a record and the `State` of its partition in, verdict out; a failure makes a dead letter and changes no
                state
==============  =======================================================================================

A **source** is ``connectors/sources/<name>.py`` with ``Config(SourceConfig)``, ``build(config, resources) -> Source``
and ``MANIFEST``, what it says of itself to who chooses it (a `Manifest`); a **sink** is ``connectors/sinks/<name>.py``
with ``Config(SinkConfig)`` and ``build(config, resources) -> Sink``. The file name is the registry.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from penstock.model.record import Data, Entry, Headers, Record
from penstock.model.table import Table
from penstock.model.verdict import Verdict

Annotations: TypeAlias = dict[str, dict[str, Any]]
"""Group of enrichments -> name -> body, as in ``{"geo": {"ip_geo": {…}}}``."""

Enrich: TypeAlias = Callable[[Data], Annotations | None]
EnrichRecord: TypeAlias = Callable[[Record], Annotations | None]
EnrichBatch: TypeAlias = Callable[[Sequence[Record]], Awaitable[Sequence[Annotations | Exception | None]]]
Apply: TypeAlias = Callable[[Record], Verdict]
ApplyBatch: TypeAlias = Callable[[Sequence[Record]], Awaitable[Sequence[Verdict]]]


class State(Protocol):
    """What a stage remembers of one partition, from record to record: keys and values, both bytes.

    It is the runtime's: changes count together with the records that made them, or not at all (see
    `penstock.agents.runtime.state`). A stage must be a pure function of record and state, without clock or chance, for
    records are shown to it again after a crash. A record may also come back under its first id much later, as a replay:
    so what an entry says is said by the id of the record that made it.
    """

    def get(self, key: bytes) -> bytes | None:
        """The value, None where there is none."""
        ...

    def put(self, key: bytes, value: bytes) -> None: ...

    def delete(self, key: bytes) -> None:
        """Forget the key, if it is there."""
        ...


ApplyState: TypeAlias = Callable[[Record, State], Verdict]

FieldNames: TypeAlias = tuple[str, ...]
"""Names of fields: ``ip`` is any field of that name at any depth, ``user.ip`` that path."""


class ComponentConfig(BaseModel):
    """Base of every component's options: unknown keys are refused, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, validate_default=True)


class StageConfig(ComponentConfig):
    """Options every stage has."""

    enabled: bool = Field(True, description="False leaves the stage out of the chain.")


class SourceConfig(ComponentConfig):
    """Options every source has."""

    license: str | None = Field(None, description="SPDX id of what this source gives, where its records do not say.")
    tenant: str | None = Field(None, description="Tenant of this source's records, where they do not say.")


class SinkConfig(ComponentConfig):
    """Options every sink has."""


class Manifest(BaseModel):
    """What a source says of itself; the schema of its options is its ``Config``'s."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1, max_length=80, description="For people.")
    version: str = Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$", description="Of what it promises, as SemVer has it.")
    license: str | None = Field(description="SPDX id of the data it gives; None where that is not the source's to say.")
    pii: Literal["none", "possible", "expected"] = Field(description="Whether personal data is to be reckoned with.")


class Event(NamedTuple):
    """Something that an operator should know of, and that stops nothing.

    Attributes
    ----------
    code : str
        Stable, in snake case: what metrics and logs call it.
    message : str
        What happened, where, and what to do; never a value of a record.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Resources:
    """What a component may use of the world; handed in, so that a test can hand in its own.

    Attributes
    ----------
    pipeline, tenant : str
    environ : mapping
        Environment variables: addresses, keys, tokens.
    clock : callable
        Seconds since the epoch.
    options : mapping
        What the pipeline file says once for all components (``license``, ``env``).
    table : callable
        The compacted topic of that name as a `Table`, which a worker fills; elsewhere it stays empty and not ready.
    report : callable
        Takes an `Event`; a worker counts and logs it. What happened is found again by whoever starts after a crash,
        so that one thing may be reported once by each worker.
    """

    pipeline: str = "pipeline"
    tenant: str = "default"
    environ: Mapping[str, str] = field(default_factory=dict)
    clock: Callable[[], float] = time.time
    options: Mapping[str, Any] = field(default_factory=dict)
    report: Callable[[Event], None] = lambda event: None
    table: Callable[[str], Table] = Table


class SourceRecord(msgspec.Struct):
    """What a source read.

    Attributes
    ----------
    value : bytes or None
        What the raw topic's codec expects; None deletes.
    key : bytes or None
        Records of one key stay in order.
    timestamp : int or None
        Milliseconds since the epoch; None is now.
    id : str
        Stable id where the source has one (``file:line``, a primary key), else empty.
    headers : list
        Kafka headers beside those that the runtime writes.
    """

    value: bytes | None
    key: bytes | None = None
    timestamp: int | None = None
    id: str = ""
    headers: Headers = []


class Unreadable(msgspec.Struct):
    """A part of a source that is no record (a ragged row, broken JSON): it goes to the dead letters as it was read."""

    value: bytes
    code: str
    id: str = ""


class Page(msgspec.Struct):
    """Some records and the cursor behind them.

    Attributes
    ----------
    records
        In the order of the source.
    cursor
        JSON-able; handed back, `fetch` goes on behind these records.
    done
        Nothing more is there now.
    """

    records: list[SourceRecord | Unreadable]
    cursor: Data
    done: bool = False


class Source(Protocol):
    """Reads pages; keeps no state but what its cursor says."""

    @property
    def id(self) -> str:
        """What is read, in words (a path, a table, an endpoint); never a secret."""
        ...

    async def fetch(self, cursor: Data | None) -> Page:
        """Read on behind `cursor`; None is the beginning. Raises SourceError, or UnreachableError to be retried."""
        ...

    async def close(self) -> None: ...


class Position(msgspec.Struct, frozen=True, array_like=True):
    """How far a reader of frames is in one raw partition: everything below `next` of `epoch` is done."""

    epoch: int
    next: int


class Batch(msgspec.Struct):
    """A contiguous range of one raw partition, as a sink gets it.

    Attributes
    ----------
    stream : str
        ``<pipeline>/<raw topic>/<partition>``.
    topic, partition
        The raw topic and the partition.
    epoch, first, next : int
        The range covers offsets `first` to `next` - 1 of this epoch without holes.
    genesis : bool
        The stream starts here: there is nothing before `first`.
    entries : list
        In order of offset.
    """

    stream: str
    topic: str
    partition: int
    epoch: int
    first: int
    next: int
    genesis: bool
    entries: list[Entry]


class Receipt(msgspec.Struct):
    """What a sink says of a batch.

    Attributes
    ----------
    written : int
        Records the destination took.
    head : bytes
        What the runtime shall publish beside the data (the ledger's signed head); empty is nothing.
    rejected : list of (offset, code)
        Records the destination will never take: they go to the dead letters before the position moves.
    """

    written: int
    head: bytes = b""
    rejected: list[tuple[int, str]] = []


class Sink(Protocol):
    """Writes batches and remembers in the destination how far it is."""

    async def position(self, stream: str) -> Position | None:
        """How far `stream` is in the destination; None is never seen. Raises UnreachableError to be retried."""
        ...

    async def write(self, batch: Batch) -> Receipt:
        """Write the batch and move the position, in one transaction where the destination has one.

        A batch, or a part of one, that was written before changes nothing. Raises UnreachableError (wait and try
        again), FencedError (another writer was here: ask for the position), RejectedError (the whole batch).
        """
        ...

    async def close(self) -> None: ...


@runtime_checkable
class Publishes(Protocol):
    """A sink whose destination signs heads that stand on a Kafka topic as well."""

    async def last_head(self, stream: str) -> bytes:
        """The newest head of `stream`, as in `Receipt.head`; empty where there is none.

        The runtime publishes it again whenever it begins: the writer before may have died between the destination's
        answer and the topic's.
        """
        ...
