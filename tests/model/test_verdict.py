"""What stages say: unset is not None, and a verdict does not change."""

from typing import Any

import pytest
from msgspec import UNSET

from penstock.model.verdict import KEEP, Deny, Drop, Keep, Quarantine


def test_keep_changes_nothing_by_default() -> None:
    assert (KEEP.data, KEEP.key, KEEP.headers, KEEP.notes) == (UNSET, UNSET, UNSET, {})
    assert Keep() == KEEP


def test_unset_and_none_are_told_apart() -> None:
    assert Keep(key=None) != KEEP
    assert Keep(key=None).key is None


def test_notes_are_not_shared() -> None:
    notes: Any = Keep().notes
    notes["a"] = 1
    assert Keep().notes == {}


@pytest.mark.parametrize("verdict", [Drop("seen"), Deny("license_denied"), Quarantine("odd")])
def test_what_stops_a_record_has_a_code_and_does_not_change(verdict: Any) -> None:
    assert type(verdict)(verdict.code) == verdict
    with pytest.raises(AttributeError):
        verdict.code = "other"
    with pytest.raises(TypeError):
        type(verdict)()


def test_verdicts_of_another_kind_differ() -> None:
    assert len({repr(verdict("x")) for verdict in (Drop, Deny, Quarantine)}) == 3
    assert Drop("x") != Deny("x")
