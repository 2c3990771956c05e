import random
import re

import phonenumbers
import pytest

from penstock.agents.redact import _numbering
from penstock.model.errors import ConfigurationError

# Numbers of five digits that are valid only after libphonenumber took their first digits for a prefix.
EXCEPTIONS = {672}


def variants(region: str, code: int, random_: random.Random) -> list[str]:
    """Example numbers of a region, and the same with some digits changed, added or lost."""
    found = []
    for kind in range(11):
        if region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY:
            example = phonenumbers.example_number_for_non_geo_entity(code)
        else:
            example = phonenumbers.example_number_for_type(region, kind)
        if example is None:
            continue
        for _ in range(3):
            digits = list(phonenumbers.national_significant_number(example))
            for _ in range(random_.randint(0, 2)):
                digits[random_.randrange(len(digits))] = random_.choice("0123456789")
            found.append(f"{code}{''.join(digits)}"[: random_.choice((None, None, None, -1))])
    return found


def test_international_numbers_are_what_libphonenumber_says() -> None:
    random_ = random.Random(7)
    compared = 0
    for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items():
        for region in regions:
            for number in variants(region, code, random_) if code not in EXCEPTIONS else ():
                try:
                    wanted = phonenumbers.is_valid_number(phonenumbers.parse(f"+{number}"))
                except phonenumbers.NumberParseException:
                    wanted = False
                assert _numbering.international(number) == wanted, number
                compared += wanted
    assert compared > 1000


@pytest.mark.parametrize("region", ["US", "GB", "DE", "FR", "ES", "IT", "NL", "IN", "BR", "AU"])
def test_national_numbers_are_what_libphonenumber_says(region: str) -> None:
    plan = _numbering.plan((region,))
    for kind in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE):
        example = phonenumbers.example_number_for_type(region, kind)
        written = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL)
        national = "".join(filter(str.isdigit, written))
        assert plan.valid.fullmatch(national), national
        assert plan.full(national) == f"{example.country_code}{phonenumbers.national_significant_number(example)}"


def test_numbers_of_fiction_count() -> None:
    assert _numbering.international("15551234567") and _numbering.international("447700900123")


def test_what_is_no_country_is_no_number() -> None:
    assert not any(map(_numbering.international, ("", "0", "1", "999", "99912345678")))


def test_a_country_code_is_found_between_other_characters() -> None:
    pattern = re.compile(_numbering.country_code(between="[^0-9]*"))
    for number in map("{:03}".format, range(1000)):
        match = pattern.match(f" ({number[0]}) {number[1:]}")
        digits = "".join(filter(str.isdigit, match[0])) if match else ""
        assert len(digits) == _numbering.country_code_length(number), number


def test_an_unknown_region_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="region XX"):
        _numbering.plan(("US", "XX"))
