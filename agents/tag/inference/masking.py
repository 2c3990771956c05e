"""Sample values without what is personal in them: the one place where inference asks `redact`.

What `redact` would find in a field, by its name and its value, is masked as its recognizer masks. Of a field in which
it finds something, or whose type says that it is somebody's, no bound is told that is a value.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeAlias

from penstock.agents.redact import redact
from penstock.agents.redact._recognizer import RECOGNIZERS
from penstock.agents.tag._shape import ITEM, FieldPath
from penstock.model.record import Data

Masker: TypeAlias = Callable[[FieldPath, Any], tuple[Any, bool]]
"""Where a value stands and the value -> what may be shown of it, and whether something was personal."""

PERSONAL_TYPES: Final = frozenset(("email", "phone", "iban", "credit_card", "ip", "mac"))


def mask(path: FieldPath, value: Any) -> tuple[Any, bool]:
    """A `Masker` by `redact` with all its recognizers."""
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        return value, False
    spans = [(found.start, found.end, found.category) for found in _find()(_within(path, value)) if not found.in_name]
    if not spans:
        return value, False
    shown, done = "", 0
    written = str(value)
    for start, end, category in sorted(spans):
        if start >= done:
            shown += written[done:start] + _masked(category)(written[start:end])
            done = end
    return shown + written[done:], True


def mask_name(name: str) -> str:
    """The name of a field, masked where the name itself is personal (a map by address)."""
    if not any(found.in_name for found in _find()({name: ""})):
        return name
    return str(mask(("x",), name)[0])


def starred(value: Any) -> str:
    """A value of which nothing may be shown but its form."""
    return "".join("*" if char.isalnum() else char for char in str(value))


def _within(path: FieldPath, value: Any) -> Data:
    """A record in which the value stands where it stood: names beside it count."""
    made = value
    for part in reversed(path):
        made = [made] if part == ITEM else {part: made}
    return made if isinstance(made, dict) else {"": made}


@cache
def _find() -> Callable[[Data], list[redact.Found]]:
    return redact.finder(redact.Config.model_validate({}))


@cache
def _masked(category: str) -> Callable[[str], str]:
    own: Callable[[str], str] | None = getattr(RECOGNIZERS.load(category), "mask", None)
    return own or starred
