"""de_tax_id: tax identification numbers of persons in Germany (IdNr, section 139b AO).

They count near a word that says so, and in a field of such a name.

>>> validate("68733594038"), validate("12345678901")
(True, False)
"""

import re
from typing import Final

from stdnum.de import idnr

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import plain

CATEGORY: Final = "de_tax_id"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.95,)

_WORDS: Final = (
    "steuer-id|steuerid|steuer id|idnr|steueridentifikationsnummer|steuerliche identifikationsnummer|"
    "identifikationsnummer|steuernummer|tax id|tax identification"
)
_VALUE: Final = "[0-9]{2}[ /]?[0-9]{3}[ /]?[0-9]{3}[ /]?[0-9]{3}"

CANDIDATE: Final = (candidate(_WORDS),)
EXACT: Final = (told(_WORDS, _VALUE),)
FIELD_NAMES: Final = ("steuer_id", "idnr", "steueridentifikationsnummer", "tax_id", "tax_identification_number")
FIELD_VALUE: Final = re.compile(r"\s*[0-9]{2}[ /]?[0-9]{3}[ /]?[0-9]{3}[ /]?[0-9]{3}\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(idnr.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "Steuer-ID 68733594038",
        "IdNr: 34356839206",
        "Steueridentifikationsnummer 23 790 168 461",
        "Tax ID 68733594038",
        "34356839206 ist meine Steuer-ID",
    ),
    "negative": (
        "68733594038",
        "IdNr 12345678901",
        "Steuer-ID 1234567890",
        "Steuer-ID fehlt",
        "Bestellung 36574261809",
    ),
}
