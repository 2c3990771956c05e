"""us_itin: individual taxpayer identification numbers of the United States (IRS).

They look like social security numbers and begin with 9; with dashes they are found anywhere, nine digits in a row
near words that say so.

>>> validate("913-75-8584"), validate("900-49-1234")
(True, False)
"""

import re
from typing import Final

from stdnum.us import itin

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import ENDS, LEFT, RIGHT, begins, plain

CATEGORY: Final = "us_itin"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.8, 0.95)
AGAINST: Final = (0,)

_WORDS: Final = "itin|individual taxpayer|taxpayer id|tax id|(?-i:TIN)"
_VALUE: Final = r"9[0-9]{2}[ \-]?[0-9]{2}[ \-]?[0-9]{4}"

CANDIDATE: Final = (
    LEFT + b"9[0-9]{2}-[0-9]{2}-[0-9]{4}" + RIGHT,
    candidate(_WORDS),
)
EXACT: Final = (
    re.compile(begins("9", "[0-9][.-]") + f"[0-9]{{2}}-[0-9]{{2}}-[0-9]{{4}}{ENDS}(?!-[0-9])"),
    told(_WORDS, _VALUE),
)
FIELD_NAMES: Final = ("itin", "tax_id", "taxpayer_id", "tin")
FIELD_VALUE: Final = re.compile(r"\s*9[0-9]{2}[ \-]?[0-9]{2}[ \-]?[0-9]{4}\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(itin.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "913-75-8584",
        "971-95-4061",
        "ITIN 903954762",
        "taxpayer ID: 971954061",
        "913758584 is my ITIN",
    ),
    "negative": (
        "913758584",
        "ITIN 900-49-1234",
        "123-45-6789",
        "912 81 1234",
        "913-75-85841",
        "order 900701234",
    ),
}
