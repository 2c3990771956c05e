"""ocr: the text in the pictures and documents that fields hold or refer to, as the AI engine reads it.

>>> run("ocr", {"image_url": "ftp://example.com/a"})
Traceback (most recent call last):
penstock.model.errors.EnrichmentError: content is read by https, http, file, s3 only

``image_url_ocr`` is ``{"text", "confidence", "language", "word_count"}``. A field holds a ``data:`` URL, Base64, or a
reference that the stage follows itself (http, https, s3, files below an allowed root), never to private addresses
unless that is allowed; what the engine is sent is the content.

``confidence_threshold`` is of words. The engine leaves out those that are less sure, and ``words_left_out`` says how
many they were, if any; where none is left, ``text`` is empty. An engine that leaves none out and is less sure of the
whole has its text noted as it is, with ``low_confidence: true``, and stages behind that read text do not read it.
Where a picture has no words at all, nothing is noted.

What is read may be personal data: `redact` belongs behind this stage.
"""

from typing import Any

from pydantic import Field

from penstock.agents.enrich._media.ai_engine import Engine, EngineConfig, asking, marked
from penstock.model.component import EnrichBatch, FieldNames, Resources

GROUP = "ocr"
ALONE = True
ADDS_TEXT = True

_KEYS = ("text", "confidence", "language", "word_count")


class Config(EngineConfig):
    """Options of ocr."""

    fields: FieldNames = Field(
        (
            "image_url",
            "document_url",
            "photo_url",
            "scan_url",
            "attachment_url",
            "image",
            "document",
            "image_data",
            "document_data",
        ),
        description="Fields that hold pictures or PDFs, or refer to them.",
    )
    languages: tuple[str, ...] = Field(
        ("eng",), min_length=1, description="ISO 639-3, what the text may be in; the likeliest first."
    )


def build(config: Config, resources: Resources) -> EnrichBatch:
    """Compile the stage. Raises ConfigurationError where the engine's address is none."""
    question = {"languages": list(config.languages), "confidence_threshold": config.confidence_threshold}
    engine = Engine(config, resources, "/ocr/extract", question)

    def note(label: str, answer: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
        found = {key: answer[key] for key in _KEYS}
        if left_out := answer.get("words_left_out"):
            found["words_left_out"] = left_out
        elif not found["text"]:
            return None
        return f"{label}_ocr", marked(found, config.confidence_threshold)

    return asking(GROUP, config, config.fields, engine.ask, note)
