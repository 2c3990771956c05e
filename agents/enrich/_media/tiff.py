"""TIFF 6.0 and BigTIFF without metadata: a file with the pixels, and what is needed to see them, alone.

A TIFF is written anew from what is needed to decode it: the tags of `_NEEDED`, and the strips or tiles, byte for byte.
Whatever else the file holds (other directories, private tags, gaps) has no way into the new one, which is a TIFF 6.0
also where the old one was a BigTIFF: contents that are scrubbed are never as large as only that can be.
"""

import struct
from typing import Final

from penstock.agents.enrich._media import jpeg as _jpeg
from penstock.agents.enrich._media.exif import ORIENTATION, Entry, directories, first_number, header, note
from penstock.agents.enrich._media.scrubbing import THUMBNAIL, Scrub, malformed, truncated
from penstock.model.errors import EnrichmentError

_PROFILE, _SUBFILE, _COMPRESSION, _TABLES = 34675, 254, 259, 347
_CHILDREN: Final = 330
_STRIPS, _TILES = (273, 279), (324, 325)
_DATA: Final = frozenset((*_STRIPS, *_TILES))
_NEEDED: Final = frozenset(
    (254, 256, 257, 258, 259, 262, 266, 277, 278, 280, 281, 282, 283, 284, 292, 293, 296, 297, 301, 317, 318, 319, 320,
     321, 322, 323, 332, 334, 336, 338, 339, 340, 341, 342, 347, 529, 530, 531, 532)
)  # fmt: skip
"""Tags of TIFF 6.0 and its supplements that say how pixels are stored and what colours they are."""
_LONG_TAGS: Final = frozenset((301, 320, 347))
"""Of these, those that are tables; any other has a value or a few for each sample."""


def scrub_tiff(data: bytes, scrub: Scrub) -> bytes:
    """The TIFF with its pixels, its orientation and its colour profile alone. Raises EnrichmentError."""
    order, at, big = header(data)
    out = bytearray(data[:2] + struct.pack(f"{order}HL", 42, 0))
    link, used = 4, 0
    for number, entries in enumerate(directories(data, order, at, big)):
        tags = {entry.tag: entry for entry in entries}
        reduced = _SUBFILE in tags and tags[_SUBFILE].numbers(order)[0] & 1
        if reduced and number:
            scrub.remove(THUMBNAIL)
            continue
        if reduced and _CHILDREN in tags:
            raise EnrichmentError("unsupported_type", "a TIFF has a thumbnail where its picture should be: it is raw")
        kept = _kept(data, order, entries, scrub, big)
        parts, places = _pixels(data, order, tags, scrub)
        used += sum(map(len, parts))
        if used > len(data):
            raise malformed("its strips overlap")
        struct.pack_into(f"{order}L", out, link, len(out) + len(out) % 2)
        link = _write(out, order, kept, parts, places)
    if link == 4:
        raise malformed("it has no pages")
    return bytes(out)


def _kept(data: bytes, order: str, entries: list[Entry], scrub: Scrub, big: bool) -> list[Entry]:
    """What of a page's entries is needed to see it; the rest is noted as removed."""
    kept: dict[int, Entry] = {}
    for entry in entries:
        if entry.tag in kept:
            raise malformed("a tag stands twice")
        if entry.tag == ORIENTATION:
            scrub.turned(first_number(entry, order))
            if scrub.orientation and 1 <= first_number(entry, order) <= 8:
                kept[entry.tag] = Entry(ORIENTATION, 3, 1, struct.pack(f"{order}H", first_number(entry, order)))
        elif entry.tag == _PROFILE:
            if scrub.keeps(entry.value):
                kept[entry.tag] = entry
        elif entry.tag in _NEEDED:
            if entry.type == 2 or (len(entry.value) > 256 and entry.tag not in _LONG_TAGS):
                raise malformed("a tag that describes pixels holds something else")
            kept[entry.tag] = _tables(entry) if entry.tag == _TABLES else _classic(entry, order)
        elif entry.tag not in _DATA:
            note(data, order, [entry], scrub, big=big)
    return list(kept.values())


def _classic(entry: Entry, order: str) -> Entry:
    """An entry without the types that BigTIFF alone has."""
    if entry.type not in (16, 17, 18):
        return entry
    numbers = entry.numbers(order)
    if max(numbers) >= 1 << 32:
        raise malformed("a tag that describes pixels is larger than any picture")
    return Entry(entry.tag, 4, entry.length, struct.pack(f"{order}{len(numbers)}L", *numbers))


def _tables(entry: Entry) -> Entry:
    """The tables of JPEG strips, without what else a JPEG may hold."""
    value = _jpeg.strip(entry.value)
    return Entry(_TABLES, 7, len(value), value)


def _pixels(data: bytes, order: str, tags: dict[int, Entry], scrub: Scrub) -> tuple[list[bytes], tuple[int, int]]:
    """The strips or tiles of a page, and the tags that say where they are."""
    if 256 not in tags or 257 not in tags:
        raise malformed("a page has no size")
    scrub.check(tags[256].numbers(order)[0], tags[257].numbers(order)[0])
    places = _TILES if _TILES[0] in tags else _STRIPS
    if not all(tag in tags for tag in places):
        raise malformed("a page does not say where its pixels are")
    firsts, lengths = (tags[tag].numbers(order) for tag in places)
    if len(firsts) != len(lengths):
        raise malformed("a page does not say where its pixels are")
    compression = tags[_COMPRESSION].numbers(order)[0] if _COMPRESSION in tags else 1
    if compression == 6:
        raise EnrichmentError("unsupported_type", "old-style JPEG in TIFF is not supported")
    values = [(entry.place, entry.place + len(entry.value)) for entry in tags.values()]
    parts = []
    for first, length in zip(firsts, lengths, strict=True):
        if first + length > len(data):
            raise truncated()
        if any(begin < first + length and first < end for begin, end in values):
            raise malformed("its pixels are said to be where something else is")
        part = data[first : first + length]
        parts.append(_jpeg.strip(part) if compression in (7, 34892) and part else part)
    return parts, places


def _write(out: bytearray, order: str, kept: list[Entry], parts: list[bytes], places: tuple[int, int]) -> int:
    """Append a page: its directory, its values, its pixels. Where its link to the next page stands."""
    out += bytes(len(out) % 2)
    at = len(out)
    count = len(kept) + 2
    link = at + 2 + 12 * count
    out += bytes(2 + 12 * count + 4)
    lengths = Entry(places[1], 4, len(parts), struct.pack(f"{order}{len(parts)}L", *map(len, parts)))
    firsts: list[int] = []
    for part in parts:
        out += bytes(len(out) % 2)
        firsts.append(len(out))
        out += part
    offsets = Entry(places[0], 4, len(parts), struct.pack(f"{order}{len(parts)}L", *firsts))
    struct.pack_into(f"{order}H", out, at, count)
    for number, entry in enumerate(sorted([*kept, lengths, offsets])):
        place = at + 2 + 12 * number
        struct.pack_into(f"{order}HHL", out, place, entry.tag, entry.type, entry.length)
        if len(entry.value) <= 4:
            out[place + 8 : place + 12] = entry.value.ljust(4, b"\0")
            continue
        out += bytes(len(out) % 2)
        struct.pack_into(f"{order}L", out, place + 8, len(out))
        out += entry.value
    return link
