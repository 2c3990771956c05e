"""The demo's records: tickets.csv and events.jsonl, the same for the same seed on every machine.

A record is a pure function of seed and index: even ones are tickets, odd ones events. Some are broken on purpose, so
that dead letters have something to show; which ones follows from the index alone.
"""

import csv
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from penstock.cli.demo._records import COLUMNS, DENIED, event, ticket
from penstock.cli.demo._values import Draw

TICKETS: Final = "tickets.csv"
EVENTS: Final = "events.jsonl"

_BROKEN_EVENT_EVERY: Final = 500  # 0.2%
_BROKEN_TICKET_EVERY: Final = 1_000

_BREAK_EVENT: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "truncated": lambda line: line[: len(line) * 2 // 3],
    "nan": lambda line: line[:-1] + b',"score":NaN}',
    "not_utf8": lambda line: line[:-1] + b',"note":"caf\xe9"}',
    "not_an_object": lambda line: b"[" + line + b"]",
}
_BREAK_TICKET: Final[Mapping[str, Callable[[list[str]], list[str]]]] = {
    "too_few_columns": lambda row: row[:-3],
    "too_many_columns": lambda row: [*row, "?", ""],
}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was written, in numbers.

    Attributes
    ----------
    records : int
        All of them; `tickets` and `events` are how many in each file.
    kinds, licenses : dict
        Well-formed records by kind (ticket, web, login, sensor) and by license.
    broken : dict
        Records that no reader can take, by reason.
    denied : int
        Well-formed records that the demo's policy denies because of their license.
    planted : dict
        Values by category that `redact` has to find in well-formed records.
    """

    seed: int
    records: int
    tickets: int
    events: int
    kinds: dict[str, int]
    licenses: dict[str, int]
    broken: dict[str, int]
    denied: int
    planted: dict[str, int]

    @property
    def well_formed(self) -> int:
        return self.records - sum(self.broken.values())

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def generate(folder: Path, records: int = 50_000, seed: int = 7) -> Manifest:
    """Write ``tickets.csv`` and ``events.jsonl`` to `folder`, which is made if need be; files there are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    counts = _Counts()
    with (
        (folder / TICKETS).open("w", encoding="utf-8", newline="") as tickets,
        (folder / EVENTS).open("wb") as events,
    ):
        rows = csv.writer(tickets)
        rows.writerow(COLUMNS)
        for index in range(records):
            draw = Draw(seed, index)
            reason = breakage(index)
            if index % 2 == 0:
                row = ticket(draw, index)
                rows.writerow(_BREAK_TICKET[reason](row) if reason else row)
                counts.add(reason, "ticket", row[-1], draw)
            else:
                data = event(draw, index)
                line = orjson.dumps(data)
                events.write((_BREAK_EVENT[reason](line) if reason else line) + b"\n")
                counts.add(reason, data["type"], data["license"], draw)
    return counts.manifest(seed, records)


def breakage(index: int) -> str | None:
    """Why the record of this index is broken, None where it is not."""
    number = index // 2
    every, reasons = (
        (_BROKEN_EVENT_EVERY, tuple(_BREAK_EVENT)) if index % 2 else (_BROKEN_TICKET_EVERY, tuple(_BREAK_TICKET))
    )
    turn, place = divmod(number, every)
    return reasons[turn % len(reasons)] if place == every // 2 else None


def planted(seed: int, index: int) -> list[tuple[str, str]]:
    """Category and value, as it stands in the record, of all that `redact` has to find in one.

    Of a broken record: what it would hold if it were whole.
    """
    draw = Draw(seed, index)
    (event if index % 2 else ticket)(draw, index)
    return draw.planted


class _Counts:
    """The numbers of a manifest while they are being counted."""

    def __init__(self) -> None:
        self._kinds: Counter[str] = Counter()
        self._licenses: Counter[str] = Counter()
        self._broken: Counter[str] = Counter()
        self._planted: Counter[str] = Counter()

    def add(self, reason: str | None, kind: str, license: str, draw: Draw) -> None:
        if reason is not None:
            self._broken[reason] += 1
            return
        self._kinds[kind] += 1
        self._licenses[license] += 1
        self._planted.update(category for category, _ in draw.planted)

    def manifest(self, seed: int, records: int) -> Manifest:
        return Manifest(
            seed=seed,
            records=records,
            tickets=(records + 1) // 2,
            events=records // 2,
            kinds=dict(sorted(self._kinds.items())),
            licenses=dict(sorted(self._licenses.items())),
            broken=dict(sorted(self._broken.items())),
            denied=sum(count for license, count in self._licenses.items() if license in DENIED),
            planted=dict(sorted(self._planted.items())),
        )
