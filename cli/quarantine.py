"""quarantine: look through records that a policy set aside, and let them go on.

`watch` lets records go on by itself: those that the stage `license` set aside, once an appeal or a changed license
allows them. Whatever is released is sent to the raw topic as it was, under its first id, and goes through every stage
again. Records hold what nobody redacted: only `show --reveal` prints it.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli import dlq
from penstock.cli._shared import JsonFlag, PipelineFile, bootstrap, environment, group, load_plan, run_async
from penstock.cli.dlq import Code, Stage

if TYPE_CHECKING:
    from penstock.agents.runtime.release import Round
    from penstock.topology.plan import Plan

app = group(help="Look through records that a policy set aside, and let them go on.")


@app.command("list")
def list_(file: PipelineFile, code: Code = None, stage: Stage = None, as_json: JsonFlag = False) -> None:
    """Print the records that were set aside, and how many for what reason.

    \b
    penstock quarantine list pipeline.yml --code license_unknown
    """
    dlq.list_(file, quarantine=True, code=code, stage=stage, as_json=as_json)


@app.command()
def show(
    file: PipelineFile,
    record_id: Annotated[str, typer.Argument(metavar="ID", help="The record's id.")],
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Print key, value and headers too; nobody redacted them.")
    ] = False,
) -> None:
    """Print all that is known of one record, as JSON.

    \b
    penstock quarantine show pipeline.yml orders.raw/2/1841
    """
    dlq.show(file, record_id, quarantine=True, reveal=reveal)


@app.command()
def release(
    file: PipelineFile,
    record_ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Ids of records.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All, or all with this --code and --stage.")] = False,
    code: Code = None,
    stage: Stage = None,
    again: Annotated[bool, typer.Option("--again", help="Also those that were released before.")] = False,
    header: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Set this header on each; repeat for more.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Let records go on, whatever licenses say: a stage that still sets them aside will do so again.

    \b
    penstock quarantine release pipeline.yml orders.raw/2/1841
    penstock quarantine release pipeline.yml --all --code license_missing --header penstock-license=CC-BY-4.0
    """
    dlq.replay(
        file, record_ids, every, quarantine=True, code=code, stage=stage, again=again, header=header, as_json=as_json
    )


@app.command()
def watch(
    file: PipelineFile,
    every: Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="Between two rounds.")] = 30.0,
) -> None:
    """Let records of the stage `license` go on once their licenses are allowed; until stopped.

    Each round asks the license registry once for each license that records wait for. What is allowed goes on after
    the stage's `cache_seconds`: until then a worker may know the old answer, and would set it aside anew.

    \b
    penstock quarantine watch pipeline.yml
    penstock quarantine watch pipeline.yml --every 5
    """
    run_async(_watch(load_plan(file), every))


async def _watch(plan: "Plan", every: float) -> None:
    from penstock.agents.runtime import logs
    from penstock.agents.runtime.cluster import Cluster
    from penstock.agents.runtime.release import Releaser
    from penstock.cli._signals import stopping

    environ = environment()
    logs.configure(plan.pipeline.monitoring.log_level, environ)
    releaser = Releaser(Cluster(bootstrap(), environ), plan, environ)
    try:
        async with stopping() as stop:
            await releaser.watch(stop, every, _Teller())
    finally:
        await releaser.close()


class _Teller:
    """Says what a round did, where it is not what the one before did."""

    def __init__(self) -> None:
        self._told: Round | None = None

    def __call__(self, done: "Round") -> None:
        if done != self._told:
            print(
                f"{done.waiting} waiting under {done.licenses} licenses: {done.allowed} allowed, {done.denied} denied; "
                f"{done.released} released",
                flush=True,
            )
        self._told = done
