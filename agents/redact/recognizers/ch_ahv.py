"""ch_ahv: social security numbers of Switzerland (AHV-Nummer, numéro AVS).

Thirteen digits from 756 on, the last a check digit; with dots they are found anywhere.

>>> validate("756.6902.1690.07"), validate("756.9217.0769.84")
(True, False)
"""

import re
from typing import Final

from stdnum.ch import ssn

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import ENDS, RIGHT, begins, plain

CATEGORY: Final = "ch_ahv"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.95, 0.95)

_WORDS: Final = "ahv|ahv-nummer|avs|sozialversicherungsnummer|ahv-nr"
_VALUE: Final = r"756\.?[0-9]{4}\.?[0-9]{4}\.?[0-9]{2}"

CANDIDATE: Final = (
    rb"756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}" + RIGHT,
    candidate(_WORDS),
)
EXACT: Final = (
    re.compile(begins("7", r"[0-9]\.") + rf"56\.[0-9]{{4}}\.[0-9]{{4}}\.[0-9]{{2}}{ENDS}"),
    told(_WORDS, _VALUE),
)
FIELD_NAMES: Final = ("ahv", "ahv_nummer", "ahv_number", "avs_number")
FIELD_VALUE: Final = re.compile(r"\s*756\.?[0-9]{4}\.?[0-9]{4}\.?[0-9]{2}\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(ssn.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "756.6902.1690.07",
        "756.0886.1595.42",
        "AHV 7569054427810",
        "AHV-Nummer: 756.9054.4278.10",
        "numéro AVS 7566902169007",
    ),
    "negative": (
        "7566902169007",
        "756.9217.0769.84",
        "AHV 7569217076984",
        "1756.6902.1690.07",
        "756.6902.1690.071",
    ),
}
