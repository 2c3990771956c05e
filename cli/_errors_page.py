"""The reference page of errors and reason codes; for `penstock.cli.reference`."""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from penstock.cli._markdown import doc_tables, escape, table

_CODE: Final = re.compile(r"``([a-z]+(?:_[a-z]+)*)``")


def page() -> Iterator[str]:
    from penstock.model import errors

    yield "# Errors and reason codes"
    yield (
        "Codes are stable: they stand in dead letters, metrics, the ledger and logs. No message holds a value of a"
        " record. Exit status: 0 done, 1 records failed or are unaccounted for, 2 wrong use or configuration, 3"
        " something is not reachable."
    )
    yield "## Errors"
    rows = [
        (
            f"`{each.code}`",
            f"`{name}`",
            "yes" if each.retriable else "no",
            str(each.exit_status),
            escape(_meaning(each)),
        )
        for name, each in vars(errors).items()
        if isinstance(each, type) and issubclass(each, errors.PenstockError)
    ]
    yield table(("code", "class", "tried again", "exit status", "meaning"), rows)
    yield "## Reasons of verdicts and of unreadable records"
    yield (
        "Why a record was dropped, denied or quarantined, or was no record to its source. A record that failed in a"
        " stage has the code of its error above."
    )
    yield table(("code", "of", "meaning"), [(f"`{c}`", f"`{of}`", escape(text)) for c, of, text in reasons()])
    yield "## What a message is refused for"
    yield "Each is a `decode` error, whose text is one of these; `…` stands for a number or a type."
    yield table(("in", "text"), [(f"`{place}`", escape(text)) for place, text in sorted(_decode_errors())])


def _meaning(error: type[BaseException]) -> str:
    return " ".join(inspect.cleandoc(error.__doc__ or "").partition("\n\n")[0].split())


def reasons() -> list[tuple[str, str, str]]:
    """Code, component and meaning of each reason that the components' docstrings list, and the runtime's own."""
    from penstock.agents.registry import STAGES
    from penstock.agents.runtime.tally import POISON
    from penstock.connectors.registry import SOURCES

    found = [
        (
            POISON,
            "runtime",
            "it was being worked on, alone, when a worker died, and so were the frames it stood in before",
        ),
        ("claim_gone", "runtime", "the store lost its data, which was too large to travel in a frame, or damaged it"),
        ("timestamp_refused", "deliver", "the broker does not take the record's timestamp"),
    ]
    for registry in (STAGES, SOURCES):
        for name in sorted(registry.modules):
            for rows in doc_tables(registry.load(name).__doc__):
                codes = [(_CODE.fullmatch(row[0]), row[-1]) for row in rows]
                found += [(match[1], name, text) for match, text in codes if match]
    return sorted(found)


def _decode_errors() -> set[tuple[str, str]]:
    """Module and text of each DecodeError of the codecs and stores: as raised, and as their docstrings list them."""
    listed, raised = set(), set()
    for root in ("codecs", "stores"):
        package = importlib.import_module(f"penstock.{root}")
        for path in Path(package.__path__[0]).glob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            place = f"{root}.{path.stem}"
            lines = (ast.get_docstring(tree, clean=False) or "").splitlines()
            listed |= {(place, line.strip()) for line in lines if line.startswith("    the message ")}
            calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
            raised |= {(place, _template(call.args[0])) for call in calls if call.func.id == "DecodeError"}  # type: ignore[attr-defined]
    return listed | {(place, text) for place, text in raised if text and not _is_listed(text, place, listed)}


def _is_listed(template: str, place: str, listed: set[tuple[str, str]]) -> bool:
    pattern = ".+".join(re.escape(part) for part in template.split("…"))
    return any(re.fullmatch(pattern, text) for at, text in listed if at == place)


def _template(node: ast.expr) -> str:
    """A string as it stands in the source, ``…`` for what is put in; empty where it is no literal."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    parts = node.values if isinstance(node, ast.JoinedStr) else []
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts)
