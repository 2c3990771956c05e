"""Avro messages: golden bytes, the table of types, damage of every kind, the enriched envelope."""

import asyncio
import base64
import io
import json
import struct
import subprocess
import sys
import uuid
from datetime import UTC, date, datetime, time
from decimal import Decimal

import fastavro
import httpx
import orjson
import pytest
from fastavro.utils import generate_many
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.codecs.avro import ENRICHED_SCHEMA, AvroDecoder, AvroEncoder, decode_enriched, encode_enriched
from penstock.codecs.schema_registry import Schema, SchemaRegistry
from penstock.model.errors import DecodeError, RecordError, ServiceUnreachableError
from penstock.services import avro_resolution, avro_schema, schemas

ORDER = {
    "type": "record",
    "name": "Order",
    "fields": [{"name": "id", "type": "long"}, {"name": "note", "type": ["null", "string"]}],
}
GOLDEN = bytes.fromhex("0000000007 54 02 04 6869".replace(" ", ""))  # id 7; 42 zigzag; branch 1; 2 bytes; "hi"


class Kept:
    """A registry whose answers are all there, as the client's are after the first call."""

    def __init__(self, *found):
        self._found = {schema.id: schema for schema in found}

    async def schema(self, id):
        if id not in self._found:
            raise DecodeError(f"schema id {id} is not known")
        return self._found[id]


async def decoder(*found):
    made = AvroDecoder(Kept(*found))
    for schema in found:
        await made.fetch(schema.id)
    return made


def datum(schema, value):
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), value)
    return stream.getvalue()


def message(schema, value, id=7):
    return struct.pack(">bI", 0, id) + datum(schema, value)


async def test_golden_bytes():
    assert (await decoder(Schema(7, "AVRO", ORDER))).decode(GOLDEN) == {"id": 42, "note": "hi"}
    assert message(ORDER, {"id": 42, "note": "hi"}) == GOLDEN


async def test_every_type_becomes_json():
    kinds = {
        "none": ("null", None, None),
        "yes": ("boolean", True, True),
        "int": ("int", -1, -1),
        "long": ("long", 2**63 - 1, 2**63 - 1),
        "double": ("double", 0.1, 0.1),
        "nan": ("double", float("nan"), "NaN"),
        "more": ("double", float("inf"), "Infinity"),
        "less": ("float", float("-inf"), "-Infinity"),
        "bytes": ("bytes", b"\x00\xff", "AP8="),
        "fixed": ({"type": "fixed", "name": "F", "size": 2}, b"ab", base64.b64encode(b"ab").decode()),
        "enum": ({"type": "enum", "name": "E", "symbols": ["a"]}, "a", "a"),
        "list": ({"type": "array", "items": "bytes"}, [b"a"], ["YQ=="]),
        "map": ({"type": "map", "values": ["null", "bytes"]}, {"k": b"a", "n": None}, {"k": "YQ==", "n": None}),
        "money": (
            {"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": 2},
            Decimal("1234567890123456789012.50"),
            "1234567890123456789012.50",
        ),
        "uuid": ({"type": "string", "logicalType": "uuid"}, uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        "date": ({"type": "int", "logicalType": "date"}, date(2024, 5, 1), "2024-05-01"),
        "time": ({"type": "int", "logicalType": "time-millis"}, time(12, 34, 56, 789000), "12:34:56.789000"),
        "micro_time": ({"type": "long", "logicalType": "time-micros"}, time(12, 34, 56, 789), "12:34:56.000789"),
        "at": (
            {"type": "long", "logicalType": "timestamp-millis"},
            datetime(2024, 5, 1, 12, tzinfo=UTC),
            "2024-05-01T12:00:00Z",
        ),
        "at_micros": (
            {"type": "long", "logicalType": "timestamp-micros"},
            datetime(1960, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
            "1960-01-01T00:00:00.000001Z",
        ),
        "local": (
            {"type": "long", "logicalType": "local-timestamp-micros"},
            datetime(2024, 5, 1, 12),
            "2024-05-01T12:00:00",
        ),
        "nanos": ({"type": "long", "logicalType": "timestamp-nanos"}, 17, 17),
    }
    schema = {"type": "record", "name": "R", "fields": [{"name": n, "type": k[0]} for n, k in kinds.items()]}
    found = (await decoder(Schema(7, "AVRO", schema))).decode(message(schema, {n: k[1] for n, k in kinds.items()}))
    assert found == {name: kind[2] for name, kind in kinds.items()}
    assert orjson.loads(orjson.dumps(found)) == found


async def test_a_map_is_a_record_and_a_string_is_none():
    schema = {"type": "map", "values": "int"}
    assert (await decoder(Schema(7, "AVRO", schema))).decode(message(schema, {"a": 1})) == {"a": 1}
    with pytest.raises(DecodeError, match="not a record"):
        (await decoder(Schema(7, "AVRO", "string"))).decode(message("string", "a"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "shorter than the 5 bytes"),
        (GOLDEN[:4], "shorter than the 5 bytes"),
        (b"\x01" + GOLDEN[1:], "magic byte"),
        (b'{"id":42}', "magic byte"),
        (b"\xff" + GOLDEN[1:], "magic byte"),
        (b"\0\0\0\0\x09" + GOLDEN[5:], "schema id 9, which is not known"),
        (b"\0\xff\xff\xff\xff" + GOLDEN[5:], "schema id 4294967295, which is not known"),
        (GOLDEN[:5], "does not fit the Avro schema of id 7"),
        (GOLDEN[:-1], "does not fit"),
        (GOLDEN[:6] + b"\x04", "does not fit"),  # a branch that the union has not
        (GOLDEN[:7] + b"\x03" + GOLDEN[8:], "does not fit"),  # a negative length
        (GOLDEN[:7] + b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", "does not fit"),  # 8 exabytes announced
        (GOLDEN[:-1] + b"\xff", "does not fit"),  # not UTF-8
        (GOLDEN + b"\0", "goes on behind"),
        (GOLDEN * 2, "goes on behind"),
    ],
)
async def test_damage(data, reason):
    reader = await decoder(Schema(7, "AVRO", ORDER))
    with pytest.raises(DecodeError, match=reason) as caught:
        reader.decode(data)
    assert caught.value.__cause__ is None and caught.value.__context__ is None


async def test_a_date_that_no_calendar_has():
    schema = {
        "type": "record",
        "name": "R",
        "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}}],
    }
    with pytest.raises(DecodeError, match="does not fit"):
        (await decoder(Schema(7, "AVRO", schema))).decode(b"\0\0\0\0\x07" + datum("long", 2**60))


FUZZED = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": "s", "type": "string"},
        {"name": "u", "type": ["null", "double", {"type": "array", "items": "R"}]},
        {"name": "m", "type": {"type": "map", "values": "bytes"}},
        {"name": "d", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
    ],
}


@settings(derandomize=True, max_examples=300, deadline=None)
@given(data=st.binary(max_size=60))
def test_any_bytes_give_a_record_or_a_decode_error(data):
    reader = AvroDecoder(Kept(Schema(7, "AVRO", FUZZED)))
    asyncio.run(reader.fetch(7))
    try:
        orjson.dumps(reader.decode(b"\0\0\0\0\x07" + data))
    except DecodeError as error:
        assert error.__context__ is None


async def test_what_fastavro_generates_is_read():
    plain = {**ORDER, "fields": [*ORDER["fields"], {"name": "l", "type": {"type": "array", "items": "int"}}]}
    reader = await decoder(Schema(7, "AVRO", plain))
    for value in generate_many(fastavro.parse_schema(plain), 50):
        assert reader.decode(message(plain, value)) == value


NESTED = """
import asyncio, json
from penstock.codecs.avro import AvroDecoder
from penstock.codecs.schema_registry import Schema
from penstock.model.errors import DecodeError

class Kept:
    async def schema(self, id):
        inner = {"type": "record", "name": "B", "fields": [{"name": "a", "type": ["null", "A"]}]}
        fields = [{"name": "b", "type": ["null", {"type": "map", "values": {"type": "array", "items": inner}}]},
                  {"name": "n", "type": ["null", "A"]}]
        return Schema(id, "AVRO", {"type": "record", "name": "A", "fields": fields})

reader = AvroDecoder(Kept())
asyncio.run(reader.fetch(1))
for depth in (300, 1_000_000):
    try:
        reader.decode(b"\\0\\0\\0\\0\\1" + b"\\0\\2" * depth + b"\\0\\0")
    except DecodeError as error:
        print(error)
"""


def test_hostile_nesting_does_not_kill_the_process():
    done = subprocess.run([sys.executable, "-c", NESTED], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout == "the message does not fit the Avro schema of id 1, or is not a record\n" * 2


async def test_schemas_that_are_none_or_refer_to_others():
    for schema, reason in (
        (Schema(7, "JSON", {"type": "object"}), "is JSON, not Avro"),
        (Schema(7, "AVRO", {"type": "recor"}), "not a valid Avro schema"),
        (Schema(7, "AVRO", {"type": "array", "items": "Elsewhere"}), "not a valid Avro schema"),
    ):
        with pytest.raises(DecodeError, match=reason):
            await decoder(schema)
    basket = {"type": "record", "name": "Basket", "fields": [{"name": "order", "type": "Order"}]}
    reader = await decoder(Schema(7, "AVRO", basket, (ORDER,)))
    assert reader.decode(b"\0\0\0\0\x07" + GOLDEN[5:]) == {"order": {"id": 42, "note": "hi"}}


async def test_with_a_registry(serve, tmp_path):
    url = serve(schemas.create_app(f"sqlite:///{tmp_path}/schemas.db", None))
    async with httpx.AsyncClient(timeout=10) as http:
        registry = SchemaRegistry(url, http=http)
        encoder = AvroEncoder(registry, "orders-value", ORDER)
        with pytest.raises(RuntimeError):
            encoder.encode({"id": 1})
        id = await encoder.register()
        assert await encoder.register() == id
        good = encoder.encode({"id": 1, "note": None})
        unknown = b"\0" + (id + 99).to_bytes(4, "big") + good[5:]
        reader = AvroDecoder(registry)
        assert (reader.missing(good), reader.missing(unknown), reader.missing(b"{}")) == (id, id + 99, None)
        await reader.prefetch([good, unknown, b"", b"{}", good])
        assert reader.missing(good) is None
        assert reader.decode(good) == {"id": 1, "note": None}
        with pytest.raises(DecodeError, match="not known"):
            reader.decode(unknown)
        for wrong in ({"id": "x"}, {"note": "secret"}, {"id": 1, "note": None, "more": 1}):
            with pytest.raises(RecordError, match="does not fit the Avro schema of orders-value") as caught:
                encoder.encode(wrong)
            assert caught.value.__context__ is None
        nobody = AvroDecoder(SchemaRegistry("http://127.0.0.1:9", http=http))
        with pytest.raises(ServiceUnreachableError):
            await nobody.prefetch([good])


ENVELOPE = {
    "id": "orders.raw/2/1841",
    "tenant": "acme",
    "data": {"user": {"name": "é"}, "n": [1, 2.5, None]},
    "schema": {"fingerprint": "f00d", "version": 3, "entity": "Person"},
    "entities": [{"type": "Person", "key": "k", "properties": {"a": 1}}],
    "relations": [],
    "pii": [{"category": "email", "field": "user.email", "strategy": "mask", "count": 1}],
    "license": {"id": "CC-BY-4.0", "decision": "allow", "duties": ["attribution"]},
    "enrichments": {"geo": {"ip_geo": {"country": "DE"}}},
    "metadata": {
        "source_type": "csv",
        "source_id": "people.csv",
        "env": "dev",
        "enriched_at": "2024-05-01T12:00:00Z",
        "enrichment_version": "1",
        "quality_score": None,
    },
}


WITHOUT_FIELDS = json.loads(json.dumps(ENRICHED_SCHEMA))
"""The envelope as readers may still know it."""
del next(field for field in WITHOUT_FIELDS["fields"] if field["name"] == "schema")["type"][1]["fields"][3:]


def test_an_enriched_record_comes_back_as_it_went():
    assert decode_enriched(encode_enriched(ENVELOPE)) == ENVELOPE
    framed = encode_enriched(ENVELOPE, 7)
    assert framed == b"\0\0\0\0\x07" + encode_enriched(ENVELOPE)
    assert decode_enriched(framed) == ENVELOPE
    more = {**ENVELOPE, "metadata": {**ENVELOPE["metadata"], "quality_score": 0.5, "rows": [1], "odd": None}}
    assert decode_enriched(encode_enriched(more)) == more


def test_parts_that_are_json_already():
    parts = {name: orjson.dumps(ENVELOPE[name]) for name in ("data", "entities", "relations", "enrichments")}
    assert encode_enriched(ENVELOPE | parts) == encode_enriched(ENVELOPE)


@pytest.mark.parametrize(
    "more", [{"fields": {"user.email": "email"}}, {"drift": {"since": 1, "removed": ["a"], "changed": {"b": "x -> y"}}}]
)
def test_all_that_tag_writes_has_a_place(more):
    envelope = ENVELOPE | {"schema": {"fingerprint": "f", "version": None, "entity": "Person", **more}}
    assert decode_enriched(encode_enriched(envelope)) == envelope
    assert avro_resolution.problems(avro_schema.parse(ENRICHED_SCHEMA), avro_schema.parse(WITHOUT_FIELDS)) == []


def test_the_least_envelope():
    found = decode_enriched(encode_enriched({"id": "a", "data": {}}))
    assert found == {
        "id": "a", "tenant": None, "data": {}, "schema": None, "entities": [], "relations": [], "pii": [],
        "license": None, "enrichments": {}, "metadata": dict.fromkeys(ENVELOPE["metadata"]),
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [{"id": ""}, {"surprise": 1}, {"pii": [{"category": "email"}]}, {"schema": {"version": "3"}}, {"tenant": 5}],
)
def test_what_is_no_envelope(wrong):
    with pytest.raises(RecordError):
        encode_enriched(ENVELOPE | wrong)


def test_damaged_envelopes():
    data = encode_enriched(ENVELOPE)
    for wrong in (b"", data[:-1], data + b"\0", data.replace(b'{"user"', b'["user"')):
        with pytest.raises(DecodeError):
            decode_enriched(wrong)


async def test_any_client_reads_the_enriched_schema(serve, tmp_path):
    url = serve(schemas.create_app(f"sqlite:///{tmp_path}/schemas.db", None))
    async with httpx.AsyncClient(timeout=10) as http:
        registry = SchemaRegistry(url, http=http)
        id = await AvroEncoder(registry, "orders.enriched-value", ENRICHED_SCHEMA).register()
        reader = AvroDecoder(registry)
        data = encode_enriched(ENVELOPE, id)
        await reader.prefetch([data])
        found = reader.decode(data)
    assert json.loads(found["data"]) == ENVELOPE["data"]
    assert found["license"] == ENVELOPE["license"]
