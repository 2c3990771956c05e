"""Dead letters: the documented layout, any bytes there and back, what is refused."""

import base64
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.codecs.dead_letter import DeadLetter, decode, encode
from penstock.model.errors import DecodeError

LETTER = DeadLetter(
    id="orders.raw/2/1841",
    pipeline="orders",
    stage="redact",
    code="stage",
    outcome="dead",
    detail="stage redact raised ValueError",
    trace=["redact.py:41 apply"],
    topic="orders.raw",
    partition=2,
    offset=1841,
    timestamp=1700000000000,
    failed_at=1700000000123,
    key=b"k",
    value=b'{"a":1}',
    headers=[("name", b"\xff"), ("none", None)],
)
GOLDEN = (
    b'{"id":"orders.raw/2/1841","pipeline":"orders","stage":"redact","code":"stage","outcome":"dead",'
    b'"detail":"stage redact raised ValueError","trace":["redact.py:41 apply"],"attempts":1,"topic":"orders.raw",'
    b'"partition":2,"offset":1841,"timestamp":1700000000000,"failed_at":1700000000123,"key":{"text":"k"},'
    b'"value":{"text":"{\\"a\\":1}"},"headers":[["name",{"base64":"/w=="}],["none",null]],"original":""}'
)


def test_golden_bytes() -> None:
    assert encode(LETTER) == GOLDEN
    assert decode(GOLDEN) == LETTER


def test_a_letter_written_twice_has_one_key() -> None:
    assert LETTER.message_key == b"orders/redact/orders.raw/2/1841"


BYTES = st.none() | st.binary(max_size=20) | st.text(max_size=9).map(str.encode) | st.just(b"\xef\xbb\xbf{}")
LETTERS = st.builds(
    DeadLetter,
    id=st.text(max_size=5),
    pipeline=st.text(max_size=5),
    stage=st.text(max_size=5),
    code=st.text(max_size=5),
    outcome=st.sampled_from(["dropped", "denied", "quarantined", "dead"]),
    detail=st.text(max_size=5),
    trace=st.lists(st.text(max_size=5), max_size=2),
    attempts=st.integers(0, 9),
    topic=st.text(max_size=5),
    partition=st.integers(-1, 9),
    offset=st.integers(0, 2**63 - 1),
    timestamp=st.integers(-1, 2**60),
    failed_at=st.integers(0, 2**60),
    key=BYTES,
    value=BYTES,
    headers=st.lists(st.tuples(st.text(max_size=5), BYTES), max_size=3),
    original=st.sampled_from(["", "gone"]),
)


@settings(derandomize=True, max_examples=300)
@given(LETTERS)
def test_any_bytes_there_and_back(letter: DeadLetter) -> None:
    assert decode(encode(letter)) == letter


def test_text_is_readable_and_bytes_are_base64() -> None:
    letter = orjson.loads(encode(DeadLetter(**{**fields(LETTER), "key": b"\x00\xff", "value": "größer".encode()})))
    assert letter["key"] == {"base64": base64.b64encode(b"\x00\xff").decode()}
    assert letter["value"] == {"text": "größer"}


def fields(letter: DeadLetter) -> dict[str, Any]:
    return {name: getattr(letter, name) for name in letter.__struct_fields__}


def changed(**changes: Any) -> bytes:
    body = orjson.loads(GOLDEN)
    for name, value in changes.items():
        if value is ...:
            del body[name]
        else:
            body[name] = value
    return orjson.dumps(body)


@pytest.mark.parametrize("data", [b"", b"{", b"null", b"[]", b'"text"', b"{}", GOLDEN[:-1], b"\xff", b"7"])
def test_what_is_no_letter_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError, match="no dead letter"):
        decode(data)


@pytest.mark.parametrize(
    "changes",
    [{"id": ...}, {"offset": ...}, {"key": ...}, {"headers": ...}, {"unknown": 1}, {"key": {"hex": "00"}}, {"key": 7},
     {"value": {"base64": "!!"}}, {"value": {"base64": "abc"}}, {"headers": [["a"]]}, {"headers": 7},
     {"value": {"text": 7}}],
)  # fmt: skip
def test_letters_with_missing_unknown_or_broken_parts_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(changed(**changes))
    assert caught.value.__cause__ is None
    assert '"a"' not in str(caught.value)


@pytest.mark.parametrize(
    "changes", [{"offset": "x"}, {"partition": None}, {"id": 7}, {"outcome": "gone"}, {"trace": [1]}]
)
def test_parts_of_another_type_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DecodeError):
        decode(changed(**changes))
