"""stt: with the reference engine, from a recording to a transcript."""

import base64
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import orjson
import pytest

from penstock.agents import registry
from penstock.agents.chain import Chain
from penstock.agents.enrich import stt
from penstock.model.component import Resources
from penstock.model.record import Kept, Record
from penstock.services import ai_engine


@pytest.fixture
def address(serve: Callable[..., str]) -> str:
    return serve(ai_engine.create_app(None, None))


def recording() -> str:
    data = files("penstock.cli.demo").joinpath("recordings", "amiable.flac").read_bytes()
    return "data:audio/flac;base64," + base64.b64encode(data).decode()


async def test_a_recording_is_written_down(address: str, record: Callable[[dict[str, Any]], Record]) -> None:
    resources = Resources(environ={"AI_ENGINE_URL": address})
    for threshold, sure in ((0.3, True), (0.99, False)):
        config = registry.configure("stt", {"confidence_threshold": threshold, "enable_diarization": True})
        stage: Any = registry.build("stt", config, resources)[1]
        (found,) = await stage([record({"call": {"audio_url": recording()}})])
        body = found["stt"]["audio_url_transcript"]
        assert body.pop("low_confidence", False) is not sure
        assert set(body) == {"transcript", "confidence", "language", "duration_seconds", "speakers"}
        assert "he might even have been made" in body["transcript"]
        assert body["language"] == "en-US"
        assert body["speakers"][0]["speaker_id"] == "SPEAKER_00"
        assert set(body["speakers"][0]["segments"][0]) == {"start", "end", "text"}


async def test_a_transcript_that_is_but_guessed_is_read_no_further(address: str) -> None:
    data = orjson.dumps({"audio_url": recording()})
    for threshold, read in ((0.3, True), (0.99, False)):
        stages = [("stt", {"confidence_threshold": threshold}), ("language", {})]
        made = [(name, registry.configure(name, options)) for name, options in stages]
        chain = Chain(made, Resources(environ={"AI_ENGINE_URL": address}))
        (entry,) = (await chain.run("t", 0, [Kept(0, 0, data, {})])).entries
        assert isinstance(entry, Kept)
        assert "enrichments.stt" in entry.notes
        assert ("enrichments.language" in entry.notes) is read


def test_its_defaults_are_the_documents() -> None:
    config = stt.Config()
    assert (config.confidence_threshold, config.language, config.enable_diarization) == (0.7, "en-US", False)
