"""stt: what is said in the recordings that fields hold or refer to, as the AI engine writes it down.

>>> run("stt", {"audio_url": "ftp://example.com/a"})
Traceback (most recent call last):
penstock.model.errors.EnrichmentError: content is read by https, http, file, s3 only

``audio_url_transcript`` is ``{"transcript", "confidence", "language", "duration_seconds", "speakers"}``, a speaker
``{"speaker_id", "segments": [{"start", "end", "text"}]}`` in seconds. Fields hold what those of `ocr` hold.

A transcript that is less sure than ``confidence_threshold`` is noted all the same, with ``low_confidence: true`` beside
it, and stages behind that read text (`language`) do not read it: what was said is not lost, and what was only guessed
is not taken for said. Where nobody says anything, nothing is noted.

What is said may be personal data: `redact` belongs behind this stage.
"""

from typing import Any

from pydantic import Field

from penstock.agents.enrich._media.ai_engine import Engine, EngineConfig, asking, marked
from penstock.model.component import EnrichBatch, FieldNames, Resources

GROUP = "stt"
ALONE = True
ADDS_TEXT = True

_KEYS = ("transcript", "confidence", "language", "duration_seconds", "speakers")


class Config(EngineConfig):
    """Options of stt."""

    fields: FieldNames = Field(
        ("audio_url", "recording_url", "voice_url", "audio", "recording", "audio_data"),
        description="Fields that hold recordings, or refer to them.",
    )
    language: str = Field("en-US", min_length=2, description="BCP 47, what is spoken.")
    enable_diarization: bool = Field(False, description="Tell voices apart; else one speaker says everything.")


def build(config: Config, resources: Resources) -> EnrichBatch:
    """Compile the stage. Raises ConfigurationError where the engine's address is none."""
    question = {"language": config.language, "enable_diarization": config.enable_diarization}
    engine = Engine(config, resources, "/stt/transcribe", question)

    def note(label: str, answer: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
        found = {key: answer[key] for key in _KEYS}
        if not found["transcript"]:
            return None
        return f"{label}_transcript", marked(found, config.confidence_threshold)

    return asking(GROUP, config, config.fields, engine.ask, note)
