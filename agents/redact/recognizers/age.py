"""age: how old a person is, in words of English, German, French and Spanish or in a field of such a name.

It is personal in company only: looked for where asked for.

>>> validate("42"), validate("142")
(True, False)
"""

import re
from typing import Final

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import digits

CATEGORY: Final = "age"
SEVERITY: Final = "low"
BY_DEFAULT: Final = False
CONFIDENCE: Final = (0.7, 0.8)

_BEFORE: Final = "aged|my age|age:|age is|alter von|alter:|âgée? de|edad:|edad de|i am|i'm|j'ai|tengo"
_BEHIND: Final = "years? old|year-old|-year-old|yrs old|y/o|jahre alt|-jährig|ans|años"

CANDIDATE: Final = (
    candidate(_BEFORE),
    rb"[0-9][ -]{0,2}(?i:years?[ -]old|yrs old|y/o|jahre alt|j[\x80-\xff]{2}hrig)",
)
EXACT: Final = (
    told(_BEFORE, "[0-9]{1,3}(?![.,:/%-]?[0-9])", before=3, clause=False),
    re.compile(
        "[0-9](?<![0-9A-Za-z_.][0-9])[0-9]{0,2}(?=[ -]{0,2}(?ai:years?[ -]old|yrs old|y/o|jahre alt|j[äÄ]hrig))"
    ),
)
FIELD_NAMES: Final = ("age", "age_years", "alter", "edad", "eta")
FIELD_VALUE: Final = re.compile(r"\s*[0-9]{1,3}\s*")

_OLDEST: Final = 125
_BAND: Final = 10
_NUMBER: Final = re.compile("[0-9]{1,3}")
_BANDED: Final = re.compile("[0-9]-[0-9]")


def validate(text: str) -> bool:
    """Whether somebody can be as old."""
    return 0 < int(digits(text)) <= _OLDEST


def generalise(text: str) -> str:
    """The ten years around it.

    >>> generalise("42"), generalise("40-49")
    ('40-49', '40-49')
    """
    return text if _BANDED.search(text) else _NUMBER.sub(_band, text) if _NUMBER.search(text) else "*"


def _band(match: re.Match[str]) -> str:
    low = int(match[0]) // _BAND * _BAND
    return f"{low}-{low + _BAND - 1}"


EXAMPLES: Final = {
    "positive": (
        "42 years old",
        "a 42-year-old",
        "aged 42",
        "42 Jahre alt",
        "my age is 42",
    ),
    "negative": (
        "42",
        "142 years old",
        "0 years old",
        "page 42",
        "42 years of service",
        "v1.42 years old",
    ),
}
