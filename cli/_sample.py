"""What a sample of somebody's data looks like: its kind, its fields, and which stages fit.

Nothing of it is kept but names of fields, categories and license ids; no other value leaves this module.
"""

import ipaddress
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from penstock.agents.fields import leaves
from penstock.agents.registry import STAGES, configure
from penstock.connectors.registry import SOURCES
from penstock.connectors.samples import MOST_ROWS, Sample, read, sniff
from penstock.model.errors import ConfigurationError
from penstock.model.record import Data

_LICENSE_NAMES: Final = ("license", "licence", "license_id", "licence_id", "spdx")
_MOST_LICENSES: Final = 20
_MOSTLY: Final = 0.8
_WORDS: Final = 4
"""A text of fewer words is a name or a label."""


@dataclass
class Look:
    """What was seen.

    Attributes
    ----------
    kind : str
        The source that reads it: csv or jsonl.
    options : dict
        Of that source.
    records, unreadable : int
    addresses, texts : list of str
        Names of fields that hold IP addresses, and text in some language.
    numbers : dict
        Of a csv: name of a column -> integer or float.
    license_field : str
        Empty if there is none.
    licenses : list of str
        Ids in it.
    personal : dict
        Category -> names of fields in which `redact` finds it.
    """

    kind: str
    options: dict[str, Any]
    records: int = 0
    unreadable: int = 0
    addresses: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    numbers: dict[str, str] = field(default_factory=dict)
    license_field: str = ""
    licenses: list[str] = field(default_factory=list)
    personal: dict[str, list[str]] = field(default_factory=dict)


async def rows(path: Path, most: int = MOST_ROWS) -> Sample:
    """The first rows of a file of any kind that `penstock.connectors.samples` knows; a CSV may have no header.

    Raises
    ------
    ConfigurationError
        The file is not there, is none of these, or holds no record.
    SourceError
        Its header cannot be used.
    """
    sample = await read(sniff(path), most)
    if sample.rows and sample.kind == "csv" and _is_no_header(list(sample.rows[0])):
        sample = await read(Sample(sample.kind, {**sample.options, "has_header": False}), most)
    if not sample.rows:
        raise ConfigurationError(f"{path} holds no record that could be read as {sample.kind}")
    return sample


async def look_at(path: Path) -> Look:
    """Read up to 1,000 records of a file that a source can read.

    Raises
    ------
    ConfigurationError
        The file is not there, no source reads it, or it holds no record.
    SourceError
        Its header cannot be used.
    """
    kind = sniff(path).kind
    if kind not in SOURCES.modules:
        what = "one JSON array or object" if kind == "json" else kind
        raise ConfigurationError(f"{path} is {what}, which no source reads", hint="make it one object a line (jq -c)")
    return describe(await rows(path))


def describe(sample: Sample) -> Look:
    """What is seen in rows that were read."""
    look = Look(sample.kind, sample.options, len(sample.rows), sample.unreadable)
    _describe(look, sample.rows)
    return look


def _describe(look: Look, found: list[Data]) -> None:
    values: dict[str, list[Any]] = defaultdict(list)
    for data in found:
        for path, value in leaves(data):
            if value is not None and value != "" and not _is_value(_name(path)):
                values[_name(path)].append(value)
    look.addresses = [name for name, some in values.items() if _share(some, _is_address) >= _MOSTLY]
    look.texts = [name for name, some in values.items() if _share(some, _is_text) >= 0.5]
    if look.kind == "csv":
        look.numbers = {name: kind for name, some in values.items() if (kind := _number(some))}
    look.license_field = next((name for name in values if name.lower() in _LICENSE_NAMES), "")
    if look.license_field:
        counts = Counter(value for value in values[look.license_field] if _is_license(value))
        look.licenses = sorted(id for id, _ in counts.most_common(_MOST_LICENSES))
    look.personal = _personal(found)


def _personal(found: list[Data]) -> dict[str, list[str]]:
    """Category -> names of the fields in which `redact` finds it."""
    seen: dict[str, dict[str, None]] = defaultdict(dict)
    for data in found:
        for item in _finder()(data):
            if not item.in_name and not _is_value(_name(item.field)):
                seen[item.category][_name(item.field)] = None
    return {category: list(names) for category, names in sorted(seen.items())}


@cache
def _finder() -> Any:
    return STAGES.load("redact").finder(configure("redact", {}))


@cache
def _is_value(name: str) -> bool:
    """Whether what stands for a field's name is personal itself: a header that is none, or a map by address."""
    return any(item.in_name for item in _finder()({name: ""}))


def _is_no_header(names: list[str]) -> bool:
    return any(map(_is_value, names)) or not any(map(str.isalpha, "".join(names)))


def _name(path: str) -> str:
    """The last part of a path that is no index in a list."""
    return next((part for part in reversed(path.split(".")) if not part.isdigit()), path)


def _share(values: list[Any], test: Callable[[Any], bool]) -> float:
    return sum(map(test, values)) / len(values)


def _is_address(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        ipaddress.ip_address(value.strip())
    except ValueError:
        return False
    return True


def _is_text(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    words = value.split()
    return len(words) >= _WORDS and sum(map(str.isalpha, value)) > len(value) / 2


def _is_license(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 64 and all(sign.isalnum() or sign in ".+-" for sign in value)


def _number(values: list[Any]) -> str:
    """Integer or float where all cells are such; empty for text, and for what is a number but has leading zeros."""
    if any(len(cell) > 1 and cell.lstrip("-")[:1] == "0" and "." not in cell for cell in values) or _long(values):
        return ""
    if all(cell.lstrip("-").isascii() and cell.lstrip("-").isdigit() for cell in values):
        return "integer"
    parts = [cell.lstrip("-").split(".") for cell in values]
    plain = all(len(part) <= 2 and all(digits.isascii() and digits.isdigit() for digits in part) for part in parts)
    return "float" if plain else ""


def _long(values: list[Any]) -> bool:
    # telephone and account numbers are no quantities
    return any(len(cell) > 8 for cell in values)
