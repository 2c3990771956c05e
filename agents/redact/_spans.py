"""Spans of one text, and how those that overlap are settled.

Matches of one text that overlap: the longest has it, among equals the category that stands first in `PRECEDENCE`,
then in the alphabet, and those at the end that hardly anything but a word near by tells from others. What it leaves of
another is hidden as a match of that other category, so that strategies also get parts of what a recognizer found.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from itertools import pairwise
from typing import Final, TypeAlias

PRECEDENCE: Final = (
    *("private_key", "jwt", "api_key", "url_credentials"),
    *("iban", "credit_card", "crypto_address", "email", "ssn", "us_itin", "ip", "mac", "vin", "imei"),
)
_LAST: Final = (
    *("passport", "driving_licence", "vat_id", "medical_record", "bank_account"),
    *("phone", "postal_code", "age"),
)


Span: TypeAlias = tuple[int, int, int]
"""First character, the one behind the last, number of the recognizer."""


class Seen(tuple[int, int, int]):
    """A span that was found in another spelling of its text.

    Attributes
    ----------
    said : str
        What it says in that spelling.
    """

    said: str

    def __new__(cls, span: Span, said: str) -> "Seen":
        seen = super().__new__(cls, span)
        seen.said = said
        return seen


def in_order(categories: Iterable[str]) -> list[str]:
    """Categories, the one that wins first."""
    rank = {category: number for number, category in enumerate(PRECEDENCE)}
    rank |= {category: len(rank) + 1 + number for number, category in enumerate(_LAST)}
    return sorted(categories, key=lambda category: (rank.get(category, len(PRECEDENCE)), category))


def settle(spans: list[Span]) -> list[Span]:
    """Of spans in ascending order those without overlaps, in that order; see the head of this module."""
    if len(spans) == 1 or all(before[1] <= behind[0] for before, behind in pairwise(spans)):
        return spans
    settled: list[Span] = []
    for span in sorted(spans, key=_rank):
        for piece in _left(span, settled):
            insort(settled, piece)
    return settled


def _rank(span: Span) -> tuple[int, int, int]:
    return span[0] - span[1], span[2], span[0]


def _left(span: Span, settled: list[Span]) -> list[Span]:
    """What is left of `span` where it does not overlap with what is settled."""
    first, last, one = span
    at = bisect_left(settled, (first, first, 0))
    if at and settled[at - 1][1] > first:
        at -= 1
    pieces = []
    while at < len(settled) and settled[at][0] < last and first < last:
        begin, end, _ = settled[at]
        if first < begin:
            pieces.append((first, begin, one))
        first = end
        at += 1
    if first < last:
        pieces.append(span if first == span[0] and last == span[1] else (first, last, one))
    return pieces
