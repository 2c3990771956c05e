"""br_cnpj: tax numbers of companies and sole traders in Brazil (CNPJ).

Written with dots, slash and dash they are found anywhere.

>>> validate("17.961.360/0001-52"), validate("16.727.230/0001-98")
(True, False)
"""

import re
from typing import Final

from stdnum.br import cnpj

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import ENDS, RIGHT, begins, plain

CATEGORY: Final = "br_cnpj"
SEVERITY: Final = "medium"
CONFIDENCE: Final = (0.95, 0.95)

_WORDS: Final = "cnpj"
_VALUE: Final = r"[0-9]{2}\.?[0-9]{3}\.?[0-9]{3}/?[0-9]{4}-?[0-9]{2}"

CANDIDATE: Final = (
    rb"[0-9]{2}\.[0-9]{3}\.[0-9]{3}/[0-9]{4}-[0-9]{2}" + RIGHT,
    candidate(_WORDS),
)
EXACT: Final = (
    re.compile(begins("[0-9]", r"[0-9]\.") + rf"[0-9]\.[0-9]{{3}}\.[0-9]{{3}}/[0-9]{{4}}-[0-9]{{2}}{ENDS}"),
    told(_WORDS, _VALUE),
)
FIELD_NAMES: Final = ("cnpj", "cnpj_number")
FIELD_VALUE: Final = re.compile(r"\s*[0-9]{2}\.?[0-9]{3}\.?[0-9]{3}/?[0-9]{4}-?[0-9]{2}\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(cnpj.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "17.961.360/0001-52",
        "16.747.482/0001-88",
        "CNPJ 94078225000104",
        "CNPJ: 94.078.225/0001-04",
        "17961360000152 é o CNPJ",
    ),
    "negative": (
        "17961360000152",
        "16.727.230/0001-98",
        "CNPJ 16727230000198",
        "1.17.961.360/0001-52",
        "17.961.360/0001-521",
    ),
}
