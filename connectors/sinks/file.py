"""file: enriched records as JSON lines in files, each record once whatever crashes.

    sinks: [{file: {path: "out/{topic}", rows_per_file: 100000, compression: gzip}}]

One stream (a raw partition of a pipeline) writes::

    orders.orders.raw.2-0-0-100412.jsonl            finished: offsets 0 … 100411 of epoch 0; never changes again
    orders.orders.raw.2-0-100412.jsonl.open         being written
    .orders.orders.raw.2.position                   the position, and how many bytes of the open file count
    .orders.orders.raw.2.lock                       held while one of these is changed

How a batch is committed:

1. Under the lock the position is read; what of the batch lies below it is left out.
2. The open file is cut to the bytes that count (a crash may have left more), the lines are appended and synced.
3. The position, with the new number of bytes, takes the place of the old one: this is the commit.
4. A file that has `rows_per_file` rows, or whose epoch ended, is renamed; the sink renames its open files when it
   closes. A crash in between is told by a position whose open file is gone.

Dropped records leave no line; a tombstone is ``{"id":…,"deleted":true}``.
"""

import asyncio
import contextlib
import fcntl
import gzip
import os
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import msgspec
import orjson
from pydantic import Field, field_validator

from penstock.codecs.enriched import ENRICHMENT_VERSION, MetadataWriter, encode
from penstock.connectors.sinks._ranges import remaining
from penstock.model.component import Batch, Position, Receipt, Resources, Sink, SinkConfig
from penstock.model.errors import UnreachableError
from penstock.model.record import Kept, record_id


class Config(SinkConfig):
    """Options of the file sink."""

    path: str = Field(min_length=1, description="Folder; may hold {pipeline}, {topic} and {partition}.")
    rows_per_file: int = Field(100_000, ge=1, description="A file with so many rows, or a few more, is finished.")
    compression: Literal["none", "gzip"] = Field("none", description="gzip: one member a batch.")

    @field_validator("path")
    @classmethod
    def _known_fields(cls, path: str) -> str:
        known = {"pipeline", "topic", "partition"}
        names = {name for _, name, _, _ in string.Formatter().parse(path) if name is not None}
        if names - known:
            raise ValueError(f"path may hold {', '.join(sorted(known))} in braces, and nothing else")
        return path


def build(config: Config, resources: Resources) -> Sink:
    return _Files(config, resources)


class _Commit(msgspec.Struct):
    """What the file of the position holds.

    Attributes
    ----------
    epoch, next : int
        The position.
    first : int
        Offset where the open file starts.
    open : str
        Its name, empty if there is none; `bytes` and `rows` of it count.
    """

    epoch: int
    next: int
    first: int = 0
    open: str = ""
    bytes: int = 0
    rows: int = 0


def _position(commit: _Commit | None) -> Position | None:
    return None if commit is None else Position(commit.epoch, commit.next)


class _Files:
    def __init__(self, config: Config, resources: Resources) -> None:
        self._config = config
        self._clock: Callable[[], float] = resources.clock
        self._tenant = orjson.dumps(resources.tenant)
        self._metadata = (str(resources.options.get("env", "dev")), ENRICHMENT_VERSION)
        self._streams: set[str] = set()

    async def position(self, stream: str) -> Position | None:
        self._streams.add(stream)
        return await asyncio.to_thread(self._stream(stream).position)

    async def write(self, batch: Batch) -> Receipt:
        self._streams.add(batch.stream)
        return await asyncio.to_thread(self._write, batch)

    async def close(self) -> None:
        """Finish the open files of the streams that were asked for or written here."""
        for stream in sorted(self._streams):
            await asyncio.to_thread(self._stream(stream).finish)
        self._streams.clear()

    def _stream(self, stream: str) -> "_Stream":
        return _Stream(self._config, stream)

    def _write(self, batch: Batch) -> Receipt:
        return self._stream(batch.stream).append(batch, self._lines)

    def _lines(self, batch: Batch) -> list[bytes]:
        metadata, at = MetadataWriter(*self._metadata), self._clock()
        lines = []
        for entry in batch.entries:
            if isinstance(entry, Kept):
                id = record_id(batch.topic, batch.partition, entry)
                if entry.data is None:
                    lines.append(b'{"id":%b,"deleted":true}\n' % orjson.dumps(id))
                else:
                    whole = encode(entry, id=id, metadata=metadata.write(entry, at), tenant=self._tenant)
                    lines.append(whole + b"\n")
        return lines


class _Stream:
    """The files of one stream. Keeps nothing in memory: what counts is read again under the lock."""

    def __init__(self, config: Config, stream: str) -> None:
        pipeline, topic, partition = stream.split("/")
        self._folder = Path(config.path.format(pipeline=pipeline, topic=topic, partition=partition))
        self._base = f"{pipeline}.{topic}.{partition}"
        self._suffix = ".jsonl.gz" if config.compression == "gzip" else ".jsonl"
        self._rows_per_file = config.rows_per_file

    def position(self) -> Position | None:
        with self._failing():
            commit = self._read()
        return _position(commit)

    def append(self, batch: Batch, encode: Callable[[Batch], list[bytes]]) -> Receipt:
        """Write what the stream owes of the batch; the numbers are those at the head of this module."""
        with self._failing(), self._locked():
            commit = self._read()  # 1
            rest = remaining(batch, _position(commit))
            if rest is None:
                return Receipt(written=0)
            if commit is None:
                commit = _Commit(rest.epoch, rest.first)
            elif commit.epoch != rest.epoch:
                self._finish(commit)  # 4
            lines = encode(rest)
            if lines:
                if not commit.open:
                    commit.first, commit.open = rest.first, f"{self._base}-{rest.epoch}-{rest.first}{self._suffix}.open"
                commit.bytes = self._append(commit, b"".join(lines))  # 2
                commit.rows += len(lines)
            commit.epoch, commit.next = rest.epoch, rest.next
            self._commit(commit)  # 3
            if commit.rows >= self._rows_per_file:
                self._finish(commit)  # 4
            return Receipt(written=len(lines))

    def finish(self) -> None:
        """Give the open file its final name."""
        with self._failing(), self._locked():
            commit = self._read()
            if commit is not None:
                self._finish(commit)

    def _append(self, commit: _Commit, data: bytes) -> int:
        if commit.open.endswith(".gz.open"):
            data = gzip.compress(data, compresslevel=6, mtime=0)
        with (self._folder / commit.open).open("ab") as file:
            file.truncate(commit.bytes)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return commit.bytes + len(data)

    def _finish(self, commit: _Commit) -> None:
        if not commit.open:
            return
        path = self._folder / commit.open
        os.truncate(path, commit.bytes)
        name, dot, suffix = commit.open.removesuffix(".open").rpartition(".jsonl")
        path.replace(self._folder / f"{name}-{commit.next}{dot}{suffix}")
        commit.open, commit.bytes, commit.rows = "", 0, 0
        self._commit(commit)

    def _read(self) -> _Commit | None:
        try:
            commit = msgspec.json.decode(self._position_path.read_bytes(), type=_Commit)
        except FileNotFoundError:
            return None
        if commit.open and not (self._folder / commit.open).exists():
            commit.open, commit.bytes, commit.rows = "", 0, 0  # renamed, and then it crashed
        return commit

    def _commit(self, commit: _Commit) -> None:
        draft = self._position_path.with_suffix(".draft")  # one at a time, by the lock
        with draft.open("wb") as file:
            file.write(msgspec.json.encode(commit))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._position_path)
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @property
    def _position_path(self) -> Path:
        return self._folder / f".{self._base}.position"

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f".{self._base}.lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """A full disk or missing rights are like a server that is down: somebody mends it, and we go on."""
        try:
            yield
        except OSError as error:
            raise UnreachableError("the folder", str(self._folder), cause=error.strerror or "") from None
