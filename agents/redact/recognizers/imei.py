"""imei: numbers of mobile phones (3GPP TS 23.003), with their check digit, near words that say so.

>>> validate("353982597919077"), validate("353982597919078")
(True, False)
"""

import re
from typing import Final

from stdnum import imei

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import digits

CATEGORY: Final = "imei"
SEVERITY: Final = "medium"
CONFIDENCE: Final = (0.95,)

_WORDS: Final = "imei|imeisv|meid|device id|handset|gerätenummer"
_VALUE: Final = r"[0-9]{2}[ \-]?[0-9]{6}[ \-]?[0-9]{6}[ \-]?[0-9]"

CANDIDATE: Final = (candidate(_WORDS),)
EXACT: Final = (told(_WORDS, _VALUE),)
FIELD_NAMES: Final = ("imei", "imei_number", "imei_no")
FIELD_VALUE: Final = re.compile(r"\s*[0-9]{2}[ \-]?[0-9]{6}[ \-]?[0-9]{6}[ \-]?[0-9]{0,3}\s*")


def validate(text: str) -> bool:
    """Whether the check digit is right."""
    return bool(imei.is_valid(digits(text)))


def canonical(text: str) -> str:
    """The digits."""
    return digits(text)


EXAMPLES: Final = {
    "positive": (
        "IMEI 353982597919077",
        "imei: 35-483378-876232-2",
        "IMEI number is 358601290404790",
        "356669725102737 is the IMEI",
        "imei=356669725102737",
    ),
    "negative": (
        "353982597919077",
        "IMEI 353982597919078",
        "IMEI 35398259791907",
        "IMEI unknown",
        "order 356669725102737",
    ),
}
