import pytest
from stdnum import luhn

from penstock.agents.redact._recognizer import load
from penstock.agents.redact.recognizers import credit_card


def test_mask_keeps_four_digits_and_the_form() -> None:
    assert credit_card.mask("4111-1111-1111-1111") == "****-****-****-1111"
    assert credit_card.mask("378282246310005") == "***********0005"


def test_a_date_or_check_number_behind_it_is_not_part_of_it() -> None:
    item = load("credit_card", None, ())
    for text in ("4111 1111 1111 1111 12/25", "4111 1111 1111 1111 123", "1 4111 1111 1111 1111"):
        assert [text[first:last] for first, last in item.spans(0, text)] == ["4111 1111 1111 1111"]


@pytest.mark.parametrize("prefix, length", [("4", 15), ("51", 15), ("37", 16), ("30", 15), ("2221", 17), ("99", 16)])
def test_issuer_and_length_go_together(prefix: str, length: int) -> None:
    body = prefix + "0" * (length - 1 - len(prefix))
    assert not credit_card.validate(body + luhn.calc_check_digit(body))
