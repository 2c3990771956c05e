"""pii: see what is personal in text and tables; nothing is changed and nothing leaves this machine."""

import sys
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from penstock.cli._shared import FAILED, group, say

if TYPE_CHECKING:
    from penstock.agents.redact.detect import Detect
    from penstock.agents.redact.redact import Config

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


@app.command()
def detect(
    thorough: Thorough = False,
    decode_base64: DecodeBase64 = False,
    categories: Categories = None,
    min_confidence: MinConfidence = 0.5,
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
    find = _detector(_config(categories, min_confidence), thorough=thorough, decode_base64=decode_base64)
    if _detect(find, sys.stdin.buffer, sys.stdout.buffer):
        raise typer.Exit(FAILED)


def _config(categories: str | None, min_confidence: float) -> "Config":
    from penstock.agents.redact._recognizer import RECOGNIZERS
    from penstock.agents.redact.redact import Config

    asked: tuple[str, ...] | None = None
    if categories is not None:
        asked = tuple(name.strip() for name in categories.split(",") if name.strip())
        asked = tuple(RECOGNIZERS.modules) if asked == ("all",) else asked
    return Config(categories=asked, min_confidence=min_confidence)


def _detector(config: "Config", **options: bool) -> "Detect":
    from penstock.agents.redact.redact import detector

    return detector(config, **options)


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
