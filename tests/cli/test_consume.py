"""penstock consume: messages in, lines of JSON out."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.consume import readable, value_json
from penstock.codecs import frame
from penstock.model.record import Kept, Lost, Stub


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, b"null"),
        (b'{"a": 12345678901234567890123}', b'{"a": 12345678901234567890123}'),
        (b'{"a":\n1}\n', b'{"a":1}'),
        (b"\xff\x00", b'{"base64":"/wA="}'),
        (b"plain", b'{"base64":"cGxhaW4="}'),
        (b"PSF\x01damaged", b'{"base64":"UFNGAWRhbWFnZWQ="}'),
    ],
)
def test_any_value_is_one_line_of_json(value: bytes | None, shown: bytes) -> None:
    assert value_json(value) == shown


def test_a_frame_is_taken_apart() -> None:
    entries = [
        Kept(4, 7, b'{"a":1}', {"pii": b"[]"}, b"k\xff", [("h", b"v"), ("n", None)]),
        Stub(5, 7, "dropped", "dedup", "repeated"),
        Lost(6, 9),
    ]
    shown = json.loads(value_json(frame.encode(frame.Frame("t", 1, 4, 9, 2, False, entries))))
    assert [entry["kind"] for entry in shown.pop("entries")] == ["kept", "stub", "lost"]
    assert shown == {"topic_id": "t", "epoch": 1, "first": 4, "last": 9, "input": 2, "genesis": False}
    kept = json.loads(value_json(frame.encode(frame.Frame("t", 1, 4, 4, 2, False, entries[:1]))))["entries"][0]
    assert (kept["data"], kept["notes"], kept["key"]) == ({"a": 1}, {"pii": []}, {"base64": "a/8="})
    assert kept["headers"] == [["h", "v"], ["n", None]]


def test_bytes_are_text_where_they_are_text() -> None:
    assert [readable(data) for data in (None, b"", "ä".encode(), b"\xe4")] == [None, "", "ä", {"base64": "5A=="}]


@pytest.mark.integration
def test_from_the_beginning_with_and_without_envelope(
    call: Callable[..., Any], pipeline: Callable[..., Path], pipeline_name: str
) -> None:
    pipeline()
    topic = f"{pipeline_name}.raw"
    call("produce", topic, "--key", "id", "--header", "a=b", input='{"id":"x","n":1}\n{"id":"x","n":2}\nnothing\n')
    result = call("consume", topic, "--from-beginning", "--timeout", "1")
    assert sorted(result.stdout.splitlines()) == [
        '{"base64":"bm90aGluZw=="}', '{"id":"x","n":1}', '{"id":"x","n":2}'
    ]  # fmt: skip
    enveloped = call("consume", topic, "--from-beginning", "--max", "1", "--envelope").stdout.splitlines()
    assert len(enveloped) == 1
    shown = json.loads(enveloped[0])
    assert (shown["topic"], shown["offset"], shown["headers"]) == (topic, 0, [["a", "b"]])
    assert call("consume", topic, "--timeout", "0.5").stdout == ""


@pytest.mark.integration
def test_an_unknown_topic_is_named(call: Callable[..., Any], on_kafka: str) -> None:
    result = call("consume", "no-such-topic", "--timeout", "1")
    assert result.exit_code == 2 and "no-such-topic" in result.stderr
