"""exif_scrub: takes what pictures say of their makers out of them: GPS, camera, software, times, comments, thumbnails.

>>> dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACnRFWHRBdXRob3IAQW5u98X+7wAAAApJREFUeJxj"
>>> dot += "YAAAAAIAAUivpHEAAAAASUVORK5CYII="
>>> found = run("exif_scrub", {"image": dot})
>>> found["enrichments.exif_scrub"]["image_scrubbed"]["removed_tags"]
['Author']
>>> found["data"]["image"] == dot
False

Content that stands in the record, as Base64 or a data: URL, is replaced by what is clean. Content that the record
refers to (``https://``, ``file://``, ``s3://``) is read and reported; with ``output`` its clean copy is written there,
under the hash of its content, and the reference to the copy takes the place of the old one.

=====  ==================================================================================================
JPEG   segments are left out; the compressed picture stays byte for byte
PNG    chunks are left out, and what hides behind the compressed pixels; these stay byte for byte
WebP   likewise
GIF    likewise; comments, XMP and other extensions go, how often an animation is shown stays
TIFF   written anew from its pixels, byte for byte, and the tags that are needed to see them
HEIC   what is no picture is overwritten in its place; the compressed picture stays byte for byte
AVIF   likewise
=====  ==================================================================================================

What may stay is listed, not what must go: a tag that nobody knows goes too. The orientation and the colour profile
stay, unless told otherwise. Pictures are taken apart in child processes with limits (`processes` and the options
behind it), so that a file made to do harm is an error of its record and no more.

Where scrubbing fails, `on_error` says what becomes of the value: by default it is removed where it is the content
itself, or where ``output`` is set and a reference would lead to what is not clean. ``enrichments.errors`` says why:

=============================================  ===============================================================
``malformed``, ``truncated``                   the file is damaged
``unsupported_type``                           it is no picture of a type above
``too_many_pixels``, ``too_large``, ``empty``  it has more than ``max_pixels`` or ``max_bytes``, or nothing
``bad_content``                                it is a data: URL that cannot be decoded
``timeout``, ``cpu_limit``, ``out_of_memory``  it took more than ``job_seconds`` or its like, or ``timeout_seconds``
``crashed``                                    the process that took it apart ended
``killed``                                     the system, or somebody, ended that process
``unavailable``                                a library for it cannot be loaded here
``unreachable``, ``not_found``, ``refused``    its server or store does not answer, has nothing there, or says no
``bad_reference``, ``unsupported_scheme``      its reference is no URL, or of a scheme that is not allowed
``forbidden_address``, ``forbidden_path``      its reference leads to a private network, or out of the roots
``too_many_redirects``                         its reference leads from one to another
=============================================  ===============================================================

With ``on_error: quarantine`` the record is set aside:

=====================  ========================================
``exif_scrub_failed``  one of its pictures could not be scrubbed
=====================  ========================================
"""

import asyncio
import base64
import copy
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Any, Final, Literal, NamedTuple

import fsspec
from fsspec.implementations.local import LocalFileSystem
from pydantic import Field

from penstock.agents.fields import Finder, labels
from penstock.model.component import ApplyBatch, FieldNames, Resources, StageConfig
from penstock.model.content import Content, content_of
from penstock.model.errors import ConfigurationError, EnrichmentError, MissingExtraError, UnreachableError
from penstock.model.fetch import Fetcher, FetchOptions, is_reference
from penstock.model.record import Data, Record
from penstock.model.room import Room, RoomOptions, room_for
from penstock.model.verdict import KEEP, Keep, Quarantine, Verdict

GROUP = "exif_scrub"
ALONE = True

_SCRUB: Final = "penstock.agents.enrich._media.images:scrub"
_AT_ONCE: Final = 8
"""Contents that are held at once: each may be as large as ``max_bytes``."""
_SUFFIXES: Final = {"image/jpeg": "jpg", "image/png": "png", "image/tiff": "tiff", "image/webp": "webp"}


class Config(StageConfig, FetchOptions, RoomOptions):
    """Options of exif_scrub."""

    fields: FieldNames = Field(
        (
            "image_url",
            "image",
            "image_data",
            "image_base64",
            "image_path",
            "img",
            "img_url",
            "photo",
            "photo_url",
            "picture",
            "picture_url",
            "avatar",
            "avatar_url",
            "thumbnail",
            "thumbnail_url",
        ),
        description="Fields that hold pictures, or refer to them.",
    )
    preserve_orientation: bool = Field(True, description="Whether the orientation stays.")
    remove_all: bool = Field(False, description="Removes the orientation and the colour profile as well.")
    max_pixels: int = Field(178_956_970, ge=1, description="A picture with more pixels is an error.")
    output: str | None = Field(
        None,
        description="Folder, or URL that fsspec knows (s3://bucket/prefix), for clean copies of what is referred to.",
    )
    on_error: Literal["remove", "keep", "quarantine"] = Field(
        "remove",
        description="What becomes of content that could not be scrubbed: its value is null, or stays, or the record is"
        " set aside.",
    )


class _Scrubbed(NamedTuple):
    """What became of one value: what takes its place, and the report, or why there is none."""

    value: str | None
    report: dict[str, Any] | None
    failed: str = ""


def build(config: Config, resources: Resources) -> ApplyBatch:
    """Compile the stage.

    Raises
    ------
    MissingExtraError
        ``output`` or an allowed root is in S3, and s3fs is not installed.
    ConfigurationError
        ``output`` is of a kind that fsspec does not know.
    """
    scrub = _Scrubber(config, resources)
    find = Finder(config.fields)

    async def apply(records: Sequence[Record]) -> Sequence[Verdict]:
        slots = asyncio.Semaphore(_AT_ONCE)
        return await asyncio.gather(*(_record(record, find, partial(scrub, slots), config) for record in records))

    return apply


async def _record(record: Record, find: Finder, scrub: Callable[[str], Any], config: Config) -> Verdict:
    wanted = [(path, value) for path, value in find(record.data) if isinstance(value, str) and value]
    if not wanted:
        return KEEP
    results: list[_Scrubbed] = await asyncio.gather(*(scrub(value) for _, value in wanted))
    failed = next((result.failed for result in results if result.failed), "")
    if failed and config.on_error == "quarantine":
        return Quarantine("exif_scrub_failed")
    paths = [path for path, _ in wanted]
    found = {
        f"{label}_scrubbed": result.report
        for label, result in zip(labels(paths), results, strict=True)
        if result.report is not None
    }
    notes = {f"enrichments.{GROUP}": {**(record.note(f"enrichments.{GROUP}") or {}), **found}} if found else {}
    if all(value == result.value for (_, value), result in zip(wanted, results, strict=True)):
        return Keep(notes=notes, failed=failed)
    data = _replaced(record.data, wanted, [result.value for result in results])
    return Keep(data=data, notes=notes, failed=failed)


class _Scrubber:
    """Scrubs one value at a time."""

    def __init__(self, config: Config, resources: Resources) -> None:
        self._config = config
        self._clock = resources.clock
        self._fetcher = Fetcher(config)
        self._room: Room = room_for(config)
        self._output = _Output(config.output) if config.output else None
        self._options = {
            "orientation": config.preserve_orientation and not config.remove_all,
            "profile": not config.remove_all,
            "max_pixels": config.max_pixels,
        }

    async def __call__(self, slots: asyncio.Semaphore, value: str) -> _Scrubbed:
        inline = True
        try:
            async with slots:
                content = content_of(value, self._config.max_bytes)
                inline = content is not None
                if content is None:
                    if not is_reference(value, self._config):
                        return _Scrubbed(value, None)
                    content = await self._fetcher.fetch(value)
                found = await self._room.run(_SCRUB, content.data, **self._options)
                clean = Content(found["data"], found["mime_type"])
                place = _as_before(value, clean) if inline else await self._copied(value, clean)
        except EnrichmentError as error:
            removed = self._config.on_error == "remove" and (inline or self._output is not None)
            return _Scrubbed(None if removed else value, None, error.reason)
        report = {
            "removed_tags": found["removed"],
            "preserved_tags": found["preserved"],
            "scrubbed_at": datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
        }
        return _Scrubbed(place, report)

    async def _copied(self, value: str, clean: Content) -> str:
        return value if self._output is None else await asyncio.to_thread(self._output.write, clean)


class _Output:
    """Where clean copies are written, each under the hash of its content."""

    def __init__(self, url: str) -> None:
        try:
            self._files, root = fsspec.core.url_to_fs(url)
        except ImportError as error:
            raise MissingExtraError(error.name or "s3fs", "s3") from None
        except ValueError:
            raise ConfigurationError(
                "exif_scrub's output is of a kind that is not known", hint="a folder or s3://"
            ) from None
        self._root = root.rstrip("/")

    def write(self, content: Content) -> str:
        """Write a copy, unless it is there; its URL. Raises UnreachableError."""
        digest = sha256(content.data).hexdigest()
        suffix = _SUFFIXES.get(content.mime_type, content.mime_type.rpartition("/")[2])
        path = f"{self._root}/{digest[:2]}/{digest}.{suffix}"
        try:
            if not self._files.exists(path):
                self._put(path, content.data)
        except Exception as error:  # each file system has its own tree of errors
            raise UnreachableError("the output of exif_scrub", self._root, cause=type(error).__name__) from None
        found = self._files.unstrip_protocol(path)
        return str(found)

    def _put(self, path: str, data: bytes) -> None:
        if not isinstance(self._files, LocalFileSystem):
            self._files.pipe_file(path, data)  # an object is there whole, or not at all
            return
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        part = f"{path}.{os.getpid()}.{id(data):x}"
        self._files.pipe_file(part, data)
        os.replace(part, path)  # noqa: PTH105  # a path of fsspec's


def _as_before(value: str, clean: Content) -> str:
    """Clean content, written as the old was."""
    text = base64.b64encode(clean.data).decode()
    return f"data:{clean.mime_type};base64,{text}" if value[:5].lower() == "data:" else text


def _replaced(data: Data, wanted: list[tuple[str, Any]], values: list[str | None]) -> Data:
    """A copy of the data with other values at the places that were found, which are in the order of the record."""
    new: Data = copy.deepcopy(data)
    stack: list[tuple[str, Any, Any]] = [("", {"": new}, "")]
    at = 0
    while stack and at < len(wanted):
        path, holder, key = stack.pop()
        value = holder[key]
        dot = f"{path}." if path else ""
        if isinstance(value, dict):
            stack += [(f"{dot}{name}", value, name) for name in reversed(value)]
        elif isinstance(value, list):
            stack += [(f"{dot}{index}", value, index) for index in range(len(value) - 1, -1, -1)]
        elif (path, value) == wanted[at]:
            holder[key] = values[at]
            at += 1
    return new
