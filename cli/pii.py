"""pii: see what is personal in text and tables; nothing is changed and nothing leaves this machine."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from penstock.cli._shared import FAILED, JsonFlag, group, options_error, print_json, print_table, run_async, say

if TYPE_CHECKING:
    from penstock.agents.redact._detect import Detect
    from penstock.agents.redact.redact import Config
    from penstock.connectors.samples import Sample

app = group(help="See what is personal in text and tables; nothing is changed.")

_FRAME = 500

Categories = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,NAME",
        help="Look for these only; `all` for every one. [default: as the stage redact]",
    ),
]
MinConfidence = Annotated[float, typer.Option(min=0, max=1, help="Leave out what is less sure.")]
Thorough = Annotated[
    bool,
    typer.Option("--thorough", help="Also look behind disguises: `at` and `dot`, spaced digits, lookalike letters."),
]
DecodeBase64 = Annotated[bool, typer.Option("--decode-base64", help="Also look into what is written in base64.")]
NamesModel = Annotated[
    str | None,
    typer.Option(metavar="FOLDER", help="A model of spaCy that finds names of persons (extra spacy). [default: none]"),
]


@app.command()
def detect(
    thorough: Thorough = False,
    decode_base64: DecodeBase64 = False,
    categories: Categories = None,
    min_confidence: MinConfidence = 0.5,
    names_model: NamesModel = None,
) -> None:
    """Find what is personal in the JSON lines on standard input; print one line of JSON for each, in order.

    A line is an object such as {"text": …}; every text and number in it is looked at. Printed is {"entities":
    [{"category", "start", "end", "confidence", "field"}]}: places are characters of the field's text, the field is a
    dotted path, and no value is repeated. A line that is no object has no entities, is told on standard error with its
    number, and the exit status is 1.

    \b
    penstock pii detect < lines.jsonl
    penstock pii detect --categories email,phone --min-confidence 0.8 < lines.jsonl
    """
    config = _config(
        categories, min_confidence, thorough=thorough, decode_base64=decode_base64, names_model=names_model
    )
    find = _detector(config)
    if _detect(find, sys.stdin.buffer, sys.stdout.buffer):
        raise typer.Exit(FAILED)


@app.command()
def scan(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV, JSON, JSON Lines, Parquet, Arrow or Avro.", show_default=False)
    ],
    categories: Categories = None,
    min_confidence: MinConfidence = 0.5,
    sample: Annotated[int, typer.Option(min=1, help="Rows to look at, from the first on.")] = 10_000,
    names_model: NamesModel = None,
    as_json: JsonFlag = False,
) -> None:
    """Report what is personal in a file: by field the category, how bad, how sure, and what to do about it.

    Values are shown masked. Whether a data protection impact assessment (GDPR, article 35) is needed is said with the
    rule that asks for it. All categories are looked for.

    \b
    penstock pii scan customers.csv
    penstock pii scan events.parquet --json
    """
    from penstock.agents.redact._report import scan as report

    looked, total = run_async(_sampled(file, sample))
    rows = looked.rows
    if looked.unreadable:
        say(f"{looked.unreadable} were unreadable")
    found = report(rows, config=_config(categories or "all", min_confidence, names_model=names_model), total_rows=total)
    if as_json:
        print_json(found)
        return
    show(found)
    print(f"{found['summary']}, in {len(rows):,} of {total:,} rows")
    for reason in found["dpia_reasons"]:
        print(f"impact assessment needed: {reason['reason']}")


async def _sampled(file: Path, most: int) -> "tuple[Sample, int]":
    """The first rows of a file, and how many it has."""
    from penstock.cli import _sample
    from penstock.connectors import samples

    sample = await _sample.rows(file, most)
    if len(sample.rows) + sample.unreadable < most:
        return sample, len(sample.rows)
    return sample, max(await samples.count(sample), len(sample.rows))


def show(found: dict[str, Any]) -> None:
    """Print what a scan found, as a table."""
    columns = ("field", "category", "severity", "matches", "confidence", "sample", "do")
    print_table(
        columns,
        [
            (
                item["field_name"],
                item["category"],
                item["severity"],
                f"{item['match_count']:,}",
                f"{item['confidence']:.2f}",
                item["sample_value"],
                item["recommended_strategy"],
            )
            for item in found["pii_matches"]
        ],
    )


def _config(categories: str | None, min_confidence: float, **options: Any) -> "Config":
    from pydantic import ValidationError

    from penstock.agents.redact._recognizer import RECOGNIZERS
    from penstock.agents.redact.redact import Config

    asked: tuple[str, ...] | None = None
    if categories is not None:
        asked = tuple(name.strip() for name in categories.split(",") if name.strip())
        asked = tuple(RECOGNIZERS.modules) if asked == ("all",) else asked
    try:
        return Config(categories=asked, min_confidence=min_confidence, **options)
    except ValidationError as error:
        raise options_error("pii", error, Config) from None


def _detector(config: "Config") -> "Detect":
    from penstock.agents.redact.redact import detector

    return detector(config)


def _detect(find: "Detect", source: BinaryIO, out: BinaryIO) -> int:
    """Detect in each line of a stream; the number of lines that are no objects."""
    import orjson

    from penstock.cli import _lines

    bad = number = 0
    for lines in _lines.batches(source):
        for start in range(0, len(lines), _FRAME):
            records: list[dict[str, Any]] = []
            for line in lines[start : start + _FRAME]:
                number += 1
                record = _record(line)
                if record is None:
                    bad += 1
                    say(f"line {number} is no JSON object")
                records.append(record or {})
            printed = [
                orjson.dumps(
                    {
                        "entities": [
                            {
                                "category": item.category,
                                "start": item.start,
                                "end": item.end,
                                "confidence": item.confidence,
                                "field": item.field,
                                **({"in_name": True} if item.in_name else {}),
                            }
                            for item in entities
                        ]
                    }
                )
                for entities in find(records)
            ]
            out.write(b"\n".join(printed) + b"\n")
        out.flush()
    return bad


def _record(line: bytes) -> dict[str, Any] | None:
    import orjson

    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return record if isinstance(record, dict) else None
