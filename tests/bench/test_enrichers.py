"""bench/enrichers.py: what is measured, on which records, and what is said where nothing can be."""

from random import Random
from types import ModuleType
from typing import Any

import enrichers as bench
import media
import orjson
import pytest

from penstock.agents.registry import STAGES


def module(text: str) -> ModuleType:
    made = ModuleType("made")
    made.__doc__ = text
    return made


def test_every_enricher_is_found_and_no_other_stage() -> None:
    found = bench.enrichers()
    assert {"geoip", "hash", "language", "url"} <= set(found)
    assert not {"redact", "tag", "license"} & set(found)


@pytest.mark.parametrize("name", bench.enrichers())
def test_every_enricher_has_an_example_or_a_reason(name: str) -> None:
    try:
        found = bench.examples(STAGES.load(name), name)
    except bench.Skipped as skipped:
        assert "example" in str(skipped)
    else:
        assert all(isinstance(each.data, dict) for each in found)


def test_examples_with_their_options() -> None:
    text = """x: y.

    >>> run("x", {"a": 1}, size=2)["x"]
    1
    >>> run("y", {"a": 1})
    >>> run("x", {"a": picture})
    >>> rule = {"points": 45}
    >>> run("x", {"b": 1}, rules=[rule])
    """
    assert bench.examples(module(text), "x") == [
        bench.Example({"a": 1}, {"size": 2}),
        bench.Example({"b": 1}, {"rules": [{"points": 45}]}),
    ]
    with pytest.raises(bench.Skipped, match="no example"):
        bench.examples(module("z: y."), "z")


def test_records_differ_where_values_may_and_are_the_same_each_time() -> None:
    made = [bench.records([{"user": {"ip": "8.8.8.8"}, "n": 1, "tags": ["a"]}], 50, seed=3) for _ in range(2)]
    assert [each.raw for each in made[0]] == [each.raw for each in made[1]]
    data = [each.data for each in made[0]]
    assert len({each["user"]["ip"] for each in data}) > 10
    assert all(each["n"] == 1 and each["tags"] == ["a"] for each in data)


def test_a_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "ENOUGH_SECONDS", 0.01)
    found = bench.measured("hash", {})
    assert found["records"] >= 64
    assert found["cpu_us_new"] > 0
    assert found["options"] == {"hash_algorithms": ["md5"], "hash_all_content": False}
    orjson.dumps(found)


@pytest.mark.parametrize(
    ("name", "why"), [("geoip", "it did not run: ConfigurationError"), ("no_such_stage", "it did not run")]
)
def test_what_cannot_run_has_a_reason(name: str, why: str) -> None:
    found: dict[str, Any] = bench.measured(name, {})
    assert list(found) == ["why"]
    assert found["why"].startswith(why)


def test_the_words_of_an_example_stay_where_they_are_what_is_looked_for() -> None:
    made = bench.records([{"text": "CVE-2021-44228", "n": 1}], 3, seed=1, own=True)
    assert all(each.data["text"].endswith(" CVE-2021-44228") for each in made)
    assert len({each.data["text"] for each in made}) == 3


def test_every_enricher_has_a_figure() -> None:
    figures = orjson.loads(bench.FIGURES.read_bytes())["enrichers"]
    assert [name for name in bench.enrichers() if "cpu_us_new" not in figures.get(name, {})] == []


def test_an_enricher_that_adds_nothing_has_no_figure() -> None:
    with pytest.raises(bench.Skipped, match="adds nothing"):
        bench.measure("url", [bench.Example({"x": "y"}, {})], {})


def test_an_enricher_that_fails_has_no_figure() -> None:
    with pytest.raises(bench.Skipped, match=r"failed here: (server_failed|timeout)"):
        options = {"nameservers": ["127.0.0.1:1"], "timeout_seconds": 0.5}
        bench.measure("rdns", [bench.Example({"ip": "8.8.8.8"}, options)], {})


def test_a_figure_of_media(monkeypatch: pytest.MonkeyPatch) -> None:
    field, make, _ = media.MADE["exif_scrub"]
    monkeypatch.setitem(media.MADE, "exif_scrub", (field, make, 2))
    found = bench.measured("exif_scrub", {})
    assert found["records"] == 2
    assert found["cpu_us_new"] > 0
    assert make(Random(1)) == make(Random(1)) != make(Random(2))
