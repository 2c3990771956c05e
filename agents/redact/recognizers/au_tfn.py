"""au_tfn: tax file numbers of Australia.

They count near a word that says so, and in a field of such a name.

>>> validate("516 545 655"), validate("123 456 789")
(True, False)
"""

import re
from typing import Final

from stdnum.au import tfn

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import plain

CATEGORY: Final = "au_tfn"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.95,)

_WORDS: Final = "tfn|tax file"
_VALUE: Final = r"[0-9]{3}[ \-]?[0-9]{3}[ \-]?[0-9]{2,3}"

CANDIDATE: Final = (candidate(_WORDS),)
EXACT: Final = (told(_WORDS, _VALUE),)
FIELD_NAMES: Final = ("tfn", "tax_file_number")
FIELD_VALUE: Final = re.compile(r"\s*[0-9]{3}[ \-]?[0-9]{3}[ \-]?[0-9]{2,3}\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(tfn.is_valid(plain(text)))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "TFN 516 545 655",
        "TFN: 143884654",
        "tax file number 704 173 513",
        "516 545 655 is my TFN",
        "tfn=143884654",
    ),
    "negative": (
        "516 545 655",
        "TFN 123 456 789",
        "TFN 123",
        "TFN 9999 99999",
        "order 704173513",
    ),
}
