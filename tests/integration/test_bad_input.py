"""Whatever stands in a raw topic: each offset becomes an enriched record or a dead letter, and the stream goes on."""

import base64
import hashlib
import io
import json
import shutil
import struct
import time
from typing import Any

import fastavro
import httpx
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

from penstock.services import schemas

pytestmark = pytest.mark.integration

LARGEST = 25 * 2**20
GOOD = b'{"message":"all is well"}'

DEAD: dict[str, bytes] = {
    "broken": b'{"message": "never clo',
    "empty": b"",
    "blank": b"  \n",
    "NUL": b'{"message":"a\x00b"}',
    "only NUL": b"\x00" * 40,
    "deep": b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "deep open": b"[" * 100_000,
    "NaN": b'{"a":NaN}',
    "minus infinity": b'{"a":-Infinity}',
    "a list": b"[1,2]",
    "a number": b"7",
    "null": b"null",
    "invalid UTF-8": b'{"message":"\xff\xfe"}',
    "lone surrogate": b'{"message":"\\ud800"}',
    "huge number": b'{"id":123456789012345678901234567890}',
    "exponent": b'{"id":1e999}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
}
KEPT: dict[str, tuple[bytes, Any]] = {
    "duplicate keys": (b'{"a":1,"b":2,"a":3}', {"a": 3, "b": 2}),
    "an empty object": (b"{}", {}),
    "an empty key": (b'{"":1,".":2,"a.b":{"c":3}}', {"": 1, ".": 2, "a.b": {"c": 3}}),
    "escaped NUL": (b'{"message":"a\\u0000b"}', {"message": "a\0b"}),
    "byte order mark": (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
    "percent signs": (b'{"%s":"%b %%","%(a)s":1}', {"%s": "%b %%", "%(a)s": 1}),
    "names of ours": (b'{"id":"x","data":1,"metadata":null}', {"id": "x", "data": 1, "metadata": None}),
    "the largest number": (b'{"a":18446744073709551615}', {"a": 2**64 - 1}),
}


def _accounted(rig: Any, plan: Any) -> dict[int, list[str]]:
    """Where each raw offset came out."""
    found: dict[int, list[str]] = {}
    for message in rig.read(plan.pipeline.enriched_topic):
        origin = dict(message.headers)["penstock-origin"]
        found.setdefault(int(origin.rpartition(b"/")[2]), []).append("enriched")
    for topic in (plan.pipeline.dead_letter_topic, plan.pipeline.quarantine_topic):
        for message in rig.read(topic):
            found.setdefault(message.json["offset"], []).append(message.json["outcome"])
    return found


def _bytes(wrapped: dict[str, str] | None) -> bytes | None:
    if wrapped is None:
        return None
    return wrapped["text"].encode() if "text" in wrapped else base64.b64decode(wrapped["base64"])


async def test_each_bad_record_is_set_aside_with_its_bytes_and_its_neighbours_go_on(rig, make_raw) -> None:
    plan = await rig.ensure(rig.plan(stages=["tag", "redact", "hash"]))
    messages, kinds = [], []
    for kind, value in [*DEAD.items(), *((kind, value) for kind, (value, _) in KEPT.items())]:
        messages += [make_raw(value, b"\xff\x00key", headers=[("raw", b"\xff\xfe"), ("raw", None)]), make_raw(GOOD)]
        kinds += [kind, ""]
    messages += [make_raw(None, None), make_raw(None, b"gone"), make_raw(GOOD)]
    kinds += ["tombstone", "tombstone", ""]
    offsets = rig.produce(plan.pipeline.raw_topic, messages)
    assert offsets == list(range(len(messages)))
    await rig.run(plan)

    expected = {offset: ["dead" if kind in DEAD else "enriched"] for offset, kind in enumerate(kinds)}
    assert _accounted(rig, plan) == expected
    letters = {message.json["offset"]: message for message in rig.read(plan.pipeline.dead_letter_topic)}
    for offset, message in letters.items():
        letter, sent = message.json, messages[offset]
        assert (_bytes(letter["value"]), _bytes(letter["key"])) == (sent.value, sent.key)
        assert [(name, _bytes(value)) for name, value in letter["headers"]] == list(sent.headers)
        assert message.key == f"{rig.name}/ingest/{rig.name}.raw/0/{offset}".encode()
        assert (letter["code"], letter["stage"], letter["topic"]) == ("decode", "ingest", f"{rig.name}.raw")
    for message in rig.read(plan.pipeline.enriched_topic):
        offset = int(dict(message.headers)["penstock-origin"].rpartition(b"/")[2])
        assert message.key == messages[offset].key
        assert message.headers[: len(messages[offset].headers)] == list(messages[offset].headers)
        if kinds[offset] in KEPT:
            assert message.json["data"] == KEPT[kinds[offset]][1]


async def test_large_records_come_out_whole_and_one_above_the_limit_is_refused(rig, make_raw) -> None:
    plan = await rig.ensure(rig.plan(stages=["tag", "redact"]))
    wide = json.dumps({f"field{number}": number for number in range(100_000)}).encode()
    large = b'{"blob":"' + b"x" * (20 * 10**6) + b'"}'
    at_limit = b'{"blob":"' + b"y" * (LARGEST - 300) + b'"}'  # fits the raw topic; its envelope does not
    messages = [make_raw(value) for value in (GOOD, wide, GOOD, large, at_limit, GOOD)]
    rig.produce(plan.pipeline.raw_topic, messages)
    with pytest.raises(AssertionError, match="MSG_SIZE_TOO_LARGE"):
        rig.produce(plan.pipeline.raw_topic, [make_raw(b'{"blob":"' + b"z" * LARGEST + b'"}')])
    await rig.run(plan)
    assert _accounted(rig, plan) == {n: ["dead" if n == 4 else "enriched"] for n in range(6)}
    by_offset = {m.json["id"]: m for m in rig.read(plan.pipeline.enriched_topic)}
    for offset in (1, 3):
        data = by_offset[f"{rig.name}.raw/0/{offset}"].json["data"]
        assert _digest(json.dumps(data)) == _digest(json.dumps(json.loads(messages[offset].value)))
    (message,) = rig.read(plan.pipeline.dead_letter_topic)
    letter = message.json
    assert (letter["stage"], letter["code"]) == ("deliver", "too_large")
    assert _digest(letter["value"]["text"]) == _digest(at_limit.decode())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


async def test_avro_with_a_wrong_head_an_unknown_schema_or_a_broken_datum_is_set_aside(
    rig, make_raw, serve, tmp_path
) -> None:
    registry = serve(schemas.create_app(f"sqlite:///{tmp_path}/schemas.db", None))
    rig.environ["SCHEMA_REGISTRY_URL"] = registry
    schema = {"type": "record", "name": "R", "fields": [{"name": "text", "type": "string"}]}
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{registry}/subjects/s/versions", json={"schema": json.dumps(schema)})
    known = answer.json()["id"]
    good = _avro(known, schema, {"text": "all is well"})
    values = {
        "good": good,
        "magic 1": b"\x01" + good[1:],
        "unknown id": struct.pack(">bI", 0, 424_242) + good[5:],
        "largest id": struct.pack(">bI", 0, 2**32 - 1) + good[5:],
        "short": b"\x00\x00",
        "empty": b"",
        "cut": good[:-3],
        "something behind": good + b"\x00",
        "lengths that lie": struct.pack(">bI", 0, known) + b"\xfe\xff\xff\xff\x0f",
        "JSON": b'{"text":"a"}',
    }
    plan = await rig.ensure(rig.plan(raw={"partitions": 1, "codec": "avro"}))
    messages = [make_raw(value) for bad in values.values() for value in (bad, good)] + [make_raw(None, b"k")]
    rig.produce(plan.pipeline.raw_topic, messages)
    await rig.run(plan)
    expected = {n: ["enriched" if m.value in (good, None) else "dead"] for n, m in enumerate(messages)}
    assert _accounted(rig, plan) == expected
    for message in rig.read(plan.pipeline.dead_letter_topic):
        assert _bytes(message.json["value"]) == messages[message.json["offset"]].value
        assert message.json["code"] == "decode"


async def test_avro_whose_schema_the_registry_refuses_is_set_aside(rig, make_raw, serve) -> None:
    schema = {"type": "record", "name": "R", "fields": [{"name": "text", "type": "string"}]}
    registry = FastAPI()

    @registry.get("/schemas/ids/{id}")
    def answer(id: int) -> Response:
        if id >= 2**31:
            return Response(status_code=500)  # as a registry whose database holds ids in 32 bits
        return JSONResponse({"schema": json.dumps(schema)} if id == 1 else {}, {1: 200, 2: 422, 3: 400}[id])

    rig.environ["SCHEMA_REGISTRY_URL"] = serve(registry)
    ids = [1, 2, 1, 3, 1, 2**31, 1]
    plan = await rig.ensure(rig.plan(raw={"partitions": 1, "codec": "avro"}))
    rig.produce(plan.pipeline.raw_topic, [make_raw(_avro(id, schema, {"text": "all is well"})) for id in ids])
    await rig.run(plan)
    assert _accounted(rig, plan) == {n: ["enriched" if id == 1 else "dead"] for n, id in enumerate(ids)}


def _avro(id: int, schema: Any, data: Any) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, schema, data)
    return struct.pack(">bI", 0, id) + buffer.getvalue()


async def _produce_bytes(rig: Any, topic: str, replace: bytes, by: bytes) -> None:
    """Write a record with a header called `replace`, whose bytes are replaced behind the client's back."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 10_000)
    builder.append(0, int(time.time() * 1000), b"k", b'{"message":"odd"}', [(replace.decode(), b"v")])
    batch = bytearray(bytes(builder.build()).replace(replace, by))
    batch[17:21] = struct.pack(">I", calc_crc32c(bytes(batch[21:])))
    client = AIOKafkaClient(bootstrap_servers=rig.bootstrap)
    await client.bootstrap()
    try:
        await client.force_metadata_update()
        request = ProduceRequest(None, -1, 10_000, [(topic, [(0, bytes(batch))])])
        answer = await client.send(client.get_random_node(), request)
        assert answer.topics[0][1][0][1] == 0
    finally:
        await client.close()


async def test_a_header_whose_name_is_not_utf8_does_not_stop_the_stream(rig, make_raw) -> None:
    plan = await rig.ensure(rig.plan(stages=["tag", "redact"]))
    rig.produce(plan.pipeline.raw_topic, [make_raw(GOOD)])
    await _produce_bytes(rig, plan.pipeline.raw_topic, b"NAME", b"\xff\xfe\x00N")
    rig.produce(plan.pipeline.raw_topic, [make_raw(GOOD)])
    await rig.run(plan)
    found = _accounted(rig, plan)
    assert found[0] == found[2] == ["enriched"]
    assert len(found[1]) == 1


async def test_a_record_whose_claim_is_gone_is_set_aside_alone(rig, make_raw) -> None:
    plan = await rig.ensure(rig.plan(batching={"claim_bytes": 1024}))
    large = b'{"blob":"' + b"x" * 5000 + b'"}'
    rig.produce(plan.pipeline.raw_topic, [make_raw(value) for value in (GOOD, large, GOOD)])
    async with rig.working(plan, agents=["ingest"]):
        await rig.until(lambda: rig.ends(plan.first_frames)[0], "frames")
    shutil.rmtree(rig.home / "claims")
    await rig.run(plan)
    assert _accounted(rig, plan) == {0: ["enriched"], 1: ["dead"], 2: ["enriched"]}
    (message,) = rig.read(plan.pipeline.dead_letter_topic)
    assert _bytes(message.json["value"]) == large
