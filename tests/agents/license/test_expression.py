"""SPDX expressions: what is read, what it is written as, and that everything else is refused."""

import doctest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.agents.license import _expression
from penstock.agents.license._expression import Compound, License, all_of, ids, known, normal, parse

NAMES = st.sampled_from(["MIT", "ISC", "GPL-2.0-only", "CC-BY-4.0", "LicenseRef-Mine", "Own_1", "CC0-1.0+"])
EXPRESSIONS = st.recursive(
    NAMES.map(parse),
    lambda inner: st.builds(
        Compound, st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=2, max_size=3).map(tuple)
    ),
    max_leaves=6,
)
PIECES = [
    "A",
    "MIT",
    "gpl-2.0",
    "gpl-2.0+",
    " and ",
    " OR ",
    " with ",
    "(",
    ")",
    " ",
    "+",
    "-",
    ".",
    ":",
    "_",
    "/",
    "ä",
]


def test_the_examples() -> None:
    assert doctest.testmod(_expression).failed == 0


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("mit", "MIT"),
        (" Apache-2.0 ", "Apache-2.0"),
        ("GPL-2.0+", "GPL-2.0-or-later"),
        ("gpl-3.0", "GPL-3.0-only"),
        ("cc0-1.0+", "CC0-1.0+"),
        ("gpl-2.0-only with classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("a or b and c", "a OR (b AND c)"),
        ("(((MIT)))", "MIT"),
        ("licenseref-Mine", "licenseref-Mine"),
    ],
)
def test_what_is_read(text: str, written: str) -> None:
    assert str(parse(text)) == written


@pytest.mark.parametrize(
    "text",
    ["", " ", "()", "A ()", "MIT OR", "AND MIT", "MIT MIT", "see attached file", "Apache 2.0", "x@y.z", "(A", "A)", "+",
     "A WITH", "A WITH B WITH C", "MIT and/or ISC", "M" * 257, "((A B)", "ä"],
)  # fmt: skip
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse(text)
    assert not text.strip() or text not in str(refused.value), "it may be anything, and is not quoted"


def test_ids_are_those_that_a_policy_names() -> None:
    assert list(ids(parse("cc0-1.0+ or (gpl-2.0-only with x and mit)"))) == ["CC0-1.0", "GPL-2.0-only", "MIT"]
    assert [known(id) for id in ("MIT", "mit-ish", "LicenseRef-X")] == [True, False, True]


@settings(derandomize=True, max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=30))
def test_whatever_it_is_it_is_refused_or_reads_the_same_when_written_back(text: str) -> None:
    try:
        found = parse(text)
    except ValueError:
        return
    assert parse(str(found)) == found


@settings(derandomize=True, deadline=None)
@given(EXPRESSIONS, EXPRESSIONS, EXPRESSIONS)
def test_joining_takes_no_heed_of_order_or_repetition(a: object, b: object, c: object) -> None:
    assert isinstance(a, License | Compound) and isinstance(b, License | Compound) and isinstance(c, License | Compound)
    assert all_of([a, b]) == all_of([b, a])
    assert all_of([all_of([a, b]), c]) == all_of([a, all_of([b, c])]) == all_of([a, b, c])
    assert all_of([a, a]) == all_of([a]) == normal(a) == normal(normal(a))
    assert set(ids(all_of([a, b]))) == {*ids(a), *ids(b)}
    assert parse(str(normal(a))) == normal(a)
