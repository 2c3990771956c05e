import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.agents.redact import _prefilter

PATTERNS = (b"a+b", b"(?i:CD)[^0-9\\0]{0,3}9", b"x[^\\0]y", b"[^a-z]aa[^a-z]")
BOTH = pytest.mark.parametrize("make", [_prefilter.with_hyperscan, _prefilter.with_re])


def where(make: Any, data: bytes) -> set[tuple[int, int]]:
    """(number of the text, number of the pattern) of everything that is reported."""
    return {(data.count(b"\0", 0, last) - 1, pattern) for last, pattern in make(PATTERNS)(data)}


@BOTH
def test_it_says_which_patterns_are_in_which_text(make: Any) -> None:
    assert where(make, b"\0aab\0cd--9 x\ny\0\0x\xffy aab\0aa\0") == {(0, 0), (1, 1), (1, 2), (3, 2), (3, 0), (4, 3)}
    assert make(PATTERNS)(b"\0\0") == []
    assert make(())(b"\0a\0") == []


@BOTH
def test_a_pattern_is_reported_once_a_text(make: Any) -> None:
    assert len(make((b"[0-9]{3}",))(b"\0" + b"1" * 1000 + b"\0x\0" + b"2 345 " * 100 + b"\0")) == 2


@BOTH
@settings(max_examples=200, derandomize=True, deadline=None)
@given(texts=st.lists(st.text("ab cdx9y", max_size=6), min_size=1, max_size=6))
def test_equals_a_search_in_each_text(make: Any, texts: list[str]) -> None:
    alone = {
        (number, pattern)
        for number, text in enumerate(texts)
        for _, pattern in make(PATTERNS)(b"\0" + text.encode() + b"\0")
    }
    assert where(make, b"\0" + "\0".join(texts).encode() + b"\0") == alone


def test_equal_patterns_are_compiled_once() -> None:
    assert _prefilter.prefilter(PATTERNS) is _prefilter.prefilter(tuple(PATTERNS))


def test_without_hyperscan_it_is_re(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_prefilter, "hyperscan", None)
    assert _prefilter.prefilter((b"only here",))(b"\0only here\0") == [(9, 0)]


def test_threads_scan_at_the_same_time() -> None:
    scan = _prefilter.with_hyperscan(PATTERNS)
    data = b"\0" + b"-" * 100_000 + b"aab\0"
    wrong: list[object] = []

    def run() -> None:
        for _ in range(200):
            try:
                if scan(data) != [(100_003, 0)]:
                    wrong.append("missed")
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
