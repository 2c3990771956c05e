"""SPDX license expressions: ``MIT``, ``CC-BY-4.0 OR ODbL-1.0``, ``(A AND B) OR C``, ``GPL-2.0-only WITH …``.

Read by the library license-expression with the SPDX list that it ships (annex D of the SPDX specification 2.3):
operators and ids stand in any case, an id that the list has replaced becomes its successor (``GPL-2.0+`` is
``GPL-2.0-or-later``), and an id that is not on the list stays as it is, as vendors' own must. ``WITH`` only ever
permits more, so that what it names plays no part in a decision; neither does the plus of ``CC0-1.0+`` (or a later
version), as the version named is one of those that may be chosen.

>>> str(parse("mit or (cc-by-4.0 and odbl-1.0)"))
'MIT OR (CC-BY-4.0 AND ODbL-1.0)'
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from license_expression import (
    ExpressionError,
    LicenseSymbol,
    LicenseWithExceptionSymbol,
    Licensing,
    ParseError,
    get_spdx_licensing,
)

LONGEST: Final = 256
"""Characters of an expression."""

UNSTATED: Final = "NOASSERTION"
"""What SPDX calls a license that nobody named."""

_ID: Final = re.compile(r"[A-Za-z0-9._:-]+\+?")
_NOWHERE: Final = re.compile(r"\(\s*\)|[^\s(A-Za-z0-9._:+)-]")


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
    text = text.strip()
    if len(text) > LONGEST:
        raise ValueError("a license expression is too long")
    if not text or _NOWHERE.search(text):
        raise ValueError("a license expression is empty, or holds a character that no license id has")
    try:
        tree = _licensing().parse(text)
    except (ExpressionError, ParseError, AssertionError):  # the last one is how the library trips over some "(A B"
        tree = None
    if tree is None:
        raise ValueError("this is no license expression")
    return _expression(tree)


def ids(expression: Expression) -> Iterator[str]:
    """The id of every license in it, from left to right."""
    if isinstance(expression, License):
        yield expression.id
    else:
        for part in expression.parts:
            yield from ids(part)


def known(id: str) -> bool:
    """Whether the id is on the SPDX list, or is one's own in the way that SPDX has it (``LicenseRef-…``)."""
    return id.startswith(("LicenseRef-", "DocumentRef-")) or id in _licensing().known_symbols


def known_exception(license: License) -> bool:
    """Whether what stands behind ``WITH`` is on the SPDX list of exceptions, or nothing does."""
    name = license.written.partition(" WITH ")[2]
    symbol = _licensing().known_symbols.get(name) if name else None
    return not name or (symbol is not None and bool(symbol.is_exception))


def all_of(expressions: Iterable[Expression]) -> Expression:
    """All of the expressions at once, each part once, in one order whoever comes first.

    >>> str(all_of([parse("MIT"), parse("ISC AND MIT"), parse("MIT OR 0BSD")]))
    '(0BSD OR MIT) AND ISC AND MIT'
    """
    return _joined("AND", expressions)


def normal(expression: Expression) -> Expression:
    """The same expression with parts of one operator in one list, each once and sorted."""
    return expression if isinstance(expression, License) else _joined(expression.operator, expression.parts)


def _joined(operator: Literal["AND", "OR"], expressions: Iterable[Expression]) -> Expression:
    parts: set[Expression] = set()
    for each in map(normal, expressions):
        parts.update(each.parts if isinstance(each, Compound) and each.operator == operator else [each])
    found = tuple(sorted(parts, key=str))
    return found[0] if len(found) == 1 else Compound(operator, found)


@cache
def _licensing() -> Licensing:
    return get_spdx_licensing()


def _expression(tree: Any) -> Expression:
    if isinstance(tree, LicenseWithExceptionSymbol):
        license = _license(tree.license_symbol)
        return License(license.id, f"{license.written} WITH {_name(tree.exception_symbol)}")
    if isinstance(tree, LicenseSymbol):
        return _license(tree)
    operator: Literal["AND", "OR"] = tree.operator.strip()
    return Compound(operator, tuple(_expression(part) for part in tree.args))


def _license(symbol: LicenseSymbol) -> License:
    name = _name(symbol)
    id = name.removesuffix("+")
    if id != name:
        listed = _licensing().parse(id)
        id = listed.key if isinstance(listed, LicenseSymbol) else id
    return License(id, id + "+" * (id.lower() != name.lower()))


def _name(symbol: LicenseSymbol) -> str:
    name: str = symbol.key
    if not _ID.fullmatch(name):
        raise ValueError("a license expression lacks an operator between two ids")
    return name
