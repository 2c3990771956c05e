"""What every recognizer promises (see `penstock.agents.redact._recognizer`), whoever wrote it."""

import doctest
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.agents.redact import _prefilter
from penstock.agents.redact._recognizer import RECOGNIZERS, Recognizer, load

NAMES = sorted(RECOGNIZERS.modules)
REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL")
FORBIDDEN = re.compile(r'["\\\x00-\x1f]')
AROUND = [(" ", " "), ("(", ")"), (": ", "."), ("<", ">"), ('"', '"'), ("\n", "\n"), ("x ", ", y"), ("=", ";")]
FILTERS = [_prefilter.prefilter, _prefilter.with_re]


def recognizer(name: str) -> Recognizer:
    return load(name, None, REGIONS)


def examples(name: str, kind: str) -> list[Any]:
    return list(RECOGNIZERS.load(name).EXAMPLES[kind])


def found(item: Recognizer, text: str) -> list[tuple[int, int]]:
    return [span for number in range(len(item.exact)) for span in item.spans(number, text)]


def pairs(kind: str) -> list[tuple[str, str]]:
    return [(name, text) for name in NAMES for text in examples(name, kind)]


@pytest.mark.parametrize("name", NAMES)
def test_its_examples_in_the_docstrings_hold(name: str) -> None:
    results = doctest.testmod(RECOGNIZERS.load(name))
    assert results.attempted and not results.failed


@pytest.mark.parametrize("name", NAMES)
def test_it_is_complete(name: str) -> None:
    module = RECOGNIZERS.load(name)
    assert name == module.CATEGORY
    assert module.SEVERITY in ("low", "medium", "high", "critical")
    assert len(module.CANDIDATE) == len(module.EXACT)
    assert module.EXACT or module.FIELD_NAMES
    assert len(recognizer(name).confidences) == len(module.EXACT)
    assert all(0 < confidence <= 1 for confidence in recognizer(name).confidences)
    assert {*getattr(module, "TOLD", ()), *getattr(module, "AGAINST", ())} <= set(range(len(module.EXACT)))
    assert len(module.EXAMPLES["positive"]) >= 5 and len(module.EXAMPLES["negative"]) >= 5
    assert bool(module.FIELD_NAMES) == hasattr(module, "FIELD_VALUE")


@pytest.mark.parametrize("name, text", pairs("positive"))
def test_positive_examples_hold_one_match(name: str, text: str) -> None:
    item = recognizer(name)
    if not item.exact:
        assert item.is_value(text)
        return
    spans = found(item, text)
    assert spans
    first, last = min(spans)[0], max(last for _, last in spans)
    assert (first, last) in spans
    for before, after in AROUND:
        assert (len(before) + first, len(before) + last) in found(item, before + text + after), (before, after)


@pytest.mark.parametrize("name, text", pairs("negative"))
def test_negative_examples_hold_none(name: str, text: str) -> None:
    assert found(recognizer(name), text) == []
    assert recognizer(name).exact or not recognizer(name).is_value(text)


@pytest.mark.parametrize("scan", FILTERS)
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=50, derandomize=True, deadline=None)
@given(data=st.data())
def test_the_candidate_sees_what_the_exact_pattern_finds(name: str, scan: Any, data: st.DataObject) -> None:
    item = recognizer(name)
    around = st.text(alphabet=' .,:-+/()\n\t"\\\u0008\u000caZz09_@\u00e9\u00a0\u2013系', max_size=4)
    text = data.draw(around) + data.draw(st.sampled_from(examples(name, "positive"))) + data.draw(around)
    before, behind = data.draw(st.sampled_from(["", "a\0", "9\0"])), data.draw(st.sampled_from(["", "\x001"]))
    hits = {number for _, number in scan(item.candidates)(f"\0{before}{text}{behind}\0".encode())}
    for number in range(len(item.exact)):
        spans = item.spans(number, text)
        assert not spans or number in hits
        assert not any(FORBIDDEN.search(text[first:last]) for first, last in spans)


@pytest.mark.parametrize("name", [name for name in NAMES if recognizer(name).names])
def test_it_knows_the_names_of_fields(name: str) -> None:
    item = recognizer(name)
    for word in RECOGNIZERS.load(name).FIELD_NAMES:
        camel = re.sub("_(.)", lambda match: match[1].upper(), word)
        fields = [word, camel, word.upper(), word.replace("_", " ")]
        fields += [f"home_{word}", f"{word}s", f"{word}s".upper(), f"{word}_2", f"a\n{word}"]
        for field in fields:
            assert item.names_field(field), field


@pytest.mark.parametrize("name, text", pairs("positive"))
def test_a_mask_hides_and_is_not_found_again(name: str, text: str) -> None:
    item = recognizer(name)
    for first, last in found(item, text):
        value = text[first:last]
        masked = item.mask(value) if item.mask else "*"
        assert masked != value
        assert found(item, masked) == []
        assert not item.is_value(masked)


@pytest.mark.parametrize("name, text", pairs("positive"))
def test_what_is_generalised_is_general(name: str, text: str) -> None:
    item = recognizer(name)
    if item.generalise is not None:
        wider = item.generalise(text)
        assert item.generalise(wider) == wider
        assert item.generalise("no value at all ***")


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", NAMES)
def test_long_texts_take_time_in_proportion(name: str) -> None:
    """Bounded by the timeout of the test: what is quadratic in a hundred thousand characters does not end in time."""
    item = recognizer(name)
    for unit in (
        "a",
        "1",
        "a.",
        "1.",
        "1-",
        "1 ",
        "01 ",
        "@",
        "a@",
        ":",
        "1:",
        "+",
        "+1",
        "(",
        "'",
        "DE11",
        "tel",
        "系",
        "Passport ",
        "born on account no ",
        "A1",
        "Dr. A",
        "12 Rue Calle ",
        "://a:",
        "eyJaaaaaaaaa.",
        "a\n",
        "1.12345,",
        *(example for example in examples(name, "positive")[:2]),
    ):
        found(item, unit * (100_000 // len(unit)))
