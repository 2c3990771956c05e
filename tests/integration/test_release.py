"""What a license set aside goes on once it is allowed: each record once, whoever dies when, and none that went on."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.agents.runtime import release as release_module
from penstock.agents.runtime import replay as replay_module
from penstock.agents.runtime.release import Releaser, Round
from penstock.agents.runtime.replay import read_letters
from penstock.codecs.dead_letter import HEADER_SETTLED, DeadLetter, encode
from penstock.services import licenses

pytestmark = pytest.mark.integration

STAGES = ["tag", {"redact": {}}, {"license": {"field": "terms.license", "operation": "export", "cache_seconds": 0.5}}]
TERMS = {"name": "A", "category": "permissive"}


class Registry:
    """The reference registry, and what it was asked."""

    def __init__(self, serve: Any, tmp_path: Any) -> None:
        app = licenses.create_app(f"sqlite:///{tmp_path}/licenses.db", None, now=lambda: datetime.now(UTC))
        self.asked: list[str] = []

        @app.middleware("http")
        async def watch(request: Any, call_next: Any) -> Any:
            if "/check" in request.url.path:
                self.asked.append(request.method)
            return await call_next(request)

        self.url = serve(app)
        self._http = httpx.Client(base_url=f"{self.url}/api/v1")

    def put(self, id: str, **terms: Any) -> None:
        self._http.put(f"/licenses/{id}", json={**TERMS, **terms}).raise_for_status()

    def grant(self, id: str, tenant: str) -> None:
        body = {"license_id": id, "operation": "export", "tenant_id": tenant, "reason": "the contract of May"}
        appeal = self._http.post("/appeals", json=body).json()
        decision = {"decision": "granted"}
        self._http.post(f"/appeals/{appeal['id']}/decision", json=decision).raise_for_status()

    def close(self) -> None:
        self._http.close()


@pytest.fixture
def registry(serve: Any, tmp_path: Any, rig: Any) -> Any:
    made = Registry(serve, tmp_path)
    rig.environ["LICENSE_REGISTRY_URL"] = made.url
    yield made
    made.close()


def _value(number: int, license: str, **more: Any) -> bytes:
    return json.dumps({"id": number, "mail": "ada@example.org", "terms": {"license": license}, **more}).encode()


def _came(rig: Any, plan: Any) -> list[int]:
    return sorted(message.json["data"]["id"] for message in rig.read(plan.pipeline.enriched_topic))


async def _rounds(releaser: Releaser, until: Callable[[Round], bool], seconds: float = 30) -> Round:
    deadline = time.monotonic() + seconds
    while not until(done := await releaser.round()):
        assert time.monotonic() < deadline, done
        await asyncio.sleep(0.2)
    return done


async def test_records_go_on_once_by_an_appeal_and_by_a_changed_license(rig, make_raw, registry) -> None:
    plan = await rig.ensure(rig.plan(stages=STAGES, raw={"partitions": 2}, tenant="acme"))
    names = ["LicenseRef-A", "LicenseRef-B", "LicenseRef-C", "MIT"]
    headers = [("trace", b"\xff"), ("none", None)]
    sent = [make_raw(_value(n, names[n % 4]), b"k%d" % n, n % 2, 1000 + n, headers) for n in range(40)]
    rig.produce(plan.pipeline.raw_topic, sent)
    async with rig.working(plan):
        await rig.delivered(plan)
        assert _came(rig, plan) == [n for n in range(40) if n % 4 == 3]
        releaser = Releaser(rig.cluster, plan, rig.environ)
        first = await releaser.round()
        assert (first.waiting, first.licenses, first.allowed, first.released) == (30, 3, 0, 0)
        registry.asked.clear()
        assert await releaser.round() == first
        assert registry.asked == ["GET"] * 3, "one conditional question a license"
        registry.grant("LicenseRef-A", "acme")
        registry.grant("LicenseRef-C", "somebody else")
        registry.put("licenseref-b", allow=["export"])
        seen = await releaser.round()
        assert (seen.allowed, seen.released) == (20, 0), "a worker may know the old answer still"
        assert (await _rounds(releaser, lambda done: done.released > 0)).released == 20
        await rig.delivered(plan)
        assert _came(rig, plan) == [n for n in range(40) if n % 4 != 2]
        assert (await releaser.round()).waiting == 10
    raw = rig.read(plan.pipeline.raw_topic)
    assert len(raw) == 60
    original = {message.value: message for message in raw[:] if "penstock-origin" not in dict(message.headers)}
    for message in rig.read(plan.pipeline.raw_topic):
        if origin := dict(message.headers).get("penstock-origin"):
            first_one = original[message.value]
            assert origin.decode() == f"{plan.pipeline.raw_topic}/{first_one.partition}/{first_one.offset}"
            assert message.headers[:2] == headers and message.key == first_one.key
            assert message.partition == first_one.partition
    ids = [message.json["id"] for message in rig.read(plan.pipeline.enriched_topic)]
    assert len(ids) == len(set(ids)) == 30


async def test_stages_in_front_of_license_look_things_up_in_topics(rig, make_raw, registry) -> None:
    topic = f"{rig.name}.owners"
    rig.create(topic, 1, cleanup_policy="compact")
    rig.produce(topic, [make_raw(b'{"owner": "ACME"}', b"A"), make_raw(b'{"owner": "Emca"}', b"B")])
    look_up = {"lookup": {"topic": topic, "by": {"id": "_key"}, "missing": "fail"}}
    plan = await rig.ensure(rig.plan(stages=[*STAGES[:2], look_up, STAGES[2]]))
    rig.produce(plan.pipeline.raw_topic, [make_raw(_value(n, "LicenseRef-A")) for n in range(3)])
    await rig.run(plan)
    releaser = Releaser(rig.cluster, plan, rig.environ)
    try:
        assert (await releaser.round()).waiting == 3
        registry.put("LicenseRef-A", allow=["export"])
        await _rounds(releaser, lambda done: done.released == 3)
    finally:
        await releaser.close()
    await rig.run(plan)
    assert _came(rig, plan) == [0, 1, 2]


async def test_a_releaser_that_dies_anywhere_neither_repeats_nor_loses(rig, make_raw, registry, monkeypatch) -> None:
    plan = await rig.ensure(rig.plan(stages=STAGES))
    rig.produce(plan.pipeline.raw_topic, [make_raw(_value(n, "LicenseRef-A")) for n in range(12)])
    await rig.run(plan)
    registry.put("LicenseRef-A", allow=["export"])
    monkeypatch.setattr(replay_module, "_RECORDS", 3)
    send, calls = replay_module._send, []

    async def dies(producer: Any, *rest: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            await producer.begin_transaction()
            await producer.send_and_wait(plan.pipeline.raw_topic, b'{"id": "half"}', partition=0)
            raise KeyboardInterrupt
        await send(producer, *rest)
        if len(calls) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(replay_module, "_send", dies)
    deaths = 0
    while True:
        try:
            await _rounds(Releaser(rig.cluster, plan, rig.environ), lambda done: done.released > 0)
            break
        except KeyboardInterrupt:
            deaths += 1
    assert deaths == 2
    await rig.run(plan)
    assert _came(rig, plan) == list(range(12))
    assert (await Releaser(rig.cluster, plan, rig.environ).round()).waiting == 0


PROGRAM = """
import asyncio, sys
from aiokafka import AIOKafkaProducer
from penstock.agents.runtime import replay
from penstock.cli.main import main

replay._RECORDS, commit = 2, AIOKafkaProducer.commit_transaction

async def slowly(producer):
    await asyncio.sleep(0.05)
    await commit(producer)

AIOKafkaProducer.commit_transaction = slowly
sys.argv = ["penstock", "quarantine", "watch", sys.argv[1], "--every", "0.2"]
sys.exit(main())
"""
"""Small transactions that stay open for a while, so that most kills find one open."""


def _start(file: Path, environ: dict[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(file)], env=environ, stdout=subprocess.DEVNULL)


@pytest.mark.timeout(240)
async def test_a_releaser_that_is_killed_again_and_again_neither_repeats_nor_loses(
    rig, make_raw, registry, tmp_path
) -> None:
    count, kills = 120, 5
    plan = await rig.ensure(rig.plan(stages=STAGES))
    rig.produce(plan.pipeline.raw_topic, [make_raw(_value(n, "LicenseRef-A")) for n in range(count)])
    await rig.run(plan)
    registry.put("LicenseRef-A", allow=["export"])
    file = tmp_path / "pipeline.yml"
    file.write_text(json.dumps({"name": rig.name, "raw": {"partitions": 1}, "stages": STAGES, "ungoverned": True}))
    environ = {**os.environ, **rig.environ, "KAFKA_BOOTSTRAP_SERVERS": rig.bootstrap}
    before = rig.ends(plan.pipeline.raw_topic)[0]

    def sent() -> int:
        """Offsets behind the records of the test: two released records and Kafka's marker a transaction."""
        return rig.ends(plan.pipeline.raw_topic)[0] - before

    async def waiting() -> int:
        letters = await read_letters(rig.cluster, plan, quarantine=True)
        return sum(each.replayed_at is None for each in letters)

    for kill in range(kills + 1):
        running = _start(file, environ)
        try:
            if kill == kills:
                deadline = time.monotonic() + 90
                while await waiting():
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.2)
            else:
                aim = sent() + 4 + 2 * kill
                await rig.until(lambda aim=aim: sent() >= aim, "a part is released")
        finally:
            running.kill()
            running.wait()
        assert kill == kills or await waiting() > 0, "all was released before it was killed"
    released = [m for m in rig.read(plan.pipeline.raw_topic) if "penstock-origin" in dict(m.headers)]
    assert len(released) == len({dict(message.headers)["penstock-origin"] for message in released}) == count
    await rig.run(plan)
    assert _came(rig, plan) == list(range(count))


async def test_a_letter_of_a_record_that_went_on_is_not_released(rig, make_raw, registry) -> None:
    """A worker wrote the letter and died before the frame; the next one found the license allowed."""
    registry.put("LicenseRef-A", allow=["export"])
    plan = await rig.ensure(rig.plan(stages=STAGES))
    rig.produce(plan.pipeline.raw_topic, [make_raw(_value(0, "LicenseRef-A")), make_raw(_value(1, "LicenseRef-B"))])
    left = DeadLetter(
        id=f"{plan.pipeline.raw_topic}/0/0", pipeline=rig.name, stage="license", code="license_unknown",
        outcome="quarantined", topic=plan.pipeline.raw_topic, partition=0, offset=0, timestamp=0, failed_at=0,
        value=_value(0, "LicenseRef-A"),
    )  # fmt: skip
    rig.produce(plan.pipeline.quarantine_topic, [make_raw(encode(left), left.message_key)])
    await rig.run(plan)
    registry.put("LicenseRef-B", allow=["export"])
    releaser = Releaser(rig.cluster, plan, rig.environ)
    assert (await _rounds(releaser, lambda done: done.released > 0)).released == 1
    assert (await releaser.round()).waiting == 0
    await rig.run(plan)
    assert _came(rig, plan) == [0, 1]
    settled = {each.letter.id: each.settled for each in await read_letters(rig.cluster, plan, quarantine=True)}
    assert settled == {left.id: False, f"{plan.pipeline.raw_topic}/0/1": True}
    markers = [m for m in rig.read(plan.pipeline.quarantine_topic) if HEADER_SETTLED in dict(m.headers)]
    assert [dict(marker.headers)[HEADER_SETTLED] for marker in markers] == [b"0/1"]


async def test_a_record_that_is_set_aside_again_waits_longer_each_time(rig, make_raw, registry) -> None:
    plan = await rig.ensure(rig.plan(stages=STAGES))
    rig.produce(plan.pipeline.raw_topic, [make_raw(_value(0, "LicenseRef-A"))])
    await rig.run(plan)
    # a minute of the releaser's clock: the seconds that a worker takes, which count as well, make no difference
    gate = {**STAGES[2]["license"], "allow": ["LicenseRef-A"], "cache_seconds": 60}
    allowing = [*STAGES[:2], {"license": gate}]
    now = time.time()
    releaser = Releaser(rig.cluster, rig.plan(stages=allowing), rig.environ, clock=lambda: now)
    released = []
    for _ in range(3):  # the workers do not know the changed file
        assert (await releaser.round()).released == 0
        began = now
        while not (await releaser.round()).released:
            now += 20
            assert now < began + 600
        released.append(now - began)
        await rig.run(plan)
        now = time.time() + 0.001
    assert released == pytest.approx([60, 120, 240], abs=45)
    assert released == sorted(released)
    assert _came(rig, plan) == []


async def test_denied_and_unreadable_records_wait_and_a_registry_that_is_away_is_told(
    rig, make_raw, registry, monkeypatch, caplog
) -> None:
    plan = await rig.ensure(rig.plan(stages=STAGES))
    rig.produce(
        plan.pipeline.raw_topic, [make_raw(_value(0, "LicenseRef-A")), make_raw(_value(1, "see file")), make_raw(b"{")]
    )
    await rig.run(plan)
    registry.put("LicenseRef-A", deny=["export"])
    releaser = Releaser(rig.cluster, plan, rig.environ)
    found = await releaser.round()
    assert (found.waiting, found.allowed, found.denied, found.released) == (2, 0, 1, 0)
    rounds: list[Round] = []
    stop = asyncio.Event()

    def told(done: Round) -> None:
        rounds.append(done)
        if len(rounds) == 2:
            stop.set()

    away = {**rig.environ, "LICENSE_REGISTRY_URL": "http://127.0.0.1:9"}
    watching = Releaser(rig.cluster, plan, away)
    warned: list[str] = []
    monkeypatch.setattr(release_module, "logger", lambda: _Log(warned, stop))
    await asyncio.wait_for(watching.watch(stop, 0.1, told), 60)
    assert rounds == [] and warned == ["service_unreachable"]
    stop.clear()
    await asyncio.wait_for(releaser.watch(stop, 0.1, told), 60)
    assert len(rounds) == 2


class _Log:
    def __init__(self, warned: list[str], stop: asyncio.Event) -> None:
        self._warned, self._stop = warned, stop

    def warning(self, _event: str, **fields: Any) -> None:
        self._warned.append(fields["code"])
        self._stop.set()
