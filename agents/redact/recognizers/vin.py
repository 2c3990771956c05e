"""vin: numbers of vehicles (ISO 3779), with the check digit of North America anywhere, others near words that say so.

>>> validate("1HGCM82633A004352"), validate("1HGCM82633A004353")
(True, False)
"""

import re
from typing import Final

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import ENDS, LEFT, RIGHT, begins, plain

CATEGORY: Final = "vin"
SEVERITY: Final = "medium"
CONFIDENCE: Final = (0.75, 0.9)
AGAINST: Final = (0,)
TOLD: Final = (1,)

_WORDS: Final = "vin|vehicle identification|vehicle id|chassis|fahrgestellnummer|numéro de châssis|número de bastidor"

CANDIDATE: Final = (
    LEFT + b"[0-9A-HJ-NPR-Z]{8}[0-9X][0-9A-HJ-NPR-Z]{4}[0-9]{4}" + RIGHT,
    candidate(_WORDS),
)
EXACT: Final = (
    re.compile(begins("[0-9A-HJ-NPR-Z]") + f"[0-9A-HJ-NPR-Z]{{7}}[0-9X][0-9A-HJ-NPR-Z]{{4}}[0-9]{{4}}{ENDS}"),
    told(_WORDS, "[0-9A-HJ-NPR-Za-hj-npr-z]{13}[0-9]{4}"),
)
FIELD_NAMES: Final = ("vin", "vin_number", "vehicle_identification_number", "chassis_number", "fahrgestellnummer")
FIELD_VALUE: Final = re.compile(r"\s*[0-9A-HJ-NPR-Za-hj-npr-z]{17}\s*")

_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VALUES: Final = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True))


def validate(text: str) -> bool:
    """Whether `text` has letters and digits and the ninth character checks the others (49 CFR 565)."""
    number = plain(text)
    values = (int(c) if c.isdigit() else _VALUES[c] for c in number)
    total = sum(weight * value for weight, value in zip(_WEIGHTS, values, strict=True))
    return plausible(text) and number[8] == "0123456789X"[total % 11]


def plausible(text: str) -> bool:
    """Whether `text` has letters and digits."""
    return not text.isdigit() and any(c.isdigit() for c in text[:13])


def canonical(text: str) -> str:
    """In capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "1HGCM82633A004352",
        "1M8GDM9AXKP042788",
        "VIN WVWZZZ1JZXW000001",
        "VIN: 5YJSA1E26HF000337",
        "Fahrgestellnummer wdb9066331s123456",
    ),
    "negative": (
        "1HGCM82633A004353",
        "WVWZZZ1JZXW000001",
        "11111111111111111",
        "1HGCM82633A00435",
        "1HGCM82633A0043521",
        "part no. 1HGCM82633A004352",
    ),
}
