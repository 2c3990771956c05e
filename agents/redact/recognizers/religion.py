"""religion: what somebody believes (GDPR, article 9), by the name of the field.

>>> validate("Catholic"), validate("***")
(True, False)
"""

from typing import Final

from penstock.agents.redact._text import ANYTHING

CATEGORY: Final = "religion"
SEVERITY: Final = "critical"
SPECIAL: Final = True

CANDIDATE: Final = ()
EXACT: Final = ()
FIELD_NAMES: Final = (
    "religion",
    "religious_belief",
    "religious_affiliation",
    "faith",
    "denomination",
    "konfession",
    "religionszugehoerigkeit",
    "confession_religieuse",
    "creencia",
)
FIELD_VALUE: Final = ANYTHING


def validate(text: str) -> bool:
    """Whether `text` says anything that is not hidden yet."""
    return FIELD_VALUE.fullmatch(text) is not None


EXAMPLES: Final = {
    "positive": (
        "Catholic",
        "Islam",
        "none",
        "Buddhist",
        "evangelisch",
    ),
    "negative": (
        "",
        "***",
        "[religion]",
        "hash:0123abcd:0123456789abcdef0123456789abcdef",
        " ",
    ),
}
