"""Frames that everybody is done with are deleted while the pipeline works, and nothing that anybody needs."""

import json
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import LeaderNotAvailableError, PolicyViolationError

from penstock.agents.runtime import hop, purge
from penstock.agents.runtime.tail import TAIL_FRAMES

pytestmark = pytest.mark.integration

FRAMES = 4 * TAIL_FRAMES
EACH_ITS_OWN = {"frame_records": 1, "linger_ms": 0}


def _records(numbers: range, make_raw: Any) -> list[Any]:
    return [make_raw(json.dumps({"n": number}).encode()) for number in numbers]


async def test_frames_are_deleted_but_for_the_tail_and_all_is_delivered(rig, make_raw, monkeypatch) -> None:
    for module in (hop, purge):
        monkeypatch.setattr(module, "PURGE_EVERY_SECONDS", 0.5)
    plan = await rig.ensure(rig.plan(stages=["tag", "hash"], chain="topics", batching=EACH_ITS_OWN))
    frames = [plan.first_frames, plan.agents[0].target, plan.last_frames]
    rig.produce(plan.pipeline.raw_topic, _records(range(FRAMES), make_raw))

    def left() -> bool:
        kept = [rig.ends(topic)[0] - rig.starts(topic)[0] for topic in frames]
        return all(0 < count <= limit for count, limit in zip(kept, limits, strict=True))

    def full() -> bool:
        return all(rig.ends(topic)[0] >= FRAMES for topic in frames)

    # a hop keeps the frame that it stands at as well, and sinks read a tail below what they committed
    limits = [TAIL_FRAMES + 1, TAIL_FRAMES + 1, 2 * TAIL_FRAMES]
    async with rig.working(plan):
        await rig.delivered(plan)
        assert full(), "frames hold more than a record each"
        await rig.until(left, "deletion of what everybody is done with")
    rig.produce(plan.pipeline.raw_topic, _records(range(FRAMES, FRAMES + 10), make_raw))
    await rig.run(plan)  # each finds its place in what is left
    found = [message.json["data"]["n"] for message in rig.read(plan.pipeline.enriched_topic)]
    assert found == list(range(FRAMES + 10))


async def test_what_is_refused_is_told(rig, make_raw) -> None:
    plan = await rig.ensure(rig.plan())
    topic = plan.pipeline.enriched_topic  # kept by time, and by nothing that is deleted by hand
    rig.produce(topic, [make_raw(b"{}")] * 3)
    async with rig.cluster.producer() as producer:
        await purge.delete_below(producer, {TopicPartition(topic, 0): 0})
        assert rig.starts(topic) == {0: 0}
        await purge.delete_below(producer, {TopicPartition(topic, 0): 2})
        assert rig.starts(topic) == {0: 2}
        with pytest.raises(PolicyViolationError):  # compacted, and not deleted from
            await purge.delete_below(producer, {TopicPartition(plan.progress_topic, 0): 1})
        with pytest.raises(LeaderNotAvailableError):
            await purge.delete_below(producer, {TopicPartition("t-nowhere", 0): 1})
