"""nl_bsn: citizen service numbers of the Netherlands (burgerservicenummer).

They count near a word that says so, and in a field of such a name.

>>> validate("501782278"), validate("123456789")
(True, False)
"""

import re
from typing import Final

from stdnum.nl import bsn

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import plain

CATEGORY: Final = "nl_bsn"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.95,)

_WORDS: Final = (
    "bsn|burgerservicenummer|burger service nummer|sofinummer|sofi-nummer|citizen service number|persoonsnummer"
)
_VALUE: Final = r"[0-9]{4}[ .\-]?[0-9]{2}[ .\-]?[0-9]{3}|[0-9]{3}[ .\-]?[0-9]{3}[ .\-]?[0-9]{3}"

CANDIDATE: Final = (candidate(_WORDS),)
EXACT: Final = (told(_WORDS, _VALUE),)
FIELD_NAMES: Final = ("bsn", "burgerservicenummer", "sofinummer")
FIELD_VALUE: Final = re.compile(r"\s*[0-9](?:[ .\-]?[0-9]){7,8}\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(bsn.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "BSN 501782278",
        "BSN: 1894.98.225",
        "burgerservicenummer 687616967",
        "mijn BSN is 501782278",
        "189498225 is mijn BSN",
    ),
    "negative": (
        "501782278",
        "BSN 123456789",
        "BSN 12345678901",
        "BSN onbekend",
        "order 501782278",
    ),
}
