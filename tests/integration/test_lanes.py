"""Partitions of a hop side by side, several frames of each under way: one that waits holds up no other, and whatever
fails or is taken away in the midst of it, everything comes out once and in order."""

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from types import ModuleType
from typing import Any

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource

from penstock.agents.continuity import Place, Refusal, admit, advance
from penstock.agents.registry import STAGES
from penstock.agents.runtime import hop, lane, purge
from penstock.agents.runtime.app import BUFFERED_FRAMES, TAKEN_BYTES, TAKEN_SMALL_FRAMES
from penstock.agents.runtime.framing import FrameWriter
from penstock.agents.runtime.lane import UNDER_WAY, Lane
from penstock.codecs.frame import Frame, decode
from penstock.model.component import Apply, ApplyBatch, StageConfig
from penstock.model.errors import UnreachableError
from penstock.model.record import Record
from penstock.model.verdict import KEEP, Verdict

pytestmark = pytest.mark.integration

DEADLINE = 30.0
LARGE = 16 * 1024


class Gate:
    """A stage that does not let records of partition 0 pass before it is opened: it fails, or it takes its time."""

    def __init__(self, way: str) -> None:
        self.way = way
        self.opened = asyncio.Event()

    def build(self, config: StageConfig) -> ApplyBatch:
        async def apply(records: Sequence[Record]) -> Sequence[Verdict]:
            if records[0].data["partition"] == 0 and not self.opened.is_set():
                if self.way == "unreachable":
                    raise UnreachableError("the gate", "nowhere", seconds=0.0)
                await self.opened.wait()
            return [KEEP for _ in records]

        return apply


def _stage(monkeypatch: pytest.MonkeyPatch, name: str, build: Callable[[StageConfig], Any]) -> None:
    """Make a stage known for one test."""
    module = ModuleType(name)
    vars(module).update(Config=StageConfig, build=build)
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(STAGES.modules, name, name)


def _produce(rig: Any, plan: Any, make_raw: Any, numbers: range, size: int = 0) -> None:
    """Each number to every partition, in a record of that many bytes at least."""
    partitions, filler = range(plan.pipeline.raw.partitions), "x" * size
    values = [(p, {"id": n, "partition": p, "filler": filler}) for n in numbers for p in partitions]
    rig.produce(plan.pipeline.raw_topic, [make_raw(json.dumps(v).encode(), partition=p) for p, v in values])


def _delivered(rig: Any, plan: Any) -> dict[int, list[int]]:
    """The ids that came out, by partition, in order."""
    found: dict[int, list[int]] = {p: [] for p in range(plan.pipeline.raw.partitions)}
    for message in rig.read(plan.pipeline.enriched_topic):
        found[message.partition].append(message.json["data"]["id"])
    return found


def _trimmed(rig: Any, topic: str, partition: int) -> list[int]:
    """The raw offsets that a reader of the topic gets, who stands at the beginning and trims; fails at a hole."""
    place: Place | None = None
    offsets: list[int] = []
    for message in rig.read(topic):
        if message.partition == partition:
            admitted = admit(place, decode(message.value))
            assert admitted is not Refusal.HOLE, f"a hole behind {place}"
            if isinstance(admitted, Frame):
                offsets += [entry.offset for entry in admitted.entries]
                place = advance(admitted, message.offset)
    return offsets


@pytest.mark.parametrize("way", ["unreachable", "slow"])
async def test_a_partition_that_waits_holds_up_no_other(rig, make_raw, monkeypatch, metric, way) -> None:
    gate, most = Gate(way), 0
    _stage(monkeypatch, "gate", gate.build)
    offer = Lane.offer

    def watched(self: Lane, stream: Any, event: Any) -> None:
        nonlocal most
        offer(self, stream, event)
        most = max(most, self._frames)

    monkeypatch.setattr(Lane, "offer", watched)
    monkeypatch.setattr(lane, "SMALL_BYTES", LARGE)
    plan = await rig.ensure(
        rig.plan(
            stages=["tag", "gate"], chain="topics", raw={"partitions": 3}, batching={"frame_records": 1},
            error_handling={"max_backoff_seconds": 0.2},
        )
    )  # fmt: skip
    _produce(rig, plan, make_raw, range(60), LARGE)
    async with rig.working(plan):
        for end in (60, 80):  # what was there, and what comes while partition 0 waits
            all_but_0 = {0: [], 1: [*range(end)], 2: [*range(end)]}
            await rig.until(lambda all_but_0=all_but_0: _delivered(rig, plan) == all_but_0, "all but 0", DEADLINE)
            _produce(rig, plan, make_raw, range(end, end + 20), LARGE)
        gate.opened.set()
        await rig.delivered(plan)
    assert _delivered(rig, plan) == {p: [*range(100)] for p in range(3)}
    assert rig.read(plan.pipeline.dead_letter_topic) == []
    labels = {"pipeline": rig.name, "agent": "gate"}
    assert metric("penstock_holes_total", **labels) == metric("penstock_restarts_total", **labels, reason="hole") == 0
    assert most <= BUFFERED_FRAMES // 3 + 2 * TAKEN_BYTES // LARGE  # the other 78 waited on the broker


async def test_partitions_with_a_backlog_take_turns(rig, make_raw, monkeypatch, metric) -> None:
    worked: list[int] = []

    def build(config: StageConfig) -> Apply:
        def apply(record: Record) -> Verdict:
            worked.append(record.data["partition"])
            time.sleep(0.002)  # as a stage that computes does: nothing else runs meanwhile
            return KEEP

        return apply

    _stage(monkeypatch, "turns", build)
    plan = await rig.ensure(
        rig.plan(stages=["turns"], chain="topics", raw={"partitions": 4}, batching={"frame_records": 1})
    )
    each = 5 * TAKEN_SMALL_FRAMES
    _produce(rig, plan, make_raw, range(each))
    async with rig.working(plan, agents=["ingest"]):
        await rig.until(lambda: len(rig.read(plan.first_frames)) >= 4 * each, "the backlog", DEADLINE)
    async with rig.working(plan):
        await rig.delivered(plan)
    half = worked[: 2 * each]
    counts = [half.count(partition) for partition in range(4)]
    assert min(counts) >= TAKEN_SMALL_FRAMES, counts
    assert metric("penstock_holes_total", pipeline=rig.name, agent="turns") == 0


@pytest.mark.parametrize("refused", [0, 7], ids=["the first frame of a producer", "a frame in the midst"])
async def test_nothing_stands_behind_a_frame_that_the_broker_refused(rig, make_raw, metric, refused) -> None:
    plan = await rig.ensure(rig.plan(stages=["tag", "hash"], chain="topics", batching={"frame_records": 1}))
    topic = plan.agents[0].target
    filler = random.Random(1).randbytes(30_000).hex()
    values = [{"id": n, "filler": filler if n == refused else ""} for n in range(20)]
    _largest_message(rig, topic, 10_000)
    rig.produce(plan.pipeline.raw_topic, [make_raw(json.dumps(value).encode()) for value in values])

    def failures() -> float:
        labels = {"pipeline": rig.name, "agent": "tag"}
        return sum(
            metric("penstock_restarts_total", **labels, reason=reason)
            for reason in ("MessageSizeTooLargeError", "OutOfOrderSequenceNumber")
        )

    async with rig.working(plan):
        await rig.until(lambda: failures() >= 2, "the agent fails")
        assert await asyncio.to_thread(_trimmed, rig, topic, 0) == list(range(refused))
        await asyncio.to_thread(_largest_message, rig, topic, 1_000_000)
        await rig.delivered(plan)
    assert _trimmed(rig, topic, 0) == list(range(20))
    assert _delivered(rig, plan) == {0: [*range(20)]}
    assert rig.read(plan.pipeline.dead_letter_topic) == rig.read(plan.pipeline.quarantine_topic) == []


def _largest_message(rig: Any, topic: str, size: int) -> None:
    entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    (done,) = rig.admin.incremental_alter_configs([resource]).values()
    done.result(20)


async def test_what_is_sent_is_done_when_it_is_acknowledged(rig, make_raw, monkeypatch, metric) -> None:
    send, acknowledged = FrameWriter.send, asyncio.Event()
    plan = await rig.ensure(rig.plan(stages=["tag", "hash"], chain="topics", batching={"frame_records": 1}))
    topic, source = plan.agents[0].target, plan.first_frames

    async def withheld(self: FrameWriter, frame: Frame) -> list["asyncio.Future[object]"]:
        acks = await send(self, frame)
        return acks if self._topic != topic else [asyncio.create_task(acknowledged.wait())]

    def value(name: str) -> float:
        return metric(f"penstock_{name}", pipeline=rig.name, agent="tag", partition="0")

    monkeypatch.setattr(FrameWriter, "send", withheld)
    _produce(rig, plan, make_raw, range(20))
    async with rig.working(plan):
        await rig.until(lambda: rig.ends(topic)[0] > UNDER_WAY and value("lag_messages") == 20, "frames under way")
        assert rig.ends(topic)[0] == UNDER_WAY + 1  # and no more than one waits for its turn
        assert rig.ends(source)[0] == 20
        assert value("next_offset") == 0  # which stands for the table, and what may be purged
        acknowledged.set()
        await rig.delivered(plan)
        assert value("next_offset") == 20
    assert _delivered(rig, plan) == {0: [*range(20)]}


async def test_partitions_that_change_hands_with_frames_under_way_lose_and_repeat_nothing(
    rig, make_raw, monkeypatch
) -> None:
    """Workers come and go, acknowledgements are late: there are always frames that were sent and not acknowledged."""
    taken_away: list[int] = []
    send, close = FrameWriter.send, Lane.close

    async def tardy(self: FrameWriter, frame: Frame) -> list["asyncio.Future[object]"]:
        async def later(ack: "asyncio.Future[object]") -> object:
            await asyncio.sleep(0.2)
            return await ack

        return [asyncio.create_task(later(ack)) for ack in await send(self, frame)]

    def noted(self: Lane) -> None:
        taken_away.append(self._under_way.qsize())
        close(self)

    monkeypatch.setattr(FrameWriter, "send", tardy)
    monkeypatch.setattr(Lane, "close", noted)
    monkeypatch.setattr(hop, "PURGE_EVERY_SECONDS", 3600.0)  # frames are read from the first one on below
    monkeypatch.setattr(purge, "PURGE_EVERY_SECONDS", 3600.0)
    plan = await rig.ensure(
        rig.plan(stages=["tag", "hash"], chain="topics", raw={"partitions": 4}, batching={"frame_records": 2})
    )
    hops = [agent.name for agent in plan.agents]
    _produce(rig, plan, make_raw, range(100))
    async with rig.working(plan):
        for turn in range(1, 4):
            async with AsyncExitStack() as stack:
                other = await stack.enter_async_context(rig.working(plan, agents=hops))
                await rig.until(lambda other=other: all(hop.joined.is_set() for hop in other.hops.values()), "it joins")
                _produce(rig, plan, make_raw, range(turn * 100, turn * 100 + 100))
                since = time.monotonic()
                await rig.until(lambda since=since: time.monotonic() - since > 1.0, "frames under way")
        await rig.delivered(plan)
    assert _delivered(rig, plan) == {p: [*range(400)] for p in range(4)}
    for topic in (agent.target for agent in plan.agents):
        assert [_trimmed(rig, topic, p) for p in range(4)] == [[*range(400)]] * 4
    assert sum(count > 0 for count in taken_away) >= 4, "lanes were taken away with frames under way"
