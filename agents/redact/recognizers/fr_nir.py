"""fr_nir: numbers of persons in France (NIR, numéro de sécurité sociale).

Fifteen characters with the sex, the year and the month of birth and a check of two digits (INSEE), found anywhere.

>>> validate("118076966927657"), validate("185057800608437")
(True, False)
"""

import re
from typing import Final

from stdnum.fr import nir

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import ENDS, LEFT, RIGHT, begins, plain

CATEGORY: Final = "fr_nir"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.85, 0.95)

_WORDS: Final = "nir|sécurité sociale|securite sociale|numéro de sécu|sécu|insee|carte vitale"
_VALUE: Final = "[12378][ ]?[0-9]{2}[ ]?[0-9]{2}[ ]?[0-9][0-9ABab][ ]?[0-9]{3}[ ]?[0-9]{3}[ ]?[0-9]{2}"

CANDIDATE: Final = (
    LEFT + b"[12] ?[0-9]{2} ?(?:0[1-9]|1[0-2]) ?[0-9][0-9AB] ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}" + RIGHT,
    candidate(_WORDS),
)
EXACT: Final = (
    re.compile(
        begins("[12]", r"[0-9]\.") + " ?[0-9]{2} ?(?:0[1-9]|1[0-2]) ?[0-9][0-9AB] ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}" + ENDS
    ),
    told(_WORDS, _VALUE),
)
FIELD_NAMES: Final = ("nir", "numero_securite_sociale", "securite_sociale", "num_secu", "insee_number")
FIELD_VALUE: Final = re.compile(r"\s*[1-8](?:[ ]?[0-9ABab]){14}\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(nir.is_valid(plain(text)))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "118076966927657",
        "1 18 07 69 669 276 57",
        "1 33 11 78 528 285 66",
        "NIR 124111326559842",
        "numéro de sécurité sociale : 1 24 11 13 265 598 42",
    ),
    "negative": (
        "185057800608437",
        "1 85 05 78 006 084 37",
        "18505780060843",
        "1850578006084361",
        "a118076966927657",
        "170531460012345",
    ),
}
