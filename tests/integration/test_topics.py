"""Topics: made as planned, once, whoever makes them; what differs is refused and left as it is."""

import asyncio

import pytest
from confluent_kafka.admin import ConfigResource

from penstock.agents.runtime import topics
from penstock.agents.runtime.cluster import Cluster
from penstock.model.errors import BrokerUnreachableError, TopicMismatchError

pytestmark = pytest.mark.integration


def _config(rig, topic: str) -> dict[str, str]:
    (found,) = rig.admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)]).values()
    return {name: entry.value for name, entry in found.result(10).items()}


async def test_topics_are_made_as_planned_and_a_second_time_nothing_happens(rig) -> None:
    plan = rig.plan(raw={"partitions": 3, "retention_hours": 2}, stages=["tag", "hash"], chain="topics")
    made = await topics.ensure(rig.cluster, plan)
    assert sorted(made) == sorted(topic.name for topic in plan.topics)
    there = await asyncio.to_thread(rig.admin.list_topics, timeout=10)
    for topic in plan.topics:
        assert len(there.topics[topic.name].partitions) == topic.partitions
        config = _config(rig, topic.name)
        assert {name: config[name] for name in topic.config} == topic.config
        assert config["unclean.leader.election.enable"] == "false"
    assert _config(rig, plan.pipeline.raw_topic)["retention.ms"] == "7200000"
    assert await topics.ensure(rig.cluster, plan) == []


async def test_two_workers_may_make_them_at_once(rig) -> None:
    plan = rig.plan(stages=["tag", "hash", "language"], chain="topics")
    made = await asyncio.gather(*(topics.ensure(rig.cluster, plan) for _ in range(4)))
    assert set().union(*made) == {topic.name for topic in plan.topics}
    assert await topics.ensure(rig.cluster, plan) == []


@pytest.mark.parametrize(("topic", "config", "told"), [
    ("{}.raw", {"partitions": 2}, "{}.raw: partitions is 2, the plan needs 1"),
    ("{}.tag", {"partitions": 3}, "{}.tag: partitions is 3, the plan needs 1"),
    ("{}.progress", {"cleanup_policy": "delete"}, "{}.progress: cleanup.policy is delete, the plan needs compact"),
    ("{}.dlq", {"max_message_bytes": "1000"}, "{}.dlq: max.message.bytes is 1000, the plan needs 62914560"),
])  # fmt: skip
async def test_a_topic_that_differs_is_refused_and_left_as_it_is(rig, topic, config, told) -> None:
    plan, name = rig.plan(), topic.format(rig.name)
    rig.create(name, **config)
    before = _config(rig, name)
    with pytest.raises(TopicMismatchError) as raised:
        await topics.ensure(rig.cluster, plan)
    assert raised.value.message == told.format(rig.name)
    assert raised.value.hint
    assert _config(rig, name) == before


async def test_a_topic_that_somebody_else_makes_otherwise_meanwhile_is_refused(rig, monkeypatch) -> None:
    plan = rig.plan()
    create = topics._create

    async def slow(*args) -> set[str]:
        await asyncio.to_thread(rig.create, f"{rig.name}.raw", 2)
        return await create(*args)

    monkeypatch.setattr(topics, "_create", slow)
    with pytest.raises(TopicMismatchError, match=r"raw: partitions is 2, the plan needs 1"):
        await topics.ensure(rig.cluster, plan)


async def test_users_own_settings_of_raw_and_enriched_topics_are_theirs(rig) -> None:
    for kind in ("raw", "enriched"):
        rig.create(f"{rig.name}.{kind}", cleanup_policy="compact", max_message_bytes="2000", retention_ms="1000")
    made = await topics.ensure(rig.cluster, rig.plan())
    assert not {f"{rig.name}.raw", f"{rig.name}.enriched"} & set(made)


async def test_a_broker_that_is_not_there_is_named_with_the_variable_that_sets_it(unused_tcp_port: int, rig) -> None:
    with pytest.raises(BrokerUnreachableError) as raised:
        await topics.ensure(Cluster(f"127.0.0.1:{unused_tcp_port}"), rig.plan())
    assert f"127.0.0.1:{unused_tcp_port}" in str(raised.value)
    assert "KAFKA_BOOTSTRAP_SERVERS" in str(raised.value)
