"""penstock quarantine: what a policy set aside is listed, shown, released by a person, and released by itself."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.agents.runtime.cluster import Cluster
from penstock.codecs.dead_letter import HEADER_SETTLED, DeadLetter, encode

pytestmark = pytest.mark.integration
SECRET = "ada@example.org"
PIPELINE = """
stages:
  - license: {field: license, allow: [MIT], cache_seconds: 0.2}
ungoverned: true
"""


@pytest.fixture
def file(pipeline: Callable[..., Path], on_kafka: str, pipeline_name: str) -> Path:
    """A pipeline with two records that were set aside; its file allows the license of the first by now."""
    made = pipeline(PIPELINE)
    topic = f"{pipeline_name}.quarantine"

    async def write() -> None:
        producer = Cluster(on_kafka).producer()
        await producer.start()
        for offset, license in enumerate(("MIT", "ISC")):
            letter = DeadLetter(
                id=f"{pipeline_name}.raw/0/{offset}", pipeline=pipeline_name, stage="license", code="license_unknown",
                outcome="quarantined", topic=f"{pipeline_name}.raw", partition=0, offset=offset, timestamp=0,
                failed_at=offset, value=json.dumps({"license": license, "email": SECRET}).encode(),
            )  # fmt: skip
            settled = [(HEADER_SETTLED, letter.place)]
            await producer.send_and_wait(topic, encode(letter), key=letter.message_key, partition=0)
            await producer.send_and_wait(topic, None, key=letter.message_key, partition=0, headers=settled)
        await producer.stop()

    asyncio.run(write())
    return made


def test_list_show_and_release(call: Callable[..., Any], file: Path, pipeline_name: str) -> None:
    listed = json.loads(call("quarantine", "list", file, "--json").stdout)
    assert [(each["code"], each["settled"], each["replayed_at"]) for each in listed] == [
        ("license_unknown", True, None), ("license_unknown", True, None)
    ]  # fmt: skip
    second = f"{pipeline_name}.raw/0/1"
    assert SECRET not in call("quarantine", "show", file, second).stdout
    assert SECRET in call("quarantine", "show", file, second, "--reveal").stdout
    assert call("quarantine", "release", file).exit_code == 2
    released = call("quarantine", "release", file, second, "--header", "penstock-license=MIT", "--json")
    assert released.exit_code == 0 and json.loads(released.stdout)["sent"] == 1
    raw = call("consume", f"{pipeline_name}.raw", "--from-beginning", "--committed", "--timeout", "1", "--envelope")
    headers = json.loads(raw.stdout)["headers"]
    assert ["penstock-license", "MIT"] in headers and ["penstock-origin", second] in headers


def test_watch_releases_by_itself_until_it_is_stopped(call: Callable[..., Any], file: Path, pipeline_name: str) -> None:
    command = [sys.executable, "-m", "penstock.cli.main", "quarantine", "watch", str(file), "--every", "0.2"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    giving_up = threading.Timer(60, running.kill)
    giving_up.start()
    assert running.stdout is not None
    told = []
    for line in running.stdout:
        told.append(line.strip())
        if line.strip().endswith("1 released"):
            running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=30)
    giving_up.cancel()
    assert told[0] == "2 waiting under 2 licenses: 1 allowed, 0 denied; 0 released"
    assert told[-1] == "2 waiting under 2 licenses: 1 allowed, 0 denied; 1 released"
    assert running.returncode == 0 and SECRET not in said
    raw = call("consume", f"{pipeline_name}.raw", "--from-beginning", "--committed", "--timeout", "1").stdout
    assert [json.loads(line)["license"] for line in raw.splitlines()] == ["MIT"]


def test_a_pipeline_without_the_stage(call: Callable[..., Any], pipeline: Callable[..., Path]) -> None:
    refused = call("quarantine", "watch", pipeline())
    assert refused.exit_code == 2 and "no stage `license`" in refused.stderr
