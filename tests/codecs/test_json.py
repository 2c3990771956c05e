"""The canonical form of JSON objects: what is kept, what is refused and why, against the standard library's parser."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.codecs import json as codec
from penstock.model.errors import DecodeError

INTEGERS = st.integers(-(2**63), 2**64 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
LEAVES = st.none() | st.booleans() | INTEGERS | FLOATS | TEXTS
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=20)
OBJECTS = st.dictionaries(TEXTS, VALUES)


@settings(derandomize=True)
@given(value=OBJECTS, ascii_only=st.booleans(), indent=st.sampled_from([None, 2]))
def test_canonical_means_the_same_and_is_its_own_canonical_form(value, ascii_only, indent):
    written = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    found = codec.canonical(written)
    assert json.loads(found) == value
    assert list(json.loads(found)) == list(value)
    assert codec.canonical(found) == found


@settings(derandomize=True, max_examples=300)
@given(
    value=st.recursive(st.integers(-(2**70), 2**70) | FLOATS | TEXTS, lambda v: st.lists(v), max_leaves=8),
    separators=st.sampled_from([(", ", ": "), (",", ":")]),  # the latter is canonical already, but for floats
)
def test_integers_outside_64_bits_are_refused_and_no_others(value, separators):
    def huge(part):
        if isinstance(part, list):
            return any(huge(item) for item in part)
        return isinstance(part, int) and not -(2**63) <= part < 2**64

    written = json.dumps({"value": value}, separators=separators, ensure_ascii=False).encode()
    if huge(value):
        with pytest.raises(DecodeError, match="too large for 64 bits"):
            codec.canonical(written)
    else:
        assert json.loads(codec.canonical(written)) == {"value": value}


@settings(derandomize=True, max_examples=500)
@given(data=st.binary(max_size=40) | st.text('{}[]",:0123456789eE+-.\\u aNtrf', max_size=40).map(str.encode))
def test_whatever_the_bytes_the_answer_is_an_object_or_a_decode_error(data):
    try:
        found = codec.decode(data)
    except DecodeError as error:
        assert error.__cause__ is None and error.__context__ is None
        return
    assert found == json.loads(data.decode("utf-8-sig"))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{ "b" : 1 , "a" : [ 1.50, true, null ] }', b'{"b":1,"a":[1.5,true,null]}'),
        (b'{"a":1,"b":2,"a":3}', b'{"a":3,"b":2}'),
        (b'\xef\xbb\xbf{"a":1}', b'{"a":1}'),
        (b'{"a":"\\u00e9\\ud83d\\ude00"}', '{"a":"é😀"}'.encode()),
        (b'{"a":"\\u0000"}', b'{"a":"\\u0000"}'),
        (b'{"a":18446744073709551615,"b":-9223372036854775808}',) * 2,
        (b'{"a":"123456789012345678901234567890","b":"\\"99999999999999999999"}',) * 2,
        (b'{"99999999999999999999":1}',) * 2,
        (b'{"a":0.12345678901234567890123}', b'{"a":0.12345678901234568}'),
        (b"\r\n\t {}\n", b"{}"),
    ],
)
def test_canonical_form(data, expected):
    assert codec.canonical(data) == expected
    assert codec.decode(data) == json.loads(expected)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b'{"a":"\xff"}', "is not UTF-8"),
        (b'{"a":"\xed\xa0\x80"}', "is not UTF-8"),
        ('{"a":1}'.encode("utf-16"), "is not UTF-8"),
        (b'{"a":"\x00"}', "holds a NUL byte"),
        (b'{"a":1}\x00', "holds a NUL byte"),
        (b'{"a":1', "is not JSON"),
        (b"{'a':1}", "is not JSON"),
        (b'{"a":01}', "is not JSON"),
        (b'{"a":1}{"b":2}', "is not JSON"),
        (b'\xef\xbb\xbf\xef\xbb\xbf\xef\xbb\xbf{"a":', "is not JSON"),
        (b"[1]", "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b'"text"', "is not a JSON object"),
        (b'{"a":NaN}', "holds NaN or Infinity"),
        (b'{"a":Infinity}', "holds NaN or Infinity"),
        (b'{"a":-Infinity}', "holds NaN or Infinity"),
        (b'{"a":1e400}', "holds a number too large for 64 bits"),
        (b'{"a":18446744073709551616}', "holds a number too large for 64 bits"),
        (b'{"a":-9223372036854775809}', "holds a number too large for 64 bits"),
        (b'{"a":[{"b":' + b"9" * 5000 + b"}]}", "holds a number too large for 64 bits"),
        (b'{"a":"\\ud800"}', "holds a lone surrogate"),
        (b'{"a":"\\udc00x"}', "holds a lone surrogate"),
        (b'{"\\ud800":1}', "holds a lone surrogate"),
        (b'{"a":' * 255 + b"1" + b"}" * 255, "is nested deeper than 254 levels"),
        (b'{"a":' * 100_000, "is nested deeper than 254 levels"),
    ],
)
def test_refusals(data, reason):
    with pytest.raises(DecodeError) as caught:
        codec.canonical(data)
    assert str(caught.value) == f"the message {reason}"
    assert f"the message {reason}\n" in codec.__doc__


def test_the_deepest_that_is_accepted():
    data = b'{"a":' * codec.MAX_DEPTH + b"1" + b"}" * codec.MAX_DEPTH
    assert codec.canonical(data) == data


def test_an_error_holds_nothing_of_the_message():
    secret = "ada@example.org"
    with pytest.raises(DecodeError) as caught:
        codec.canonical(f'{{"email":"{secret}", "x":NaN}}'.encode())
    assert secret not in repr(vars(caught.value))
    assert caught.value.__context__ is None


def test_a_number_written_by_canonical_reads_as_the_same_float():
    for number in ("5e-324", "1.7976931348623157e308", "0.1", "12345678901234567890123.0", "1E22"):
        written = codec.canonical(b'{"n":' + number.encode() + b"}")
        assert json.loads(written) == {"n": float(number)} == codec.decode(written)
