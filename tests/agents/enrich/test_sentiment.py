"""sentiment: VADER's own examples, the language of the text, lexicons of other languages, and what it costs."""

import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.agents.enrich import sentiment
from penstock.agents.enrich._text import lexicon as _lexicon
from penstock.model.errors import ConfigurationError
from penstock.model.record import Kept, Record

VADER = [
    ("VADER is smart, handsome, and funny.", 0.8316),
    ("VADER is smart, handsome, and funny!", 0.8439),
    ("VADER is very smart, handsome, and funny.", 0.8545),
    ("VADER is VERY SMART, handsome, and FUNNY!!!", 0.9342),
    ("VADER is not smart, handsome, nor funny.", -0.7424),
    ("The book was good.", 0.4404),
    ("At least it isn't a horrible book.", 0.431),
    ("The plot was good, but the characters are uncompelling and the dialog is not great.", -0.7042),
    ("Today SUX!", -0.5461),
    ("Catch utf-8 emoji such as 💘 and 💋 and 😁", 0.875),
    ("Not bad at all", 0.431),
]
"""Sentences of the package's own demonstration, and the compound that its README states for them."""

GERMAN = {"gut": 2.5, "schlecht": -2.5, "sehr gut": 3.2, "kaputt": -2}


def one(text: Any, noted: str | None = None, **options: Any) -> Any:
    enrich = sentiment.build(sentiment.Config.model_validate(options))
    notes = {} if noted is None else {"enrichments.language": orjson.dumps({"text_language": {"language": noted}})}
    found = enrich(Record(Kept(0, 0, orjson.dumps({"text": text}), notes), "t/0/0"))
    return None if found is None else found["sentiment"]["text_sentiment"]


@pytest.fixture
def german(tmp_path: Path) -> Path:
    file = tmp_path / "de.json"
    file.write_bytes(
        orjson.dumps({"words": GERMAN, "negations": ["nicht", "kein"], "boosters": {"wirklich": 0.3, "etwas": -0.3}})
    )
    return file


@pytest.mark.parametrize(("text", "score"), VADER)
def test_vaders_own_examples(text: str, score: float) -> None:
    found = one(text)
    assert found["score"] == score
    assert found["label"] == ("positive" if score > 0 else "negative")
    assert (found["language"], found["model"]) == ("en", "vader")
    assert found["positive"] + found["neutral"] + found["negative"] == pytest.approx(1, abs=0.002)


def test_neutral_and_the_threshold() -> None:
    assert one("The train leaves at nine.")["label"] == "neutral"
    assert one("The book was good.", threshold=0.5)["label"] == "neutral"


def test_the_language_that_an_earlier_stage_noted() -> None:
    assert one("The book was good.", "en")["language"] == "en"
    assert one("Das Buch war gut.", "de") is None
    assert one("The book was good.", language="fr") is None
    assert one("The book was good.", "en-GB", language="fr")["language"] == "en"


def test_a_lexicon_of_another_language(german: Path) -> None:
    options: dict[str, Any] = {"lexicons": {"de": german}}
    found = one("Das Buch war gut.", "de", **options)
    assert found == {
        "score": 0.5423,
        "label": "positive",
        "positive": 0.25,
        "neutral": 0.75,
        "negative": 0.0,
        "language": "de",
        "model": "lexicon",
    }
    scores = [
        one(text, "de", **options)["score"]
        for text in ("kaputt", "nicht gut", "nur Text", "gut", "wirklich gut", "SEHR GUT")
    ]
    assert scores == sorted(scores)
    assert scores[1] < 0 == scores[2] < scores[3]
    assert one("etwas gut", "de", **options)["score"] < one("gut", "de", **options)["score"]
    assert one("The book was good.", "en", **options)["model"] == "vader"


def test_a_lexicon_for_english_replaces_vader(tmp_path: Path) -> None:
    file = tmp_path / "en.csv"
    file.write_text("word;valence\ngood;-3\n")
    found = one("The book was good.", lexicons={"en": file})
    assert (found["label"], found["model"]) == ("negative", "lexicon")


@pytest.mark.parametrize(
    "content",
    ["gut,2.5\nschlecht,-2.5\n", "Wort\tWert\ngut\t2.5\t0.5\t[3, 2]\n", "\ufeffgut;2.5\n\n# note\n", '{"gut": 2.5}'],
)
def test_kinds_of_lexicon_files(tmp_path: Path, content: str) -> None:
    file = tmp_path / "lexicon"
    file.write_text(content, encoding="utf-8")
    assert _lexicon.read(file).score("gut").score == 0.5423


@pytest.mark.parametrize(
    "content",
    [b"", b"word,valence\n", b"a,1\nb,x\n", b"a,nan\nb,inf\n", b"{", b'{"a": "x"}', b'{"a": []}', b"\xff\xfe"],
)
def test_what_is_no_lexicon(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "lexicon"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="lexicon"):
        one("x", lexicons={"de": file})


def test_a_lexicon_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot open"):
        one("x", lexicons={"de": tmp_path / "none.csv"})


@pytest.mark.parametrize("text", ["", "  ", "ab", None, 5, True])
def test_what_is_left_alone(text: Any) -> None:
    assert one(text) is None


@pytest.mark.parametrize(
    "text", ["😀😍👍💔" * 1000, "😀" * 4096, "good " * 1000, "not " * 1000, "!?" * 2000, "a" * 4096]
)
def test_no_text_takes_long(text: str) -> None:
    one("good")
    began = time.process_time()
    one(text)
    assert time.process_time() - began < 0.2  # seconds it took, before there was a bound


def test_emphasis_is_left_of_a_run() -> None:
    assert sentiment._bounded("good!!!!!!!!!") == "good!!!!"
    assert one("good!!!!!!!!!")["score"] == one("good!!!!")["score"] > one("good!")["score"]


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text(text: str) -> None:
    found = one(text, min_text_length=1)
    if found is not None:
        assert -1 <= found["score"] <= 1
        assert found["label"] in ("positive", "neutral", "negative")


def test_options_are_checked() -> None:
    for wrong in ({"threshold": 0}, {"min_text_length": 0}, {"lexicons": ["de"]}):
        with pytest.raises(ValidationError):
            sentiment.Config.model_validate(wrong)
