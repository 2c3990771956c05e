"""Valence of a text by a lexicon of words, for languages that VADER does not know.

The method is VADER's (Hutto and Gilbert, 2014) without what is English in it: the words' valences (-4 to 4) are added
up, a negation up to three words in front turns the sign and takes a quarter off, a booster in front raises or lowers,
and the sum s becomes s / sqrt(s² + 15), between -1 and 1.
"""

import csv
import io
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from penstock.model.errors import ConfigurationError

WORD: Final = re.compile(r"[^\W\d_](?:[\w'’-]*\w)?")
_NORMAL: Final = 15
_TURN: Final = -0.74
_REACH: Final = 3
_MOST_WORDS: Final = 4
"""Words of the longest phrase in a lexicon."""


class Valence(NamedTuple):
    """The score (-1 to 1), and the shares of words that are positive, neutral and negative."""

    score: float
    positive: float
    neutral: float
    negative: float


class Lexicon:
    """Words and phrases, negations and boosters, in lower case."""

    def __init__(
        self, words: dict[str, float], negations: Iterable[str] = (), boosters: dict[str, float] | None = None
    ):
        self._phrases = {tuple(WORD.findall(phrase.lower())): value for phrase, value in words.items()}
        self._phrases.pop((), None)
        self._longest = min(_MOST_WORDS, max(map(len, self._phrases), default=1))
        self._negations = frozenset(word.lower() for word in negations)
        self._boosters = {word.lower(): value for word, value in (boosters or {}).items()}

    def score(self, text: str) -> Valence:
        """The valence of a text; all is 0 where it has no word."""
        words = WORD.findall(text.lower())
        found: list[float] = []
        at = 0
        while at < len(words):
            length, value = self._phrase(words, at)
            found.append(self._modified(value, words, at) if value else 0.0)
            at += length
        total = len(found)
        if not total:
            return Valence(0.0, 0.0, 0.0, 0.0)
        summed = sum(found)
        positive, negative = sum(value > 0 for value in found), sum(value < 0 for value in found)
        return Valence(
            round(summed / math.sqrt(summed * summed + _NORMAL), 4),
            round(positive / total, 3),
            round((total - positive - negative) / total, 3),
            round(negative / total, 3),
        )

    def _phrase(self, words: list[str], at: int) -> tuple[int, float]:
        """How many words the longest known phrase here has, and its valence; one word and 0 where none is known."""
        for length in range(min(self._longest, len(words) - at), 0, -1):
            value = self._phrases.get(tuple(words[at : at + length]))
            if value is not None:
                return length, value
        return 1, 0.0

    def _modified(self, value: float, words: list[str], at: int) -> float:
        before = words[max(0, at - _REACH) : at]
        if before and before[-1] in self._boosters:
            value += self._boosters[before[-1]] * (1 if value > 0 else -1)
        return value * _TURN if any(word in self._negations for word in before) else value


def read(file: Path) -> Lexicon:
    """The lexicon in a file.

    JSON: an object of words and valences, or ``{"words": {…}, "negations": […], "boosters": {…}}``. Anything else:
    lines of word and valence, parted by a tab, a comma or a semicolon; further columns and a heading are passed over.

    Raises
    ------
    ConfigurationError
        It cannot be read, or holds no such thing.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(
            f"sentiment cannot open its lexicon {file}: {error.strerror or type(error).__name__}",
            hint="is the path right, and may this user read it?",
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"sentiment's lexicon {file} is not UTF-8") from None
    try:
        return _json(text) if text.lstrip().startswith("{") else _table(text)
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"sentiment's lexicon {file} is none: {error if type(error) is ValueError else type(error).__name__}",
            hint="word and valence a line (CSV or tabs), or a JSON object of them",
        ) from None


def _json(text: str) -> Lexicon:
    held: dict[str, Any] = orjson.loads(text)
    words = held["words"] if isinstance(held.get("words"), dict) else held
    boosters = {word: _finite(value) for word, value in held.get("boosters", {}).items()} if words is not held else {}
    negations = [str(word) for word in held.get("negations", [])] if words is not held else []
    return Lexicon({word: _finite(value) for word, value in words.items()}, negations, boosters)


def _table(text: str) -> Lexicon:
    first = text.partition("\n")[0]
    parted = next((mark for mark in "\t;," if mark in first), ",")
    words: dict[str, float] = {}
    for number, row in enumerate(csv.reader(io.StringIO(text), delimiter=parted), 1):
        if not row or not row[0].strip() or row[0].startswith("#"):
            continue
        try:
            words[row[0].strip()] = _finite(row[1])
        except (ValueError, IndexError):
            if number > 1:  # the first line may be a heading
                raise ValueError(f"line {number} has no valence") from None
    if not words:
        raise ValueError("it has no words")
    return Lexicon(words)


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("a valence is no finite number")
    return number
