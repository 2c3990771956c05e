"""The writing system of a text, from the Unicode ranges of its letters.

>>> script("Καλημέρα, world of Ελλάδα")
'Greek'
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import groupby

_BLOCKS = """
0041-02AF Latin  1D00-1DBF Latin  1E00-1EFF Latin  2C60-2C7F Latin  A720-A7FF Latin  AB30-AB6F Latin  FB00-FB06 Latin
FF21-FF5A Latin  0370-03FF Greek  1F00-1FFF Greek  0400-052F Cyrillic  1C80-1C8F Cyrillic  A640-A69F Cyrillic
0530-058F Armenian  FB13-FB17 Armenian  0590-05FF Hebrew  FB1D-FB4F Hebrew  0600-06FF Arabic  0750-077F Arabic
0870-08FF Arabic  FB50-FDFF Arabic  FE70-FEFC Arabic  0700-074F Syriac  0780-07BF Thaana  07C0-07FF Nko
0900-097F Devanagari  A8E0-A8FF Devanagari  0980-09FF Bengali  0A00-0A7F Gurmukhi  0A80-0AFF Gujarati  0B00-0B7F Oriya
0B80-0BFF Tamil  0C00-0C7F Telugu  0C80-0CFF Kannada  0D00-0D7F Malayalam  0D80-0DFF Sinhala  0E00-0E7F Thai
0E80-0EFF Lao  0F00-0FFF Tibetan  1000-109F Myanmar  10A0-10FF Georgian  1C90-1CBF Georgian  2D00-2D2F Georgian
1100-11FF Hangul  3130-318F Hangul  A960-A97F Hangul  AC00-D7FF Hangul  1200-139F Ethiopic  2D80-2DDF Ethiopic
13A0-13FF Cherokee  AB70-ABBF Cherokee  1400-167F Canadian_Aboriginal  1680-169F Ogham  16A0-16FF Runic
1780-17FF Khmer  1800-18AF Mongolian  1900-194F Limbu  2D30-2D7F Tifinagh  3040-309F Hiragana  30A0-30FF Katakana
31F0-31FF Katakana  FF66-FF9F Katakana  3100-312F Bopomofo  31A0-31BF Bopomofo  3005-3007 Han  3400-4DBF Han
4E00-9FFF Han  F900-FAFF Han  20000-323AF Han  A000-A4CF Yi  A980-A9DF Javanese  1B80-1BBF Sundanese
"""
"""Blocks of the Unicode Character Database, narrowed where two scripts share one; names are its script names."""


def _ranges() -> list[tuple[int, int, str]]:
    words = _BLOCKS.split()
    pairs = zip(words[::2], words[1::2], strict=True)
    return sorted((int(span.split("-")[0], 16), int(span.split("-")[1], 16), name) for span, name in pairs)


_RANGES = _ranges()
_FIRSTS = [first for first, _, _ in _RANGES]
_LATIN = re.compile("[A-Za-zÀ-ʯ]")
_FAR = re.compile("[\u02b0-\U0010ffff]")  # one range, so that looking for it takes a third of the time
_BEYOND_LATIN = re.compile(r"[^\W\d_A-Za-zÀ-ʯ]")  # no such letter, nothing to count


def script(text: str) -> str | None:
    """The script that most letters of `text` are of (of equals the one met first), None where it has no letters.

    Japanese is whichever of Han, Hiragana and Katakana it has most of.
    """
    beyond = None if text.isascii() or _FAR.search(text) is None else _BEYOND_LATIN.search(text)
    if beyond is None:
        return "Latin" if _LATIN.search(text) else None
    name = _of(beyond[0])
    letters = _letters(name) if name else None
    if name and letters and len(text) > 2 * len(letters.sub("", text)):  # more than of everything else together
        return name
    counts: Counter[str] = Counter()
    for char, count in Counter(text).items():
        name = _of(char)
        if name is not None:
            counts[name] += count
    return counts.most_common(1)[0][0] if counts else None


@cache
def _letters(name: str) -> re.Pattern[str] | None:
    """Runs of letters of one script; None for what is of no script known here."""
    spans = [(first, last) for first, last, script in _RANGES if script == name]
    letters = "".join(f"{first}-{last}" for span in spans for first, last in _runs(*span))
    return re.compile(f"[{letters}]+") if letters else None


def _runs(first: int, last: int) -> Iterator[tuple[str, str]]:
    """First and last of each run of letters; a pattern of the letters themselves takes milliseconds for Han."""
    for letters, run in groupby(map(chr, range(first, last + 1)), key=str.isalpha):
        if letters:
            chars = list(run)
            yield chars[0], chars[-1]


@lru_cache(8192)
def _of(char: str) -> str | None:
    if not char.isalpha():
        return None
    first, last, name = _RANGES[max(0, bisect_right(_FIRSTS, ord(char)) - 1)]
    return name if first <= ord(char) <= last else "Other"
