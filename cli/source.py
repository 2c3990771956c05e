"""source: list the sources, read one of them without Kafka, or run those of a pipeline."""

import sys
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli._shared import (
    FAILED,
    JsonFlag,
    Options,
    PipelineFile,
    bootstrap,
    environment,
    group,
    load_plan,
    options_error,
    parse_options,
    print_components,
    print_json,
    print_table,
    run_async,
    say,
)

if TYPE_CHECKING:
    from penstock.model.component import Source, SourceRecord, Unreadable
    from penstock.model.errors import PenstockError
    from penstock.topology.plan import Plan

app = group(help="List the sources, read one of them without Kafka, or run those of a pipeline.")


@app.command("list")
def list_sources(as_json: JsonFlag = False) -> None:
    """List the sources that a pipeline file may name.

    \b
    penstock source list
    """
    from penstock.connectors.registry import SOURCES

    print_components(SOURCES.modules, as_json)


@app.command()
def read(
    kind: Annotated[str, typer.Argument(help="The source.", show_default=False)],
    option: Options = None,
    most: Annotated[int | None, typer.Option("--max", min=1, help="Read that many at most.")] = None,
    everything: Annotated[
        bool, typer.Option("--json-all", help="Print what is unreadable on standard output as well.")
    ] = False,
) -> None:
    """Read a source from its beginning and print its records as JSON lines, without Kafka.

    A line is {"id", "key", "value", "headers"}; a value that is JSON is printed as such, other text as a string, other
    bytes as {"base64": …}. What the source could not read as a record is told on standard error, as {"id", "code"};
    with --json-all in its place on standard output. Exit status 1 if there was such.

    \b
    penstock source read csv -o path=people.csv -o types.age=integer --max 10
    """
    source = _source(kind, parse_options(option))
    unreadable = run_async(_read(source, most, everything))
    if unreadable:
        say(f"{unreadable} unreadable")
        raise typer.Exit(FAILED)


@app.command()
def run(
    file: PipelineFile,
    source: Annotated[
        list[str] | None, typer.Option("--source", metavar="NAME", help="Only this source; repeat for more.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Wait for more, until stopped.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Run the sources of a pipeline into its raw topic, each from where it was, until they have nothing more.

    Exit status 1 if something in them was no record, or if one could not be read further.

    \b
    penstock source run pipeline.yml --source people
    """
    plan = load_plan(file)
    rows, failures = run_async(_run(plan, source or None, follow))
    if as_json:
        print_json(rows)
    else:
        print_table(("source", "records", "unreadable"), [tuple(row.values()) for row in rows])
    for failure in failures:
        say(f"error: {failure}")
    raise typer.Exit(FAILED if failures or any(row["unreadable"] for row in rows) else 0)


async def _run(
    plan: "Plan", names: list[str] | None, follow: bool
) -> tuple[list[dict[str, Any]], "list[PenstockError]"]:
    """What each source gave, and what stopped those that could not go on."""
    import asyncio

    from penstock.agents.runtime import logs, topics
    from penstock.agents.runtime.cluster import Cluster
    from penstock.agents.runtime.worker import source_tasks
    from penstock.cli._signals import stopping
    from penstock.model.component import Resources
    from penstock.model.errors import ConfigurationError, PenstockError

    environ, pipeline = environment(), plan.pipeline
    cluster = Cluster(bootstrap(), environ)
    logs.configure(pipeline.monitoring.log_level, environ)
    await topics.ensure(cluster, plan)
    options = {"license": pipeline.license, "env": pipeline.env}
    resources = Resources(pipeline=pipeline.name, tenant=pipeline.tenant, environ=environ, options=options)
    tasks = source_tasks(cluster, plan, resources, names)
    async with stopping() as stop:
        running = (task.run(stop, until_done=not follow) for task in tasks.values())
        outcomes = await asyncio.gather(*running, return_exceptions=True)
    failures = []
    for outcome in outcomes:
        if isinstance(outcome, PenstockError) and not isinstance(outcome, ConfigurationError):
            failures.append(outcome)
        elif isinstance(outcome, BaseException):
            raise outcome
    rows = [
        {"source": name, "records": task.count.records, "unreadable": task.count.unreadable}
        for name, task in tasks.items()
    ]
    return rows, failures


def _source(kind: str, options: dict[str, Any]) -> "Source":
    from pydantic import ValidationError

    from penstock.connectors import registry
    from penstock.model.component import Resources

    use = registry.SOURCES.name(kind)
    try:
        config = registry.configure_source(use, options)
    except ValidationError as error:
        raise options_error(use, error, registry.SOURCES.load(use).Config) from None
    return registry.build_source(use, config, Resources(environ=environment()))


async def _read(source: "Source", most: int | None, everything: bool) -> int:
    """Print the records; the number of those that were unreadable."""
    from penstock.model.component import Unreadable

    unreadable, left, cursor = 0, most, None
    out, aside = sys.stdout.buffer, sys.stdout.buffer if everything else sys.stderr.buffer
    try:
        while left is None or left > 0:
            page = await source.fetch(cursor)
            for record in islice(page.records, left):
                broken = isinstance(record, Unreadable)
                unreadable += broken
                (aside if broken else out).write(_line(record) + b"\n")
            out.flush()
            aside.flush()
            left = None if left is None else left - len(page.records)
            cursor = page.cursor
            if page.done:
                break
    finally:
        await source.close()
    return unreadable


def _line(record: "SourceRecord | Unreadable") -> bytes:
    import orjson

    from penstock.model.component import Unreadable

    if isinstance(record, Unreadable):
        return orjson.dumps({"id": record.id, "code": record.code})
    headers = [(name, _text(value)) for name, value in record.headers]
    return orjson.dumps({"id": record.id, "key": _text(record.key), "value": _value(record.value), "headers": headers})


def _value(value: bytes | None) -> Any:
    """JSON as it stands, in one line; else text, else base64."""
    import orjson

    try:
        decoded = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return _text(value)
    return decoded if b"\n" in (value or b"") else orjson.Fragment(value or b"")


def _text(value: bytes | None) -> Any:
    import base64

    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value or b"").decode()}
