"""Whole runs against a real Kafka: what they deliver, count and say, and how they end."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.agents.runtime.status import Snapshot
from penstock.agents.runtime.worker import Worker
from penstock.model.errors import ConfigurationError

pytestmark = pytest.mark.integration


async def test_a_run_delivers_all_and_counts_only_itself(bench: Callable[..., Any]) -> None:
    made = bench("stages: [tag, hash]\nchain: topics")
    await made.produce(*({"id": number} for number in range(40)), b"{broken")
    seen: list[Snapshot] = []
    first = await made.run(on_snapshot=seen.append)
    assert (first.records_extracted, first.records_transformed, first.records_loaded) == (41, 40, 40)
    assert (first.records_failed, first.success, first.exit_status) == (1, False, 1)
    assert first.final_state["state"] == "done" and first.final_state["dead"] == 1
    assert len(await made.enriched()) == 40
    assert seen[-1].records["delivered"] == 40
    assert [agent.name for agent in seen[-1].agents] == ["ingest", "tag", "hash", "deliver"]
    assert seen[-1].agents[1].records_in == 41 and seen[-1].agents[1].records_out == 40

    (error,) = first.errors
    assert (error.stage, error.error_type) == ("extract", "decode")
    assert "broken" not in msgspec.json.encode(first).decode()

    await made.produce({"id": 100}, {"id": 101})
    second = await made.run()
    assert (second.records_extracted, second.records_loaded, second.records_failed) == (2, 2, 0)
    assert second.success and second.exit_status == 0 and not second.errors
    assert len(await made.enriched()) == 42


async def test_what_an_earlier_run_left_in_the_middle_counts_where_it_is_delivered(
    bench: Callable[..., Any], wait_until: Callable[..., Awaitable[None]]
) -> None:
    made = bench()
    await made.produce(*({"id": number} for number in range(30)), b"nothing")
    stop = asyncio.Event()
    worker = Worker(made.cluster, made.plan, os.environ, made.home, ["ingest", "tag"], [])
    task = asyncio.create_task(worker.run(stop))

    async def tagged() -> bool:
        from penstock.agents.runtime.tail import frames_tail

        heads = await frames_tail(made.cluster, f"{made.plan.pipeline.name}.tag", range(2))
        return sum(head.last + 1 for head in heads.values()) >= 31

    await wait_until(tagged)
    stop.set()
    await asyncio.wait_for(task, 30)
    result = await made.run()
    assert (result.records_extracted, result.records_loaded, result.records_failed) == (31, 30, 1)
    assert len(await made.enriched()) == 30


async def test_sources_run_and_what_they_cannot_read_is_counted(bench: Callable[..., Any], tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("id,name\n1,a\n2,b\n3\n4,d\n", encoding="utf-8")
    made = bench(f"sources: [{{csv: {{path: {json.dumps(str(rows))}}}}}]\nstages: [tag]")
    result = await made.run()
    assert (result.records_extracted, result.records_loaded, result.records_failed) == (4, 3, 1)
    assert result.errors[0].stage == "extract" and result.final_state["unreadable"] == 1
    assert result.extract_duration > 0
    again = await made.run()
    assert (again.records_extracted, again.records_failed, again.success) == (0, 0, True)


async def test_on_error_fail_stops_at_the_first_record_that_fails(bench: Callable[..., Any]) -> None:
    made = bench("stages: [tag]\nerror_handling: {on_error: fail}")
    await made.produce(b"[", {"id": 1})
    result = await made.run(until_idle=False)
    assert (result.final_state["state"], result.success, result.exit_status) == ("failed", False, 1)
    assert result.records_failed == 1


async def test_a_stopped_run_ends_promptly_with_what_it_did(bench: Callable[..., Any]) -> None:
    made = bench()
    await made.produce({"id": 1})
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    stopped_at: list[float] = []

    def on_snapshot(snapshot: Snapshot) -> None:
        if snapshot.records["delivered"] and not stop.is_set():
            stop.set()
            stopped_at.append(loop.time())

    result = await made.run(stop=stop, on_snapshot=on_snapshot, until_idle=False)
    assert loop.time() - stopped_at[0] < 10
    assert (result.final_state["state"], result.records_loaded, result.success) == ("stopped", 1, True)


async def test_a_run_that_is_stopped_before_it_is_idle_is_no_success(bench: Callable[..., Any]) -> None:
    stop = asyncio.Event()
    stop.set()
    result = await bench().run(stop=stop)
    assert (result.final_state["state"], result.success) == ("stopped", False)


async def test_an_unknown_source_is_refused_before_anything_runs(bench: Callable[..., Any]) -> None:
    with pytest.raises(ConfigurationError, match="no source is called other"):
        await bench().run(sources=["other"])
