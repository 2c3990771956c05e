"""Faust's RocksDB store of a table, which stays closed once it is stopped.

Faust stops its tables first and flushes the changelog behind them; each acknowledgement notes how far the changelog
has come, and opens the database anew to do so. It then stays open, and locked, until the garbage of a stopped app is
collected: the agent that is started anew in the same process waits for the lock for half a minute, and gives up.
What is not noted is read from the changelog once more.
"""

import contextlib
from typing import Any

from faust.stores import STORES
from faust.stores.rocksdb import Store
from faust.types import TP

from penstock.model.errors import PenstockError

URL = "penstock-table://?driver=rocksdict"
STORES.aliases["penstock-table"] = f"{__name__}:TableStore"


class TableStore(Store):
    """One database a partition; none is opened but by an assignment."""

    _shut = False

    def set_persisted_offset(self, tp: TP, offset: int) -> None:
        """Note how far the changelog of `tp` has come, where its database is open."""
        if tp.partition in self._dbs:
            super().set_persisted_offset(tp, offset)

    async def stop(self) -> None:
        """Close what is open, whoever else still holds it."""
        self._shut = True
        for database in self._dbs.values():
            with contextlib.suppress(Exception):
                database.close()
        await super().stop()

    def _open_for_partition(self, partition: int) -> Any:
        if self._shut:
            raise PenstockError(f"the table of partition {partition} was closed when its agent was stopped")
        return super()._open_for_partition(partition)
