"""The floor: the C libraries of the job, called in one loop, without Kafka, frames, errors or configuration.

No framework can be cheaper than this and do the same work in one Python process. Hyperscan looks once at the bytes of
a record and says which kinds of PII may be in it; `re` replaces those kinds only, in the bytes, before they are parsed.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import generate
import hyperscan
import maxminddb
import orjson
import pycld2
from stages import configuration

CHUNK = 2_000  # records made (not measured) and worked on (measured) at a time, so that memory is the loop's own

Replacement = bytes | Callable[[re.Match[bytes]], bytes]


def _card(match: re.Match[bytes]) -> bytes:
    digits = [byte - 48 for byte in match[0] if 48 <= byte <= 57]
    doubled = sum(digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2])
    return match[0] if (doubled + sum(digits[-1::-2])) % 10 else b"[CREDIT_CARD]"


def _iban(match: re.Match[bytes]) -> bytes:
    compact = match[0].replace(b" ", b"").decode()
    number = int("".join(str(int(letter, 36)) for letter in compact[4:] + compact[:4]))
    return b"[IBAN]" if number % 97 == 1 else match[0]


# in the order of replacement; each expression means the same to Hyperscan and to `re`
PII: tuple[tuple[bytes, Replacement], ...] = (
    (rb"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", b"[EMAIL]"),
    (rb"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", _iban),
    (rb"\b(?:\d[ -]?){12,18}\d\b", _card),
    (rb"\b\d{3}-\d{2}-\d{4}\b", b"[SSN]"),
    (rb"\+\d{1,3}(?:[ .-]?\(?\d{1,5}\)?){2,5}\b|\(\d{3}\) ?\d{3}-\d{4}\b", b"[PHONE]"),
    (rb"\b(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}\b", rb"\1.0"),
)
CATEGORIES = ("email", "iban", "credit_card", "ssn", "phone", "ip")


def redactor() -> Callable[[bytes], tuple[bytes, list[int]]]:
    """Return a function from a record's bytes to the bytes without PII, and what kinds it found."""
    database = hyperscan.Database()
    database.compile(
        expressions=[expression for expression, _ in PII],
        ids=list(range(len(PII))),
        elements=len(PII),
        flags=[hyperscan.HS_FLAG_SINGLEMATCH] * len(PII),
    )
    scan = database.scan
    substitutes = [(re.compile(expression).sub, replacement) for expression, replacement in PII]
    hits: list[int] = []

    def hit(number: int, start: int, end: int, flags: int, context: object) -> None:
        hits.append(number)

    def redact(value: bytes) -> tuple[bytes, list[int]]:
        hits.clear()
        scan(value, match_event_handler=hit)
        hits.sort()
        for number in hits:
            substitute, replacement = substitutes[number]
            value = substitute(replacement, value)
        return value, hits

    return redact


def shape(value: Any, path: str, found: list[str]) -> None:
    if type(value) is dict:
        for key, item in value.items():
            shape(item, f"{path}.{key}", found)
    elif type(value) is list:
        for item in value:
            shape(item, f"{path}[]", found)
    else:
        found.append(f"{path}:{type(value).__name__}")


def worker(database: str, allow: list[str]) -> Callable[[bytes], bytes | None]:
    """Return the job as one function: a record's bytes in, the enriched bytes out, nothing for a refused license."""
    redact, allowed, reader = redactor(), frozenset(allow), maxminddb.open_database(database)
    places: dict[str, Any] = {}

    def work(value: bytes) -> bytes | None:
        value, hits = redact(value)
        data = orjson.loads(value)
        paths: list[str] = []
        shape(data, "", paths)
        fingerprint = hashlib.sha256("\n".join(sorted(set(paths))).encode()).hexdigest()
        if data["license"] not in allowed:
            return None
        ip = data["ip"]
        if ip not in places:
            places[ip] = reader.get(ip)
        message = data["message"].encode()
        _, code, percent, _ = pycld2.detect(message)[2][0]
        enriched = {
            "data": data,
            "schema": {"fingerprint": fingerprint},
            "pii": [CATEGORIES[number] for number in hits],
            "license": {"id": data["license"], "decision": "allow"},
            "enrichments": {
                "geo": {"ip_geo": places[ip]},
                "language": {"message_language": {"language": code, "confidence": percent / 100}},
                "hashes": {
                    "message_hash": {
                        "sha256": hashlib.sha256(message).hexdigest(),
                        "md5": hashlib.md5(message).hexdigest(),
                    }
                },
            },
        }
        return orjson.dumps(enriched)

    return work


def chunks(count: int) -> Iterator[list[bytes]]:
    records = generate.encoded(count)
    while chunk := list(islice(records, CHUNK)):
        yield chunk


def main() -> None:
    config = configuration()
    work = worker(config["mmdb"], config["allow"])
    seconds = cpu = 0.0
    with Path(config["output"]).open("wb") as output:
        for chunk in chunks(config["records"]):
            clock, processor = time.perf_counter(), time.process_time()
            results = [work(value) for value in chunk]
            seconds += time.perf_counter() - clock
            cpu += time.process_time() - processor
            output.writelines(result + b"\n" for result in results if result)
    Path(config["report"]).write_text(json.dumps({"seconds": seconds, "cpu_seconds": cpu}), encoding="utf-8")


if __name__ == "__main__":
    main()
