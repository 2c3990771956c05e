"""Types by signature: the beginnings that the formats' specifications give, and what must not be taken for one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.model.sniff import sniff


@pytest.mark.parametrize(
    ("start", "mime_type"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
        (b"II*\0\x08\0\0\0", "image/tiff"),
        (b"MM\0*\0\0\0\x08", "image/tiff"),
        (b"BM\x36\0\0\0\0\0\0\0", "image/bmp"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "image/heic"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif", "image/avif"),
        (b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42", "audio/mp4"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2", "video/mp4"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav"),
        (b"FORM\0\0\0\x24AIFFCOMM", "audio/aiff"),
        (b"OggS\0\2", "audio/ogg"),
        (b"fLaC\0\0\0\x22", "audio/flac"),
        (b"ID3\3\0", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "audio/mpeg"),
        (b"\x1aE\xdf\xa3", "video/webm"),
        (b"%PDF-1.4", "application/pdf"),
        (b"\n\njunk %PDF-1.4", "application/pdf"),
        (b"PK\3\4", "application/zip"),
    ],
)
def test_known(start: bytes, mime_type: str) -> None:
    assert sniff(start) == mime_type
    assert sniff(start + bytes(2000)) == mime_type


@pytest.mark.parametrize(
    "start",
    [b"", b"\xff", b"\xff\xd8", b"Hello", b"<html>", "größer".encode(), b"RIFF\0\0\0\0ACON", b"BMW, a brand",
     b"\xff\xff\xff\xff", b"\xff\xfe\0\0", bytes(1024) + b"%PDF-"],
)  # fmt: skip
def test_unknown(start: bytes) -> None:
    assert sniff(start) is None


@settings(derandomize=True, max_examples=300)
@given(st.binary(max_size=64))
def test_nothing_fails(data: bytes) -> None:
    for start in (b"", b"\0\0\0\x18ftyp", b"RIFF", b"\xff", b"BM"):
        assert sniff(start + data) is None or "/" in (sniff(start + data) or "")
