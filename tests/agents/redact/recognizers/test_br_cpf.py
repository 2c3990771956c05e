from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import br_cpf


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have CPF 20126596913, as agreed on 12 May.", ["20126596913"]),
        ("We have CPF: 201.265.969-13, as agreed on 12 May.", ["201.265.969-13"]),
        ("(376.385.497-59); 869.394.170-44", ["376.385.497-59", "869.394.170-44"]),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("br_cpf", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert br_cpf.canonical("201.265.969-13") == br_cpf.canonical("201.265.969-13") == "20126596913"
