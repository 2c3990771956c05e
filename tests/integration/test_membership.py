"""Members of consumer groups whose process died: the next worker in its folder does not wait for their sessions."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka.admin import AdminClient, NewTopic

from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.membership import client_id, take_out

pytestmark = pytest.mark.integration

LONG_SECONDS = 60
"""A session that outlives the test."""
RUNNER = Path(__file__).parents[1] / "chaos" / "scenarios" / "runner.py"


@asynccontextmanager
async def member(cluster: Cluster, group: str, topic: str) -> AsyncIterator[None]:
    """A member that does not leave: its connections are closed, as those of a process that was killed."""
    consumer = cluster.consumer(topic, group_id=group, session_timeout_ms=LONG_SECONDS * 1000)
    await consumer.start()
    try:
        while not consumer.assignment():
            await consumer.getmany(timeout_ms=100)
        yield
    finally:
        consumer._coordinator.member_id = ""  # nobody who could leave
        await consumer.stop()


def members(admin: AdminClient, group: str) -> list[str]:
    described = admin.describe_consumer_groups([group])[group].result(20)
    return sorted(each.client_id for each in described.members)


async def test_those_of_a_name_are_taken_out_and_no_others(kafka: str, pipeline_name: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(pipeline_name, 2, 1)])[pipeline_name].result(20)
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        async with member(Cluster(kafka, {}, "penstock-a"), f"{pipeline_name}.x", pipeline_name):
            pass
        async with member(Cluster(kafka, {}, "penstock-b"), f"{pipeline_name}.y", pipeline_name):
            pass
        groups = [f"{pipeline_name}.{each}" for each in ("x", "y", "nobody")]
        assert [members(admin, group) for group in groups] == [["penstock-a"], ["penstock-b"], []]
        assert await take_out(producer.client, groups, "penstock-a") == 1
        assert [members(admin, group) for group in groups] == [[], ["penstock-b"], []]
        assert await take_out(producer.client, groups, "penstock-a") == 0
    finally:
        await producer.stop()


async def test_a_group_that_cannot_be_asked_is_no_error(kafka: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        assert await take_out(producer.client, [""], "penstock-a") == 0
    finally:
        await producer.stop()


def test_a_folder_has_one_name(tmp_path: Path) -> None:
    name, used = client_id(tmp_path)
    assert (name, used) == (client_id(tmp_path)[0], False)
    assert client_id(tmp_path) == (name, True)
    for damage in (b"", b"\xff", b"penstock-1", name.encode() + b"\n"):
        (tmp_path / "client.id").write_bytes(damage)
        other, used = client_id(tmp_path)
        assert not used and other != name and client_id(tmp_path) == (other, True)


@contextmanager
def worker(file: Path) -> Iterator["subprocess.Popen[str]"]:
    """A worker whose members are missed after their sessions only, once it is ready."""
    command = [sys.executable, str(RUNNER), "worker", str(file), "--metrics-port", "0"]
    environ = os.environ | {"CHAOS_SESSION": str(LONG_SECONDS)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ)
    try:
        assert process.stdout is not None
        assert re.match("ready: ", process.stdout.readline())
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_worker_that_was_killed_is_back_before_its_session_ends(
    kafka: str, home: Path, tmp_path: Path, pipeline_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka)
    monkeypatch.setenv("PENSTOCK_HASH_KEY", "only-for-this-test-0123456789abcdef")
    file = tmp_path / "pipeline.yml"
    file.write_text(
        f"{{name: {pipeline_name}, raw: {{partitions: 1}}, stages: [redact, {{license: {{allow: [MIT]}}}}]}}"
    )
    with worker(file) as first:
        first.send_signal(signal.SIGKILL)
        first.wait(20)
    killed = time.monotonic()
    with worker(file):
        assert time.monotonic() - killed < LONG_SECONDS - 10
