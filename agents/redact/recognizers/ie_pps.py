"""ie_pps: personal public service numbers of Ireland.

They count near a word that says so, and in a field of such a name.

>>> validate("5640166B"), validate("6433435B")
(True, False)
"""

import re
from typing import Final

from stdnum.ie import pps

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import plain

CATEGORY: Final = "ie_pps"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.95,)

_WORDS: Final = "pps|ppsn|pps-number|personal public service"
_VALUE: Final = "[0-9]{7}[A-Wa-w][ABHWTXabhwtx]?"

CANDIDATE: Final = (candidate(_WORDS),)
EXACT: Final = (told(_WORDS, _VALUE),)
FIELD_NAMES: Final = ("pps", "ppsn", "pps_number")
FIELD_VALUE: Final = re.compile(r"\s*[0-9]{7}[A-Wa-w][ABHWTXabhwtx]?\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(pps.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "PPS 5640166B",
        "PPSN: 4539326V",
        "PPS number 6933365W",
        "5640166B is my PPSN",
        "pps=4539326v",
    ),
    "negative": (
        "5640166B",
        "PPSN 6433435B",
        "PPSN 643343F",
        "PPS 2024",
        "order 6933365W",
    ),
}
