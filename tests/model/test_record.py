"""Entries and what a stage sees of them."""

from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.model.record import Entry, Headers, Kept, Lost, Record, Stub, record_id


def record(data: bytes | None = b'{"a":{"b":[1]}}', notes: dict[str, bytes] | None = None, **more: Any) -> Record:
    return Record(Kept(7, 99, data, notes or {}, **more), "t/0/7")


@pytest.mark.parametrize(
    ("entry", "id"),
    [
        (Kept(7, 0, b"{}", {}), "orders.raw/2/7"),
        (Kept(7, 0, b"{}", {}, origin="orders.raw/0/1"), "orders.raw/0/1"),
        (Stub(8, 0, "dead", "tag", "stage"), "orders.raw/2/8"),
        (Stub(8, 0, "dead", "tag", "stage", "orders.raw/0/2"), "orders.raw/0/2"),
    ],
)
def test_the_id_is_the_first_one(entry: Kept | Stub, id: str) -> None:
    assert record_id("orders.raw", 2, entry) == id


HEADERS = st.lists(st.tuples(st.text(max_size=3), st.none() | st.binary(max_size=3)), max_size=3)
OFFSETS = st.integers(0, 2**63 - 1)
ENTRIES = st.one_of(
    st.builds(
        Kept,
        OFFSETS,
        OFFSETS,
        st.none() | st.binary(max_size=9),
        st.dictionaries(st.text(max_size=3), st.binary(max_size=3), max_size=3),
        st.none() | st.binary(max_size=3),
        HEADERS,
        st.text(max_size=3),
        st.text(max_size=3),
    ),
    st.builds(
        Stub,
        OFFSETS,
        OFFSETS,
        st.sampled_from(["dropped", "denied", "quarantined", "dead"]),
        st.text(max_size=3),
        st.text(max_size=3),
        st.text(max_size=3),
    ),
    st.builds(Lost, OFFSETS, OFFSETS),
)


@settings(derandomize=True, max_examples=200)
@given(ENTRIES)
def test_entries_survive_their_bytes(entry: Entry) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(entry), type=Entry) == entry


def test_fields_that_are_not_there_have_their_defaults() -> None:
    shorter = msgspec.msgpack.encode([0, 7, 99, b"{}", {}])  # as an older version wrote it
    assert msgspec.msgpack.decode(shorter, type=Entry) == Kept(7, 99, b"{}", {}, None, [], "", "")


def test_defaults_are_not_shared() -> None:
    first, second = Kept(0, 0, b"{}", {}), Kept(1, 0, b"{}", {})
    first.headers.append(("a", b""))
    assert second.headers == []


def test_data_is_decoded_once_and_only_when_it_is_looked_at() -> None:
    seen = record()
    assert seen.data == {"a": {"b": [1]}}
    assert seen.data is seen.data
    broken = record(b"{broken")
    assert broken.raw == b"{broken"
    with pytest.raises(orjson.JSONDecodeError):
        _ = broken.data


@pytest.mark.parametrize("data", [None, b""])
def test_without_data_there_is_an_empty_object(data: bytes | None) -> None:
    assert (record(data).raw, record(data).data) == (b"{}", {})


def test_what_the_message_says() -> None:
    seen = record(key=b"k", headers=[("h", b"v")])
    assert (seen.key, seen.headers, seen.timestamp, seen.id) == (b"k", [("h", b"v")], 99, "t/0/7")


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([], None),
        ([("other", b"x")], None),
        ([("h", b"first"), ("h", b"last")], "last"),
        ([("h", b"first"), ("h", None)], "first"),
        ([("h", None)], None),
        ([("h", b"")], ""),
        ([("h", "größer".encode())], "größer"),
        ([("h", b"ok"), ("h", b"\xff")], None),
        ([("H", b"x")], None),
    ],
)
def test_a_header_is_the_last_of_its_name(headers: Headers, found: str | None) -> None:
    assert record(headers=headers).header("h") == found


def test_notes_are_decoded_once() -> None:
    seen = record(notes={"pii": b'[{"count":1}]', "none": b"null"})
    assert seen.note("pii") == [{"count": 1}]
    assert seen.note("pii") is seen.note("pii")
    assert seen.note("none") is None
    assert seen.note("missing") is None


@pytest.mark.parametrize("data", [{"b": 2}, b'{"b":2}'])
def test_new_data_is_seen_as_bytes_and_as_values(data: Any) -> None:
    seen = record()
    assert seen.data == {"a": {"b": [1]}}
    seen.replace_data(data)
    assert (seen.raw, seen.data, seen.entry.data) == (b'{"b":2}', {"b": 2}, b'{"b":2}')


@pytest.mark.parametrize("value", [{"b": 2}, b'{"b":2}'])
@pytest.mark.parametrize("looked", [True, False])
def test_a_new_note_is_seen_as_bytes_and_as_value(value: Any, looked: bool) -> None:
    seen = record(notes={"x": b"1"})
    if looked:
        assert (seen.note("x"), seen.note("y")) == (1, None)
    for name in ("x", "y"):
        seen.replace_note(name, value)
        assert seen.note(name) == {"b": 2}
        assert seen.entry.notes[name] == b'{"b":2}'
