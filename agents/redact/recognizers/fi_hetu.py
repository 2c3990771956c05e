"""fi_hetu: identity codes of Finland (henkilötunnus).

Day of birth, a sign for the century, serial and a check character; found anywhere.

>>> validate("151091-7691"), validate("131052-308U")
(True, False)
"""

import re
from typing import Final

from stdnum.fi import hetu

from penstock.agents.redact._text import ENDS, LEFT, RIGHT, begins, plain

CATEGORY: Final = "fi_hetu"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.85,)
AGAINST: Final = (0,)

CANDIDATE: Final = (LEFT + b"[0-3][0-9][01][0-9]{3}[+YXWVUABCDEF-][0-9]{3}[0-9A-Ya-y]" + RIGHT,)
EXACT: Final = (
    re.compile(begins("[0-3]", "[0-9][-.]") + f"[0-9][01][0-9]{{3}}[+YXWVUABCDEF-][0-9]{{3}}[0-9A-Ya-y]{ENDS}"),
)
FIELD_NAMES: Final = ("hetu", "henkilotunnus", "personal_identity_code")
FIELD_VALUE: Final = re.compile(r"\s*[0-9]{6}[+\-YXWVUABCDEFyxwvuabcdef][0-9]{3}[0-9A-Za-z]\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(hetu.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "151091-7691",
        "081089-483S",
        "200282-559p",
        "hetu 151091-7691",
        "henkilötunnus: 081089-483S",
    ),
    "negative": (
        "131052-308U",
        "310252-308T",
        "1151091-7691",
        "151091-76911",
        "131052/308T",
    ),
}
