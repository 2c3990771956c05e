"""penstock dlq: letters are listed, shown without what they hold, and sent again."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.agents.runtime.cluster import Cluster
from penstock.codecs.dead_letter import DeadLetter, encode

pytestmark = pytest.mark.integration
SECRET = "ada@example.org"


@pytest.fixture
def file(pipeline: Callable[..., Path], on_kafka: str, pipeline_name: str) -> Path:
    """A pipeline with two dead letters and a quarantined record."""
    made = pipeline()
    raw = f"{pipeline_name}.raw"
    letters = [
        (f"{pipeline_name}.dlq", _letter(pipeline_name, f"{raw}/0/1", 1, "ingest", "decode")),
        (f"{pipeline_name}.dlq", _letter(pipeline_name, f"{raw}/0/2", 2, "tag", "stage")),
        (f"{pipeline_name}.quarantine", _letter(pipeline_name, f"{raw}/0/3", 3, "license", "license_missing")),
    ]

    async def write() -> None:
        producer = Cluster(on_kafka).producer()
        await producer.start()
        for topic, letter in letters:
            await producer.send_and_wait(topic, encode(letter), key=letter.message_key, partition=0)
        await producer.stop()

    asyncio.run(write())
    return made


def _letter(name: str, id: str, offset: int, stage: str, code: str) -> DeadLetter:
    return DeadLetter(
        id=id, pipeline=name, stage=stage, code=code, outcome="quarantined" if stage == "license" else "dead",
        detail="it failed", topic=f"{name}.raw", partition=0, offset=offset, timestamp=0, failed_at=offset,
        key=b"k", value=json.dumps({"email": SECRET}).encode(), headers=[("h", SECRET.encode())],
    )  # fmt: skip


def test_list_filters_and_counts(call: Callable[..., Any], file: Path) -> None:
    listed = json.loads(call("dlq", "list", file, "--json").stdout)
    assert [(each["stage"], each["code"], each["replayed_at"]) for each in listed] == [
        ("ingest", "decode", None), ("tag", "stage", None)
    ]  # fmt: skip
    assert [each["code"] for each in json.loads(call("dlq", "list", file, "--stage", "tag", "--json").stdout)] == [
        "stage"
    ]
    assert json.loads(call("dlq", "list", file, "--code", "other", "--json").stdout) == []
    table = call("dlq", "list", file, "--quarantine").stdout
    assert "license_missing" in table and "waiting" in table and SECRET not in table


def test_show_reveals_only_when_told(call: Callable[..., Any], file: Path, pipeline_name: str) -> None:
    hidden = call("dlq", "show", file, f"{pipeline_name}.raw/0/2")
    assert hidden.exit_code == 0 and SECRET not in hidden.stdout
    assert json.loads(hidden.stdout)[0]["detail"] == "it failed"
    revealed = json.loads(call("dlq", "show", file, f"{pipeline_name}.raw/0/2", "--reveal").stdout)[0]
    assert json.loads(revealed["value"]) == {"email": SECRET} and revealed["headers"] == [["h", SECRET]]
    unknown = call("dlq", "show", file, "other/0/1")
    assert unknown.exit_code == 2 and "other/0/1" in unknown.stderr


def test_replay_sends_once_unless_told_again(call: Callable[..., Any], file: Path, pipeline_name: str) -> None:
    topic = f"{pipeline_name}.raw"
    assert call("dlq", "replay", file).exit_code == 2
    one = call("dlq", "replay", file, f"{topic}/0/2", "nobody/0/0", "--json")
    assert one.exit_code == 1
    assert json.loads(one.stdout) == {"sent": 1, "replayed_before": 0, "gone": 0, "unknown": ["nobody/0/0"]}
    rest = call("dlq", "replay", file, "--all")
    assert rest.exit_code == 0 and "1 sent again" in rest.stdout and "1 left out: replayed before" in rest.stdout
    assert "1 sent again" in call("dlq", "replay", file, "--all", "--code", "stage", "--again").stdout
    sent = call("consume", topic, "--from-beginning", "--committed", "--timeout", "1", "--envelope").stdout
    origins = [dict(json.loads(line)["headers"])["penstock-origin"] for line in sent.splitlines()]
    assert origins == [f"{topic}/0/2", f"{topic}/0/1", f"{topic}/0/2"]


def test_release_with_a_header(call: Callable[..., Any], file: Path, pipeline_name: str) -> None:
    released = call("dlq", "replay", file, "--all", "--quarantine", "--header", "penstock-license=MIT")
    assert released.exit_code == 0 and "1 sent again" in released.stdout
    sent = call("consume", f"{pipeline_name}.raw", "--from-beginning", "--committed", "--timeout", "1", "--envelope")
    assert ["penstock-license", "MIT"] in json.loads(sent.stdout)["headers"]
