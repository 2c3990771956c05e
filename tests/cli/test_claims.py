"""penstock claims: what a store holds, and what is deleted of it and what never is."""

import asyncio
import doctest
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.worker import Worker
from penstock.cli import claims as command
from penstock.cli._shared import load_plan
from penstock.codecs.frame import Frame, encode
from penstock.model.errors import ConfigurationError, DecodeError
from penstock.model.record import Kept
from penstock.stores.claims import Claims, store_url

DAY = 24 * 3600.0


@pytest.fixture
def store(alone: Path, pipeline_name: str) -> Claims:
    """The claims of the pipeline in `pipeline`, where its file says nothing else."""
    return Claims(store_url(None, alone, pipeline_name))


@pytest.fixture
def put(store: Claims, alone: Path) -> Callable[[bytes, float], str]:
    """Put data into the store, that many days ago."""

    def put(data: bytes, days: float) -> str:
        address = store.put(data)
        (path,) = (alone / "claims").rglob(address[7:71])
        os.utime(path, (time.time() - days * DAY,) * 2)
        return address

    return put


def there(store: Claims, *addresses: str) -> list[bool]:
    def is_there(address: str) -> bool:
        try:
            store.get(address)
        except DecodeError:
            return False
        return True

    return [is_there(address) for address in addresses]


def send(kafka: str, topic: str, partition: int, *claims: str) -> None:
    """A frame of records whose values are these claims."""

    async def write() -> None:
        producer = Cluster(kafka).producer()
        await producer.start()
        entries = [Kept(number, 0, b"", {}, claim=claim) for number, claim in enumerate(claims)]
        frame = Frame("id", 0, 0, len(claims) - 1, 0, True, list(entries))
        await producer.send_and_wait(topic, encode(frame), partition=partition)
        await producer.stop()

    asyncio.run(write())


@pytest.fixture
def file(tmp_path: Path, pipeline_name: str) -> Path:
    path = tmp_path / "alone.yml"
    path.write_text(f"name: {pipeline_name}\nlicense: CC0-1.0\n")
    return path


def test_show(call, file, store, put):
    nothing = json.loads(call("claims", "show", file, "--json").stdout)
    assert nothing == {"store": store.url, "claims": 0, "bytes": 0, "oldest": None}
    put(b"one", 3)
    put(b"three", 1)
    found = json.loads(call("claims", "show", file, "--json").stdout)
    assert (found["claims"], found["bytes"]) == (2, 8)
    assert found["oldest"].startswith(time.strftime("%Y-%m-%dT%H", time.gmtime(time.time() - 3 * DAY)))
    table = call("claims", "show", file).stdout
    assert store.url in table and "oldest" in table


def test_the_store_is_the_workers(file, alone):
    for line in ("", "batching: {claim_store: 's3://bucket/claims'}\n"):
        file.write_text(file.read_text() + line)
        plan = load_plan(file)
        worker = Worker(Cluster("localhost:1"), plan, {}, alone, [], [])
        assert command._store(plan.pipeline).url == worker._payloads._claims.url


def test_a_store_that_does_not_answer_is_not_reachable(call, file, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "s3cret")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    file.write_text(file.read_text() + "batching: {claim_store: 's3://bucket/claims'}\n")
    result = call("claims", "show", file)
    assert result.exit_code == 3 and "s3://bucket/claims" in result.stderr and "s3cret" not in result.output


def test_durations():
    assert doctest.testmod(command) == (0, 1)
    for text in ("", "h", "12", "1m", "-1d", "1.5d", "1 d", "1d ", "9" * 7 + "d", "١d", "1D"):
        with pytest.raises(ConfigurationError, match="such as 36h"):
            command.parse_duration(text)


def test_the_default_age_is_a_day_more_than_anything_is_kept(file):
    file.write_text(file.read_text() + "raw: {retention_hours: 720}\n")
    assert command._default_age(load_plan(file).pipeline) == 31 * DAY


@pytest.mark.integration
def test_purge(call, pipeline, on_kafka, pipeline_name, store, put):
    made = pipeline()
    old, young = put(b"old", 9), put(b"younger", 7)
    waiting, done, later = put(b"waits", 30), put(b"behind", 40), put(b"at the end", 50)
    send(on_kafka, f"{pipeline_name}.ingest", 0, waiting, young)
    send(on_kafka, f"{pipeline_name}.ingest", 1, done)
    send(on_kafka, f"{pipeline_name}.tag", 1, later)
    would = json.loads(call("claims", "purge", made, "--dry-run", "--json").stdout)
    assert would == {
        "store": store.url, "older_than_seconds": 8 * DAY, "dry_run": True,
        "deleted": 1, "deleted_bytes": 3, "kept": 4, "kept_bytes": 28, "in_use": 3,
    }  # fmt: skip
    assert there(store, old) == [True]
    assert json.loads(call("claims", "purge", made, "--json").stdout) == {**would, "dry_run": False}
    assert there(store, old, young, waiting, done, later) == [False, True, True, True, True]
    lines = call("claims", "purge", made, "--older-than", "2d").stdout.splitlines()
    assert lines == [
        "0 claims (0 bytes) deleted: last put over 48 h ago", "4 (28 bytes) kept; frames refer to 4 that are as old"
    ]  # fmt: skip
    refused = call("claims", "purge", made, "--older-than", "23h")
    assert refused.exit_code == 2 and "24 hours" in refused.stderr


@pytest.mark.integration
def test_nothing_is_purged_where_the_frames_cannot_be_looked_at(call, file, on_kafka, store, put, monkeypatch):
    address = put(b"old", 30)
    refused = call("claims", "purge", file)
    assert refused.exit_code == 2 and "KAFKA_BOOTSTRAP_SERVERS" in refused.stderr
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    assert call("claims", "purge", file).exit_code == 3
    assert there(store, address) == [True]


@pytest.mark.integration
def test_a_frame_that_nobody_can_read_keeps_everything(call, pipeline, on_kafka, pipeline_name, store, put):
    made = pipeline()
    address = put(b"old", 30)

    async def write() -> None:
        producer = Cluster(on_kafka).producer()
        await producer.start()
        await producer.send_and_wait(f"{pipeline_name}.tag", b"PSF\x02", partition=0)
        await producer.stop()

    asyncio.run(write())
    assert call("claims", "purge", made).exit_code == 1
    assert there(store, address) == [True]


@pytest.mark.integration
def test_frames_that_are_deleted_meanwhile_hide_none_behind_them(pipeline, on_kafka, pipeline_name):
    pipeline()
    topic = TopicPartition(f"{pipeline_name}.tag", 0)
    for number in range(6):
        send(on_kafka, topic.topic, 0, f"sha256:{number:064}:1")

    async def read() -> list[Any]:
        cluster = command._cluster()
        consumer = cluster.reader()
        await consumer.start()
        try:
            async with cluster.admin() as admin:
                await admin.delete_records({topic: RecordsToDelete(4)})
            consumer.assign([topic])
            consumer.seek(topic, 0)
            found: list[Any] = []
            async with asyncio.timeout(20):
                while await consumer.position(topic) < 6:
                    for messages in (await consumer.getmany(timeout_ms=100)).values():
                        found += [message.offset for message in messages]
            return found
        finally:
            await consumer.stop()

    assert asyncio.run(read()) == [4, 5]
