"""What commands share: the environment, the broker, plans, ``-o`` options, printing.

Nothing heavy is imported here before it is used: `penstock --help` imports this module.
"""

import ast
import asyncio
import importlib.util
import os
import re
import signal
import sys
from collections.abc import Coroutine, Iterable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from penstock.model.errors import ConfigurationError, PipelineFileError

if TYPE_CHECKING:
    from penstock.topology.lint import Finding
    from penstock.topology.load import Source
    from penstock.topology.plan import Plan

T = TypeVar("T")

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PipelineFile = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="A pipeline file, or the id of a saved configuration.", show_default=False),
]
Options = Annotated[
    list[str] | None,
    typer.Option(
        "-o", "--option", metavar="KEY=VALUE", help="An option; the value is YAML, dots nest. Repeat for more."
    ),
]

FAILED = 1
"""Exit status: records failed or are unaccounted for."""
NOT_REACHABLE = 3


def group(**settings: Any) -> typer.Typer:
    """A command with subcommands: what a module of `penstock.cli` calls ``app``."""
    return typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False, **settings)


# The world


def environment() -> dict[str, str]:
    """The environment, and where it says nothing what the reference services that run here offer."""
    from penstock.model.home import home
    from penstock.services.host import status

    running = status(home())
    return {**(running.env() if running else {}), **os.environ}


def bootstrap() -> str:
    """The address of a broker, started if there is none; says on standard error what it does."""
    from penstock.broker.embedded import find_or_start

    return find_or_start(on_progress=say)


def load_plan(file: Path, *, refuse: bool = True) -> "Plan":
    """The plan of a pipeline file: every component known, every option valid.

    Parameters
    ----------
    file
    refuse
        Refuse a plan that has errors by `penstock.topology.lint`, as whatever runs it must.

    Raises
    ------
    PipelineFileError
    """
    plan, source, findings = read_plan(file)
    errors = [finding for finding in findings if finding.level == "error"]
    if refuse and errors:
        first = errors[0]
        hint = f"`penstock check {file}` tells more"
        raise PipelineFileError(
            f"{first.message} ({first.code})", file=str(file), line=line_of(source, first.key), key=first.key, hint=hint
        )
    return plan


def read_plan(file: Path) -> "tuple[Plan, Source, list[Finding]]":
    """The plan of a pipeline file, the file, and what lint finds. Raises PipelineFileError."""
    from penstock.agents.runtime.compile import compile_plan, facts
    from penstock.connectors.registry import SINKS, SOURCES
    from penstock.topology.lint import lint
    from penstock.topology.load import read, reads

    environ = environment()
    saved = _saved(str(file), environ) if not file.exists() else None
    pipeline, source = read(file, environ) if saved is None else reads(saved, environ, file=str(file))
    plan = compile_plan(pipeline, source, sources=SOURCES, sinks=SINKS)
    return plan, source, lint(plan, facts(plan))


def _saved(name: str, environ: dict[str, str]) -> str | None:
    """The pipeline of the saved configuration that `name` is the id of (`id@version` is one version of it).

    None where it is no such id. Raises ConfigurationError where there is none of that id.
    """
    from penstock.stores.configurations import ID_PATTERN, Configurations

    match = re.fullmatch(rf"({ID_PATTERN})(?:@([1-9][0-9]{{0,8}}))?", name)
    if match is None:
        return None
    from penstock.api.app import database_url
    from penstock.api.configurations import text_of

    saved = Configurations(database_url(environ)).get(match[1], int(match[2]) if match[2] else None)
    if saved is None:
        raise ConfigurationError(f"no configuration {name} is saved here", hint="DATABASE_URL says where they are")
    return text_of(saved.body["pipeline"])


def line_of(source: "Source", key: str) -> int | None:
    """The line of a finding's dotted key, or of the nearest key above it that the file has."""
    from penstock.topology.load import dotted

    lines = {dotted(path): line for path, line in source.lines.items()}
    while key and key not in lines:
        key = key.rpartition(".")[0]
    return lines.get(key)


def run_async(coroutine: Coroutine[Any, Any, T], *, reads: bool = False) -> T:
    """Run a coroutine to its end in an event loop of its own.

    Parameters
    ----------
    reads
        It waits for its input without the loop: Ctrl-C interrupts it wherever it is. Else it is cancelled at its next
        await, which such a one may never reach.
    """
    if reads and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)  # asyncio puts its own in the place of Python's, of no other
        try:
            return asyncio.run(coroutine)
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    return asyncio.run(coroutine)


def _interrupted(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


# Options


def parse_options(given: Sequence[str] | None) -> dict[str, Any]:
    """Options from ``key=value`` pairs: values are YAML, dots in keys nest.

    >>> parse_options(["fields=[a, b]", "policy.email=hash", "limit=3"])
    {'fields': ['a', 'b'], 'policy': {'email': 'hash'}, 'limit': 3}

    Raises
    ------
    ConfigurationError
        A pair has no ``=``, a value is not YAML, or one key stands both for a value and for what is below it. No
        message holds a value.
    """
    import yaml

    options: dict[str, Any] = {}
    for pair in given or ():
        key, equals, text = pair.partition("=")
        if not equals or not all(key.split(".")):
            raise ConfigurationError("-o takes KEY=VALUE", hint="for example -o fields=[a,b]")
        try:
            value = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError):
            raise ConfigurationError(
                f"the value of -o {key} is not YAML", hint="put it in quotes: -o 'key=\"…\"'"
            ) from None
        *above, last = key.split(".")
        place = options
        for part in above:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise ConfigurationError(f"-o {key}: {part} has a value already")
        place[last] = value
    return options


def options_error(name: str, error: Any, model: Any) -> ConfigurationError:
    """What is wrong with the ``-o`` options of the component `name` (a pydantic.ValidationError of its `model`)."""
    from penstock.topology.load import Source, file_error

    said = file_error(error, model, Source("{}", ""), ())
    return ConfigurationError(f"{name}: {said.message}", hint=said.hint)


# Components


def about(module: str) -> str:
    """The first line of a module's docstring, without the name in front of it; the module is not imported."""
    spec = importlib.util.find_spec(module)
    source = spec.loader.get_source(module) if spec and hasattr(spec.loader, "get_source") else None  # type: ignore[union-attr]
    return first_line(ast.parse(source or ""))


def first_line(tree: ast.Module) -> str:
    """The first line of a docstring, without the ``name:`` in front of it."""
    line, _, _ = (ast.get_docstring(tree) or "").partition("\n")
    head, colon, rest = line.partition(": ")
    return rest if colon and " " not in head else line


def print_components(modules: dict[str, str], as_json: bool) -> None:
    """The components of a registry with what they do."""
    rows = [(name, about(module)) for name, module in sorted(modules.items())]
    if as_json:
        print_json([{"name": name, "about": text} for name, text in rows])
    else:
        print_table(("name", "what it does"), rows)


# Printing


def say(text: str) -> None:
    """A line for a person, on standard error."""
    print(text, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """A value as JSON on standard output, indented."""
    import orjson

    print(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """A table on standard output; cells are never cut, and without a terminal lines are as long as need be."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else 1000, file=sys.stdout, soft_wrap=False).print(table)
