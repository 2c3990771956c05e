"""Stages with state on a real Kafka: killed at every step of a commit, moved to another disk, replayed, and nothing is
forgotten, remembered twice or dropped that was no duplicate."""

import asyncio
import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from penstock.agents import registry
from penstock.agents.chain import Chain
from penstock.agents.continuity import Place
from penstock.agents.runtime.compile import compile_plan
from penstock.agents.runtime.framing import FrameWriter
from penstock.agents.runtime.state import PartitionState
from penstock.agents.runtime.worker import Worker
from penstock.agents.state import Changes, Draft
from penstock.codecs.frame import Frame, decode
from penstock.model.component import Resources
from penstock.model.errors import ConfigurationError
from penstock.model.record import HEADER_ORIGIN, Entry, Kept
from penstock.topology.load import loads
from penstock.topology.plan import Plan

pytestmark = pytest.mark.integration

WORKER = """
import asyncio, os, signal, sys
from pathlib import Path

from penstock.agents.runtime import state
from penstock.agents.runtime.cluster import Cluster
from penstock.agents.continuity import Place
from penstock.agents.runtime.compile import compile_plan
from penstock.agents.runtime.framing import FrameWriter
from penstock.agents.runtime.state import PartitionState
from penstock.agents.runtime.worker import Worker
from penstock.topology.load import loads

file, bootstrap, home, seam, count = sys.argv[1:]
count = int(count)


def killed() -> None:
    global count
    count -= 1
    if count == 0:
        os.kill(os.getpid(), signal.SIGKILL)


send, write, commit = state._send, state.PartitionState._write, state.PartitionState._commit


async def sending(*arguments):
    if seam == "before the transaction":
        killed()
    offset = await send(*arguments)
    if seam == "in the transaction":
        killed()
    return offset


def writing(self, written):
    if seam == "before the copy" and self.began:
        killed()
    write(self, written)


async def committing(*arguments):
    await commit(*arguments)
    if seam == "behind the copy":
        killed()


state._send, state.PartitionState._write, state.PartitionState._commit = sending, writing, committing


async def main() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    plan = compile_plan(loads(file, {}))
    await Worker(Cluster(bootstrap), plan, os.environ, Path(home), plan.agent_names(), []).run(stop)


asyncio.run(main())
"""
DEDUP = {"key_fields": ["id"], "strategy": "merge", "window_seconds": 40, "max_entries": 12, "scope": "partition"}
SEAMS = [
    ("before the transaction", 4), ("in the transaction", 3), ("before the copy", 3), ("behind the copy", 5),
    ("before the copy", 1),
]  # fmt: skip


def _plan(rig: Any, **keys: Any) -> tuple[Plan, str]:
    keys = {"name": rig.name, "raw": {"partitions": 1}, "ungoverned": True, **keys}
    return compile_plan(loads(json.dumps(keys), {})), json.dumps(keys)


def _expected(rig: Any, plan: Plan, options: dict[str, Any], raw: dict[int, list[Entry]]) -> dict[int, list[Any]]:
    """What a chain that nothing happens to makes of the raw records: data and note of those that go on."""
    found = {}
    for partition, entries in raw.items():
        chain = Chain([("dedup", registry.configure("dedup", options))], Resources(environ=rig.environ))
        out = asyncio.run(chain.run(plan.pipeline.raw_topic, partition, entries, Draft())).entries
        found[partition] = [
            (orjson.loads(entry.data or b""), orjson.loads(entry.notes.get("enrichments.dedup", b"null")))
            for entry in out
            if isinstance(entry, Kept)
        ]
    return found


def _delivered(rig: Any, plan: Plan) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {p: [] for p in range(plan.pipeline.raw.partitions)}
    for message in rig.read(plan.pipeline.enriched_topic):
        envelope = message.json
        found[message.partition].append((envelope["data"], envelope.get("enrichments", {}).get("dedup")))
    return found


async def _worked(rig: Any, plan: Plan, script: Path, file: str, seam: tuple[str, int]) -> int | None:
    """Run a worker until it is killed or all is delivered; its exit status in the first case."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), file, rig.bootstrap, str(rig.home), seam[0], str(seam[1]),
        env={**os.environ, **rig.environ}, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    ended = asyncio.create_task(process.wait())
    delivered = asyncio.create_task(rig.delivered(plan, seconds=100))
    try:
        await asyncio.wait({ended, delivered}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            await delivered
        return process.returncode
    finally:
        delivered.cancel()
        await asyncio.gather(delivered, return_exceptions=True)
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(ended, 30)


@pytest.mark.timeout(300)  # a session passes behind each of five kills
async def test_killed_at_every_step_it_drops_and_merges_what_an_undisturbed_chain_does(rig, make_raw, tmp_path) -> None:
    """The window and the bound make the outcome depend on the state as it was: one that is ahead or behind shows."""
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    plan, file = _plan(
        rig, raw={"partitions": 2}, stages=["tag", {"dedup": DEDUP}], batching={"frame_records": 7, "linger_ms": 1}
    )
    assert [agent.has_state for agent in plan.agents] == [False, True]
    await rig.ensure(plan)
    random.seed(5)
    now = int(time.time() * 1000)
    raw: dict[int, list[Entry]] = {0: [], 1: []}

    def more(count: int) -> None:
        messages = []
        for _ in range(count):
            partition, at = random.randrange(2), now + 1000 * sum(map(len, raw.values()))
            data = {"id": random.randrange(25), random.choice("abcdef"): random.randrange(1000)}
            raw[partition].append(Kept(len(raw[partition]), at, orjson.dumps(data), {}))
            messages.append(make_raw(orjson.dumps(data), partition=partition, timestamp=at))
        rig.produce(plan.pipeline.raw_topic, messages)

    deaths = []
    for number, seam in enumerate(SEAMS):
        more(120)
        if number == 3:  # the next one is another machine
            shutil.rmtree(rig.home / "state")
        deaths.append(await _worked(rig, plan, script, file, seam))
    await _worked(rig, plan, script, file, ("never", 0))
    assert deaths == [-signal.SIGKILL] * len(SEAMS)
    expected = await asyncio.to_thread(_expected, rig, plan, DEDUP, raw)
    found = _delivered(rig, plan)
    assert found == expected
    assert sum(note is not None for _, note in found[0] + found[1]) > 100
    assert sum(bool(note and note["merged"]) for _, note in found[0] + found[1]) > 100
    assert rig.read(plan.pipeline.dead_letter_topic) == rig.read(plan.pipeline.quarantine_topic) == []


async def test_commits_that_fail_are_made_up_for_without_sending_anything_twice(rig, make_raw, monkeypatch, metric):
    """The output has the frames, the state has not: the agent starts anew and works on them once more, in silence."""
    plan, _ = _plan(rig, stages=[{"dedup": DEDUP}], batching={"frame_records": 5, "linger_ms": 1})
    await rig.ensure(plan)
    random.seed(7)
    now = int(time.time() * 1000)
    raw: list[Entry] = [
        Kept(n, now + 1000 * n, orjson.dumps({"id": random.randrange(20), random.choice("abcd"): n}), {})
        for n in range(250)
    ]
    rig.produce(plan.pipeline.raw_topic, [make_raw(entry.data, timestamp=entry.timestamp) for entry in raw])
    commit, calls = PartitionState.commit, []

    async def failing(self: PartitionState, place: Place) -> None:
        calls.append(place)
        if len(calls) in (1, 5, 9):
            raise OSError("injected")
        await commit(self, place)

    monkeypatch.setattr(PartitionState, "commit", failing)
    await rig.run(plan)
    assert len(calls) > 9
    assert _delivered(rig, plan) == await asyncio.to_thread(_expected, rig, plan, DEDUP, {0: raw})
    sent = [decode(message.value) for message in rig.read(plan.agents[0].target)]
    assert [frame.first for frame in sent] == [0, *(frame.last + 1 for frame in sent[:-1])], "sent once"
    assert metric("penstock_holes_total", pipeline=rig.name, agent="dedup") == 0


async def test_a_frame_sees_what_those_before_it_remembered_that_are_under_way(rig, make_raw, monkeypatch) -> None:
    send, most = FrameWriter.send, 0
    plan, _ = _plan(rig, stages=[{"dedup": {"key_fields": ["id"]}}], batching={"frame_records": 2})
    await rig.ensure(plan)

    async def tardy(self: FrameWriter, frame: Frame) -> list["asyncio.Future[object]"]:
        async def later(ack: "asyncio.Future[object]") -> object:
            await asyncio.sleep(0.5)
            return await ack

        acks = await send(self, frame)
        return acks if self._topic != plan.last_frames else [asyncio.create_task(later(ack)) for ack in acks]

    def watched(self: PartitionState, changes: Changes) -> None:
        nonlocal most
        under_way(self, changes)
        most = max(most, len(self._under_way))

    under_way = PartitionState.under_way
    monkeypatch.setattr(FrameWriter, "send", tardy)
    monkeypatch.setattr(PartitionState, "under_way", watched)
    rig.produce(plan.pipeline.raw_topic, [make_raw(json.dumps({"id": n % 3, "n": n}).encode()) for n in range(30)])
    await rig.run(plan)
    assert [message.json["data"]["n"] for message in rig.read(plan.pipeline.enriched_topic)] == [0, 1, 2]
    assert most > 1, "never more than one frame was under way"


async def test_exactly_the_duplicates_are_dropped_and_replays_are_not(rig, make_raw) -> None:
    plan, _ = _plan(rig, stages=["tag", {"dedup": {"key_fields": ["id"]}}], batching={"frame_records": 5})
    await rig.ensure(plan)
    topic = plan.pipeline.raw_topic
    rig.produce(topic, [make_raw(json.dumps({"id": n % 30, "n": n}).encode()) for n in range(100)])
    await rig.run(plan)
    replays = [(0, 0), (31, 1), (0, 0), (29, 29)]  # the first of its key, a duplicate, the first once more
    rig.produce(
        topic,
        [
            make_raw(json.dumps({"id": id, "n": n}).encode(), headers=[(HEADER_ORIGIN, f"{topic}/0/{n}".encode())])
            for n, id in replays
        ],
    )
    rig.produce(topic, [make_raw(b'{"id":3,"n":200}'), make_raw(b'{"id":77,"n":201}')])
    await rig.run(plan)  # a new worker: what it knows it knows from the disk
    numbers = [message.json["data"]["n"] for message in rig.read(plan.pipeline.enriched_topic)]
    assert numbers == [*range(30), 0, 0, 29, 201]


async def test_what_is_on_disk_and_in_the_topic_names_no_value(rig, make_raw) -> None:
    plan, _ = _plan(rig, stages=[{"dedup": {"key_fields": ["email"], "strategy": "merge"}}])
    await rig.ensure(plan)
    rig.produce(plan.pipeline.raw_topic, [make_raw(b'{"email":"ann@example.com","name":"Ann of Leith"}')] * 3)
    await rig.run(plan)
    (agent,) = plan.agents
    held = rig.read(agent.state_topic)
    assert len([message for message in held if message.key == b"p"]) >= 2
    files = [path for path in (rig.home / "state").rglob("state/*/*") if path.is_file()]
    assert files
    for text in [*(path.read_bytes() for path in files), *(m.key + (m.value or b"") for m in held)]:
        assert b"ann@example" not in text
        assert b"Leith" not in text


async def test_state_needs_a_key(rig) -> None:
    plan, _ = _plan(rig, stages=[{"dedup": {}}])
    await rig.ensure(plan)
    worker = Worker(rig.cluster, plan, {}, rig.home, [agent.name for agent in plan.agents], [])
    with pytest.raises(ConfigurationError, match="no key"):
        await asyncio.wait_for(worker.run(asyncio.Event()), 30)
