"""sexual_orientation: somebody's sex life or orientation (GDPR, article 9), by the name of the field.

>>> validate("heterosexual"), validate("***")
(True, False)
"""

from typing import Final

from penstock.agents.redact._text import ANYTHING

CATEGORY: Final = "sexual_orientation"
SEVERITY: Final = "critical"
SPECIAL: Final = True

CANDIDATE: Final = ()
EXACT: Final = ()
FIELD_NAMES: Final = (
    "sexual_orientation",
    "sexual_preference",
    "sex_life",
    "gender_identity",
    "sexuelle_orientierung",
    "orientation_sexuelle",
    "orientacion_sexual",
)
FIELD_VALUE: Final = ANYTHING


def validate(text: str) -> bool:
    """Whether `text` says anything that is not hidden yet."""
    return FIELD_VALUE.fullmatch(text) is not None


EXAMPLES: Final = {
    "positive": (
        "heterosexual",
        "gay",
        "bisexual",
        "undisclosed",
        "asexual",
    ),
    "negative": (
        "",
        "***",
        "[sexual_orientation]",
        "hash:0123abcd:0123456789abcdef0123456789abcdef",
        " ",
    ),
}
