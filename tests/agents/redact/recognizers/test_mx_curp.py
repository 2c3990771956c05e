from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import mx_curp


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have docc560823mjcdrp00, as agreed on 12 May.", ["docc560823mjcdrp00"]),
        ("We have CURP BOXW310820HNERXN09, as agreed on 12 May.", ["BOXW310820HNERXN09"]),
        ("(BOXW310820HNERXN09); BUPD991022MJCTSG06", ["BOXW310820HNERXN09", "BUPD991022MJCTSG06"]),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("mx_curp", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert mx_curp.canonical("boxw310820hnerxn09") == mx_curp.canonical("BOXW310820HNERXN09") == "BOXW310820HNERXN09"
