"""What the enrichers that look at fields share: the fields found, under the names that their annotations go by."""

from typing import Any

from penstock.agents.fields import Finder, labels
from penstock.model.record import Data


def named(find: Finder, data: Data) -> list[tuple[str, Any]]:
    """Label (see `penstock.agents.fields.labels`) and value of each field found, in the order of the record.

    The labels depend on which fields are there, not on what they hold.
    """
    found = find(data)
    if not found:
        return found
    return list(zip(labels([path for path, _ in found]), [value for _, value in found], strict=True))
