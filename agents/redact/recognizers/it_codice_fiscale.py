"""it_codice_fiscale: tax codes of persons in Italy (codice fiscale).

Sixteen letters and digits that hold name, birth and place, and a check letter; found anywhere.

>>> validate("RSSMRA85T10A562S"), validate("RSSMRA85T10A562T")
(True, False)
"""

import re
from typing import Final

from stdnum.it import codicefiscale

from penstock.agents.redact._text import ENDS, LEFT, RIGHT, begins, plain

CATEGORY: Final = "it_codice_fiscale"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.95,)

_D: Final = "[0-9LMNPQRSTUVlmnpqrstuv]"  # letters stand for digits where two persons would have one code
_DB: Final = _D.encode()

CANDIDATE: Final = (
    LEFT + b"[A-Za-z]{6}" + _DB * 2 + b"[A-Za-z]" + _DB * 2 + b"[A-Za-z]" + _DB * 3 + b"[A-Za-z]" + RIGHT,
)
EXACT: Final = (
    re.compile(begins("[A-Za-z]") + f"[A-Za-z]{{5}}{_D}{{2}}[A-Za-z]{_D}{{2}}[A-Za-z]{_D}{{3}}[A-Za-z]{ENDS}"),
)
FIELD_NAMES: Final = ("codice_fiscale", "cod_fiscale", "codfisc")
FIELD_VALUE: Final = re.compile(r"\s*[A-Za-z]{6}[0-9A-Za-z]{2}[A-Za-z][0-9A-Za-z]{2}[A-Za-z][0-9A-Za-z]{3}[A-Za-z]\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(codicefiscale.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "RSSMRA85T10A562S",
        "MGTVDR63D14A141S",
        "rzvrds79p23e583z",
        "codice fiscale RGSCCF75R24L453H",
        "CF: MGTVDR63D14A141S",
    ),
    "negative": (
        "RSSMRA85T10A562T",
        "RSSMRA85T10A562",
        "RSSMRA85T10A562SX",
        "ABCDEF12G34H567I",
        "XRSSMRA85T10A562S",
    ),
}
