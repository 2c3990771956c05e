"""schema: what a sample of data is made of, and the versions that a schema went through."""

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli._shared import JsonFlag, group, print_json, print_table, run_async, say

if TYPE_CHECKING:
    from penstock.agents.tag.inference.preview import Preview

app = group(help="See what a sample of data is made of, and the versions that a schema went through.")


class Target(StrEnum):
    """What a schema can be printed for."""

    generic = "generic"
    postgres = "postgres"
    mysql = "mysql"
    sqlite = "sqlite"
    avro = "avro"
    arrow = "arrow"
    json_schema = "json-schema"


@app.command()
def preview(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV, JSON, JSON Lines, Parquet, Arrow or Avro.", show_default=False)
    ],
    to: Annotated[
        Target | None, typer.Option("--to", help="Print the schema for this instead; generic is the neutral one.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Of the table or record. [default: the file's]")] = None,
    rows: Annotated[int, typer.Option(min=1, max=100_000, help="How many are looked at.")] = 1000,
    catalogue: Annotated[
        Path | None, typer.Option(metavar="FILE", help="YAML that is merged over the catalogue of entities.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Infer types, bounds, primary key, entity and mappings from a sample. Nothing is written, no server is asked.

    Sample values in which something personal was found are masked. --json prints what POST /etl/preview-schema answers.

    \b
    penstock schema preview people.csv
    penstock schema preview events.parquet --json
    penstock schema preview people.csv --to postgres --name customers
    """
    from penstock.agents.tag.inference import preview as inference
    from penstock.agents.tag.inference.targets import TARGETS
    from penstock.cli import _sample
    from penstock.model.entities import Catalogue

    sample = run_async(_sample.rows(file, rows))
    found = inference.preview(sample.rows, Catalogue.load(catalogue))
    if sample.unreadable:
        say(f"{sample.unreadable} more were unreadable")
    if to is not None:
        made = TARGETS[to.value](found, name or _name(file))
        print(made) if isinstance(made, str) else print_json(made)
    elif as_json:
        print_json(found.answer())
    else:
        _print(found)


def _name(file: Path) -> str:
    """A name for a table: the file's without what databases want quoted."""
    return re.sub(r"\W+", "_", file.stem.lower()).strip("_") or "records"


def _print(found: "Preview") -> None:
    mapped = {each.source_field: each for each in found.mappings}
    rows = []
    for field, samples in zip(found.fields, found.samples, strict=True):
        mapping = mapped.get(field.name)
        rows.append(
            (
                field.name,
                field.type + (f" ({field.format})" if field.format else ""),
                f"{field.confidence:.0%}",
                field.nulls or "",
                _bounds(field.constraints),
                ", ".join(map(str, samples)),
                f"{mapping.canonical_entity}.{mapping.canonical_property} {mapping.confidence:.0%}" if mapping else "",
            )
        )
    key = f", primary key {', '.join(found.primary_key)}" if found.primary_key else ""
    print(f"{found.record_count} records, {found.primary_entity or 'no entity of the catalogue'}{key}\n")
    print_table(("field", "type", "sure", "nulls", "bounds", "samples", "maps to"), rows)


def _bounds(bounds: Any) -> str:
    if bounds.enum:
        return "one of " + ", ".join(map(str, bounds.enum))
    if bounds.min is not None:
        return f"{bounds.min} … {bounds.max}"
    return bounds.pattern or ""
