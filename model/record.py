"""The nouns of the stream: what a frame carries of each raw offset, and what a stage sees of a record.

A raw offset is accounted for by exactly one *entry* of one frame, whatever becomes of it on the way:

========  =====================================================================================
`Kept`    the record goes on: its data as canonical JSON, what the stages noted, key, headers
`Stub`    it stopped here: dropped, denied, quarantined or dead, by which stage and why
`Lost`    a range that retention deleted before anybody read it
========  =====================================================================================

Field names follow the Record and RecordMetadata of the AI-ETL document where both have them.
"""

from typing import Any, Final, Literal, TypeAlias

import msgspec
import orjson

from penstock.model.layout import Data as Data
from penstock.model.layout import Layout, layout

Headers: TypeAlias = list[tuple[str, bytes | None]]
Outcome: TypeAlias = Literal["dropped", "denied", "quarantined", "dead"]

HEADER_ORIGIN: Final = "penstock-origin"
"""The first id of a record that was replayed or released: what sinks compare."""
HEADER_RECORD_ID: Final = "penstock-record-id"
"""The stable id that the source gave the record."""
HEADER_SOURCE_TYPE: Final = "penstock-source-type"
HEADER_SOURCE_ID: Final = "penstock-source-id"
HEADER_TENANT: Final = "penstock-tenant"
HEADER_LICENSE: Final = "penstock-license"


class Kept(msgspec.Struct, array_like=True, tag=0, gc=False):
    """A record that goes on.

    Attributes
    ----------
    offset : int
        In the raw partition.
    timestamp : int
        Milliseconds, the raw message's.
    data : bytes or None
        Canonical JSON object; None is a tombstone; empty where `claim` stands for it.
    notes : dict
        What stages added, each value JSON: ``schema``, ``entities``, ``relations``, ``pii``, ``license``,
        ``tenant``, ``quality_score`` and one ``enrichments.<group>`` a group.
    key : bytes or None
    headers : list of (name, value)
    origin : str
        The first id where the record was replayed, ``topic~epoch/partition/offset`` where the raw topic was deleted
        and made anew; empty where its id is ``topic/partition/offset``.
    claim : str
        Content address of data too large to travel in a frame; empty where `data` holds it.
    """

    offset: int
    timestamp: int
    data: bytes | None
    notes: dict[str, bytes]
    key: bytes | None = None
    headers: Headers = []
    origin: str = ""
    claim: str = ""


class Stub(msgspec.Struct, array_like=True, tag=1, gc=False):
    """A record that stopped: nothing of its content is left, only that it was here and why it stopped."""

    offset: int
    timestamp: int
    outcome: Outcome
    stage: str
    code: str
    origin: str = ""


class Lost(msgspec.Struct, array_like=True, tag=2, gc=False):
    """Offsets `offset` to `last`, both included, that were deleted before they were read."""

    offset: int
    last: int


Entry: TypeAlias = Kept | Stub | Lost


def record_id(topic: str, partition: int, entry: Kept | Stub) -> str:
    """The id that sinks, ledger and dead letters know a record by: its first one."""
    return entry.origin or f"{record_prefix(topic, partition)}{entry.offset}"


def record_prefix(topic: str, partition: int) -> str:
    """What the id of a record that was never replayed begins with; its offset is the rest."""
    return f"{topic}/{partition}/"


class Record:
    """What a stage sees: one record, decoded when it is looked at.

    Read it, never write it: what a stage wants changed it returns in a `penstock.model.verdict.Keep`.
    """

    __slots__ = ("_data", "_layout", "_notes", "entry", "id")

    def __init__(self, entry: Kept, id: str) -> None:
        self.entry = entry
        self.id = id
        self._data: Data | None = None
        self._layout: Layout | None = None
        self._notes: dict[str, Any] = {}

    @property
    def raw(self) -> bytes:
        """The data as canonical JSON: compact, UTF-8, no duplicate keys."""
        return self.entry.data or b"{}"

    @property
    def data(self) -> Data:
        """The data, decoded once. Not to be changed in place."""
        if self._data is None:
            self._data = orjson.loads(self.raw)
        return self._data

    @property
    def layout(self) -> Layout:
        """The layout of the data, found once."""
        if self._layout is None:
            self._layout = layout(self.data)
        return self._layout

    @property
    def key(self) -> bytes | None:
        return self.entry.key

    @property
    def headers(self) -> Headers:
        return self.entry.headers

    @property
    def timestamp(self) -> int:
        return self.entry.timestamp

    def header(self, name: str) -> str | None:
        """The last header of that name as text, None where there is none or it is not UTF-8."""
        for found, value in reversed(self.entry.headers):
            if found == name and value is not None:
                try:
                    return value.decode()
                except UnicodeDecodeError:
                    return None
        return None

    def note(self, name: str) -> Any:
        """What an earlier stage noted under `name`, None if none did. Not to be changed in place."""
        if name not in self._notes:
            found = self.entry.notes.get(name)
            self._notes[name] = None if found is None else orjson.loads(found)
        return self._notes[name]

    def replace_data(self, data: Data | bytes, same_layout: bool = False) -> None:
        """Put new data in place; for `agents.chain`, which applies what stages return."""
        if not same_layout:
            self._layout = None
        if isinstance(data, bytes):
            self.entry.data, self._data = data, None
        else:
            self.entry.data, self._data = orjson.dumps(data), data

    def replace_note(self, name: str, value: Any) -> None:
        """Write a note (bytes are JSON already); for `agents.chain`."""
        if isinstance(value, bytes):
            self.entry.notes[name] = value
            self._notes.pop(name, None)
        else:
            self.entry.notes[name] = orjson.dumps(value)
            self._notes[name] = value
