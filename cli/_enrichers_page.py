"""The reference page of enrichers: each with its options and what it costs; for `penstock.cli.reference`.

Figures are kept in ``agents/enrich/figures.json``, which `make bench-enrichers` writes.
"""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import orjson

from penstock.cli._markdown import escape, first_line, options, rest, sentence, table

LIMITS: Final[dict[str, tuple[float, str]]] = {
    "geoip": (10_000, "10 ms; 1 µs for looking up an address that was seen"),
    "language": (12, "12 µs"),
    "ocr": (500_000, "500 ms a page"),
    "stt": (5_000_000, "5 s for a short clip"),
}
"""What an enricher may take a record, in microseconds, and in words, where it is not the limit of all."""
LIMIT: Final = (10_000.0, "10 ms")


def page() -> Iterator[str]:
    from penstock.agents import enrich
    from penstock.agents.registry import STAGES

    figures: dict[str, Any] = orjson.loads(Path(enrich.__path__[0], "figures.json").read_bytes())
    measured, machine = figures["enrichers"], figures["machine"]
    modules = {name: STAGES.load(name) for name in sorted(STAGES.modules)}
    modules = {name: module for name, module in modules.items() if ".agents.enrich." in module.__name__}
    yield "# Enrichers"
    yield (
        "The [stages](../STAGES.md) that add to a record what can be found out about its values, under `enrichments`."
        " One that fails is noted there in `errors`, and the record goes on."
    )
    yield (
        f"`make bench-enrichers` measured the figures, on records made of each one's examples, with the options that"
        f" stand there, on one core of: {machine['processor']}, Python {machine['python']}. CPU time is this process's"
        " and its children's, in microseconds a record, without decoding the record and writing the annotation. New"
        " values are such as the enricher had not seen before; of seen ones it may keep the answer. Where an enricher"
        " asks a server, the time that it waits is not in it."
    )
    heads = ("enricher", "CPU, new values", "CPU, seen values", "may take", "adds text", "has an agent of its own")
    yield table(heads, [_row(name, module, measured.get(name, {})) for name, module in modules.items()])
    for name, module in modules.items():
        yield f"## {name}"
        yield escape(sentence(first_line(module.__doc__)))
        yield _figure(name, measured.get(name, {}))
        yield rest(module.__doc__)
        if name == "language" and "language" in figures:
            yield from _languages(figures["language"])
        yield options(module.Config, leave_out=["enabled"]) or "It has no options of its own."


def _row(name: str, module: ModuleType, figure: dict[str, Any]) -> tuple[str, ...]:
    def said(yes: bool) -> str:
        return "yes" if yes else "no"

    return (
        f"[`{name}`](#{name})",
        _shown(figure, "cpu_us_new"),
        _shown(figure, "cpu_us_seen"),
        LIMITS.get(name, LIMIT)[1],
        said(getattr(module, "ADDS_TEXT", False)),
        "as its options say" if hasattr(module, "alone") else said(getattr(module, "ALONE", False)),
    )


def _shown(figure: dict[str, Any], name: str) -> str:
    return f"{figure[name]:,.1f} µs" if name in figure else "not measured"


def _figure(name: str, figure: dict[str, Any]) -> str:
    limit, words = LIMITS.get(name, LIMIT)
    if "cpu_us_new" not in figure:
        why = figure.get("why", "`make bench-enrichers` has not run since it was added")
        return f"Not measured: {why}. It may take {words}."
    held = "within" if figure["cpu_us_new"] <= limit else "above"
    given = f", with `{orjson.dumps(figure['options']).decode()}`" if figure["options"] else ""
    rate = 1e6 / max(figure["cpu_us_new"], 0.01)
    return (
        f"{figure['cpu_us_new']:,.1f} µs of CPU a record with new values, {figure['cpu_us_seen']:,.1f} µs with seen"
        f" ones{given}: {rate:,.0f} records/s a core, {held} the limit of {words}."
    )


def _languages(figures: dict[str, Any]) -> Iterator[str]:
    """How often `language` and what it is made of are right, as `make bench-language` measured it."""
    kinds = {"sentence": "sentences", "pair": "pairs of words"}
    count = " and ".join(f"{figures['texts'][kind]:,} {words}" for kind, words in kinds.items())
    yield (
        f"`make bench-language` measured how often the language is right, on {count} in {figures['languages']}"
        " languages (drawn from the half of the test texts of lingua by which one number was chosen: what a guess of"
        " CLD2 counts beside fastText's), and what a text costs, in microseconds of CPU on a machine that was busy with"
        " other work: compare them with each other. Where no options are said, `min_text_length` and"
        " `confidence_threshold` are 0; with the defaults what is too short or too unsure is left alone,"
        " and counts as wrong here."
    )
    yield table(
        ("", *(f"{words}, {what}" for words in kinds.values() for what in ("right", "cost"))),
        [
            (
                name,
                *(
                    shown
                    for kind in kinds
                    for shown in (f"{one[kind]['right']:.1%}", f"{one[kind]['microseconds']} µs")
                ),
            )
            for name, one in figures["contenders"].items()
        ],
    )
    yield "\n".join(
        f"- Least often right in {words}: "
        + ", ".join(f"{code} {right:.0%}" for code, right in figures["least_right"][kind].items())
        for kind, words in kinds.items()
    )
