"""Every command line that a page shows is one that the program takes."""

import functools
import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from penstock.cli.main import app


def _lines(text: str) -> Iterator[str]:
    """The commands in a block of a console: one a line, taken apart at pipes and the like."""
    for line in text.replace("\\\n", " ").splitlines():
        command = line.removeprefix("$ ").strip()
        if line.startswith("$ ") or command.startswith("penstock ") or "$(penstock" in command:
            yield command
            yield from re.findall(r"\$\(([^()]*)\)", command)


def _words(line: str) -> list[list[str]]:
    """The words of each part of a line."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;<>&")
    lexer.whitespace_split = True
    parts: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("|;&<>"):
            parts.append([])
        else:
            parts[-1].append(word)
    return [part for part in parts if part]


@functools.cache
def _program() -> Any:
    return typer.main.get_command(app)


def _command(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the words name, and the words behind its name."""
    command: Any = _program()
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"there is no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    return command, words


def _parse(words: list[str]) -> None:
    command, rest = _command(words)
    if rest not in (["--help"], ["--version"]):
        command.make_context(command.name, rest)


def test_command_lines_can_be_parsed(blocks: list[Any]) -> None:
    for block in blocks:
        for line in _lines(block.text) if block.info == "console" else ():
            for words in _words(line):
                if Path(words[0]).name == "penstock":
                    try:
                        _parse(words[1:])
                    except Exception as error:
                        message = getattr(error, "format_message", lambda error=error: str(error))()
                        pytest.fail(f"{block.page.name}:{block.line}: {line}: {message}")


def test_commands_in_the_text_exist(spans: list[str]) -> None:
    for span in spans:
        words = span.split()
        if words[0] != "penstock" or len(words) == 1:
            continue
        names = [word for word in words[1:] if re.fullmatch("[a-z-]+", word)]
        command, _ = _command([name for name in names if not name.startswith("-")])
        known = {name for parameter in getattr(command, "params", ()) for name in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known | {"--help", "--version"}, span


def test_make_targets_exist(root: Path, spans: list[str], blocks: list[Any]) -> None:
    lines = [line for block in blocks if block.info == "console" for line in _lines(block.text)]
    targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for line in [*spans, *lines]:
        if match := re.match(r"make ([a-z-]+)", line):
            assert match[1] in targets, line


def test_modules_that_are_run_exist(spans: list[str], blocks: list[Any]) -> None:
    for text in [*spans, *(block.text for block in blocks)]:
        for module in re.findall(r"python -m (penstock[.\w]*)", text):
            assert importlib.util.find_spec(module) is not None, module


def test_a_command_that_does_not_exist_is_found_out() -> None:
    with pytest.raises(AssertionError, match="no command fly"):
        _parse(["fly"])
    with pytest.raises(Exception, match="--fast"):
        _parse(["check", "file.yml", "--fast"])
    with pytest.raises(Exception, match="file"):
        _parse(["check"])
