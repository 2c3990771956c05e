"""Exchange rates from a file: no rate is asked of anybody."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from babel.numbers import get_currency_precision
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from penstock.model.errors import ConfigurationError


class RatesFile(BaseModel):
    """A file of rates."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: str = Field(description="Currency that rates are of.")
    date: str = Field(description="Day of the rates.", coerce_numbers_to_str=True)
    rates: dict[str, Decimal] = Field(description="Currency -> how much of it one of the base is.")


class Rates:
    """Converts amounts to one currency."""

    def __init__(self, file: RatesFile, target: str) -> None:
        self._date = file.date
        self._rates = {**file.rates, file.base: Decimal(1)}
        self._target = target
        self._digits = Decimal(1).scaleb(-get_currency_precision(target))

    @classmethod
    def read(cls, path: Path | None, target: str | None) -> "Rates | None":
        """The rates of a file; None where neither file nor target is named. Raises ConfigurationError."""
        if path is None and target is None:
            return None
        if path is None or target is None:
            raise ConfigurationError("currency converts where both convert_to and rates are set", hint="set the other")
        try:
            content = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)  # rates as text: no digit is lost
            file = RatesFile.model_validate(content)
        except OSError as error:
            raise ConfigurationError(f"currency cannot read its rates {path}: {error.strerror}") from None
        except (yaml.YAMLError, ValidationError, UnicodeDecodeError):
            raise ConfigurationError(
                f"currency's rates {path} are no file of rates",
                hint="{base: EUR, date: 2025-01-08, rates: {USD: 1.03}}",
            ) from None
        if target != file.base and target not in file.rates:
            raise ConfigurationError(f"currency's rates {path} have none for {target}")
        if any(not rate.is_finite() or rate <= 0 for rate in file.rates.values()):
            raise ConfigurationError(f"currency's rates {path} have one that is not above 0")
        return cls(file, target)

    def converted(self, amount: Decimal, code: str) -> dict[str, Any]:
        """What an annotation says of the amount in the target currency; null where there is no rate."""
        rate = self._rates.get(code)
        if rate is None:
            return {"converted": None}
        factor = self._rates[self._target] / rate
        value = (amount * factor).quantize(self._digits)
        return {
            "converted": {
                "amount": f"{value:f}",
                "currency": self._target,
                "rate": f"{factor:.10g}",
                "date": self._date,
            }
        }
