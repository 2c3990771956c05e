"""au_medicare: numbers of Medicare cards of Australia.

Ten digits: eight, the digit that checks them, and the number of the issue. They count near a word that says so, and
in a field of such a name.

>>> validate("2069 72947 1"), validate("2123 45671 1")
(True, False)
"""

import re
from typing import Final

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import plain

CATEGORY: Final = "au_medicare"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.95,)

_WORDS: Final = "medicare"
_VALUE: Final = r"[2-6][0-9]{3}[ \-]?[0-9]{5}[ \-]?[0-9]"

CANDIDATE: Final = (candidate(_WORDS),)
EXACT: Final = (told(_WORDS, _VALUE),)
FIELD_NAMES: Final = ("medicare", "medicare_number", "medicare_no")
FIELD_VALUE: Final = re.compile(r"\s*[2-6][0-9]{3}[ \-]?[0-9]{5}[ \-]?[0-9]\s*")

_WEIGHTS: Final = (1, 3, 7, 9, 1, 3, 7, 9)


def validate(text: str) -> bool:
    """Whether the ninth digit checks the eight before it."""
    number = plain(text)
    check = sum(int(digit) * weight for digit, weight in zip(number, _WEIGHTS, strict=False))
    return check % 10 == int(number[8])


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "Medicare 2069 72947 1",
        "medicare number: 6801 07806 1",
        "Medicare no. 5740174311",
        "2069 72947 1 is my Medicare number",
        "medicare=6801-07806-1",
    ),
    "negative": (
        "2069 72947 1",
        "Medicare 2123 45671 1",
        "Medicare 7123 45670 1",
        "Medicare 2024",
        "order 5740 17431 1",
    ),
}
