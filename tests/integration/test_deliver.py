"""Delivery: what the broker refuses is set aside alone, and whatever breaks on the way, each record is there once."""

import json
import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from penstock.agents.runtime import deliver
from penstock.agents.runtime.deliver import Deliver
from penstock.agents.runtime.messages import read_all

pytestmark = pytest.mark.integration

SMALL_FRAMES = {"frame_records": 5}


def _value(number: int, size: int = 0) -> bytes:
    """A record that no compression makes smaller."""
    return json.dumps({"id": number, "blob": random.Random(number).randbytes(size // 2).hex()}).encode()


def _ids(messages: list[Any]) -> list[int]:
    return [message.json["data"]["id"] for message in messages]


@pytest.fixture
def fails_once(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str], list[int]]:
    """Make a function raise at its first call; gives a list that grows with each call."""

    def inject(owner: Any, name: str) -> list[int]:
        original, calls = getattr(owner, name), []

        def failing(*args: Any) -> Any:
            calls.append(1)
            if len(calls) == 1:
                raise OSError("injected")
            return original(*args)

        monkeypatch.setattr(owner, name, failing)
        return calls

    return inject


async def _frames(rig: Any, plan: Any, count: int) -> None:
    """Bring the raw topic as far as the last frames topic, which then holds `count` frames, and no further."""
    async with rig.working(plan, agents=[name for name in plan.agent_names() if name != "deliver"]):
        await rig.until(lambda: sum(rig.ends(plan.last_frames).values()) >= count, "frames")


async def test_a_record_too_large_for_the_enriched_topic_is_set_aside_alone(rig, make_raw) -> None:
    rig.create(f"{rig.name}.enriched", max_message_bytes="20000")
    plan = await rig.ensure(rig.plan(batching=SMALL_FRAMES))
    refused = {3, 4, 17, 39}
    messages = [make_raw(_value(n, 50_000 if n in refused else 400)) for n in range(40)]
    rig.produce(plan.pipeline.raw_topic, messages)
    await _frames(rig, plan, 8)
    await rig.run(plan)
    assert _ids(rig.read(plan.pipeline.enriched_topic)) == [n for n in range(40) if n not in refused]
    letters = [message.json for message in rig.read(plan.pipeline.dead_letter_topic)]
    assert sorted(letter["offset"] for letter in letters) == sorted(refused)
    assert all((letter["stage"], letter["code"]) == ("deliver", "too_large") for letter in letters)
    assert all(letter["value"]["text"].encode() == messages[letter["offset"]].value for letter in letters)


async def test_a_timestamp_that_the_broker_refuses_is_set_aside_alone(rig, make_raw) -> None:
    rig.create(f"{rig.name}.enriched", message_timestamp_before_max_ms="3600000")
    plan = await rig.ensure(rig.plan(batching=SMALL_FRAMES))
    now = int(time.time() * 1000)
    stamps = [now - (50 * 3_600_000 if n == 7 else 0) for n in range(20)]
    rig.produce(plan.pipeline.raw_topic, [make_raw(_value(n), timestamp=stamp) for n, stamp in enumerate(stamps)])
    await rig.run(plan)
    assert _ids(rig.read(plan.pipeline.enriched_topic)) == [n for n in range(20) if n != 7]
    (message,) = rig.read(plan.pipeline.dead_letter_topic)
    assert (message.json["offset"], message.json["code"]) == (7, "timestamp_refused")


async def test_a_record_without_a_key_that_a_compacted_topic_refuses_is_set_aside_alone(rig, make_raw) -> None:
    rig.create(f"{rig.name}.enriched", cleanup_policy="compact")
    plan = await rig.ensure(rig.plan())
    rig.produce(plan.pipeline.raw_topic, [make_raw(_value(n), None if n == 5 else b"%d" % n) for n in range(10)])
    await rig.run(plan)
    assert _ids(rig.read(plan.pipeline.enriched_topic)) == [n for n in range(10) if n != 5]
    (message,) = rig.read(plan.pipeline.dead_letter_topic)
    assert (message.json["offset"], message.json["stage"]) == (5, "deliver")


async def test_nothing_is_seen_of_a_transaction_that_failed_and_then_everything_once(rig, make_raw, fails_once) -> None:
    plan = await rig.ensure(rig.plan())
    rig.produce(plan.pipeline.raw_topic, [make_raw(_value(n)) for n in range(50)])
    calls = fails_once(deliver, "encode")  # of the progress record: the records are sent by then
    async with rig.working(plan):
        await rig.until(lambda: calls, "the failure")
        assert rig.read(plan.pipeline.enriched_topic, settles=0) == []
        await rig.delivered(plan)
    assert _ids(rig.read(plan.pipeline.enriched_topic)) == list(range(50))
    assert len(rig.read(plan.pipeline.enriched_topic, "read_uncommitted")) > 50


async def test_a_crash_between_the_halves_of_a_refused_transaction_loses_nothing(rig, make_raw, fails_once) -> None:
    rig.create(f"{rig.name}.enriched", max_message_bytes="20000")
    plan = await rig.ensure(rig.plan(batching=SMALL_FRAMES))
    rig.produce(plan.pipeline.raw_topic, [make_raw(_value(n, 50_000 if n == 33 else 0)) for n in range(40)])
    await _frames(rig, plan, 8)
    fails_once(Deliver, "_refuse")
    await rig.run(plan)
    assert _ids(rig.read(plan.pipeline.enriched_topic)) == [n for n in range(40) if n != 33]
    assert [message.json["offset"] for message in rig.read(plan.pipeline.dead_letter_topic)] == [33]


async def test_who_was_refused_a_record_while_another_one_delivered_gives_up(rig, make_raw, monkeypatch) -> None:
    """A frozen one wakes, is refused a record, and initialises its producer anew: that fences who took over."""
    start, starts = Deliver._start_producer, []

    async def overtaken(self: Deliver) -> None:
        starts.append(self)
        if len(starts) == 2:
            another = Deliver(
                self._cluster, self._plan, self._partition, self._metadata, self._letters, self._payloads, None
            )
            await another.open()
            async for messages in read_all(rig.cluster, plan.last_frames, [0]):
                await another.handle(messages[:2])
            await another.close()
        await start(self)

    rig.create(f"{rig.name}.enriched", max_message_bytes="20000")
    plan = await rig.ensure(rig.plan(batching=SMALL_FRAMES))
    rig.produce(plan.pipeline.raw_topic, [make_raw(_value(n, 50_000 if n == 33 else 0)) for n in range(40)])
    await _frames(rig, plan, 8)
    monkeypatch.setattr(Deliver, "_start_producer", overtaken)
    await rig.run(plan)
    assert _ids(rig.read(plan.pipeline.enriched_topic)) == [n for n in range(40) if n != 33]
    assert len(starts) > 3 and starts[2] is not starts[1]


async def test_a_crash_between_the_halves_of_two_epochs_loses_nothing(rig, make_raw, fails_once) -> None:
    rig.create(f"{rig.name}.enriched", max_message_bytes="20000")
    plan = await rig.ensure(rig.plan())
    rig.produce(plan.pipeline.raw_topic, [make_raw(_value(n)) for n in range(20)])
    await _frames(rig, plan, 1)
    rig.recreate(plan.pipeline.raw_topic)
    rig.produce(plan.pipeline.raw_topic, [make_raw(_value(100 + n, 50_000 if n == 2 else 0)) for n in range(4)])
    await _frames(rig, plan, 2)
    fails_once(Deliver, "_refuse")
    async with rig.working(plan):
        await rig.delivered(plan, epoch=1)
    assert _ids(rig.read(plan.pipeline.enriched_topic)) == [*range(20), 100, 101, 103]
    assert [message.json["offset"] for message in rig.read(plan.pipeline.dead_letter_topic)] == [2]
