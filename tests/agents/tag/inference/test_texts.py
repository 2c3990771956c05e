"""What text is, told by exact tests of the values and the type that the name speaks for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.agents.tag.inference.texts import is_card, is_phone, recognise
from penstock.agents.tag.inference.types import TYPES


@pytest.mark.parametrize(
    ("values", "hints", "type", "format"),
    [
        (["a@b.co", "jürgen@müller.de"], (), "email", None),
        (["https://x.example/a?b=1", "www.example.org/x"], (), "url", None),
        (["example.org"], ("url",), "url", None),
        (["8.8.8.8", "10.0.0.0/8"], (), "ip", "ipv4"),
        (["2001:db8::1"], (), "ip", "ipv6"),
        (["00:1B:44:11:3A:B7", "00-1b-44-11-3a-b7", "001b.4411.3ab7"], (), "mac", None),
        (["4F9C2C1E-7b2a-4d50-9c1a-0a1b2c3d4e5f"], (), "uuid", None),
        (["4f9c2c1e7b2a4d509c1a0a1b2c3d4e5f"], ("uuid",), "uuid", None),
        (["4f9c2c1e7b2a4d509c1a0a1b2c3d4e5f"], (), "hash", "md5"),
        (["a9993e364706816aba3e25717850c26c9cd0d89d"], (), "hash", "sha1"),
        (["DE75512108001245126199", "GB33 BUKB 2020 1555 5555 55"], (), "iban", None),
        (["DE75512108001245126198"], (), "string", None),
        (["4539 5787 6362 1486", "5425233430109903"], (), "credit_card", None),
        (["4539578763621487"], (), "integer", None),
        (["+44 20 7946 0958", "+1 (415) 555-2671", "0049 30 90182000"], (), "phone", None),
        (["(415) 555-2671", "415-555-2671"], (), "phone", None),
        (["030 90182345", "017612345678"], ("phone",), "phone", None),
        (["536-22-8145"], (), "string", None),
        (["01234", "80331"], ("postal_code",), "postal_code", None),
        (["01234", "80331"], (), "string", None),
        (["SW1A 1AA", "K1A 0B1"], (), "postal_code", None),
        (["1", "-2", "+3"], (), "integer", None),
        (["1.5", ".5", "2", "1e5"], (), "float", None),
        (["1,234.50", "12,000"], (), "float", "1,234.56"),
        (["1.234,50", "12,5", "1.234.567"], (), "float", "1.234,56"),
        (["true", "FALSE"], (), "boolean", None),
        (["ja", "nein"], (), "boolean", "ja/nein"),
        (["Y", "N"], (), "boolean", "y/n"),
        (["0", "1"], ("boolean",), "boolean", "1/0"),
        (["0", "1"], (), "integer", None),
        (["no"], (), "string", None),
        (["EUR", "USD"], (), "currency", "iso4217"),
        (["€ 12.50", "USD 3", "1.000,00 €"], (), "currency", "amount"),
        (["ORD 12", "ABC 3"], (), "string", None),
        (["DE", "FR"], ("country",), "country", "iso3166-alpha-2"),
        (["DEU", "FRA"], ("country",), "country", "iso3166-alpha-3"),
        (["Germany", "Côte d'Ivoire"], ("country",), "country", "name"),
        (["DE", "FR"], (), "string", None),
        (["en-US", "de", "zh-Hans-CN"], ("language",), "language", "bcp47"),
        (["52.5", "-13.1"], ("latitude",), "latitude", None),
        (["152.5", "-13.1"], ("latitude",), "float", None),
        (["152.5", "-13.1"], ("longitude",), "longitude", None),
        (['{"a": 1}', "[1, 2]"], (), "json", None),
        (["{a}"], (), "string", None),
        (["12345678901234567890"], (), "string", None),
        (["hello", "world"], ("email", "phone", "date"), "string", None),
    ],
)
def test_types(values, hints, type, format):
    found = recognise(values, hints)
    assert (found.type, found.format) == (type, format)
    assert 0.5 < found.confidence < 1


def test_a_few_that_do_not_fit_cost_confidence_and_many_the_type():
    emails = [f"u{n}@example.com" for n in range(9)]
    assert recognise(emails, ()).confidence > recognise([*emails, "none given"], ()).confidence > 0.8
    assert recognise([*emails, "x", "y", "z"], ()).type == "string"
    assert recognise([*map(str, range(18)), "x", "y"], ()).type == "string", "numbers leave text nearly no room"


def test_phones_and_cards():
    assert not any(map(is_phone, ["1234567", "10:30", "+1", "", "+1 415 555 2671 x", "536-22-8145"]))
    for text in ("2024-01-02", "192.168.100.200", "12.05.2024", "1.234.567", "10115 Berlin"):
        assert recognise([text], ()).type != "phone", text
    assert is_card("4539-5787-6362-1486") and not is_card("0000 0000 0000 0000") and not is_card("45395787")


@settings(derandomize=True, max_examples=400, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=30).filter(str.strip), min_size=1, max_size=4),
       st.sets(st.sampled_from(sorted(TYPES))))  # fmt: skip
def test_any_text_has_a_type(values, hints):
    found = recognise([value.strip() for value in values], hints)
    assert found.type in TYPES and 0 < found.confidence < 1
