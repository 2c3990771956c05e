"""SPDX license expressions: ``MIT``, ``CC-BY-4.0 OR ODbL-1.0``, ``(A AND B) OR C``, ``GPL-2.0-only WITH …``.

Syntax after annex D of the SPDX specification 2.3, with two liberties: operators may stand in any case, and an id may
hold an underscore. ``WITH`` only ever permits more, so that what it names plays no part in a decision; neither does
the plus of ``Apache-2.0+`` (or a later version), as the version named is one of those that may be chosen.

>>> str(parse("mit or (cc-by-4.0 and odbl-1.0)"))
'MIT OR (CC-BY-4.0 AND ODbL-1.0)'
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

LONGEST: Final = 256
"""Characters of an expression."""

_TOKEN: Final = re.compile(r"\s*([()]|[A-Za-z0-9.+_:-]+)")
_ID: Final = re.compile(r"[A-Za-z0-9._:-]+\+?")
_OPERATORS: Final = frozenset(("AND", "OR", "WITH"))


@dataclass(frozen=True, slots=True)
class License:
    """One license.

    Attributes
    ----------
    id : str
        In the casing of the SPDX list where it is on it, without the plus.
    written : str
        With the plus and the exception.
    """

    id: str
    written: str

    def __str__(self) -> str:
        return self.written


@dataclass(frozen=True, slots=True)
class Compound:
    """Several expressions, of which one (OR) or all (AND) hold."""

    operator: Literal["AND", "OR"]
    parts: "tuple[Expression, ...]"

    def __str__(self) -> str:
        written = (f"({part})" if isinstance(part, Compound) else str(part) for part in self.parts)
        return f" {self.operator} ".join(written)


Expression = License | Compound


def parse(text: str) -> Expression:
    """Read an expression.

    Raises
    ------
    ValueError
        It is none; the message does not quote it.
    """
    tokens = list(_tokens(text))
    if not tokens:
        raise ValueError("a license expression is empty")
    expression = _any(tokens)
    if tokens:
        raise ValueError("a license expression ends early")
    return expression


def ids(expression: Expression) -> Iterator[str]:
    """The id of every license in it, from left to right."""
    if isinstance(expression, License):
        yield expression.id
    else:
        for part in expression.parts:
            yield from ids(part)


def canonical(id: str) -> str:
    """The id in the casing of the SPDX list; as it is where it is not on it."""
    try:
        return str(canonicalize_license_expression(id))
    except InvalidLicenseExpression:
        return id


def _tokens(text: str) -> Iterator[str]:
    text = text.strip()
    if len(text) > LONGEST:
        raise ValueError("a license expression is too long")
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise ValueError("a license expression holds a character that no license id has")
        position = found.end()
        upper = found[1].upper()
        yield upper if upper in _OPERATORS else found[1]


def _any(tokens: list[str]) -> Expression:
    # AND binds closer than OR
    parts = [_all(tokens)]
    while tokens and tokens[0] == "OR":
        del tokens[0]
        parts.append(_all(tokens))
    return parts[0] if len(parts) == 1 else Compound("OR", tuple(parts))


def _all(tokens: list[str]) -> Expression:
    parts = [_one(tokens)]
    while tokens and tokens[0] == "AND":
        del tokens[0]
        parts.append(_one(tokens))
    return parts[0] if len(parts) == 1 else Compound("AND", tuple(parts))


def _one(tokens: list[str]) -> Expression:
    if tokens and tokens[0] == "(":
        del tokens[0]
        inner = _any(tokens)
        if not tokens or tokens.pop(0) != ")":
            raise ValueError("a license expression lacks a closing parenthesis")
        return inner
    written = canonical(_name(tokens))
    exception = ""
    if tokens and tokens[0] == "WITH":
        del tokens[0]
        exception = f" WITH {_name(tokens)}"
    return License(written.removesuffix("+"), written + exception)


def _name(tokens: list[str]) -> str:
    if not tokens or tokens[0] in _OPERATORS or not _ID.fullmatch(tokens[0]):
        raise ValueError("a license expression lacks a license id")
    return tokens.pop(0)
