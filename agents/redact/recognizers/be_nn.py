"""be_nn: national register numbers of Belgium (rijksregisternummer, numéro national).

Day of birth, serial and a check of two digits; with dots and dash they are found anywhere.

>>> validate("55.04.13-227.81"), validate("85.07.30-033.29")
(True, False)
"""

import re
from typing import Final

from stdnum.be import nn

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import ENDS, RIGHT, begins, plain

CATEGORY: Final = "be_nn"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.95, 0.95)

_WORDS: Final = "rijksregisternummer|insz|niss|numéro national|registre national|nationaal nummer"
_VALUE: Final = r"[0-9]{2}\.?[0-9]{2}\.?[0-9]{2}[ \-]?[0-9]{3}\.?[0-9]{2}"

CANDIDATE: Final = (
    rb"[0-9]{2}\.[01][0-9]\.[0-3][0-9]-[0-9]{3}\.[0-9]{2}" + RIGHT,
    candidate(_WORDS),
)
EXACT: Final = (
    re.compile(begins("[0-9]", r"[0-9]\.") + rf"[0-9]\.[01][0-9]\.[0-3][0-9]-[0-9]{{3}}\.[0-9]{{2}}{ENDS}"),
    told(_WORDS, _VALUE),
)
FIELD_NAMES: Final = ("rijksregisternummer", "national_register_number", "insz", "niss")
FIELD_VALUE: Final = re.compile(r"\s*[0-9]{2}\.?[0-9]{2}\.?[0-9]{2}[ \-]?[0-9]{3}\.?[0-9]{2}\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(nn.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "55.04.13-227.81",
        "68.10.10-031.03",
        "rijksregisternummer 60032204789",
        "numéro national : 60.03.22-047.89",
        "55041322781 is mijn rijksregisternummer",
    ),
    "negative": (
        "55041322781",
        "85.07.30-033.29",
        "rijksregisternummer 85073003329",
        "155.04.13-227.81",
        "55.04.13-227.811",
    ),
}
