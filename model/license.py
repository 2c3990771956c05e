"""What a license says of a use of data, and what the license registry answers; pure, so that all ask the same.

The registry judges the licenses that it keeps, a pipeline file the terms that it was given: both by `judge`, for a
`Use` (an operation, perhaps in a region and for a purpose, on a day). Whatever is found is a `Finding`:

===================  ========  ==================================================================
violation            severity  when
===================  ========  ==================================================================
``revoked``          error     the license was revoked
``not_yet_valid``    error     before ``valid_from``
``expired``          error     after ``valid_until``
``denied``           error     the operation is in ``deny``
``region_denied``    error     the region is not in ``regions``
``purpose_denied``   error     the purpose is not in ``purposes``
``not_covered``      review    the operation is neither in ``allow`` nor in ``deny``
``region_unstated``  review    ``regions`` are given, and nobody said where the data is used
``purpose_unstated`` review    ``purposes`` are given, and nobody said what for
===================  ========  ==================================================================

One ``error`` denies; a ``review`` leaves it to a person (``unknown``). Warnings (``deprecated``, ``expires_soon``,
``appeal_granted``) change no decision.

A region is a country (ISO 3166-1 alpha-2), a part of one (ISO 3166-2, ``US-CA``), or ``EU`` or ``EEA``, which stand for
their members.
"""

from collections.abc import Collection, Iterable
from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal, get_args

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

OperationName = Literal["ingest", "transform", "enrich", "export", "train", "share", "commercial-use"]
OPERATIONS: Final[tuple[str, ...]] = get_args(OperationName)
OPERATION_ALIASES: Final = {"model-training": "train", "redistribute": "share"}
Severity = Literal["error", "review"]
Decided = Literal["allow", "deny", "unknown"]

SOON_DAYS: Final = 30
"""A license that ends within so many days is warned of."""

LONGEST_REGION: Final = 16
_EU: Final = frozenset((
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
    "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
))  # fmt: skip
_GROUPS: Final = {"EEA": _EU | {"IS", "LI", "NO"}, "EU": _EU}  # the larger first


def operation(value: Any) -> Any:
    """The name of an operation that another name stands for; anything else as it is.

    >>> operation("model-training"), operation("share")
    ('train', 'share')
    """
    return OPERATION_ALIASES.get(value, value) if isinstance(value, str) else value


def _region(code: str) -> str:
    country, dash, part = code.upper().partition("-")
    is_country = len(country) == 2 and country.isascii() and country.isalpha()
    if (not dash and (is_country or country in _GROUPS)) or (is_country and country not in _GROUPS and _is_part(part)):
        return code.upper()
    raise ValueError("a region is a country such as DE, a part of one such as US-CA, EU or EEA")


def _is_part(part: str) -> bool:
    return 1 <= len(part) <= 3 and part.isascii() and part.isalnum()


Operation = Annotated[OperationName, BeforeValidator(operation)]
Region = Annotated[str, Field(min_length=2, max_length=LONGEST_REGION), AfterValidator(_region)]
Purpose = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Duty = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]


class Terms(BaseModel):
    """What a license, or a contract with a vendor, says of uses of the data."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    allow: list[Operation] = Field([], description="Operations that are allowed.")
    deny: list[Operation] = Field([], description="Operations that are denied; those in neither are left to a person.")
    regions: list[Region] = Field([], description="Where the data may be used; everywhere if empty.")
    purposes: list[Purpose] = Field([], description="What it may be used for; anything if empty.")
    valid_from: date | None = Field(None, description="First day on which it can be relied on.")
    valid_until: date | None = Field(None, description="Last day on which it can be relied on; absent is for ever.")
    duties: list[Duty] = Field([], description="attribution, share-alike, …: what whoever uses the data must do.")
    attribution: str = Field("", max_length=500, description="The text to show, where `attribution` is a duty.")

    @model_validator(mode="after")
    def _not_both(self) -> "Terms":
        if set(self.allow) & set(self.deny):
            raise ValueError("an operation is both allowed and denied")
        return self


class Use(msgspec.Struct, frozen=True):
    """What shall be done with data; empty where nobody said."""

    operation: str = "ingest"
    region: str = ""
    purpose: str = ""


class Violation(msgspec.Struct, frozen=True, order=True):
    """One thing that a license says against a use.

    Attributes
    ----------
    term : str
        What of the license it is, such as ``deny: export``.
    """

    code: str
    term: str
    message: str
    severity: Severity


class Warning(msgspec.Struct, frozen=True, order=True):
    """Something to know of a license that does not stand against the use."""

    code: str
    message: str


class Appeal(msgspec.Struct, frozen=True):
    """Where to ask for a decision by a person, or where one was asked for, and how long that is open."""

    url: str
    expires_at: str | None = None


class Finding(msgspec.Struct, frozen=True):
    """What is known of one license for one use.

    Attributes
    ----------
    reason : str
        ``allowed``, ``appeal_granted``, ``unknown_license``, or the code of the gravest violation.
    version : int or None
        Of the license in the registry.
    valid_until : str or None
        ISO 8601 date.
    regions, purposes : tuple of str
        What the license is limited to; empty is not at all.
    etag : str
        Names this answer; the same question with it is answered by "as before".
    """

    decision: Decided
    reason: str = ""
    duties: tuple[str, ...] = ()
    violations: tuple[Violation, ...] = ()
    warnings: tuple[Warning, ...] = ()
    attribution: str = ""
    regions: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    valid_until: str | None = None
    version: int | None = None
    appeal: Appeal | None = None
    etag: str = ""


class Answer(msgspec.Struct, kw_only=True):
    """What a registry answers: a finding for each license, by its id as it was asked for.

    All but the findings says what was asked by whom and when, so that a signed answer fits no other question.
    """

    authority: str | None
    operation: str
    region: str | None
    purpose: str | None
    tenant_id: str
    checked_at: str
    results: dict[str, Finding]


def judge(terms: Terms, use: Use, day: date, *, status: str = "active") -> Finding:
    """What `terms` say of `use` on `day`.

    Parameters
    ----------
    status : str
        ``active``, ``deprecated`` (a warning) or ``revoked`` (denies everything).
    """
    violations = [*_standing(terms, day, status), *_permission(terms, use), *_limits(terms, use)]
    violations.sort(key=lambda violation: violation.severity != "error")
    decision: Decided = "allow"
    if violations:
        decision = "deny" if violations[0].severity == "error" else "unknown"
    return Finding(
        decision,
        violations[0].code if violations else "allowed",
        tuple(terms.duties),
        tuple(violations),
        tuple(_warnings(terms, day, status)),
        terms.attribution,
        normal_regions(terms.regions),
        tuple(sorted(set(terms.purposes))),
        terms.valid_until.isoformat() if terms.valid_until else None,
    )


def _standing(terms: Terms, day: date, status: str) -> Iterable[Violation]:
    if status == "revoked":
        yield Violation("revoked", "status: revoked", "the license was revoked", "error")
    if terms.valid_from is not None and day < terms.valid_from:
        term = f"valid_from: {terms.valid_from}"
        yield Violation("not_yet_valid", term, f"the license begins on {terms.valid_from}", "error")
    if terms.valid_until is not None and terms.valid_until < day:
        term = f"valid_until: {terms.valid_until}"
        yield Violation("expired", term, f"the license ended on {terms.valid_until}", "error")


def _permission(terms: Terms, use: Use) -> Iterable[Violation]:
    asked = use.operation
    if asked in terms.deny:
        yield Violation("denied", f"deny: {asked}", f"the license denies {asked}", "error")
    elif asked not in terms.allow:
        message = f"the license does not say whether {asked} is allowed"
        yield Violation("not_covered", f"allow: {asked}", message, "review")


def _limits(terms: Terms, use: Use) -> Iterable[Violation]:
    if terms.regions:
        term = f"regions: {', '.join(terms.regions)}"
        if not use.region:
            message = "the license names regions, and nobody said where the data is used"
            yield Violation("region_unstated", term, message, "review")
        elif not covers(terms.regions, use.region):
            yield Violation("region_denied", term, f"the license does not hold in {use.region}", "error")
    if terms.purposes:
        term = f"purposes: {', '.join(terms.purposes)}"
        if not use.purpose:
            message = "the license names purposes, and nobody said what the data is used for"
            yield Violation("purpose_unstated", term, message, "review")
        elif use.purpose not in terms.purposes:
            yield Violation("purpose_denied", term, f"the license is not for {use.purpose}", "error")


def _warnings(terms: Terms, day: date, status: str) -> Iterable[Warning]:
    if status == "deprecated":
        yield Warning("deprecated", "the license has a newer version")
    end = terms.valid_until
    if end is not None and day <= end <= day + timedelta(days=SOON_DAYS):
        yield Warning("expires_soon", f"the license ends on {end}")


def covers(regions: Collection[str], region: str) -> bool:
    """Whether all of `region` lies in `regions`.

    >>> covers(["EU", "US"], "US-CA"), covers(["DE"], "EU")
    (True, False)
    """
    wide = _members(regions)
    return all(code in wide or code.partition("-")[0] in wide for code in _members([region]))


def common_regions(one: Collection[str], other: Collection[str]) -> tuple[str, ...]:
    """The regions that lie in both, as `normal_regions` writes them; none where there are none.

    >>> common_regions(["EEA", "US-CA"], ["DE", "US"])
    ('DE', 'US-CA')
    """
    left, right = _members(one), _members(other)
    both = {code for code in left if code in right or code.partition("-")[0] in right}
    return normal_regions(both | {code for code in right if code.partition("-")[0] in left})


def normal_regions(regions: Iterable[str]) -> tuple[str, ...]:
    """The one way in which a set of regions is written: groups by their name, no part beside its whole, sorted."""
    left = _members(regions)
    left = {code for code in left if "-" not in code or code.partition("-")[0] not in left}
    for name, members in _GROUPS.items():
        if members <= left:
            left = left - members | {name}
            break
    return tuple(sorted(left))


def _members(regions: Iterable[str]) -> set[str]:
    """Countries and parts of countries."""
    return {code for region in regions for code in _GROUPS.get(region, (region,))}
