"""es_nif: identity numbers of Spain: DNI of citizens, NIE of foreigners.

Digits and the letter that checks them; in capitals they are found anywhere.

>>> validate("29735801K"), validate("12345678A")
(True, False)
"""

import re
from typing import Final

from stdnum.es import dni, nie

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import ENDS, LEFT, RIGHT, begins, plain

CATEGORY: Final = "es_nif"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.75, 0.95)
AGAINST: Final = (0,)

_WORDS: Final = "dni|nif|(?-i:NIE)|documento|identidad|extranjero"
_VALUE: Final = r"(?:[XYZxyz][ \-]?[0-9]{7}|[0-9]{8})[ \-]?[A-Za-z]"

CANDIDATE: Final = (
    LEFT + b"(?:[XYZ][0-9]{7}|[0-9]{8})-?[A-Z]" + RIGHT,
    candidate(_WORDS),
)
EXACT: Final = (
    re.compile(begins("[XYZ0-9]", "[0-9][-.]") + f"[0-9]{{7}}-?[TRWAGMYFPDXBNJZSQVHLCKE]{ENDS}"),
    told(_WORDS, _VALUE),
)
FIELD_NAMES: Final = ("dni", "nif", "nie", "documento_identidad")
FIELD_VALUE: Final = re.compile(r"\s*(?:[XYZxyz][ \-]?[0-9]{7}|[0-9]{8})[ \-]?[A-Za-z]\s*")


def validate(text: str) -> bool:
    """Whether the letter is right."""
    return bool(dni.is_valid(text) or nie.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "29735801K",
        "X4030182F",
        "DNI 15694936n",
        "NIE: Y-6711016-K",
        "DNI 15694936-N",
        "29735801K es mi DNI",
    ),
    "negative": (
        "12345678A",
        "X1234567A",
        "29735801K1",
        "129735801K",
        "DNI 12345678A",
        "part 12345678-A",
    ),
}
