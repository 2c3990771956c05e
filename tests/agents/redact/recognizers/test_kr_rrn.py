from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import kr_rrn


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have RRN 5405152311652, as agreed on 12 May.", ["5405152311652"]),
        ("We have resident registration number: 540515-2311652, as agreed on 12 May.", ["540515-2311652"]),
        ("(620210-2144152); 620101-1556816", ["620210-2144152", "620101-1556816"]),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("kr_rrn", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert kr_rrn.canonical("540515-2311652") == kr_rrn.canonical("540515-2311652") == "5405152311652"
