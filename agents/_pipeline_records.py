"""Records of `penstock.agents.pipeline`: from what stands in a queue to an entry, and what is told of it behind."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import orjson

from penstock.agents.chain import Result
from penstock.codecs.json import canonical
from penstock.model.component import SourceRecord
from penstock.model.errors import DecodeError, PenstockError, RecordError
from penstock.model.record import (
    HEADER_RECORD_ID,
    HEADER_SOURCE_ID,
    HEADER_SOURCE_TYPE,
    Data,
    Headers,
    Kept,
    Record,
    Stub,
    record_id,
)

PARTITION: Final = 0


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


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a record; `error` where it failed."""

    id: str
    entry: Kept | Stub
    error: PenstockError | None = None


def entry(number: int, item: Any, source: str, source_type: str, now: int) -> Kept:
    """The entry of record `number`, from what stood in the input queue.

    Raises
    ------
    DecodeError
        It is none of the types that a record may be, or cannot be written as JSON.
    """
    headers: Headers = [(HEADER_SOURCE_TYPE, source_type.encode()), (HEADER_SOURCE_ID, source.encode())]
    if isinstance(item, dict):
        return Kept(number, now, _json(item), {}, None, headers)
    if isinstance(item, SourceRecord):
        headers += [*item.headers, *([(HEADER_RECORD_ID, item.id.encode())] if item.id else [])]
        data = None if item.value is None else canonical(item.value)
        return Kept(number, now if item.timestamp is None else item.timestamp, data, {}, item.key, headers)
    if isinstance(item, Record) and not item.entry.claim:
        notes, own = dict(item.entry.notes), {name for name, _ in item.headers}
        headers = [*(header for header in headers if header[0] not in own), *item.headers]
        return Kept(number, item.timestamp, item.entry.data, notes, item.key, headers, item.id)
    raise DecodeError(f"a record is a dict, a SourceRecord or a Record with its data, not {type(item).__name__}")


def _json(data: Data) -> bytes:
    try:
        return orjson.dumps(data)
    except orjson.JSONEncodeError as error:
        reason = str(error)  # of orjson's own making: it names types, never values
    raise DecodeError(f"the record cannot be written as JSON: {reason}")


def settled(result: Result, source: str) -> dict[int, Settled]:
    """What became of each record that went through the chain, by its number."""
    details = {aside.offset: aside.detail for aside in result.aside}
    found = {}
    for item in result.entries:
        if isinstance(item, Kept | Stub):
            id = record_id(source, PARTITION, item)
            error = None
            if isinstance(item, Stub) and item.outcome != "dropped":
                error = RecordFailedError(id, item, details.get(item.offset, ""))
            found[item.offset] = Settled(id, item, error)
    return found


def unsettled(number: int, timestamp: int, source: str, error: PenstockError, origin: str = "") -> Settled:
    """Of a record that no stage decided on: it was unreadable, or a server does not answer."""
    stub = Stub(number, timestamp, "dead", "", error.code, origin)
    return Settled(record_id(source, PARTITION, stub), stub, error)


def event(found: Settled, tenant: str, source: str, source_type: str) -> Data:
    """The provenance event of a record; holds no value of it."""
    item = found.entry
    stub, kept = (item, None) if isinstance(item, Stub) else (None, item)
    notes = kept.notes if kept else {}
    license = orjson.loads(notes.get("license", b"null")) or {}
    return {
        "record_id": found.id,
        "tenant": orjson.loads(notes["tenant"]) if "tenant" in notes else tenant,
        "source_name": source,
        "source_type": source_type,
        "verdict": stub.outcome if stub else "kept",
        "stage": stub.stage if stub else "",
        "code": stub.code if stub else "",
        "content_hash": sha256(kept.data).hexdigest() if kept and kept.data is not None else "",
        "license": license.get("id") or "",
        "pii": sorted({each["category"] for each in orjson.loads(notes.get("pii", b"[]"))}),
        "timestamp": item.timestamp,
    }
