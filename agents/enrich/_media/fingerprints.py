"""Hashes that are alike where contents are: of pictures by what they show, of bytes by their parts.

What runs in a room (`penstock.model.room`) for `hash`: decoding pictures is not safe, and ssdeep in Python
is slow.
"""

import io
import warnings
from typing import Any, Final

from penstock.model.errors import EnrichmentError

PERCEPTUAL: Final = {"phash": "phash", "dhash": "dhash", "ahash": "average_hash", "whash": "whash"}
"""Name -> function of ImageHash."""
_FORMATS: Final = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP")
_HEIF: Final = ("image/heic",)


def fingerprints(
    data: bytes, *, mime_type: str, perceptual: list[str], fuzzy: list[str], max_pixels: int
) -> dict[str, str]:
    """Hash by the name of its algorithm; without those that the content is too short or too plain for.

    Raises
    ------
    EnrichmentError
        ``malformed`` or ``too_many_pixels``, of a picture that cannot be decoded.
    """
    found = {name: digest for name in fuzzy if (digest := _FUZZY[name](data))}
    if perceptual:
        found |= _perceptual(data, mime_type, perceptual, max_pixels)
    return found


def _perceptual(data: bytes, mime_type: str, algorithms: list[str], max_pixels: int) -> dict[str, str]:
    import imagehash
    from PIL import Image

    formats = [*_FORMATS]
    if mime_type in _HEIF:
        formats += _register_heif()
    Image.MAX_IMAGE_PIXELS = max_pixels
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data), formats=formats) as image:
                image.load()
                grey = _grey(image)
                return {name: str(getattr(imagehash, PERCEPTUAL[name])(grey)) for name in algorithms}
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise EnrichmentError("too_many_pixels", f"a picture has more than {max_pixels} pixels") from None


def _grey(image: Any) -> Any:
    """The picture; one of 16 bits with 8, as Pillow would take whatever is above 255 for white."""
    return image.convert("I").point(lambda value: value / 256).convert("L") if image.mode.startswith("I") else image


def _register_heif() -> list[str]:
    try:
        import pillow_heif
    except ImportError:
        hint = "pip install 'penstock[heic]'"
        raise EnrichmentError("missing_extra", "the package pillow-heif is not installed", hint=hint) from None
    pillow_heif.register_heif_opener(thumbnails=False)
    return ["HEIF"]


def _ssdeep(data: bytes) -> str:
    import ppdeep

    return str(ppdeep.hash(data))


def _tlsh(data: bytes) -> str:
    """Nothing for content of less than 50 bytes, or with too little variety (TLSH's own rule)."""
    import tlsh

    digest = str(tlsh.hash(data))
    return "" if digest == "TNULL" else digest


_FUZZY: Final[dict[str, Any]] = {"ssdeep": _ssdeep, "tlsh": _tlsh}
