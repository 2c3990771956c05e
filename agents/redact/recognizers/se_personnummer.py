"""se_personnummer: identity numbers of Sweden (personnummer).

Day of birth, serial and check digit; with the dash they are found anywhere.

>>> validate("911102-8982"), validate("880320-0018")
(True, False)
"""

import re
from typing import Final

from stdnum.se import personnummer

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import ENDS, LEFT, RIGHT, begins, plain

CATEGORY: Final = "se_personnummer"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.8, 0.95)
AGAINST: Final = (0,)

_WORDS: Final = "personnummer|pers.nr|personnr|pnr|samordningsnummer"
_VALUE: Final = r"(?:19|20)?[0-9]{6}[\-+]?[0-9]{4}"

CANDIDATE: Final = (
    LEFT + b"(?:19|20)?[0-9]{2}[01][0-9][0-3][0-9][-+][0-9]{4}" + RIGHT,
    candidate(_WORDS),
)
EXACT: Final = (
    re.compile(
        begins("[0-9]", "[0-9][-.]")
        + f"(?:[0-9]{{5}}|(?<=1)9[0-9]{{6}}|(?<=2)0[0-9]{{6}})[-+][0-9]{{4}}{ENDS}(?!-[0-9])"
    ),
    told(_WORDS, _VALUE),
)
FIELD_NAMES: Final = ("personnummer", "personnr", "pnr")
FIELD_VALUE: Final = re.compile(r"\s*(?:19|20)?[0-9]{6}[\-+]?[0-9]{4}\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(personnummer.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "911102-8982",
        "19600617-2230",
        "personnummer 6603153427",
        "personnummer: 911102-8982",
        "600617-2230 är mitt personnummer",
    ),
    "negative": (
        "9111028982",
        "880320-0018",
        "881332-0016",
        "1911102-8982",
        "911102-89821",
    ),
}
