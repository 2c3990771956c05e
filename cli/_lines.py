"""JSON lines in, frames' entries and enriched records out: what `penstock stage run` reads and prints.

A line may be

* a plain object: a record's data;
* what `penstock source read` prints (exactly the keys ``id``, ``key``, ``value``, ``headers``);
* a whole envelope, as `penstock stage run` prints and as enriched topics hold: it goes on with its notes and its id.

So commands may stand in a row: ``penstock source read csv … | penstock stage run tag | penstock stage run redact``.
"""

import os
import time
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import orjson

from penstock.codecs.enriched import ENRICHMENT_VERSION, MetadataWriter, encode
from penstock.codecs.json import canonical
from penstock.model.errors import DecodeError
from penstock.model.record import (
    HEADER_RECORD_ID,
    HEADER_SOURCE_ID,
    HEADER_SOURCE_TYPE,
    Entry,
    Headers,
    Kept,
    Stub,
    record_id,
)

TOPIC: Final = "stdin"
INPUT: Final = "input"
"""What stands for the stage of a line that is no record."""
_ENVELOPE: Final = frozenset(
    ("id", "tenant", "data", "schema", "entities", "relations", "pii", "license", "enrichments", "metadata")
)
_SOURCE_RECORD: Final = frozenset(("id", "key", "value", "headers"))
_HEADERS: Final = {
    "record_id": HEADER_RECORD_ID,
    "source_type": HEADER_SOURCE_TYPE,
    "source_id": HEADER_SOURCE_ID,
}
_READ_BYTES: Final = 1 << 20


def batches(stream: BinaryIO) -> Iterator[list[bytes]]:
    """The lines of a stream, as many at a time as are there: a slow writer's lines do not wait for others."""
    rest = b""
    read = getattr(stream, "read1", stream.read)
    while chunk := read(_READ_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        if lines:
            yield lines
    if rest:
        yield [rest]


def entry(line: bytes, number: int, now: int) -> Entry:
    """The entry of line `number` (from 1), a dead one where the line is no record; `now` in milliseconds."""
    try:
        data = canonical(line)
    except DecodeError as error:
        return Stub(number, now, "dead", INPUT, error.code)
    content = orjson.loads(data)
    if content.keys() == _ENVELOPE:
        return _from_envelope(content, number, now)
    if content.keys() == _SOURCE_RECORD:
        return _from_source(content, number, now)
    return Kept(number, now, data, {})


def printed(kept: Kept, metadata: MetadataWriter) -> bytes:
    """The whole envelope of a record, in one line."""
    id = record_id(TOPIC, 0, kept)
    if kept.data is None:
        return b'{"id":%b,"deleted":true}' % orjson.dumps(id)
    return encode(kept, id=id, metadata=metadata.write(kept, time.time()))


def stopped(stub: Stub) -> bytes:
    """What is said of a record that stopped, in one line."""
    said = {"id": record_id(TOPIC, 0, stub), "outcome": stub.outcome, "stage": stub.stage, "code": stub.code}
    return orjson.dumps(said)


def metadata_writer() -> MetadataWriter:
    """Writes the metadata of records that are in no pipeline."""
    return MetadataWriter(os.environ.get("AF_ENV") or "dev", ENRICHMENT_VERSION)


def _from_envelope(content: dict[str, Any], number: int, now: int) -> Entry:
    if not isinstance(content["data"], dict) or not isinstance(content["id"], str):
        return Stub(number, now, "dead", INPUT, DecodeError.code)
    notes = {name: orjson.dumps(content[name]) for name in ("tenant", "schema", "license") if content[name] is not None}
    notes |= {name: orjson.dumps(content[name]) for name in ("entities", "relations", "pii") if content[name]}
    notes |= {f"enrichments.{group}": orjson.dumps(body) for group, body in (content["enrichments"] or {}).items()}
    about = content["metadata"] if isinstance(content["metadata"], dict) else {}
    if about.get("quality_score") is not None:
        notes["quality_score"] = orjson.dumps(about["quality_score"])
    headers: Headers = [(header, str(about[name]).encode()) for name, header in _HEADERS.items() if about.get(name)]
    return Kept(number, now, orjson.dumps(content["data"]), notes, headers=headers, origin=content["id"])


def _from_source(content: dict[str, Any], number: int, now: int) -> Entry:
    value, key = content["value"], content["key"]
    if value is not None and not isinstance(value, dict):
        return Stub(number, now, "dead", INPUT, DecodeError.code)
    headers: Headers = [(str(name), str(text).encode()) for name, text in content["headers"]]
    if content["id"]:
        headers.append((HEADER_RECORD_ID, str(content["id"]).encode()))
    data = None if value is None else orjson.dumps(value)
    return Kept(number, now, data, {}, None if key is None else str(key).encode(), headers)
