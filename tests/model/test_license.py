"""What terms say of a use, and the arithmetic of regions."""

import doctest
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.model import license
from penstock.model.license import Terms, Use, common_regions, covers, judge, normal_regions

DAY = date(2024, 5, 1)
CODES = st.sampled_from(["DE", "FR", "US", "US-CA", "US-NY", "EU", "EEA", "IS", "NO", "DE-BY", "BR"])
REGIONS = st.lists(CODES, max_size=5)


def verdict(use: Use, *, day: date = DAY, status: str = "active", **terms: object) -> tuple[str, list[str]]:
    found = judge(
        Terms.model_validate({"allow": ["ingest", "enrich"], "deny": ["export"], **terms}), use, day, status=status
    )
    assert found.reason == (found.violations[0].code if found.violations else "allowed")
    return found.decision, [violation.code for violation in found.violations]


def test_the_examples() -> None:
    assert doctest.testmod(license).failed == 0


@pytest.mark.parametrize(
    ("use", "terms", "expected"),
    [
        (Use("ingest"), {}, ("allow", [])),
        (Use("export"), {}, ("deny", ["denied"])),
        (Use("train"), {}, ("unknown", ["not_covered"])),
        (Use("ingest"), {"valid_from": "2024-05-02"}, ("deny", ["not_yet_valid"])),
        (Use("ingest"), {"valid_from": "2024-05-01", "valid_until": "2024-05-01"}, ("allow", [])),
        (Use("ingest"), {"valid_until": "2024-04-30"}, ("deny", ["expired"])),
        (Use("ingest", "DE"), {"regions": ["EU"]}, ("allow", [])),
        (Use("ingest", "EU"), {"regions": ["DE", "FR"]}, ("deny", ["region_denied"])),
        (Use("ingest", "EU"), {"regions": ["EEA"]}, ("allow", [])),
        (Use("ingest", "US-CA"), {"regions": ["US"]}, ("allow", [])),
        (Use("ingest", "US"), {"regions": ["US-CA"]}, ("deny", ["region_denied"])),
        (Use("ingest"), {"regions": ["EU"]}, ("unknown", ["region_unstated"])),
        (Use("ingest", purpose="fraud"), {"purposes": ["fraud", "research"]}, ("allow", [])),
        (Use("ingest", purpose="ads"), {"purposes": ["fraud"]}, ("deny", ["purpose_denied"])),
        (Use("ingest"), {"purposes": ["fraud"]}, ("unknown", ["purpose_unstated"])),
        (Use("train"), {"purposes": ["fraud"], "valid_until": "2020-01-01"},
         ("deny", ["expired", "not_covered", "purpose_unstated"])),
    ],
)  # fmt: skip
def test_judge(use: Use, terms: dict[str, object], expected: tuple[str, list[str]]) -> None:
    assert verdict(use, **terms) == expected


def test_a_revoked_license_denies_what_it_allowed_and_a_deprecated_one_warns() -> None:
    assert verdict(Use("ingest"), status="revoked") == ("deny", ["revoked"])
    terms = Terms(allow=["ingest"], valid_until=DAY + timedelta(days=license.SOON_DAYS))
    assert [warning.code for warning in judge(terms, Use(), DAY, status="deprecated").warnings] == [
        "deprecated", "expires_soon",
    ]  # fmt: skip
    assert judge(terms, Use(), DAY - timedelta(days=1)).warnings == ()


def test_other_names_of_operations() -> None:
    terms = Terms.model_validate({"allow": ["model-training"], "deny": ["redistribute"]})
    assert (terms.allow, terms.deny) == (["train"], ["share"])


@pytest.mark.parametrize(
    "wrong",
    [{"allow": ["fly"]}, {"allow": ["share"], "deny": ["redistribute"]}, {"regions": ["Germany"]}, {"extra": 1},
     {"regions": ["EU-DE"]}, {"regions": ["US-"]}, {"purposes": ["Anything at all"]}, {"valid_until": "soon"},
     {"duties": ["A b"]}],
)  # fmt: skip
def test_what_are_no_terms(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Terms.model_validate(wrong)


@settings(derandomize=True, deadline=None)
@given(REGIONS, REGIONS, REGIONS)
def test_common_regions_are_an_intersection(a: list[str], b: list[str], c: list[str]) -> None:
    one, two, three = map(normal_regions, (a, b, c))
    assert common_regions(one, two) == common_regions(two, one) == common_regions(a, b)
    assert common_regions(one, one) == one == normal_regions(one)
    assert common_regions(common_regions(one, two), three) == common_regions(one, common_regions(two, three))


@settings(derandomize=True, deadline=None)
@given(REGIONS, REGIONS, CODES)
def test_a_region_is_in_what_is_common_where_it_is_in_both(a: list[str], b: list[str], code: str) -> None:
    assert covers(common_regions(a, b), code) == (covers(a, code) and covers(b, code))
