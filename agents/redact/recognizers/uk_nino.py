"""uk_nino: national insurance numbers of the United Kingdom.

Two letters, six digits, a letter from A to D (HMRC, NIM39110); in pairs with blanks they are found anywhere, in one
run near words that say so.

>>> validate("AB 12 34 56 C"), validate("BG 12 34 56 C")
(True, False)
"""

import re
from typing import Final

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import ENDS, LEFT, RIGHT, begins, plain

CATEGORY: Final = "uk_nino"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.9, 0.95)

_WORDS: Final = "nino|national insurance|ni number|ni no|insurance number|(?-i:NI)"
_VALUE: Final = r"[A-Za-z]{2}[ \-]?[0-9]{2}[ \-]?[0-9]{2}[ \-]?[0-9]{2}[ \-]?[A-Da-d]"

CANDIDATE: Final = (
    LEFT + b"[A-Z]{2}[ -][0-9]{2}[ -][0-9]{2}[ -][0-9]{2}[ -][A-D]" + RIGHT,
    candidate(_WORDS),
)
EXACT: Final = (
    re.compile(begins("[A-Z]") + f"[A-Z](?:[ -][0-9]{{2}}){{3}}[ -][A-D]{ENDS}"),
    told(_WORDS, _VALUE),
)
FIELD_NAMES: Final = ("nino", "national_insurance", "national_insurance_number", "ni_number")
FIELD_VALUE: Final = re.compile(r"\s*[A-Za-z]{2}(?:[ \-]?[0-9]{2}){3}[ \-]?[A-Da-d]\s*")

_PREFIX: Final = re.compile("[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]")
_NEVER: Final = frozenset(("BG", "GB", "KN", "NK", "NT", "TN", "ZZ"))


def validate(text: str) -> bool:
    """Whether prefix and suffix are given out, whatever stands between the digits."""
    number = plain(text)
    return bool(_PREFIX.match(number)) and number[:2] not in _NEVER


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "AB 12 34 56 C",
        "QQ is none but JG 10 37 59 A",
        "NINO AB123456C",
        "national insurance number: jg103759a",
        "AA123456B is my NI number",
    ),
    "negative": (
        "AB123456C",
        "BG 12 34 56 C",
        "DQ 12 34 56 A",
        "AB 12 34 56 E",
        "NINO ZZ123456A",
        "AB 12 34 567 C",
    ),
}
