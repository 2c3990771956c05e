"""phone: telephone numbers, international ones and the national forms of some regions.

A number counts if the numbering plan of its country has it (libphonenumber's metadata) or reserves it for fiction.
How it may be written: ``+`` or ``00`` and country code; in groups as the regions write them, with the region's trunk
prefix where it has one; ten digits without a gap only as a mobile number with a leading zero, or behind a word such
as ``phone`` or ``call``, or in a field of such a name. Behind such a word, in the groups of North America with dashes,
dots or brackets, and behind ``+`` and a country code a number counts even if no plan has it, and is less sure. An
extension belongs to its number. Dates, times, addresses and decimals are no numbers, nor is what stands behind words
such as ``order no.``

>>> validate("+44 20 7946 0958"), validate("(415) 555-2671"), validate("170 000 0000")
(True, True, False)
"""

import re
from collections.abc import Iterable
from typing import Final

from penstock.agents.redact import _numbering
from penstock.agents.redact._context import BETWEEN, caseless, told
from penstock.agents.redact._text import BLANKS, DASHES, begins, digits, stars

CATEGORY: Final = "phone"
SEVERITY: Final = "high"
LOCALISED: Final = True
SHORTENS: Final = True
CONFIDENCE: Final = (0.95, 0.85, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.65, 0.7)
AGAINST: Final = (2, 3, 4, 5, 6, 7, 8, 9)
TOLD: Final = (7, 8, 9, 10)
DEFAULT_REGIONS: Final = ("US", "GB", "DE", "FR", "ES", "IT", "NL")

# Groups of numbers that are written without a trunk prefix: North America, Spain, Italy, India, Brazil, Mexico, China.
_SHAPES: Final = (
    (1, 3, 3, 4),
    (3, 3, 4),
    (3, 4, 4),
    (3, 3, 3),
    (3, 2, 2, 2),
    (2, 3, 2, 2),
    (2, 4, 4),
    (2, 5, 4),
    (5, 5),
)
_GAP: Final = f"[{BLANKS}{DASHES}./]{{1,3}}"
_LOOSE: Final = f"[{BLANKS}{DASHES}./()]{{0,4}}"
_BEHIND: Final = ("[0-9][.:/\\-]", "[A-Za-z]-", r"\+")
_EXTENSION: Final = r"(?:[ ,;]{0,2}(?:[xX]|[eE]xt\.?|[eE]xtension|#|poste)[ .:]{0,2}[0-9]{1,6})?"
_END: Final = _EXTENSION + r"(?![0-9A-Za-z_])(?![-./:][0-9])"
_WORDS: Final = (
    "phone|tel|telephone|telefon|telefono|teléfono|téléphone|telefoon|mobile|mobil|mob|cell|cellphone|fax|call|dial|"
    "whatsapp|sms|handy|móvil|movil|portable|gsm|contact|reach|ring|text me|text us|phone number|"
    "(?:my|his|her|their|our|new) number|"
    "landline|rufnummer|rückruf|appelez|joindre|mon numéro|llame|llamar|llámame|rufen"
)
_OWNED: Final = "phone|telephone|cell|cellphone|mobile|fax|tel|number|handy|whatsapp|landline|telefon|téléphone"
_TIGHT: Final = f"(?:[{BLANKS}{DASHES}.()]{{0,3}}|/)"
_ANY: Final = rf"(?:\+?\([0-9]{{1,4}}\)|\+?[0-9])(?:{_TIGHT}[0-9]){{5,14}}"
_END_TOLD: Final = r"(?![0-9A-Za-z_])(?![-./:][0-9])"

_GAP_BYTES: Final = rb"[ ()./\x80-\xff-]"
_GAPS: Final = _GAP_BYTES + b"+"
_CLEAR: Final = rb"(?:[^0-9A-Za-z_.:/-]|[^0-9][.:/-])"


def _shapes(shapes: Iterable[tuple[int, ...]], taken: int = 0) -> str:
    """A pattern for any of `shapes`, of whose first group `taken` digits stand before; what is common comes once."""
    rests: dict[int, list[tuple[int, ...]]] = {}
    for first, *rest in shapes:
        rests.setdefault(first, []).append(tuple(rest))
    groups = [
        f"[0-9]{{{first - taken}}}" + (f"{_GAP}(?:{_shapes(rest)})" if any(rest) else "")
        for first, rest in rests.items()
    ]
    return "|".join(groups)


CANDIDATE: Final = (
    rb"\+[ (]?[0-9](?:" + _GAP_BYTES + rb"*[0-9]){6}",
    _CLEAR + rb"00[1-9][0-9]{0,2}" + _GAPS + rb"[0-9]",
    _CLEAR + rb"0[1-9](?:" + _GAP_BYTES + rb"*[0-9]){7}",
    rb"\(0[1-9](?:" + _GAP_BYTES + rb"*[0-9]){3}",
    # the first groups of each shape; a decimal or a day of a month does not look like them
    rb"[^0-9](?:(?:[1-9][0-9]{2}"
    + _GAPS
    + rb"[0-9]{2,4}|[1-9][0-9]"
    + _GAPS
    + rb"[0-9]{3,5}|1"
    + _GAPS
    + rb"[0-9]{3})"
    + _GAPS
    + rb"[0-9]{2}|[0-9]{5}"
    + _GAPS
    + rb"[0-9]{5})",
    rb"\([1-9][0-9]{1,3}\)" + _GAP_BYTES + rb"*[0-9]",
    _CLEAR + rb"0[167][0-9]{8}",
    rb"(?i:" + _WORDS.encode() + rb")[^0-9\0]*[0-9+(][0-9 ()./\x80-\xff-]{6}",
    rb"[0-9][^0-9\0]{1,30}(?i:" + _OWNED.encode() + rb")[^a-z]",
    rb"[0-9]{3}(?:\) ?|[-.])[0-9]{3}[-.][0-9]{4}",
    rb"\+[ (]?[1-9](?:" + _GAP_BYTES + rb"*[0-9]){6}",
)
EXACT: Final = (
    re.compile(rf"\+(?<![0-9A-Za-z_+]\+)[ (]?[0-9](?:{_LOOSE}[0-9]){{6,16}}{_EXTENSION}(?![0-9])"),
    re.compile(begins("0", *_BEHIND) + rf"0[1-9][0-9]{{0,2}}{_GAP}\(?[0-9](?:{_LOOSE}[0-9]){{4,14}}{_END}"),
    re.compile(begins("0", *_BEHIND) + rf"(?=[0-9]{{1,6}}[^0-9])[1-9](?:{_LOOSE}[0-9]){{7,10}}{_END}"),
    re.compile(rf"\((?<![A-Za-z_+]\()0[1-9](?:{_LOOSE}[0-9]){{7,10}}{_END}"),
    re.compile(begins("[1-9]", *_BEHIND) + f"(?:{_shapes(_SHAPES, taken=1)}){_END}"),
    re.compile(
        rf"\((?<![A-Za-z_+]\()[1-9][0-9]{{1,3}}\)[{BLANKS}{DASHES}./]{{0,3}}[0-9]{{3,5}}(?:{_GAP})?[0-9]{{3,4}}{_END}"
    ),
    re.compile(begins("0", *_BEHIND) + rf"(?:6[0-9]{{8}}|7[0-9]{{8,9}}|1[5-7][0-9]{{8,9}}){_END}"),
    re.compile(rf"(?<![A-Za-z]){caseless(_WORDS)}(?![A-Za-z]){BETWEEN}{{0,30}}?(?<![0-9A-Za-z_+])({_ANY}{_END})"),
    told(_OWNED, _ANY, before=0, ends=_END_TOLD),
    re.compile(
        r"(?<![0-9A-Za-z_.+\-])((?:(?:\+?1|001)[-. ])?(?:\([0-9]{3}\) ?|[0-9]{3}[-.])[0-9]{3}[-.][0-9]{4}"
        rf"{_END})"
    ),
    re.compile(rf"\+(?<![0-9A-Za-z_+]\+)[ (]?[1-9](?:{_LOOSE}[0-9]){{7,14}}{_EXTENSION}(?![0-9])"),
)
FIELD_NAMES: Final = (
    "phone",
    "phone_number",
    "phone_no",
    "telephone",
    "telephone_number",
    "tel",
    "mobile",
    "mobile_number",
    "cell_phone",
    "cell_number",
    "fax",
    "fax_number",
    "whatsapp",
    "msisdn",
    "telefon",
    "telefonnummer",
    "handynummer",
    "telefono",
)
FIELD_VALUE: Final = re.compile(
    rf"\s*\+?\(?[0-9](?:{_LOOSE}[0-9]){{6,14}}\s*(?:(?:x|ext\.?|#)\s*[0-9]{{1,6}}\s*)?", re.IGNORECASE
)

_LEAST: Final = 7
_NORTH_AMERICA: Final = (11,)
_ABROAD: Final = range(9, 14)
_MOST: Final = 15
_OCTET: Final = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_NO_NUMBER: Final = re.compile(
    r"(?:19|20)[0-9]{2}([-./])[01]?[0-9]\1[0-3]?[0-9](?![0-9])"  # 2024-12-31
    r"|[0-3]?[0-9]([-./])[01]?[0-9]\2(?:19|20)[0-9]{2}(?![0-9])"  # 31.12.2024
    rf"|{_OCTET}(?:\.{_OCTET}){{3}}\Z"  # an address
    r"|[0-9]{1,3}\.[0-9]{5,}\Z"  # 06.306186, a decimal
    r"|[1-9][0-9]{2}\.[0-9]{3}\.[0-9]{3}\Z"  # 612.345.678, a number with its thousands marked
)
_RUN_DATE: Final = re.compile("(?:19|20)[0-9]{2}[01][0-9][0-3][0-9]")
_MORE: Final = re.compile(r"[ ,;]{0,2}(?:[xX]|[eE]xt|#|poste).*")
_TRUNK_IN_BRACKETS: Final = "(0)"
_DIALLED: Final = re.compile(rf"\s*(?:\+|00)(?:{_numbering.country_code(between='[^0-9]*')})?")


def validate(text: str, regions: tuple[str, ...] = DEFAULT_REGIONS) -> bool:
    """Whether a numbering plan has `text`: that of its country code, else those of `regions`."""
    if _NO_NUMBER.match(text):
        return False
    text = _MORE.sub("", text)
    number = digits(text.replace(_TRUNK_IN_BRACKETS, ""))
    if text[0] == "+":
        return _numbering.international(number)
    if number.startswith("00"):
        return _numbering.international(number[2:])
    return _numbering.plan(regions).valid.fullmatch(number) is not None


def plausible(text: str) -> bool:
    """Whether `text` has as many digits as numbers have (ITU-T E.164: 15 at most) and is no date."""
    number = digits(_MORE.sub("", text))
    if text[0] == "+":
        lengths = _NORTH_AMERICA if number[0] == "1" else _ABROAD
        return len(number) in lengths and _numbering.country_code_length(number) > 0
    if text.isdigit() and (len(number) == _LEAST or _RUN_DATE.fullmatch(number)):
        return False
    return _LEAST <= len(number) <= _MOST and len(set(number)) > 1 and not _NO_NUMBER.match(text)


def canonical(text: str, regions: tuple[str, ...] = DEFAULT_REGIONS) -> str:
    """The digits from the country code on, so that one number written in several ways is one."""
    text = _MORE.sub("", text)
    number = digits(text.replace(_TRUNK_IN_BRACKETS, ""))
    if text.lstrip().startswith("+"):
        return number
    return number[2:] if number.startswith("00") else _numbering.plan(regions).full(number)


def mask(text: str) -> str:
    """The country code, where there is one, and the last two digits are kept.

    >>> mask("+44 20 7946 0958"), mask("(415) 555-2671")
    ('+44 ** **** **58', '(***) ***-**71')
    """
    start = _DIALLED.match(text)
    if start is None:
        return stars(text, keep=2)
    return start[0] + stars(text[start.end() :], keep=2)


EXAMPLES: Final = {
    "positive": (
        "+14155552671",
        "+1 (415) 555-2671",
        "+1-555-123-4567",
        "+49 (0)30 1234567",
        "+44 20 7946 0958",
        "+33 6 12 34 56 78",
        "+86 138 1234 5678",
        "0049 30 1234567",
        "(415) 555-2671",
        "(415)555-2671",
        "415-555-2671",
        "415.555.2671",
        "1-415-555-2671",
        "555-123-4567",
        "020 7946 0958",
        "07700 900123",
        "07911123456",
        "(020) 7946 0958",
        "030/1234567",
        "0151 23456789",
        "01 23 45 67 89",
        "01.23.45.67.89",
        "0612345678",
        "612 34 56 78",
        "91 123 45 67",
        "347 123 4567",
        "06-12345678",
        "phone: 4155552671",
        "call 0301234567",
        "+49\u00a030\u00a01234567",
        "(212) 555-0182 x33",
        "054-353-1619 ext. 12",
        "+1-033-353-1619",
        "call me at 7053531619",
        "my number is 555-0182",
        "7053531619 is my phone number",
    ),
    "negative": (
        "4155552671",
        "1700000000",
        "1700000000000",
        "2024-01-15",
        "2024-01-15 10:30:00",
        "2024-01-15T10:30:00+00:00",
        "05/06/2023 1200",
        "192.168.100.200",
        "91.123.45.67",
        "52.0123456789",
        "-74.0060123456",
        "0.0512345678",
        "612.345.678",
        "0000123456789",
        "0123456789",
        "4111 1111 1111 1111",
        "550e8400-e29b-41d4-a716-446655440000",
        "170 000 0000",
        "+0 170 000 0000",
        "1.2.3.4.5.6.7.8.9.0",
        "10:30:00 2024",
        "12345678901234567890",
        "+***-***-**71",
        "order no. 415-555-2671",
        "call id 4155552671",
        "call on 2024-01-15",
        "call 1234567 of them",
        "text 20240115",
        "SN-415-555-2671",
    ),
}
