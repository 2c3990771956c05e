"""The words of names: parted, translated, corrected, and nothing invented."""

import doctest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.model import vocabulary
from penstock.model.vocabulary import Vocabulary, spellings, words

WORDS = Vocabulary(
    {"phone": ["telefon", "tel"], "number": ["nr", "nummer"], "street": ["straße"]},
    ["customer", "kunde", "address", "first", "name"],
    ["of", "de"],
)


def test_the_examples():
    assert doctest.testmod(vocabulary).failed == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("telefonnummer", ("phone", "number")),
        ("kundentelefonnr", ("kunde", "phone", "number")),
        ("nummer_of_Tel", ("number", "phone")),
        ("tel_tel_telefon", ("phone",)),
        ("STRASSE strasse straße", ("street",)),
        ("names2", ("name",)),
        ("addresses", ("address",)),
        ("firstnamexq", ("firstnamexq",)),
        ("telefonxyz", ("telefonxyz",)),
        ("de", ()),
        ("", ()),
    ],
)
def test_concepts(name, expected):
    assert WORDS.concepts(name) == expected


def test_a_letter_too_few_too_many_or_another_is_corrected():
    assert [WORDS.corrected(word) for word in ("adress", "addresss", "addrexs", "telefno")] == [
        "address", "address", "address", "phone",
    ]  # fmt: skip
    assert [WORDS.corrected(word) for word in ("nam", "frist", "customary", "xyzxyz")] == [
        "nam", "frist", "customary", "xyzxyz",
    ]  # fmt: skip


def test_spellings():
    assert list(spellings(["Gerät", "x"])) == ["Gerät", "Geraet", "x"]


@settings(derandomize=True, max_examples=300)
@given(st.text(max_size=80))
def test_any_name_has_words_in_bounded_number(name):
    found = WORDS.concepts(name)
    assert len(set(found)) == len(found)
    assert all(WORDS.corrected(concept) for concept in found)
    assert all(word == word.casefold() for word in words(name))
