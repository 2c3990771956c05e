"""dedup: duplicates found, and dropped, marked or merged; the first one stays.

>>> run("dedup", {"id": 7, "email": "ann@example.com"}, key_fields=["id", "email"], strategy="mark")
{}

With ``strategy: mark`` a later record of the same key goes on with ``{"duplicate_of": "orders.raw/0/7", "method":
"keys", "similarity": 1.0}``. With ``merge`` it also gets the fields that it lacks and that the records before it had;
``merged`` names them. With ``drop`` (``keep_first``) it stops, with the code ``duplicate``.

What makes two records the same:

- ``key_fields``: these fields, together; ``@key`` is the key of the Kafka message. Case, blanks and compatible
  characters (NFKC), and 7 and 7.0, are told apart only with ``normalise: false``; a number is never a text. A record
  that has none of them has no duplicate;
- without them the whole content, exactly, in whatever order its fields stand;
- ``near: 0.8``: texts that have that share of their five-letter pieces in common (MinHash). It is said of the
  ``key_fields``, or of all texts of the record; with ``@key`` among them of records of one message key. Needs the
  extra ``near``.

A record is known by its first id: shown again after a crash, replayed or released, it is never its own duplicate. Of
two records, the one that the agent sees first stays, whatever becomes of it behind this stage.

Duplicates are looked for within a partition: there is no hop yet that moves records between partitions by another key.
Where that may miss some, because there are several partitions and nothing says that equal records share one, `lint`
refuses the plan: put ``@key`` among the ``key_fields``, give the topic one partition, or say ``scope: partition``.

What is remembered: the id and the time of the first record, and digests of its keys under a key of the keyring. With
``near`` the signature, of keyed digests as well. With ``merge`` its data, sealed with AES-256-SIV under such a key; an
erasure (`penstock erase`) does not reach it: it goes when the entry does (``max_entries``, ``window_seconds``).
"""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import orjson
from pydantic import Field

from penstock.agents.enrich._state import shelf as _shelf
from penstock.agents.enrich._state.paths import MESSAGE_KEY, NOTHING, at, plain
from penstock.agents.enrich._state.shelf import Entry, Sealing, Shelf
from penstock.agents.enrich._state.similar import Signatures
from penstock.agents.fields import leaves
from penstock.model.component import ApplyState, FieldNames, Resources, StageConfig, State
from penstock.model.record import Data, Record
from penstock.model.verdict import KEEP, Drop, Keep, Verdict

ALIASES = ("deduplicator", "deduplication")
GROUP = "dedup"
CODE: Final = "duplicate"

_KEY_BYTES: Final = 16
_EXACT: Final = 2**53
"""Below it a floating-point number holds each integer."""

Strategy: TypeAlias = Literal["keep_first", "drop", "mark", "merge"]


class Config(StageConfig):
    """Options of dedup."""

    key_fields: FieldNames = Field(
        (), description="Fields that together make a record the same; dotted paths, @key is the message's key."
    )
    strategy: Strategy = Field("keep_first", description="What becomes of a later one; keep_first and drop are one.")
    near: float | None = Field(None, gt=0, le=1, description="Share of the text in common to count as the same.")
    normalise: bool = Field(True, description="Case and blanks of key fields and of near texts do not count.")
    window_seconds: float | None = Field(
        None, gt=0, description="Records further apart than this, by their own time, are no duplicates."
    )
    max_entries: int = Field(1_000_000, ge=1, description="Records remembered per partition; the oldest go first.")
    scope: Literal["topic", "partition"] = Field(
        "topic", description="`partition` admits that duplicates in other partitions are not found."
    )


def spans(config: Config) -> bool:
    """Whether duplicates may stand in several partitions."""
    return config.scope == "topic" and MESSAGE_KEY not in config.key_fields


class _Look(NamedTuple):
    """A record as one key sees it: where to look, and what to compare with what is found (None: it is the same)."""

    keys: list[bytes]
    similarity: Callable[[bytes], float] | None
    signature: bytes


_Looks: TypeAlias = Callable[[Record], list[_Look]]


def build(config: Config, resources: Resources) -> ApplyState:
    """Compile the stage."""
    window = None if config.window_seconds is None else int(config.window_seconds * 1000)
    shelf = Shelf(config.max_entries, window)
    looks = _near(config, resources) if config.near is not None else _exact(config, resources)
    method = "near" if config.near is not None else "keys" if config.key_fields else "content"
    sealing = Sealing(_shelf.keys(resources, "dedup data")) if config.strategy == "merge" else None

    def apply(record: Record, state: State) -> Verdict:
        seen = looks(record)
        if not seen:
            return KEEP
        found = _first(shelf, state, record, seen, config.near or 1.0)
        if found is None:
            body = seen[0].signature
            if sealing is not None:
                body += sealing.seal(record.raw)
            shelf.add(state, Entry(record.id, record.timestamp, seen[0].keys, body))
            return KEEP
        place, entry, similarity = found
        if entry.id == record.id:
            return KEEP
        if config.strategy in ("keep_first", "drop"):
            return Drop(CODE)
        note: dict[str, Any] = {"duplicate_of": entry.id, "method": method, "similarity": round(similarity, 3)}
        if sealing is None:
            return Keep(notes={f"enrichments.{GROUP}": note})
        return _merged(shelf, state, record, place, entry, note, sealing, len(seen[0].signature))

    return apply


def _first(
    shelf: Shelf, state: State, record: Record, looks: list[_Look], threshold: float
) -> tuple[int, Entry, float] | None:
    """The entry that the record made, else the one that it is most like, the older of two."""
    best: tuple[int, Entry, float] | None = None
    for look in looks:
        for place, entry in shelf.find(state, look.keys, record.timestamp):
            if entry.id == record.id:
                return place, entry, 1.0
            similarity = 1.0 if look.similarity is None else look.similarity(entry.body)
            if similarity >= threshold and (best is None or similarity > best[2]):
                best = place, entry, similarity
    return best


def _merged(
    shelf: Shelf, state: State, record: Record, place: int, entry: Entry, note: dict[str, Any], sealing: Sealing,
    signed: int,
) -> Verdict:  # fmt: skip
    """The record with what it lacks; what is known afterwards is remembered in the first one's place."""
    opened = sealing.open(entry.body[signed:])
    known: Data = {} if opened is None else orjson.loads(opened)
    data = dict(record.data)
    missing = [name for name, value in known.items() if value is not None and data.get(name) is None]
    data |= {name: known[name] for name in missing}
    lacking = {name: value for name, value in data.items() if value is not None and known.get(name) is None}
    if lacking:
        body = entry.body[:signed] + sealing.seal(orjson.dumps(known | lacking))
        shelf.replace(state, place, Entry(entry.id, entry.time, entry.keys, body))
    note["merged"] = missing
    if not missing:
        return Keep(notes={f"enrichments.{GROUP}": note})
    return Keep(data=data, notes={f"enrichments.{GROUP}": note})


def _exact(config: Config, resources: Resources) -> _Looks:
    secrets = _shelf.keys(resources, "dedup")

    def looks(record: Record) -> list[_Look]:
        material = _material(record, config)
        if material is None:
            return []
        return [_Look([hmac.digest(secret, material, "sha256")[:_KEY_BYTES]], None, b"") for secret in secrets]

    return looks


def _near(config: Config, resources: Resources) -> _Looks:
    assert config.near is not None
    variants = [Signatures(key, config.near) for key in _shelf.keys(resources, "dedup near")]
    by_key = MESSAGE_KEY in config.key_fields

    def looks(record: Record) -> list[_Look]:
        text = _text(record, config)
        if not text:
            return []
        found = []
        within = b"" if not by_key else b"-" if record.key is None else b"=" + record.key
        for signatures in variants:
            signature = signatures.of(text)
            compare = _comparing(signatures, signature)
            found.append(_Look(signatures.bands(signature, within), compare, signature))
        return found

    return looks


def _comparing(signatures: Signatures, signature: bytes) -> Callable[[bytes], float]:
    return lambda body: signatures.similarity(signature, body[: len(signature)])


def _material(record: Record, config: Config) -> bytes | None:
    """What must be equal, unambiguously as bytes; None where the record has none of the fields."""
    if not config.key_fields:
        return b"content\0" + orjson.dumps(record.data, option=orjson.OPT_SORT_KEYS)
    values = list(_values(record, config))
    if all(value is None for value in values):
        return None
    digests = [hashlib.sha256(b"" if value is None else b"=" + value).digest() for value in values]
    return b"keys\0" + "\0".join(config.key_fields).encode("utf-8", "surrogatepass") + b"\0" + b"".join(digests)


def _values(record: Record, config: Config) -> Iterator[bytes | None]:
    for name in config.key_fields:
        if name == MESSAGE_KEY:
            yield record.key
            continue
        value = at(record.data, name)
        if value is NOTHING or value is None:
            yield None
        elif isinstance(value, str):
            yield b"s" + (plain(value) if config.normalise else value).encode()
        else:
            if config.normalise and isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
                value = int(value)
            yield b"j" + orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _text(record: Record, config: Config) -> str:
    if config.key_fields:
        found = [at(record.data, name) for name in config.key_fields if name != MESSAGE_KEY]
        parts = [value for value in found if isinstance(value, str)]
    else:
        parts = [value for _, value in leaves(record.data) if isinstance(value, str)]
    text = "\n".join(part for part in parts if part)
    return plain(text) if config.normalise else text
