"""The type of content by what it begins with, whatever its name or its server says.

>>> sniff(b"%PDF-1.7"), sniff(b"\\x89PNG\\r\\n\\x1a\\n"), sniff(b"what?")
('application/pdf', 'image/png', None)

Signatures are those of the formats' own specifications, found also in the WHATWG's MIME Sniffing Standard. Text has
none, so that it is not told from anything else.
"""

from typing import Final

ENOUGH: Final = 1024
"""Bytes from the beginning that tell all there is to tell."""

_STARTS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),  # BigTIFF
    (b"MM\0+", "image/tiff"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\xff\x0a", "image/jxl"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
    (b"8BPS", "image/vnd.adobe.photoshop"),
    (b"\0\0\1\0", "image/x-icon"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"#!AMR", "audio/amr"),
    (b".snd", "audio/basic"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"{\\rtf", "application/rtf"),
)

_BRANDS: Final = {
    b"heic": "image/heic", b"heix": "image/heic", b"hevc": "image/heic", b"hevx": "image/heic", b"heim": "image/heic",
    b"heis": "image/heic", b"mif1": "image/heic", b"msf1": "image/heic", b"avif": "image/avif", b"avis": "image/avif",
    b"M4A ": "audio/mp4", b"M4B ": "audio/mp4", b"qt  ": "video/quicktime",
}  # fmt: skip
"""Of ISO base media files (ISO/IEC 14496-12, section 4.3); any other is a film."""

_CHUNKED: Final = {
    (b"RIFF", b"WEBP"): "image/webp",
    (b"RIFF", b"WAVE"): "audio/wav",
    (b"RIFX", b"WAVE"): "audio/wav",
    (b"RF64", b"WAVE"): "audio/wav",
    (b"RIFF", b"AVI "): "video/x-msvideo",
    (b"FORM", b"AIFF"): "audio/aiff",
    (b"FORM", b"AIFC"): "audio/aiff",
}


def sniff(data: bytes) -> str | None:
    """The media type that `data`, or its first `ENOUGH` bytes, begin like; None where nothing known does."""
    for start, mime_type in _STARTS:
        if data.startswith(start):
            return mime_type
    if data[4:8] == b"ftyp":
        return _base_media(data)
    chunked = _CHUNKED.get((data[:4], data[8:12]))
    if chunked is not None:
        return chunked
    if b"%PDF-" in data[:ENOUGH]:  # a reader takes it that far in (PDF 1.7, appendix H.3, note 13)
        return "application/pdf"
    if data[:2] == b"BM" and data[6:10] == b"\0\0\0\0":  # two reserved words behind the size
        return "image/bmp"
    if len(data) > 3 and data[0] == 0xFF and data[1] & 0xE6 == 0xE2 and data[2] & 0xF0 != 0xF0 and data[2] & 0x0C != 12:
        return "audio/mpeg"  # layer III, with a bit rate and a sampling rate that exist
    return None


def _base_media(data: bytes) -> str:
    size = int.from_bytes(data[:4], "big")
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, min(size, len(data), 256) - 3, 4))]
    found = [_BRANDS[brand] for brand in brands if brand in _BRANDS]
    # a still picture names mif1 beside what it is coded with
    return next((mime for mime in found if mime == "image/avif"), found[0] if found else "video/mp4")
