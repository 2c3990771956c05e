"""iban: international bank account numbers (ISO 13616), in one run or in groups of four.

Country, length, structure and the check digits (mod 97) must be right, after the registry in python-stdnum; behind the
word ``IBAN`` the check digits may be wrong, as they are in a number that somebody mistyped or made up.

>>> validate("DE89 3704 0044 0532 0130 00"), validate("DE88 3704 0044 0532 0130 00")
(True, False)
"""

import re
from functools import cache
from typing import Final

from stdnum import numdb

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import BLANKS, DASHES, ENDS, LEFT, begins, stars

CATEGORY: Final = "iban"
SEVERITY: Final = "high"
SHORTENS: Final = True
CONFIDENCE: Final = (0.98, 0.8)
TOLD: Final = (1,)

_GAP: Final = f"[{BLANKS}{DASHES}]"
_GAP_BYTES: Final = rb"[ \x80-\xff-]{0,3}"

# without the list of countries: Hyperscan takes longer over it than the exact pattern over what it would keep out
CANDIDATE: Final = (
    LEFT + rb"[A-Za-z]{2}[0-9]{2}" + (_GAP_BYTES + rb"[0-9A-Za-z]{4}") * 2 + _GAP_BYTES + rb"[0-9A-Za-z]{3}",
    candidate("iban"),
)
EXACT: Final = (
    re.compile(
        begins("[A-Za-z]")
        + f"[A-Za-z][0-9]{{2}}(?:[0-9A-Za-z]{{11,30}}|(?:{_GAP}[0-9A-Za-z]{{4}}){{2,7}}(?:{_GAP}[0-9A-Za-z]{{1,4}})?)"
        + ENDS
    ),
    told("iban", f"[A-Za-z]{{2}}[0-9]{{2}}(?:{_GAP}?[0-9A-Za-z]){{11,30}}"),
)
FIELD_NAMES: Final = ("iban", "iban_number")
FIELD_VALUE: Final = re.compile(r"\s*[A-Za-z]{2}[0-9]{2}[0-9A-Za-z \-]{11,40}\s*")

_NUMBERS: Final = {ord(letter): str(int(letter, 36)) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_PART: Final = re.compile("([0-9]+)!([nac])")
_KINDS: Final = {"n": "[0-9]", "a": "[A-Z]", "c": "[0-9A-Z]"}
_GAPS: Final = re.compile(_GAP)


def validate(text: str) -> bool:
    """Whether `text` is an account number, blanks and dashes aside."""
    # the country's own rules are left out: they refuse numbers that banks did give out
    number = canonical(text)
    form = _form(number[:2])
    return form is not None and _remainder(number) == 1 and form.fullmatch(number, 4) is not None


def plausible(text: str) -> bool:
    """Whether `text` would be an account number with other check digits."""
    number = canonical(text)
    form = _form(number[:2])
    return form is not None and form.fullmatch(number, 4) is not None


def _remainder(number: str) -> int:
    """Modulo 97, letters as 10 to 35 (ISO 7064)."""
    return int((number[4:] + number[:4]).translate(_NUMBERS)) % 97


@cache  # one for each of some 90 countries at most, and one for each other pair of letters
def _form(country: str) -> re.Pattern[str] | None:
    """What follows country and check digits."""
    ((_, info),) = numdb.get("iban").info(country) or [("", {})]
    parts = _PART.findall(info.get("bban", ""))
    return re.compile("".join(f"{_KINDS[kind]}{{{length}}}" for length, kind in parts)) if parts else None


def canonical(text: str) -> str:
    """Without blanks, in capitals."""
    return _GAPS.sub("", text).upper()


def mask(text: str) -> str:
    """The country and the last four characters are kept."""
    return text[:2] + stars(text[2:], keep=4)


EXAMPLES: Final = {
    "positive": (
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "de89370400440532013000",
        "GB29 NWBK 6016 1331 9268 19",
        "FR1420041010050500013M02606",
        "NO9386011117947",
        "NO93 8601 1117 947",
        "MT84MALT011000012345MTLCAST001S",
        "ES91-2100-0418-4502-0005-1332",
        "NL91\u00a0ABNA\u00a00417\u00a01643\u00a000",
        "IBAN DE88 37040044 0532013000",
    ),
    "negative": (
        "DE88370400440532013000",
        "DE8937040044053201300",
        "XX89370400440532013000",
        "aDE89370400440532013000",
        "DE89370400440532013000x",
        "GB29NWBK",
    ),
}
