"""demo: start a real Kafka, run the bundled pipeline over generated records, and show what came out.

penstock demo
penstock demo --json --records 5000
penstock demo --pipeline media
"""

from enum import StrEnum
from typing import Annotated

import typer

from penstock.cli._shared import FAILED, JsonFlag, print_json, run_async, say


class Bundled(StrEnum):
    """The bundled pipelines, and how many records each brings."""

    DEMO = "demo"
    MEDIA = "media"

    @property
    def records(self) -> int:
        return {Bundled.DEMO: 50_000, Bundled.MEDIA: 24}[self]


def command(
    as_json: JsonFlag = False,
    pipeline: Annotated[
        Bundled, typer.Option(help="demo (tickets and events) or media (pictures, PDFs, speech).")
    ] = Bundled.DEMO,
    records: Annotated[
        int | None, typer.Option(min=10, help="Records to generate; 50,000, or 24 of media, where absent.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the generator.")] = 7,
    chain: Annotated[
        str | None, typer.Option(help="topics (each stage an agent), fused, or auto; as the file says where absent.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave broker and services running.")] = False,
) -> None:
    """Run the demo.

    Generates support tickets and web, login and sensor events in six languages, some broken, and brings them from a
    CSV and a JSONL file through Kafka and every agent to the enriched topic, the graph API and the provenance ledger.
    With `--pipeline media`: pictures with EXIF data, PDFs and recordings, whose text is read by the AI engine (`pip
    install 'penstock[ai]'`), redacted and brought to the graph.
    Ends with status 1 if a single record is unaccounted for or the ledger does not verify.

    \b
    penstock demo
    penstock demo --json --records 5000
    penstock demo --pipeline media
    """
    from penstock.cli.demo.play import play

    outcome, scene = run_async(
        play(pipeline, records or pipeline.records, seed, chain, keep=keep, quiet=as_json, say=say)
    )
    if as_json:
        print_json(outcome.as_json())
    else:
        from rich.console import Console

        from penstock.cli.demo.view import print_outcome

        print_outcome(outcome, scene, Console())
    if not outcome.good:
        raise typer.Exit(FAILED)
