"""user_agent: the browser, operating system and device that a User-Agent header tells of, and whether it is a bot.

>>> found = run("user_agent", {"user_agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"})
>>> found["user_agent"]["user_agent_user_agent"]["browser"]
{'name': 'Googlebot', 'version': '2.1'}
>>> run("user_agent", {"ua": "?"})["user_agent"]["ua_user_agent"]
{'valid': False, 'reason': 'unrecognised'}

By the patterns of the uap-core project, which the package ua-parser brings. ``type`` is ``desktop``, ``mobile``,
``tablet``, ``tv``, ``bot`` or ``other`` (programs that fetch, players, watches). A header says what its sender likes.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from pydantic import Field
from ua_parser import BestAvailableResolver, Parser, load_builtins

from penstock.agents.enrich._values.values import Invalid, annotated
from penstock.agents.fields import Finder
from penstock.model.component import Annotations, EnrichRecord, FieldNames, StageConfig
from penstock.model.record import Record

GROUP = "user_agent"


class Config(StageConfig):
    """Options of user_agent."""

    fields: FieldNames = Field(
        ("user_agent", "useragent", "user-agent", "http_user_agent", "ua"),
        description="Fields that hold User-Agent headers.",
    )
    longest: int = Field(2048, ge=1, description="Longer ones, in characters, are not looked at.")
    cache_size: int = Field(16_384, ge=0, description="Headers whose meaning is kept.")


def build(config: Config) -> EnrichRecord:
    """Compile the stage."""
    find = Finder(config.fields)
    read = lru_cache(config.cache_size)(_reader(config.longest))

    def enrich(record: Record) -> Annotations | None:
        return annotated(GROUP, find.labelled(record), read)

    return enrich


def _reader(longest: int) -> Callable[[str], dict[str, Any]]:
    parser = Parser(BestAvailableResolver(load_builtins()))

    def read(value: str) -> dict[str, Any]:
        text = value.strip()
        if not text:
            raise Invalid("empty")
        if len(text) > longest:
            raise Invalid("too_long")
        found = parser.parse(text)
        browser, system, device = found.user_agent, found.os, found.device
        if browser is None and system is None and device is None:
            raise Invalid("unrecognised")
        bot = (device is not None and device.family == "Spider") or _BOT.search(text) is not None
        return {
            "valid": True,
            "browser": _named(browser),
            "os": _named(system),
            "device": {
                "name": device.family if device else None,
                "brand": device.brand if device else None,
                "model": device.model if device else None,
                "type": "bot" if bot else _type(text, system.family if system else "", device.family if device else ""),
            },
            "bot": bot,
        }

    return read


_BOT = re.compile(r"bot\b|crawl|spider|slurp|bingpreview|facebookexternalhit|headless|lighthouse", re.IGNORECASE)
_TV = re.compile(r"\btv\b|smart-?tv|appletv|roku|bravia|hbbtv|web0s|tizen.*tv|crkey", re.IGNORECASE)
_TABLET = re.compile(r"ipad|tablet|kindle|silk/|playbook", re.IGNORECASE)
_DESKTOPS: Final = frozenset({"Windows", "Mac OS X", "Linux", "Ubuntu", "Fedora", "Debian", "Chrome OS", "FreeBSD"})


def _type(text: str, system: str, device: str) -> str:
    if _TV.search(text) or _TV.search(system):
        return "tv"
    if _TABLET.search(text) or _TABLET.search(device) or (system == "Android" and "Mobile" not in text):
        return "tablet"
    if "Mobile" in text or system in ("iOS", "Android", "Windows Phone", "KaiOS"):
        return "mobile"
    return "desktop" if system in _DESKTOPS else "other"


def _named(found: Any) -> dict[str, str | None]:
    """Name and version, of a browser or an operating system; nulls where it was not found."""
    if found is None:
        return {"name": None, "version": None}
    numbers = [found.major, found.minor, found.patch, found.patch_minor]
    return {"name": found.family, "version": ".".join(number for number in numbers if number) or None}
