"""What the sources that read files have in common: which file is next, how far it is read, and its lines.

The cursor, written after every page::

    {"file": "in/b.csv",             the file being read, null between two files
     "offset": 4711, "line": 96,     bytes and physical lines of it that are done: always the end of a record
     "size": 9000,                   of it when it was seen last: a file never shrinks
     "fingerprint": "4096:9f86…",    length and SHA-256 (16 bytes) of its head, so that a replaced file is noticed
     "header": ["id", "name"],       csv only
     "done": {"in/a.csv": [9000, 180, "4096:1b2c…"]}}                       files read to their end

A new file that the pattern matches is read after those that were there; a file that was done and has grown is read
on. Whatever would repeat or skip a record (a file that shrank, was replaced, or is gone before its end) is a
SourceError. Cursors are as large as the list of files: some 100 bytes for each.
"""

import asyncio
import glob
import os
from abc import ABC, abstractmethod
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from pydantic import Field, field_validator

from penstock.connectors.sources._lines import BUFFER_BYTES, Lines
from penstock.model.component import Page, SourceConfig, SourceRecord, Unreadable
from penstock.model.errors import SourceError
from penstock.model.record import Data

PAGE_BYTES: Final = 8 << 20
"""A page ends behind the record that reaches this, whatever its number of records: what bounds the memory."""
HEAD_BYTES: Final = 4096
_OWN_NAME: Final = "give each file a name of its own"
_NOT_BY_LINES: Final = ("unicodeescape", "rawunicodeescape", "punycode", "idna", "iso2022", "hz", "utf7")


class FilesConfig(SourceConfig):
    """Options of every source that reads files."""

    path: str = Field(min_length=1, description="A file, or a pattern (*, ?, [ab], **) of files, read in sorted order.")
    encoding: str = Field("utf-8", description="Of the file; one in which ASCII stays ASCII.")
    page_size: int = Field(1000, ge=1, le=100_000, description="Records read at a time.")
    max_record_bytes: int = Field(24_000_000, ge=1, description="A longer record goes to the dead letters.")
    follow: bool = Field(
        False, description="The file is still written: its last line is read once its newline is there."
    )

    @field_validator("encoding")
    @classmethod
    def _lines_can_be_told(cls, encoding: str) -> str:
        name = encoding.lower().replace("_", "").replace("-", "")
        if name in ("utf8", "utf8sig"):
            return "utf-8"
        refusal = f"files in {encoding} cannot be read line by line; convert them to utf-8 (iconv -t UTF-8)"
        if name.startswith(_NOT_BY_LINES):
            raise ValueError(refusal)
        ascii_bytes = bytes(range(128))
        try:
            text = ascii_bytes.decode(encoding)
        except LookupError:
            raise ValueError(f"no text encoding is called {encoding}") from None
        except UnicodeError:
            text = ""
        # A yen sign for the backslash and an overline for the tilde (some of the Shift JIS) do no harm.
        alike = text.translate({0xA5: "\\", 0x203E: "~"}) == ascii_bytes.decode("ascii")
        if not alike:
            raise ValueError(refusal)
        return encoding


class Place(msgspec.Struct, array_like=True):
    """How far a file is read; see the head of this module."""

    offset: int = 0
    line: int = 0
    fingerprint: str = ""


class Cursor(msgspec.Struct, omit_defaults=True):
    """See the head of this module."""

    file: str | None = None
    offset: int = 0
    line: int = 0
    size: int = 0
    fingerprint: str = ""
    header: list[str] | None = None
    done: dict[str, Place] = {}

    def open(self, path: str) -> None:
        """Make `path` the file being read, from where it was left."""
        place = self.done.pop(path, Place())
        self.file, self.header = path, None
        self.offset, self.line, self.size, self.fingerprint = place.offset, place.line, 0, place.fingerprint

    def finish(self) -> None:
        """The file being read is at its end."""
        assert self.file is not None
        self.done[self.file] = Place(self.offset, self.line, self.fingerprint)
        self.file, self.header = None, None
        self.offset, self.line, self.size, self.fingerprint = 0, 0, 0, ""


class FileSource(ABC):
    """A source over files; what a record is, its subclass says in `_read`."""

    def __init__(self, config: FilesConfig) -> None:
        self._files = config

    @property
    def id(self) -> str:
        return self._files.path

    async def fetch(self, cursor: Data | None) -> Page:
        return await asyncio.to_thread(self._fetch, cursor)

    async def close(self) -> None:  # noqa: B027 - no subclass has anything to close either
        """Nothing to close: a file is open only while a page is read."""

    @abstractmethod
    def _read(self, lines: Lines, cursor: Cursor, page: list[SourceRecord | Unreadable], stop: int) -> None:
        """Append records until there are ``page_size``, or `stop` is reached, or the lines end.

        `cursor` gives the header of the file, if the file was read before, and takes it. `stop` is a byte offset.
        """

    def _difference(self, lines: Lines, cursor: Cursor) -> str:
        """What can be said, without values, about how a file differs from the one that the cursor is of."""
        return ""

    def _fetch(self, position: Data | None) -> Page:
        cursor = self._cursor(position)
        page: list[SourceRecord | Unreadable] = []
        ended: set[str] = set()
        room = PAGE_BYTES
        while len(page) < self._files.page_size and room > 0:
            try:
                path = cursor.file or self._next(cursor, ended)
                if path is None:
                    return Page(page, msgspec.to_builtins(cursor), done=True)
                if cursor.file is None:
                    cursor.open(path)
                room -= self._read_file(path, cursor, page, room, ended)
            except SourceError:
                if not page:
                    raise
                break  # what was read is good; the next fetch meets the fault again
        return Page(page, msgspec.to_builtins(cursor))

    def _cursor(self, position: Data | None) -> Cursor:
        try:
            return msgspec.convert(position or {}, Cursor)
        except msgspec.ValidationError:
            raise SourceError(f"the cursor kept for {self.id} is not one of a source of files") from None

    def _next(self, cursor: Cursor, ended: set[str]) -> str | None:
        """The file to go on with: a new one first, then one that has grown."""
        paths = self._paths(nothing_yet=not cursor.done)
        fresh = next((path for path in paths if path not in cursor.done), None)
        return fresh or next((path for path in paths if path not in ended and _grown(path, cursor.done[path])), None)

    def _paths(self, *, nothing_yet: bool) -> list[str]:
        pattern = self._files.path
        if Path(pattern).is_dir():
            raise SourceError(f"{pattern} is a folder", hint=f"name a file, or several: {pattern.rstrip('/')}/*")
        if Path(pattern).is_file() or not glob.has_magic(pattern):
            paths = [pattern] if Path(pattern).exists() else []
        else:
            found = glob.glob(pattern, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
            paths = sorted(path for path in found if Path(path).is_file())
        if not paths and nothing_yet and not self._files.follow:
            raise SourceError(f"there is no file {pattern}", hint="path is relative to where penstock was started")
        return paths

    def _read_file(
        self, path: str, cursor: Cursor, page: list[SourceRecord | Unreadable], room: int, ended: set[str]
    ) -> int:
        """Read on in one file; how many bytes that were."""
        try:
            with Path(path).open("rb", buffering=BUFFER_BYTES) as file:
                self._check(file, path, cursor)
                lines = self._lines(file, path, cursor)
                start = lines.offset
                try:
                    self._read(lines, cursor, page, start + room)
                finally:
                    cursor.offset, cursor.line, cursor.size = lines.offset, lines.line, lines.size
                    cursor.fingerprint = _fingerprint(file, min(lines.offset, HEAD_BYTES))
                ended_now = lines.ended or lines.offset == os.fstat(file.fileno()).st_size
        except FileNotFoundError:
            raise SourceError(f"{path} was removed before it was read to its end (line {cursor.line})") from None
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror}") from None
        if ended_now:
            cursor.finish()
            ended.add(path)
        return lines.offset - start

    def _lines(self, file: BinaryIO, path: str, cursor: Cursor) -> Lines:
        lines = Lines(file, path, self._files.max_record_bytes, follow=self._files.follow)
        lines.seek(cursor.offset, cursor.line)
        return lines

    def _check(self, file: BinaryIO, path: str, cursor: Cursor) -> None:
        """That the file is the one that was read up to the cursor, and that a record can begin there."""
        if fault := _fault(file, path, max(cursor.offset, cursor.size), cursor.fingerprint):
            difference = self._difference(self._lines(file, path, Cursor()), cursor)
            raise SourceError(fault + difference, hint=_OWN_NAME)
        if not cursor.offset or os.pread(file.fileno(), 1, cursor.offset - 1) == b"\n":
            return
        # The record read last had no newline, because the file ended there: only its newline may have come since.
        more = os.pread(file.fileno(), 2, cursor.offset)
        newline = 1 if more.startswith(b"\n") else 2 if more == b"\r\n" else 0
        if more and not newline:
            raise SourceError(
                f"line {cursor.line} of {path} was read as the last one, without a newline, and has grown since",
                hint="follow: true waits for the newline",
            )
        cursor.offset += newline


def _fingerprint(file: BinaryIO, length: int) -> str:
    return f"{length}:{sha256(os.pread(file.fileno(), length, 0)).hexdigest()[:32]}"


def _grown(path: str, place: Place) -> bool:
    """Whether a file that was read to its end has more now."""
    try:
        with Path(path).open("rb", buffering=0) as file:
            if fault := _fault(file, path, place.offset, place.fingerprint):
                raise SourceError(fault, hint=_OWN_NAME)
            return os.fstat(file.fileno()).st_size > place.offset
    except FileNotFoundError:
        return False
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from None


def _fault(file: BinaryIO, path: str, least: int, fingerprint: str) -> str:
    """Why this is not the file that was read before, and had `least` bytes then; empty where it may be."""
    size = os.fstat(file.fileno()).st_size
    if size < least:
        return f"{path} had {least} bytes and has only {size} now: it was cut or replaced"
    length = int(fingerprint.partition(":")[0] or 0)
    if length and _fingerprint(file, length) != fingerprint:
        return f"{path} is not the file that was read before: its first {length} bytes are others"
    return ""
