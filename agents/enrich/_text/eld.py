"""A second opinion of short texts: ELD, the Efficient Language Detector, which knows 60 languages.

Where ELD knows a text's language it is right more often than CLD2, above all of few words; of a language that it does
not know (Indonesian, Bosnian, Nynorsk and 15 more of the 75 that were measured) it names a kindred one. So it is asked
only where the first guess is a language that it knows.
"""

from functools import cache
from importlib.util import find_spec
from typing import Any, Final, TypeAlias

Guesses: TypeAlias = list[tuple[str, float]]
"""Languages and how likely each is, the likeliest first."""

SCRIPTS: Final = frozenset(("Latin", "Cyrillic", "Arabic", "Devanagari", "Han"))
"""Those that several of its languages are written in; of the others the script itself tells the language."""
_AGREED: Final = 0.85
_RELIABLE: Final = 0.8
_OTHERWISE: Final = 0.5
"""How often the language is right where both agree, where ELD calls itself reliable, and where it does not, about."""


class Eld:
    """What ELD says of the guesses of others."""

    def __init__(self, detector: Any, known: frozenset[str]):
        self._detect = detector.detect
        self._details = detector.detect_details
        self._known = known

    def sure(self, text: str, likely: str | None) -> Guesses:
        """The language of a short text, where ELD is sure of it and does know what CLD2 would say; else nothing."""
        if likely is not None and likely not in self._known:
            return []
        found = self._details(_plain(text))
        if not found.reliable or found.language not in self._known:
            return []
        return [(found.language, _AGREED if found.language == likely else _RELIABLE)]

    def checked(self, guesses: Guesses, text: str) -> Guesses:
        """The guesses of CLD2, which was sure; ELD's own where it is sure of something else."""
        first = guesses[0][0]
        if first not in self._known or self._detect(_plain(text)) == first:
            return guesses
        found = self._details(_plain(text))
        return led(found.language, _RELIABLE, guesses) if found.reliable else guesses

    def preferred(self, guesses: Guesses, text: str) -> Guesses:
        """The guesses where nobody is sure: ELD's first."""
        first, score = guesses[0]
        language = self._detect(_plain(text)) if first in self._known else first
        if language == first:
            return led(first, max(score, _AGREED), guesses) if first in self._known else guesses
        return led(language, _OTHERWISE, guesses) if language in self._known else guesses


@cache
def eld() -> Eld | None:
    """ELD; None where the package eldc is not installed (it has no wheel for every processor)."""
    if find_spec("eldc") is None:
        return None
    import eldc

    eldc.init()
    return Eld(eldc.instance(), frozenset(eldc.LANGUAGES))


def led(first: str, score: float, others: Guesses) -> Guesses:
    """`first`, and behind it the others with what it leaves them."""
    others = [(code, other) for code, other in others if code != first]
    rest = sum(other for _, other in others)
    share = min(1.0, (1 - score) / rest) if rest else 0.0
    fitted = [(code, round(other * share, 2)) for code, other in others]
    return [(first, score), *((code, other) for code, other in fitted if other > 0)]


def _plain(text: str) -> str:
    """The text as it can be had in UTF-8, and without the character that ends a text in C."""
    if "\0" in text:
        text = text.replace("\0", " ")
    try:
        text.encode()
    except UnicodeEncodeError:  # lone surrogates
        return text.encode("utf-8", "replace").decode()
    return text
