"""The reference page of commands; for `penstock.cli.reference`."""

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from penstock.cli._markdown import code, escape, rest, table


def page() -> Iterator[str]:
    import typer.main

    from penstock.cli.main import app

    yield "# Commands"
    group: Any = typer.main.get_command(app)
    yield (
        "Every command takes `--help`. Exit status: 0 done, 1 records failed, 2 wrong use or configuration, 3 something"
        " is not reachable."
    )
    commands = list(walk(group))
    yield table(("command", "does"), [(f"[`{n}`](#{n.replace(' ', '-')})", escape(_short(c))) for n, c in commands])
    for name, command in commands:
        yield f"## {name}"
        yield _help(command.help or "")
        yield _parameters(command)
        if name.count(" ") == 1:  # subcommands share a module, which their group's line tells of
            yield _unsaid(rest(sys.modules[command.callback.__module__].__doc__), command.help or "")


def walk(group: Any, prefix: str = "penstock") -> Iterator[tuple[str, Any]]:
    """Full name and object of each command that does something, in the order of names."""
    for name in sorted(group.commands):
        command = group.commands[name]
        if hasattr(command, "commands"):
            yield from walk(command, f"{prefix} {name}")
        elif not command.hidden:
            yield f"{prefix} {name}", command


def _short(command: Any) -> str:
    return " ".join(inspect.cleandoc(command.help or "").partition("\n\n")[0].split())


def _help(text: str) -> str:
    """A command's help; paragraphs behind ``\\b`` are shown as they stand."""
    blocks = re.split(r"\n\s*\n", inspect.cleandoc(text))
    shown = []
    for block in blocks:
        if block.startswith("\b"):
            shown.append("```console\n" + inspect.cleandoc(block[1:].lstrip("\n")) + "\n```")
        else:
            shown.append(escape(block))
    return "\n\n".join(shown)


def _unsaid(text: str, said: str) -> str:
    """The text without examples that its command's help has shown already."""
    blocks = text.split("\n\n")
    return "\n\n".join(
        b for b in blocks if not all(line.strip() in said for line in b.splitlines()[1:-1]) or "```" not in b
    )


def _parameters(command: Any) -> str:
    rows = []
    for parameter in command.params:
        if "--help" in parameter.opts or getattr(parameter, "hidden", False):
            continue
        is_option = parameter.param_type_name == "option"
        takes = f" {parameter.metavar}" if is_option and parameter.metavar else ""
        names = ", ".join(f"`{name}{takes}`" for name in [*parameter.opts, *parameter.secondary_opts])
        variable = parameter.envvar if isinstance(parameter.envvar, str) else ""
        about = escape(parameter.help or "") + (f" Also `{variable}`." if variable else "")
        rows.append((names if is_option else f"`{parameter.metavar or parameter.name}`", _value(parameter), about))
    return table(("argument or option", "value", "meaning"), rows) if rows else ""


def _value(parameter: Any) -> str:
    if getattr(parameter, "is_flag", False):
        return "flag"
    default = parameter.default
    if callable(default) or default is None or not isinstance(default, (str, int, float, Path)):
        return "required" if parameter.required else "optional"
    return code(default)
