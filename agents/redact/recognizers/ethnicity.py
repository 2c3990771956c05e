"""ethnicity: somebody's racial or ethnic origin (GDPR, article 9), by the name of the field.

>>> validate("Han"), validate("***")
(True, False)
"""

from typing import Final

from penstock.agents.redact._text import ANYTHING

CATEGORY: Final = "ethnicity"
SEVERITY: Final = "critical"
SPECIAL: Final = True

CANDIDATE: Final = ()
EXACT: Final = ()
FIELD_NAMES: Final = (
    "ethnicity",
    "ethnic_group",
    "ethnic_origin",
    "race",
    "racial_origin",
    "ethnic_background",
    "ethnie",
    "etnia",
    "origine_ethnique",
    "origen_etnico",
    "herkunft",
    "skin_color",
    "skin_colour",
)
FIELD_VALUE: Final = ANYTHING


def validate(text: str) -> bool:
    """Whether `text` says anything that is not hidden yet."""
    return FIELD_VALUE.fullmatch(text) is not None


EXAMPLES: Final = {
    "positive": (
        "Han",
        "Hispanic or Latino",
        "White British",
        "Roma",
        "Yoruba",
    ),
    "negative": (
        "",
        "***",
        "[ethnicity]",
        "hash:0123abcd:0123456789abcdef0123456789abcdef",
        " ",
    ),
}
