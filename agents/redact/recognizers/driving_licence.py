"""driving_licence: numbers of driving licences, near words that say so; of Britain's own form anywhere.

Each state of the United States has a form of its own (one to three letters and up to 14 digits, or digits alone, in
groups in some); Britain's sixteen characters hold surname and day of birth (DVLA).

>>> validate("H12234567"), validate("MORGA657054SM9IJ"), validate("SOFTWARE")
(True, True, False)
"""

import re
from typing import Final

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import ENDS, LEFT, RIGHT, begins, digits, plain

CATEGORY: Final = "driving_licence"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.85, 0.85)

_WORDS: Final = (
    "driver(?:'?s'?|.s|s.)? ?(?:licen[cs]e|lic|permit)|driving ?(?:licen[cs]e|permit)|"
    "licen[cs]e (?:number|no|num|id|is|#)|"
    "driver_?licen[cs]e|drivers_licen[cs]e|(?-i:DL)|dl (?:number|no)|(?:my|his|her|their|your|state|valid) licen[cs]e|"
    "führerschein|führerscheinnummer|permis de conduire|permiso de conducir|carnet de conducir|licencia de conducir|"
    "patente di guida|rijbewijs"
)
_VALUE: Final = (
    r"(?:[A-Z]{1,3}[ \-]?)?[0-9]{2,4}(?:[ \-][0-9]{1,6}){1,4}|[A-Z]{1,3}[ -]?[0-9]{5,14}|"
    "[A-Za-z]{1,3}[0-9][0-9A-Za-z]{4,14}|[0-9][0-9A-Za-z]{5,16}|[A-Z]{5}[0-9]{6}[0-9A-Z]{3,5}"
)

CANDIDATE: Final = (
    candidate(_WORDS),
    LEFT + b"[A-Z9]{5}[0-9][0156][0-9][0-3][0-9]{2}[A-Z9]{2}[0-9A-Z]{3}" + RIGHT,
)
EXACT: Final = (
    told(_WORDS, _VALUE, before=30),
    re.compile(begins("[A-Z9]") + f"[A-Z9]{{4}}[0-9][0156][0-9][0-3][0-9]{{2}}[A-Z9]{{2}}[0-9A-Z]{{3}}{ENDS}"),
)
FIELD_NAMES: Final = (
    "driving_licence",
    "driving_license",
    "drivers_licence",
    "drivers_license",
    "driver_license",
    "driver_licence",
    "driver_license_number",
    "drivers_license_number",
    "driving_licence_number",
    "license_number",
    "licence_number",
    "dl_number",
    "fuehrerschein",
    "permis_de_conduire",
)
FIELD_VALUE: Final = re.compile(r"\s*(?=[^0-9]*[0-9][^0-9]*[0-9])[A-Za-z0-9*](?:[ \-]?[A-Za-z0-9*]){4,19}(?<!\*)\s*")

_LEAST: Final = 5
_DIGITS: Final = 4


def validate(text: str) -> bool:
    """Whether `text` has as many characters and digits as licences have."""
    return len(plain(text)) >= _LEAST and len(digits(text)) >= _DIGITS and not _DATE.fullmatch(text)


_DATE: Final = re.compile(
    r"(?:19|20)[0-9]{2}[ \-][0-9]{2}(?:[ \-][0-9]{2})?|[0-9]{2}[ \-][0-9]{2}[ \-](?:19|20)[0-9]{2}"
)


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "driver's license is H12234567",
        "Driver License: 99999999",
        "driving licence no. MORGA657054SM9IJ",
        "MORGA657054SM9IJ",
        "drivers license D123-4567-8901",
        "my DL is S12345678",
        "Führerschein B072RRE2I55",
        "license number: 123 456 789",
        "F255-921-50-094-0 is my driver's license",
    ),
    "negative": (
        "H12234567",
        "99999999",
        "the license is Apache 2.0",
        "driver's license expires 2027-05-01",
        "driver version 12345678",
        "MORGA697054SM9IJ",
        "licensed since 2019",
    ),
}
