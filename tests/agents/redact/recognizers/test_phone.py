import pytest

from penstock.agents.redact._recognizer import load
from penstock.agents.redact.recognizers import phone


def test_mask_keeps_country_code_and_two_digits() -> None:
    assert phone.mask("+14155552671") == "+1********71"
    assert phone.mask("+49 (0)30 1234567") == "+49 (*)** *****67"
    assert phone.mask("00351 21 123 4567") == "00351 ** *** **67"
    assert phone.mask("(415) 555-2671") == "(***) ***-**71"
    assert phone.mask("415-555-2671 x 12") == "***-***-**** * 12"


def test_one_number_in_several_ways_is_one() -> None:
    ways = ("+49 30 1234567", "+49 (0)30 1234567", "0049 30 1234567", "030/1234567", "030 123 4567")
    assert {phone.canonical(way) for way in ways} == {"49301234567"}
    assert phone.canonical("(415) 555-2671") == phone.canonical("1-415-555-2671") == "14155552671"


def test_regions_decide_on_national_forms() -> None:
    assert phone.validate("030 1234567")
    assert not phone.validate("030 1234567", regions=("US",))
    assert phone.validate("98765 43210", regions=("IN",))
    assert phone.validate("11 91234-5678", regions=("BR",)) and phone.validate("011 91234-5678", regions=("BR",))
    assert not phone.validate("30 1234567", regions=("DE",))
    assert not phone.validate("415-555-2671", regions=())
    assert phone.validate("+14155552671", regions=())


@pytest.mark.parametrize(
    "text, number",
    [
        ("+1 415 555 2671 2024", "+1 415 555 2671"),
        ("01 23 45 67 89 12", "01 23 45 67 89"),
        ("tel:+14155552671,x", "+14155552671"),
        ("+14155552671x123", "+14155552671x123"),
        ("(212) 555-0182 ext. 33 or", "(212) 555-0182 ext. 33"),
        ("at 10:30 415-555-2671 or", "415-555-2671"),
    ],
)
def test_what_belongs_to_a_number(text: str, number: str) -> None:
    item = load("phone", None, phone.DEFAULT_REGIONS)
    spans = [span for one in range(len(item.exact)) for span in item.spans(one, text)]
    first, last = max(spans, key=lambda span: span[1] - span[0])
    assert text[first:last] == number
