import threading

import pytest

from penstock.agents.redact import _prefilter

PATTERNS = (b"a+b", b"(?i:CD)[^0-9]{0,3}9", b"x.y")


@pytest.mark.parametrize("make", [_prefilter.with_hyperscan, _prefilter.with_re])
def test_it_says_which_patterns_are_there(make: object) -> None:
    scan = make(PATTERNS)  # type: ignore[operator]
    assert sorted(scan(b"..aab cd--9 x\ny x\xffy aab")) == [0, 1, 2]
    assert list(scan(b"cD9")) == [1]
    assert list(scan(b"")) == []
    assert list(make(())(b"a")) == []  # type: ignore[operator]


def test_equal_patterns_are_compiled_once() -> None:
    assert _prefilter.prefilter(PATTERNS) is _prefilter.prefilter(tuple(PATTERNS))


def test_without_hyperscan_it_is_re(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_prefilter, "hyperscan", None)
    assert list(_prefilter.prefilter((b"only here",))(b"only here")) == [0]


def test_threads_scan_at_the_same_time() -> None:
    scan = _prefilter.with_hyperscan(PATTERNS)
    data = b"-" * 100_000 + b"aab"
    wrong: list[object] = []

    def run() -> None:
        for _ in range(200):
            try:
                if list(scan(data)) != [0]:
                    wrong.append("missed")
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
