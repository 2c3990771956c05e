"""stt: with the reference engine, from a recording to a transcript."""

import base64
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest

from penstock.agents import registry
from penstock.agents.enrich import stt
from penstock.model.component import Resources
from penstock.model.record import Record
from penstock.services import ai_engine


@pytest.fixture
def address(serve: Callable[..., str]) -> str:
    return serve(ai_engine.create_app(None, None))


def recording() -> str:
    data = files("penstock.cli.demo").joinpath("recordings", "amiable.flac").read_bytes()
    return "data:audio/flac;base64," + base64.b64encode(data).decode()


async def test_a_recording_is_written_down(address: str, record: Callable[[dict[str, Any]], Record]) -> None:
    resources = Resources(environ={"AI_ENGINE_URL": address})
    for threshold, noted in ((0.3, True), (0.99, False)):
        config = registry.configure("stt", {"confidence_threshold": threshold, "enable_diarization": True})
        stage: Any = registry.build("stt", config, resources)[1]
        (found,) = await stage([record({"call": {"audio_url": recording()}})])
        assert (found is not None) is noted
        if noted:
            body = found["stt"]["audio_url_transcript"]
            assert set(body) == {"transcript", "confidence", "language", "duration_seconds", "speakers"}
            assert "he might even have been made" in body["transcript"]
            assert body["language"] == "en-US"
            assert body["speakers"][0]["speaker_id"] == "SPEAKER_00"
            assert set(body["speakers"][0]["segments"][0]) == {"start", "end", "text"}


def test_its_defaults_are_the_documents() -> None:
    config = stt.Config()
    assert (config.confidence_threshold, config.language, config.enable_diarization) == (0.7, "en-US", False)
