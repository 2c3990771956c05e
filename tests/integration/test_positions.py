"""Where everybody stands: whatever is deleted, made anew or appended, nothing is repeated, lost or mixed up."""

import asyncio
import json
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from penstock.agents.runtime import healing, worker
from penstock.codecs.frame import Frame, decode, encode
from penstock.model.errors import HoleError
from penstock.model.record import Kept, Lost

pytestmark = pytest.mark.integration


def _value(number: int) -> bytes:
    return json.dumps({"id": number}).encode()


def _ids(messages: list[Any]) -> list[int]:
    return [message.json["data"]["id"] for message in messages]


def _produce(rig: Any, plan: Any, make_raw: Any, numbers: range) -> None:
    rig.produce(plan.pipeline.raw_topic, [make_raw(_value(number)) for number in numbers])


def _empty_frames(rig: Any, plan: Any, but: int) -> None:
    for topic in plan.topics:
        if topic.kind == "frames":
            rig.delete_records(topic.name, rig.ends(topic.name)[0] - but)


def _delete_groups(rig: Any, plan: Any) -> None:
    rig.delete_groups(plan.ingest_group, plan.deliver_group, *(agent.group for agent in plan.agents))


def _delete_state(rig: Any, plan: Any) -> None:
    shutil.rmtree(rig.home / "state")


def _everything(rig: Any, plan: Any) -> None:
    _delete_groups(rig, plan)
    _delete_state(rig, plan)
    _empty_frames(rig, plan, but=0)
    for agent in plan.agents:
        rig.admin.delete_topics([agent.table_topic])[agent.table_topic].result(20)


BETWEEN: dict[str, Callable[[Any, Any], None]] = {
    "groups deleted": _delete_groups,
    "state deleted": _delete_state,
    "frames deleted down to the last": lambda rig, plan: _empty_frames(rig, plan, but=1),
    "frames deleted": lambda rig, plan: _empty_frames(rig, plan, but=0),
    "everything but progress deleted": _everything,
}


@pytest.mark.parametrize("between", BETWEEN.values(), ids=BETWEEN)
async def test_what_is_deleted_while_nobody_works_is_neither_repeated_nor_missed(rig, make_raw, between) -> None:
    plan = await rig.ensure(rig.plan(stages=["tag", "hash"], chain="topics", batching={"frame_records": 4}))
    _produce(rig, plan, make_raw, range(10))
    await rig.run(plan)
    between(rig, plan)
    await rig.ensure(plan)
    _produce(rig, plan, make_raw, range(10, 20))
    await rig.run(plan)
    assert _ids(rig.read(plan.pipeline.enriched_topic)) == list(range(20))


async def test_a_plan_that_changes_after_it_drained_goes_on_where_delivery_stands(rig, make_raw) -> None:
    expected = []
    for turn, chain in enumerate(["topics", "fused", "topics"]):
        plan = await rig.ensure(rig.plan(stages=["tag", "hash"], chain=chain, batching={"frame_records": 4}))
        if turn == 2:
            # what agents purge in a long run: the frames that the old plan would have to read again
            rig.delete_records(plan.first_frames, rig.ends(plan.first_frames)[0] - 1)
        _produce(rig, plan, make_raw, range(turn * 10, turn * 10 + 10))
        await rig.run(plan)
        expected += range(turn * 10, turn * 10 + 10)
        assert _ids(rig.read(plan.pipeline.enriched_topic)) == expected


# the raw topic ------------------------------------------------------------------------------------------------------


async def test_a_raw_topic_made_anew_while_nobody_works_is_a_new_epoch(rig, make_raw) -> None:
    plan = await rig.ensure(rig.plan(stages=["tag", "hash"], chain="topics"))
    _produce(rig, plan, make_raw, range(10))
    await rig.run(plan)
    rig.recreate(plan.pipeline.raw_topic)
    _produce(rig, plan, make_raw, range(100, 104))
    async with rig.working(plan):
        await rig.delivered(plan, epoch=1)
    enriched = rig.read(plan.pipeline.enriched_topic)
    assert _ids(enriched) == [*range(10), *range(100, 104)]
    topic = plan.pipeline.raw_topic
    ids = [f"{topic}/0/{offset}" for offset in range(10)] + [f"{topic}~1/0/{offset}" for offset in range(4)]
    assert [message.json["id"] for message in enriched] == ids
    assert [dict(message.headers)["penstock-origin"].decode() for message in enriched] == ids


@pytest.mark.parametrize("noticed", [True, False], ids=["noticed", "unnoticed"])
async def test_a_raw_topic_made_anew_while_it_is_read_is_a_new_epoch(rig, make_raw, monkeypatch, noticed) -> None:
    monkeypatch.setattr(worker, "METADATA_SECONDS", 2.0)
    plan = await rig.ensure(rig.plan())
    _produce(rig, plan, make_raw, range(10))
    topic = plan.pipeline.raw_topic

    def made_anew() -> None:
        rig.recreate(topic)
        # more than there were: the old position lies within the new topic
        _produce(rig, plan, make_raw, range(100, 130))

    async with rig.working(plan):
        await rig.delivered(plan)
        if noticed:
            await asyncio.to_thread(made_anew)
        else:
            made_anew()  # the worker stands still meanwhile
        await rig.delivered(plan, epoch=1, seconds=30)
    assert _ids(rig.read(plan.pipeline.enriched_topic)) == [*range(10), *range(100, 130)]


@pytest.mark.parametrize("deleted", [2, 3], ids=["some", "all"])
async def test_a_letter_whose_record_was_deleted_says_so(rig, make_raw, deleted) -> None:
    plan = await rig.ensure(rig.plan(stages=["license"]))
    _produce(rig, plan, make_raw, range(3))
    async with rig.working(plan, agents=["ingest"]):
        await rig.until(lambda: rig.ends(plan.first_frames)[0], "frames")
    rig.delete_records(plan.pipeline.raw_topic, deleted)
    await rig.run(plan)
    letters = [message.json for message in rig.read(plan.pipeline.quarantine_topic) if message.value is not None]
    assert [letter["original"] for letter in letters] == ["gone"] * deleted + [""] * (3 - deleted)
    assert [letter["value"] is None for letter in letters] == [n < deleted for n in range(3)]


async def test_a_letter_never_holds_the_bytes_of_another_epochs_record(rig, make_raw) -> None:
    plan = await rig.ensure(rig.plan(stages=["license"]))
    _produce(rig, plan, make_raw, range(3))
    async with rig.working(plan, agents=["ingest"]):
        await rig.until(lambda: rig.ends(plan.first_frames)[0], "frames")
    rig.recreate(plan.pipeline.raw_topic)
    _produce(rig, plan, make_raw, range(100, 103))
    async with rig.working(plan):
        await rig.delivered(plan, epoch=1)
    letters = [message.json for message in rig.read(plan.pipeline.quarantine_topic) if message.value is not None]
    assert [letter["original"] for letter in letters] == ["gone"] * 3 + [""] * 3
    assert [letter["value"] for letter in letters[:3]] == [None] * 3
    assert [json.loads(letter["value"]["text"])["id"] for letter in letters[3:]] == [100, 101, 102]


async def test_a_raw_topic_that_does_not_begin_at_0_is_no_hole(rig, make_raw) -> None:
    plan = await rig.ensure(rig.plan(stages=["tag", "hash"], chain="topics"))
    _produce(rig, plan, make_raw, range(20))
    rig.delete_records(plan.pipeline.raw_topic, 7)
    await rig.run(plan)
    messages = rig.read(plan.pipeline.enriched_topic)
    assert _ids(messages) == list(range(7, 20))
    assert messages[0].json["id"] == f"{rig.name}.raw/0/7"
    first = decode(rig.read(plan.first_frames, "read_uncommitted")[0].value)
    assert (first.genesis, first.first) == (True, 7)


async def test_what_retention_deletes_unread_is_told_as_lost_and_the_stream_goes_on(rig, make_raw, metric) -> None:
    plan = await rig.ensure(rig.plan(stages=["tag", "hash"], chain="topics"))
    _produce(rig, plan, make_raw, range(10))
    await rig.run(plan)
    _produce(rig, plan, make_raw, range(10, 20))
    rig.delete_records(plan.pipeline.raw_topic, 15)
    await rig.run(plan)
    assert _ids(rig.read(plan.pipeline.enriched_topic)) == [*range(10), *range(15, 20)]
    assert metric("penstock_lost_offsets_total", pipeline=rig.name) == 5
    entries = [entry for message in rig.read(plan.last_frames) for entry in decode(message.value).entries]
    assert [entry for entry in entries if isinstance(entry, Lost)] == [Lost(10, 14)]


async def test_everything_deleted_unread_is_told_as_lost_too(rig, make_raw, metric) -> None:
    plan = await rig.ensure(rig.plan())
    _produce(rig, plan, make_raw, range(4))
    await rig.run(plan)
    _produce(rig, plan, make_raw, range(4, 9))
    rig.delete_records(plan.pipeline.raw_topic, 9)
    await rig.run(plan)
    assert metric("penstock_lost_offsets_total", pipeline=rig.name) == 5
    _produce(rig, plan, make_raw, range(9, 12))
    await rig.run(plan)
    assert _ids(rig.read(plan.pipeline.enriched_topic)) == [*range(4), *range(9, 12)]


# frames -------------------------------------------------------------------------------------------------------------


def _frames(rig: Any, topic: str) -> list[Frame]:
    return [decode(message.value) for message in rig.read(topic)]


def _append(rig: Any, make_raw: Any, topic: str, *frames: Frame) -> None:
    rig.produce(topic, [make_raw(encode(frame)) for frame in frames])


def _cut(frames: list[Frame], first: int, last: int) -> Frame:
    """One frame of what several hold of a range, as somebody who cuts otherwise would write it."""
    entries = {entry.offset: entry for frame in frames for entry in frame.entries if first <= entry.offset <= last}
    source = min((frame for frame in frames if frame.last >= first), key=lambda frame: frame.last)
    return Frame(source.topic_id, source.epoch, first, last, source.input, False, [entries[o] for o in sorted(entries)])


async def test_frames_of_zombies_old_recut_and_overlapping_are_trimmed(rig, make_raw) -> None:
    plan = await rig.ensure(rig.plan(stages=["tag", "hash"], chain="topics", batching={"frame_records": 3}))
    _produce(rig, plan, make_raw, range(12))
    await rig.run(plan)
    for topic in (plan.first_frames, plan.agents[0].target, plan.last_frames):
        old = _frames(rig, topic)
        _append(rig, make_raw, topic, old[1], old[0], _cut(old, 2, 7), _cut(old, 5, 11), old[2])
    _produce(rig, plan, make_raw, range(12, 18))
    old = _frames(rig, plan.first_frames)
    ahead = [Kept(number, old[0].entries[0].timestamp, _value(number), {}) for number in (12, 13)]
    over = Frame(old[0].topic_id, 0, 10, 13, 13, False, [*_cut(old, 10, 11).entries, *ahead])
    _append(rig, make_raw, plan.first_frames, over, old[0])
    async with rig.working(plan):
        await rig.delivered(plan)
        _append(rig, make_raw, plan.first_frames, _cut(old, 1, 4))
        _append(rig, make_raw, plan.last_frames, _frames(rig, plan.last_frames)[0])
        _produce(rig, plan, make_raw, range(18, 24))
        await rig.delivered(plan)
    assert _ids(rig.read(plan.pipeline.enriched_topic)) == list(range(24))


@pytest.mark.parametrize("at", ["a hop", "delivery"])
async def test_a_hole_is_never_gone_over_and_is_told(rig, make_raw, monkeypatch, metric, at) -> None:
    monkeypatch.setattr(healing, "HEAL_FOR_SECONDS", 2.0)
    monkeypatch.setattr(healing, "HEAL_EVERY_SECONDS", 0.5)
    monkeypatch.setattr(worker, "MOST_RESTARTS", 2)
    plan = await rig.ensure(rig.plan())
    _produce(rig, plan, make_raw, range(10))
    await rig.run(plan)
    topic = plan.first_frames if at == "a hop" else plan.last_frames
    head = _frames(rig, topic)[-1]
    beyond = [Kept(number, head.entries[0].timestamp, _value(number), {}) for number in (12, 13)]
    _append(rig, make_raw, topic, Frame(head.topic_id, 0, 12, 13, 13, False, beyond))
    with pytest.raises(HoleError, match=topic):
        async with rig.working(plan, agents=["tag" if at == "a hop" else "deliver"]):
            await rig.until(lambda: rig.running[0].done(), "the worker gives up")
    assert _ids(rig.read(plan.pipeline.enriched_topic)) == list(range(10))
    assert rig.positions(plan) == {0: (0, 10)}
    agent = "tag" if at == "a hop" else "deliver"
    assert metric("penstock_restarts_total", pipeline=rig.name, agent=agent, reason="hole") == 2
