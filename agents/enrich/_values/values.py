"""Enrichers that read one value at a time: what cannot be read is named in the annotation, and raises nothing."""

from collections.abc import Callable, Iterable
from typing import Any

from penstock.model.component import Annotations


class Invalid(Exception):  # noqa: N818 - it says what a value is, and never leaves this package
    """A value is not what its field says.

    Attributes
    ----------
    reason : str
        Why, in snake case; what stands in the annotation.
    more : dict
        What else the annotation says of it.
    """

    def __init__(self, reason: str, **more: Any) -> None:
        super().__init__(reason)
        self.reason = reason
        self.more = more

    def body(self) -> dict[str, Any]:
        """What the annotation says."""
        return {"valid": False, "reason": self.reason, **self.more}


def annotated(
    group: str, found: Iterable[tuple[str, Any]], read: Callable[[str], dict[str, Any]]
) -> Annotations | None:
    """``<label>_<group>`` of each text that was found; values that are no text get nothing."""
    bodies: dict[str, Any] = {}
    for label, value in found:
        if type(value) is str:
            try:
                bodies[f"{label}_{group}"] = read(value)
            except Invalid as invalid:
                bodies[f"{label}_{group}"] = invalid.body()
    return {group: bodies} if bodies else None
