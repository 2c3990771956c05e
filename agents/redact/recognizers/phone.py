"""phone: telephone numbers, international ones and the national forms of some regions.

A number counts if the numbering plan of its country has it (libphonenumber's metadata) or reserves it for fiction.
How it may be written: ``+`` or ``00`` and country code; in groups as the regions write them, with the region's trunk
prefix where it has one; ten digits without a gap only as a mobile number with a leading zero, or behind a word such
as ``phone`` or ``call``, or in a field of such a name. Dates, times, addresses and decimals are no numbers.

>>> validate("+44 20 7946 0958"), validate("(415) 555-2671"), validate("170 000 0000")
(True, True, False)
"""

import re
from typing import Final

from penstock.agents.redact import _numbering
from penstock.agents.redact._text import BLANKS, DASHES, LEFT, RIGHT, begins, digits, stars

CATEGORY: Final = "phone"
SEVERITY: Final = "high"
LOCALISED: Final = True
DEFAULT_REGIONS: Final = ("US", "GB", "DE", "FR", "ES", "IT", "NL")

# Groups of numbers that are written without a trunk prefix: North America, Spain, Italy, India, Brazil, Mexico, China.
_SHAPES: Final = (
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
_FIRST: Final = begins("[(0-9]", "[0-9][.:/\\-]", r"[0-9]\)", r"\+", r"\+\(")
_END: Final = r"(?![0-9A-Za-z_])(?![-./:][0-9])"
_WORDS: Final = (
    "phone|tel|telephone|telefon|telefono|teléfono|téléphone|telefoon|mobile|mobil|mob|cell|cellphone|fax|call|dial|"
    "whatsapp|sms|handy|móvil|movil|portable|gsm"
)
_BETWEEN: Final = r"[^0-9+\x00-\x08\x0b\x0c\x0e-\x1f]{0,20}"

_GAP_BYTES: Final = rb"[ ()./\x80-\xff-]"
_CLEAR: Final = rb"(?:[^0-9A-Za-z_.:/-]|[^0-9][.:/-]|\\[bfnrt])"


def _shaped() -> str:
    shapes = []
    for first, *others in _SHAPES:
        tail = "".join(f"{_GAP}[0-9]{{{length}}}" for length in others)
        after = f"[0-9]{{{others[0]}}}" + "".join(f"{_GAP}?[0-9]{{{length}}}" for length in others[1:])
        shapes.append(f"(?<![(])[0-9]{{{first - 1}}}{tail}|(?<=[(])[0-9]{{{first}}}\\)[{BLANKS}]?[{DASHES}]?{after}")
    one = f"(?:(?<=1){_GAP}(?:\\([0-9]{{3}}\\)[{BLANKS}]?|[0-9]{{3}}{_GAP})[0-9]{{3}}{_GAP}[0-9]{{4}})"
    return f"{_FIRST}(?:{'|'.join(shapes)}|{one}){_END}"


def _shaped_bytes() -> bytes:
    shapes = [(_GAP_BYTES + b"+").join(b"[0-9]{%d}" % length for length in lengths) for lengths in _SHAPES]
    shapes += [rb"[0-9]{%d}\)[ \x80-\xff-]*" % a + b"[0-9]{%d}[0-9]{%d}" % (b, c) for a, b, *(c,) in _SHAPES[:3]]
    return _CLEAR + rb"\(?(?:1" + _GAP_BYTES + rb"+)?(?:" + b"|".join(shapes) + b")" + RIGHT
