"""kr_rrn: resident registration numbers of South Korea.

Day of birth, sex, place, check digit; with the dash they are found anywhere.

>>> validate("620210-2144152"), validate("971013-9019903")
(True, False)
"""

import re
from typing import Final

from stdnum.kr import rrn

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import ENDS, LEFT, RIGHT, begins, plain

CATEGORY: Final = "kr_rrn"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.85, 0.95)
AGAINST: Final = (0,)

_WORDS: Final = "rrn|resident registration|주민등록번호"
_VALUE: Final = "[0-9]{6}-?[0-9]{7}"

CANDIDATE: Final = (
    LEFT + b"[0-9]{2}[01][0-9][0-3][0-9]-[0-9]{7}" + RIGHT,
    candidate(_WORDS),
)
EXACT: Final = (
    re.compile(begins("[0-9]", "[0-9][-.]") + f"[0-9][01][0-9][0-3][0-9]-[0-9]{{7}}{ENDS}(?!-[0-9])"),
    told(_WORDS, _VALUE),
)
FIELD_NAMES: Final = ("rrn", "resident_registration_number")
FIELD_VALUE: Final = re.compile(r"\s*[0-9]{6}-?[0-9]{7}\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(rrn.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "620210-2144152",
        "620101-1556816",
        "RRN 5405152311652",
        "resident registration number: 540515-2311652",
        "6202102144152 is my RRN",
    ),
    "negative": (
        "6202102144152",
        "971013-9019903",
        "971332-1019902",
        "1620210-2144152",
        "620210-21441521",
    ),
}
