"""br_cpf: tax numbers of persons in Brazil (CPF).

Written with dots and a dash they are found anywhere.

>>> validate("376.385.497-59"), validate("123.456.789-00")
(True, False)
"""

import re
from typing import Final

from stdnum.br import cpf

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import ENDS, RIGHT, begins, plain

CATEGORY: Final = "br_cpf"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.95, 0.95)

_WORDS: Final = "cpf|cadastro de pessoa"
_VALUE: Final = r"[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}-?[0-9]{2}"

CANDIDATE: Final = (
    rb"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}" + RIGHT,
    candidate(_WORDS),
)
EXACT: Final = (
    re.compile(begins("[0-9]", r"[0-9]\.") + rf"[0-9]{{2}}\.[0-9]{{3}}\.[0-9]{{3}}-[0-9]{{2}}{ENDS}"),
    told(_WORDS, _VALUE),
)
FIELD_NAMES: Final = ("cpf", "cpf_number")
FIELD_VALUE: Final = re.compile(r"\s*[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}-?[0-9]{2}\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(cpf.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "376.385.497-59",
        "869.394.170-44",
        "CPF 20126596913",
        "CPF: 201.265.969-13",
        "37638549759 é meu CPF",
    ),
    "negative": (
        "37638549759",
        "123.456.789-00",
        "CPF 12345678900",
        "1.376.385.497-59",
        "376.385.497-591",
    ),
}
