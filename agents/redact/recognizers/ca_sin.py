"""ca_sin: social insurance numbers of Canada.

They count near a word that says so, and in a field of such a name.

>>> validate("714 004 538"), validate("123 456 783")
(True, False)
"""

import re
from typing import Final

from stdnum.ca import sin

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import plain

CATEGORY: Final = "ca_sin"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.95,)

_WORDS: Final = "(?-i:SIN)|sin number|social insurance|assurance sociale|(?-i:NAS)"
_VALUE: Final = r"[0-9]{3}[ \-]?[0-9]{3}[ \-]?[0-9]{3}"

CANDIDATE: Final = (candidate(_WORDS),)
EXACT: Final = (told(_WORDS, _VALUE),)
FIELD_NAMES: Final = ("sin", "social_insurance_number", "sin_number")
FIELD_VALUE: Final = re.compile(r"\s*[0-9]{3}[ \-]?[0-9]{3}[ \-]?[0-9]{3}\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(sin.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "SIN 714 004 538",
        "SIN: 957-384-720",
        "social insurance number 785667437",
        "714 004 538 is my SIN",
        "assurance sociale 957 384 720",
    ),
    "negative": (
        "714 004 538",
        "SIN 123 456 783",
        "SIN 123 456",
        "SIN 0000 1234",
        "cousin 130 692 544",
    ),
}
