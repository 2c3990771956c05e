"""dlq: look through records that were set aside, and send them again.

With --quarantine all of this works on the quarantined records: to replay them is to release them. A released record
goes through every stage again; where a policy set it aside for what it lacks, say so with --header (for example
--header penstock-license=CC-BY-4.0). Records hold what nobody redacted: only `show --reveal` prints it.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli._shared import (
    JsonFlag,
    PipelineFile,
    bootstrap,
    environment,
    group,
    load_plan,
    print_json,
    print_table,
    run_async,
)
from penstock.model.errors import ConfigurationError

if TYPE_CHECKING:
    from penstock.agents.runtime.cluster import Cluster
    from penstock.agents.runtime.replay import Letter
    from penstock.codecs.dead_letter import DeadLetter

app = group(help="Look through records that were set aside, and send them again.")

QuarantineFlag = Annotated[bool, typer.Option("--quarantine", help="The quarantined records, not the dead letters.")]
Code = Annotated[str | None, typer.Option(metavar="CODE", help="Only those with this reason.")]
Stage = Annotated[str | None, typer.Option(metavar="STAGE", help="Only those that this stage set aside.")]


@app.command("list")
def list_(
    file: PipelineFile,
    quarantine: QuarantineFlag = False,
    code: Code = None,
    stage: Stage = None,
    as_json: JsonFlag = False,
) -> None:
    """Print the records that were set aside, and how many for what reason.

    \b
    penstock dlq list pipeline.yml --stage ingest
    """
    from penstock.agents.runtime.replay import read_letters, select

    plan = load_plan(file, refuse=False)
    letters = select(run_async(read_letters(_cluster(), plan, quarantine=quarantine)), code=code, stage=stage)
    if as_json:
        print_json([_row(each) for each in letters])
        return
    rows = [_row(each) for each in letters]
    columns = ("id", "stage", "code", "failed_at", "replayed_at")
    print_table(columns, [[row[name] or "" for name in columns] for row in rows])
    counts: dict[tuple[str, str], list[int]] = {}
    for each in letters:
        count = counts.setdefault((each.letter.stage, each.letter.code), [0, 0])
        count[each.replayed_at is not None] += 1
    if counts:
        print_table(("stage", "code", "waiting", "replayed"), [(*reason, *count) for reason, count in counts.items()])


@app.command()
def show(
    file: PipelineFile,
    record_id: Annotated[str, typer.Argument(metavar="ID", help="The record's id.")],
    quarantine: QuarantineFlag = False,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Print key, value and headers too; nobody redacted them.")
    ] = False,
) -> None:
    """Print all that is known of one record, as JSON.

    \b
    penstock dlq show pipeline.yml orders.raw/2/1841
    """
    from penstock.agents.runtime.replay import read_letters, read_original, select

    cluster, plan = _cluster(), load_plan(file, refuse=False)

    async def find() -> list[dict[str, Any]]:
        letters = select(await read_letters(cluster, plan, quarantine=quarantine), ids=[record_id])
        if not letters:
            raise ConfigurationError(f"no letter has the id {record_id}", hint="`penstock dlq list` prints the ids")
        return [_whole(each, await read_original(cluster, each) if reveal else None) for each in letters]

    print_json(run_async(find()))


@app.command()
def replay(
    file: PipelineFile,
    record_ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Ids of records.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All, or all with this --code and --stage.")] = False,
    quarantine: QuarantineFlag = False,
    code: Code = None,
    stage: Stage = None,
    again: Annotated[bool, typer.Option("--again", help="Also those that were replayed before.")] = False,
    header: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Set this header on each; repeat for more.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Send records to the raw topic again, as they were, under their first id. What was replayed before is left out.

    \b
    penstock dlq replay pipeline.yml --all --code decode
    penstock dlq replay pipeline.yml orders.raw/2/1841
    """
    from penstock.agents.runtime.replay import replay as send
    from penstock.cli.produce import parse_headers

    if bool(record_ids) == every:
        raise ConfigurationError("name the records by their ids, or give --all")
    done = run_async(
        send(
            _cluster(), load_plan(file), quarantine=quarantine, ids=record_ids or (), code=code, stage=stage,
            again=again, headers=parse_headers(header),
        )
    )  # fmt: skip
    if as_json:
        print_json({"sent": done.sent, "replayed_before": done.before, "gone": done.gone, "unknown": done.unknown})
    else:
        print(f"{done.sent} sent again")
        if done.before:
            print(f"{done.before} left out: replayed before (--again sends them)")
        if done.gone:
            print(f"{done.gone} left out: their original bytes are gone")
        for unknown in done.unknown:
            print(f"no letter has the id {unknown}")
    raise typer.Exit(1 if done.gone or done.unknown else 0)


def _cluster() -> "Cluster":
    from penstock.agents.runtime.cluster import Cluster

    return Cluster(bootstrap(), environment())


def _row(each: "Letter") -> dict[str, Any]:
    letter = each.letter
    return {
        "id": letter.id,
        "stage": letter.stage,
        "code": letter.code,
        "outcome": letter.outcome,
        "failed_at": _time(letter.failed_at),
        "attempts": letter.attempts,
        "written": each.written,
        "gone": each.gone,
        "settled": each.settled,
        "replayed_at": None if each.replayed_at is None else _time(each.replayed_at),
    }


def _whole(each: "Letter", original: "DeadLetter | None") -> dict[str, Any]:
    letter = each.letter
    body = {
        **_row(each),
        "detail": letter.detail,
        "trace": letter.trace,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "timestamp": _time(letter.timestamp),
    }
    if original is not None:
        from penstock.cli.consume import readable

        body["key"], body["value"] = readable(original.key), readable(original.value)
        body["headers"] = [[name, readable(value)] for name, value in original.headers]
    return body


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
