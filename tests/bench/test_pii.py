"""The corpus that recognizers are measured on, the scores, and that the published figures are the measured ones."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture(scope="module")
def pii() -> Any:
    sys.path.insert(0, str(BENCH))
    try:
        spec = importlib.util.spec_from_file_location("bench_pii", BENCH / "pii.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["bench_pii"] = module
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(BENCH))
        del sys.modules["bench_pii"]


def test_the_corpus_is_the_same_every_time_and_varied(pii: ModuleType) -> None:
    texts = pii.pii_corpus.texts()
    assert texts[:50] == pii.pii_corpus.texts(50)
    assert len({text.text for text in texts}) > 5000
    assert {text.language for text in texts} == {"en", "de", "fr", "es"}
    assert sum(not text.entities for text in texts) > 2000
    for text in texts:
        behind = 0
        for start, end, _ in text.entities:
            assert behind <= start < end <= len(text.text)
            behind = end


def test_categories_that_are_rare_in_texts_have_records(pii: ModuleType) -> None:
    rare = pii.pii_rare
    records = rare.records()
    assert records[:50] == rare.records(50)
    assert sum(not record.entities for record in records) > 1500
    assert {category for record in records for *_, category in record.entities} == set(rare.CATEGORIES)
    for record in records:
        (text,) = record.data.values()
        assert all(text[first:last].strip() for first, last, _ in record.entities)
    measured = json.loads(pii.QUALITY.read_text(encoding="utf-8"))
    assert set(measured) == set(pii.RECOGNIZERS.modules)


def test_the_goals_are_met_and_the_published_figures_are_these(pii: ModuleType) -> None:
    _, result = pii.measured(pii.pii_corpus.texts())
    assert result["penstock"]["all"]["f2"] >= 0.95
    assert result["penstock"]["hard_negatives"]["precision"] >= 0.95
    assert result["penstock_rare"]["all"]["f2"] >= 0.95
    published = json.loads(pii.QUALITY.read_text(encoding="utf-8"))
    assert published == pii.quality(result), "make bench-pii writes them anew"


def test_scores(pii: ModuleType) -> None:
    make = pii.pii_corpus.Text
    corpus = [make("0123456789", ((0, 4, "a"), (6, 8, "b")), "en"), make("clean", (), "en", "order number")]
    report = pii.report(corpus, [[(0, 5, "a"), (4, 8, "b"), (6, 8, "a")], [(0, 1, "a")]])
    assert report["categories"]["a"] == {
        "found": 1, "false": 2, "missed": 0, "precision": 1 / 3, "recall": 1.0, "f2": pytest.approx(5 / 7)
    }  # fmt: skip
    assert report["categories"]["b"]["found"] == 1
    assert report["hard_negatives"] == {"texts": 1, "precision": 0.0, "wrong": {"order number": 1}}
