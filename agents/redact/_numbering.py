"""Numbering plans of telephone numbers, as regular expressions made once of libphonenumber's metadata.

Parsing a number with `phonenumbers` takes about 100 µs; matching its national part against the patterns of its
country takes 2, and gives the same answer (a test compares them). Nothing is cached by number: what is found is
personal, and must not outlive the record.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    PhoneMetadata,
    PhoneNumberFormat,
    PhoneNumberType,
    example_number_for_type,
    format_number,
)

from penstock.model.errors import ConfigurationError

# Set aside for fiction, and so in every example, but in no plan: area code 555 and 123-456-7890 in North America,
# Ofcom's drama numbers (mobile) in Britain.
_FICTION: Final = {1: "555[0-9]{7}|1234567890", 44: "7700900[0-9]{3}"}

_KINDS: Final = (
    "fixed_line",
    "mobile",
    "premium_rate",
    "toll_free",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
)
_CODES: Final = frozenset(str(code) for code in COUNTRY_CODE_TO_REGION_CODE)  # none is the beginning of another


def country_code_length(number: str) -> int:
    """How many of the first digits of an international number are its country code; 0 if there is no such country."""
    if number[:2] in _CODES:
        return 2
    return 1 if number[:1] in _CODES else 3 if number[:3] in _CODES else 0


def country_code(between: str) -> str:
    """A pattern for a country code, with the pattern `between` before each digit."""
    behind: dict[str, list[str]] = {}
    for code in sorted(_CODES):
        behind.setdefault(code[0], []).append("".join(between + digit for digit in code[1:]))
    return "|".join(f"{between}{first}(?:{'|'.join(rests)})" for first, rests in behind.items())


def international(number: str) -> bool:
    """Whether `number`, digits from the country code on, is in the plan of its country (``0`` after the code aside)."""
    length = country_code_length(number)
    return bool(length) and _country(int(number[:length])).fullmatch(number, length) is not None


@dataclass(frozen=True, slots=True)
class Plan:
    """How numbers are written inside of some regions.

    Attributes
    ----------
    valid
        Matches the digits of a number as written at home, with the trunk prefix where the region uses one.
    homes
        For each region its country code, its trunk prefix and what matches the digits.
    """

    valid: re.Pattern[str]
    homes: tuple[tuple[int, str, re.Pattern[str]], ...]

    def full(self, number: str) -> str:
        """`number` with the country code of the first region that has it, as it is where none has."""
        for code, trunk, pattern in self.homes:
            if pattern.fullmatch(number):
                return f"{code}{number.removeprefix(trunk)}"
        return number


@lru_cache(maxsize=64)
def plan(regions: tuple[str, ...]) -> Plan:
    """The plan of `regions` (ISO 3166 codes of two letters). Raises ConfigurationError if one is unknown."""
    homes = []
    for region in regions:
        metadata: Any = PhoneMetadata.metadata_for_region(region, None)
        if metadata is None:
            raise ConfigurationError(
                f"no telephone numbering plan is known for the region {region}",
                hint="regions are two capital letters, as in US, GB, DE",
            )
        trunk = metadata.national_prefix or ""
        optional = _written_without_trunk(region, metadata)
        prefix = f"(?:{trunk})?" if optional else trunk
        pattern = re.compile(f"{prefix}(?:{_valid(metadata)})")
        homes.append((metadata.country_code, trunk, pattern))
    return Plan(re.compile("|".join(pattern.pattern for _, _, pattern in homes) or r"(?!)"), tuple(homes))


@cache  # one for each of some 240 countries at most
def _country(code: int) -> re.Pattern[str]:
    """Matches what follows the country code."""
    regions = COUNTRY_CODE_TO_REGION_CODE[code]
    metadata: list[Any] = [PhoneMetadata.metadata_for_region_or_calling_code(code, region) for region in regions]
    trunk = metadata[0].national_prefix or ""
    patterns = [f"(?:{_led(plan)})" for plan in metadata]
    return re.compile(f"(?:{trunk})?(?:{'|'.join(patterns)})" if trunk else "|".join(patterns))


def _led(metadata: Any) -> str:
    lead = f"(?={metadata.leading_digits})" if metadata.leading_digits else ""
    return f"{lead}(?:{_valid(metadata)})"


def _valid(metadata: Any) -> str:
    """What matches the national part of every number of one region."""
    kinds = (getattr(metadata, name) for name in _KINDS)
    patterns = [_lengths(kind) + f"(?:{kind.national_number_pattern})" for kind in kinds if _used(kind)]
    general = f"(?=(?:{metadata.general_desc.national_number_pattern})(?![0-9]))"
    fiction = _FICTION.get(metadata.country_code)
    return f"{general}(?:{'|'.join(patterns)})" + (f"|{fiction}" if fiction else "")


def _used(kind: Any) -> bool:
    return kind is not None and bool(kind.national_number_pattern)


def _lengths(kind: Any) -> str:
    lengths: Iterable[int] = kind.possible_length
    allowed = "|".join(f"[0-9]{{{length}}}" for length in lengths if length > 0)
    return f"(?=(?:{allowed})(?![0-9]))" if allowed else ""


def _written_without_trunk(region: str, metadata: Any) -> bool:
    """Whether numbers of a region are also written without its trunk prefix, as in the United States and Brazil."""
    if any(style.national_prefix_optional_when_formatting for style in metadata.number_format):
        return True
    kinds = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE)
    examples = [example for kind in kinds if (example := example_number_for_type(region, kind))]
    written = [format_number(example, PhoneNumberFormat.NATIONAL).lstrip("(") for example in examples]
    return not all(text.startswith(metadata.national_prefix or "-") for text in written)
