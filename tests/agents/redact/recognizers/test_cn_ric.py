from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import cn_ric


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have 110105199712236526, as agreed on 12 May.", ["110105199712236526"]),
        ("We have ID 360426199309053660, as agreed on 12 May.", ["360426199309053660"]),
        ("(360426199309053660); 110105198705019617", ["360426199309053660", "110105198705019617"]),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("cn_ric", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert cn_ric.canonical("110105198705019617") == cn_ric.canonical("110105198705019617") == "110105198705019617"
