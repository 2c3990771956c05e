"""ip: IPv4 and IPv6 addresses, with ports, prefix lengths and zones around them left alone.

IPv6 is found compressed, with an embedded IPv4 address and with a zone id (RFC 4291, RFC 4007), if it holds a digit
(``dead::beef`` is more often a name in a program). Version numbers of browsers in user agents, and runs of more or
fewer than four numbers, are no addresses.

>>> validate("192.0.2.1"), validate("192.0.2.256"), generalise("192.0.2.77")
(True, False, '192.0.2.0')
"""

import ipaddress
import re
from typing import Final

from penstock.agents.redact._text import LEFT, begins, stars

CATEGORY: Final = "ip"
SEVERITY: Final = "medium"

_BROWSERS: Final = ("Chrome/", "Chromium/", "CriOS/", "Edg/", "EdgA/", "OPR/", "Version/", "YaBrowser/", "Safari/")
_NO_BROWSER: Final = "".join(f"(?<!{name}[0-9])" for name in _BROWSERS)

CANDIDATE: Final = (
    LEFT + rb"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}[^0-9A-Za-z_]",
    rb"::[0-9A-Fa-f]|[0-9A-Fa-f]::|(?:[0-9A-Fa-f]{1,4}:){6}",
)
EXACT: Final = (
    re.compile(
        begins("[0-9]", r"\.")
        + rf"(?=[0-9]{{0,2}}\.[0-9]{{1,3}}\.){_NO_BROWSER}[0-9]{{0,2}}\.[0-9]{{1,3}}\.[0-9]{{1,3}}\.[0-9]{{1,3}}"
        + r"(?![0-9A-Za-z_])(?!\.[0-9])"
    ),
    re.compile(
        begins("[0-9A-Fa-f:]", ":", r"\.")
        + r"(?=[0-9A-Fa-f]{0,3}:)[0-9A-Fa-f:]{1,40}(?:(?:\.[0-9]{1,3}){3})?(?<![^:]:)(?![0-9A-Za-z_])"
        + r"(?!:[0-9A-Fa-f:])(?:%[0-9A-Za-z_.~\-]{0,31}[0-9A-Za-z])?"
    ),
)
FIELD_NAMES: Final = ()  # what is no address in free text is none in a field called ip

_DOTTED: Final = re.compile(
    r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(?:\.(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])){3}"
)
_DIGIT: Final = re.compile("[0-9]")
_IPV4_MAPPED: Final = 0xFFFF << 32
_SIX_TO_FOUR: Final = 0x2002
_KEPT_BITS: Final = 48
_KEPT_BITS_6TO4: Final = 40


def validate(text: str) -> bool:
    """Whether `text` is an address."""
    if ":" not in text:
        return bool(_DOTTED.fullmatch(text))
    if not _DIGIT.search(text.partition("%")[0]):  # a zone alone makes ``::`` no address of anybody
        return False
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def canonical(text: str) -> str:
    """As RFC 5952 writes it, without the zone; a part of an address stays as it is."""
    return str(ipaddress.IPv6Address(text.partition("%")[0])) if validate(text) and ":" in text else text


def mask(text: str) -> str:
    """Every digit hidden."""
    return stars(text)


def generalise(text: str) -> str:
    """The address of the network: /24 of IPv4, /48 of IPv6, without the prefix length, so that it stays an address.

    An IPv4 address in an IPv6 one is not left whole: of a mapped one (``::ffff:192.0.2.1``) its /24 is kept, and of
    6to4 (``2002::/16``, RFC 3056), which holds one in bits 16 to 48, the first 40 bits. A part of an address, left of
    one that overlaps with something else, is masked.

    >>> generalise("2001:db8:1:2::3"), generalise("::ffff:192.0.2.1"), generalise("2002:c000:204::1")
    ('2001:db8:1::', '::ffff:192.0.2.0', '2002:c000:200::')
    """
    if not validate(text):
        return mask(text)
    if ":" not in text:
        return f"{text.rpartition('.')[0]}.0"
    number = int(ipaddress.IPv6Address(text.partition("%")[0]))
    if number >> 32 << 32 == _IPV4_MAPPED:
        return f"::ffff:{ipaddress.IPv4Address(number & 0xFFFFFF00)}"
    bits = _KEPT_BITS_6TO4 if number >> 112 == _SIX_TO_FOUR else _KEPT_BITS
    return str(ipaddress.IPv6Address(number >> 128 - bits << 128 - bits))


EXAMPLES: Final = {
    "positive": (
        "192.0.2.1",
        "8.8.8.8",
        "127.0.0.1",
        "255.255.255.255",
        "2001:db8::1",
        "2001:db8:0:0:0:0:0:1",
        "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
        "::1",
        "::ffff:192.0.2.1",
        "64:ff9b::192.0.2.33",
        "fe80::1%eth0",
        "1:2:3:4:5:6:192.0.2.1",
        "1::",
    ),
    "negative": (
        "1.2.3",
        "1.2.3.4.5",
        "v1.2.3.4",
        "256.1.1.1",
        "192.0.2.01",
        "Chrome/120.0.0.0",
        "10:30:00",
        "2024-01-15T10:30:00",
        "00:1A:2B:3C:4D:5E",
        "std::cout",
        "dead::beef",
        "1:2:3:4:5:6:7:8:9",
        "::",
        "1::2::3",
        "12345::1",
    ),
}
