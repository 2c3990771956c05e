import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.agents.redact._detect import Entity
from penstock.agents.redact._recognizer import RECOGNIZERS
from penstock.agents.redact.redact import Config, detector, finder

DETECT = detector(Config())
WIDE = " ".join(["\uff14\uff11\uff11\uff11"] + ["\uff11" * 4] * 3)
THOROUGH = detector(Config(thorough=True, decode_base64=True))


def values(text: str, *, thorough: bool = False) -> list[tuple[str, str]]:
    (found,) = (THOROUGH if thorough else DETECT)([{"text": text}])
    return [(item.category, text[item.start : item.end]) for item in found]


def test_places_fields_and_confidence() -> None:
    data: dict[str, Any] = {"a": ["to john@example.com"], "ssn": "123456789", "x@y.com": 1}
    assert DETECT([{}, data]) == [
        [],
        [
            Entity("email", 0, 7, 0.9, "x@y.com", in_name=True),
            Entity("ssn", 0, 9, 0.95, "ssn"),
            Entity("email", 3, 19, 0.9, "a.0"),
        ],
    ]


def test_a_limit_leaves_out_what_is_less_sure() -> None:
    text = {"text": "ring 7053531619, order no. 415-555-2671"}
    assert [item.category for item in DETECT([text])[0]] == ["phone"]
    assert [item.category for item in detector(Config(min_confidence=0.1))([text])[0]] == ["phone", "phone"]
    assert detector(Config(min_confidence=0.99))([text]) == [[]]


@pytest.mark.parametrize(
    "text, found",
    [
        ("https://example.com/?mail=john%40example.com&x=1", [("email", "john%40example.com")]),
        (f"card {WIDE}", [("credit_card", WIDE)]),
        ("to jo\u200bhn@exam\u200bple.com", [("email", "jo\u200bhn@exam\u200bple.com")]),
        ("100% of 5% is %41", []),
    ],
)  # fmt: skip
def test_spellings_that_are_always_seen_through(text: str, found: list[tuple[str, str]]) -> None:
    assert values(text) == found


@pytest.mark.parametrize(
    "text, found",
    [
        ("write to john at example dot com, please", [("email", "john at example dot com")]),
        ("john (at) example [dot] com", [("email", "john (at) example [dot] com")]),
        ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", [("credit_card", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1")]),
        ("SSN 1.2.3.4.5.6.7.8.9", [("ssn", "1.2.3.4.5.6.7.8.9")]),
        ("j\u043ehn@ex\u0430mple.com", [("email", "j\u043ehn@ex\u0430mple.com")]),
        ("\u0661\u0662\u0663-\u0664\u0665-\u0666\u0667\u0668\u0669",
         [("ssn", "\u0661\u0662\u0663-\u0664\u0665-\u0666\u0667\u0668\u0669")]),
        ("look at the dot com boom", []),
        ("she was at home dot dot dot", []),
    ],
)  # fmt: skip
def test_disguises_that_a_thorough_search_sees_through(text: str, found: list[tuple[str, str]]) -> None:
    assert values(text, thorough=True) == found


def test_base64_is_read_where_asked_for() -> None:
    hidden = base64.b64encode(b"please call +1 415 555 2671").decode()
    assert values(f"payload {hidden}.") == []
    assert values(f"payload {hidden}.", thorough=True) == [("phone", hidden)]


def test_names_of_fields_of_json_in_a_text() -> None:
    text = '{"first_name": "Jane", "x": "Jane"}'
    assert DETECT([{"body": text}]) == [[Entity("person_name", 16, 20, 0.95, "body")]]


def test_an_overlap_is_one_match() -> None:
    assert values("user@1.2.3.4.example.com") == [("email", "user@1.2.3.4.example.com")]


EXAMPLES = sorted(
    {text for name in RECOGNIZERS.modules for kind in RECOGNIZERS.load(name).EXAMPLES.values() for text in kind}
)
texts = st.lists(st.sampled_from(EXAMPLES) | st.text(max_size=3), max_size=4).map(" ".join)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(data=st.dictionaries(st.sampled_from(["a", "phone", "ssn", "religion"]) | texts, texts, max_size=3))
def test_it_finds_what_the_stage_finds(data: dict[str, str]) -> None:
    """Where the text has no other spelling, places and categories are the stage's own."""
    plain = {
        "".join(c for c in name if c.isascii() and c != "%"): "".join(c for c in text if c.isascii() and c != "%")
        for name, text in data.items()
    }
    (found,) = DETECT([plain])
    assert sorted((i.field, i.category, i.start, i.end, i.in_name) for i in found) == sorted(
        (i.field, i.category, i.start, i.end, i.in_name) for i in finder(Config())(plain)
    )


pieces = st.sampled_from([*EXAMPLES, " at ", " dot ", "\u200b", "%40", "\uff11", "1 2 3"])


@settings(max_examples=300, derandomize=True, deadline=None)
@given(
    text=st.lists(
        st.sampled_from([*EXAMPLES, " at ", " dot ", "\u200b", "%40", "\uff11", "1 2 3"]) | st.text(max_size=5)
    ).map("".join)
)
def test_places_are_within_the_text(text: str) -> None:
    (found,) = THOROUGH([{"text": text}])
    behind = 0
    for item in found:
        assert behind <= item.start < item.end <= len(text)
        assert 0 < item.confidence <= 1
        behind = item.end
