"""PNG (W3C PNG, third edition) without metadata: chunks are left out, the compressed pixels stay as they are."""

import re
import zlib
from typing import Final

from penstock.agents.enrich._media import exif as _exif
from penstock.agents.enrich._media.scrubbing import ICC, TRAILING, Scrub, malformed, truncated

_START: Final = b"\x89PNG\r\n\x1a\n"
_KEPT: Final = frozenset(
    (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI",
     b"bKGD", b"hIST", b"pHYs", b"acTL", b"fcTL", b"fdAT")
)  # fmt: skip
_LENGTHS: Final = {
    b"tRNS": 256, b"cHRM": 32, b"gAMA": 4, b"sBIT": 4, b"sRGB": 1, b"cICP": 4, b"mDCV": 24, b"cLLI": 8, b"bKGD": 6,
    b"hIST": 512, b"pHYs": 9, b"acTL": 8, b"fcTL": 26,
}  # fmt: skip
"""The most bytes that chunks of a fixed size hold."""
_TEXT: Final = frozenset((b"tEXt", b"zTXt", b"iTXt"))
_KEYWORDS: Final = {
    b"Title", b"Author", b"Description", b"Copyright", b"Creation Time", b"Software", b"Disclaimer", b"Warning",
    b"Source", b"Comment",
}  # fmt: skip
"""Of text chunks, those that the specification names; any other may be of somebody's own."""
_SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel, by colour type."""
_PASSES: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of an interlaced picture: first column and row, step of columns and rows."""
_LONGEST_PROFILE: Final = 16 * 1024 * 1024
_AT_ONCE: Final = 1 << 20


def scrub_png(data: bytes, scrub: Scrub) -> bytes:
    """The PNG without its metadata. Raises EnrichmentError."""
    chunks, end = _chunks(data)
    if end < len(data):
        scrub.remove(TRAILING)
    size = _size(chunks[0][1], scrub)
    before: list[bytes] = []
    after: list[bytes] = []
    pixels: list[bytes] = []
    for kind, body in chunks[1:-1]:
        if kind == b"IDAT":
            pixels.append(body)
        elif kind in _KEPT:
            if kind == b"IHDR" or len(body) > _LENGTHS.get(kind, len(body)):
                raise malformed("a chunk stands twice, or is too long")
            (after if pixels else before).append(_chunk(kind, body))
        elif kind == b"iCCP":
            before += _profile(body, scrub)
        else:
            _note(kind, body, scrub)
    exif = [_chunk(b"eXIf", _exif.small_exif(scrub.upright))] if scrub.upright else []
    kept = _pixels(pixels, size, scrub)
    return b"".join((_START, _chunk(*chunks[0]), *exif, *before, *kept, *after, _chunk(b"IEND", b"")))


def _chunks(data: bytes) -> tuple[list[tuple[bytes, bytes]], int]:
    """Kind and content of each chunk, from IHDR to IEND, and where the picture ends."""
    found: list[tuple[bytes, bytes]] = []
    at = len(_START)
    while not found or found[-1][0] != b"IEND":
        if at + 12 > len(data):
            raise truncated()
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if at + 12 + length > len(data):
            raise truncated()
        body = data[at + 8 : at + 8 + length]
        if int.from_bytes(data[at + 8 + length : at + 12 + length], "big") != zlib.crc32(body, zlib.crc32(kind)):
            raise malformed("the checksum of a chunk is wrong")
        if not found and (kind != b"IHDR" or length != 13):
            raise malformed("its first chunk is no header")
        found.append((kind, body))
        at += 12 + length
    return found, at


def _size(header: bytes, scrub: Scrub) -> int:
    """How many bytes the pixels are, decompressed."""
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    depth, colour, compression, filtering, interlaced = header[8:]
    if colour not in _SAMPLES or depth not in (1, 2, 4, 8, 16) or compression or filtering or interlaced > 1:
        raise malformed("its header says what cannot be")
    scrub.check(width, height)
    bits = depth * _SAMPLES[colour]
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    size = 0
    for column, row, columns, rows in passes:
        wide, high = -(-(width - column) // columns), -(-(height - row) // rows)
        if wide > 0 and high > 0:
            size += high * (1 + (wide * bits + 7) // 8)
    return size


def _pixels(parts: list[bytes], size: int, scrub: Scrub) -> list[bytes]:
    """The chunks of pixels, without what hides behind the end of the compressed data."""
    if not parts:
        raise malformed("it has no pixels")
    decompress = zlib.decompressobj()
    for number, part in enumerate(parts):
        rest = part
        while rest and not decompress.eof:
            try:
                size -= len(decompress.decompress(rest, _AT_ONCE))
            except zlib.error:
                raise malformed("its pixels cannot be decompressed") from None
            if size < 0:
                raise malformed("it has more pixels than it says")
            rest = decompress.unconsumed_tail
        if decompress.eof:
            unused = len(decompress.unused_data)
            if unused or any(parts[number + 1 :]):
                scrub.remove(TRAILING)
            parts = [*parts[:number], part[: len(part) - unused]]
            break
    if not decompress.eof or size:
        raise truncated()
    return [_chunk(b"IDAT", part) for part in parts]


def _profile(body: bytes, scrub: Scrub) -> list[bytes]:
    """The chunk of a colour profile, without the name that somebody gave it."""
    _, _, compressed = body.partition(b"\0")
    decompress = zlib.decompressobj()
    try:
        profile = decompress.decompress(compressed[1:], _LONGEST_PROFILE)
    except zlib.error:
        profile = b""
    if not decompress.eof or not scrub.keeps(profile):
        scrub.remove(ICC)
        return []
    return [_chunk(b"iCCP", b"icc\0\0" + zlib.compress(profile))]


def _note(kind: bytes, body: bytes, scrub: Scrub) -> None:
    """Note the name of a chunk that does not stay."""
    keyword = body.partition(b"\0")[0]
    if kind == b"eXIf":
        _exif.read_exif(body, scrub)
    elif kind == b"tIME":
        scrub.remove("ModifyDate")
    elif kind in _TEXT and keyword == b"XML:com.adobe.xmp":
        scrub.remove("XMP")
    elif kind in _TEXT and keyword.startswith(b"Raw profile type "):
        scrub.remove({b"exif": "EXIF", b"iptc": "IPTC", b"xmp": "XMP"}.get(keyword[17:], "RawProfile"))
    elif kind in _TEXT and keyword in _KEYWORDS:
        scrub.remove(keyword.decode().replace(" ", ""))
    else:
        scrub.remove(kind.decode() if re.fullmatch(rb"[A-Za-z]{4}", kind) else "UnknownChunk")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(body, zlib.crc32(kind)).to_bytes(4, "big")
