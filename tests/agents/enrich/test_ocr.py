"""ocr: with the reference engine, from a picture to what redact leaves of its text."""

import base64
import io
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from PIL import Image, ImageDraw, ImageFont

from penstock.agents import registry
from penstock.agents.chain import Chain
from penstock.agents.enrich import ocr
from penstock.agents.runtime.compile import compile_plan, facts
from penstock.model.component import Resources
from penstock.model.record import Kept
from penstock.services import ai_engine
from penstock.topology.lint import lint
from penstock.topology.spec import Pipeline

LINES = ("My number is +1 202 555 0143", "or write to ada.lovelace@example.com", "The parcel has not arrived")


@pytest.fixture
def address(serve: Callable[..., str]) -> str:
    return serve(ai_engine.create_app(None, None))


def picture() -> str:
    image = Image.new("RGB", (700, 220), "white")
    for number, line in enumerate(LINES):
        ImageDraw.Draw(image).text((30, 30 + 55 * number), line, fill="black", font=ImageFont.load_default(size=28))
    out = io.BytesIO()
    image.save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


async def run(stages: list[tuple[str, dict[str, Any]]], data: dict[str, Any], address: str) -> dict[str, Any]:
    environ = {"AI_ENGINE_URL": address, "PENSTOCK_HASH_KEY": "0123456789abcdef" * 2}
    chain = Chain([(name, registry.configure(name, options)) for name, options in stages], Resources(environ=environ))
    result = await chain.run("t", 0, [Kept(0, 0, orjson.dumps(data), {})])
    (entry,) = result.entries
    assert isinstance(entry, Kept)
    return {name: orjson.loads(value) for name, value in entry.notes.items()}


async def test_a_picture_is_read_and_its_language_is_known(address: str) -> None:
    notes = await run([("ocr", {}), ("language", {})], {"image_url": picture()}, address)
    found = notes["enrichments.ocr"]["image_url_ocr"]
    assert found["text"].split("\n") == list(LINES)
    assert set(found) == {"text", "confidence", "language", "word_count"}
    assert (found["language"], found["word_count"]) == ("eng", sum(len(line.split()) for line in LINES))
    assert notes["enrichments.language"]["image_url_ocr_language"]["language"] == "en"


async def test_redact_hides_what_a_picture_shows(address: str) -> None:
    notes = await run([("ocr", {}), ("redact", {})], {"document_url": picture()}, address)
    text = notes["enrichments.ocr"]["document_url_ocr"]["text"]
    assert "ada.lovelace@example.com" not in text
    assert "555 0143" not in text
    assert "The parcel has not arrived" in text
    assert {item["category"] for item in notes["pii"]} >= {"email", "phone"}


async def test_the_text_reaches_the_graph_by_map(address: str) -> None:
    entity = {"type": "Document", "key": "id", "properties": {"text": "enrichments.ocr.image_url_ocr.text"}}
    notes = await run([("ocr", {}), ("map", {"entities": [entity]})], {"id": "7", "image_url": picture()}, address)
    assert notes["entities"] == [{"type": "Document", "key": "7", "properties": {"text": "\n".join(LINES)}}]


def test_its_defaults_are_the_documents() -> None:
    config = ocr.Config()
    assert (config.confidence_threshold, config.languages) == (0.7, ("eng",))
    assert config.ai_engine_url is None


def test_it_stands_alone_and_lint_wants_redact_behind_it() -> None:
    for stages, wanted in ((["redact", "ocr", "license"], True), (["ocr", "redact", "license"], False)):
        plan = compile_plan(Pipeline.model_validate({"name": "a", "stages": stages}))
        found = lint(plan, facts(plan))
        assert any(finding.code == "unredacted" and "ocr" in finding.message for finding in found) is wanted
        assert ["ocr"] in [[stage.name for stage in agent.stages] for agent in plan.agents]
