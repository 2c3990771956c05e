"""hash: digests of text fields, of the whole record and of what it refers to, for integrity and for finding duplicates.

>>> run("hash", {"body": "abc"}, hash_algorithms=["md5"], hash_all_content=False)["hashes"]
{'body_hash': {'md5': '900150983cd24fb0d6963f7d28e17f72'}}
>>> picture = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw=="
>>> run("hash", {"image": picture}, hash_algorithms=["md5"], hash_all_content=False, hash_references=True)["hashes"]
{'image_hash': {'md5': 'a82ba3a9d42148e9cf209df13d8c3f3d'}}

A text is hashed as UTF-8, a number or a boolean as it stands in JSON; null gets nothing. ``content_hash`` is over the
whole data as it is at this stage, as compact JSON with its keys sorted, so that two records with the same fields in
another order have the same one. Where a field is itself called ``content``, the record keeps that name and the field's
hash is ``content_field_hash``.

With ``hash_references``, content that stands in one of ``reference_fields`` as Base64 or a data: URL, or that it refers
to, is hashed as bytes. ``enable_perceptual`` adds hashes of what pictures show there (alike for pictures that look
alike), ``enable_fuzzy`` hashes of parts (alike for texts and files that share much). Both are made in child processes.

Behind `redact` (the default order) the digests are of what `redact` left. In front of it they are of the values
themselves: anyone can compute the digest of every telephone number there is, so such a digest gives the number away.
A fuzzy hash gives parts of a short text away in any order; md5 and sha1 find duplicates and prove nothing.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import orjson
from blake3 import blake3
from pydantic import Field

from penstock.agents.fields import Finder
from penstock.model.component import Annotations, EnrichBatch, EnrichRecord, FieldNames, StageConfig
from penstock.model.content import Content, content_of
from penstock.model.errors import EnrichmentError, MissingExtraError
from penstock.model.fetch import Fetcher, FetchOptions, is_reference
from penstock.model.record import Record
from penstock.model.room import RoomOptions, room_for

ALIASES = ("hashing",)
GROUP = "hashes"

Algorithm: TypeAlias = Literal["sha256", "sha512", "blake3", "blake2b", "sha1", "md5"]
Perceptual: TypeAlias = Literal["phash", "dhash", "ahash", "whash"]
Fuzzy: TypeAlias = Literal["ssdeep", "tlsh"]
Digests: TypeAlias = dict[str, str]

_WHOLE = "content_hash"
_FINGERPRINTS: Final = "penstock.agents.enrich._media.fingerprints:fingerprints"
_AT_ONCE: Final = 8
"""Contents that are held at once: each may be as large as ``max_bytes``."""


class Config(StageConfig, FetchOptions, RoomOptions):
    """Options of hash."""

    hash_algorithms: tuple[Algorithm, ...] = Field(
        ("sha256", "md5"), min_length=1, description="Algorithms; md5 and sha1 find duplicates, they prove nothing."
    )
    hash_all_content: bool = Field(True, description="Hash the whole record as well, as content_hash.")
    hash_fields: FieldNames = Field(("content", "body", "text", "message"), description="Fields that are hashed.")
    hash_references: bool = Field(
        False, description="Hash what reference_fields refer to, or hold as Base64 or a data: URL."
    )
    reference_fields: FieldNames = Field(
        (
            "image_url",
            "image",
            "photo",
            "photo_url",
            "picture",
            "picture_url",
            "document_url",
            "document",
            "audio_url",
            "audio",
            "video_url",
            "file_url",
            "attachment_url",
        ),
        description="Fields that refer to content, or hold it.",
    )
    enable_perceptual: bool = Field(
        False, description="Add hashes of what the pictures in reference_fields show; needs the extra perceptual."
    )
    perceptual_algorithms: tuple[Perceptual, ...] = Field(
        ("phash",), min_length=1, description="Which, each of 64 bits; compare them by how many bits differ."
    )
    enable_fuzzy: bool = Field(
        False, description="Add fuzzy hashes of what is hashed, for finding what shares much of its content."
    )
    fuzzy_algorithms: tuple[Fuzzy, ...] = Field(
        ("ssdeep",), min_length=1, description="Which; tlsh needs the extra tlsh, and 50 bytes or more."
    )
    max_pixels: int = Field(89_478_485, ge=1, description="A picture with more pixels gets no perceptual hash.")


def alone(config: Config) -> bool:
    """Whether content is fetched, or taken apart in child processes."""
    return config.hash_references or config.enable_perceptual or config.enable_fuzzy


def build(config: Config) -> EnrichRecord | EnrichBatch:
    """Compile the stage: plain digests of fields are made at once, everything else for many records together.

    Raises
    ------
    MissingExtraError
        An algorithm needs a package that is not installed.
    """
    if config.enable_perceptual and find_spec("imagehash") is None:
        raise MissingExtraError("ImageHash", "perceptual")
    if config.enable_fuzzy and "tlsh" in config.fuzzy_algorithms and find_spec("tlsh") is None:
        raise MissingExtraError("py-tlsh", "tlsh")
    if alone(config):
        return _Slow(config).enrich
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


class _Hashed(NamedTuple):
    """The hashes of one field, and why there are no more."""

    name: str
    digests: Digests
    error: EnrichmentError | None = None


class _Slow:
    """Hashes that need content read, or a child process."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._find = Finder(config.hash_fields)
        self._find_references = Finder(config.reference_fields)
        self._digest = _digest(config.hash_algorithms)
        self._fuzzy = config.fuzzy_algorithms if config.enable_fuzzy else ()
        self._perceptual = config.perceptual_algorithms if config.enable_perceptual else ()
        self._references = config.hash_references or config.enable_perceptual
        self._fetcher = Fetcher(config)
        self._room = room_for(config)

    async def enrich(self, records: Sequence[Record]) -> Sequence[Annotations | Exception | None]:
        slots = asyncio.Semaphore(_AT_ONCE)
        return await asyncio.gather(*(self._record(record, slots) for record in records))

    async def _record(self, record: Record, slots: asyncio.Semaphore) -> Annotations | Exception | None:
        whole = self._config.hash_all_content
        hashed = {
            _name(label, whole): _bytes(value) for label, value in self._find.labelled(record) if value is not None
        }
        if whole:
            hashed[_WHOLE] = orjson.dumps(record.data, option=orjson.OPT_SORT_KEYS)
        jobs = [self._plain(name, data, slots) for name, data in hashed.items()]
        if self._references:
            jobs += [
                self._reference(_name(label, whole), value, slots)
                for label, value in self._find_references.labelled(record)
                if isinstance(value, str)
            ]
        found: dict[str, Digests] = {}
        failed: EnrichmentError | None = None
        for name, digests, error in await asyncio.gather(*jobs):
            failed = failed or error
            if digests:
                found[name] = {**found.get(name, {}), **digests}
        added = {GROUP: found} if found else None
        if failed is None:
            return added
        failed.found = added
        return failed

    async def _plain(self, name: str, data: bytes, slots: asyncio.Semaphore) -> _Hashed:
        found = self._digest(data)
        if not self._fuzzy:
            return _Hashed(name, found)
        async with slots:
            try:
                return _Hashed(name, found | await self._fingerprints(Content(data, ""), fuzzy=self._fuzzy))
            except EnrichmentError as error:
                return _Hashed(name, found, error)

    async def _reference(self, name: str, value: str, slots: asyncio.Semaphore) -> _Hashed:
        found: Digests = {}
        try:
            async with slots:
                content = content_of(value, self._config.max_bytes)
                if content is None:
                    if not is_reference(value, self._config):
                        return _Hashed(name, found)
                    content = await self._fetcher.fetch(value)
                if self._config.hash_references:
                    found = await asyncio.to_thread(self._digest, content.data)
                perceptual = self._perceptual if content.mime_type.startswith("image/") else ()
                if self._fuzzy:
                    found = found | await self._fingerprints(content, fuzzy=self._fuzzy)
                if perceptual:  # apart, so that bytes that are no picture keep their fuzzy hash
                    found = found | await self._fingerprints(content, perceptual=perceptual)
        except EnrichmentError as error:
            return _Hashed(name, found, error)
        return _Hashed(name, found)

    async def _fingerprints(
        self, content: Content, *, fuzzy: Sequence[Fuzzy] = (), perceptual: Sequence[Perceptual] = ()
    ) -> Digests:
        found: Digests = await self._room.run(
            _FINGERPRINTS,
            content.data,
            mime_type=content.mime_type,
            perceptual=perceptual,
            fuzzy=fuzzy,
            max_pixels=self._config.max_pixels,
        )
        return found


def _name(label: str, whole: bool) -> str:
    name = f"{label}_hash"
    return f"{label}_field_hash" if whole and name == _WHOLE else name


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else orjson.dumps(value)


def _digest(algorithms: tuple[Algorithm, ...]) -> Callable[[bytes], Digests]:
    # usedforsecurity=False: md5 and sha1 are there for matching, and must work where policy switches them off
    functions: list[tuple[str, Any]] = [
        (name, blake3 if name == "blake3" else partial(getattr(hashlib, name), usedforsecurity=False))
        for name in algorithms
    ]

    def digest(content: bytes) -> Digests:
        return {name: function(content).hexdigest() for name, function in functions}

    return digest
