from penstock.agents.redact._recognizer import load
from penstock.agents.redact.recognizers import iban


def test_mask_keeps_country_and_four_characters() -> None:
    assert iban.mask("DE89370400440532013000") == "DE****************3000"
    assert iban.mask("GB29 NWBK 6016 1331 9268 19") == "GB** **** **** **** **68 19"


def test_words_behind_it_are_not_part_of_it() -> None:
    item = load("iban", None, ())
    for text in ("DE89 3704 0044 0532 0130 00 paid", "DE89370400440532013000 EUR 5", "NO93 8601 1117 947 was"):
        ((first, last),) = item.spans(0, text)
        assert iban.validate(text[first:last]) and text[:last].endswith(("00", "000", "947"))


def test_ways_to_write_one_number() -> None:
    assert iban.canonical("de89 3704-0044 0532 0130 00") == "DE89370400440532013000"
