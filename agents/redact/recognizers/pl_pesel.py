"""pl_pesel: numbers of persons in Poland (PESEL).

Eleven digits: day of birth, serial, check digit. They count near a word that says so, and in a field of such a name.

>>> validate("97051370914"), validate("44051401358")
(True, False)
"""

import re
from typing import Final

from stdnum.pl import pesel

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import plain

CATEGORY: Final = "pl_pesel"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.95,)

_WORDS: Final = "pesel|numer ewidencyjny"
_VALUE: Final = "[0-9]{11}"

CANDIDATE: Final = (candidate(_WORDS),)
EXACT: Final = (told(_WORDS, _VALUE),)
FIELD_NAMES: Final = ("pesel", "pesel_number", "nr_pesel")
FIELD_VALUE: Final = re.compile(r"\s*[0-9]{11}\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(pesel.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "PESEL 97051370914",
        "PESEL: 85112335950",
        "nr PESEL 73022755874",
        "97051370914 to mój PESEL",
        "pesel=85112335950",
    ),
    "negative": (
        "97051370914",
        "PESEL 44051401358",
        "PESEL 12345678901",
        "PESEL 4405140135",
        "order 85112335950",
    ),
}
