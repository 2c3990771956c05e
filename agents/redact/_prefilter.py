"""Which of many patterns are in some bytes at all: one pass of Hyperscan, or one search of `re` for each pattern.

Hyperscan is not everywhere (it has no wheel for some platforms); without it the answers are the same and slower.
"""

import re
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

try:
    import hyperscan
except ImportError:
    hyperscan = None  # type: ignore[assignment]

Prefilter: TypeAlias = Callable[[bytes], Sequence[int]]
"""Bytes in, the numbers of the patterns that match somewhere out."""


@lru_cache(maxsize=16)
def prefilter(patterns: tuple[bytes, ...]) -> Prefilter:
    """The fastest prefilter there is; compiled once a process for the same patterns."""
    return with_hyperscan(patterns) if hyperscan is not None else with_re(patterns)


def with_re(patterns: tuple[bytes, ...]) -> Prefilter:
    """A prefilter made of Python's own regular expressions."""
    searches = [(number, re.compile(pattern, re.DOTALL).search) for number, pattern in enumerate(patterns)]

    def scan(data: bytes) -> list[int]:
        return [number for number, search in searches if search(data)]

    return scan


def with_hyperscan(patterns: tuple[bytes, ...]) -> Prefilter:
    """A prefilter of Hyperscan: block mode, each pattern reported once, which is what makes it fast."""
    if not patterns:
        return lambda data: []
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    flags = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_DOTALL
    database.compile(expressions=list(patterns), ids=list(range(len(patterns))), flags=flags)
    # a scan lets go of the GIL, and scratch space serves one scan at a time
    threads = threading.local()

    def scan(data: bytes) -> list[int]:
        try:
            scratch = threads.scratch
        except AttributeError:
            scratch = threads.scratch = hyperscan.Scratch(database)
        found: list[int] = []
        database.scan(data, _note, 0, found, scratch)
        return found

    return scan


def _note(number: int, start: int, end: int, flags: int, found: Any) -> None:
    found.append(number)
