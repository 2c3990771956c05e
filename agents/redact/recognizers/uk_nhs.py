"""uk_nhs: numbers of patients of the National Health Service of England, Wales and the Isle of Man.

They count near a word that says so, and in a field of such a name.

>>> validate("923 574 1629"), validate("943 476 5918")
(True, False)
"""

import re
from typing import Final

from stdnum.gb import nhs

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import plain

CATEGORY: Final = "uk_nhs"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.95,)

_WORDS: Final = "nhs|patient number|patient id|patient no|national health"
_VALUE: Final = r"[0-9]{3}[ \-]?[0-9]{3}[ \-]?[0-9]{4}"

CANDIDATE: Final = (candidate(_WORDS),)
EXACT: Final = (told(_WORDS, _VALUE),)
FIELD_NAMES: Final = ("nhs", "nhs_number", "nhs_no")
FIELD_VALUE: Final = re.compile(r"\s*[0-9]{3}[ \-]?[0-9]{3}[ \-]?[0-9]{4}\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(nhs.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "NHS 923 574 1629",
        "NHS number: 985 089 4148",
        "NHS no. 9857229697",
        "923 574 1629 is her NHS number",
        "nhs_number=985-089-4148",
    ),
    "negative": (
        "9434765919",
        "NHS 943 476 5918",
        "NHS 943 476 591",
        "nhs digital 2024",
        "order 943 476 5919",
    ),
}
