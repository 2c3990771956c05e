from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import br_cnpj


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have CNPJ 94078225000104, as agreed on 12 May.", ["94078225000104"]),
        ("We have CNPJ: 94.078.225/0001-04, as agreed on 12 May.", ["94.078.225/0001-04"]),
        ("(17.961.360/0001-52); 16.747.482/0001-88", ["17.961.360/0001-52", "16.747.482/0001-88"]),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("br_cnpj", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert br_cnpj.canonical("17.961.360/0001-52") == br_cnpj.canonical("17.961.360/0001-52") == "17961360000152"
