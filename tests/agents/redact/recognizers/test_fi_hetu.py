from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import fi_hetu


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have 200282-559p, as agreed on 12 May.", ["200282-559p"]),
        ("We have hetu 151091-7691, as agreed on 12 May.", ["151091-7691"]),
        ("(151091-7691); 081089-483S", ["151091-7691", "081089-483S"]),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("fi_hetu", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert fi_hetu.canonical("081089-483s") == fi_hetu.canonical("081089-483S") == "081089483S"
