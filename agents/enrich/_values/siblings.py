"""Fields together with what stands beside them: a price and its currency, a number and its country."""

from collections.abc import Iterator
from typing import Any

from penstock.agents.fields import Finder, labels
from penstock.model.component import FieldNames
from penstock.model.record import Record


class Siblings:
    """Finds fields, and for each the text of a field beside it.

    Parameters
    ----------
    names
        Fields that are looked for.
    beside
        Fields of the same object that tell something of them; the first name that is there counts.
    """

    def __init__(self, names: FieldNames, beside: FieldNames) -> None:
        self._find = Finder(names)
        self._find_beside = Finder(beside)
        self._order = {name.lower().rpartition(".")[2]: place for place, name in reversed(list(enumerate(beside)))}

    def __call__(self, record: Record) -> Iterator[tuple[str, Any, str | None]]:
        """Label, value, and the text beside it or None, in the order of the record."""
        found = self._find(record.data)
        if not found:
            return
        told: dict[str, tuple[int, str]] = {}
        for path, value in self._find_beside(record.data):
            if type(value) is str:
                parent, _, name = path.rpartition(".")
                place = self._order.get(name.lower(), len(self._order))
                if parent not in told or place < told[parent][0]:
                    told[parent] = place, value
        shown = labels([path for path, _ in found])
        for label, (path, value) in zip(shown, found, strict=True):
            text = told.get(path.rpartition(".")[0])
            yield label, value, text[1] if text else None
