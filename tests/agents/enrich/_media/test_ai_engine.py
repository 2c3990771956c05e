"""Asking the AI engine: what is sent, what is kept, and what becomes of records when it does not answer."""

import asyncio
import base64
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi import FastAPI, Request, Response

from penstock.agents import registry
from penstock.agents.chain import Chain
from penstock.model.component import Resources
from penstock.model.errors import ConfigurationError, EnrichmentError, ServiceUnreachableError
from penstock.model.record import Kept, Record

PNG = b"\x89PNG\r\n\x1a\n"
ANSWER = {"text": "Hello", "confidence": 0.9, "language": "eng", "word_count": 1, "words": [{"text": "Hello"}]}


class Engine:
    """An engine that says what it is told to, and remembers what it was asked."""

    def __init__(self, serve: Callable[..., str]) -> None:
        self.asked: list[dict[str, Any]] = []
        self.tokens: list[str | None] = []
        self.answers: list[tuple[int, Any]] = []
        self.seconds = 0.0
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        app = FastAPI()

        @app.post("/ocr/extract")
        async def extract(request: Request) -> Response:
            with self._lock:
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
            self.asked.append(await request.json())
            self.tokens.append(request.headers.get("Authorization"))
            await asyncio.sleep(self.seconds)
            with self._lock:
                self.at_once -= 1
            status, body = self.answers.pop(0) if self.answers else (200, ANSWER)
            return Response(body if isinstance(body, bytes) else orjson.dumps(body), status)

        self.url = serve(app)

    def contents(self) -> list[bytes]:
        return [base64.b64decode(each["content_base64"]) for each in self.asked]


@pytest.fixture
def engine(serve: Callable[..., str]) -> Engine:
    return Engine(serve)


Ask = Callable[..., Any]


@pytest.fixture
def ask(engine: Engine, record: Callable[[dict[str, Any]], Record]) -> Ask:
    """Build the stage once; then ask about records."""

    def build(**options: Any) -> Callable[[Sequence[dict[str, Any]]], Any]:
        resources = Resources(environ={"AI_ENGINE_URL": engine.url, "PENSTOCK_API_TOKEN": "t0ken"})
        stage: Any = registry.build("ocr", registry.configure("ocr", {"retries": 0, **options}), resources)[1]
        return lambda data: asyncio.run(stage([record(each) for each in data]))

    return build


def picture(*more: int) -> str:
    return "data:image/png;base64," + base64.b64encode(PNG + bytes(more)).decode()


def test_a_content_is_sent_with_its_type_and_the_question(ask: Ask, engine: Engine) -> None:
    found = ask(languages=["eng", "deu"], confidence_threshold=0.5)([{"image_url": picture(1)}])
    assert found == [
        {"ocr": {"image_url_ocr": {"text": "Hello", "confidence": 0.9, "language": "eng", "word_count": 1}}}
    ]
    assert engine.asked == [
        {
            "content_base64": picture(1).partition(",")[2],
            "mime_type": "image/png",
            "languages": ["eng", "deu"],
            "confidence_threshold": 0.5,
        }
    ]
    assert engine.tokens == ["Bearer t0ken"]


def test_equal_contents_are_asked_about_once(ask: Ask, engine: Engine) -> None:
    engine.seconds = 0.05
    run = ask()
    found = run([{"image_url": picture(1)}, {"document_url": picture(1)}, {"image_url": picture(2)}])
    assert [list(each["ocr"]) for each in found] == [["image_url_ocr"], ["document_url_ocr"], ["image_url_ocr"]]
    assert sorted(engine.contents()) == [PNG + b"\1", PNG + b"\2"]
    run([{"image_url": picture(2)}])
    assert len(engine.asked) == 2


def test_an_answer_is_kept_no_longer_than_told(ask: Ask, engine: Engine) -> None:
    run = ask(cache_seconds=0)
    run([{"image_url": picture(1)}])
    run([{"image_url": picture(1)}])
    assert len(engine.asked) == 2


def test_a_failure_is_not_kept(ask: Ask, engine: Engine) -> None:
    engine.answers = [(503, {}), (200, ANSWER)]
    run = ask()
    assert isinstance(run([{"image_url": picture(1)}])[0], ServiceUnreachableError)
    assert run([{"image_url": picture(1)}])[0]["ocr"]


def test_records_keep_their_order_and_only_so_many_are_asked_at_a_time(ask: Ask, engine: Engine) -> None:
    engine.seconds = 0.02
    data: list[dict[str, Any]] = [{"image_url": picture(n)} if n % 3 else {"n": n} for n in range(12)]
    found = ask(concurrency=2)(data)
    assert [each is not None for each in found] == [bool(n % 3) for n in range(12)]
    assert engine.most_at_once == 2


@pytest.mark.parametrize(
    ("status", "reason"), [(413, "too_large"), (415, "unsupported_type"), (422, "unreadable"), (404, "rejected")]
)
def test_what_the_engine_refuses_fails_its_record_alone(status: int, reason: str, ask: Ask, engine: Engine) -> None:
    engine.answers = [(status, {"code": "malformed", "message": "it is"})]
    bad, good = ask(concurrency=1)([{"image_url": picture(1)}, {"image_url": picture(2)}])
    assert isinstance(bad, EnrichmentError)
    assert bad.reason == reason
    assert good["ocr"]


@pytest.mark.parametrize("body", [b"no JSON", [], {}, {"text": "a"}, None])
def test_an_answer_of_another_shape_fails_the_record(body: Any, ask: Ask, engine: Engine) -> None:
    engine.answers = [(200, body)]
    (found,) = ask()([{"image_url": picture(1)}])
    assert isinstance(found, EnrichmentError)
    assert found.reason == "bad_answer"


@pytest.mark.parametrize(
    ("said", "noted"),
    [
        ({"text": "", "confidence": 0.0, "word_count": 0}, None),
        ({"confidence": 0.4}, {"text": "Hello", "confidence": 0.4, "low_confidence": True}),
        ({"words_left_out": 2}, {"text": "Hello", "confidence": 0.9, "words_left_out": 2}),
        (
            {"text": "", "confidence": 0.0, "word_count": 0, "words_left_out": 3},
            {"text": "", "confidence": 0.0, "word_count": 0, "words_left_out": 3, "low_confidence": True},
        ),
    ],
)
def test_what_is_less_sure_than_the_threshold_is_told(
    said: dict[str, Any], noted: dict[str, Any] | None, ask: Ask, engine: Engine
) -> None:
    engine.answers = [(200, ANSWER | {"words_left_out": 0} | said)]
    (found,) = ask()([{"image_url": picture(1)}])
    if noted is None:
        assert found is None
    else:
        assert found["ocr"]["image_url_ocr"] == {"language": "eng", "word_count": 1} | noted


def test_an_engine_that_comes_back_is_asked_again(ask: Ask, engine: Engine) -> None:
    engine.answers = [(503, {})]
    assert ask(retries=1)([{"image_url": picture(1)}])[0]["ocr"]
    assert len(engine.asked) == 2


def test_an_engine_that_is_not_there_fails_the_enrichment_or_waits_as_told(ask: Ask) -> None:
    nowhere = "http://127.0.0.1:9"
    began = time.monotonic()
    first, second = ask(ai_engine_url=nowhere)([{"image_url": picture(1)}, {"n": 1}])
    assert isinstance(first, ServiceUnreachableError)
    assert second is None
    assert time.monotonic() - began < 5
    with pytest.raises(ServiceUnreachableError):
        ask(ai_engine_url=nowhere, on_unreachable="wait")([{"image_url": picture(1)}])


def test_a_slow_engine_is_given_up(ask: Ask, engine: Engine) -> None:
    engine.seconds = 2
    (found,) = ask(engine_timeout_seconds=0.1)([{"image_url": picture(1)}])
    assert isinstance(found, ServiceUnreachableError)


def test_where_one_of_two_fields_fails_the_other_is_noted_with_the_reason(ask: Ask) -> None:
    (found,) = ask()([{"image_url": picture(1), "document_url": "ftp://example.com/a.pdf"}])
    assert list(found) == ["ocr", "errors"]
    assert found["errors"] == {"ocr": "unsupported_scheme"}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("http://127.0.0.1:1/a.png", "forbidden_address"),
        ("http://169.254.169.254/latest/meta-data", "forbidden_address"),
        ("file:///etc/passwd", "forbidden_path"),
        ("data:image/png;base64,!!", "bad_content"),
        ("data:image/png,", "empty"),
        ("what?", "unsupported_scheme"),
    ],
)
def test_what_may_not_be_read_is_not(value: str, reason: str, ask: Ask, engine: Engine) -> None:
    (found,) = ask()([{"image_url": value}])
    assert isinstance(found, EnrichmentError)
    assert found.reason == reason
    assert value not in str(found)
    assert engine.asked == []


def test_a_file_below_an_allowed_root_is_read(ask: Ask, engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG + b"\7")
    assert ask(allowed_roots=[str(tmp_path)])([{"image_url": f"file://{tmp_path}/a.png"}])[0]["ocr"]
    assert engine.contents() == [PNG + b"\7"]


def test_nothing_is_asked_about_values_that_hold_nothing(ask: Ask, engine: Engine) -> None:
    assert ask()([{"image_url": None}, {"image_url": " "}, {"image_url": 7}, {}]) == [None] * 4
    assert engine.asked == []


def test_an_address_that_is_none_is_refused_when_the_stage_is_built() -> None:
    with pytest.raises(ConfigurationError, match="AI_ENGINE_URL"):
        registry.build("ocr", registry.configure("ocr", {"ai_engine_url": "engine"}), Resources())


async def test_in_a_chain_the_record_goes_on_and_says_what_failed(engine: Engine) -> None:
    resources = Resources(environ={"AI_ENGINE_URL": "http://127.0.0.1:9"})
    chain = Chain([("ocr", registry.configure("ocr", {"retries": 0}))], resources)
    result = await chain.run("t", 0, [Kept(0, 0, orjson.dumps({"image_url": picture(1)}), {})])
    (entry,) = result.entries
    assert isinstance(entry, Kept)
    assert orjson.loads(entry.notes["enrichments.errors"]) == {"ocr": "service_unreachable"}
    assert result.counts["ocr"].outcomes == {"failed:service_unreachable": 1, "kept": 1}
