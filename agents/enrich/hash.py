"""hash: digests of text fields and of the whole record, for integrity checks and for finding duplicates.

>>> run("hash", {"body": "abc"}, hash_algorithms=["md5"], hash_all_content=False)["hashes"]
{'body_hash': {'md5': '900150983cd24fb0d6963f7d28e17f72'}}

A text is hashed as UTF-8, a number or a boolean as it stands in JSON; null gets nothing. ``content_hash`` is over the
whole data as it is at this stage, as compact JSON with its keys sorted, so that two records with the same fields in
another order have the same one. Where a field is itself called ``content``, the record keeps that name and the field's
hash is ``content_field_hash``.

Behind `redact` (the default order) the digests are of what `redact` left. In front of it they are of the values
themselves: anyone can compute the digest of every telephone number there is, so such a digest gives the number away.
"""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, TypeAlias

import orjson
from pydantic import Field

from penstock.agents.fields import Finder
from penstock.model.component import Annotations, EnrichRecord, FieldNames, StageConfig
from penstock.model.record import Record

ALIASES = ("hashing",)
GROUP = "hashes"

Algorithm: TypeAlias = Literal["sha256", "sha512", "blake2b", "sha1", "md5"]
Digests: TypeAlias = dict[str, str]

_WHOLE = "content_hash"


class Config(StageConfig):
    """Options of hash."""

    hash_algorithms: tuple[Algorithm, ...] = Field(
        ("sha256", "md5"), min_length=1, description="Algorithms; md5 and sha1 find duplicates, they prove nothing."
    )
    hash_all_content: bool = Field(True, description="Hash the whole record as well, as content_hash.")
    hash_fields: FieldNames = Field(("content", "body", "text", "message"), description="Fields that are hashed.")


def build(config: Config) -> EnrichRecord:
    """Compile the stage."""
    find = Finder(config.hash_fields)
    digest = _digest(config.hash_algorithms)

    def enrich(record: Record) -> Annotations | None:
        found: dict[str, Any] = {
            _name(label, config.hash_all_content): digest(_bytes(value))
            for label, value in find.labelled(record)
            if value is not None
        }
        if config.hash_all_content:
            found[_WHOLE] = digest(orjson.dumps(record.data, option=orjson.OPT_SORT_KEYS))
        return {GROUP: found} if found else None

    return enrich


def _name(label: str, whole: bool) -> str:
    name = f"{label}_hash"
    return f"{label}_field_hash" if whole and name == _WHOLE else name


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else orjson.dumps(value)


def _digest(algorithms: tuple[Algorithm, ...]) -> Callable[[bytes], Digests]:
    # usedforsecurity=False: md5 and sha1 are there for matching, and must work where policy switches them off
    functions = [(name, partial(getattr(hashlib, name), usedforsecurity=False)) for name in algorithms]

    def digest(content: bytes) -> Digests:
        return {name: function(content).hexdigest() for name, function in functions}

    return digest
