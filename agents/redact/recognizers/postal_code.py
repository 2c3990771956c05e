"""postal_code: postal codes near words that say so or in a field of such a name; Britain's by their form.

They are personal in company only: looked for where asked for.

>>> validate("SW1A 1AA"), validate("94105")
(True, True)
"""

import re
from typing import Final

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import ENDS, LEFT, RIGHT, begins, plain

CATEGORY: Final = "postal_code"
SEVERITY: Final = "low"
BY_DEFAULT: Final = False
CONFIDENCE: Final = (0.75, 0.85)

_WORDS: Final = (
    "zip|zip code|postal code|postcode|post code|plz|postleitzahl|code postal|código postal|codigo postal|cap"
)
_AREA: Final = "[A-Z]{1,2}[0-9][0-9A-Z]? [0-9][ABD-HJLNP-UW-Z]{2}"

CANDIDATE: Final = (
    LEFT + _AREA.encode() + RIGHT,
    candidate(_WORDS),
)
EXACT: Final = (
    re.compile(begins("[A-Z]") + "[A-Z]?[0-9][0-9A-Z]? [0-9][ABD-HJLNP-UW-Z]{2}" + ENDS),
    told(_WORDS, "[0-9]{5}-[0-9]{4}|[0-9]{4,6}|[0-9]{4} ?[A-Z]{2}|[A-Z][0-9][A-Z] ?[0-9][A-Z][0-9]", before=12),
)
FIELD_NAMES: Final = (
    "zip",
    "zip_code",
    "zipcode",
    "postal_code",
    "postcode",
    "post_code",
    "plz",
    "postleitzahl",
    "code_postal",
    "codigo_postal",
)
FIELD_VALUE: Final = re.compile(r"\s*[0-9A-Za-z](?:[ \-]?[0-9A-Za-z]){2,9}\s*")

_KEPT: Final = 2
_FROM: Final = re.compile("[0-9A-Za-z]")


def validate(text: str) -> bool:
    """Whether `text` holds a digit, as the pattern has seen to."""
    return any(character.isdigit() for character in text)


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


def generalise(text: str) -> str:
    """The first two characters.

    >>> generalise("94105")
    '94***'
    """
    places = [match.start() for match in _FROM.finditer(text)][_KEPT:]
    return "".join("*" if at in places else character for at, character in enumerate(text))


EXAMPLES: Final = {
    "positive": (
        "SW1A 1AA",
        "M1 1AE",
        "zip 94105",
        "PLZ: 10115",
        "code postal 75001",
        "ZIP code is 94105-1234",
    ),
    "negative": (
        "94105",
        "sw1a 1aa",
        "SW1A 1CA",
        "XSW1A 1AA",
        "zip file of 3 MB",
        "12345 items",
    ),
}
