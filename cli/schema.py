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
        show(found)


def _name(file: Path) -> str:
    """A name for a table: the file's without what databases want quoted."""
    return re.sub(r"\W+", "_", file.stem.lower()).strip("_") or "records"


def show(found: "Preview") -> None:
    """Print what a sample is made of, as a table."""
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


@app.command()
def history(
    which: Annotated[
        str, typer.Argument(metavar="FILE|SUBJECT", help="A pipeline file, or a subject such as acme:orders.")
    ],
    as_json: JsonFlag = False,
) -> None:
    """Print the versions of the schemas that `tag` registered, and what each changed. The schema registry is asked.

    Of a pipeline file: the subjects of its own tenants, for its sources and for what other producers write.

    \b
    penstock schema history orders.yml
    penstock schema history acme:orders --json
    """
    subjects, wanted = [which], None
    if which.endswith((".yml", ".yaml")) or Path(which).is_file():
        subjects, wanted = [], _of_pipeline(Path(which))
    found = run_async(_histories(subjects, wanted))
    if as_json:
        print_json(found)
        return
    for subject, versions in found.items():
        print_table(
            ("version", "id", "breaks", "changed"),
            [(one["version"], one["id"], "yes" if one["breaks"] else "", _changes(one)) for one in versions],
            title=subject,
        )


def _of_pipeline(file: Path) -> "tuple[set[str], str]":
    """The sources that subjects of a pipeline are of, and its name."""
    from penstock.agents.tag._versions import part
    from penstock.cli._shared import environment, load_plan
    from penstock.connectors import registry
    from penstock.model.component import Resources

    pipeline = load_plan(file, refuse=False).pipeline
    resources = Resources(pipeline.name, pipeline.tenant, environment())
    ids = [pipeline.name]
    for source in pipeline.sources:
        config = registry.configure_source(source.use, source.options)
        ids.append(registry.build_source(source.use, config, resources).id)
    return {part(each) for each in ids}, pipeline.name


async def _histories(subjects: list[str], wanted: "tuple[set[str], str] | None") -> dict[str, list[dict[str, Any]]]:
    """The versions of each subject, oldest first.

    Raises
    ------
    ConfigurationError
        There are none.
    """
    import httpx

    from penstock.agents.tag._versions import history
    from penstock.cli._shared import environment
    from penstock.codecs.schema_registry import SchemaRegistry
    from penstock.model.errors import ConfigurationError
    from penstock.model.http import TOKEN_VARIABLE

    environ = environment()
    async with httpx.AsyncClient(timeout=10) as http:
        registry = SchemaRegistry.from_environ(environ, http=http, token=environ.get(TOKEN_VARIABLE))
        if wanted is not None:
            sources, name = wanted
            subjects = [each for each in await registry.subjects() if each.partition(":")[2] in sources]
            if not subjects:
                raise ConfigurationError(
                    f"the schema registry has no subject of the pipeline {name}",
                    hint="tag registers schemas with `registry: true`",
                )
        found = {each: await history(registry, each) for each in subjects}
    for subject, versions in found.items():
        if not versions:
            raise ConfigurationError(f"the schema registry has no subject {subject}")
    return found


def _changes(one: dict[str, Any]) -> str:
    parts = [f"+ {name}" for name in one["added"]] + [f"- {name}" for name in one["removed"]]
    return ", ".join(parts + [f"{name}: {change}" for name, change in one["changed"].items()])
