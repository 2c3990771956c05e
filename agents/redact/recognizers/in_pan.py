"""in_pan: permanent account numbers of India (PAN, Income Tax Department).

Five letters, of which the fourth says what the holder is, four digits and a letter; in capitals they are found
anywhere.

>>> validate("ACUPA7085R"), validate("ABMDA1234Z")
(True, False)
"""

import re
from typing import Final

from stdnum.in_ import pan

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import ENDS, LEFT, RIGHT, begins, plain

CATEGORY: Final = "in_pan"
SEVERITY: Final = "high"
CONFIDENCE: Final = (0.75, 0.95)
AGAINST: Final = (0,)

_WORDS: Final = "(?-i:PAN)|pan number|pan no|pan card|permanent account"
_VALUE: Final = "[A-Za-z]{5}[0-9]{4}[A-Za-z]"

CANDIDATE: Final = (
    LEFT + b"[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z]" + RIGHT,
    candidate(_WORDS),
)
EXACT: Final = (
    re.compile(begins("[A-Z]") + f"[A-Z]{{2}}[ABCFGHJLPT][A-Z][0-9]{{4}}[A-Z]{ENDS}"),
    told(_WORDS, _VALUE),
)
FIELD_NAMES: Final = ("pan_number", "pan_no", "pan_card", "permanent_account_number")
FIELD_VALUE: Final = re.compile(r"\s*[A-Za-z]{5}[0-9]{4}[A-Za-z]\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(pan.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "ACUPA7085R",
        "BNZPM2501F",
        "PAN acupa7085r",
        "pan no: ABCPK1234L",
        "my PAN is AAAPL1234C",
    ),
    "negative": (
        "ABMDA1234Z",
        "ACUPA7085",
        "ACUPA7085RR",
        "XACUPA7085R",
        "acupa7085r",
        "ACUPA0000R",
    ),
}
