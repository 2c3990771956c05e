"""Is what a job wrote right? A fast job that is wrong is not a result."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import generate
import geo
import orjson

SAMPLE_EVERY = 20  # one record in so many is looked at closely, all are counted
LANGUAGE_SHARE = 0.9  # detectors may err now and then

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_HEX = re.compile(r"[0-9a-f]+")


class WrongError(Exception):
    """What the job wrote is not what the records ask for; the message names record ids, never values."""


def verify(values: Iterable[bytes], records: int) -> None:
    """Check enriched records against the first `records` generated ones.

    Each allowed record has to be there once, and no other. In a sample nothing planted is left, no e-mail address
    at all, and fingerprint, license, country, language and both digests of the (redacted) message are written down.

    Raises
    ------
    WrongError
        At the first thing that is not so.
    """
    seen: Counter[int] = Counter()
    right_language = sampled = 0
    for value in values:
        envelope = orjson.loads(value)
        index = generate.index_of(envelope["data"]["id"])
        seen[index] += 1
        if index % SAMPLE_EVERY == 0:
            sampled += 1
            right_language += _check(envelope, index)
    _check_counts(seen, generate.expected(records))
    if right_language < LANGUAGE_SHARE * sampled:
        raise WrongError(f"the language is right in {right_language} of {sampled} sampled records")


def _check_counts(seen: Counter[int], expected: set[int]) -> None:
    if missing := expected - seen.keys():
        raise WrongError(f"{len(missing)} of {len(expected)} records are missing, evt-{min(missing):08d} first")
    if surplus := seen.keys() - expected:
        raise WrongError(f"{len(surplus)} records are there although their license is refused or they never were sent")
    if repeated := sum(count - 1 for count in seen.values()):
        raise WrongError(f"{repeated} records are there more than once")


def _check(envelope: dict[str, Any], index: int) -> bool:
    """Check one envelope; return whether the language of its message is right."""
    name = f"evt-{index:08d}"
    planted = generate.planted(index)
    text = orjson.dumps(envelope).decode()
    words = set(_strings(envelope))
    if _EMAIL.search(text):
        raise WrongError(f"{name} still has an e-mail address")
    for number, secret in enumerate(planted.secrets):
        if re.search(rf"(?<![\w.]){re.escape(secret)}(?![\w.])", text):
            raise WrongError(f"{name} still has the PII value number {number} that was planted in it")
    message = envelope["data"]["message"].encode()
    if {hashlib.sha256(message).hexdigest(), hashlib.md5(message).hexdigest()} - words:
        raise WrongError(f"{name} lacks a digest of its message")
    if not any(len(word) >= 16 and _HEX.fullmatch(word) for word in _strings(envelope.get("schema"))):
        raise WrongError(f"{name} lacks the fingerprint of its shape")
    if planted.license not in _strings(envelope.get("license")):
        raise WrongError(f"{name} lacks its license decision")
    if _country(generate.record(index)["ip"]) not in words:
        raise WrongError(f"{name} lacks the country of its address")
    return planted.language in words


def _country(ip: str) -> str:
    return geo.COUNTRIES[".".join(ip.split(".")[:2])]


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
