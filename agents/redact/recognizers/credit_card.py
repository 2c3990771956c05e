"""credit_card: payment card numbers, 13 to 19 digits in one run or in the groups that are printed on cards.

A number counts if its first digits and its length belong to a card scheme (ISO/IEC 7812-1) and its check digit is
right (Luhn). A 13-digit run that is also a valid EAN is taken for an article number. Behind words such as ``card`` or
``Visa`` one of the two is enough, from twelve digits on and in any groups.

>>> validate("4111 1111 1111 1111"), validate("4111 1111 1111 1112")
(True, False)
"""

import re
from typing import Final

from stdnum import ean

from penstock.agents.redact._context import BETWEEN, caseless
from penstock.agents.redact._text import BLANKS, DASHES, ENDS, begins, digits, stars

CATEGORY: Final = "credit_card"
SEVERITY: Final = "critical"
SHORTENS: Final = True
CONFIDENCE: Final = (0.95, 0.8)
AGAINST: Final = (0,)
TOLD: Final = (1,)

_FIRST: Final = "[2-68]"
_GROUPS: Final = ((4, 4, 4, 4, 3), (4, 4, 4, 4), (4, 6, 5), (4, 6, 4))
_GAP: Final = f"[{BLANKS}{DASHES}]"
_SHAPES: Final = "|".join(f"[0-9]{{{a - 1}}}" + "".join(f"{_GAP}[0-9]{{{n}}}" for n in rest) for a, *rest in _GROUPS)

_WORDS: Final = (
    "card|visa|mastercard|amex|american express|discover|diners|maestro|jcb|creditcard|debit|credit|kreditkarte|"
    "kartennummer|karte|carte|tarjeta|carta"
)

_GAPS: Final = rb"[ \x80-\xff-]+"
CANDIDATE: Final = (
    rb"[2-68][0-9]{12}|[0-9]{4}" + _GAPS + rb"[0-9]{4}" + _GAPS + rb"[0-9]{4}|"
    rb"[0-9]{4}" + _GAPS + rb"[0-9]{6}" + _GAPS + rb"[0-9]{4}",
    rb"(?i:" + _WORDS.encode() + rb")[^0-9\0]*[0-9][0-9 \x80-\xff-]{10}",
)
EXACT: Final = (
    re.compile(begins(_FIRST, r"[0-9]\.") + f"(?:[0-9]{{12,18}}|{_SHAPES}){ENDS}(?!\\.[0-9])"),
    re.compile(
        rf"(?<![A-Za-z]){caseless(_WORDS)}s?(?![a-z]){BETWEEN}{{0,40}}?(?<![0-9A-Za-z_.+])([0-9](?:{_GAP}?[0-9]){{11,18}}){ENDS}"
    ),
)
FIELD_NAMES: Final = (
    "credit_card",
    "credit_card_number",
    "card_number",
    "cardnumber",
    "card_no",
    "cc_number",
    "cc_num",
    "pan",
)
FIELD_VALUE: Final = re.compile(r"\s*[0-9](?:[ \-]?[0-9]){11,18}\s*")

_SCHEMES: Final = (
    ("4", (13, 16, 19)),  # Visa
    ("5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),  # Mastercard
    ("3[47]", (15,)),  # American Express
    ("30[0-5]|3095|36|3[89]", (14, 16, 19)),  # Diners Club
    ("6011|64[4-9]|65|62|81|35(?:2[89]|[3-8])|220[0-4]", (16, 17, 18, 19)),  # Discover, UnionPay, JCB, Mir
    ("5018|5020|5038|5[678]|6304|6759|676[1-3]", (13, 14, 15, 16, 17, 18, 19)),  # Maestro
    ("60|82|508|353|356", (16,)),  # RuPay
)
_PREFIXES: Final = {
    length: re.compile("|".join(prefix for prefix, lengths in _SCHEMES if length in lengths))
    for length in range(13, 20)
}
_EAN: Final = 13
_DOUBLED: Final = str.maketrans("0123456789", "0246813579")  # with the digits of 10 and more added up


def validate(text: str) -> bool:
    """Whether the digits of `text` are a card number."""
    number = digits(text)
    prefix = _PREFIXES.get(len(number))
    if prefix is None or not prefix.match(number) or not _luhn(number):
        return False
    return not (len(number) == _EAN and ean.is_valid(number))


def plausible(text: str) -> bool:
    """Whether the digits of `text` begin as a scheme's do, or have the right check digit."""
    number = digits(text)
    prefix = _PREFIXES.get(len(number))
    return len(set(number)) > 1 and (_luhn(number) or bool(prefix and prefix.match(number)))


def _luhn(number: str) -> bool:
    """Whether the last digit checks the others (ISO/IEC 7812-1, annex B)."""
    return (sum(map(int, number[-1::-2])) + sum(map(int, number[-2::-2].translate(_DOUBLED)))) % 10 == 0


def canonical(text: str) -> str:
    """The digits."""
    return digits(text)


def mask(text: str) -> str:
    """All but the last four digits hidden."""
    return stars(text, keep=4)


EXAMPLES: Final = {
    "positive": (
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111\u00a01111\u00a01111\u00a01111",
        "5555555555554444",
        "2223003122003222",
        "378282246310005",
        "3782 822463 10005",
        "30569309025904",
        "3056 930902 5904",
        "6011111111111117",
        "3530111333300000",
        "6200000000000005",
        "4222222222222",
        "card 4111 1111 1111 1112",
        "my Visa 41111 11111 111111",
    ),
    "negative": (
        "4111111111111112",
        "1700000000000",
        "1700000000000000",
        "0.4111111111111111",
        "4111111111111111.5",
        "a4111111111111111",
        "4111111111111111b",
        "41111111111111111111111",
        "4006381333931",
        "9999999999999995",
        "0000000000000000",
    ),
}
