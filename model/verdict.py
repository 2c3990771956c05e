"""What a stage says of a record: keep it (and what changes), drop it, deny it, quarantine it.

Reasons are stable codes in snake case: they are metric labels, stub codes and ledger fields, and never hold a value.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from penstock.model.record import Data, Headers


class Keep(msgspec.Struct, frozen=True, gc=False):
    """Let the record go on.

    Attributes
    ----------
    data
        New data (a dict, or canonical JSON bytes); unset leaves it as it is.
    same_layout
        The new data has the fields of the old in the same order, of the same types: what is known of them still holds.
    failed
        Why the stage could not do all that it is there for, where the record goes on without (as an enrichment that
        failed): ``enrichments.errors`` says it. Empty where it could.
    notes
        Parts of the envelope to write, by name; values are JSON-able, or bytes that are JSON already.
    key, headers
        Unset leaves them as they are.
    """

    data: Data | bytes | UnsetType = UNSET
    notes: Mapping[str, Any] = {}
    key: bytes | UnsetType | None = UNSET
    headers: Headers | UnsetType = UNSET
    same_layout: bool = False
    failed: str = ""


class Drop(msgspec.Struct, frozen=True, gc=False):
    """Leave the record out; nobody will ask for it again."""

    code: str


class Deny(msgspec.Struct, frozen=True, gc=False):
    """Leave the record out because a policy forbids it."""

    code: str


class Quarantine(msgspec.Struct, frozen=True, gc=False):
    """Set the record aside, with its original bytes, until somebody decides."""

    code: str


Verdict: TypeAlias = Keep | Drop | Deny | Quarantine

KEEP = Keep()
"""The record goes on unchanged."""
