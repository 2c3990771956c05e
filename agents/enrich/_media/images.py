"""Pictures without metadata, by type: what runs in a room (`penstock.model.room`) for `exif_scrub`."""

from collections.abc import Callable
from typing import Any, Final

from penstock.agents.enrich._media.gif import scrub_gif
from penstock.agents.enrich._media.heic import scrub_heic
from penstock.agents.enrich._media.jpeg import scrub_jpeg
from penstock.agents.enrich._media.png import scrub_png
from penstock.agents.enrich._media.scrubbing import Scrub
from penstock.agents.enrich._media.tiff import scrub_tiff
from penstock.agents.enrich._media.webp import scrub_webp
from penstock.model.errors import EnrichmentError
from penstock.model.sniff import sniff

_SCRUBBERS: Final[dict[str, Callable[[bytes, Scrub], bytes]]] = {
    "image/jpeg": scrub_jpeg,
    "image/png": scrub_png,
    "image/gif": scrub_gif,
    "image/tiff": scrub_tiff,
    "image/webp": scrub_webp,
    "image/heic": scrub_heic,
    "image/avif": scrub_heic,
}


def scrub(data: bytes, *, orientation: bool, profile: bool, max_pixels: int) -> dict[str, Any]:
    """A picture without its metadata.

    Returns
    -------
    dict
        ``data``, ``mime_type``, ``removed`` and ``preserved`` (names of tags).

    Raises
    ------
    EnrichmentError
        With one of the reasons of `penstock.agents.enrich._media.scrubbing.REASONS`.
    """
    mime_type = sniff(data) or ""
    if mime_type not in _SCRUBBERS:
        raise EnrichmentError("unsupported_type", "content is no JPEG, PNG, GIF, TIFF, WebP, HEIC or AVIF")
    state = Scrub(orientation, profile, max_pixels)
    clean = _SCRUBBERS[mime_type](data, state)
    removed = [name for name in state.removed if name not in state.preserved]
    return {"data": clean, "mime_type": mime_type, "removed": removed, "preserved": list(state.preserved)}
