import doctest
import re

import pytest

from penstock.agents import _keccak, _wallets
from penstock.agents.redact import _context
from penstock.agents.redact._context import against, candidate, told

NUMBER = told("member no|führerschein", "[0-9]{6}")


def value(text: str) -> str | None:
    match = NUMBER.search(text)
    return match and match[match.lastindex or 0]


@pytest.mark.parametrize("module", [_context, _keccak, _wallets])
def test_the_examples_hold(module: object) -> None:
    results = doctest.testmod(module)  # type: ignore[arg-type]
    assert results.attempted and not results.failed


@pytest.mark.parametrize(
    "text",
    [
        "member no 123456",
        "Member No.: 123456",
        'the "member no" is "123456"',
        "FÜHRERSCHEIN 123456",
        "memberNo, rather member nos 123456",
        "123456 is my member no",
        "123456 (member no)",
    ],
)
def test_a_value_near_a_word(text: str) -> None:
    assert value(text) == "123456"
    assert re.search(candidate("member no|führerschein"), f"\0{text}\0".encode())


@pytest.mark.parametrize(
    "text",
    [
        "123456",
        "member no 7 of 123456",
        "member no ****** and 123456",
        "member no [passport] and 123456",
        f"member no {'x ' * 30}123456",
        "remember no 123456",
        "member nothing 123456",
        "123456 and, by the way, my member no",
    ],
)
def test_a_value_with_no_word_near(text: str) -> None:
    assert value(text) is None


@pytest.mark.parametrize("text", ["order no. ", "Ticket #", "part: ", "Bestellnummer ", "tracking number is "])
def test_words_that_speak_against(text: str) -> None:
    assert against(text + "1", len(text))


@pytest.mark.parametrize("text", ["call ", "border ", "order me a taxi and ring ", ""])
def test_words_that_do_not(text: str) -> None:
    assert not against(text + "1", len(text))
