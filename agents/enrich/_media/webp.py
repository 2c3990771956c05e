"""WebP (RFC 9649) without metadata: chunks are left out, the compressed pixels stay byte for byte."""

import re
from collections.abc import Iterator
from typing import Final

from penstock.agents.enrich._media import exif as _exif
from penstock.agents.enrich._media.scrubbing import TRAILING, Scrub, malformed, truncated

_ICC_FLAG, _EXIF_FLAG, _XMP_FLAG = 0x20, 0x08, 0x04
_PICTURE: Final = frozenset((b"VP8 ", b"VP8L"))
_KEPT: Final = _PICTURE | {b"ANIM", b"ALPH"}


def scrub_webp(data: bytes, scrub: Scrub) -> bytes:
    """The WebP without its metadata. Raises EnrichmentError."""
    size = int.from_bytes(data[4:8], "little") + 8
    if size > len(data) + len(data) % 2:  # the last byte of padding may be left out
        raise truncated()
    if size < len(data):
        scrub.remove(TRAILING)
    extended: bytes | None = None
    profile = b""
    kept: list[bytes] = []
    for number, (kind, body) in enumerate(_chunks(data[12:size])):
        if kind == b"VP8X" and not number:
            extended = body
            _canvas(body, scrub)
        elif kind == b"ICCP":
            profile = body if scrub.keeps(body) else profile
        elif kind == b"ANMF":
            kept.append(_chunk(kind, _frame(body, scrub)))
        elif kind in _KEPT and (extended is not None or kind in _PICTURE):
            if kind in _PICTURE:
                _picture(kind, body, scrub)
            kept.append(_chunk(kind, body))
        else:
            _note(kind, body, scrub)
    if not kept:
        raise malformed("it has no pixels")
    return _riff(extended, profile, kept, scrub)


def _riff(extended: bytes | None, profile: bytes, kept: list[bytes], scrub: Scrub) -> bytes:
    parts = list(kept)
    if extended is not None:
        flags = extended[0] & ~(_ICC_FLAG | _EXIF_FLAG | _XMP_FLAG) & 0x3E
        if profile:
            parts.insert(0, _chunk(b"ICCP", profile))
            flags |= _ICC_FLAG
        if scrub.upright:
            parts.append(_chunk(b"EXIF", _exif.small_exif(scrub.upright)))
            flags |= _EXIF_FLAG
        parts.insert(0, _chunk(b"VP8X", bytes((flags, 0, 0, 0)) + extended[4:10]))
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        if at + 8 > len(data):
            raise truncated()
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + length > len(data):
            raise truncated()
        yield kind, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _canvas(body: bytes, scrub: Scrub) -> None:
    if len(body) != 10:
        raise malformed("its header has another length")
    scrub.check(1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little"))


def _picture(kind: bytes, body: bytes, scrub: Scrub) -> None:
    """Check the size that the compressed picture says (RFC 6386, section 9.1; RFC 9649, section 3.4)."""
    if kind == b"VP8L":
        if len(body) < 5 or body[0] != 0x2F:
            raise malformed("its lossless picture does not begin like one")
        bits = int.from_bytes(body[1:5], "little")
        scrub.check((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    elif len(body) < 10 or body[0] & 1 or body[3:6] != b"\x9d\x01\x2a":
        raise malformed("its picture does not begin like one")
    else:
        scrub.check(int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF)


def _frame(body: bytes, scrub: Scrub) -> bytes:
    """A frame of an animation, with its picture alone."""
    if len(body) < 16:
        raise truncated()
    kept = []
    for kind, part in _chunks(body[16:]):
        if kind in _PICTURE:
            _picture(kind, part, scrub)
        if kind in _PICTURE or kind == b"ALPH":
            kept.append(_chunk(kind, part))
        else:
            _note(kind, part, scrub)
    return body[:16] + b"".join(kept)


def _note(kind: bytes, body: bytes, scrub: Scrub) -> None:
    if kind == b"EXIF":
        _exif.read_exif(body, scrub)
    elif kind == b"XMP ":
        scrub.remove("XMP")
    else:
        name = kind.decode("latin-1").strip()
        scrub.remove(name if re.fullmatch(r"[A-Z0-9]{3,4}", name) else "UnknownChunk")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "little") + body + bytes(len(body) % 2)
