"""Patterns of values: LIKE and MATCHES of STIX 2.1 (section 9.6), in time that grows with the value's length only.

>>> like("%.bad.example")("a.bad.example"), like("%.bad.example")("bad.example"), like("a_c")("abc")
(True, False, True)

LIKE is taken apart at its ``%``: each part is looked for behind the one before, and nothing is tried twice. MATCHES is
a regular expression by a stranger: Hyperscan runs those that need no going back, and others cannot be told (nor any
where it has no wheel).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

try:
    import hyperscan
except ImportError:
    hyperscan = None  # type: ignore[assignment]

Matcher: TypeAlias = Callable[[str], bool]

LONGEST: Final = 1024
"""Characters of a pattern."""
_MOST_PARTS: Final = 16
_KEPT: Final = 4096
_ORIGIN: Final = re.compile(r"[^/]*://[^/]*")


class Shape(NamedTuple):
    """A pattern, for LIKE or MATCHES, of values of one kind (``domain``, ``url``, ``email``, ``ip``, ``hash``)."""

    kind: str
    operator: str
    pattern: str


@lru_cache(_KEPT)
def matcher(shape: Shape) -> Matcher | None:
    """Tells whether a value, in its one spelling, has the shape; None where that cannot be told."""
    pattern = shape.pattern
    if not 0 < len(pattern) <= LONGEST or "\0" in pattern:
        return None
    if shape.operator == "MATCHES":
        return _regular(pattern, any_case=shape.kind != "url") if hyperscan is not None else None
    if pattern.count("%") >= _MOST_PARTS or not pattern.strip("%_."):
        return None  # what everything has says nothing
    if shape.kind != "url":
        return like(pattern.lower())
    told = like(_ORIGIN.sub(lambda match: match[0].lower(), pattern, count=1))
    # the path of an address without one is "/"
    return lambda value: told(value) or (value.count("/") == 3 and value.endswith("/") and told(value[:-1]))


def like(pattern: str) -> Matcher:
    """``%`` is any text, ``_`` any one character."""
    first, *parts = ["".join("." if sign == "_" else re.escape(sign) for sign in part) for part in pattern.split("%")]
    begin = re.compile(first, re.DOTALL).match
    if not parts:
        whole = re.compile(first, re.DOTALL).fullmatch
        return lambda value: whole(value) is not None
    between = [re.compile(part, re.DOTALL).search for part in parts[:-1] if part]
    last, behind = re.compile(parts[-1], re.DOTALL).fullmatch, len(pattern) - pattern.rindex("%") - 1

    def told(value: str) -> bool:
        found = begin(value)
        if found is None:
            return False
        at = found.end()
        for search in between:
            found = search(value, at)
            if found is None:
                return False
            at = found.end()
        return len(value) - at >= behind and last(value, len(value) - behind) is not None

    return told


def _regular(pattern: str, any_case: bool) -> Matcher | None:
    flags = hyperscan.HS_FLAG_DOTALL | hyperscan.HS_FLAG_SINGLEMATCH
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    try:
        database.compile(
            expressions=[pattern.encode()], ids=[0], flags=flags | (hyperscan.HS_FLAG_CASELESS if any_case else 0)
        )
        scratch = hyperscan.Scratch(database)
    except (hyperscan.error, UnicodeEncodeError):
        return None

    def told(value: str) -> bool:
        found: list[Any] = []
        database.scan(value.encode(), lambda *match: found.append(match), 0, None, scratch)
        return bool(found)

    return told


class Shapes:
    """The shapes that indicators ask for, each as often as it is asked for."""

    MOST: Final = 1000
    """Each is tried on each value of its kind: about a microsecond for LIKE, two for MATCHES."""

    def __init__(self) -> None:
        self._by_kind: dict[str, dict[Shape, Matcher]] = {}
        self._asked: Counter[Shape] = Counter()

    def __len__(self) -> int:
        return len(self._asked)

    def hold(self, shape: Shape) -> bool:
        """Ask for a shape; False where there are too many already, or it cannot be told."""
        told = matcher(shape)
        if told is None or (shape not in self._asked and len(self._asked) >= self.MOST):
            return False
        self._asked[shape] += 1
        self._by_kind.setdefault(shape.kind, {})[shape] = told
        return True

    def release(self, shape: Shape) -> None:
        """Ask for it once less."""
        self._asked[shape] -= 1
        if not self._asked[shape]:
            del self._asked[shape], self._by_kind[shape.kind][shape]

    def of(self, kind: str, value: str) -> Iterator[Shape]:
        """Those that a value has."""
        # a copy: others may be taken in meanwhile, in a thread
        for shape, told in tuple(self._by_kind.get(kind, {}).items()):
            if told(value):
                yield shape
