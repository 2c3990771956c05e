"""HEIC (ISO/IEC 23008-12) without metadata: the picture is decoded, and encoded anew from its pixels.

A HEIC scatters its metadata over a file whose parts point at each other; what is made anew from pixels holds none. It
costs a second compression, at `_QUALITY`. The picture is turned upright on the way.
"""

import io
from importlib.util import find_spec
from typing import Any, Final

from penstock.agents.enrich import _exif
from penstock.agents.enrich._scrubbing import THUMBNAIL, Scrub, malformed
from penstock.model.errors import EnrichmentError

_QUALITY: Final = 95


def available() -> bool:
    """Whether the package that reads HEIC is installed."""
    return find_spec("pillow_heif") is not None


def scrub_heic(data: bytes, scrub: Scrub) -> bytes:
    """The HEIC without its metadata. Raises EnrichmentError."""
    if not available():
        raise EnrichmentError(
            "missing_extra", "the package pillow-heif is not installed", hint="pip install 'penstock[heic]'"
        )
    import pillow_heif

    try:
        return _encoded(pillow_heif, pillow_heif.open_heif(data, convert_hdr_to_8bit=False), scrub)
    except (ValueError, EOFError, SyntaxError, RuntimeError, IndexError, AttributeError):
        raise malformed("it cannot be decoded") from None


def _encoded(pillow_heif: Any, file: Any, scrub: Scrub) -> bytes:
    """The pictures of an opened file in a file of their own."""
    clean = pillow_heif.HeifFile()
    for image in file:
        scrub.check(*image.size)
        _add(clean, image, scrub)
    out = io.BytesIO()
    clean.save(out, quality=_QUALITY)
    return out.getvalue()


def _add(clean: Any, image: Any, scrub: Scrub) -> None:
    """Add a picture's pixels and colour profile to the clean file, and note what it had beside them."""
    info = image.info
    if info.get("exif"):
        _exif.read_exif(info["exif"], scrub)
    if info.get("xmp"):
        scrub.remove("XMP")
    if info.get("thumbnails"):
        scrub.remove(THUMBNAIL)
    if info.get("metadata"):
        scrub.remove("Metadata")
    added = clean.add_frombytes(image.mode, image.size, image.data, stride=image.stride)
    profile = info.get("icc_profile")
    if profile and scrub.keeps(profile):
        added.info["icc_profile"] = profile
        added.info["icc_profile_type"] = info.get("icc_profile_type", "prof")
