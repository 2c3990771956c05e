"""Claims that wait for a pipeline which stands still outlive every purge, however old they are."""

import asyncio
import os
import time
from contextlib import suppress
from typing import Any

import pytest

from penstock.cli import claims as command
from penstock.stores.claims import LEAST_AGE_SECONDS, Claims, store_url

pytestmark = pytest.mark.integration

LONG_AGO = 90 * 24 * 3600.0


async def test_what_a_pipeline_still_needs_is_never_purged(rig: Any, make_raw: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", rig.cluster.bootstrap)
    plan = await rig.ensure(rig.plan(batching={"claim_bytes": 1024}, raw={"partitions": 2}))
    store = Claims(store_url(None, rig.home, plan.pipeline.name))
    texts = [f"{number} " * 2000 for number in range(6)]

    def in_use() -> set[str]:
        return asyncio.run(command._in_use(plan))

    async def purged() -> int:
        """How many claims a purge deletes when all were put long ago."""
        then = time.time() - LONG_AGO
        for path in (rig.home / "claims").rglob("*/*"):
            with suppress(FileNotFoundError):  # one that is being written
                os.utime(path, (then, then))
        return store.purge(LEAST_AGE_SECONDS, await asyncio.to_thread(in_use)).deleted.count

    async with rig.working(plan, ["ingest"]) as worker:
        await rig.until(worker.ready, "joining")
        rig.produce(plan.pipeline.raw_topic, [make_raw(b'{"text": "%s"}' % text.encode()) for text in texts])
        await rig.until(lambda: len(in_use()) == len(texts), "claims that wait in frames", seconds=60)
        assert await purged() == 0, "while the worker runs"
    assert await purged() == 0, "while no worker runs"
    async with rig.working(plan) as worker:
        await rig.until(worker.ready, "joining")
        assert await purged() == 0, "while they are worked on"
        await rig.delivered(plan)
    found = [message.json["data"]["text"] for message in rig.read(plan.pipeline.enriched_topic)]
    assert sorted(found) == sorted(texts)
