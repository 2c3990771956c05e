"""phone: each telephone number in one spelling (E.164), its region, its type, and whether it can be one.

>>> run("phone", {"phone": "+44 20 7946 0958"})["phone"]["phone_phone"]["e164"]
'+442079460958'
>>> run("phone", {"phone": "020 7946 0958"})["phone"]
{'phone_phone': {'valid': False, 'reason': 'no_region'}}

By libphonenumber's tables (phonenumbers). A number without ``+`` needs ``default_region``, or a field beside it that
holds the region (``region_fields``). A telephone number is personal: this stage stands before `redact`, which hides the
number, and another `redact` behind hides what this stage made of it.

What is none is named: ``empty``, ``not_a_number``, ``no_region``, ``invalid_country_code``, ``too_short``,
``too_long``, ``invalid_length``, or ``not_assigned`` where no such number is given out.
"""

from functools import lru_cache
from typing import Any, Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType, ValidationResult
from pydantic import Field, field_validator

from penstock.agents.enrich._values.siblings import Siblings
from penstock.agents.enrich._values.values import Invalid
from penstock.model.component import Annotations, EnrichRecord, FieldNames, StageConfig
from penstock.model.record import Record

ADDS_TEXT = True
GROUP = "phone"


class Config(StageConfig):
    """Options of phone."""

    fields: FieldNames = Field(
        ("phone", "phone_number", "telephone", "tel", "mobile", "mobile_number", "cell", "cellphone", "fax", "msisdn"),
        description="Fields that hold telephone numbers, as text or as whole numbers.",
    )
    region_fields: FieldNames = Field(
        ("country_code", "country", "region"),
        description="Fields that say the region of a number beside them, as two letters (ISO 3166).",
    )
    default_region: str | None = Field(None, description="Region of numbers that do not say theirs, as two letters.")
    cache_size: int = Field(16_384, ge=0, description="Numbers whose meaning is kept.")

    @field_validator("default_region")
    @classmethod
    def _known(cls, region: str | None) -> str | None:
        if region is not None and region not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError("no region of that name has telephone numbers; use two capital letters, as DE")
        return region


def build(config: Config) -> EnrichRecord:
    """Compile the stage."""
    find = Siblings(config.fields, config.region_fields)
    read = lru_cache(config.cache_size)(_read)

    def enrich(record: Record) -> Annotations | None:
        bodies: dict[str, Any] = {}
        for label, value, region in find(record):
            if type(value) not in (str, int):
                continue
            known = region if region in phonenumbers.SUPPORTED_REGIONS else config.default_region
            try:
                bodies[f"{label}_{GROUP}"] = read(str(value), known)
            except Invalid as invalid:
                bodies[f"{label}_{GROUP}"] = invalid.body()
        return {GROUP: bodies} if bodies else None

    return enrich


_LONGEST: Final = 250
"""Characters, as libphonenumber has it."""
_PARSING: Final = {
    NumberParseException.INVALID_COUNTRY_CODE: "invalid_country_code",
    NumberParseException.NOT_A_NUMBER: "not_a_number",
    NumberParseException.TOO_SHORT_AFTER_IDD: "too_short",
    NumberParseException.TOO_SHORT_NSN: "too_short",
    NumberParseException.TOO_LONG: "too_long",
}
_POSSIBLE: Final = {
    ValidationResult.INVALID_COUNTRY_CODE: "invalid_country_code",
    ValidationResult.TOO_SHORT: "too_short",
    ValidationResult.TOO_LONG: "too_long",
    ValidationResult.INVALID_LENGTH: "invalid_length",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "too_short",
}
_TYPES: Final[dict[int, str]] = {
    PhoneNumberType.FIXED_LINE: "fixed_line",
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed_line_or_mobile",
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.PREMIUM_RATE: "premium_rate",
    PhoneNumberType.SHARED_COST: "shared_cost",
    PhoneNumberType.VOIP: "voip",
    PhoneNumberType.PERSONAL_NUMBER: "personal",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.UAN: "uan",
    PhoneNumberType.VOICEMAIL: "voicemail",
}


def _read(value: str, region: str | None) -> dict[str, Any]:
    text = value.strip()
    if not text:
        raise Invalid("empty")
    if len(text) > _LONGEST:
        raise Invalid("too_long")
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException as error:
        unknown = error.error_type == NumberParseException.INVALID_COUNTRY_CODE
        without = unknown and region is None and not text.startswith(("+", "\uff0b"))
        raise Invalid("no_region" if without else _PARSING[error.error_type]) from None
    reason = _POSSIBLE.get(phonenumbers.is_possible_number_with_reason(number))
    if reason is not None:
        raise Invalid(reason)
    if not phonenumbers.is_valid_number(number):
        raise Invalid("not_assigned")

    def spelled(form: int) -> str:
        written: str = phonenumbers.format_number(number, form)
        return written

    return {
        "valid": True,
        "e164": spelled(PhoneNumberFormat.E164),
        "international": spelled(PhoneNumberFormat.INTERNATIONAL),
        "national": spelled(PhoneNumberFormat.NATIONAL),
        "country_code": number.country_code,
        "region": phonenumbers.region_code_for_number(number),
        "type": _TYPES.get(phonenumbers.number_type(number), "unknown"),
        "extension": number.extension,
    }
