"""dk_cpr: identity numbers of Denmark (CPR-nummer).

A day of birth and four digits, which since 2007 check nothing. They count near a word that says so, and in a field of
such a name.

>>> validate("160980-0788"), validate("311365-1234")
(True, False)
"""

import re
from typing import Final

from stdnum.dk import cpr

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import plain

CATEGORY: Final = "dk_cpr"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.95,)

_WORDS: Final = "cpr|cpr-nummer|cpr-nr|personnummer"
_VALUE: Final = "[0-3][0-9][01][0-9]{3}-?[0-9]{4}"

CANDIDATE: Final = (candidate(_WORDS),)
EXACT: Final = (told(_WORDS, _VALUE),)
FIELD_NAMES: Final = ("cpr", "cpr_number", "cpr_nr", "cprnr")
FIELD_VALUE: Final = re.compile(r"\s*[0-3][0-9][01][0-9]{3}-?[0-9]{4}\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(cpr.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "CPR 160980-0788",
        "CPR-nummer: 100163-2056",
        "cpr 1609800788",
        "100163-2056 er mit CPR-nummer",
        "CPR-nr. 160980-0788",
    ),
    "negative": (
        "160980-0788",
        "CPR 311365-1234",
        "CPR 991262-2495",
        "CPR 2111",
        "order 100163-2056",
    ),
}
