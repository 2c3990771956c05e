"""date_of_birth: days of birth, near words that say so or in a field of such a name.

>>> validate("1985-07-30"), validate("1985-13-30")
(True, False)
"""

import re
from typing import Final

from penstock.agents.redact._context import candidate, told

CATEGORY: Final = "date_of_birth"
SEVERITY: Final = "high"

_WORDS: Final = (
    "date of birth|birth ?date|birthday|dob|d\\.o\\.b\\.?|born|geburtsdatum|geburtstag|geboren|geb\\.|"
    "date de naissance|née? le|naissance|fecha de nacimiento|nacid[oa]|nacimiento|"
    "data di nascita|nat[oa] il|geboortedatum"
)
_MONTHS: Final = (
    "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mär|mai|okt|dez|janv|févr|avr|juin|juil|août|déc|ene|abr|ago|dic|"
    "enero|febrero|marzo)[a-zéûäA-Z]{0,7}"
)
_VALUE: Final = (
    "(?:19|20)[0-9]{2}[-/.][01]?[0-9][-/.][0-3]?[0-9]|[0-3]?[0-9][-/.][0-3]?[0-9][-/.](?:(?:19|20)[0-9]{2}|[0-9]{2})|"
    f"[0-3]?[0-9](?:st|nd|rd|th|er)?[.]? (?:of |de )?(?ai:{_MONTHS})[.,]? (?:de )?(?:19|20)[0-9]{{2}}|"
    f"(?ai:{_MONTHS})[.]? [0-3]?[0-9](?:st|nd|rd|th)?,? (?:19|20)[0-9]{{2}}"
)

CANDIDATE: Final = (candidate(_WORDS),)
EXACT: Final = (told(_WORDS, _VALUE),)
FIELD_NAMES: Final = (
    "date_of_birth",
    "dob",
    "birth_date",
    "birthdate",
    "birthday",
    "birth_day",
    "born",
    "born_on",
    "geburtsdatum",
    "geburtstag",
    "date_naissance",
    "date_de_naissance",
    "fecha_nacimiento",
    "fecha_de_nacimiento",
    "geb_datum",
    "geb_dat",
    "geboren_am",
    "date_naiss",
    "ne_le",
    "fecha_nac",
    "data_di_nascita",
    "data_nascita",
    "geboortedatum",
)
FIELD_VALUE: Final = re.compile(
    r"\s*(?:[0-9]{1,4}[-/. ]+[0-9A-Za-zé]{1,9}[-/., ]+[0-9]{1,4}(?:[T ][0-9:.]+Z?)?|[0-9]{8})\s*"
)

_NUMBERS: Final = re.compile("[0-9]+")
_YEAR: Final = re.compile("(?:19|20)[0-9]{2}")


def validate(text: str) -> bool:
    """Whether there is such a day in one of the ways to read it."""
    numbers = [int(number) for number in _NUMBERS.findall(text)]
    if len(numbers) < 3:
        return 1 <= min(numbers) <= 31
    days = numbers[1:] if _YEAR.match(text) else numbers[:2]
    return 1 <= min(days) <= 12 and max(days) <= 31


def generalise(text: str) -> str:
    """The year, where one is written with four digits; else nothing is left of it.

    >>> generalise("30.07.1985"), generalise("30.07.85")
    ('1985', '*')
    """
    year = _YEAR.search(text)
    return year[0] if year else "*"


EXAMPLES: Final = {
    "positive": (
        "born 1985-07-30",
        "DOB: 07/30/1985",
        "date of birth is 30 July 1985",
        "geboren am 30.07.1985",
        "né le 30/07/1985",
        "fecha de nacimiento: 30 de enero de 1985",
        "born on July 30th, 1985",
        "30.07.1985 is my birthday",
    ),
    "negative": (
        "1985-07-30",
        "born 1985-13-32",
        "born in 1985",
        "shipped 30.07.1985",
        "birthday party at 10:30",
        "geboren in Berlin",
        "newborn 1985-07-30",
    ),
}
