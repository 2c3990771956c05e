"""vat_id: value added tax numbers of the European Union, Britain, Norway and Switzerland, with their country before.

A sole trader's number is personal. The check digits of the country must be right, after python-stdnum.

>>> validate("DE136695976"), validate("DE136695978")
(True, False)
"""

import re
from typing import Final

from stdnum.ch import vat as ch_vat
from stdnum.eu import vat as eu_vat
from stdnum.gb import vat as gb_vat

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import ENDS, LEFT, RIGHT, begins, plain

CATEGORY: Final = "vat_id"
SEVERITY: Final = "medium"
SHORTENS: Final = True
CONFIDENCE: Final = (0.7, 0.95)
AGAINST: Final = (0,)

_WORDS: Final = "vat|ust-id|ust-idnr|ustid|umsatzsteuer-id|tva|n° tva|iva|nif-iva|partita iva|btw|btw-nummer|mwst|uid"
_VALUE: Final = r"[A-Za-z]{2,3}[ \-]?[0-9A-Za-z](?:[ .\-]?[0-9A-Za-z]){6,12}"

CANDIDATE: Final = (
    LEFT + b"[A-Z]{2}(?:[A-Z]?[0-9]{7,12}[A-Z]?[A-Z0-9]?[0-9]?|[0-9]{9}B[0-9]{2}|[0-9A-Z]{2}[0-9]{9})" + RIGHT,
    candidate(_WORDS),
)
EXACT: Final = (
    re.compile(
        begins("[A-Z]") + "[A-Z](?:[A-Z]?[0-9]{7,12}[A-Z]?[A-Z0-9]?[0-9]?|[0-9]{9}B[0-9]{2}|[0-9A-Z]{2}[0-9]{9})" + ENDS
    ),
    told(_WORDS, _VALUE),
)
FIELD_NAMES: Final = (
    "vat",
    "vat_id",
    "vat_number",
    "vat_no",
    "ust_id",
    "ustid",
    "ust_idnr",
    "tva",
    "partita_iva",
    "btw",
)
FIELD_VALUE: Final = re.compile(r"\s*[A-Za-z]{2,3}[ \-]?[0-9A-Za-z](?:[ .\-]?[0-9A-Za-z]){6,12}\s*")


def validate(text: str) -> bool:
    """Whether `text` is a number of the country that it begins with."""
    number = plain(text)
    if number.startswith("GB"):
        return bool(gb_vat.is_valid(number))
    return bool(ch_vat.is_valid(number) if number.startswith("CHE") else eu_vat.is_valid(number))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "DE136695976",
        "ATU13585627",
        "FR40303265045",
        "NL123456789B13",
        "USt-IdNr. DE 136695976",
        "VAT: BE 0428.759.497",
        "ESB58378431",
    ),
    "negative": (
        "DE136695978",
        "ATU13585628",
        "XX136695976",
        "DE13669597",
        "aDE136695976",
        "VAT 20 percent",
        "de136695976",
        "order no. DE136695976",
    ),
}
