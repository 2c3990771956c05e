"""ssn: social security numbers of the United States.

In text they stand in three groups, with dashes or blanks, or in any way near the words ``SSN`` or ``social
security``; in a field of such a name nine digits are enough. Numbers that were never given out (area 000, 666 and
from 900, group 00, serial 0000; SSA, RM 10201.035) count only near such words and in such a field.

>>> validate("123-45-6789"), validate("666-45-6789")
(True, False)
"""

import re
from typing import Final

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import (
    BLANK_BYTES,
    BLANKS,
    DASH_BYTES,
    DASHES,
    ENDS,
    LEFT,
    RIGHT,
    begins,
    digits,
    stars,
)

CATEGORY: Final = "ssn"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.8, 0.75, 0.95)
AGAINST: Final = (0, 1)
TOLD: Final = (2,)

_SHAPE: Final = "[0-9]{{2}}[{gap}][0-9]{{2}}[{gap}][0-9]{{4}}" + ENDS + "(?![{gap}][0-9])"
_WORDS: Final = "ssn|social[ _-]?sec(?:urity)?|soc\\.? ?sec|ss ?#|(?:my|his|her|their|your) social"

CANDIDATE: Final = (
    LEFT + b"[0-9]{3}" + DASH_BYTES + b"[0-9]{2}" + DASH_BYTES + b"[0-9]{4}" + RIGHT,
    LEFT + b"[0-9]{3}" + BLANK_BYTES + b"[0-9]{2}" + BLANK_BYTES + b"[0-9]{4}" + RIGHT,
    candidate(_WORDS),
)
EXACT: Final = (
    re.compile(begins("[0-9]", f"[0-9][{DASHES}]") + _SHAPE.format(gap=DASHES)),
    re.compile(begins("[0-9]", f"[0-9][{BLANKS}]") + _SHAPE.format(gap=BLANKS)),
    told(_WORDS, r"[0-9]{3}[ .\-]?[0-9]{2}[ .\-]?[0-9]{4}"),
)
FIELD_NAMES: Final = (
    "ssn",
    "ssn_number",
    "social",
    "social_security",
    "social_security_number",
    "social_security_no",
    "social_insurance_number",
    "sin",
)
# as a JSON number the leading zeros are gone
FIELD_VALUE: Final = re.compile(r"\s*[0-9]{3}[ \-\u2010-\u2015]?[0-9]{2}[ \-\u2010-\u2015]?[0-9]{4}\s*|[0-9]{7,8}")


def validate(text: str) -> bool:
    """Whether a number with these digits can have been given out."""
    number = digits(text)
    area, group, serial = number[:3], number[3:5], number[5:]
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000" and len(number) == 9


def plausible(text: str) -> bool:
    """Whether `text` is more than one digit nine times."""
    return len(set(digits(text))) > 1


def canonical(text: str) -> str:
    """Nine digits."""
    return digits(text).zfill(9)


def mask(text: str) -> str:
    """The last four digits are kept."""
    return stars(text, keep=4)


EXAMPLES: Final = {
    "positive": (
        "123-45-6789",
        "123 45 6789",
        "123\u201145\u20116789",
        "SSN: 123456789",
        "social security number 123456789",
        "899-99-9999",
        "SSN 987.65.4320",
        "123456789 is my social security number",
    ),
    "negative": (
        "000-12-3456",
        "666-12-3456",
        "900-12-3456",
        "123-00-6789",
        "123-45-0000",
        "123456789",
        "1123-45-6789",
        "123-45-67890",
        "12-123-45-6789",
        "123-45 6789",
        "a123-45-6789",
        "part no. 123-45-6789",
    ),
}
