"""Text that stages before this one read out of pictures and recordings."""

from typing import Final

from penstock.model.record import Record

_TEXTS: Final = {"enrichments.ocr": "text", "enrichments.stt": "transcript"}
"""Note -> where its bodies hold the text."""


def extracted(record: Record) -> list[tuple[str, str]]:
    """Name of the annotation and text of each, as ``("image_url_ocr", "…")``, but of those that are but guessed."""
    return [
        (name, body[key])
        for note, key in _TEXTS.items()
        if note in record.entry.notes
        for name, body in record.note(note).items()
        if not body.get("low_confidence")
    ]
