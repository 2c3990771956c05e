"""no_fodselsnummer: identity numbers of Norway (fødselsnummer, D-nummer).

Eleven digits: day of birth, serial, two check digits. They count near a word that says so, and in a field of such a
name.

>>> validate("01087212587"), validate("15108695089")
(True, False)
"""

import re
from typing import Final

from stdnum.no import fodselsnummer

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import plain

CATEGORY: Final = "no_fodselsnummer"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.95,)

_WORDS: Final = "fødselsnummer|fodselsnummer|fødselsnr|personnummer|d-nummer|fnr"
_VALUE: Final = "[0-7][0-9]{5} ?[0-9]{5}"

CANDIDATE: Final = (candidate(_WORDS),)
EXACT: Final = (told(_WORDS, _VALUE),)
FIELD_NAMES: Final = ("fodselsnummer", "fnr", "personnummer")
FIELD_VALUE: Final = re.compile(r"\s*[0-7][0-9]{5} ?[0-9]{5}\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(fodselsnummer.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "fødselsnummer 01087212587",
        "Fødselsnummer: 181195 21455",
        "fnr 06057827295",
        "01087212587 er mitt fødselsnummer",
        "fodselsnummer=18119521455",
    ),
    "negative": (
        "01087212587",
        "fnr 15108695089",
        "fnr 1510869508",
        "fnr mangler",
        "order 06057827295",
    ),
}
