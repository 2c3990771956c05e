"""Avro in Confluent's wire format, and the enriched record as Avro.

A message::

    byte 0      magic, 0x00
    byte 1..4   id of the schema in the registry, big-endian
    byte 5..    one Avro datum, binary encoding (Avro 1.11 specification, "Binary Encoding"), nothing behind it

Records are JSON on their way through the stages, so a datum becomes JSON-able:

==========================================  ============================================================
Avro                                        JSON
==========================================  ============================================================
null, boolean, int, long, string, enum      the same
float, double                               number; ``"NaN"``, ``"Infinity"``, ``"-Infinity"`` as strings
bytes, fixed                                string, base64 (RFC 4648, section 4)
record, map                                 object
array                                       list
union                                       the value of its branch
decimal                                     string, plain notation: ``"12.50"``
uuid                                        string, ``"6f1c…-…"``; of a fixed: base64
date, time-millis, time-micros              string, ISO 8601: ``"2024-05-01"``, ``"12:34:56.789000"``
timestamp-millis, timestamp-micros          string, ISO 8601 in UTC: ``"2024-05-01T12:34:56Z"``
local-timestamp-millis, -micros             string, ISO 8601 without a zone
timestamp-nanos, duration, any other        as the type below it
==========================================  ============================================================

The datum must be a record or a map. Reading is synchronous once a schema is known: ask `AvroDecoder.prefetch` for a
batch, then decode its messages one by one.
"""

import io
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import fastavro
import orjson

# The compiled reader of a schema that contains itself overruns the C stack on hostile input and kills the process;
# the one in Python raises RecursionError.
from fastavro._read_py import schemaless_reader as read_recursive

from penstock.codecs.plain import plain
from penstock.codecs.schema_registry import Schema, SchemaRegistry
from penstock.model.errors import DecodeError, RecordError
from penstock.model.record import Data

_HEADER: Final = struct.Struct(">bI")
_MAGIC: Final = 0

_Read = Callable[[io.BytesIO], Any]


class AvroDecoder:
    """Reads messages whose schemas a registry holds; see the head of this module.

    Parameters
    ----------
    registry : SchemaRegistry
    """

    def __init__(self, registry: SchemaRegistry) -> None:
        self._registry = registry
        self._readers: dict[int, _Read] = {}

    def missing(self, data: bytes) -> int | None:
        """The id of the schema that must be fetched before `data` can be decoded; None if none must."""
        if len(data) < _HEADER.size or data[0] != _MAGIC:
            return None
        id = int.from_bytes(data[1:5], "big")
        return None if id in self._readers else id

    async def fetch(self, id: int) -> None:
        """Make one schema known.

        Raises
        ------
        DecodeError
            The registry does not know the id, or it is not an Avro schema.
        ServiceUnreachableError, RejectedError
        """
        if id not in self._readers:
            self._readers[id] = _reader(await self._registry.schema(id))

    async def prefetch(self, messages: Iterable[bytes]) -> None:
        """Make every schema known that a batch needs. An id that cannot be had fails in `decode`, record by record.

        Raises
        ------
        ServiceUnreachableError, RejectedError
        """
        for id in {id for data in messages if (id := self.missing(data)) is not None}:
            try:
                await self.fetch(id)
            except DecodeError:
                continue

    def decode(self, data: bytes) -> Data:
        """Read one message.

        Raises
        ------
        DecodeError
            It is not what the head of this module draws, its schema id is not known, or bytes stand behind the datum.
        """
        if len(data) < _HEADER.size:
            raise DecodeError(f"the message is shorter than the {_HEADER.size} bytes of the Avro wire format's header")
        magic, id = _HEADER.unpack_from(data)
        if magic != _MAGIC:
            raise DecodeError("the message does not start with the magic byte 0 of the Avro wire format")
        read = self._readers.get(id)
        if read is None:
            raise DecodeError(f"the message names schema id {id}, which is not known")
        return _decode(read, data[_HEADER.size :], f"the Avro schema of id {id}")


class AvroEncoder:
    """Writes messages of one schema.

    Parameters
    ----------
    registry : SchemaRegistry
    subject : str
        Where the schema is registered: ``<topic>-value`` for the values of a topic.
    schema
        Avro schema as parsed JSON.
    """

    def __init__(self, registry: SchemaRegistry, subject: str, schema: Any) -> None:
        self._registry = registry
        self._subject = subject
        self._schema = schema
        self._parsed = fastavro.parse_schema(schema)
        self._id: int | None = None

    async def register(self) -> int:
        """Register the schema, once, and return its id; `encode` needs it.

        Raises
        ------
        RejectedError
            The subject holds something that it is not compatible with.
        ServiceUnreachableError
        """
        if self._id is None:
            self._id = await self._registry.register(self._subject, self._schema)
        return self._id

    def encode(self, value: Mapping[str, Any]) -> bytes:
        """Write one message; values are what fastavro takes (`datetime`, `Decimal`, `bytes`), not their JSON forms.

        Raises
        ------
        RecordError
            The value does not fit the schema.
        """
        if self._id is None:
            raise RuntimeError("register() the schema before encoding")
        return _encode(self._parsed, value, _HEADER.pack(_MAGIC, self._id), f"the Avro schema of {self._subject}")


def _reader(schema: Schema) -> _Read:
    if schema.kind != "AVRO":
        raise DecodeError(f"the message names schema id {schema.id}, which is {schema.kind}, not Avro")
    named: dict[str, Any] = {}
    try:
        for reference in schema.references:
            fastavro.parse_schema(reference, named_schemas=named)
        parsed = fastavro.parse_schema(schema.definition, named_schemas=named)
    except Exception:  # fastavro raises KeyError, TypeError and ValueError as well as its own
        parsed = None
    if parsed is None:
        raise DecodeError(f"the message names schema id {schema.id}, which is not a valid Avro schema")
    if _contains_itself(parsed, named, ()):
        return lambda stream: read_recursive(stream, parsed, None)
    return lambda stream: fastavro.schemaless_reader(stream, parsed, None)


def _contains_itself(schema: Any, named: Mapping[str, Any], inside: tuple[str, ...]) -> bool:
    if isinstance(schema, list):
        return any(_contains_itself(branch, named, inside) for branch in schema)
    if isinstance(schema, str):
        if schema in inside:
            return True
        return schema in named and _contains_itself(named[schema], named, inside)
    if schema["type"] in ("record", "error"):
        inside = (*inside, schema["name"])
        return any(_contains_itself(field["type"], named, inside) for field in schema["fields"])
    inner = schema.get("items") or schema.get("values")
    return inner is not None and _contains_itself(inner, named, inside)


def _decode(read: _Read, datum: bytes, what: str) -> Data:
    stream = io.BytesIO(datum)
    try:
        value = plain(read(stream))
    except Exception:  # fastavro raises whatever its parts raise: EOFError, IndexError, OverflowError, …
        value = None
    # Outside of the handler: those exceptions quote the datum, and must not be chained to ours.
    if type(value) is not dict:
        raise DecodeError(f"the message does not fit {what}, or is not a record")
    if stream.tell() != len(datum):
        raise DecodeError(f"the message goes on behind what {what} describes")
    return value


def _encode(schema: Any, value: Mapping[str, Any], header: bytes, what: str) -> bytes:
    stream = io.BytesIO()
    stream.write(header)
    try:
        fastavro.schemaless_writer(stream, schema, value, strict_allow_default=True)
    except Exception:  # as in _decode
        fits = False
    else:
        fits = True
    if not fits:
        raise RecordError(f"the record does not fit {what}")
    return stream.getvalue()


# --- the enriched record ---------------------------------------------------------------------------------------------


def _record(name: str, **fields: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [_field(key, kind) for key, kind in fields.items()]}


def _field(name: str, kind: Any) -> dict[str, Any]:
    # All unions here start with null: a default must be of the first branch.
    return {"name": name, "type": kind, "default": None} if isinstance(kind, list) else {"name": name, "type": kind}


_TEXT_OR_NULL: Final = ["null", "string"]
_METADATA: Final = ("source_type", "source_id", "env", "enriched_at", "enrichment_version")

ENRICHED_SCHEMA: Final[dict[str, Any]] = {
    **_record(
        "Enriched",
        id="string",
        tenant=_TEXT_OR_NULL,
        data="string",
        schema=[
            "null",
            _record(
                "Schema",
                fingerprint=_TEXT_OR_NULL,
                version=["null", "long"],
                entity=_TEXT_OR_NULL,
                fields=["null", {"type": "map", "values": "string"}],
                drift=_TEXT_OR_NULL,
            ),
        ],
        entities="string",
        relations="string",
        pii={
            "type": "array",
            "items": _record("Pii", category="string", field="string", strategy="string", count="long"),
        },
        license=[
            "null",
            _record("License", id=_TEXT_OR_NULL, decision=_TEXT_OR_NULL, duties={"type": "array", "items": "string"}),
        ],
        enrichments="string",
        metadata=_record(
            "Metadata",
            **dict.fromkeys(_METADATA, _TEXT_OR_NULL),
            quality_score=["null", "double"],
            extras={"type": "map", "values": "string"},
        ),
    ),
    "namespace": "penstock",
    "doc": "An enriched record; data, entities, relations, enrichments, drift and the values of extras are JSON.",
}
"""The envelope of an enriched record in Avro, the same for every pipeline."""

_ENRICHED: Final = fastavro.parse_schema(ENRICHED_SCHEMA)
_JSON_FIELDS: Final = {"data": b"{}", "entities": b"[]", "relations": b"[]", "enrichments": b"{}"}


def encode_enriched(envelope: Mapping[str, Any], schema_id: int | None = None) -> bytes:
    """Write an enriched record as Avro.

    Parameters
    ----------
    envelope : mapping
        As in JSON. ``data``, ``entities``, ``relations`` and ``enrichments`` may be bytes that are JSON already. What
        the fixed envelope has no place for goes to ``extras`` if it stands in ``metadata``; elsewhere it is refused.
    schema_id : int, optional
        Of `ENRICHED_SCHEMA` in the registry: writes the wire format. Without it, the datum alone.

    Raises
    ------
    RecordError
        The envelope is not one.
    """
    if not envelope.get("id"):
        raise RecordError("the envelope of an enriched record has no id")
    metadata = dict(envelope.get("metadata") or {})
    known = {name: metadata.pop(name, None) for name in (*_METADATA, "quality_score")}
    packed = {
        **envelope,
        **{name: _json(envelope.get(name), empty) for name, empty in _JSON_FIELDS.items()},
        "pii": envelope.get("pii") or [],
        "metadata": {**known, "extras": {name: _json(value, b"null") for name, value in metadata.items()}},
    }
    schema = envelope.get("schema")
    if schema is not None and schema.get("drift") is not None:
        packed["schema"] = {**schema, "drift": _json(schema["drift"], b"null")}
    if envelope.get("license") is not None:
        packed["license"] = {"duties": [], **envelope["license"]}
    header = b"" if schema_id is None else _HEADER.pack(_MAGIC, schema_id)
    return _encode(_ENRICHED, packed, header, "the envelope of enriched records")


def decode_enriched(data: bytes) -> Data:
    """Read what `encode_enriched` wrote, with or without the header of the wire format; absent parts are null or empty.

    Raises
    ------
    DecodeError
    """
    # A datum starts with the length of the id, which is never empty; so a zero is the magic byte.
    datum = data[_HEADER.size :] if data[:1] == b"\0" else data
    envelope = _decode(lambda stream: fastavro.schemaless_reader(stream, _ENRICHED, None), datum, "enriched records")
    try:
        for name in _JSON_FIELDS:
            envelope[name] = orjson.loads(envelope[name])
        extras = envelope["metadata"].pop("extras")
        envelope["metadata"].update({name: orjson.loads(value) for name, value in extras.items()})
        _unpack_schema(envelope["schema"])
    except orjson.JSONDecodeError:
        envelope = {}
    if not envelope:
        raise DecodeError("the message holds a part that should be JSON and is not")
    return envelope


def _unpack_schema(schema: dict[str, Any] | None) -> None:
    """As in JSON: what a schema does not have is not there."""
    if schema is not None:
        if schema["drift"] is not None:
            schema["drift"] = orjson.loads(schema["drift"])
        for name in ("fields", "drift"):
            if schema[name] is None:
                del schema[name]


def _json(value: Any, absent: bytes) -> str:
    if value is None:
        value = absent
    return (value if isinstance(value, bytes) else orjson.dumps(value)).decode()
