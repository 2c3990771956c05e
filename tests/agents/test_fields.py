"""Finding fields: leaves by path, fields by name or path, and what annotations call them."""

import doctest
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.agents import fields
from penstock.agents.fields import Finder, labels, leaves
from penstock.model.record import Kept, Record

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab.0é", max_size=3), inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.text("abAB01", min_size=1, max_size=2), VALUES, max_size=4)


def test_docstrings() -> None:
    assert doctest.testmod(fields) == (0, 2)


def naive(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, Any]]:
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        return [(".".join(path), value)]
    return [leaf for key, item in items for leaf in naive(item, (*path, str(key)))]


@settings(derandomize=True, max_examples=200)
@given(OBJECTS)
def test_leaves_are_all_of_them_in_order(data: dict[str, Any]) -> None:
    assert list(leaves(data)) == naive(data)


def test_leaves_of_data_deeper_than_python_recurses() -> None:
    data: dict[str, Any] = {"leaf": 1}
    for _ in range(50_000):
        data = {"a": data}
    ((path, value),) = leaves(data)
    assert (path.count("."), value) == (50_000, 1)


def test_leaves_below_a_prefix_and_of_nothing() -> None:
    assert list(leaves({"b": 1}, "a")) == [("a.b", 1)]
    assert list(leaves({"a": {}, "b": []})) == []


DATA = {
    "ip": "1",
    "user": {"IP": "2", "name": "3", "ips": ["4", {"ip": "5"}, ["6"]]},
    "hosts": [{"ip": ["7", None, {"other": "8"}]}],
}


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (
            ("ip",),
            [("ip", "1"), ("user.IP", "2"), ("user.ips.1.ip", "5"), ("hosts.0.ip.0", "7"), ("hosts.0.ip.1", None)],
        ),
        (("IPS",), [("user.ips.0", "4"), ("user.ips.2.0", "6")]),
        (("user.ip",), [("user.IP", "2")]),
        (("User.Ip", "hosts.0.ip"), [("user.IP", "2"), ("hosts.0.ip.0", "7"), ("hosts.0.ip.1", None)]),
        (("name", "nothing"), [("user.name", "3")]),
        ((), []),
        (("user",), []),  # an object is not a value of the field
    ],
)
def test_fields_by_name_and_by_path(names: tuple[str, ...], found: list[tuple[str, Any]]) -> None:
    assert Finder(names)(DATA) == found


@settings(derandomize=True, max_examples=200)
@given(OBJECTS, st.sampled_from(["a", "b", "a.b", "ab"]))
def test_what_is_found_is_a_leaf_at_its_path(data: dict[str, Any], name: str) -> None:
    everything = naive(data)
    assert all(leaf in everything for leaf in Finder((name,))(data))


SIMPLE = st.recursive(
    st.integers(0, 2) | st.sampled_from(["", "x"]) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "a.b"]), inner, max_size=3),
    max_leaves=8,
)


@settings(derandomize=True, max_examples=300)
@given(
    st.lists(st.dictionaries(st.sampled_from(["a", "b", "a.b", "c"]), SIMPLE, max_size=3), max_size=8),
    st.sampled_from([("a",), ("a", "b"), ("a.b",), ("a.0",), ("a.b.1", "b"), ("A",)]),
)
def test_what_is_remembered_of_a_layout_is_what_is_found(records: list[dict[str, Any]], names: tuple[str, ...]) -> None:
    find = Finder(names)
    for data in [*records, *records]:
        found = Finder(names)(data)
        expected = list(zip(labels([path for path, _ in found]), [value for _, value in found], strict=True))
        assert find.labelled(Record(Kept(0, 0, orjson.dumps(data), {}), "t/0/0")) == expected


def test_items_of_lists_are_found_however_many_there_are() -> None:
    for names, lists in ((("a",), ([1], [1, 2], [])), (("a.1",), ([1], [1, 2], [1, 2, 3]))):
        find = Finder(names)
        for items in lists:
            data = {"a": items}
            found = find.labelled(Record(Kept(0, 0, orjson.dumps(data), {}), "t/0/0"))
            assert [value for _, value in found] == [value for _, value in Finder(names)(data)]


def test_a_field_is_found_as_deep_as_the_codec_lets_it_stand() -> None:
    data: dict[str, Any] = {"ip": 1}
    for _ in range(253):
        data = {"a": data}
    assert [value for _, value in Finder(("ip",))(data)] == [1]


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        ([], []),
        (["ip"], ["ip"]),
        (["a.ip", "b.src"], ["ip", "src"]),
        (["a.ip", "b.ip", "c.x"], ["a.ip", "b.ip", "x"]),
        (["a.ips.0", "a.ips.1"], ["ips.0", "ips.1"]),
        (["a.ips.0", "b.ips.0"], ["a.ips.0", "b.ips.0"]),
        (["0"], ["0"]),
        (["a.b.c.0"], ["c.0"]),
    ],
)
def test_labels(paths: list[str], names: list[str]) -> None:
    assert labels(paths) == names


@settings(derandomize=True, max_examples=200)
@given(st.lists(st.lists(st.sampled_from(["a", "b", "0", "1"]), min_size=1, max_size=4).map(".".join), unique=True))
def test_labels_are_unique(paths: list[str]) -> None:
    assert len(set(labels(paths))) == len(paths)
