"""Write the reference pages in `docs/` from the code: `python -m penstock.cli.reference`, or `make docs`.

A page is a function below; what it says comes from docstrings, options, the catalogues of metrics, errors and
environment variables, and the commands. Nothing is connected to and nothing downloaded. With ``--check`` nothing is
written: the exit status is 1 if a page is not what the code says.
"""

import argparse
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Final

import orjson

from penstock.cli import _commands_page, _enrichers_page, _errors_page
from penstock.cli._markdown import escape, first_line, options, rest, sentence, table
from penstock.model.registry import Registry

FOLDER: Final = Path(__file__).resolve().parents[1] / "docs"
NOTE: Final = "<!-- Made from the code by `make docs`: change the code, not this page. -->"


def pages() -> dict[str, str]:
    """Name of each page -> its text."""
    made: dict[str, Callable[[], Iterator[str]]] = {
        "PIPELINE.md": _pipeline,
        "STAGES.md": _stages,
        "SOURCES.md": _sources,
        "SINKS.md": _sinks,
        "RECOGNIZERS.md": _recognizers,
        "POLICY.md": _policy,
        "TYPES.md": _types,
        "ERRORS.md": _errors_page.page,
        "METRICS.md": _metrics,
        "CLI.md": _commands_page.page,
        "ENVIRONMENT.md": _environment,
        "reference/enrichers.md": _enrichers_page.page,
    }
    return {name: "\n\n".join([NOTE, *(part for part in page() if part)]) + "\n" for name, page in made.items()}


def stale(folder: Path = FOLDER) -> list[str]:
    """The pages in `folder` that are not what the code says."""
    return [
        name
        for name, text in pages().items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]


def write(folder: Path = FOLDER) -> list[str]:
    """Write the pages that are not what the code says; their names."""
    changed = stale(folder)
    made = pages()
    for name in changed:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(made[name], encoding="utf-8")
    return changed


# Pipeline files


def _pipeline() -> Iterator[str]:
    from penstock.topology import lint, load, spec

    yield "# Pipeline files"
    yield (
        "A pipeline file is YAML. `penstock check` says what is wrong with one, with file, line and key, and names the"
        " nearest key that exists. Every key but `name` has a default."
    )
    yield f"**Environment.** {escape(first_line(load.__doc__))} An empty variable counts as unset."
    yield options(spec.Pipeline)
    yield "## Naming a component"
    yield (
        "A source, stage or sink is written as its name (`geoip`), as its name with options (`geoip: {database: …}`),"
        " or in full (`{use: geoip, as: places, options: {…}}`). `as` stands among the options in the second form."
        " Options are those of [stages](STAGES.md), [sources](SOURCES.md) and [sinks](SINKS.md)."
    )
    yield "## What is found in a plan"
    yield rest(lint.__doc__)


# Components


def _stages() -> Iterator[str]:
    from penstock.agents.registry import STAGES
    from penstock.model.component import Apply, ApplyBatch, ApplyState, Enrich, EnrichBatch, EnrichRecord

    kinds = {Enrich: "adds an enrichment", EnrichRecord: "adds an enrichment", EnrichBatch: "adds an enrichment"}
    kinds |= {Apply: "decides over the record", ApplyBatch: "decides over many at once"}
    kinds |= {ApplyState: "decides over the record, by what it remembers of others"}
    kinds |= {Apply | ApplyBatch: "decides over the record, or over many at once, as its options have it"}
    kinds |= {EnrichRecord | EnrichBatch: "adds an enrichment"}

    def facts(module: ModuleType) -> Iterator[str]:
        kind = inspect.get_annotations(module.build, eval_str=True).get("return")
        yield next((text for each, text in kinds.items() if each == kind), "")
        if hasattr(module, "GROUP"):
            yield f"writes `enrichments.{module.GROUP}`"
        if getattr(module, "ADDS_TEXT", False):
            yield "adds text, so `redact` must stand behind it"

    yield "# Stages"
    yield (
        "What stands under `stages` in a pipeline file, in order. An enrichment that fails is noted in the record and"
        " blocks nothing; a stage that decides and fails makes a [dead letter](ERRORS.md). What enrichers cost stands"
        " on [their page](reference/enrichers.md)."
    )
    yield from _components(STAGES, ["enabled"], facts)
    yield "## Options of every stage"
    yield _shared("StageConfig")


def _sources() -> Iterator[str]:
    from penstock.connectors.registry import SOURCES

    yield "# Sources"
    yield (
        "What stands under `sources` in a pipeline file. Records and the place that was read to are written in one"
        " Kafka transaction: a source that is killed neither repeats nor skips. Any other producer may write to the"
        " raw topic as well."
    )
    yield from _components(SOURCES, ["license", "tenant"])
    yield "## Options of every source"
    yield _shared("SourceConfig")


def _sinks() -> Iterator[str]:
    from penstock.connectors.registry import SINKS

    yield "# Sinks"
    yield (
        "What stands under `sinks` in a pipeline file. Each has a consumer group of its own and keeps its place in its"
        " destination. The enriched topic is written by delivery, whether there are sinks or not."
    )
    yield from _components(SINKS, [])


def _components(
    registry: Registry, leave_out: list[str], facts: Callable[[ModuleType], Iterator[str]] = lambda module: iter(())
) -> Iterator[str]:
    modules = {name: registry.load(name) for name in sorted(registry.modules)}
    rows = [(f"[`{name}`](#{name})", escape(first_line(module.__doc__))) for name, module in modules.items()]
    yield table(("name", "does"), rows)
    for name, module in modules.items():
        yield f"## {name}"
        yield f"{escape(sentence(first_line(module.__doc__)))}"
        aliases = ", ".join(f"`{alias}`" for alias in getattr(module, "ALIASES", ()))
        told = [f"also called {aliases}"] if aliases else []
        yield sentence("; ".join([fact for fact in facts(module) if fact] + told))
        yield rest(module.__doc__)
        yield options(module.Config, leave_out=leave_out) or "It has no options of its own."


def _shared(name: str) -> str:
    from penstock.model import component

    return options(getattr(component, name))


# Redaction


def _recognizers() -> Iterator[str]:
    from penstock.agents.redact import redact
    from penstock.agents.redact._recognizer import RECOGNIZERS
    from penstock.agents.redact._strategy import STRATEGIES
    from penstock.agents.redact.redact import DEFAULT_POLICY

    modules = {name: RECOGNIZERS.load(name) for name in sorted(RECOGNIZERS.modules)}
    quality = Path(redact.__file__).with_name("quality.json")
    measured = orjson.loads(quality.read_bytes())
    yield "# Recognizers and strategies"
    yield "What the stage [`redact`](STAGES.md#redact) looks for, and what it puts in place of what it finds."
    yield (
        "Precision is the share of finds that were right, recall the share of places that were found, both on the"
        " annotated texts of `bench/pii_corpus.py` and, for categories that are rare in texts, the records of"
        " `bench/pii_rare.py` (`make bench-pii` measures them anew, beside Presidio). Both are made by rules, and"
        " kinder than the world: read the figures as what works, not as a promise. A place that another category takes"
        " as well (a South African number that is a valid card number) counts as missed. On request means: only where"
        " `categories` names it."
    )
    yield table(
        ("category", "severity", "by default", "precision", "recall", "looks for"),
        [
            (
                f"[`{name}`](#{name})",
                module.SEVERITY,
                f"`{DEFAULT_POLICY.get(name, 'mask')}`"
                + ("" if getattr(module, "BY_DEFAULT", True) else ", on request"),
                *(f"{measured[name][figure]:.3f}" if name in measured else "" for figure in ("precision", "recall")),
                escape(_about(module)),
            )
            for name, module in modules.items()
        ],
    )
    yield "## Strategies"
    yield table(
        ("strategy", "does"),
        [(f"`{name}`", escape(_about(STRATEGIES.load(name)))) for name in sorted(STRATEGIES.modules)],
    )
    for name, module in modules.items():
        yield f"## {name}"
        yield escape(sentence(_about(module)))
        yield rest(module.__doc__)
        names = ", ".join(f"`{each}`" for each in module.FIELD_NAMES)
        yield f"Fields that are taken for it by their name: {names or 'none'}."


def _policy() -> Iterator[str]:
    from penstock.agents.redact import _policy_file, _strategy

    yield "# Policies of redaction"
    yield (
        "The option `policy_file` of the stage [`redact`](STAGES.md#redact) names a YAML file. An error in it names"
        " file, line and the nearest name that exists. Workers read it when they start."
    )
    yield rest(_policy_file.__doc__)
    yield options(_policy_file.PolicyFile)
    yield "## Strategies"
    yield (
        "`keep` needs a reason: `{keep: <reason>}`. `penstock check` warns of it. Keys are told of in [KEYS](KEYS.md)."
    )
    yield rest(_strategy.__doc__)
    for name in sorted(_strategy.STRATEGIES.modules):
        module = _strategy.STRATEGIES.load(name)
        yield f"## {name}"
        yield escape(sentence(_about(module)))
        yield rest(module.__doc__)


def _about(module: ModuleType) -> str:
    """The first paragraph of a docstring, on one line."""
    paragraph = inspect.cleandoc(module.__doc__ or "").partition("\n\n")[0]
    return " ".join(paragraph.split()).partition(": ")[2]


# Types and entities


def _types() -> Iterator[str]:
    from penstock.agents.tag.inference import types
    from penstock.model.entities import built_in

    yield "# Types and entities"
    yield (
        "What fields are found to be by `penstock schema preview`, and what they are mapped to; [SCHEMAS](SCHEMAS.md)"
        " tells how."
    )
    yield "## Types"
    yield rest(types.__doc__)
    heads = ("type", "PostgreSQL", "MySQL", "SQLite", "Avro", "Arrow", "JSON Schema")
    yield table(heads, [(f"`{name}`", *map(escape, mapped)) for name, mapped in types.TYPES.items()])
    yield "## Entities"
    yield "The catalogue is `model/entities.yml`; a file of the same form is merged over it."
    yield table(
        ("entity", "what it is", "identified by", "properties"),
        [
            (f"`{name}`", each.description, ", ".join(f"`{key}`" for key in each.key),
             ", ".join(f"`{title}`" for title in each.properties))
            for name, each in built_in().entities.items()
        ],
    )  # fmt: skip
    yield "## Relations"
    yield table(
        ("relation", "from", "to"),
        [(f"`{each.type}`", f"`{each.source}`", f"`{each.target}`") for each in built_in().relations],
    )


# Metrics


def _metrics() -> Iterator[str]:
    yield "# Metrics"
    yield (
        "A worker serves them at `/metrics` in Prometheus's text format. Labels never hold values of records. Of a"
        " histogram there are `_bucket`, `_sum` and `_count`."
    )
    yield table(
        ("name", "type", "labels", "meaning"),
        [
            (f"`{name}`", kind, ", ".join(f"`{label}`" for label in labels), text)
            for name, kind, labels, text in metrics()
        ],
    )


def metrics() -> list[tuple[str, str, tuple[str, ...], str]]:
    """Name, type, labels and text of each metric, by name."""
    from penstock.agents.runtime.metrics import REGISTRY

    found = []
    for collector in REGISTRY._collector_to_names:  # the library has no other way to ask for labels
        (family,) = collector.describe()  # type: ignore[attr-defined]
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found.append((name, family.type, collector._labelnames, family.documentation))  # type: ignore[attr-defined]
    return sorted(found)


# Environment


def _environment() -> Iterator[str]:
    from penstock.model.environment import GROUPS

    yield "# Environment variables"
    yield (
        "An empty variable counts as unset. Secrets (marked ●) belong in the environment or in files, never on a"
        " command line. A pipeline file may use any other variable as `${NAME}` or `${NAME:-default}`."
    )
    for title, variables in GROUPS.items():
        yield f"## {title}"
        yield table(
            ("variable", "meaning", "where it is not set"),
            [(f"`{n}`{' ●' if v.secret else ''}", v.text, v.default or "nothing") for n, v in variables.items()],
        )


def main(arguments: list[str] | None = None) -> int:
    """Write the pages, or compare them; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m penstock.cli.reference", description=first_line(__doc__))
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page is not what the code says")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the pages are (default: docs)")
    chosen = parser.parse_args(arguments)
    names = stale(chosen.folder) if chosen.check else write(chosen.folder)
    for name in names:
        print(f"{chosen.folder / name}: {'not what the code says: run `make docs`' if chosen.check else 'written'}")
    return 1 if names and chosen.check else 0


if __name__ == "__main__":
    sys.exit(main())
