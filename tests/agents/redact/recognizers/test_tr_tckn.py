from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import tr_tckn


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have T.C. Kimlik No 49042485994, as agreed on 12 May.", ["49042485994"]),
        ("We have kimlik 93520131194, as agreed on 12 May.", ["93520131194"]),
        ("Ticket 49042485994 is closed.", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("tr_tckn", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert tr_tckn.canonical("49042485994") == tr_tckn.canonical("49042485994") == "49042485994"
