"""A whole pipeline on a real Kafka: what goes in comes out once, in order, enriched, and however it is chained."""

import json
import time
from typing import Any

import pytest

from penstock.cli.demo import networks

pytestmark = pytest.mark.integration

PARTITIONS = 2
STAGES = ["tag", "redact", {"license": {"allow": ["MIT"]}}, "geoip", "language", "hash", "map"]
CHAINS: dict[str, Any] = {
    "fused": "fused",
    "topics": "topics",
    "mixed": [["tag", "redact"], ["license", "geoip", "language"], ["hash", "map"]],
}


def _records(raw: Any) -> list[Any]:
    texts = ["Der Zug kommt heute später am Bahnhof an", "The train arrives late at the station today"]
    messages, now = [], int(time.time() * 1000) - 100_000
    for number in range(60):
        data = {
            "id": number,
            "message": texts[number % 2],
            "client_ip": "8.8.8.8",
            "user": {"name": f"n{number}", "email": f"someone{number}@example.com"},
        }
        value = None if number % 20 == 7 else json.dumps(data).encode()
        key = f"k{number % 5}".encode() if number % 3 else None
        headers = [("trace", f"h{number}".encode()), ("empty", b""), ("none", None)]
        messages.append(raw(value, key, number % PARTITIONS, now + number, headers))
    return messages


async def test_records_come_out_once_in_order_and_the_same_however_they_are_chained(rig, make_raw, tmp_path) -> None:
    rig.environ["GEOIP_DATABASE"] = str(networks.build(tmp_path / "demo.mmdb"))
    messages = _records(make_raw)
    enriched = {}
    for kind, chain in CHAINS.items():
        name = f"{rig.name}-{kind}"
        plan = await rig.ensure(
            rig.plan(name=name, chain=chain, stages=STAGES, license="MIT", raw={"partitions": PARTITIONS})
        )
        rig.produce(plan.pipeline.raw_topic, messages)
        await rig.run(plan)
        enriched[kind] = rig.read(plan.pipeline.enriched_topic)
        assert rig.read(plan.pipeline.dead_letter_topic) == rig.read(plan.pipeline.quarantine_topic) == []
        _check(messages, enriched[kind], plan.pipeline.raw_topic)
    fused = [_plain(message, f"{rig.name}-fused") for message in enriched["fused"]]
    for kind in ("topics", "mixed"):
        assert [_plain(message, f"{rig.name}-{kind}") for message in enriched[kind]] == fused


def _check(messages: list[Any], found: list[Any], topic: str) -> None:
    for partition in range(PARTITIONS):
        sent = [m for m in messages if m.partition == partition]
        came = [m for m in found if m.partition == partition]
        assert len(came) == len(sent)
        for offset, (before, after) in enumerate(zip(sent, came, strict=True)):
            assert (after.key, after.timestamp) == (before.key, before.timestamp)
            assert after.headers[:3] == list(before.headers)
            assert (after.value is None) == (before.value is None)
            if after.value is not None:
                _check_body(after.json, json.loads(before.value), f"{topic}/{partition}/{offset}")


def _check_body(body: Any, data: Any, known: str) -> None:
    assert body["id"] == known
    assert body["data"]["id"] == data["id"]
    assert "@example.com" not in json.dumps(body)
    assert body["license"]["decision"] == "allow"
    assert body["enrichments"]["geo"]["client_ip_geo"]["asn_org"]
    assert body["enrichments"]["language"]["message_language"]["language"] == ("en" if data["id"] % 2 else "de")
    assert body["enrichments"]["hashes"]["message_hash"]
    assert body["entities"]
    assert body["schema"]["fingerprint"]


def _plain(message: Any, name: str) -> Any:
    """Everything of a message but when it was enriched and what its pipeline is called."""
    headers = [(key, value and value.replace(name.encode(), b"P")) for key, value in message.headers]
    value = message.value
    if value is not None:
        stamp = message.json["metadata"]["enriched_at"]
        value = value.replace(stamp.encode(), b"T").replace(name.encode(), b"P")
    return message.partition, message.offset, message.key, message.timestamp, headers, value
