"""url: the parts of each address on the web: host, registered domain, path, query; and one spelling for all of its own.

>>> run("url", {"link": "HTTP://Shop.Example.co.uk:80/a/../b?x=1"})["url"]["link_url"]["url"]
'http://shop.example.co.uk/b?x=1'
>>> run("url", {"url": "www.example.com"})["url"]
{'url_url': {'valid': False, 'reason': 'no_scheme'}}

The spelling is that of RFC 3986, 6.2: letters of scheme and host small, escapes that need not be unescaped, no ``.``
and ``..``, no port where it is the scheme's, the host in ASCII (UTS 46). User and password are no part of it; the body
says whether there was a password, never which. ``domain`` is what somebody registered, ``suffix`` what it is registered
below, by the Public Suffix List that the package publicsuffixlist brings; nothing is asked. Values of the query may
hold anything, so `redact` must stand behind.

What is no address is named: ``empty``, ``too_long``, ``invalid_character``, ``no_scheme``, ``no_host``,
``invalid_host``, ``invalid_port``.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

import idna
from publicsuffixlist import PublicSuffixList
from pydantic import Field

from penstock.agents.enrich._values.values import Invalid, annotated
from penstock.agents.fields import Finder
from penstock.model.component import Annotations, EnrichRecord, FieldNames, StageConfig
from penstock.model.record import Record

ADDS_TEXT = True
GROUP = "url"


class Config(StageConfig):
    """Options of url."""

    fields: FieldNames = Field(
        ("url", "uri", "link", "href", "website", "homepage", "referer", "referrer", "request_url", "target_url"),
        description="Fields that hold addresses.",
    )
    longest: int = Field(8192, ge=1, description="Longer ones, in characters, are not looked at.")
    most_parameters: int = Field(64, ge=0, description="Parameters of a query that are told; others are not.")
    private_suffixes: bool = Field(
        True, description="Count suffixes that companies let others register below (`github.io`) as public ones."
    )
    cache_size: int = Field(16_384, ge=0, description="Addresses whose parts are kept.")


def build(config: Config) -> EnrichRecord:
    """Compile the stage."""
    find = Finder(config.fields)
    parts = lru_cache(config.cache_size)(_reader(config))

    def enrich(record: Record) -> Annotations | None:
        return annotated(GROUP, find.labelled(record), parts)

    return enrich


_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21}
"""Schemes that have a host, and their ports."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\<>\"`{}^|]")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def _reader(config: Config) -> Callable[[str], dict[str, Any]]:
    suffixes = PublicSuffixList(only_icann=not config.private_suffixes)

    def read(value: str) -> dict[str, Any]:
        text = value.strip()
        if len(text) > config.longest:
            raise Invalid("too_long")
        split, host, port = _split(text)
        pairs = parse_qsl(split.query, keep_blank_values=True, errors="replace")
        return {
            "valid": True,
            "url": _spelled(split, host, port),
            "scheme": split.scheme,
            "host": host,
            "port": port,
            **_domain(host, suffixes),
            "path": _path(split.path, host is not None),
            "query": _parameters(pairs[: config.most_parameters]),
            "fragment": split.fragment or None,
            "username": split.username or None,
            "has_password": split.password is not None,
        }

    return read


def _split(text: str) -> tuple[SplitResult, str | None, int | None]:
    """The parts, the host in ASCII and the port. Raises Invalid."""
    if not text:
        raise Invalid("empty")
    if _FORBIDDEN.search(text):
        raise Invalid("invalid_character")
    if not _SCHEME.match(text) or re.match(r"[^:/]*:\d+(?:[/?#]|$)", text):  # localhost:80 has no scheme
        raise Invalid("no_scheme")
    try:
        split = urlsplit(text)
        name = split.hostname
    except ValueError:
        raise Invalid("invalid_host") from None
    try:
        port = split.port
    except ValueError:
        raise Invalid("invalid_port") from None
    if not name:
        if split.scheme in _PORTS:
            raise Invalid("no_host")
        return split, None, None
    return split, _host(name), port if port is not None else _PORTS.get(split.scheme)


def _host(name: str) -> str:
    if ":" in name or re.fullmatch(r"[0-9.]+", name):
        try:
            return str(ip_address(name))
        except ValueError:
            raise Invalid("invalid_host") from None
    try:
        ascii_name = _unescaped(name).rstrip(".").lower()
        if not ascii_name.isascii():
            ascii_name = idna.encode(ascii_name, uts46=True).decode()
    except (idna.IDNAError, ValueError):
        raise Invalid("invalid_host") from None
    if len(ascii_name) > 253 or not re.fullmatch(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.|\Z))+", ascii_name):
        raise Invalid("invalid_host")
    return ascii_name


def _domain(host: str | None, suffixes: PublicSuffixList) -> dict[str, Any]:
    if host is None or ":" in host or re.fullmatch(r"[0-9.]+", host):
        return {"subdomain": None, "domain": None, "suffix": None}
    domain = suffixes.privatesuffix(host)
    subdomain = host.removesuffix(domain).rstrip(".") if domain else ""
    return {"subdomain": subdomain or None, "domain": domain, "suffix": suffixes.publicsuffix(host)}


def _spelled(split: SplitResult, host: str | None, port: int | None) -> str:
    shown = "" if host is None else f"//[{host}]" if ":" in host else f"//{host}"
    if port is not None and port != _PORTS.get(split.scheme):
        shown += f":{port}"
    query = f"?{_unescaped(split.query)}" if split.query else ""
    fragment = f"#{_unescaped(split.fragment)}" if split.fragment else ""
    return f"{split.scheme}:{shown}{_path(split.path, host is not None)}{query}{fragment}"


def _path(path: str, below_host: bool) -> str:
    """The path without ``.`` and ``..`` (RFC 3986, 5.2.4)."""
    path = _unescaped(path)
    if not below_host:
        return path
    kept: list[str] = []
    parts = path.split("/")[1:]
    for part in parts:
        if part == "..":
            del kept[-1:]
        elif part != ".":
            kept.append(part)
    if parts and parts[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _unescaped(text: str) -> str:
    """Escapes of what needs none are undone, others have capital letters (RFC 3986, 6.2.2)."""

    def one(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if character in _UNRESERVED else match[0].upper()

    return re.sub(r"%([0-9A-Fa-f]{2})", one, text)


def _parameters(pairs: list[tuple[str, str]]) -> dict[str, str | list[str]]:
    """Value of each parameter, or its values where it stands there more than once."""
    found: dict[str, str | list[str]] = {}
    for name, value in pairs:
        before = found.get(name)
        if before is None:
            found[name] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            found[name] = [before, value]
    return found
