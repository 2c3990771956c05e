"""stage: list the stages, or run one of them over JSON lines, without Kafka."""

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from penstock.cli._shared import (
    FAILED,
    JsonFlag,
    Options,
    environment,
    group,
    options_error,
    parse_options,
    print_components,
    run_async,
    say,
)

if TYPE_CHECKING:
    from penstock.agents.chain import Chain

app = group(help="List the stages, or run one of them over JSON lines, without Kafka.")

_FRAME = 500


@app.command("list")
def list_stages(as_json: JsonFlag = False) -> None:
    """List the stages that a pipeline file may name.

    \b
    penstock stage list
    """
    from penstock.agents.registry import STAGES

    print_components(STAGES.modules, as_json)


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="The stage.", show_default=False)],
    option: Options = None,
    everything: Annotated[
        bool, typer.Option("--json-all", help="Print records that stopped on standard output as well.")
    ] = False,
) -> None:
    """Run one stage over the JSON lines on standard input; print each record whole, as an enriched topic has it.

    A line is a record's data, an envelope (what this command prints), or what `penstock source read` prints. Records
    that stopped (dropped, denied, quarantined, dead) are told on standard error, as {"id", "outcome", "stage", "code"};
    with --json-all in their places on standard output. Exit status 1 if one is dead.

    \b
    penstock stage run language < tickets.jsonl
    penstock stage run redact -o policy.email=hash -o fields.notes=remove < tickets.jsonl
    penstock source read csv -o path=people.csv | penstock stage run tag | penstock stage run redact
    """
    chain = _chain(name, parse_options(option))
    stopped = sys.stdout.buffer if everything else sys.stderr.buffer
    if run_async(_run(chain, sys.stdin.buffer, sys.stdout.buffer, stopped), reads=True):
        raise typer.Exit(FAILED)


def _chain(name: str, options: dict[str, Any]) -> "Chain":
    from pydantic import ValidationError

    from penstock.agents import registry
    from penstock.agents.chain import Chain
    from penstock.model.component import Resources

    use = registry.STAGES.name(name)
    try:
        config = registry.configure(use, options)
    except ValidationError as error:
        raise options_error(use, error, registry.STAGES.load(use).Config) from None
    return Chain([(use, config)], Resources(environ=environment(), report=lambda event: say(event.message)))


async def _run(chain: "Chain", source: BinaryIO, out: BinaryIO, stopped: BinaryIO) -> int:
    """Run the chain over a stream of lines; the number of records that are dead."""
    from penstock.cli import _lines
    from penstock.model.record import Kept, Stub

    metadata = _lines.metadata_writer()
    dead = number = 0
    for lines in _lines.batches(source):
        for start in range(0, len(lines), _FRAME):
            now = int(time.time() * 1000)
            some = list(enumerate(lines[start : start + _FRAME], number + 1))
            number += len(some)
            entries = [_lines.entry(line, place, now) for place, line in some if line.strip()]
            for entry in (await chain.run(_lines.TOPIC, 0, entries)).entries:
                if isinstance(entry, Kept):
                    out.write(_lines.printed(entry, metadata) + b"\n")
                elif isinstance(entry, Stub):
                    dead += entry.outcome == "dead"
                    stopped.write(_lines.stopped(entry) + b"\n")
        out.flush()
        stopped.flush()
    return dead
