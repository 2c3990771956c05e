"""What text is: each type that text may have, by a test of its values and the name of its field.

Some types can be told by the values alone (an IBAN has check digits), others need the name to say so as well (five
digits under ``plz``). Tests are exact, so that a type rests on what a value is and not on what it looks like.
"""

import ipaddress
import re
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import orjson
import phonenumbers
from stdnum import iban, luhn
from stdnum.exceptions import ValidationError

from penstock.agents.tag.inference import dates
from penstock.agents.tag.inference.codes import COUNTRIES_2, COUNTRIES_3, CURRENCIES, LANGUAGES

MOSTLY: Final = 0.8
"""Share of the values that must be of a type which is kept as text anyway."""
NEARLY_ALL: Final = 0.95
"""Share that must be of a type which is not."""
BOOLEANS: Final = (
    ("true", "false"), ("yes", "no"), ("ja", "nein"), ("oui", "non"), ("si", "no"), ("sí", "no"), ("on", "off"),
    ("wahr", "falsch"), ("vrai", "faux"), ("y", "n"), ("t", "f"), ("j", "n"),
)  # fmt: skip
NOTHING: Final = frozenset(("null", "none", "nil", "na", "n/a", "nan", "-", "--", "\\n", "#n/a", "?"))
"""What people write where there is no value."""

_PROVEN: Final = 0.95
_TOLD: Final = 0.85
_BOTH: Final = 0.99
_REGIONS: Final = ("US", "GB", "DE", "FR", "ES")
_HASHES: Final = {32: "md5", 40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}


class Verdict(NamedTuple):
    """A type, the format it has, and how sure that is, from 0 to 1."""

    type: str
    format: str | None = None
    confidence: float = _PROVEN


class _Test(NamedTuple):
    """How a type is told.

    Attributes
    ----------
    fits
        Whether a value is of the type.
    told
        Whether the name must say so as well.
    least : float
        Share of values that must fit.
    """

    type: str
    fits: Callable[[str], bool]
    told: bool = False
    least: float = MOSTLY
    format: Callable[[str], str | None] = lambda value: None


def recognise(values: Sequence[str], hints: Collection[str]) -> Verdict:
    """What texts are; none of `values` is empty or blank.

    Parameters
    ----------
    values
        Distinct texts, without blanks around them.
    hints
        Types that the name of the field speaks for.
    """
    for test in _FIRST:
        if found := _tried(test, values, hints):
            return found
    if found := _date(values, hints) or _boolean(values, hints):
        return found
    for test in _THEN:
        if found := _tried(test, values, hints):
            return found
    return Verdict("string", None, 0.9)


def _tried(test: _Test, values: Sequence[str], hints: Collection[str]) -> Verdict | None:
    told = test.type in hints
    if test.told and not told:
        return None
    misses, most = 0, len(values) * (1 - test.least)
    for value in values:
        if not test.fits(value):
            misses += 1
            if misses > most:
                return None
    share = 1 - misses / len(values)
    first = next(value for value in values if test.fits(value))
    strength = _TOLD if test.told else _BOTH if told else _PROVEN
    return Verdict(test.type, test.format(first), strength * share)


def _date(values: Sequence[str], hints: Collection[str]) -> Verdict | None:
    told = "date" in hints or "datetime" in hints
    found = dates.recognise(values, NEARLY_ALL, compact=told)
    if found is None:
        return None
    strength = (_BOTH if told else _PROVEN) if found.certain else 0.6
    return Verdict(found.type, found.format, strength * found.share)


def _boolean(values: Sequence[str], hints: Collection[str]) -> Verdict | None:
    there = {value.lower() for value in values}
    if there == {"0", "1"} and "boolean" in hints:
        return Verdict("boolean", "1/0", _TOLD)
    for yes, no in BOOLEANS:
        if there == {yes, no} or (there <= {yes, no} and (yes == "true" or "boolean" in hints)):
            return Verdict("boolean", None if yes == "true" else f"{yes}/{no}", _BOTH if yes == "true" else _PROVEN)
    return None


def is_phone(value: str, *, told: bool = False) -> bool:
    """Whether libphonenumber takes the text for a telephone number: an international one, or one of a few regions.

    Without a word of the field's name a national one must be written as people write them, in groups.
    """
    digits = sum(map(str.isdigit, value))
    if not 7 <= digits <= 16 or not _PHONE.fullmatch(value):
        return False
    if value.startswith(("+", "00")):
        return _is_possible(value if value[0] == "+" else f"+{value[2:]}", None)
    if told:
        return True
    grouped = _GROUPED_PHONE.fullmatch(value) and not _SSN.fullmatch(value)
    return bool(grouped) and any(_is_valid(value, region) for region in _REGIONS)


def is_card(value: str) -> bool:
    """Whether it has the digits, the first digit and the check digit (ISO/IEC 7812) of a payment card."""
    digits = value.replace(" ", "").replace("-", "")
    return digits.isascii() and digits.isdigit() and 13 <= len(digits) <= 19 and digits[0] in "23456" and (
        luhn.is_valid(digits) and len(set(digits)) > 1
    )  # fmt: skip


def _is_possible(value: str, region: str | None) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(value, region))
    except phonenumbers.NumberParseException:
        return False


@lru_cache(maxsize=4096)
def _is_valid(value: str, region: str) -> bool:
    try:
        return phonenumbers.is_valid_number_for_region(phonenumbers.parse(value, region), region)
    except phonenumbers.NumberParseException:
        return False


def _is_ip(value: str) -> bool:
    if "." not in value and ":" not in value:
        return False
    try:
        ipaddress.ip_interface(value)
    except ValueError:
        return False
    return True


def _is_iban(value: str) -> bool:
    if len(value) < 15 or not value[:2].isalpha():
        return False
    try:
        iban.validate(value, check_country=False)
    except ValidationError:
        return False
    return True


def _is_json(value: str) -> bool:
    if value[0] + value[-1] not in ("{}", "[]"):
        return False
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return False
    return True


def _is_hash(value: str) -> bool:
    return len(value) in _HASHES and _HEX.fullmatch(value) is not None


def _is_amount(value: str) -> bool:
    match = _AMOUNT.fullmatch(value)
    return match is not None and all(code is None or code in CURRENCIES for code in match.groups())


def _within(limit: float) -> Callable[[str], bool]:
    return lambda value: _DECIMAL.fullmatch(value) is not None and abs(float(value)) <= limit


def _matches(pattern: str, flags: int = 0) -> Callable[[str], bool]:
    match = re.compile(pattern, flags | re.ASCII).fullmatch
    return lambda value: match(value) is not None


def _is_country(value: str) -> bool:
    return value in COUNTRIES_2 or value in COUNTRIES_3 or value.upper() in COUNTRIES_2


def _is_country_or_name(value: str) -> bool:
    return _is_country(value) or (value.upper() in COUNTRIES_3) or _NAME.fullmatch(value) is not None


def _country_format(value: str) -> str:
    return {2: "iso3166-alpha-2", 3: "iso3166-alpha-3"}.get(len(value), "name")


def _is_language(value: str) -> bool:
    base, _, rest = value.replace("_", "-").partition("-")
    return base.lower() in LANGUAGES and (not rest or _SUBTAGS.fullmatch(rest) is not None)


def _is_language_or_name(value: str) -> bool:
    return _is_language(value) or _NAME.fullmatch(value) is not None


_LETTERS: Final = r"\w\u00c0-\uffff"
_SSN: Final = re.compile(r"\d{3}-\d{2}-\d{4}")
_is_mac: Final = _matches(
    r"(?i:(?:[\da-f]{2}:){5}[\da-f]{2}|(?:[\da-f]{2}-){5}[\da-f]{2}|(?:[\da-f]{4}\.){2}[\da-f]{4})"
)
_PHONE: Final = re.compile(r"[+(]?[\d][\d\s().\-/\u00a0]*(?:\s*(?:x|ext\.?)\s*\d{1,6})?")
_GROUPED_PHONE: Final = re.compile(r"\(?\d{2,5}[)\s./-]+\d{2,4}(?:[\s./-]\d{2,4})+|\(\d{2,5}\)\s?\d{3,8}")
_HEX: Final = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_DECIMAL: Final = re.compile(r"[+-]?\d{1,3}(?:\.\d+)?", re.ASCII)
_NAME: Final = re.compile(r"[^\W\d_][^\d_<>{}@/\\]{2,59}")
_SUBTAGS: Final = re.compile(r"(?:[A-Za-z]{2,4}|\d{3})(?:-[A-Za-z0-9]{2,8})*", re.ASCII)
_POSTAL: Final = _matches(
    r"\d{3,6}|\d{5}-\d{4}|\d{5}-?\d{3}|\d{4} ?[A-Za-z]{2}|\d{3} ?\d{2}|\d{2}-\d{3}|\d{3}-\d{4}|[A-Z]{1,2}-?\d{4,5}|"
    r"[A-Za-z]\d[A-Za-z] ?\d[A-Za-z]\d|[A-Za-z]{1,2}\d[A-Za-z\d]? ?\d[A-Za-z]{2}|[A-Z]\d{4}[A-Z]{3}"
)
_DISTINCT_POSTAL: Final = _matches(r"[A-Z]\d[A-Z] \d[A-Z]\d|[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}")
_AMOUNT: Final = re.compile(
    r"[+-]?(?:[$€£¥₹]|(?P<before>[A-Z]{3})) ?[+-]?\d[\d.,' ]*|[+-]?\d[\d.,' ]* ?(?:[$€£¥₹]|(?P<after>[A-Z]{3}))",
    re.ASCII,
)
_ENGLISH: Final = _matches(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_GERMAN: Final = _matches(r"[+-]?(?:\d{1,3}(?:[. ]\d{3})+|\d{1,15}),\d+|[+-]?\d{1,3}(?:\.\d{3}){2,}")

_FIRST: Final = (
    _Test("uuid", _matches(r"(?i:\{?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\}?)")),
    _Test("email", _matches(rf"[{_LETTERS}.!#$%&'*+/=?^`{{|}}~-]+@(?:[{_LETTERS}-]+\.)+[{_LETTERS}-]{{2,}}")),
    _Test("url", _matches(r"(?i:(?:https?|ftps?|s3|wss?|file|mailto|jdbc|postgresql|kafka)://?\S+|www\.[^\s/]+\.\S+)")),
    _Test("url", _matches(r"(?i:(?:[\w-]+\.)+[a-z]{2,}(?:/\S*)?)"), told=True),
    _Test("mac", _is_mac),
    _Test("ip", _is_ip, format=lambda value: "ipv6" if ":" in value else "ipv4"),
    _Test("iban", _is_iban),
    _Test("json", _is_json),
    _Test("uuid", _matches(r"(?i:[0-9a-f]{32})"), told=True),
    _Test("credit_card", is_card, least=NEARLY_ALL),
    _Test("latitude", _within(90), told=True, least=NEARLY_ALL),
    _Test("longitude", _within(180), told=True, least=NEARLY_ALL),
    _Test("postal_code", _POSTAL, told=True),
    _Test("phone", lambda value: is_phone(value, told=True), told=True),
)  # fmt: skip
_THEN: Final = (
    _Test("hash", _is_hash, format=lambda value: _HASHES[len(value)]),
    _Test("integer", _matches(r"[+-]?(?:0|[1-9]\d{0,17})"), least=NEARLY_ALL),
    _Test("float", _matches(r"[+-]?(?:(?:0|[1-9]\d{0,17})?\.\d+|(?:0|[1-9]\d{0,17})\.?)(?:[eE][+-]?\d{1,3})?"),
          least=NEARLY_ALL),
    _Test("float", _ENGLISH, least=NEARLY_ALL, format=lambda value: "1,234.56"),
    _Test("float", _GERMAN, least=NEARLY_ALL, format=lambda value: "1.234,56"),
    _Test("currency", lambda value: value in CURRENCIES, format=lambda value: "iso4217"),
    _Test("currency", lambda value: value.upper() in CURRENCIES, told=True, format=lambda value: "iso4217"),
    _Test("currency", _is_amount, format=lambda value: "amount"),
    _Test("phone", is_phone),
    _Test("postal_code", _DISTINCT_POSTAL),
    _Test("country", _is_country_or_name, told=True, format=_country_format),
    _Test("language", _is_language_or_name, told=True,
          format=lambda value: "bcp47" if _is_language(value) else "name"),
)  # fmt: skip
