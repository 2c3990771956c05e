"""The command line: `penstock COMMAND`.

A command is a file here. Each module of `penstock.cli` whose name does not start with an underscore and that has, at
its top level, either

* a function ``command`` (its parameters are typer's), or
* ``app = group()`` (a `typer.Typer` with subcommands; see `penstock.cli._shared.group`)

is the command of that name (``_`` becomes ``-``). The first line of its docstring, ``name: what it does``, is what
``penstock --help`` says of it. A package counts as well, by its ``__init__.py``. A module is imported when its command
is used and not before.

Exit status
-----------
====  ===========================================================================================
0     done
1     records failed or are unaccounted for; or a defect of the product
2     wrong use or configuration
3     something is not reachable
130   stopped by Ctrl-C
141   whoever read standard output closed it
====  ===========================================================================================
"""

import ast
import contextlib
import importlib
import os
import pkgutil
import sys
import threading
import time
from collections.abc import Iterator, MutableMapping
from functools import cached_property
from importlib.metadata import version
from pathlib import PurePath
from traceback import extract_tb
from typing import Annotated, Any

import typer
import typer.core
import typer.main

from penstock.cli._shared import first_line
from penstock.model.errors import PenstockError

PACKAGE = "penstock.cli"
INTERRUPTED = 130
PIPE_CLOSED = 141
TRACEBACK = "PENSTOCK_TRACEBACK"
THREADS_SECONDS = 5.0


class _Found(MutableMapping[str, Any]):
    """The commands by name, each imported when it is asked for."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    @cached_property
    def abouts(self) -> dict[str, str]:
        """What each command does, by name."""
        found = {}
        for info in pkgutil.iter_modules(importlib.import_module(PACKAGE).__path__):
            if info.name.startswith("_") or info.name == "main":
                continue
            spec = info.module_finder.find_spec(f"{PACKAGE}.{info.name}", None)
            source = spec.loader.get_source(f"{PACKAGE}.{info.name}") if spec and spec.loader else None  # type: ignore[attr-defined]
            tree = ast.parse(source or "")
            if _is_command(tree):
                found[info.name.replace("_", "-")] = first_line(tree)
        return found

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            if name not in self.abouts:
                raise KeyError(name)
            self._loaded[name] = _load(name)
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.abouts)

    def __len__(self) -> int:
        return len(self.abouts)


def _is_command(tree: ast.Module) -> bool:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "command":
            return True
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == "app" for target in targets):
            return True
    return False


def _load(name: str) -> Any:
    module = importlib.import_module(f"{PACKAGE}.{name.replace('-', '_')}")
    if hasattr(module, "app"):
        loaded: Any = typer.main.get_group(module.app)
    else:
        alone = typer.Typer(rich_markup_mode=None, add_completion=False)
        alone.command(name)(module.command)
        loaded = typer.main.get_command(alone)
    loaded.name = name
    return loaded


class Commands(typer.core.TyperGroup):
    """The group of all commands; turns errors into one line and an exit status."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Found()

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override] # typer's own class of context
        return list(self.commands)

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        with formatter.section("Commands"):
            formatter.write_dl(list(self.commands.abouts.items()))  # type: ignore[attr-defined]

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except PenstockError as error:
            report(error)
            raise typer.Exit(error.exit_status) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            _forget_output()
            raise typer.Exit(PIPE_CLOSED) from None
        return result


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog="Exit status: 0 done, 1 records failed, 2 wrong use or configuration, 3 something is not reachable.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"penstock {version('penstock')}")
        raise typer.Exit


@app.callback()
def _about(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Streaming ETL that governs data while it moves: tagged, redacted, licensed, enriched, provable; on Kafka.

    \b
    penstock demo                    start Kafka, run the bundled pipeline, see what comes out
    penstock init --sample data.csv  write a first pipeline file for your data
    penstock run pipeline.yml        run it
    """


def report(error: PenstockError) -> None:
    """Say on standard error what went wrong and what to do."""
    print(f"error: {error}", file=sys.stderr)


def main() -> int:
    """Run the command that the arguments name; its exit status."""
    known = set(threading.enumerate())
    status = _run()
    _leave_threads(status, known)
    return status


def _leave_threads(status: int, known: set[threading.Thread]) -> None:
    """End the process although a thread of a library does not end.

    Faust's consumers have threads of their own, which a lost connection may leave running for ever: the process would
    stay a member of its groups, and nobody else would get its partitions.
    """
    deadline = time.monotonic() + THREADS_SECONDS
    for thread in threading.enumerate():
        if thread not in known and not thread.daemon:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)


def _run() -> int:
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        # the text of a foreign exception may hold a record's values: its type and place must do
        where = extract_tb(error.__traceback__)[-1]
        place = f"{PurePath(where.filename).name}:{where.lineno}"
        what = f"{type(error).__name__}{_system_reason(error)}"
        print(f"error: {what} at {place}; set {TRACEBACK}=1 to see the whole trace", file=sys.stderr)
        return 1
    return 0


def _system_reason(error: Exception) -> str:
    """What the system says of a file, a disk or a socket."""
    if isinstance(error, OSError) and error.strerror:
        return f" ({error.strerror}{f': {error.filename}' if error.filename else ''})"
    return ""


def _forget_output() -> None:
    """Whatever is still to be written has no reader: Python must not fail over it when it ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
