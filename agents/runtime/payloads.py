"""The claim check: data too large to travel in a frame waits in a store, the frame carries its address.

Stages never notice: a hop fetches the data before its chain runs and puts what is still large back afterwards. The
store is content-addressed, so a hop that does not change the data puts nothing, and repeating costs nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from penstock.agents.chain import Aside, trace
from penstock.agents.runtime.patience import patiently
from penstock.model.errors import RecordError
from penstock.model.record import Entry, Kept, Stub, record_id
from penstock.stores.claims import Claims
from penstock.topology.spec import Pipeline

_In = TypeVar("_In")
_Out = TypeVar("_Out")


class Payloads:
    """Moves large data in and out of frames.

    Parameters
    ----------
    claims : Claims
        The store; blocking, so it is called in threads.
    pipeline : Pipeline
        Says above how many bytes data does not travel, and how a store that does not answer is waited for.
    """

    def __init__(self, claims: Claims, pipeline: Pipeline) -> None:
        self._claims = claims
        self._pipeline = pipeline
        self._limit = pipeline.batching.claim_bytes

    async def fetch(self, entries: Sequence[Entry], partition: int, agent: str, gone: list[Aside]) -> list[Entry]:
        """The entries with all data in place; those that carry an address are copied, the others are as they were.

        Parameters
        ----------
        partition, agent
            Of the raw topic; who asks.
        gone : list of Aside
            Records whose data the store lost are added; a stub stands for them in what is returned.
        """
        if not [entry for entry in entries if isinstance(entry, Kept) and entry.claim]:
            return list(entries)
        return [await self._fetched(entry, partition, agent, gone) for entry in entries]

    async def stow(self, entries: list[Entry]) -> None:
        """Put data above the limit into the store and leave its address; changes the entries in place."""
        limit = self._limit
        large = [entry for entry in entries if isinstance(entry, Kept) and entry.data and len(entry.data) > limit]
        for entry in large:
            entry.claim = await self._patiently(self._claims.put, entry.data or b"")
            entry.data = b""

    async def _fetched(self, entry: Entry, partition: int, agent: str, gone: list[Aside]) -> Entry:
        if not isinstance(entry, Kept) or not entry.claim:
            return entry
        try:
            data = await self._patiently(self._claims.get, entry.claim)
        except RecordError as error:
            known = record_id(self._pipeline.raw_topic, partition, entry)
            gone.append(Aside(entry.offset, known, agent, "claim_gone", "dead", error.message, trace(error)))
            return Stub(entry.offset, entry.timestamp, "dead", agent, "claim_gone", entry.origin)
        return Kept(entry.offset, entry.timestamp, data, entry.notes, entry.key, entry.headers, entry.origin, claim="")

    async def _patiently(self, call: Callable[[_In], _Out], argument: _In) -> _Out:
        labels = (self._pipeline.name, "claims")
        return await patiently(lambda: asyncio.to_thread(call, argument), self._pipeline.error_handling, labels)
