"""Patterns of STIX 2.1 (OASIS, section 9): what of them can be told of one record, taken apart into values to look for.

::

    [ipv4-addr:value = '198.51.100.1' OR ipv4-addr:value ISSUBSET '203.0.113.0/24']     two ways to match
    [domain-name:value = 'a.example' AND url:value IN ('http://a.example/x')]           one way, which needs both
    [url:value LIKE 'http://%.a.example/%' OR url:value MATCHES '^https?://[0-9.]+/x$']  two ways, by their shape

A pattern becomes a list of ways, each a list of values that all must be in the record. Where one of several ways cannot
be told, the others still count. What cannot: other properties and operators, ``NOT``, patterns about several
observations in a row (``AND``, ``FOLLOWEDBY``) and about how often or when (``REPEATS``, ``WITHIN``, ``START``).

The parser is its own because patterns come by the million and from strangers: an indicator is taken in within 35 µs,
its JSON included, and there are bounds for length, depth and ways.
"""

import re
from itertools import product
from typing import Final, TypeAlias

from penstock.agents.enrich._threats.observables import Observable, indicated
from penstock.agents.enrich._threats.shapes import Shape, matcher

Way: TypeAlias = tuple[Observable, ...]

LONGEST: Final = 65_536
DEEPEST: Final = 32
MOST_WAYS: Final = 10_000

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>(?:t|b|h)?'(?:[^'\\]|\\.)*')"
    r"|(?P<path>[A-Za-z][A-Za-z0-9-]*:[A-Za-z0-9_-]+(?:\.(?:[A-Za-z0-9_-]+|'(?:[^'\\]|\\.)*')|\[(?:\*|\d+)\])*)"
    r"|(?P<word>[A-Za-z]+)|(?P<number>[+-]?\d+(?:\.\d+)?)|(?P<sign>==|!=|<>|<=|>=|[=<>\[\](),]))",
    re.DOTALL,
)
_ESCAPED: Final = re.compile(r"\\(['\\])")
_PROPERTIES: Final = {
    "ipv4-addr:value": "ip",
    "ipv6-addr:value": "ip",
    "network-traffic:src_ref.value": "ip",
    "network-traffic:dst_ref.value": "ip",
    "domain-name:value": "domain",
    "url:value": "url",
    "email-addr:value": "email",
    "email-message:from_ref.value": "email",
    "email-message:sender_ref.value": "email",
}
_HASHES: Final = re.compile(r"(?:file|artifact|x509-certificate):hashes\.")


class Untold(Exception):  # noqa: N818 - it is no fault of anybody
    """A pattern, or a part of it, that cannot be told of one record; its text says what it is, in snake case."""


def ways(pattern: str) -> tuple[list[Way], set[str]]:
    """The ways in which a record can match a pattern, and what kept other ways from being among them.

    Raises
    ------
    Untold
        There is no way that can be told: ``syntax`` where it is no pattern, ``operator``, ``property``, ``value``,
        ``not``, ``several_observations``, ``qualifier``, ``too_complex``.
    """
    if len(pattern) > LONGEST:
        raise Untold("too_complex")
    parser = _Parser(pattern)
    found = parser.observations(0)
    if parser.peek() is not None:
        raise Untold("qualifier" if parser.peek() in ("WITHIN", "REPEATS", "START") else "syntax")
    if not found:
        raise Untold(min(parser.untold))
    return found, parser.untold


class _Parser:
    """Recursive descent over the tokens; every alternative that cannot be told is left out and noted."""

    def __init__(self, pattern: str) -> None:
        self.untold: set[str] = set()
        self._tokens = _tokens(pattern)
        self._next = 0

    def peek(self) -> str | None:
        return self._tokens[self._next][1] if self._next < len(self._tokens) else None

    def observations(self, depth: int) -> list[Way]:
        """``[…] OR ([…] OR […])``; AND and FOLLOWEDBY are about several observations."""
        found = self._observation(depth)
        while (word := self.peek()) in ("OR", "AND", "FOLLOWEDBY"):
            self._next += 1
            more = self._observation(depth)
            if word == "OR":
                found = self._bounded(found + more)
            else:
                self.untold.add("several_observations")
                found = []
        return found

    def _observation(self, depth: int) -> list[Way]:
        self._deep(depth)
        if self.peek() == "(":
            self._next += 1
            found = self.observations(depth + 1)
            self._expect(")")
        else:
            self._expect("[")
            found = self._any(depth + 1)
            self._expect("]")
        while self.peek() in ("WITHIN", "REPEATS", "START"):
            self._qualifier()
            self.untold.add("qualifier")
            found = []
        return found

    def _qualifier(self) -> None:
        self._next += 1
        while (word := self.peek()) is not None and word not in ("OR", "AND", "FOLLOWEDBY", ")", "WITHIN", "REPEATS"):
            if word in ("[", "]", "("):
                raise Untold("syntax")
            self._next += 1

    def _any(self, depth: int) -> list[Way]:
        found = self._all(depth)
        while self.peek() == "OR":
            self._next += 1
            found = self._bounded(found + self._all(depth))
        return found

    def _all(self, depth: int) -> list[Way]:
        found = self._test(depth)
        while self.peek() == "AND":
            self._next += 1
            more = self._test(depth)
            if len(found) * len(more) > MOST_WAYS:
                raise Untold("too_complex")
            found = [tuple(dict.fromkeys(one + other)) for one, other in product(found, more)]
        return found

    def _test(self, depth: int) -> list[Way]:
        self._deep(depth)
        if self.peek() == "(":
            self._next += 1
            found = self._any(depth + 1)
            self._expect(")")
            return found
        kind, path = self._take()
        if kind == "word" and path == "EXISTS":
            self._expect_kind("path")
            self.untold.add("operator")
            return []
        if kind != "path":
            raise Untold("syntax")
        return self._comparison(path)

    def _comparison(self, path: str) -> list[Way]:
        negated = self.peek() == "NOT"
        self._next += negated
        _, operator = self._take()
        values = self._values(operator)
        reason = "not" if negated or operator in ("!=", "<>") else ""
        if not reason and operator not in ("=", "==", "IN", "ISSUBSET", "LIKE", "MATCHES"):
            reason = "operator"
        expected = _PROPERTIES.get(path) or ("hash" if _HASHES.match(path) else "")
        if not reason and not expected:
            reason = "property"
        if reason:
            self.untold.add(reason)
            return []
        if operator in ("LIKE", "MATCHES"):
            found = [_shaped(expected, operator, value) for value in values]
        else:
            found = [indicated(expected, value, operator == "ISSUBSET") for value in values]
        if None in found:
            self.untold.add("value")
        return self._bounded([(each,) for each in found if each is not None])

    def _values(self, operator: str) -> list[str]:
        if operator not in _OPERATORS:
            raise Untold("syntax")
        if operator != "IN":
            return [self._value()]
        self._expect("(")
        values = [self._value()]
        while self.peek() == ",":
            self._next += 1
            values.append(self._value())
        self._expect(")")
        return values

    def _value(self) -> str:
        kind, text = self._take()
        if kind == "text":
            quote = text.index("'")
            return _ESCAPED.sub(r"\1", text[quote + 1 : -1])
        if kind == "number" or text in ("true", "false"):
            return text
        raise Untold("syntax")

    def _take(self) -> tuple[str, str]:
        if self._next >= len(self._tokens):
            raise Untold("syntax")
        self._next += 1
        return self._tokens[self._next - 1]

    def _expect(self, sign: str) -> None:
        if self._take() != ("sign", sign):
            raise Untold("syntax")

    def _expect_kind(self, kind: str) -> None:
        if self._take()[0] != kind:
            raise Untold("syntax")

    def _deep(self, depth: int) -> None:
        if depth > DEEPEST:
            raise Untold("too_complex")

    def _bounded(self, found: list[Way]) -> list[Way]:
        if len(found) > MOST_WAYS:
            raise Untold("too_complex")
        return found


def _shaped(kind: str, operator: str, pattern: str) -> Observable | None:
    shape = Shape(kind, operator, pattern)
    return None if matcher(shape) is None else ("shape", shape)


_OPERATORS: Final = {
    "=", "==", "!=", "<>", "<", ">", "<=", ">=", "IN", "LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET",
}  # fmt: skip


def _tokens(pattern: str) -> list[tuple[str, str]]:
    found, at, end = [], 0, len(pattern.rstrip())
    while at < end:
        match = _TOKEN.match(pattern, at)
        if match is None:
            raise Untold("syntax")
        kind = str(match.lastgroup)
        found.append((kind, match[kind]))
        at = match.end()
    return found
