"""A server that does not answer: what needs it waits, nothing is lost or set aside, and nobody sees a hole."""

import json
import socket
import time
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, Request

from penstock.agents.runtime import healing
from penstock.model.http import Breaker

pytestmark = pytest.mark.integration


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Registry:
    """A license registry that answers 500 until it is told to work."""

    def __init__(self) -> None:
        self.works = False
        self.asked = 0
        self.app = FastAPI()

        @self.app.post("/api/v1/check")
        async def check(request: Request) -> dict[str, Any]:
            self.asked += 1
            if not self.works:
                raise HTTPException(500)
            ids = (await request.json())["licenses"]
            return {"results": {id: {"decision": "allow", "reason": "allowed", "duties": []} for id in ids}}


async def test_records_wait_for_a_registry_that_is_down_and_then_all_come(
    rig, make_raw, serve, monkeypatch, metric
) -> None:
    monkeypatch.setattr(Breaker.__init__, "__defaults__", (5, 1.0, time.monotonic))
    monkeypatch.setattr(healing, "HEAL_EVERY_SECONDS", 0.5)
    monkeypatch.setattr(healing, "HEAL_FOR_SECONDS", 1.5)
    port, registry = _free_port(), Registry()
    rig.environ["LICENSE_REGISTRY_URL"] = f"http://127.0.0.1:{port}"
    plan = await rig.ensure(
        rig.plan(
            stages=["tag", "license"], license="MIT", chain="topics", error_handling={"max_backoff_seconds": 0.5},
            batching={"frame_records": 5}, raw={"partitions": 2},
        )
    )  # fmt: skip
    agent = "license"

    def produce(begin: int) -> None:
        values = [json.dumps({"id": number}).encode() for number in range(begin, begin + 20)]
        rig.produce(plan.pipeline.raw_topic, [make_raw(v, partition=n % 2) for n, v in enumerate(values)])

    def lag() -> float:
        return sum(metric("penstock_lag_messages", pipeline=rig.name, agent=agent, partition=p) for p in "01")

    def count(name: str, **labels: str) -> float:
        return metric(f"penstock_{name}_total", pipeline=rig.name, agent=agent, **labels)

    produce(0)
    async with rig.working(plan):
        await rig.until(lambda: count("retries") >= 1, "an attempt at nobody")
        holes = count("holes")
        serve(registry.app, port)
        before = await rig.until(lambda: registry.asked >= 1 and lag(), "attempts at a server that fails")
        produce(20)
        await rig.until(lambda: lag() > before, "a lag that grows")
        since = time.monotonic()
        await rig.until(lambda: time.monotonic() - since > 4, "a wait longer than a hole may stay")
        for topic in (plan.pipeline.enriched_topic, plan.pipeline.dead_letter_topic, plan.pipeline.quarantine_topic):
            assert rig.read(topic) == []
        registry.works = True
        await rig.delivered(plan)
    ids = [message.json["data"]["id"] for message in rig.read(plan.pipeline.enriched_topic)]
    assert ids == [*range(0, 40, 2), *range(1, 40, 2)]
    assert rig.read(plan.pipeline.dead_letter_topic) == rig.read(plan.pipeline.quarantine_topic) == []
    assert (count("holes"), count("restarts", reason="hole")) == (holes, 0)
