"""Spaces that the recognizer of text swallows, found again where no ink is.

It is sure of letters and less so of the spaces between words, above all in pictures that were compressed. A telephone
number without its spaces, glued to the word before it, is no telephone number any more: so two letters with a gap
between them that no typeface leaves within a word are parted. Digits are often all as wide as the widest, so that two
ones have a gap like a space between them: they are parted by how far their middles are away from each other instead.
"""

from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np

_GAP: Final = 0.2  # of the line's height, which is about 1.3 em; a space is 0.25 em and what its neighbours leave
_WIDER: Final = 1.8  # than what most letters of the line leave between them, which differs from face to face
_APART: Final = 1.25  # times as far as the middles of the line's digits mostly are; a space makes it 1.4 and more
_EDGE: Final = 0.1  # of the height, above and below: what intrudes from other lines


def swallowed(strip: Any, places: Sequence[float], texts: Sequence[str]) -> list[int]:
    """Before which characters a space is missing.

    Parameters
    ----------
    strip : picture
        The line, straightened.
    places : sequence of float
        How far along the line each character stands, 0 to 1.
    texts : sequence of str
        The characters.
    """
    height, width = strip.shape[:2]
    centres = [place * width for place in places]
    pairs = [
        index
        for index in range(1, len(texts))
        if not texts[index].isspace() and not texts[index - 1].isspace() and _has_spaces(texts[index - 1 : index + 1])
    ]
    if not pairs:
        return []
    ink = _inked(strip)
    between = {index: _gap(ink, int(centres[index - 1]), int(centres[index]) + 1) for index in pairs}
    least = max(_GAP * height, _WIDER * float(np.percentile([end - start for start, end in between.values()], 80)))
    digits = {
        index: _middles_apart(ink, *gap)
        for index, gap in between.items()
        if texts[index].isdigit() and texts[index - 1].isdigit()
    }
    most = _APART * float(np.median(list(digits.values()))) if digits else 0.0
    return [
        index
        for index, (start, end) in between.items()
        if end - start > least and (index not in digits or digits[index] > most)
    ]


def _has_spaces(texts: Sequence[str]) -> bool:
    """Whether the characters are of a writing that has spaces between words."""
    return all(text < "\u2e80" for text in texts)


def _inked(strip: Any) -> Any:
    """Which columns have ink, the rarer of two shades."""
    grey = cv2.cvtColor(np.ascontiguousarray(strip), cv2.COLOR_BGR2GRAY)
    edge = int(len(grey) * _EDGE)
    grey = grey[edge : len(grey) - edge]
    _, dark = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    ink = dark if dark.mean() < 0.5 else 1 - dark
    return ink.any(axis=0)


def _gap(ink: Any, start: int, end: int) -> tuple[int, int]:
    """The longest stretch of columns without ink between two places: where it begins and ends."""
    longest, began = (start, start), start
    for place in range(start, end):
        if ink[place]:
            began = place + 1
        elif place + 1 - began > longest[1] - longest[0]:
            longest = began, place + 1
    return longest


def _middles_apart(ink: Any, start: int, end: int) -> float:
    """How far the middles of what stands on both sides of a gap are away from each other."""
    first, last = start, end
    while first > 0 and ink[first - 1]:
        first -= 1
    while last < len(ink) and ink[last]:
        last += 1
    return (end + last - first - start) / 2
