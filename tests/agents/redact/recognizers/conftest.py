"""What the tests of recognizers share."""

from collections.abc import Callable

import pytest

from penstock.agents.redact._recognizer import load

Found = Callable[[str, str], list[str]]


@pytest.fixture(scope="session")
def found() -> Found:
    """What a category alone finds in a text, from left to right."""

    def find(category: str, text: str) -> list[str]:
        item = load(category, None, ("US", "GB", "DE", "FR", "ES", "IT", "NL"))
        spans = {span for number in range(len(item.exact)) for span in item.spans(number, text)}
        return [text[first:last] for first, last in sorted(spans)]

    return find
