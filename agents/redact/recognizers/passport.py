"""passport: numbers of passports, near words that say so.

Most have eight or nine characters, digits with up to three letters before or among them (ICAO 9303); hardly any
carries a check digit in print.

>>> validate("C01X00T47"), validate("ABCDEFGHI")
(True, False)
"""

import re
from typing import Final

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import digits, plain

CATEGORY: Final = "passport"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.85,)

_WORDS: Final = "passport|passnummer|reisepass|reisepassnummer|passeport|pasaporte|passaporto|paspoort|pass-nr"
_VALUE: Final = (
    "[A-Za-z]{0,3}[0-9][0-9A-Za-z]{4,9}[0-9A-Za-z]|[A-Z]{1,3}[ -][0-9]{6,9}|[A-Z][0-9A-Z]{2}[ ]?[0-9A-Z]{3,6}[0-9]"
)

CANDIDATE: Final = (candidate(_WORDS),)
EXACT: Final = (told(_WORDS, _VALUE),)
FIELD_NAMES: Final = (
    "passport",
    "passport_number",
    "passport_no",
    "passport_id",
    "reisepass",
    "pasaporte",
    "passeport",
)
FIELD_VALUE: Final = re.compile(r"\s*[A-Za-z0-9](?:[ \-]?[A-Za-z0-9]){5,10}\s*")

_LEAST: Final = 6
_MOST: Final = 10
_DIGITS: Final = 4


def validate(text: str) -> bool:
    """Whether `text` has as many characters and digits as passports have."""
    return _LEAST <= len(plain(text)) <= _MOST and len(digits(text)) >= _DIGITS


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "passport 123456789",
        "Passport number: A12345678",
        "Reisepass C01X00T47",
        "n° de passeport 12AB34567",
        "pasaporte PAA123456",
        "912803456 is my passport number",
    ),
    "negative": (
        "123456789",
        "A12345678",
        "passport renewed in 2024",
        "passport office",
        "passport photos cost 1200",
        "passports: 12",
    ),
}
