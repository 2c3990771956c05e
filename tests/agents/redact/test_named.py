"""Names that a model finds: a pipeline of spaCy with rules stands for a trained one, and is loaded as such are."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
import spacy

from penstock.agents import _spacy
from penstock.agents.redact.redact import Config, build, check, detector, finder
from penstock.model.component import Resources
from penstock.model.errors import ConfigurationError, MissingExtraError
from penstock.model.record import Kept, Record
from penstock.model.verdict import KEEP, Keep

MASK = {"ssn": "mask"}
NAMES = ["Ann Lee", "Müller", "J*** L**", 'Bob "Bo" Ray', "王小明"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder as `spacy.Language.to_disk` writes them."""
    pipeline = spacy.blank("xx")
    patterns = [{"label": "PER" if name == "Müller" else "PERSON", "pattern": name} for name in NAMES]
    ruler: Any = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns([*patterns, {"label": "ORG", "pattern": "Acme"}])
    folder = tmp_path_factory.mktemp("model")
    pipeline.to_disk(folder)
    return str(folder)


def redact(data: dict[str, Any], **options: Any) -> Keep:
    stage = build(Config(**{"policy": MASK, **options}), Resources())
    records = [Record(Kept(0, 0, orjson.dumps(data), {}), "t/0/0") for _ in range(3)]
    first, *others = asyncio.run(stage(records[:1])) + asyncio.run(stage(records))
    assert all((other.data, other.notes) == (first.data, first.notes) for other in others)
    return first


def test_a_name_that_nothing_announces(model: str) -> None:
    data = {"text": "Ann Lee of Acme paid, said Müller.", "n": {"list": ["no name", "for Ann Lee"]}}
    assert redact(data) is KEEP
    keep = redact(data, names_model=model)
    assert keep.data == {"text": "*** *** of Acme paid, said ******.", "n": {"list": ["no name", "for *** ***"]}}
    assert orjson.loads(keep.notes["pii"]) == [
        {"category": "person_name", "field": "n.list.1", "strategy": "mask", "count": 1},
        {"category": "person_name", "field": "text", "strategy": "mask", "count": 2},
    ]
    assert isinstance(keep.data, dict)
    assert redact(keep.data, names_model=model) is KEEP


def test_it_is_one_more_match_among_the_others(model: str) -> None:
    data = {"text": "Dr. Ann Lee, ann@example.com", "last_name": "Ann Lee", "name@Ann Lee": "x y", "z": "see 王小明。"}
    keep = redact(data, names_model=model)
    assert keep.data == {
        "text": "Dr. *** ***, a***@e***.com",
        "last_name": "*** ***",
        "name@Ann Lee": "x y",
        "z": "see ***。",
    }
    counts = {item["field"]: item["count"] for item in orjson.loads(keep.notes["pii"])}
    assert counts == {"text": 1, "last_name": 1, "z": 1}


def test_what_would_break_json_in_a_text_is_left(model: str) -> None:
    text = orjson.dumps({"note": 'from Bob "Bo" Ray and Ann Lee'}).decode()
    keep = redact({"text": text, "hidden": "J*** L** paid"}, names_model=model)
    assert keep.data == {"text": text.replace("Ann Lee", "*** ***"), "hidden": "J*** L** paid"}


def test_a_long_text_is_read_in_parts(model: str) -> None:
    text = "word " * 1_999 + "Ann Lee " + "word " * 3_000 + "x" * 4_897 + " Ann Lee " + "x" * 12_000 + " Ann Lee"
    keep = redact({"text": text}, names_model=model)
    assert keep.data == {"text": text.replace("Ann Lee", "*** ***")}


def test_its_strategy_and_its_limit(model: str) -> None:
    data = {"text": "Ann Lee paid"}
    keep = redact(data, names_model=model, policy=MASK | {"person_name": "remove"})
    assert keep.data == {"text": "[person_name] paid"}
    assert redact(data, names_model=model, min_confidence=0.9) is KEEP


def test_finding_and_detecting_see_it(model: str) -> None:
    config, data = Config(names_model=model), {"text": "Ann Lee, Dr. Ann Lee", "a": {"b": "for Müller, you"}}
    assert [(one.field, one.start, one.end) for one in finder(config)(data)] == [
        ("a.b", 4, 10), ("text", 0, 7), ("text", 13, 20),
    ]  # fmt: skip
    (found,) = detector(config)([data])
    assert [(one.field, one.start, one.end, one.confidence) for one in found] == [
        ("text", 0, 7, 0.85), ("text", 13, 20, 0.8), ("a.b", 4, 10, 0.85),
    ]  # fmt: skip


def test_without_spacy_the_extra_is_named(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_spacy, "find_spec", lambda name: None)
    _spacy.pipeline.cache_clear()
    with pytest.raises(MissingExtraError) as caught:
        build(Config(names_model=model, policy=MASK), Resources())
    assert caught.value.hint == "pip install 'penstock[spacy]'"


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"redact cannot load its spaCy model .*nowhere"):
        build(Config(names_model=str(tmp_path / "nowhere"), policy=MASK), Resources())


def test_a_model_for_a_category_that_is_not_looked_for_is_refused(model: str) -> None:
    with pytest.raises(ConfigurationError, match="names_model finds person_name"):
        check(Config(names_model=model, categories=("email",)))
