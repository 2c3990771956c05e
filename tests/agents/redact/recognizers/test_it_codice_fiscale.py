from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import it_codice_fiscale


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have rzvrds79p23e583z, as agreed on 12 May.", ["rzvrds79p23e583z"]),
        ("We have codice fiscale RGSCCF75R24L453H, as agreed on 12 May.", ["RGSCCF75R24L453H"]),
        ("(RSSMRA85T10A562S); MGTVDR63D14A141S", ["RSSMRA85T10A562S", "MGTVDR63D14A141S"]),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("it_codice_fiscale", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert (
        it_codice_fiscale.canonical("mgtvdr63d14a141s")
        == it_codice_fiscale.canonical("MGTVDR63D14A141S")
        == "MGTVDR63D14A141S"
    )
