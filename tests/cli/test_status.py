"""penstock status: from outside."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from penstock.agents.runtime.status import AgentStatus, PartitionStatus, Snapshot
from penstock.cli._view import live, standing

SNAPSHOT = Snapshot(
    "orders",
    0.0,
    [
        AgentStatus(
            "ingest", "orders.raw", 2, [PartitionStatus(0, 1200, 1198, 2), PartitionStatus(1, 0, None, 0)], 7, 6
        ),
        AgentStatus("sink-graph", "orders.tag", 0, [], 5, 5, 12.4, "the graph API does not answer"),
    ],
    {"dead": 3, "delivered": 0},
    {"tag/stage": 3},
    {"people": {"line": 4}},
)


@pytest.mark.parametrize("view", [live, standing])
def test_tables_hold_what_the_snapshot_says(view: Callable[[Snapshot], Any]) -> None:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(view(SNAPSHOT))
    shown = captured.get()
    expected = {
        live: ["ingest", "7", "12", "dead 3, delivered 0"],
        standing: ["1,198", "1,200", "does not answer", "tag/stage", "{'line': 4}"],
    }
    for text in expected[view]:
        assert text in shown


@pytest.mark.integration
def test_a_pipeline_that_nobody_runs(
    call: Callable[..., Any], pipeline: Callable[..., Path], pipeline_name: str
) -> None:
    file = pipeline("stages: [tag, hash]\nchain: topics\nungoverned: true\n")
    call("produce", f"{pipeline_name}.raw", input='{"id":1}\n{"id":2}\n')
    result = call("status", file, "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert [agent["name"] for agent in found["agents"]] == ["ingest", "tag", "hash", "deliver"]
    ingest = found["agents"][0]
    assert (ingest["lag"], ingest["rate"]) == (2, 0.0) and sum(p["end"] for p in ingest["partitions"]) == 2


@pytest.mark.integration
def test_a_pipeline_that_never_ran(call: Callable[..., Any], on_kafka: str, pipeline_name: str, tmp_path: Path) -> None:
    file = tmp_path / "p.yml"
    file.write_text(f"name: {pipeline_name}\nstages: [tag]\n", encoding="utf-8")
    result = call("status", file)
    assert result.exit_code == 2 and "never ran" in result.stderr
