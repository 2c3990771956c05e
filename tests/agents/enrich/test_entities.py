"""entities: what is found where, defanged indicators, precision and recall on annotated texts, and what it costs."""

import doctest
import importlib.util
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.agents import _spacy, registry
from penstock.agents.enrich import entities
from penstock.agents.enrich._text import defang as _defang
from penstock.agents.enrich._text import name_models as _name_models
from penstock.agents.enrich._text.defang import refanged
from penstock.model.errors import ConfigurationError, MissingExtraError
from penstock.model.record import Kept, Record

_spec = importlib.util.spec_from_file_location("entity_texts", Path(__file__).with_name("entity_texts.py"))
assert _spec is not None
assert _spec.loader is not None
_texts = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_texts)

NAMES = ("person", "organisation", "place")
EXTRACT = entities._extractor(entities.Config())


def found(text: str, **options: Any) -> list[dict[str, Any]]:
    return entities._extractor(entities.Config(**options))(text) if options else EXTRACT(text)


def measured() -> dict[str, tuple[float, float]]:
    """Precision and recall by type, a find being right where type and text are."""
    right: Counter[str] = Counter()
    given_: Counter[str] = Counter()
    due: Counter[str] = Counter()
    for text, annotated in _texts.TEXTS:
        got, want = Counter((one["type"], one["text"]) for one in found(text)), Counter(annotated)
        for (kind, _), count in got.items():
            given_[kind] += count
        for (kind, _), count in want.items():
            due[kind] += count
        for (kind, _), count in (got & want).items():
            right[kind] += count
    for group, kinds in (("indicators", set(due) - {*NAMES}), ("names", {*NAMES})):
        for counter in (right, given_, due):
            counter[group] = sum(counter[kind] for kind in kinds)
    return {kind: (right[kind] / max(1, given_[kind]), right[kind] / due[kind]) for kind in due}


def test_precision_and_recall() -> None:
    figures = measured()
    assert min(figures["indicators"]) >= 0.98, figures
    precision, recall = figures["names"]
    assert precision >= 0.9, figures
    assert recall >= 0.7, figures


def test_the_page_says_what_is_measured() -> None:
    figures, annotated = measured(), Counter(kind for _, found in _texts.TEXTS for kind, _ in found)
    rows = re.findall(r"^([a-z, ]+?)  +([01]\.\d\d) +([01]\.\d\d) +(\d+)$", entities.__doc__ or "", re.MULTILINE)
    kinds = {kind: row for row in rows for kind in row[0].split(", ")}
    assert set(kinds) == set(annotated)
    for kind, (_, *shares, _) in kinds.items():
        assert [f"{share:.2f}" for share in figures[kind]] == shares, kind
    for names, *_, count in rows:
        assert sum(annotated[kind] for kind in names.split(", ")) == int(count)


def test_the_longest_form_of_a_company_and_no_month_that_begins_a_sentence() -> None:
    def texts(text: str) -> list[str]:
        return [one["text"] for one in found(text)]

    assert texts("It was paid to Deutsche Bank AG; and Acme Holdings Inc. agreed.") == [
        "Deutsche Bank AG",
        "Acme Holdings Inc.",
    ]
    assert texts("The price rose from 5 to 6. May the force be with you.") == []
    assert texts("On 6 May, or le 6 mai, or on 6. Mai.") == ["6 May", "6 mai", "6. Mai"]


@pytest.mark.parametrize(
    ("text", "annotated"), [each for each in _texts.TEXTS if not any(k in NAMES for k, _ in each[1])]
)
def test_indicators_and_amounts(text: str, annotated: list[tuple[str, str]]) -> None:
    assert sorted((one["type"], one["text"]) for one in found(text)) == sorted(annotated)


def test_offsets_are_those_of_the_text() -> None:
    for text, _ in _texts.TEXTS:
        for one in found(text):
            assert text[one["start"] : one["end"]] == one["text"]
            assert 0 < one["confidence"] <= 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("hxxps://a[.]example/x", "https://a.example/x"),
        ("hXXp[:]//a(.)example/x", "http://a.example/x"),
        ("hxxp[://]a{.}example/x", "http://a.example/x"),
        ("h**p://a[dot]example/x", "http://a.example/x"),
        ("a[.]b[.]example", "a.b.example"),
        ("a\\.example", "a.example"),
        ("a.]example", "a.example"),
        ("bob[@]a[.]example", "bob@a.example"),
        ("bob [at] a [dot] example", "bob@a.example"),
        ("1[.]2[.]3[.]4", "1.2.3.4"),
    ],
)
def test_harmless_spellings(text: str, value: str) -> None:
    for before, after in (("", ""), ("see ", " and so on"), ("a[.]example, ", "; b[.]example")):
        one = next(one for one in found(f"{before}{text}{after}") if one["text"] == text)
        assert one["start"] == len(before)
        assert one["value"] == value


def test_text_without_them_is_left_as_it_is() -> None:
    text = "see [1] and (at) most. [x] a\\b"
    assert refanged("plain text, nothing (here)") == ("plain text, nothing (here)", ())
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$5m", "USD 5000000"),
        ("€1.2bn", "EUR 1200000000"),
        ("1.234.567,89 €", "EUR 1234567.89"),
        ("USD 1,234.50", "USD 1234.5"),
        ("CHF 10'000", "CHF 10000"),
        ("20 thousand dollars", "USD 20000"),
        ("3 Millionen Euro", "EUR 3000000"),
        ("March 3, 2024", "2024-03-03"),
        ("3rd of March 2024", "2024-03-03"),
        ("14.03.2024", "2024-03-14"),
        ("07/15/2023", "2023-07-15"),
        ("5 April", "--04-05"),
        ("June 2023", "2023-06"),
        ("CVE–2021–44228", "CVE-2021-44228"),
        ("EXAMPLE.COM", "example.com"),
        ("2001:0db8::0001", "2001:db8::1"),
    ],
)
def test_values(text: str, value: str) -> None:
    (one,) = found(f"it is {text} here")
    assert (one["text"], one["value"]) == (text, value)


def test_a_date_that_reads_two_ways_has_no_value() -> None:
    (one,) = found("on 03/04/2024 it was")
    assert "value" not in one
    assert found("on 31/02/2024 or 30 February 2024") == []


def test_kinds() -> None:
    text = "d41d8cd98f00b204e9800998ecf8427e ::ffff:1.2.3.4 TA0001 Germany 1BoatSLRHtKNngkdXEeobR76b53LETtpyT"
    assert [one["kind"] for one in found(text)] == ["md5", "v6", "tactic", "country", "bitcoin"]


def test_options(record: Any) -> None:
    text = "Anna Meier wrote to a@b.example from 10.0.0.1 in Paris"
    assert [one["type"] for one in found(text, types=("ip", "place"))] == ["ip", "place"]
    assert [one["type"] for one in found(text, min_confidence=0.9)] == ["email", "ip"]
    assert len(found("1.1.1.1 " * 10, max_entities=3)) == 3
    assert found("x" * 50 + " 1.1.1.1", max_length=50) == []
    enrich = entities.build(entities.Config(fields=("note",)))
    assert list((enrich(record({"note": text, "text": text})) or {})["entities"]) == ["note_entities"]
    assert enrich(record({"note": 5})) is None
    assert enrich(record({"note": "nothing here"})) is None


@pytest.mark.parametrize(
    "unit",
    ["a", "1.", "A ", "Aa ", "a.b", "1,", "1 ", "[.]", "(at) ", "@", "a@", "a-", ":", "1:", "0x", "http://", "12 May ",
     "A & ", "Dr. ", "The ", "x.y.z.", "www.", "Anna ", "$1", "1 000 ", "%", "Inc ", "hxxp ", "a.b.example "],
)  # fmt: skip
def test_no_text_takes_long(unit: str) -> None:
    text = unit * (20_000 // len(unit))
    began = time.process_time()
    found(text)
    assert time.process_time() - began < 1


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.text(max_size=80) | st.text("aA1.:@[]()-$€/ hxpT\\0fé", max_size=80))
def test_any_text(text: str) -> None:
    last = -1
    for one in found(text):
        assert text[one["start"] : one["end"]] == one["text"] != ""
        assert one["start"] >= last
        last = one["start"]
        orjson.dumps(one)


def test_a_missing_engine_or_model_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="no model"):
        entities.build(entities.Config(engine="spacy"))
    for module in (_name_models, _spacy):
        monkeypatch.setattr(module, "find_spec", lambda name: None)
    for engine in ("spacy", "gliner"):
        with pytest.raises(MissingExtraError, match=rf"penstock\[{engine}\]"):
            entities.build(entities.Config.model_validate({"engine": engine, "model": str(tmp_path)}))
    monkeypatch.setattr(_name_models, "find_spec", lambda name: name)
    with pytest.raises(ConfigurationError, match="folder"):
        entities.build(entities.Config(engine="gliner", model="some-owner/some-model"))
    assert "gliner" not in sys.modules


def test_redact_is_due_behind_it() -> None:
    assert registry.STAGES.load("entities").ADDS_TEXT
    assert registry.STAGES.name("ner") == "entities"


def test_options_are_checked() -> None:
    for wrong in ({"types": []}, {"types": ["colour"]}, {"min_confidence": 2}, {"engine": "magic"}, {"max_length": 0}):
        with pytest.raises(ValidationError):
            entities.Config.model_validate(wrong)


def test_docstrings() -> None:
    tried = doctest.testmod(_defang)
    assert tried.attempted
    assert not tried.failed


def test_the_record_is_read_only(record: Any) -> None:
    enrich = entities.build(entities.Config())
    entry = Kept(0, 0, b'{"text":"see 1.2.3.4"}', {})
    enrich(Record(entry, "t/0/0"))
    assert entry == Kept(0, 0, b'{"text":"see 1.2.3.4"}', {})
