"""Content that stands in a record itself: a data: URL (RFC 2397) or Base64 (RFC 4648).

>>> content_of("data:text/plain;base64,aGVsbG8=")
Content(data=b'hello', mime_type='text/plain')
>>> content_of("https://example.com/a.jpg") is None
True
"""

import base64
import binascii
import re
from typing import Final, NamedTuple
from urllib.parse import unquote, unquote_to_bytes

from penstock.model.errors import EnrichmentError
from penstock.model.sniff import ENOUGH, sniff

UNKNOWN_TYPE: Final = "application/octet-stream"

_SHORTEST: Final = 16
"""Characters of Base64 that may be a file of a known type."""
_SURE: Final = 256
"""Characters of Base64 that are content of whatever type: no name and no digest is that long."""
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")


class Content(NamedTuple):
    """Bytes, and their media type: by their beginning, else as their source said."""

    data: bytes
    mime_type: str


def too_large(most: int) -> EnrichmentError:
    """The error of content with more than `most` bytes."""
    return EnrichmentError("too_large", f"content has more than {most} bytes")


def content_of(value: str, max_bytes: int = 2**63) -> Content | None:
    """The content that stands in `value` itself: a data: URL (RFC 2397) or Base64 (RFC 4648); None where none does.

    Base64 without ``data:`` is content where it is a file of a known type, or long. White space in it is no matter.

    Raises
    ------
    EnrichmentError
        ``bad_content``, ``empty`` or ``too_large``.
    """
    if value[:5].lower() == "data:":
        head, comma, body = value[5:].partition(",")
        said, *parameters = (part.strip().lower() for part in head.split(";"))
        if not comma:
            raise EnrichmentError("bad_content", "a data: URL has no comma")
        if len(body) > 4 * max_bytes:
            raise too_large(max_bytes)
        data = _base64(unquote(body)) if "base64" in parameters else unquote_to_bytes(body)
        if data is None:
            raise EnrichmentError("bad_content", "the content of a data: URL is no Base64")
    else:
        said = ""
        if len(value) < _SHORTEST or not _may_be_content(value):
            return None
        if len(value) > 4 * max_bytes:
            raise too_large(max_bytes)
        data = _base64(value)
        if data is None:
            return None
    if not data:
        raise EnrichmentError("empty", "content has no bytes")
    if len(data) > max_bytes:
        raise too_large(max_bytes)
    return Content(data, sniff(data[:ENOUGH]) or said or UNKNOWN_TYPE)


def _may_be_content(value: str) -> bool:
    """Whether text that is not marked as content may be it, by its first characters."""
    first = "".join(value[: 2 * _SURE].split())[:_SURE]
    begin = _base64(first[: len(first) // 4 * 4])
    return begin is not None and (len(first) == _SURE or sniff(begin) is not None)


def _base64(text: str) -> bytes | None:
    try:  # as most write it
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        pass
    if len(text.split(None, 1)) != 1 or text[:1].isspace() or text[-1:].isspace():
        text = "".join(text.split())
    if not text:
        return b""
    if not text.isascii() or _BASE64.fullmatch(text) is None:
        return None
    bare = text.rstrip("=")
    try:
        altchars = None if "+" in bare or "/" in bare else b"-_"
        return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars, validate=True)
    except (binascii.Error, ValueError):
        return None
