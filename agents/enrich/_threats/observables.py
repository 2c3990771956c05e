"""What indicators of compromise are about: addresses, domains, hashes, URLs, e-mail addresses, in one spelling each.

>>> observed("hxxps://Bad[.]example:443/a/../b#x")
[('url', 'https://bad.example/b'), ('domain', 'bad.example')]
>>> observed("198.51.100[.]7")
[('ip', (4, 32, 3325256711))]
"""

import re
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final, TypeAlias
from urllib.parse import quote, unquote_to_bytes, urlsplit

Observable: TypeAlias = tuple[str, Any]
"""Kind (``ip``, ``domain``, ``url``, ``email``, ``hash``) and value; of an ``ip`` (version, length of prefix, bits).

Indicators also ask for a ``shape`` that values may have (see `penstock.agents.enrich._threats.shapes`).
"""

LONGEST: Final = 4096
"""Characters; a longer value is none."""
_DEFANGED: Final = (
    (re.compile(r"\[\.\]|\(\.\)|\{\.\}|\\\.|\s?[\[({]dot[\])}]\s?", re.IGNORECASE), "."),
    (re.compile(r"\s?[\[({](?:@|at)[\])}]\s?", re.IGNORECASE), "@"),
    (re.compile(r"[\[(]:[\])]"), ":"),
    (re.compile(r"[\[(](:?/{1,2})[\])]"), r"\1"),
    (re.compile(r"^h(?:xx|\*\*|__)p(?=s?:)", re.IGNORECASE), "http"),
    (re.compile(r"^fxp(?=s?:)", re.IGNORECASE), "ftp"),
)
"""Spellings that keep people from clicking, and what they stand for."""
_BRACKETS: Final = frozenset("[({\\")
_HEX: Final = re.compile(r"[0-9a-fA-F]+")
_HASH_LENGTHS: Final = frozenset((32, 40, 56, 64, 96, 128))
_DOMAIN: Final = re.compile(
    r"(?=.{4,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})"
)
_NETWORK: Final = re.compile(r"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|(?=[^:]*:)[0-9a-fA-F:.]{2,45})(?:/[0-9]{1,3})?")
_LOCAL: Final = re.compile(r"[^\s@<>()\[\]\",;:\\]{1,64}")
_PORTS: Final = {"http": 80, "https": 443, "ftp": 21}
_SAFE: Final = "!$&'()*+,;=:@/~-._%"


def observed(value: str, parts: bool = True) -> list[Observable]:
    """What a field's value is: at most one thing, and with `parts` the host of a URL and the domain of an address.

    What is none of them gives nothing.
    """
    text = refanged(value.strip())
    if not text or len(text) > LONGEST:
        return []
    if "://" in text:
        found = url(text)
        if found is None:
            return []
        host = urlsplit(found).hostname or ""
        return [("url", found), *((kind for kind in (_host(host),) if kind is not None) if parts else ())]
    if "@" in text:
        mail = email(text)
        return [] if mail is None else [("email", mail), *([("domain", mail.rpartition("@")[2])] if parts else ())]
    one = network(text) or hash_(text) or domain(text)
    return [] if one is None else [one if isinstance(one, tuple) else ("domain", one)]


def indicated(kind: str, value: str, subset: bool = False) -> Observable | None:
    """What a pattern's comparison looks for; None where the value is not of that kind."""
    text = value.strip()
    if len(text) > LONGEST:
        return None
    if kind == "ip":
        return network(text)
    if subset:
        return None
    if kind == "hash":
        return hash_(text)
    read: dict[str, Callable[[str], str | None]] = {"domain": domain, "url": url, "email": email}
    found = read[kind](text)
    return None if found is None else (kind, found)


def refanged(text: str) -> str:
    """The text without what keeps people from clicking on it."""
    if _BRACKETS.isdisjoint(text) and text[:2].lower() not in ("hx", "h*", "h_", "fx"):
        return text
    for pattern, instead in _DEFANGED:
        text = pattern.sub(instead, text)
    return text


def network(text: str) -> Observable | None:
    """An address or a network, whose host bits do not count; an IPv4 address mapped into IPv6 is that address."""
    if text[:1] == "[" and text[-1:] == "]":
        text = text[1:-1]
    if not _NETWORK.fullmatch(text):  # most values are none, and asking the library costs ten times as much
        return None
    try:
        found = ip_network(text, strict=False)
    except ValueError:
        return None
    return ("ip", _bits(found))


def _bits(found: IPv4Network | IPv6Network) -> tuple[int, int, int]:
    length, number = found.prefixlen, int(found.network_address)
    if found.version == 6 and length >= 96 and number >> 32 == 0xFFFF:
        return 4, length - 96, (number & 0xFFFFFFFF) >> (128 - length)
    return found.version, length, number >> (found.max_prefixlen - length)


def hash_(text: str) -> Observable | None:
    """A hash in hexadecimal, by its length that of a known algorithm."""
    if len(text) in _HASH_LENGTHS and _HEX.fullmatch(text):
        return ("hash", text.lower())
    return None


@lru_cache(4096)
def domain(text: str) -> str | None:
    """A domain name in lower case and ASCII (IDNA), without the root's dot."""
    name = text.strip().rstrip(".").lower()
    if not name.isascii():
        try:
            name = name.replace("。", ".").encode("idna").decode("ascii")
        except UnicodeError:
            return None
    return name if _DOMAIN.fullmatch(name) else None


def email(text: str) -> str | None:
    """An e-mail address in lower case; that of ``Ann <ann@example.com>``."""
    if text.endswith(">") and "<" in text:
        text = text.rpartition("<")[2][:-1]
    text = text.removeprefix("mailto:")
    local, _, host = text.rpartition("@")
    found = domain(host)
    return f"{local.lower()}@{found}" if found is not None and _LOCAL.fullmatch(local) else None


def url(text: str) -> str | None:
    """A URL as RFC 3986, section 6.2.2 and 6.2.3, normalises it; without fragment, user and usual port."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if not host or not scheme:
        return None
    place = _host(host)
    if place is None:
        name = host.lower()
        if not name.isascii() or not name.replace("-", "").replace(".", "").replace("_", "").isalnum():
            return None
    elif place[0] == "domain":
        name = place[1]
    else:
        name = f"[{host.lower()}]" if ":" in host else host
    if port is not None and port != _PORTS.get(scheme):
        name = f"{name}:{port}"
    query = f"?{_escaped(parts.query)}" if parts.query else ""
    return f"{scheme}://{name}{_path(_escaped(parts.path))}{query}"


def _host(host: str) -> Observable | None:
    found = network(host)
    if found is not None:
        return found
    name = domain(host)
    return None if name is None else ("domain", name)


_UNRESERVED: Final = re.compile(r"%(?:2[dDeE]|3[0-9]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aAeE])")
_ESCAPE: Final = re.compile(r"%[0-9a-f]{2}", re.IGNORECASE)


def _escaped(text: str) -> str:
    """Escapes of what needs none undone, others in upper case, and what needs one escaped."""
    if "%" in text:
        text = _UNRESERVED.sub(lambda match: unquote_to_bytes(match[0]).decode(), text)
        text = _ESCAPE.sub(lambda match: match[0].upper(), text)
    return quote(text.encode("utf-8", "replace"), safe=_SAFE + '?[]|\\^`{}"<>') if not text.isascii() else text


def _path(path: str) -> str:
    """Without dot segments (RFC 3986, section 5.2.4); never empty."""
    if "/." not in path:
        return path or "/"
    out: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del out[-1:]
        elif segment != ".":
            out.append(segment)
    if segments[-1] in (".", ".."):
        out.append("")
    return "/" + "/".join(out)
