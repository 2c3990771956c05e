"""za_id: identity numbers of South Africa.

Thirteen digits: day of birth, sex, citizenship, check digit. They count near a word that says so, and in a field of
such a name.

>>> validate("7507015274035"), validate("7503305044088")
(True, False)
"""

import re
from typing import Final

from stdnum.za import idnr

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import plain

CATEGORY: Final = "za_id"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.95,)

_WORDS: Final = "id number|identity number|id no|rsa id|south african id|identity document|national id"
_VALUE: Final = "[0-9]{6} ?[0-9]{4} ?[0-9]{3}"

CANDIDATE: Final = (candidate(_WORDS),)
EXACT: Final = (told(_WORDS, _VALUE),)
FIELD_NAMES: Final = ("za_id", "rsa_id", "sa_id", "identity_number")
FIELD_VALUE: Final = re.compile(r"\s*[0-9]{6} ?[0-9]{4} ?[0-9]{3}\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(idnr.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "ID number 7507015274035",
        "identity number: 5704136784016",
        "RSA ID 990221 7730 033",
        "7507015274035 is my ID number",
        "South African ID 5704136784016",
    ),
    "negative": (
        "7507015274035",
        "ID number 7503305044088",
        "ID number 750330504",
        "ID number pending",
        "order 9902217730033",
    ),
}
