"""worker: run agents and sinks of a pipeline until stopped; start more of them to scale.

Without --agents and --sinks it runs all of both; given alone, either means only those (`none` is nobody). Sources run
only with --sources, and in one worker only: of two that run one source the later stops the earlier.

SIGTERM or Ctrl-C finishes or abandons the frame at hand and leaves the groups; a second one ends at once. Nothing is
lost either way. /metrics, /health and /ready are served on METRICS_HOST (127.0.0.1 if not set) and METRICS_PORT.
"""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli._shared import PipelineFile, bootstrap, environment, load_plan, run_async
from penstock.model.errors import ConfigurationError

if TYPE_CHECKING:
    from penstock.agents.runtime.cluster import Cluster
    from penstock.agents.runtime.worker import Worker
    from penstock.topology.plan import Plan

NONE = "none"
Names = Annotated[str | None, typer.Option(metavar="NAME,NAME", help="Only these, or none.", show_default=False)]


def command(
    file: PipelineFile,
    agents: Names = None,
    sinks: Names = None,
    sources: Annotated[bool, typer.Option("--sources", help="Run the sources as well.")] = False,
    metrics_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of /metrics; 0 takes a free one.", show_default=False)
    ] = None,
) -> None:
    """Run agents and sinks of a pipeline until stopped; start more of them to scale.

    \b
    penstock worker pipeline.yml
    penstock worker pipeline.yml --agents redact,license --metrics-port 9100
    """
    plan = load_plan(file)
    run_async(_run(plan, *choose(plan, agents, sinks), sources, metrics_port))


def choose(plan: "Plan", agents: str | None, sinks: str | None) -> tuple[list[str], list[str]]:
    """The agents and sinks that the options name. Raises ConfigurationError for a name that is none."""
    if agents is None and sinks is None:
        return plan.agent_names(), [sink.name for sink in plan.sinks]
    wanted_sinks = _names(sinks)
    there = [sink.name for sink in plan.sinks]
    for name in wanted_sinks:
        if name not in there:
            raise ConfigurationError(f"no sink is called {name}", hint=f"there are: {', '.join(there) or 'none'}")
    return plan.select(_names(agents)), wanted_sinks


def _names(given: str | None) -> list[str]:
    names = [name.strip() for name in (given or NONE).split(",") if name.strip()]
    return [] if names == [NONE] else names


async def _run(plan: "Plan", agents: list[str], sinks: list[str], sources: bool, metrics_port: int | None) -> None:
    from penstock.agents.runtime import logs, topics
    from penstock.agents.runtime.cluster import Cluster
    from penstock.agents.runtime.worker import Worker
    from penstock.cli._signals import stopping
    from penstock.model.home import home

    environ = environment()
    cluster = Cluster(bootstrap(), environ)
    logs.configure(plan.pipeline.monitoring.log_level, environ)
    await topics.ensure(cluster, plan)
    worker = Worker(cluster, plan, environ, home(environ), agents, sinks)
    async with stopping() as stop, contextlib.AsyncExitStack() as stack:
        where = await _monitoring(stack, worker, metrics_port)
        telling = asyncio.create_task(_tell_when_ready(worker, where))
        try:
            await _together(cluster, plan, worker, stop, sources)
        finally:
            telling.cancel()


async def _monitoring(stack: contextlib.AsyncExitStack, worker: "Worker", metrics_port: int | None) -> str:
    """Serve /metrics, if the file does not forbid it; where."""
    from penstock.agents.runtime.http import serving
    from penstock.agents.runtime.logs import logger

    monitoring, environ = worker.plan.pipeline.monitoring, worker.environ
    if not monitoring.metrics_enabled:
        return ""
    host = environ.get("METRICS_HOST") or "127.0.0.1"
    port = monitoring.port if metrics_port is None else metrics_port
    if metrics_port is None and environ.get("METRICS_PORT"):
        port = _port(environ["METRICS_PORT"])
    port = await stack.enter_async_context(serving(worker, host, port))
    logger().info("serving /metrics, /health and /ready", pipeline=worker.plan.pipeline.name, host=host, port=port)
    return f"http://{host}:{port}"


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise ConfigurationError("METRICS_PORT is no port", hint="0 to 65535; 0 takes a free one")
    return int(text)


async def _tell_when_ready(worker: "Worker", where: str) -> None:
    while not worker.ready():  # noqa: ASYNC110 # services come and go, so there is no one event to wait for
        await asyncio.sleep(0.1)
    names = ", ".join([*worker.agents, *(f"sink-{name}" for name in worker.sinks)]) or "no agents"
    print(f"ready: {worker.plan.pipeline.name}: {names}{f'; {where}/metrics' if where else ''}", flush=True)


async def _together(cluster: "Cluster", plan: "Plan", worker: "Worker", stop: asyncio.Event, sources: bool) -> None:
    """The worker, and the sources where they are wanted; what ends one ends all."""
    from penstock.agents.runtime.worker import source_tasks

    halt = asyncio.Event()
    running: list[asyncio.Task[object]] = [asyncio.create_task(worker.run(halt))]
    if sources:
        tasks = source_tasks(cluster, plan, worker.resources)
        running += [asyncio.create_task(task.run(halt, until_done=False)) for task in tasks.values()]
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([*running, stopped], return_when=asyncio.FIRST_COMPLETED)
    finally:
        halt.set()
        stopped.cancel()
        ended = await asyncio.gather(*running, return_exceptions=True)
    for outcome in ended:
        if isinstance(outcome, BaseException):
            raise outcome
