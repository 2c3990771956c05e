"""penstock produce: lines in, messages out."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.messages import follow, partition_of, read_all
from penstock.cli.produce import key_of, parse_headers
from penstock.model.errors import ConfigurationError


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (b'{"user":{"id":"u7"}}', b"u7"),
        (b'{"user":{"id":7}}', b"7"),
        (b'{"user":{"id":[1,"a"]}}', b'[1,"a"]'),
        (b'{"user":{"id":null}}', None),
        (b'{"user":"u7"}', None),
        (b"[1]", None),
        (b"{broken", None),
    ],
)
def test_a_key_is_a_field_of_the_line(line: bytes, key: bytes | None) -> None:
    assert key_of(line, "user.id") == key


def test_headers_are_pairs_and_errors_hold_no_value() -> None:
    assert parse_headers(["a=b=c", "d="]) == [("a", b"b=c"), ("d", b"")]
    with pytest.raises(ConfigurationError, match="header 2 is no NAME=VALUE") as caught:
        parse_headers(["a=b", "secret"])
    assert "secret" not in str(caught.value)


def messages(kafka: str, topic: str) -> list[Any]:
    async def read() -> list[Any]:
        return [m async for some in read_all(Cluster(kafka), topic, range(2)) for m in some]

    return asyncio.run(read())


@pytest.mark.integration
def test_lines_become_messages(
    call: Callable[..., Any], pipeline: Callable[..., Path], on_kafka: str, pipeline_name: str, tmp_path: Path
) -> None:
    pipeline()
    lines = tmp_path / "lines.jsonl"
    lines.write_bytes(b'{"id":"a"}\r\n\n  \n{"id":"b"}\n\xff no JSON')
    result = call("produce", f"{pipeline_name}.raw", lines, "--key", "id", "--header", "from=test")
    assert result.exit_code == 0, result.stderr
    assert "3 messages" in result.stderr and "2 empty lines" in result.stderr and "1 without a key" in result.stderr
    found = messages(on_kafka, f"{pipeline_name}.raw")
    assert sorted((m.key or b"", m.value) for m in found) == [
        (b"", b"\xff no JSON"), (b"a", b'{"id":"a"}'), (b"b", b'{"id":"b"}')
    ]  # fmt: skip
    assert all(m.partition == partition_of(m.key, 2) for m in found if m.key)
    assert {m.headers for m in found} == {(("from", b"test"),)}


@pytest.mark.integration
def test_raw_changes_nothing_and_standard_input_is_read(
    call: Callable[..., Any], pipeline: Callable[..., Path], on_kafka: str, pipeline_name: str
) -> None:
    pipeline()
    assert call("produce", f"{pipeline_name}.raw", "--raw", input=b"a\r\n\nb\n").exit_code == 0
    assert [m.value for m in messages(on_kafka, f"{pipeline_name}.raw")] == [b"a\r", b"", b"b"]


@pytest.mark.integration
def test_a_slow_pipe_is_not_waited_for(pipeline: Callable[..., Path], on_kafka: str, pipeline_name: str) -> None:
    pipeline()
    topic = f"{pipeline_name}.raw"
    command = [sys.executable, "-m", "penstock.cli.main", "produce", topic]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ))
    assert process.stdin is not None

    async def first() -> bytes:
        batches = follow(Cluster(on_kafka), topic, from_beginning=True, idle_seconds=30)
        async for some in batches:
            await batches.aclose()
            return bytes(some[0].value)
        raise AssertionError("nothing came")

    try:
        process.stdin.write(b"one\n")
        process.stdin.flush()
        assert asyncio.run(first()) == b"one"
    finally:
        _, told = process.communicate(timeout=20)
    assert process.returncode == 0 and b"1 messages" in told


@pytest.mark.integration
def test_an_unknown_topic_and_a_missing_file_are_named(call: Callable[..., Any], on_kafka: str, tmp_path: Path) -> None:
    unknown = call("produce", "no-such-topic", input="x\n")
    assert unknown.exit_code == 2 and "no-such-topic" in unknown.stderr
    missing = call("produce", "any", tmp_path / "missing")
    assert missing.exit_code == 2 and "missing" in missing.stderr


def test_a_broker_that_does_not_answer_is_named(call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    result = call("produce", "any", input="x\n")
    assert result.exit_code == 3 and "127.0.0.1:1" in result.stderr and "KAFKA_BOOTSTRAP_SERVERS" in result.stderr
