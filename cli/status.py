"""status: where a pipeline stands: lag, rates, dead letters, cursors; whether or not workers run.

`end` is the end of what an agent reads, `next` the raw offset that it owes; `lag` counts messages (between agents a
message is a frame of many records).
"""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli._shared import JsonFlag, PipelineFile, bootstrap, environment, load_plan, run_async
from penstock.model.errors import ConfigurationError

if TYPE_CHECKING:
    from penstock.agents.runtime.cluster import Cluster
    from penstock.agents.runtime.status import Looker, Snapshot
    from penstock.topology.plan import Plan

BETWEEN_LOOKS_SECONDS = 1.0


def command(
    file: PipelineFile,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, until stopped.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Print where a pipeline stands: lag, rates, dead letters, cursors; whether or not workers run.

    \b
    penstock status pipeline.yml --watch
    """
    run_async(_status(load_plan(file, refuse=False), watch, as_json))


async def _status(plan: "Plan", watch: bool, as_json: bool) -> None:
    from penstock.agents.runtime.cluster import Cluster
    from penstock.agents.runtime.status import Looker
    from penstock.model.component import Resources

    environ = environment()
    cluster = Cluster(bootstrap(), environ)
    await _require_topics(cluster, plan)
    pipeline = plan.pipeline
    looker = Looker(cluster, plan, Resources(pipeline=pipeline.name, tenant=pipeline.tenant, environ=environ))
    try:
        await looker.look()  # rates need two looks
        await _print_looks(looker, watch, as_json)
    finally:
        await looker.close()


async def _print_looks(looker: "Looker", watch: bool, as_json: bool) -> None:
    from rich.console import Console
    from rich.live import Live

    from penstock.cli._view import standing

    console = Console()
    await asyncio.sleep(BETWEEN_LOOKS_SECONDS)
    if as_json or not (watch and console.is_terminal):
        while True:
            snapshot = await looker.look()
            _print_json(snapshot, watch) if as_json else console.print(standing(snapshot))
            if not watch:
                return
            await asyncio.sleep(BETWEEN_LOOKS_SECONDS)
    with Live(console=console, auto_refresh=False) as shown:
        while True:
            shown.update(standing(await looker.look()), refresh=True)
            await asyncio.sleep(BETWEEN_LOOKS_SECONDS)


def _print_json(snapshot: "Snapshot", one_line: bool) -> None:
    from msgspec.json import encode, format

    encoded = encode(snapshot)
    print((encoded if one_line else format(encoded, indent=2)).decode(), flush=True)


async def _require_topics(cluster: "Cluster", plan: "Plan") -> None:
    async with cluster.admin() as admin:
        there = set(await admin.list_topics())
    missing = [topic.name for topic in plan.topics if topic.name not in there]
    if missing:
        raise ConfigurationError(
            f"the pipeline {plan.pipeline.name} has no topic {missing[0]}", hint="it never ran: penstock run"
        )
