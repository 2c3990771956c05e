"""From a pipeline to agents, topics and groups."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.model.errors import ConfigurationError
from penstock.topology.plan import plan
from penstock.topology.spec import Pipeline

STAGES = ["tag", "redact", "license", "geoip"]


def made(chain="auto", alone=lambda stage: False, **keys):
    return plan(Pipeline.model_validate({"name": "orders", "stages": STAGES, "chain": chain, **keys}), alone)


@pytest.mark.parametrize(
    ("chain", "agents"),
    [
        ("auto", ["tag-redact-license-geoip"]),
        ("fused", ["tag-redact-license-geoip"]),
        ("topics", STAGES),
        ([["tag", "redact"], ["license"], ["geoip"]], ["tag-redact", "license", "geoip"]),
        ([["tag", "redact"], [], ["license", "geoip"]], ["tag-redact", "license-geoip"]),
    ],
)
def test_chain_decides_what_is_fused(chain, agents):
    assert [agent.name for agent in made(chain).agents] == agents


def test_a_stage_that_waits_for_a_network_stands_alone_under_auto():
    agents = made(alone=lambda stage: stage.use == "license").agents
    assert [agent.name for agent in agents] == ["tag-redact", "license", "geoip"]


@pytest.mark.parametrize("chain", [[["tag"]], [["redact", "tag", "license", "geoip"]], [[*STAGES, "tag"]], []])
def test_groups_must_hold_every_stage_once_in_order(chain):
    with pytest.raises(ConfigurationError, match="chain lists"):
        made(chain)


@settings(derandomize=True)
@given(st.lists(st.booleans(), min_size=len(STAGES) - 1, max_size=len(STAGES) - 1))
def test_agents_hand_on_from_topic_to_topic_however_they_are_fused(cuts):
    groups = [[STAGES[0]]]
    for stage, cut in zip(STAGES[1:], cuts, strict=True):
        groups = [*groups, [stage]] if cut else [*groups[:-1], [*groups[-1], stage]]
    found = made(groups)
    assert [stage.use for agent in found.agents for stage in agent.stages] == STAGES
    hands = [found.first_frames, *(agent.target for agent in found.agents)]
    assert [agent.source for agent in found.agents] == hands[:-1]
    assert found.last_frames == hands[-1]
    names = [topic.name for topic in found.topics]
    assert len(set(names)) == len(names)
    assert {*hands, *(agent.table_topic for agent in found.agents)} <= set(names)


def test_without_stages_delivery_follows_ingest():
    found = plan(Pipeline(name="orders", stages=[]))
    assert (found.agents, found.last_frames, found.agent_names()) == ((), "orders.ingest", ["ingest", "deliver"])


def test_sinks_read_the_last_frames_each_in_a_group_of_its_own():
    found = made(sinks=["graph", {"graph": {"as": "other"}}])
    assert [(sink.name, sink.group, sink.source) for sink in found.sinks] == [
        ("graph", "orders.sink-graph", "orders.tag-redact-license-geoip"),
        ("other", "orders.sink-other", "orders.tag-redact-license-geoip"),
    ]
    agent = "orders.tag-redact-license-geoip"
    assert found.groups == ("orders.ingest", agent, "orders.deliver", "orders.sink-graph", "orders.sink-other")


def test_what_nobody_redacted_yet_is_personal():
    personal = {topic.name for topic in made("topics").topics if topic.personal}
    assert personal == {"orders.raw", "orders.ingest", "orders.tag", "orders.dlq", "orders.quarantine"}
    unredacted = plan(Pipeline(name="orders", stages=["tag"]))
    assert {topic.kind for topic in unredacted.topics if topic.personal} >= {"enriched"}


def test_settings_of_topics():
    found = {
        topic.kind: topic
        for topic in made(raw={"partitions": 7, "retention_hours": 2}, enriched={"retention_hours": -1}).topics
    }
    assert {topic.partitions for kind, topic in found.items() if kind != "cursors"} == {7}
    assert found["cursors"].partitions == 1
    for kind in ("raw", "dead letters", "quarantine"):
        assert found[kind].config["retention.ms"] == str(2 * 3_600_000)
    assert found["enriched"].config["retention.ms"] == "-1"
    assert found["frames"].config["retention.ms"] == "-1"
    assert found["table"].config["cleanup.policy"] == found["progress"].config["cleanup.policy"] == "compact"
    assert int(found["dead letters"].config["max.message.bytes"]) > int(found["raw"].config["max.message.bytes"])


@pytest.mark.parametrize("taken", ["ingest", "deliver", "raw", "enriched", "dlq", "progress"])
def test_names_that_are_taken_are_refused(taken):
    with pytest.raises(ConfigurationError, match=f"cannot be called {taken}"):
        plan(Pipeline.model_validate({"name": "orders", "stages": [{"tag": {"as": taken}}]}))


def test_a_sink_cannot_take_an_agents_group():
    stages = [{"tag": {"as": "sink-graph"}}]
    with pytest.raises(ConfigurationError, match="sink cannot be called graph"):
        plan(Pipeline.model_validate({"name": "orders", "stages": stages, "sinks": ["graph"]}))


def test_many_fused_stages_get_a_short_name_that_is_theirs():
    def name(last: str) -> str:
        stages = [{"tag": {"as": f"a-rather-long-name-{number}"}} for number in range(9)]
        stages.append({"tag": {"as": last}})
        return plan(Pipeline.model_validate({"name": "orders", "stages": stages, "chain": "fused"})).agents[0].name

    assert len(name("end")) < 80
    assert name("end") == name("end") != name("fin")


def test_select_takes_agents_and_stages_by_name():
    found = made([["tag", "redact"], ["license"], ["geoip"]])
    assert found.select(None) == ["ingest", "tag-redact", "license", "geoip", "deliver"]
    assert found.select(["redact", "tag", "deliver"]) == ["tag-redact", "deliver"]
    with pytest.raises(ConfigurationError, match="no agent or stage is called nobody"):
        found.select(["nobody"])


def test_what_a_stage_remembers_has_a_topic_of_its_own():
    found = plan(
        Pipeline.model_validate({"name": "orders", "stages": ["tag", "dedup", "license"]}),
        lambda stage: stage.use == "dedup",
        lambda use: use == "dedup",
    )
    assert [agent.has_state for agent in found.agents] == [False, True, False]
    (topic,) = [topic for topic in found.topics if topic.kind == "state"]
    assert topic.name == found.agents[1].state_topic == "orders.dedup-state"
    assert topic.partitions == found.pipeline.raw.partitions
    assert topic.config["cleanup.policy"] == "compact"
    assert not topic.personal
