"""The Kafka key and headers of a record, as a tree like the record's data to be redacted.

They are UTF-8 or not; what is not is carried through as it is, and what is personal in it is found all the same.
"""

from typing import Any, TypeGuard

from msgspec import UNSET, UnsetType

from penstock.model.record import HEADER_ORIGIN, Headers, Kept


def tree(entry: Kept) -> dict[str, Any]:
    """Key and headers; fields are ``kafka.key`` and ``kafka.headers.<name>``, a list where a name comes again."""
    groups = _groups(entry)
    headers = {name: values if len(values) > 1 else values[0] for name, values in groups.items()}
    kafka: dict[str, Any] = {"key": _text(entry.key)} if entry.key else {}
    kafka["headers"] = headers
    return {"kafka": kafka}


def rewritten(entry: Kept, tree: dict[str, Any]) -> tuple[bytes | UnsetType | None, Headers | UnsetType]:
    """Key and headers as they stand in the redacted tree, each unset where it stays."""
    groups = _groups(entry)
    headers = tree["kafka"]["headers"]
    renamed = dict(zip(groups, headers, strict=True))  # a name that was changed stands where it stood
    new: Headers = []
    places = dict.fromkeys(groups, 0)
    for name, value in entry.headers:
        if not _seen(value, name):
            new.append((name, value))
            continue
        found = headers[renamed[name]]
        if len(groups[name]) > 1:
            found, places[name] = found[places[name]], places[name] + 1
        new.append((renamed[name], _bytes(found)))
    key = _bytes(tree["kafka"]["key"]) if entry.key else entry.key
    return UNSET if key == entry.key else key, UNSET if new == entry.headers else new


def _groups(entry: Kept) -> dict[str, list[str]]:
    """The values of the headers that are looked at, by name."""
    groups: dict[str, list[str]] = {}
    for name, value in entry.headers:
        if _seen(value, name):
            groups.setdefault(name, []).append(_text(value))
    return groups


def _seen(value: bytes | None, name: str) -> TypeGuard[bytes]:
    """Whether a header is looked at; the first id of a record is not: sinks compare it."""
    return value is not None and name != HEADER_ORIGIN


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
