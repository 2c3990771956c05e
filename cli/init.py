"""init: write a first pipeline file, from a sample of the data if there is one."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli._shared import run_async, say
from penstock.model.errors import ConfigurationError

if TYPE_CHECKING:
    from penstock.cli._sample import Look

_OWN_LICENSE = "LicenseRef-internal"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")


def command(
    name: Annotated[
        str | None, typer.Argument(help="Of the pipeline: the prefix of its topics.", show_default=False)
    ] = None,
    sample: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CSV or JSON Lines; up to 1,000 records are looked at.")
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Else NAME.yml.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write a first pipeline file, with comments, that can be run as it is.

    From a sample it takes the source with its options, and the stages that fit: geoip for IP addresses, language for
    text. No value of the sample gets into the file, but ids of licenses.

    \b
    penstock init people --sample people.csv
    penstock init orders -o pipelines/orders.yml
    """
    name = pipeline_name(name, sample)
    out = out or Path(f"{name}.yml")
    if out.exists() and not force:
        raise ConfigurationError(f"{out} is there already", hint="choose another name with -o, or --force")
    looked = None
    if sample is not None:
        from penstock.cli._sample import look_at

        looked = run_async(look_at(sample))
    text = "\n".join(_lines(name, looked)) + "\n"
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{out} cannot be written: {error.strerror}") from None
    if looked is not None:
        say(f"looked at {looked.records} records, {looked.unreadable} more were unreadable")
    print(f"{out} written; next: penstock check {out}, then penstock run {out}")


def pipeline_name(given: str | None, sample: Path | None) -> str:
    """The name that was given, else one made of the sample's. Raises ConfigurationError where it is no name."""
    if given is None:
        stem = sample.stem if sample else "pipeline"
        given = re.sub(r"[^a-z0-9_-]+", "-", stem.lower()).strip("-_")[:60] or "pipeline"
    if not _NAME.fullmatch(given):
        raise ConfigurationError(
            f"{given} is no name for a pipeline", hint="lower-case letters, digits, dashes and underscores, 60 at most"
        )
    return given


def _lines(name: str, sample: "Look | None") -> Iterator[str]:
    yield "# A pipeline file: `penstock check` looks it over, `penstock plan` shows what it means on Kafka."
    yield f"name: {_quoted(name)}"
    if sample is None or not sample.license_field:
        yield f"license: {_OWN_LICENSE} # SPDX id of the data; say yours, here and below"
    yield ""
    yield from _source_lines(name, sample)
    yield ""
    yield "raw:"
    yield "  partitions: 4 # how far this can be spread over workers; cannot be changed later"
    yield "  retention_hours: 168 # raw records hold personal data: keep them no longer than needed"
    yield ""
    yield "stages:"
    yield "  - tag # what each record looks like, and whose it is"
    yield from _redact_lines(sample)
    yield from _license_lines(sample)
    yield from _enricher_lines(sample)
    yield ""
    yield f"# Records come out on the topic {name}.enriched; sinks take them further (graph, ledger, file)."
    yield "sinks:"
    yield f"  - file: {{path: {_quoted(f'out/{name}')}}}"


def _source_lines(name: str, sample: "Look | None") -> Iterator[str]:
    if sample is None:
        yield f"# Any Kafka producer may write JSON objects to the topic {name}.raw; sources do it for you:"
        yield "# sources:"
        yield "#   - csv: {path: data/*.csv}"
        return
    yield f"# Any other Kafka producer may write to the topic {name}.raw as well."
    yield "sources:"
    yield f"  - {sample.kind}:"
    for option, value in sample.options.items():
        guessed = " # guessed: it is not UTF-8" if option == "encoding" else ""
        yield f"      {option}: {_quoted(value)}{guessed}"
    if sample.numbers:
        types = ", ".join(f"{_quoted(column)}: {kind}" for column, kind in sample.numbers.items())
        yield f"      # types: {{{types}}} # cells are text where no type is given"


def _redact_lines(sample: "Look | None") -> Iterator[str]:
    yield "  - redact:"
    for category, names in (sample.personal if sample else {}).items():
        yield f"      # seen in the sample: {category} in {', '.join(map(_quoted, names))}"
    yield "      policy: # by category: mask, hash, remove, generalise or keep"
    for category, strategy in (
        ("email", "mask"),
        ("phone", "mask"),
        ("credit_card", "mask"),
        ("iban", "mask"),
        ("ssn", "remove"),
        ("ip", "generalise"),
    ):
        why = {
            "ssn": " # hash makes pseudonyms instead, and needs a key in PENSTOCK_HASH_KEY",
            "ip": " # to the network, which geoip still finds",
        }.get(category, "")
        yield f"      {'  '}{category}: {strategy}{why}"


def _license_lines(sample: "Look | None") -> Iterator[str]:
    yield "  - license:"
    if sample is None or not sample.license_field:
        yield f"      allow: [{_OWN_LICENSE}]"
    else:
        yield f"      field: {_quoted(sample.license_field)}"
        yield f"      allow: [{', '.join(map(_quoted, sample.licenses))}] # seen in the sample: strike out what may not"
    yield "      unknown: quarantine # deny or allow, for records whose license is missing or unknown"


def _enricher_lines(sample: "Look | None") -> Iterator[str]:
    if sample is None:
        yield "  # - geoip: {database: city.mmdb} # where the IP addresses of a record are"
        yield "  # - language # the language of its texts"
        return
    if sample.addresses:
        yield "  - geoip: # where IP addresses are"
        yield f"      fields: {_listed(sample.addresses)}"
        if not os.environ.get("GEOIP_DATABASE"):
            yield "      enabled: false # until GEOIP_DATABASE names a MaxMind DB file; then remove this line"
    if sample.texts:
        yield "  - language: # the language of texts"
        yield f"      fields: {_listed(sample.texts)}"


def _listed(names: list[str]) -> str:
    return f"[{', '.join(map(_quoted, names))}]"


def _quoted(value: object) -> str:
    """A YAML scalar: plain where that cannot be misread, else in double quotes, as JSON has them."""
    if not isinstance(value, str):
        return json.dumps(value)
    text = value
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_./-]*", text) and text.lower() not in _WORDS
    if plain:
        return text
    # what YAML takes for the end of a line, or does not take at all
    return re.sub(
        r"[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]", _escape, json.dumps(text, ensure_ascii=False)
    )


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


_WORDS = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n"))
"""What YAML takes for something else than text."""
