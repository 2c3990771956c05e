"""The job as a penstock pipeline, run by a worker as `penstock worker` does: both penstock jobs differ in chaining."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka import codec as codecs
from aiokafka.record import default_records
from six_stages import declared

from penstock.agents.runtime import logs, topics
from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.worker import Worker
from penstock.topology.plan import plan
from penstock.topology.spec import Pipeline


class Compressing(Cluster):
    """A cluster whose producers compress as the configuration says: ``none``, or ``lz4`` or ``zstd`` with a level.

    ``zstd-3`` is the codec zstd at its level 3.
    """

    how = ""

    def producer(self, **options: Any) -> AIOKafkaProducer:
        """The product's producer, frames' and enriched records' alike, with another codec."""
        codec, _, level = self.how.partition("-")
        if level:  # aiokafka takes no level
            at = {"lz4": "lz4_encode", "zstd": "zstd_encode"}[codec]
            setattr(default_records, at, partial(getattr(codecs, at), level=int(level)))
        return super().producer(**{**options, "compression_type": None if codec == "none" else codec})


def cluster_of(config: dict[str, Any]) -> Cluster:
    bootstrap = str(config["bootstrap"])
    if "compression" not in config:
        return Cluster(bootstrap, os.environ)
    Compressing.how = config["compression"]
    return Compressing(bootstrap, os.environ)


async def work(config: dict[str, Any], chain: str, started: Callable[[Worker], None] = lambda worker: None) -> None:
    """Run a worker with all agents until SIGTERM; `started` is told of it before it begins."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    cluster = cluster_of(config)
    made = plan(Pipeline.model_validate(declared(config, chain)))
    await topics.ensure(cluster, made)
    worker = Worker(cluster, made, os.environ, Path(config.get("home", config["work"])), made.agent_names(), [])
    started(worker)
    await worker.run(stop)


def configuration() -> dict[str, Any]:
    config: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    return config


def main(chain: str) -> None:
    logs.configure("WARNING", os.environ)
    asyncio.run(work(configuration(), chain))
