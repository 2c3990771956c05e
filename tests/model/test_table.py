"""A table: what changed since, in order, once for each key, and nothing before it is ready."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.model.errors import UnreachableError
from penstock.model.table import Table


def ready(*changes: tuple[bytes, bytes | None]) -> Table:
    table = Table("t")
    table.ready = True
    for change in changes:
        table.put(*change)
    return table


def test_nothing_is_told_before_it_is_ready() -> None:
    table = Table("customers")
    table.put(b"a", b"1")
    with pytest.raises(UnreachableError, match="customers"):
        table.changed(0)
    table.ready = True
    assert table.changed(0) == (1, [(b"a", b"1")])


def test_what_was_deleted_before_anybody_asked_is_not_kept() -> None:
    table = Table("t")
    table.put(b"a", b"1")
    table.put(b"a", None)
    table.put(b"b", None)
    table.ready = True
    assert (len(table), table.changed(0)) == (0, (1, []))


def test_a_deletion_is_told() -> None:
    table = ready((b"a", b"1"))
    at, _ = table.changed(0)
    table.put(b"a", None)
    assert table.changed(at) == (2, [(b"a", None)])


@settings(derandomize=True, max_examples=300)
@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.none() | st.binary(max_size=1) | st.just("look"))))
def test_who_looks_now_and_then_knows_what_who_looks_once_does(steps: list[tuple[bytes, bytes | str | None]]) -> None:
    table, truth, seen, at = ready(), dict[bytes, bytes](), dict[bytes, bytes | None](), 0
    for key, value in steps:
        if isinstance(value, str):
            at, changes = table.changed(at)
            seen.update(changes)
            continue
        table.put(key, value)
        truth.pop(key, None) if value is None else truth.update({key: value})
    at, changes = table.changed(at)
    seen.update(changes)
    assert {key: value for key, value in seen.items() if value is not None} == truth
    assert table.changed(at) == (at, [])
