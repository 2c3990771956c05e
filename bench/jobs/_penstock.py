"""The job as a penstock pipeline, run by a worker as `penstock worker` does: both penstock jobs differ in chaining."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from penstock.agents.runtime import logs, topics
from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.worker import Worker
from penstock.topology.plan import plan
from penstock.topology.spec import Pipeline

CATEGORIES = ("email", "phone", "ssn", "credit_card", "iban", "ip")


def pipeline(config: dict[str, object], chain: str) -> Pipeline:
    """The six stages over the harness's topics."""
    return Pipeline.model_validate(
        {
            "name": config["group"],
            "chain": chain,
            "raw": {"topic": config["raw"], "partitions": config["partitions"]},
            "enriched": {"topic": config["enriched"]},
            "stages": [
                {"tag": {"include_fields": False}},
                # what the peers look for, and no more
                {"redact": {"policy": {"ssn": "mask"}, "categories": list(CATEGORIES)}},
                {"license": {"field": "license", "allow": config["allow"], "registry": "off", "unknown": "deny"}},
                {"geoip": {"database": config["mmdb"], "fields": ["ip"]}},
                {"language": {"fields": ["message"]}},
                {"hash": {"hash_all_content": False, "hash_fields": ["message"]}},
            ],
        }
    )


async def work(config: dict[str, object], chain: str, home: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    cluster = Cluster(str(config["bootstrap"]), os.environ)
    made = plan(pipeline(config, chain))
    await topics.ensure(cluster, made)
    worker = Worker(cluster, made, os.environ, home, made.agent_names(), [])
    await worker.run(stop)


def main(chain: str) -> None:
    logs.configure("WARNING", os.environ)
    config = json.loads(Path(sys.argv[1]).read_text())
    asyncio.run(work(config, chain, Path(config["work"]).absolute()))
