"""Tables come back from their changelogs by the thousand.

Faust takes the entries of a changelog one by one through a queue, which costs some 100 µs each: a million keys took
more than a minute and a half. Where much is missing it is read here as delivery reads, whole batches, and written to
RocksDB likewise; what is then left, Faust does.

This stands in for the moment at which Faust seeks to where a table stands. It works in steps of `STEP_SECONDS`, each
followed by a fresh look at where the changelog ends, as Faust gives up a moment that takes longer than a request may.
"""

import asyncio
import time
from typing import Any, Final

import rocksdict
from aiokafka import TopicPartition
from faust.tables.recovery import Recovery
from faust.types import TP

from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.seams.plain_records import plain

LEAST: Final = 1000
"""Entries that are missing; fewer are not worth a consumer of their own."""
STEP_SECONDS: Final = 30.0
_POLL_MS: Final = 500
_READ_BYTES: Final = 4 * 1024 * 1024


class Restoring(Recovery):
    """Faust's recovery of tables, with the bulk of it done here."""

    cluster: Cluster
    _turn = 0

    def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self._turn += 1  # what is being restored may be somebody else's now, and its database closed
        super().on_partitions_revoked(revoked)

    def restored(self) -> int:
        """A number that grows as long as something is being restored."""
        return sum(offset or 0 for offset in self.active_offsets.values())

    async def _seek_offsets(self, consumer: Any, tps: set[TP], offsets: Any, title: str) -> None:
        if title == "active" and not await self._caught_up(offsets):
            self.signal_recovery_start.set()  # Faust begins again, from where the tables are now
            return
        await super()._seek_offsets(consumer, tps, offsets, title)

    async def _caught_up(self, offsets: Any) -> bool:
        """Restore what is missing, if it is much; False where there is more to do."""
        # named tuples of the same fields are equal; aiokafka takes none but its own
        known = {TopicPartition(*tp): end for tp, end in self.active_highwaters.items() if tp in offsets}
        ends = {tp: end for tp, end in known.items() if end is not None}
        behind = {tp: _next(offsets[tp]) for tp, end in ends.items() if end - _next(offsets[tp]) >= LEAST}
        if not behind:
            return True
        reader = self.cluster.reader(value_deserializer=plain, max_partition_fetch_bytes=_READ_BYTES)
        await reader.start()
        try:
            reader.assign(list(behind))
            for tp, offset in behind.items():
                reader.seek(tp, offset)
            return await self._read(reader, {tp: ends[tp] + 1 for tp in behind}, offsets)
        finally:
            await reader.stop()

    async def _read(self, reader: Any, ends: dict[TP, int], offsets: Any) -> bool:
        """Read up to `ends`; False where time is up. Ends as well when partitions are taken away: Faust sees to it."""
        turn, until = self._turn, time.monotonic() + STEP_SECONDS
        waiting = dict(ends)
        while waiting:
            fetched = await reader.getmany(*waiting, timeout_ms=_POLL_MS)
            for tp in list(waiting):
                position = await reader.position(tp)
                if self._turn != turn:
                    return True
                self._write(tp, fetched.get(tp, ()), position - 1)
                offsets[tp] = position - 1
                if position >= ends[tp]:
                    reader.pause(tp)
                    del waiting[tp]
                await asyncio.sleep(0)
            if waiting and time.monotonic() > until:
                return False
        return True

    def _write(self, tp: TP, batches: Any, last: int) -> None:
        table: Any = self.tp_to_table[tp]
        store = table.data
        changes = rocksdict.WriteBatch(raw_mode=True)
        for batch in batches:
            for record in batch:
                if record.value is None:
                    changes.delete(record.key)
                else:
                    changes.put(record.key, record.value)
        if not changes.is_empty():
            store._db_for_partition(tp.partition).write(changes)
        store.set_persisted_offset(tp, last)


def _next(offset: int | None) -> int:
    return 0 if offset is None else offset + 1
