"""Where indicators come from: the pipeline file, a bundle's file, a topic."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol

import orjson

from penstock.agents.enrich._lookups.fresh import Fresh
from penstock.agents.enrich._threats.stix_index import Indicators, objects
from penstock.model.component import Event
from penstock.model.table import Table

AT_ONCE: Final = 500
"""Changes of a topic that are taken in before others may go on; more are taken in a thread."""


class Source(Protocol):
    """Has indicators."""

    async def indicators(self) -> Indicators:
        """Those that are known now. Raises UnreachableError, ConfigurationError."""
        ...


class _Teller:
    """Tells of indicators that cannot be matched, again when there are twice as many."""

    def __init__(self, report: Callable[[Event], None]) -> None:
        self._report = report
        self._told = 0

    def look(self, indicators: Indicators) -> None:
        number = indicators.untold.total()
        if number >= max(1, 2 * self._told):
            self._told = number
            reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(indicators.untold.items()))
            self._report(
                Event(
                    "threat_intel_untold",
                    f"of {len(indicators)} indicators some cannot be matched, or in part only, by reason: {reasons}",
                )
            )


class Fixed:
    """Indicators that do not change."""

    def __init__(self, stix: Iterable[dict[str, Any]], indicators: Indicators, report: Callable[[Event], None]) -> None:
        for each in stix:
            indicators.put(each)
        self._indicators = indicators
        _Teller(report).look(indicators)

    async def indicators(self) -> Indicators:
        return self._indicators


class Feed:
    """Indicators of a file, all of them taken in anew when it changes, in a thread."""

    def __init__(
        self,
        fresh: Callable[[Callable[[], Indicators]], Fresh[Indicators]],
        read: Callable[[], Any],
        empty: Callable[[], Indicators],
        report: Callable[[Event], None],
    ) -> None:
        self._read = read
        self._empty = empty
        self._teller = _Teller(report)
        self._fresh = fresh(self._load)

    async def indicators(self) -> Indicators:
        return await self._fresh.current()

    def _load(self) -> Indicators:
        indicators = self._empty()
        for each in objects(self._read()):
            indicators.put(each)
        self._teller.look(indicators)
        return indicators


class Topic:
    """Indicators that a compacted topic tells of: what a message holds goes when its key is deleted."""

    def __init__(self, table: Table, indicators: Indicators, report: Callable[[Event], None]) -> None:
        self._table = table
        self._indicators = indicators
        self._teller = _Teller(report)
        self._owned: dict[bytes, tuple[str, ...]] = {}
        self._at = 0
        self._lock = asyncio.Lock()

    async def indicators(self) -> Indicators:
        async with self._lock:  # frames of two partitions ask the same stage
            at, changes = self._table.changed(self._at)
            if len(changes) > AT_ONCE:
                await asyncio.to_thread(self._take, changes)
            elif changes:
                self._take(changes)
            self._at = at
        return self._indicators

    def _take(self, changes: Sequence[tuple[bytes, bytes | None]]) -> None:
        for owner, value in changes:
            before = self._owned.pop(owner, ())
            now = () if value is None else self._ids(value)
            for id in before:
                if id not in now:
                    self._indicators.remove(id)
            if now:
                self._owned[owner] = now
        self._teller.look(self._indicators)

    def _ids(self, value: bytes) -> tuple[str, ...]:
        try:
            found = objects(orjson.loads(value))
        except orjson.JSONDecodeError:
            self._indicators.untold["json"] += 1
            return ()
        return tuple(id for each in found if (id := self._indicators.put(each)) is not None)
