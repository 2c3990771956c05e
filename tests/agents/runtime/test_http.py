"""What a worker tells over HTTP; its loop, server and sockets are real."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.http import serving
from penstock.agents.runtime.worker import Worker
from penstock.model.errors import ConfigurationError
from penstock.topology.load import loads
from penstock.topology.plan import plan


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    made = plan(loads("name: orders\nstages: [tag]", {}))
    return Worker(Cluster("127.0.0.1:1"), made, {}, tmp_path, ["ingest", "tag"], [])


async def test_a_worker_that_did_not_join_is_healthy_and_not_ready(worker: Worker) -> None:
    async with serving(worker, "127.0.0.1", 0) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        health, ready, metrics = await http.get("/health"), await http.get("/ready"), await http.get("/metrics")
    assert (health.status_code, health.json()["status"]) == (200, "ok")
    assert (ready.status_code, ready.json()) == (503, {"ready": False, "agents": ["ingest", "tag"], "sinks": []})
    assert metrics.status_code == 200 and "penstock_records_in_total" in metrics.text


async def test_the_port_is_free_again_and_a_taken_one_is_named(worker: Worker) -> None:
    async with serving(worker, "127.0.0.1", 0) as port:
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}.*METRICS_PORT"):
            async with serving(worker, "127.0.0.1", port):
                pass
    async with serving(worker, "127.0.0.1", port) as again:
        assert again == port


@pytest.mark.integration
async def test_a_worker_that_joined_is_ready(
    bench: Callable[..., Any], wait_until: Callable[..., Awaitable[None]]
) -> None:
    made = bench()
    await made.ensure()
    stop = asyncio.Event()
    worker = Worker(made.cluster, made.plan, os.environ, made.home, made.plan.agent_names(), [])
    task = asyncio.create_task(worker.run(stop))
    async with serving(worker, "127.0.0.1", 0) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:

        async def is_ready() -> bool:
            return (await http.get("/ready")).status_code == 200

        await wait_until(is_ready)
        assert made.plan.pipeline.name in (await http.get("/metrics")).text
    stop.set()
    await asyncio.wait_for(task, 30)
