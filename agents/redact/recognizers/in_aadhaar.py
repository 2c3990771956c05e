"""in_aadhaar: identity numbers of residents of India (Aadhaar, UIDAI).

They count near a word that says so, and in a field of such a name.

>>> validate("2067 7461 9599"), validate("2345 6789 1234")
(True, False)
"""

import re
from typing import Final

from stdnum.in_ import aadhaar

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import plain

CATEGORY: Final = "in_aadhaar"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.95,)

_WORDS: Final = "aadhaar|aadhar|adhaar|uidai|(?-i:UID)"
_VALUE: Final = r"[2-9][0-9]{3}[ \-]?[0-9]{4}[ \-]?[0-9]{4}"

CANDIDATE: Final = (candidate(_WORDS),)
EXACT: Final = (told(_WORDS, _VALUE),)
FIELD_NAMES: Final = ("aadhaar", "aadhar", "aadhaar_number", "uidai")
FIELD_VALUE: Final = re.compile(r"\s*[2-9][0-9]{3}[ \-]?[0-9]{4}[ \-]?[0-9]{4}\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(aadhaar.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "Aadhaar 2067 7461 9599",
        "aadhaar: 280221718178",
        "Aadhar number is 2838 0726 6912",
        "2067 7461 9599 is my Aadhaar",
        "aadhaar_no=280221718178",
    ),
    "negative": (
        "2067 7461 9599",
        "Aadhaar 2345 6789 1234",
        "Aadhaar 1234 5678 9012",
        "Aadhaar 2345 6789",
        "order 283807266912",
    ),
}
