import doctest

import pytest

from penstock.agents.redact import _text


def test_the_examples_hold() -> None:
    results = doctest.testmod(_text)
    assert results.attempted and not results.failed


def test_digits_are_ascii_digits() -> None:
    assert _text.digits("+1 (4)\u0661\ud800x2") == "142"


@pytest.mark.parametrize(
    "text, keep, starred",
    [
        ("", 4, ""),
        ("12", 4, "12"),
        ("123-45", 2, "***-45"),
        ("12345 .", 2, "***45 ."),
        ("é1", 1, "*1"),
        ("ab", 0, "**"),
    ],
)
def test_stars_keep_the_last_characters(text: str, keep: int, starred: str) -> None:
    assert _text.stars(text, keep) == starred
