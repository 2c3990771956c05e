"""The Kafka key and headers of a record: as bytes to be scanned, and as a tree like the record's data to be redacted.

They are UTF-8 or not; what is not is carried through as it is, and what is personal in it is found all the same.
"""

from typing import Any, Final, TypeGuard

from msgspec import UNSET, UnsetType

from penstock.agents.redact._engine import Counts, Engine
from penstock.model.record import HEADER_ORIGIN, Headers, Kept

_KEY_PREFIX: Final = b'kafka":key":'
_HEADER_PREFIX: Final = b'kafka":headers":'


def parts(entry: Kept) -> list[bytes]:
    """Key and headers with their names, written so that what looks for names of fields finds them."""
    found = [_KEY_PREFIX + entry.key] if entry.key else []
    found += [_HEADER_PREFIX + name.encode() + b'":' + value for name, value in entry.headers if _seen(value, name)]
    return found


def redact(
    engine: Engine, entry: Kept, hits: Any, counts: Counts
) -> tuple[bytes | UnsetType | None, Headers | UnsetType]:
    """New key and new headers, each unset where it stays; fields are ``kafka.key`` and ``kafka.headers.<name>``."""
    groups: dict[str, Any] = {}
    for name, value in entry.headers:
        if _seen(value, name):
            groups.setdefault(name, []).append(_text(value))
    headers = {name: values if len(values) > 1 else values[0] for name, values in groups.items()}
    kafka: dict[str, Any] = {"key": _text(entry.key)} if entry.key else {}
    kafka["headers"] = headers
    if not engine.redact(engine.leaves({"kafka": kafka}), hits, counts, null=False):
        return UNSET, UNSET
    renamed = dict(zip(groups, headers, strict=True))  # names have changed in place, one by one
    rewritten: Headers = []
    places = dict.fromkeys(groups, 0)
    for name, value in entry.headers:
        if not _seen(value, name):
            rewritten.append((name, value))
            continue
        new_name = renamed[name]
        new = headers[new_name]
        if len(groups[name]) > 1:
            new, places[name] = new[places[name]], places[name] + 1
        rewritten.append((new_name, _bytes(new)))
    key = _bytes(kafka["key"]) if entry.key else entry.key
    return UNSET if key == entry.key else key, UNSET if rewritten == entry.headers else rewritten


def _seen(value: bytes | None, name: str) -> TypeGuard[bytes]:
    """Whether a header is looked at; the first id of a record is not: sinks compare it."""
    return value is not None and name != HEADER_ORIGIN


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
