"""cn_ric: identity numbers of China (GB 11643).

Eighteen characters: place, day of birth, serial, check character; found anywhere.

>>> validate("360426199309053660"), validate("360426199101010072")
(True, False)
"""

import re
from typing import Final

from stdnum.cn import ric

from penstock.agents.redact._text import ENDS, LEFT, RIGHT, begins, plain

CATEGORY: Final = "cn_ric"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.9,)

CANDIDATE: Final = (LEFT + b"[1-8][0-9]{5}(?:19|20)[0-9]{2}[01][0-9][0-3][0-9]{4}[0-9Xx]" + RIGHT,)
EXACT: Final = (
    re.compile(begins("[1-8]", r"[0-9]\.") + "[0-9]{5}(?:19|20)[0-9]{2}[01][0-9][0-3][0-9]{4}[0-9Xx]" + ENDS),
)
FIELD_NAMES: Final = ("cn_id", "chinese_id", "id_card_number", "shenfenzheng")
FIELD_VALUE: Final = re.compile(r"\s*[1-9][0-9]{16}[0-9Xx]\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(ric.is_valid(plain(text)))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "360426199309053660",
        "110105198705019617",
        "110105199712236526",
        "ID 360426199309053660",
        "身份证号 110105198705019617",
    ),
    "negative": (
        "36042619910101007A",
        "360426199101010072",
        "36042619910101007",
        "1360426199309053660",
        "170531460012345678",
    ),
}
