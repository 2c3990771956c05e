"""mac: hardware addresses of network interfaces (EUI-48, IEEE 802), which follow a device and so its owner.

>>> validate("00:1A:2B:3C:4D:5E"), validate("00:00:00:00:00:00")
(True, False)
"""

import re
from typing import Final

from penstock.agents.redact._text import LEFT, begins, plain

CATEGORY: Final = "mac"
SEVERITY: Final = "medium"

_PAIRS: Final = "[0-9A-Fa-f]{2}"

CANDIDATE: Final = (
    LEFT + b"[0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}",
    LEFT + rb"[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}[^0-9A-Za-z_]",
)
EXACT: Final = (
    re.compile(
        begins("[0-9A-Fa-f]", "[:-]") + rf"[0-9A-Fa-f](?:(?::{_PAIRS}){{5}}|(?:-{_PAIRS}){{5}})(?![0-9A-Za-z_:-])"
    ),
    re.compile(
        begins("[0-9A-Fa-f]", r"\.")
        + r"[0-9A-Fa-f]{3}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}(?![0-9A-Za-z_])(?!\.[0-9A-Za-z])"
    ),
)
FIELD_NAMES: Final = ("mac", "mac_address", "macaddr", "hw_address", "bssid", "ethernet_address")
FIELD_VALUE: Final = re.compile(r"\s*(?:[0-9A-Fa-f]{2}[:\-]?){5}[0-9A-Fa-f]{2}\s*")


def validate(text: str) -> bool:
    """Whether `text` is the address of one device: neither nobody's nor everybody's."""
    number = plain(text)
    # twelve digits without a letter, in fours with dots, are more often an amount or a phone number
    return number not in ("0" * 12, "F" * 12) and not ("." in text and number.isdigit())


def canonical(text: str) -> str:
    """Twelve digits, in capitals."""
    return plain(text)


def mask(text: str) -> str:
    """The maker's half is kept.

    >>> mask("00:1A:2B:3C:4D:5E")
    '00:1A:2B:**:**:**'
    """
    half = [at for at, c in enumerate(text) if c.isalnum()][6:]
    return "".join("*" if at in half else c for at, c in enumerate(text))


EXAMPLES: Final = {
    "positive": (
        "00:1A:2B:3C:4D:5E",
        "00-1a-2b-3c-4d-5e",
        "f8ff.c2a1.b3d4",
        "device AC:DE:48:00:11:22",
        "3c:22:fb:aa:bb:cc",
    ),
    "negative": (
        "00:00:00:00:00:00",
        "ff:ff:ff:ff:ff:ff",
        "00:1A:2B:3C:4D",
        "00:1A:2B:3C:4D:5E:6F",
        "00:1A-2B:3C-4D:5E",
        "10:30:00",
        "1234.5678.9012",
        "g0:1A:2B:3C:4D:5E",
    ),
}
