import doctest
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.model import layout as module
from penstock.model.layout import ByLayout, layout
from penstock.model.record import Kept, Record

SCALARS = st.none() | st.booleans() | st.integers(0, 3) | st.just(1.5) | st.sampled_from(["", "x"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


def spelled(value: Any) -> Any:
    """What makes a layout, said slowly."""
    if isinstance(value, dict):
        return {"names": [[name, spelled(item)] for name, item in value.items()]}
    if isinstance(value, list):
        return {"items": sorted({orjson.dumps(spelled(item)).decode() for item in value})}
    return type(value).__name__


def test_its_examples_hold() -> None:
    results = doctest.testmod(module)
    assert results.attempted and not results.failed


@settings(derandomize=True, max_examples=600)
@given(one=OBJECTS, two=OBJECTS)
def test_records_have_one_layout_if_names_types_and_order_are_the_same(one: Any, two: Any) -> None:
    assert (layout(one) is layout(two)) == (spelled(one) == spelled(two))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"a": {}, "b": {"c": 1}}, {"a": {"c": 1}, "b": {}}),
        ({"a": {"b": {}}, "c": {}}, {"a": {}, "c": {"b": {}}}),
        ({"a": [{}]}, {"a": [[]]}),
        ({"a": [[1], [2]]}, {"a": [[1], ["x"]]}),
        ({"a": 1, "b": 1}, {"b": 1, "a": 1}),
        ({"a": True}, {"a": 1}),
    ],
)
def test_what_differs(one: Any, two: Any) -> None:
    assert layout(one) is not layout(two)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KNOWN", 10)
    monkeypatch.setattr(module, "_known", {})
    made = ByLayout(lambda data: next(iter(data)))
    for number in range(100):
        data = {f"f{number}": 1}
        assert made(layout(data), data) == f"f{number}"
        assert len(module._known) <= 10
        assert len(made._made) <= 10
    large = {f"f{number}": 1 for number in range(module.LARGEST)}
    assert layout(large) is not layout(large)


def test_what_is_made_is_made_once_a_layout() -> None:
    seen: list[Any] = []
    made = ByLayout(seen.append)
    for data in ({"a": 1}, {"a": 2}, {"a": "x"}, {"a": 3}):
        made(layout(data), data)
    assert seen == [{"a": 1}, {"a": "x"}]


def test_a_record_finds_it_once_and_again_when_its_data_is_replaced() -> None:
    record = Record(Kept(0, 0, b'{"a":1}', {}), "t/0/0")
    first = record.layout
    assert record.layout is first is layout({"a": 2})
    record.replace_data({"a": "x"})
    assert record.layout is layout({"a": "y"})
    record.replace_data(b'{"a":5}')
    assert record.layout is first
