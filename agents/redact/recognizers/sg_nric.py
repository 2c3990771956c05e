"""sg_nric: identity numbers of Singapore (NRIC, FIN).

A letter, seven digits and the letter that checks them; in capitals they are found anywhere.

>>> validate("S6116199F"), validate("S1234567A")
(True, False)
"""

import re
from typing import Final

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import ENDS, LEFT, RIGHT, begins, plain

CATEGORY: Final = "sg_nric"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.8, 0.95)
AGAINST: Final = (0,)

_WORDS: Final = "nric|(?-i:FIN)|identity card"
_VALUE: Final = "[STFGMstfgm][0-9]{7}[A-Za-z]"

CANDIDATE: Final = (
    LEFT + b"[STFGM][0-9]{7}[A-Z]" + RIGHT,
    candidate(_WORDS),
)
EXACT: Final = (
    re.compile(begins("[STFGM]") + f"[0-9]{{7}}[A-Z]{ENDS}"),
    told(_WORDS, _VALUE),
)
FIELD_NAMES: Final = ("nric", "nric_number", "fin_number")
FIELD_VALUE: Final = re.compile(r"\s*[STFGMstfgm][0-9]{7}[A-Za-z]\s*")

_WEIGHTS: Final = (2, 7, 6, 5, 4, 3, 2)
_CITIZENS: Final = "JZIHGFEDCBA"
_FOREIGNERS: Final = "XWUTRQPNMLK"
_NEW: Final = "KLJNPQRTUWX"
# what the first letter adds stands for the century
_LETTERS: Final = {
    "S": (_CITIZENS, 0), "T": (_CITIZENS, 4), "F": (_FOREIGNERS, 0), "G": (_FOREIGNERS, 4), "M": (_NEW, 3),
}  # fmt: skip


def validate(text: str) -> bool:
    """Whether the last letter is right (weights 2 7 6 5 4 3 2, modulo 11)."""
    number = plain(text)
    total = sum(int(digit) * weight for digit, weight in zip(number[1:8], _WEIGHTS, strict=True))
    letters, shift = _LETTERS[number[0]]
    return letters[(total + shift) % 11] == number[8]


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "S6116199F",
        "S4088302I",
        "NRIC s7243633d",
        "NRIC: S6116199F",
        "S4088302I is my NRIC",
    ),
    "negative": (
        "S1234567A",
        "S123456D",
        "S12345678D",
        "XS6116199F",
        "S6116199F1",
    ),
}
