"""Spaces that the recognizer of text swallows, found again where no ink is.

It is sure of letters and less so of the spaces between words, above all in pictures that were compressed. A telephone
number without its spaces, glued to the word before it, is no telephone number any more: so two letters with a gap
between them that no typeface leaves within a word are parted.
"""

from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np

_GAP: Final = 0.2  # of the line's height, which is about 1.3 em; a space is 0.25 em and what its neighbours leave
_WIDER: Final = 1.8  # than what most letters of the line leave between them, which differs from face to face
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
    empty = ~_inked(strip)
    gaps = [_longest_run(empty[int(centres[index - 1]) : int(centres[index]) + 1]) / height for index in pairs]
    least = max(_GAP, _WIDER * float(np.percentile(gaps, 80)))
    return [index for index, gap in zip(pairs, gaps, strict=True) if gap > least]


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


def _longest_run(values: Any) -> int:
    longest = run = 0
    for value in values:
        run = run + 1 if value else 0
        longest = max(longest, run)
    return longest
