"""Pipelines on a real Kafka."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from penstock.agents.runtime import topics
from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.messages import Outgoing, Writer, read_all
from penstock.agents.runtime.run import RunResult, run_pipeline
from penstock.topology.load import loads
from penstock.topology.plan import Plan, plan


@dataclass
class Bench:
    """A pipeline and what tests do with it."""

    cluster: Cluster
    home: Path
    plan: Plan

    async def ensure(self) -> None:
        await topics.ensure(self.cluster, self.plan)

    async def produce(self, *values: Any) -> None:
        """Values to the raw topic; bytes as they are, others as JSON."""
        await self.ensure()
        encoded = [Outgoing(value if isinstance(value, bytes) else orjson.dumps(value)) for value in values]
        async with Writer(self.cluster, self.plan.pipeline.raw_topic, self.plan.pipeline.raw.partitions) as writer:
            await writer.send(encoded)

    async def enriched(self) -> list[dict[str, Any]]:
        """Every enriched record, as a reader of committed transactions sees them."""
        found = []
        async for messages in read_all(self.cluster, self.plan.pipeline.enriched_topic, range(self._partitions)):
            found += [orjson.loads(message.value) for message in messages]
        return found

    async def run(self, **options: Any) -> RunResult:
        stop = options.pop("stop", None) or asyncio.Event()
        return await asyncio.wait_for(
            run_pipeline(self.cluster, self.plan, os.environ, self.home, stop=stop, **options), 60
        )

    @property
    def _partitions(self) -> int:
        return self.plan.pipeline.raw.partitions


@pytest.fixture
def bench(kafka: str, home: Path, pipeline_name: str) -> Callable[..., Bench]:
    """Make a pipeline of a few keys; two partitions, where they do not say."""

    def make(text: str = "stages: [tag]", environ: Mapping[str, str] | None = None) -> Bench:
        partitions = "" if "raw:" in text else "raw: {partitions: 2}\n"
        made = plan(loads(f"name: {pipeline_name}\n{partitions}{text}", environ or {}))
        return Bench(Cluster(kafka, environ or {}), home, made)

    return make


async def until(condition: Callable[[], Awaitable[bool] | bool], seconds: float = 30.0) -> None:
    """Wait for a condition; fails where it does not come true."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = condition()
        if found if isinstance(found, bool) else await found:
            return
        assert asyncio.get_running_loop().time() < deadline, "it did not come true"
        await asyncio.sleep(0.05)


@pytest.fixture
def wait_until() -> Callable[..., Awaitable[None]]:
    """`until`, for tests."""
    return until
