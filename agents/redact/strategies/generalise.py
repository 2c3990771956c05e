"""generalise: put something wider in place of a match that is true as well, as its network for an address.

As the recognizer of the category does. The whole value of a field, which a rule names, is told by its form:

============================  ==================================
an address                    its network: /24, of IPv6 /48
a date                        the year
coordinates                   one decimal, some eleven kilometres
a number up to three digits   an age: ten years
a postal code                 its first two characters
anything else                 stars
============================  ==================================
"""

import re
from typing import Final

from penstock.agents.redact._policy import WHOLE_FIELD
from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact._strategy import Replace
from penstock.agents.redact.recognizers import ip
from penstock.agents.redact.strategies.mask import stars
from penstock.model.errors import ConfigurationError
from penstock.model.keyring import Key

_BAND: Final = 10
_POSTAL_KEPT: Final = 2

_YEAR: Final = re.compile("(?<![0-9])(?:1[89]|20)[0-9]{2}(?![0-9])")
_DATE: Final = re.compile(r"[0-9]{1,4}([-/.])[0-9]{1,2}\1[0-9]{1,4}(?:[T ][0-9:.,+Z -]{1,24})?|(?:1[89]|20)[0-9]{2}")
_AGE: Final = re.compile("[0-9]{1,3}")
_BANDED: Final = re.compile("[0-9]{1,3}-[0-9]{1,3}")
_COORDINATES: Final = re.compile(r"[+-]?[0-9]{1,3}\.[0-9]+(?:[ ,;]{1,3}[+-]?[0-9]{1,3}\.[0-9]+)?")
_DECIMALS: Final = re.compile(r"(\.[0-9])[0-9]+")
_POSTAL: Final = re.compile(
    "[0-9]{5}(?:-[0-9]{4})?|[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}|[0-9]{4} ?[A-Z]{2}|[0-9]{4}"
)

_POSTAL_AREA: Final = re.compile(r"[0-9A-Z]{2}[* -]*[*]")


def build(recognizer: Recognizer, key: Key | None) -> Replace:
    """As the recognizer generalises. Raises ConfigurationError if it cannot."""
    if recognizer.category == WHOLE_FIELD:
        return by_form
    if recognizer.generalise is None:
        raise ConfigurationError(
            f"redact: {recognizer.category} cannot be generalised", hint="take mask, hash, tokenize or remove"
        )
    return recognizer.generalise


def by_form(text: str) -> str:
    """What stands for a whole value; what was generalised stays as it is.

    >>> [by_form(text) for text in ("203.0.113.77", "1985-07-30", "52.520008, 13.404954", "42", "94105", "Ann")]
    ['203.0.113.0', '1985', '52.5, 13.4', '40-49', '94***', '***']
    """
    if ip.validate(text):
        return ip.generalise(text)
    if _DATE.fullmatch(text):
        year = _YEAR.search(text)
        return year[0] if year else stars(text)
    if _COORDINATES.fullmatch(text):
        return _DECIMALS.sub(r"\1", text)
    if _AGE.fullmatch(text):
        low = int(text) // _BAND * _BAND
        return f"{low}-{low + _BAND - 1}"
    if _BANDED.fullmatch(text):
        return text
    if _POSTAL.fullmatch(text):
        return text[:_POSTAL_KEPT] + stars(text[_POSTAL_KEPT:])
    return text if _POSTAL_AREA.fullmatch(text) else stars(text)
