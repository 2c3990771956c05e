"""The six stages in plain Python, as users of the other frameworks would write them; no framework is imported here.

Each stage takes the envelope and gives it back with what it found, so that a framework can run the six one after
another or pass the envelope from one to the next. `re` looks at every string of a record, `maxminddb` (the C reader)
and `pycld2` do what they are for, and look-ups that repeat are cached.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import maxminddb
import pycld2

Envelope = dict[str, Any]
Stage = Callable[[Envelope], Envelope]


def configuration() -> dict[str, Any]:
    """Return the job's configuration: the JSON file that the first argument names."""
    config: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    return config


# -- tag ---------------------------------------------------------------------------------------------------------------


def tag(record: dict[str, Any]) -> Envelope:
    """Put a record into an envelope, with the fingerprint of its shape: key paths and types, sorted, hashed."""
    shape = "\n".join(sorted(set(_paths(record, ""))))
    return {"data": record, "schema": {"fingerprint": hashlib.sha256(shape.encode()).hexdigest()}, "enrichments": {}}


def _paths(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _paths(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for item in value:
            yield from _paths(item, f"{path}[]")
    else:
        yield f"{path}:{type(value).__name__}"


# -- redact ------------------------------------------------------------------------------------------------------------


def _luhn(number: str) -> bool:
    digits = [int(digit) for digit in number if digit.isdigit()]
    doubled = sum(sum(divmod(digit * 2, 10)) for digit in digits[-2::-2])
    return (doubled + sum(digits[-1::-2])) % 10 == 0


def _mod_97(account: str) -> bool:
    compact = account.replace(" ", "")
    return int("".join(str(int(letter, 36)) for letter in compact[4:] + compact[:4])) % 97 == 1


def _network(match: re.Match[str]) -> str:
    return f"{match[1]}.0"


def _checked(mask: str, valid: Callable[[str], bool]) -> Callable[[re.Match[str]], str]:
    return lambda match: mask if valid(match[0]) else match[0]


# An account and a card stand before a telephone number: their digits would pass for one.
_PII: tuple[tuple[str, re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    ("email", re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b"), "[EMAIL]"),
    ("iban", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"), _checked("[IBAN]", _mod_97)),
    ("credit_card", re.compile(r"\b(?:\d[ -]?){12,18}\d\b"), _checked("[CREDIT_CARD]", _luhn)),
    ("ssn", re.compile(r"\b(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}\b"), "[SSN]"),
    ("phone", re.compile(r"\+\d{1,3}(?:[ .-]?\(?\d{1,5}\)?){2,5}\b|\(\d{3}\) ?\d{3}-\d{4}\b"), "[PHONE]"),
    ("ip", re.compile(r"\b((?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){2}(?:25[0-5]|2[0-4]\d|1?\d?\d))\.\d{1,3}\b"), _network),
)


def redact(envelope: Envelope) -> Envelope:
    """Mask what identifies a person in every string of the record; an address becomes its /24 network."""
    found: dict[str, int] = {}
    envelope["data"] = _redacted(envelope["data"], found)
    envelope["pii"] = [{"category": category, "count": count} for category, count in found.items()]
    return envelope


def _redacted(value: Any, found: dict[str, int]) -> Any:
    if isinstance(value, str):
        for category, pattern, mask in _PII:
            masked, count = pattern.subn(mask, value)
            if count and masked != value:
                found[category] = found.get(category, 0) + count
                value = masked
        return value
    if isinstance(value, dict):
        return {key: _redacted(item, found) for key, item in value.items()}
    if isinstance(value, list):
        return [_redacted(item, found) for item in value]
    return value


# -- license -----------------------------------------------------------------------------------------------------------


def license_stage(allowed: list[str]) -> Callable[[Envelope], bool]:
    """Return a filter that is true where the record's license is one of `allowed`, and writes the decision down."""
    allow = frozenset(allowed)

    def check(envelope: Envelope) -> bool:
        license_id = envelope["data"].get("license")
        envelope["license"] = {"id": license_id, "decision": "allow" if license_id in allow else "deny"}
        return license_id in allow

    return check


# -- geoip -------------------------------------------------------------------------------------------------------------


def geoip_stage(database: str) -> Stage:
    """Return a stage that looks the record's address up in the MMDB file `database`."""
    reader = maxminddb.open_database(database)

    @lru_cache(maxsize=65_536)
    def look_up(ip: str) -> dict[str, Any] | None:
        city: Any = reader.get(ip)
        return city and {
            "country_code": city["country"]["iso_code"],
            "country": city["country"]["names"]["en"],
            "city": city["city"]["names"]["en"],
            "latitude": city["location"]["latitude"],
            "longitude": city["location"]["longitude"],
        }

    def geoip(envelope: Envelope) -> Envelope:
        if place := look_up(envelope["data"]["ip"]):
            envelope["enrichments"]["geo"] = {"ip_geo": place}
        return envelope

    return geoip


# -- language and hash -------------------------------------------------------------------------------------------------


def language(envelope: Envelope) -> Envelope:
    """Write down the language of the message."""
    try:
        _, _, details = pycld2.detect(envelope["data"]["message"])
    except pycld2.error:  # control characters in the text
        return envelope
    _, code, percent, _ = details[0]
    found = {"message_language": {"language": code, "confidence": percent / 100}}
    envelope["enrichments"]["language"] = found
    return envelope


def hash_message(envelope: Envelope) -> Envelope:
    """Write down the digests of the message."""
    message = envelope["data"]["message"].encode()
    digests = {"sha256": hashlib.sha256(message).hexdigest(), "md5": hashlib.md5(message).hexdigest()}
    envelope["enrichments"]["hashes"] = {"message_hash": digests}
    return envelope
