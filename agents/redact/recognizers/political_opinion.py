"""political_opinion: what somebody thinks of politics, parties and unions (GDPR, article 9), by the name of the field.

>>> validate("liberal"), validate("***")
(True, False)
"""

from typing import Final

from penstock.agents.redact._text import ANYTHING

CATEGORY: Final = "political_opinion"
SEVERITY: Final = "critical"
SPECIAL: Final = True

CANDIDATE: Final = ()
EXACT: Final = ()
FIELD_NAMES: Final = (
    "political_opinion",
    "political_view",
    "political_affiliation",
    "party_affiliation",
    "party_membership",
    "voted_for",
    "union_membership",
    "trade_union",
    "gewerkschaft",
    "syndicat",
    "sindicato",
    "parteizugehoerigkeit",
)
FIELD_VALUE: Final = ANYTHING


def validate(text: str) -> bool:
    """Whether `text` says anything that is not hidden yet."""
    return FIELD_VALUE.fullmatch(text) is not None


EXAMPLES: Final = {
    "positive": (
        "liberal",
        "member",
        "Green Party",
        "IG Metall",
        "voted yes",
    ),
    "negative": (
        "",
        "***",
        "[political_opinion]",
        "hash:0123abcd:0123456789abcdef0123456789abcdef",
        " ",
    ),
}
