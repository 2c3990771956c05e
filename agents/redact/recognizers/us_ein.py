"""us_ein: employer identification numbers of the United States (IRS), which sole traders use as theirs.

They count near a word that says so, and in a field of such a name.

>>> validate("12-6520642"), validate("00-1234567")
(True, False)
"""

import re
from typing import Final

from stdnum.us import ein

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import plain

CATEGORY: Final = "us_ein"
SEVERITY: Final = "high"
CONFIDENCE: Final = (0.95,)

_WORDS: Final = "(?-i:EIN)|employer id|employer identification|fein|federal tax id"
_VALUE: Final = "[0-9]{2}-?[0-9]{7}"

CANDIDATE: Final = (candidate(_WORDS),)
EXACT: Final = (told(_WORDS, _VALUE),)
FIELD_NAMES: Final = ("ein", "fein", "employer_id", "employer_identification_number")
FIELD_VALUE: Final = re.compile(r"\s*[0-9]{2}-?[0-9]{7}\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(ein.is_valid(plain(text)))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "EIN 12-6520642",
        "EIN: 47-6216827",
        "employer identification number 52-1748885",
        "12-6520642 is our EIN",
        "FEIN 476216827",
    ),
    "negative": (
        "12-6520642",
        "EIN 00-1234567",
        "ein 12-345678",
        "EIN pending",
        "vein 12-3456789",
    ),
}
