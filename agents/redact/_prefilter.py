"""Where in some bytes which of many patterns match: one pass of Hyperscan, or Python's `re` pattern by pattern.

The bytes are texts between NUL bytes. A pattern is reported once a text at most, however often it matches there: what
is asked is where the exact patterns are worth trying.

Hyperscan is not everywhere (it has no wheel for some platforms); without it the answers are the same and slower.
"""

import re
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, TypeAlias

try:
    import hyperscan
except ImportError:
    hyperscan = None  # type: ignore[assignment]

Match: TypeAlias = tuple[int, int]
"""The last byte of a match, and the number of the pattern."""
Prefilter: TypeAlias = Callable[[bytes], list[Match]]
"""Bytes that begin and end with NUL in, matches out, in no order."""

_NUL: Final = b"\0"
_NOWHERE: Final = (0, 0)


@lru_cache(maxsize=16)
def prefilter(patterns: tuple[bytes, ...]) -> Prefilter:
    """The fastest prefilter there is; compiled once a process for the same patterns."""
    return with_hyperscan(patterns) if hyperscan is not None else with_re(patterns)


def with_re(patterns: tuple[bytes, ...]) -> Prefilter:
    """A prefilter made of Python's own regular expressions."""
    searches = [(number, re.compile(pattern, re.DOTALL).search) for number, pattern in enumerate(patterns)]

    def scan(data: bytes) -> list[Match]:
        found = []
        for number, search in searches:
            start = 0
            while match := search(data, start):
                last = match.end() - 1
                found.append((last, number))
                # on behind this text; a match that begins in it may reach into the next
                start = max(match.start() + 1, data.find(_NUL, last))
        return found

    return scan


def with_hyperscan(patterns: tuple[bytes, ...]) -> Prefilter:
    """A prefilter of Hyperscan in block mode."""
    if not patterns:
        return lambda data: []
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    flags = hyperscan.HS_FLAG_DOTALL
    database.compile(expressions=list(patterns), ids=list(range(len(patterns))), flags=flags)
    # a scan lets go of the GIL, and scratch space serves one scan at a time
    threads = threading.local()

    def scan(data: bytes) -> list[Match]:
        try:
            scratch = threads.scratch
        except AttributeError:
            scratch = threads.scratch = hyperscan.Scratch(database)
        found: list[Match] = []
        add, find = found.append, data.find
        seen = [_NOWHERE] * len(patterns)

        # Hyperscan reports every end of every match; a run of digits would be reported digit by digit
        def note(number: int, start: int, end: int, flags: int, context: Any) -> None:
            first, last = seen[number]
            if not first < end <= last:
                add((end - 1, number))
                seen[number] = end - 1, find(_NUL, end - 1)

        database.scan(data, note, 0, None, scratch)
        return found

    return scan
