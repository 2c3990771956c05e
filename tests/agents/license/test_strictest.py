"""The strictest of several notes: whoever is joined first or twice, and never less than any asks."""

import doctest
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.agents.license import _strictest, strictest
from penstock.agents.license._strictest import WORSE
from penstock.model.license import covers

DATES = ["2026-01-31", "2027-12-01"]
NOTES: st.SearchStrategy[dict[str, Any] | None] = st.none() | st.fixed_dictionaries(
    {
        "id": st.sampled_from([None, "MIT", "CC-BY-4.0 OR MIT", "ISC AND MIT", "LicenseRef-X"]),
        "decision": st.sampled_from(list(WORSE)),
        "duties": st.lists(st.sampled_from(["attribution", "share-alike", "license-notice"]), max_size=3),
    },
    optional={
        "attribution": st.lists(st.sampled_from(["by A", "by B"]), max_size=2),
        "share_alike": st.lists(st.sampled_from(["CC-BY-SA-4.0", "ODbL-1.0"]), max_size=2),
        "regions": st.lists(st.sampled_from(["EU", "DE", "US", "US-CA", "BR"]), min_size=1, max_size=3),
        "purposes": st.lists(st.sampled_from(["fraud", "research", "ads"]), min_size=1, max_size=3),
        "valid_until": st.sampled_from(DATES),
    },
)


def note(id: str | None, decision: str = "allow", **more: Any) -> dict[str, Any]:
    return {"id": id, "decision": decision, "duties": [], **more}


def test_the_example() -> None:
    assert doctest.testmod(_strictest).failed == 0


@settings(derandomize=True, max_examples=300, deadline=None)
@given(NOTES, NOTES, NOTES)
def test_it_is_associative_commutative_and_idempotent(a: Any, b: Any, c: Any) -> None:
    assert strictest([a, b]) == strictest([b, a])
    assert strictest([strictest([a, b]), c]) == strictest([a, strictest([b, c])]) == strictest([c, a, b])
    assert strictest([a, a]) == strictest([a]) == strictest([strictest([a])])


@settings(derandomize=True, max_examples=300, deadline=None)
@given(NOTES, NOTES)
def test_nothing_that_any_of_them_asks_is_lost(a: Any, b: Any) -> None:
    joined = strictest([a, b])
    for one in (each for each in (a, b) if each is not None):
        assert WORSE[joined["decision"]] >= WORSE[one["decision"]]
        for name in ("duties", "attribution", "share_alike"):
            assert {*one.get(name, ())} <= {*joined.get(name, ())}
        assert "valid_until" not in one or joined["valid_until"] <= one["valid_until"]
        for name in ("regions", "purposes"):
            assert name not in one or name in joined
        assert "regions" not in one or all(covers(one["regions"], region) for region in joined["regions"])
        assert "purposes" not in one or {*joined["purposes"]} <= {*one["purposes"]}


def test_uses_with_nothing_in_common_are_denied() -> None:
    apart = strictest([note("A", regions=["EU"]), note("B", regions=["US"])])
    assert (apart["decision"], apart["regions"]) == ("deny", [])
    apart = strictest([note("A", purposes=["ads"]), note("B", purposes=["fraud"])])
    assert (apart["decision"], apart["purposes"]) == ("deny", [])
    assert strictest([apart, note("C", purposes=["ads"])])["decision"] == "deny"


def test_a_record_that_nobody_looked_at_taints_what_is_made_of_it() -> None:
    assert strictest([None]) == note(None, "quarantine")
    assert strictest([None, note("MIT")]) == note("MIT AND NOASSERTION", "quarantine")


def test_share_alike_licenses_add_up() -> None:
    joined = strictest([note("CC-BY-SA-4.0", share_alike=["CC-BY-SA-4.0"]), note("ODbL-1.0", share_alike=["ODbL-1.0"])])
    assert joined["share_alike"] == ["CC-BY-SA-4.0", "ODbL-1.0"], "no license satisfies both: a person must look"


@pytest.mark.parametrize("notes", [[], [note("free of charge!")]])
def test_what_cannot_be_joined(notes: list[Any]) -> None:
    with pytest.raises(ValueError):
        strictest(notes)
