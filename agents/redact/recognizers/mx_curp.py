"""mx_curp: codes of persons in Mexico (CURP).

Eighteen letters and digits that hold name, birth and state, and a check digit; found anywhere.

>>> validate("BOXW310820HNERXN09"), validate("BOXW310820HNERXN08")
(True, False)
"""

import re
from typing import Final

from stdnum.mx import curp

from penstock.agents.redact._text import ENDS, LEFT, RIGHT, begins, plain

CATEGORY: Final = "mx_curp"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.95,)

CANDIDATE: Final = (LEFT + b"[A-Za-z]{4}[0-9]{6}[HMXhmx][A-Za-z]{5}[0-9A-Za-z][0-9]" + RIGHT,)
EXACT: Final = (re.compile(begins("[A-Za-z]") + f"[A-Za-z]{{3}}[0-9]{{6}}[HMXhmx][A-Za-z]{{5}}[0-9A-Za-z][0-9]{ENDS}"),)
FIELD_NAMES: Final = ("curp", "clave_unica")
FIELD_VALUE: Final = re.compile(r"\s*[A-Za-z]{4}[0-9]{6}[HMXhmx][A-Za-z]{5}[0-9A-Za-z][0-9]\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(curp.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "BOXW310820HNERXN09",
        "BUPD991022MJCTSG06",
        "docc560823mjcdrp00",
        "CURP BOXW310820HNERXN09",
        "CURP: BUPD991022MJCTSG06",
    ),
    "negative": (
        "BOXW310820HNERXN08",
        "BOXW310820HNERXN0",
        "BOXW310820HNERXN099",
        "XBOXW310820HNERXN09",
        "BOXW319920HNERXN09",
    ),
}
