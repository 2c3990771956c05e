"""HEIC and AVIF (ISO/IEC 23008-12 over 14496-12) without metadata: what is no picture is overwritten in its place.

The parts of such a file point at each other by position, so nothing is moved: the boxes that stay are listed, any other
becomes ``free`` and zeros. Of the items, pictures stay; of the data, the bytes that these pictures are made of, all
else is zeros. The compressed picture stays byte for byte, and so does how it is turned (``irot`` and ``imir``).
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from penstock.agents.enrich._media import exif as _exif
from penstock.agents.enrich._media.scrubbing import ORIENTATION, THUMBNAIL, TRAILING, Scrub, malformed, truncated
from penstock.model.errors import EnrichmentError

_TOP: Final = frozenset((b"ftyp", b"meta", b"mdat"))
_META: Final = frozenset((b"hdlr", b"pitm", b"iloc", b"iinf", b"iprp", b"iref", b"idat", b"dinf", b"grpl"))
_PICTURES: Final = frozenset((b"hvc1", b"lhv1", b"av01", b"grid", b"iovl", b"iden", b"tmap"))
_PROPERTIES: Final = frozenset(
    (b"hvcC", b"av1C", b"lhvC", b"ispe", b"pixi", b"colr", b"irot", b"imir", b"clap", b"pasp", b"auxC", b"rloc",
     b"lsel", b"a1op", b"a1lx", b"clli", b"mdcv", b"cclv", b"amve")
)  # fmt: skip
_REFERENCES: Final = frozenset((b"dimg", b"auxl", b"base", b"prem", b"tbas", b"thmb", b"cdsc"))
_MOST: Final = 10_000
"""Boxes, items and extents that are looked at."""


class _Box(NamedTuple):
    """A box: its kind, where it begins, where its content does, and where it ends."""

    kind: bytes
    at: int
    body: int
    end: int


class _Item(NamedTuple):
    """What the file says of an item: its kind, and where that stands."""

    kind: bytes
    place: int
    end: int


class _Heif:
    """One file being scrubbed: the old bytes, and a copy in which what does not stay is overwritten."""

    def __init__(self, data: bytes, scrub: Scrub) -> None:
        self.data = data
        self.out = bytearray(data)
        self.scrub = scrub
        self.items: dict[int, _Item] = {}
        self.spans: dict[int, list[tuple[int, int]]] = {}
        self.lengths: dict[int, list[tuple[int, int]]] = {}
        self.thumbnails: set[int] = set()
        self.turned = False

    def free(self, box: _Box) -> None:
        """Make a box one that says nothing."""
        self.out[box.at + 4 : box.at + 8] = b"free"
        self.zero(box.body, box.end)

    def zero(self, first: int, end: int) -> None:
        self.out[first:end] = bytes(end - first)


def scrub_heic(data: bytes, scrub: Scrub) -> bytes:
    """The HEIC or AVIF without its metadata. Raises EnrichmentError."""
    heif = _Heif(data, scrub)
    boxes, end = _top(data)
    if end < len(data):
        scrub.remove(TRAILING)
    kinds = [box.kind for box in boxes]
    if b"moov" in kinds:
        raise EnrichmentError("unsupported_type", "films are not supported")
    if kinds.count(b"meta") != 1:
        raise malformed("it does not say what it holds")
    for box in boxes:
        if box.kind == b"meta":
            idat = _meta(heif, box)
        elif box.kind not in _TOP:
            _forget(heif, box)
    kept = _items(heif)
    rooms = [(box.body, box.end) for box in boxes if box.kind == b"mdat"]
    _data(heif, kept, [*rooms, *([idat] if idat is not None else [])])
    return bytes(heif.out[:end])


def _top(data: bytes) -> tuple[list[_Box], int]:
    """The boxes of the file, and where the last one ends; what is no box is not part of the file."""
    found: list[_Box] = []
    end = 0
    try:
        for box in _boxes(data, 0, len(data)):
            if found and box.kind not in _TOP and not _looks_like_a_box(box.kind):
                break
            found.append(box)
            end = box.end
    except EnrichmentError:
        if {b"meta", b"mdat"} - {box.kind for box in found}:
            raise
    return found, end


def _looks_like_a_box(kind: bytes) -> bool:
    return kind in (b"free", b"skip", b"uuid", b"moov", b"wide", b"udta", b"mpvd")


def _boxes(data: bytes, at: int, end: int) -> Iterator[_Box]:
    for _ in range(_MOST):
        if at == end:
            return
        if at + 8 > end:
            raise truncated()
        size, body = int.from_bytes(data[at : at + 4], "big"), at + 8
        if size == 1:
            size, body = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        elif size == 0:  # to the end of the file
            size = end - at
        if at + size > end:
            raise truncated()
        if at + size < body:
            raise malformed("a box is shorter than its header")
        yield _Box(data[at + 4 : at + 8], at, body, at + size)
        at += size
    raise malformed("it has too many boxes")


def _forget(heif: _Heif, box: _Box) -> None:
    """Overwrite a box that does not stay, and note it where it held something."""
    if box.kind not in (b"free", b"skip", b"wide") or any(heif.data[box.body : box.end]):
        name = box.kind.decode("latin-1")
        heif.scrub.remove(name if name.isascii() and name.isalnum() else "UnknownBox")
    heif.free(box)


def _number(data: bytes, at: int, size: int, end: int) -> int:
    if at + size > end:
        raise truncated()
    return int.from_bytes(data[at : at + size], "big")


def _meta(heif: _Heif, meta: _Box) -> tuple[int, int] | None:
    """Go through what the file says of its items; where data of items stands in it, if anywhere."""
    data, idat, iloc = heif.data, None, None
    for box in _boxes(data, meta.body + 4, meta.end):
        if box.kind not in _META:
            _forget(heif, box)
        elif box.kind == b"hdlr":
            heif.zero(min(box.body + 12, box.end), box.end)  # the name of who wrote it
        elif box.kind == b"iinf":
            _read_items(heif, box)
        elif box.kind == b"iloc":
            iloc = box
        elif box.kind == b"idat":
            idat = (box.body, box.end)
        elif box.kind == b"iref":
            _references(heif, box)
        elif box.kind == b"iprp":
            _properties(heif, box)
    if iloc is None:
        raise malformed("it does not say where its items are")
    _locations(heif, iloc, idat)
    return idat


def _read_items(heif: _Heif, box: _Box) -> None:
    wide = 2 if heif.data[box.body] == 0 else 4
    for each in _boxes(heif.data, box.body + 4 + wide, box.end):
        if each.kind != b"infe" or heif.data[each.body] not in (2, 3):
            raise malformed("an item is of a version that is not known")
        size = 2 if heif.data[each.body] == 2 else 4
        item = _number(heif.data, each.body + 4, size, each.end)
        place = each.body + 4 + size + 2
        _number(heif.data, place, 4, each.end)
        if item in heif.items:
            raise malformed("an item stands twice")
        heif.items[item] = _Item(heif.data[place : place + 4], place, each.end)
        heif.zero(place + 4, each.end)  # a name, and what else is said of what is no picture


def _references(heif: _Heif, box: _Box) -> None:
    size = 2 if heif.data[box.body] == 0 else 4
    found = list(_boxes(heif.data, box.body + 4, box.end))
    for each in found:
        if each.kind == b"thmb":
            heif.thumbnails.add(_number(heif.data, each.body, size, each.end))
        if each.kind not in _REFERENCES:
            heif.free(each)
    if not any(each.kind in _REFERENCES for each in found):
        heif.free(box)  # readers refuse one that is empty


def _properties(heif: _Heif, iprp: _Box) -> None:
    for container in _boxes(heif.data, iprp.body, iprp.end):
        if container.kind == b"ipma":
            continue
        if container.kind != b"ipco":
            _forget(heif, container)
            continue
        for box in _boxes(heif.data, container.body, container.end):
            body = heif.data[box.body : box.end]
            if box.kind == b"ispe":
                if len(body) != 12:
                    raise malformed("a size has another length")
                heif.scrub.check(int.from_bytes(body[4:8], "big"), int.from_bytes(body[8:12], "big"))
            elif box.kind in (b"irot", b"imir"):
                heif.turned = True
            elif box.kind == b"colr" and body[:4] in (b"prof", b"rICC"):
                if not heif.scrub.keeps(body[4:]):
                    heif.free(box)
            elif box.kind not in _PROPERTIES:
                _forget(heif, box)


def _locations(heif: _Heif, box: _Box, idat: tuple[int, int] | None) -> None:
    """Where the data of each item stands (ISO/IEC 14496-12, section 8.11.3)."""
    data, at, end = heif.data, box.body, box.end
    version, sizes = _number(data, at, 1, end), _number(data, at + 4, 2, end)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    if version > 2 or {offset_size, length_size, base_size} - {0, 4, 8} or not length_size:
        raise malformed("it says where its items are in a way that is not known")
    wide = 4 if version == 2 else 2
    count, at = _number(data, at + 6, wide, end), at + 6 + wide
    total = 0
    for _ in range(count):
        item, at = _number(data, at, wide, end), at + wide
        method = 0
        if version:
            method, at = _number(data, at, 2, end) & 15, at + 2
        base, at = _number(data, at + 2, base_size, end), at + 2 + base_size
        extents, at = _number(data, at, 2, end), at + 2
        total += extents
        if method > 1 or total > _MOST or (method == 1 and idat is None):
            raise malformed("an item is made of others, or of too many parts")
        first = base + (idat[0] if method == 1 and idat is not None else 0)
        for _ in range(extents):
            at += index_size if version else 0
            offset, length = _number(data, at, offset_size, end), _number(data, at + offset_size, length_size, end)
            at += offset_size + length_size
            heif.lengths.setdefault(item, []).append((at - length_size, at))
            heif.spans.setdefault(item, []).append((first + offset, first + offset + length))


def _items(heif: _Heif) -> set[int]:
    """The items that stay; what the others were is noted, and taken away."""
    kept = set()
    for number, item in heif.items.items():
        if item.kind in _PICTURES and number not in heif.thumbnails:
            kept.add(number)
            continue
        heif.out[item.place : item.place + 4] = b"free"
        said = heif.data[item.place + 4 : item.end]
        content = b"".join(heif.data[first:end] for first, end in heif.spans.get(number, []))
        for first, end in heif.lengths.get(number, []):
            heif.zero(first, end)
        if item.kind == b"free":
            continue
        if item.kind in _PICTURES:
            heif.scrub.remove(THUMBNAIL)
        elif item.kind == b"Exif":
            _exif.read_exif(content[4 + int.from_bytes(content[:4], "big") :], heif.scrub)
        elif item.kind == b"mime" and b"rdf+xml" in said:
            heif.scrub.remove("XMP")
        else:
            name = item.kind.decode("latin-1").strip()
            heif.scrub.remove(name if name.isascii() and name.isalnum() else "UnknownItem")
    if not kept:
        raise malformed("it has no pictures")
    if not heif.turned and ORIENTATION in heif.scrub.preserved:  # EXIF's says nothing here
        del heif.scrub.preserved[ORIENTATION]
        heif.scrub.remove(ORIENTATION)
    return kept


def _data(heif: _Heif, kept: set[int], rooms: list[tuple[int, int]]) -> None:
    """Overwrite all data but that of the items that stay."""
    spans = sorted(span for number in kept for span in heif.spans.get(number, []) if span[0] < span[1])
    if not spans:
        raise malformed("its pictures have no data")
    others = [span for number in set(heif.spans) - kept for span in heif.spans[number]]
    for first, end in spans:
        if any(begin < end and first < last for begin, last in others):
            raise malformed("a picture's data is that of something else as well")
        if not any(begin <= first and end <= last for begin, last in rooms):
            raise truncated() if end > len(heif.data) else malformed("a picture's data stands where none may")
    for begin, last in rooms:
        heif.zero(begin, last)
    for first, end in spans:
        heif.out[first:end] = heif.data[first:end]
