"""Indicators that were made harmless (``hxxps://evil[.]example``), as they were, with the way back to the original.

>>> refanged("see hxxp://a[.]b").text
'see http://a.b'
"""

import re
from bisect import bisect_right
from typing import Final, NamedTuple

_MARK: Final = re.compile(
    r"(?P<dot>\s?[\[({<]\s?(?:\.|dot|DOT)\s?[\])}>]\s?(?=\w)|(?<=\w)\\\.(?=\w)"
    r"|(?<=\w)[\[(]\.(?=\w)|(?<=\w)\.[\])](?=\w))"
    r"|(?P<at>\s?[\[({<]\s?(?:@|at|AT)\s?[\])}>]\s?(?=\w))"
    r"|(?P<scheme>\b[hH][xX*]{2}[pP](?=s?\s?(?:[:\[({]|\b)))"
    r"|(?P<colon>[\[({]:(?://)?[\])}](?://)?)"
)
_HINT: Final = re.compile(r"[\[({<]\s?(?:\.|@|:|dot|DOT|at|AT)|\.[\])]|\\\.|[hH][xX*]{2}[pP]")


class Refanged(NamedTuple):
    """A text, and where its characters stand in the one it was made of."""

    text: str
    places: tuple[tuple[int, int], ...] = ()
    """From this place of the text on, how many characters further on the original is."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The same span in the original."""
        return (self._original(start), self._original(end - 1, last=True) + 1) if self.places else (start, end)

    def _original(self, at: int, last: bool = False) -> int:
        place = bisect_right(self.places, (at, 1 << 60)) - 1
        shift = self.places[place][1] if place >= 0 else 0
        return at + shift


def refanged(text: str) -> Refanged:
    """The text with its harmless indicators as they were; itself where it has none."""
    if _HINT.search(text) is None:
        return Refanged(text)
    parts: list[str] = []
    places: list[tuple[int, int]] = []
    done = length = 0
    for match in _MARK.finditer(text):
        kind = match.lastgroup
        put = {"dot": ".", "at": "@", "scheme": "http", "colon": "://" if "//" in match[0] else ":"}[kind or ""]
        parts += (text[done : match.start()], put)
        length += match.start() - done + len(put)
        done = match.end()
        places.append((length, done - length))
    parts.append(text[done:])
    return Refanged("".join(parts), tuple(places))
