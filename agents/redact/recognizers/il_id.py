"""il_id: identity numbers of Israel (mispar zehut).

They count near a word that says so, and in a field of such a name.

>>> validate("206955825"), validate("393373316")
(True, False)
"""

import re
from typing import Final

from stdnum.il import idnr

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import plain

CATEGORY: Final = "il_id"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.95,)

_WORDS: Final = "teudat zehut|teudat-zehut|mispar zehut|israeli id|id number|identity number|תעודת זהות"
_VALUE: Final = "[0-9]{8,9}|[0-9]{8}-[0-9]"

CANDIDATE: Final = (candidate(_WORDS),)
EXACT: Final = (told(_WORDS, _VALUE),)
FIELD_NAMES: Final = ("teudat_zehut", "israeli_id", "zehut")
FIELD_VALUE: Final = re.compile(r"\s*[0-9]{8}-?[0-9]\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(idnr.is_valid(plain(text)))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "teudat zehut 206955825",
        "Israeli ID: 012207189",
        "ID number 083829838",
        "206955825 is my Israeli ID",
        "תעודת זהות 012207189",
    ),
    "negative": (
        "206955825",
        "Israeli ID 393373316",
        "Israeli ID 3933",
        "israeli idea",
        "order 083829838",
    ),
}
