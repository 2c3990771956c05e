"""The claim check: data too large to travel in a frame waits in a store, the frame carries its address.

Stages never notice: a hop fetches the data before its chain runs and puts what is still large back afterwards. The
store is content-addressed, so a hop that does not change the data puts nothing, and repeating costs nothing.
"""

import asyncio
from collections.abc import Sequence

from penstock.model.record import Entry, Kept
from penstock.stores.claims import Claims


class Payloads:
    """Moves large data in and out of frames.

    Parameters
    ----------
    claims : Claims
        The store; blocking, so it is called in threads.
    limit : int
        Bytes above which data does not travel.
    """

    def __init__(self, claims: Claims, limit: int) -> None:
        self._claims = claims
        self._limit = limit

    async def fetch(self, entries: Sequence[Entry]) -> list[Entry]:
        """The entries with all data in place; those that carry an address are copied, the others are as they were."""
        if not any(isinstance(entry, Kept) and entry.claim for entry in entries):
            return list(entries)
        return [await self._fetched(entry) for entry in entries]

    async def stow(self, entries: list[Entry]) -> None:
        """Put data above the limit into the store and leave its address; changes the entries in place."""
        for entry in entries:
            if isinstance(entry, Kept) and entry.data is not None and len(entry.data) > self._limit:
                entry.claim = await asyncio.to_thread(self._claims.put, entry.data)
                entry.data = b""

    async def _fetched(self, entry: Entry) -> Entry:
        if not isinstance(entry, Kept) or not entry.claim:
            return entry
        data = await asyncio.to_thread(self._claims.get, entry.claim)
        return Kept(entry.offset, entry.timestamp, data, entry.notes, entry.key, entry.headers, entry.origin, claim="")
