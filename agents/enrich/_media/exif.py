"""EXIF 2.32, TIFF 6.0 and BigTIFF directories: reading them, and naming what is in them."""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from PIL.ExifTags import GPSTAGS, TAGS

from penstock.agents.enrich._media.scrubbing import THUMBNAIL, Scrub, malformed, truncated
from penstock.model.errors import EnrichmentError

ORIENTATION: Final = 274

_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of one value of each type."""
_MOST_PAGES: Final = 1000
_MOST_ENTRIES: Final = 4096

_EXIF, _GPS, _INTEROP = 34665, 34853, 40965
_NAMES: Final = {700: "XMP", 33723: "IPTC", 34377: "Photoshop", 34853: "GPSInfo", 37500: "MakerNote"}
_POINTERS: Final = {_EXIF: TAGS, _GPS: GPSTAGS, _INTEROP: {1: "InteropIndex", 2: "InteropVersion"}}


class Entry(NamedTuple):
    """A tag and its values, as they stand in the file."""

    tag: int
    type: int
    length: int
    value: bytes
    place: int = 0

    def numbers(self, order: str) -> tuple[int, ...]:
        """The values of types BYTE, SHORT, LONG and LONG8. Raises EnrichmentError for others."""
        code = {1: "B", 3: "H", 4: "L", 13: "L", 16: "Q", 18: "Q"}.get(self.type)
        if code is None:
            raise malformed("a tag has another type than it must")
        return struct.unpack(f"{order}{self.length}{code}", self.value)


def small_exif(orientation: int) -> bytes:
    """An EXIF block that says the orientation and nothing else."""
    return struct.pack("<2sHLHHHLHHL", b"II", 42, 8, 1, ORIENTATION, 3, 1, orientation, 0, 0)


def read_exif(data: bytes, scrub: Scrub) -> None:
    """Note the names of everything in an EXIF block, and the orientation; never fails, whatever the block is."""
    data = data.removeprefix(b"Exif\0\0")
    found = False
    try:
        order, at, big = header(data)
        for number, entries in enumerate(directories(data, order, at, big)):
            found = True
            note(data, order, entries, scrub, big=big, thumbnail=number > 0)
    except (EnrichmentError, struct.error):
        scrub.remove("EXIF")
    if not found:
        scrub.remove("EXIF")


def header(data: bytes) -> tuple[str, int, bool]:
    """Byte order, as `struct` writes it, where the first directory is, and whether it is a BigTIFF."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        raise malformed("it has no byte order")
    version, at = struct.unpack_from(f"{order}HL", data, 2)
    if version == 42:
        return order, at, False
    if version != 43:
        raise malformed("it is no TIFF")
    if len(data) < 16:
        raise truncated()
    width, nothing, at = struct.unpack_from(f"{order}HHQ", data, 4)
    if (width, nothing) != (8, 0):
        raise malformed("its places are of a width that there is not")
    return order, at, True


def directories(data: bytes, order: str, at: int, big: bool = False) -> Iterator[list[Entry]]:
    """The chain of directories that begins at `at`."""
    seen: set[int] = set()
    while at:
        if at in seen or len(seen) >= _MOST_PAGES:
            raise malformed("its directories have no end")
        seen.add(at)
        entries, at = _directory(data, order, at, big)
        yield entries


def _directory(data: bytes, order: str, at: int, big: bool) -> tuple[list[Entry], int]:
    """The entries of one directory, and where the next one is; 0 where there is none."""
    few, many, wide = ("Q", "Q", 8) if big else ("H", "L", 4)  # how counts and places are written, and how wide
    begin = at + (8 if big else 2)
    if begin > len(data):
        raise truncated()
    (count,) = struct.unpack_from(f"{order}{few}", data, at)
    length = 4 + 2 * wide
    end = begin + length * count
    if count > _MOST_ENTRIES:
        raise malformed("a directory has too many entries")
    if end > len(data):
        raise truncated()
    entries = []
    for place in range(begin, end, length):
        tag, type, number = struct.unpack_from(f"{order}HH{many}", data, place)
        size = _SIZES.get(type, 0) * number
        if not size:
            continue  # of an unknown type, or empty: readers pass over it
        inside = place + 4 + wide
        first = inside if size <= wide else struct.unpack_from(f"{order}{many}", data, inside)[0]
        if first + size > len(data):
            raise truncated()
        entries.append(Entry(tag, type, number, data[first : first + size], first))
    # some writers leave out the link behind the last directory
    following = struct.unpack_from(f"{order}{many}", data, end)[0] if end + wide <= len(data) else 0
    return entries, following


def note(
    data: bytes, order: str, entries: list[Entry], scrub: Scrub, *, big: bool = False, thumbnail: bool = False
) -> None:
    """Note the names of what a directory, and those that it points to, hold."""
    if thumbnail:
        scrub.remove(THUMBNAIL)
        return
    for entry in entries:
        if entry.tag == ORIENTATION:
            scrub.turned(first_number(entry, order))
            continue
        if entry.tag != _EXIF:
            scrub.remove(_name(entry.tag, TAGS))
        if entry.tag in _POINTERS:
            _note_below(data, order, entry, scrub, big)


def _note_below(data: bytes, order: str, pointer: Entry, scrub: Scrub, big: bool, depth: int = 0) -> None:
    try:
        entries, _ = _directory(data, order, first_number(pointer, order), big)
    except EnrichmentError:
        scrub.remove("EXIF")
        return
    for entry in entries:
        scrub.remove(_name(entry.tag, _POINTERS[pointer.tag]))
        if entry.tag == _INTEROP and not depth:
            _note_below(data, order, entry, scrub, big, 1)


def first_number(entry: Entry, order: str) -> int:
    try:
        return entry.numbers(order)[0]
    except EnrichmentError:
        return 0


def _name(tag: int, names: dict[int, str]) -> str:
    return _NAMES.get(tag) or names.get(tag) or f"0x{tag:04x}"
