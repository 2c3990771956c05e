"""Status from outside, on a real Kafka."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.agents.runtime.replay import replay
from penstock.agents.runtime.status import Looker
from penstock.model.component import Resources

pytestmark = pytest.mark.integration


async def test_before_and_after_a_run(bench: Callable[..., Any], tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"id":1}\n{"id":2}\n', encoding="utf-8")
    made = bench(f"sources: [{{jsonl: {{path: {json.dumps(str(rows))}}}}}]\nstages: [tag, hash]\nchain: topics")
    await made.produce({"id": 3}, {"id": 4}, b"[")
    looker = Looker(made.cluster, made.plan, Resources())
    try:
        before = await looker.look()
        assert [agent.name for agent in before.agents] == ["ingest", "tag", "hash", "deliver"]
        assert [agent.lag for agent in before.agents] == [3, 0, 0, 0]
        assert {p.next for agent in before.agents for p in agent.partitions} == {None}
        assert (before.records, before.sources, before.rate) == ({"dead": 0, "quarantined": 0}, {}, None)

        await made.run()
        after = await looker.look()
        assert [agent.lag for agent in after.agents] == [0, 0, 0, 0]
        ends = {p.partition: p.end for p in after.agents[0].partitions}
        for agent in after.agents:
            assert {p.partition: p.next for p in agent.partitions if p.next is not None} == {
                p: end for p, end in ends.items() if end
            }
        assert after.records == {"dead": 1, "quarantined": 0} and after.reasons == {"ingest/decode": 1}
        assert list(after.sources) == ["jsonl"]
        assert after.rate is not None and after.rate > 0

        await replay(made.cluster, made.plan)
        assert (await looker.look()).records["dead"] == 0
    finally:
        await looker.close()


async def test_a_sink_that_cannot_be_asked_is_named(bench: Callable[..., Any]) -> None:
    environ = {"GRAPH_API_URL": "no address"}
    made = bench("stages: [tag]\nsinks: [graph]", environ)
    await made.ensure()
    looker = Looker(made.cluster, made.plan, Resources(environ=environ))
    try:
        sink = (await looker.look()).agents[-1]
        assert sink.name == "sink-graph" and "GRAPH_API_URL" in sink.problem
    finally:
        await looker.close()
