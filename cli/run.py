"""run: run a pipeline here: its sources, agents, delivery and sinks.

With --until-idle it ends when everything that was there is delivered; without, it runs until it is stopped (Ctrl-C).
While it runs a table on standard error shows where it stands, if that is a terminal. The result goes to standard
output, as a table or as JSON. Exit status: 0 done, 1 records failed or are unaccounted for, 2 wrong use, 3 something
is not reachable.
"""

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli._shared import JsonFlag, PipelineFile, bootstrap, environment, load_plan, print_table, run_async

if TYPE_CHECKING:
    from penstock.agents.runtime.run import OnSnapshot, RunResult
    from penstock.topology.plan import Plan

INTERRUPTED = 130


def command(
    file: PipelineFile,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End when everything there is delivered.")] = False,
    source: Annotated[
        list[str] | None, typer.Option("--source", metavar="NAME", help="Only this source; repeat for more.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Run a pipeline here: its sources, agents, delivery and sinks.

    \b
    penstock run pipeline.yml --until-idle
    penstock run pipeline.yml --until-idle --json > result.json
    """
    plan = load_plan(file)
    result = run_async(run_here(plan, until_idle, source))
    if as_json:
        from msgspec.json import encode, format

        print(format(encode(result), indent=2).decode())
    else:
        show(result)
    stopped = until_idle and result.final_state["state"] == "stopped"
    raise typer.Exit(INTERRUPTED if stopped else result.exit_status)


async def run_here(plan: "Plan", until_idle: bool, sources: list[str] | None = None) -> "RunResult":
    """Run a plan in this process, with a table on standard error where that is a terminal."""
    from penstock.agents.runtime import logs
    from penstock.agents.runtime.cluster import Cluster
    from penstock.agents.runtime.run import run_pipeline
    from penstock.cli._signals import stopping
    from penstock.model.home import home

    environ = environment()
    cluster = Cluster(bootstrap(), environ)
    with _view() as show:
        # inside, because the view takes standard error over
        logs.configure(plan.pipeline.monitoring.log_level, environ)
        async with stopping() as stop:
            return await run_pipeline(
                cluster, plan, environ, home(environ), stop=stop, on_snapshot=show, until_idle=until_idle,
                sources=sources or None,
            )  # fmt: skip


@contextlib.contextmanager
def _view() -> "Iterator[OnSnapshot | None]":
    """A table on standard error that follows the run, if that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.live import Live

    from penstock.cli._view import live

    with Live(console=Console(stderr=True), transient=True, refresh_per_second=4) as shown:
        yield lambda snapshot: shown.update(live(snapshot))


def show(result: "RunResult") -> None:
    """Print how a run ended."""
    state = result.final_state
    rows: list[tuple[str, object]] = [
        ("state", state["state"]),
        ("extracted", f"{result.records_extracted:,}"),
        ("transformed", f"{result.records_transformed:,}"),
        ("loaded", f"{result.records_loaded:,}"),
        ("failed", f"{result.records_failed:,}"),
    ]
    left_out = ("dropped", "denied", "quarantined", "dead", "lost", "unreadable", "refused")
    rows += [(f"  {name}", f"{state[name]:,}") for name in left_out if state[name]]
    if result.avg_quality_score is not None:
        rows.append(("average quality", f"{result.avg_quality_score:.3f}"))
    rows.append(("seconds", f"{result.duration_seconds:.1f}"))
    print_table(("run", ""), rows)
    if result.errors:
        errors = [(error.record_id or "", error.error_type, error.message) for error in result.errors[:10]]
        print_table(("record", "code", "what happened"), errors)
