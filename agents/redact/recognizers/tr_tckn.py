"""tr_tckn: identity numbers of Turkey (T.C. kimlik numarası).

Eleven digits with two check digits. They count near a word that says so, and in a field of such a name.

>>> validate("93520131194"), validate("17291716092")
(True, False)
"""

import re
from typing import Final

from stdnum.tr import tckimlik

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import plain

CATEGORY: Final = "tr_tckn"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.95,)

_WORDS: Final = "tckn|tc kimlik|t.c. kimlik|kimlik no|kimlik numaras.|kimlik"
_VALUE: Final = "[1-9][0-9]{10}"

CANDIDATE: Final = (candidate(_WORDS),)
EXACT: Final = (told(_WORDS, _VALUE),)
FIELD_NAMES: Final = ("tckn", "tc_kimlik", "tc_kimlik_no", "kimlik_no")
FIELD_VALUE: Final = re.compile(r"\s*[1-9][0-9]{10}\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(tckimlik.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "TCKN 93520131194",
        "TC kimlik no: 84516160786",
        "T.C. Kimlik No 49042485994",
        "kimlik 93520131194",
        "tckn=84516160786",
    ),
    "negative": (
        "93520131194",
        "TCKN 17291716092",
        "TCKN 1729171606",
        "TCKN yok",
        "order 49042485994",
    ),
}
