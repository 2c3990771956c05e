"""JPEG (ITU-T T.81) without metadata: segments are left out, the compressed data stays byte for byte.

Of a JPEG stay the tables, the frame and its scans, JFIF's density, Adobe's colour transform, and what `Scrub` allows.
Anything else (EXIF, XMP, IPTC, comments, other application segments, what stands behind the end) does not.
"""

import re
from typing import Final

from penstock.agents.enrich._media import exif as _exif
from penstock.agents.enrich._media.scrubbing import THUMBNAIL, TRAILING, Scrub, malformed, truncated

_SOI, _EOI, _SOS, _COM, _DQT, _DHT, _DAC, _DRI, _DNL = 0xD8, 0xD9, 0xDA, 0xFE, 0xDB, 0xC4, 0xCC, 0xDD, 0xDC
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {_DHT, 0xC8, _DAC}
_MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""What ends entropy-coded data: any marker but those that restart it."""
_ICC, _XMP, _EXIF = b"ICC_PROFILE\0", b"http://ns.adobe.com/", b"Exif\0\0"
_ICC_PART: Final = 65_519


class _Header:
    """What stands in front of the frame, sorted."""

    def __init__(self) -> None:
        self.jfif = b""
        self.adobe = b""
        self.profile: dict[int, bytes] = {}
        self.profile_parts = 0


def scrub_jpeg(data: bytes, scrub: Scrub) -> bytes:
    """The JPEG without its metadata. Raises EnrichmentError."""
    header = _Header()
    body, end = _walk(data, header, scrub, abbreviated=False)
    if end < len(data):
        scrub.remove(TRAILING)
    profile = b"".join(header.profile.get(number, b"") for number in range(1, header.profile_parts + 1))
    if header.profile_parts and not scrub.keeps(profile):
        profile = b""
    exif = _segment(0xE1, _EXIF + _exif.small_exif(scrub.upright)) if scrub.upright else b""
    return b"".join((b"\xff\xd8", header.jfif, exif, *_profile(profile), header.adobe, *body, b"\xff\xd9"))


def strip(data: bytes) -> bytes:
    """An abbreviated JPEG, as TIFF holds them in tables and strips, with nothing but tables, frame and scans."""
    header = _Header()
    if data[:2] != b"\xff\xd8":
        raise malformed("a JPEG does not begin like one")
    body, _ = _walk(data, header, Scrub(), abbreviated=True)
    return b"".join((b"\xff\xd8", header.adobe, *body, b"\xff\xd9"))


def _walk(data: bytes, header: _Header, scrub: Scrub, *, abbreviated: bool) -> tuple[list[bytes], int]:
    """The segments that stay, and where the picture ends."""
    out: list[bytes] = []
    at, framed, scanned = 2, False, False
    while True:
        marker, at = _marker(data, at)
        if marker == _EOI:
            if not abbreviated and not scanned:
                raise malformed("it ends before its picture")
            return out, at
        if at + 2 > len(data):
            raise truncated()
        length = int.from_bytes(data[at : at + 2], "big")
        if length < 2:
            raise malformed("a segment is shorter than its length")
        body = data[at + 2 : at + length]
        at += length
        if at > len(data):
            raise truncated()
        if marker in _FRAMES:
            _frame(body, scrub)
            framed = True
        if marker == _SOS:
            if not framed or len(body) != 4 + 2 * (body[0] if body else 0):
                raise malformed("a scan has no frame, or another length")
            found = _MARKER.search(data, at)
            if found is None:
                raise truncated()
            out += (_segment(marker, body), data[at : found.start()])
            at, scanned = found.start(), True
        elif marker in _FRAMES or _is_table(marker, body):
            out.append(_segment(marker, body))
        else:
            _application(marker, body, header, scrub)


def _marker(data: bytes, at: int) -> tuple[int, int]:
    """The marker at `at`, and where what follows it begins; bytes that fill up are passed over."""
    if at < len(data) and data[at] != 0xFF:
        raise malformed("a segment does not begin with a marker")
    while at < len(data) and data[at] == 0xFF:
        at += 1
    if at >= len(data):
        raise truncated()
    marker = data[at]
    if marker >= 0xC0 and not 0xD0 <= marker <= _SOI:
        return marker, at + 1
    raise malformed("a marker has no place where it stands")


def _frame(body: bytes, scrub: Scrub) -> None:
    if len(body) < 6 or len(body) != 6 + 3 * body[5]:
        raise malformed("a frame has another length")
    height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    scrub.check(width, height or 1)  # 0: a DNL segment behind the first scan says it


def _is_table(marker: int, body: bytes) -> bool:
    """Whether a segment is needed to decode; raises where something hides behind a table."""
    if marker in (_DRI, _DNL):
        fits = len(body) == 2
    elif marker == _DAC:
        fits = len(body) % 2 == 0 and len(body) <= 64
    elif marker in (_DQT, _DHT):
        at = 0
        while at < len(body):
            at += 1 + 64 * (1 + (body[at] >> 4 & 1)) if marker == _DQT else 17 + sum(body[at + 1 : at + 17])
        fits = at == len(body)
    else:
        return False
    if not fits:
        raise malformed("a table has another length")
    return True


def _application(marker: int, body: bytes, header: _Header, scrub: Scrub) -> None:
    """Sort a segment that decoding does not need, and note what it was."""
    if marker == 0xE0 and body[:5] == b"JFIF\0" and len(body) >= 14:
        if len(body) > 14:
            scrub.remove(THUMBNAIL)
        header.jfif = header.jfif or _segment(marker, body[:12] + b"\0\0")
    elif marker == 0xEE and body[:5] == b"Adobe" and len(body) >= 12:
        if len(body) > 12:
            scrub.remove("APP14")
        header.adobe = header.adobe or _segment(marker, body[:12])
    elif marker == 0xE2 and body.startswith(_ICC) and len(body) > 14:
        header.profile.setdefault(body[12], body[14:])
        header.profile_parts = max(header.profile_parts, body[13])
    elif marker == 0xE1 and body.startswith(_EXIF):
        _exif.read_exif(body[6:], scrub)
    elif marker == 0xE1 and body.startswith(_XMP):
        scrub.remove("XMP")
    elif marker == 0xED and body.startswith(b"Photoshop 3.0\0"):
        scrub.remove("Photoshop", *(["IPTC"] if b"8BIM\x04\x04" in body else []))
    elif marker == 0xE0 and body.startswith(b"JFXX\0"):
        scrub.remove(THUMBNAIL)
    elif marker == 0xE2 and body.startswith(b"MPF\0"):
        scrub.remove("MPF")
    elif marker == _COM:
        scrub.remove("Comment")
    else:
        scrub.remove(f"APP{marker - 0xE0}" if 0xE0 <= marker <= 0xEF else f"0xff{marker:02x}")


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body


def _profile(profile: bytes) -> list[bytes]:
    """The segments of a colour profile (ICC.1:2022, annex B.4)."""
    parts = [profile[at : at + _ICC_PART] for at in range(0, len(profile), _ICC_PART)]
    return [_segment(0xE2, _ICC + bytes((number, len(parts))) + part) for number, part in enumerate(parts, 1)]
