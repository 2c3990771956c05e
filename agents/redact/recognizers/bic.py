"""bic: business identifier codes of banks (ISO 9362, SWIFT), near words that say so.

Eight or eleven letters and digits with a country in the middle; without a word near by every other English word in
capitals would be one (``DOCUMENT`` would be in Montenegro).

>>> validate("DEUTDEFF500"), validate("DEUTXXFF")
(True, False)
"""

import re
from typing import Final

from stdnum import bic

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import plain

CATEGORY: Final = "bic"
SEVERITY: Final = "low"

_WORDS: Final = "bic|swift|swift-bic|bic-code"
_VALUE: Final = "[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?"

CANDIDATE: Final = (candidate(_WORDS),)
EXACT: Final = (told(_WORDS, _VALUE),)
FIELD_NAMES: Final = ("bic", "swift", "swift_code", "bic_code", "swift_bic")
FIELD_VALUE: Final = re.compile(r"\s*[A-Za-z]{6}[A-Za-z0-9]{2}(?:[A-Za-z0-9]{3})?\s*")


def validate(text: str) -> bool:
    """Whether `text` has the form of a code in a country that there is."""
    return bool(bic.is_valid(text))


def canonical(text: str) -> str:
    """In capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "BIC DEUTDEFF",
        "BIC: COBADEFFXXX",
        "SWIFT code NWBKGB2L",
        "swift=BNPAFRPPXXX",
        "CHASUS33 is the SWIFT code",
    ),
    "negative": (
        "DEUTDEFF",
        "DOCUMENT",
        "BIC DEUTXXFF",
        "BIC unknown",
        "SWIFT DEUTDEFF5",
        "the swift HOLIDAYS",
    ),
}
