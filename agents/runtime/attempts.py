"""Finding the record that kills its worker.

Before a range of records is worked on, a mark of it is written to a small file that outlives the process (not the
machine). A mark found at start says: this range was being worked on when the process died. Died on twice, the range is
halved, until it is one record; died on again, that record is quarantined without being looked at. An orderly end, also
one by an error, is no death: it takes the marks away and keeps what earlier deaths told. A range that blocks the loop
for longer than the lease would do so for ever, and counts like a deadly one.

Several partitions are worked on at a time, and a death marks them all. So a range that is being halved is worked on
alone, or the records that waited for a server beside the deadly one would be halved along with it, and condemned.

File: one 40-byte slot a partition: epoch, first, last, deaths (int64, little-endian) and 1 where the mark stands.
"""

import asyncio
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

_SLOT = struct.Struct("<qqqqq")
DEATHS_BEFORE_HALVING = 2
DEATHS_OF_A_POISON = 3


@dataclass(frozen=True, slots=True)
class Suspect:
    """A range of one partition that was being worked on when the process died."""

    epoch: int
    first: int
    last: int
    deaths: int


class Attempts:
    """The marks of one agent in this worker.

    Parameters
    ----------
    path : Path
        The file; its folder exists.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._suspects: dict[int, Suspect] = {}
        self._marked: set[int] = set()
        self._halving = asyncio.Lock()
        for partition in range(os.fstat(self._file).st_size // _SLOT.size):
            slot = os.pread(self._file, _SLOT.size, partition * _SLOT.size)
            epoch, first, last, deaths, marked = _SLOT.unpack(slot)
            if marked:
                self._suspects[partition] = Suspect(epoch, first, last, deaths + 1)

    def suspects(self, partition: int) -> bool:
        """Whether something of this partition is suspected: then what it does is made sure of step by step.

        A death in what follows would else forget what earlier ones told of a range that is done but not acknowledged.
        """
        return partition in self._suspects

    @asynccontextmanager
    async def turn(self, partition: int) -> AsyncIterator[None]:
        """While in the context, no other range that is being halved is worked on."""
        suspect = self._suspects.get(partition)
        if suspect is None or suspect.deaths < DEATHS_BEFORE_HALVING:
            yield
        else:
            async with self._halving:
                yield

    def limit(self, partition: int, epoch: int, first: int, last: int) -> tuple[int, bool]:
        """How far to go at once, and whether that one record is to be quarantined unseen.

        Returns
        -------
        (last, poisonous)
            `last` is at most the given one.
        """
        suspect = self._suspects.get(partition)
        if suspect is None or suspect.epoch != epoch or not suspect.first <= first <= suspect.last:
            return last, False
        if suspect.deaths < DEATHS_BEFORE_HALVING:
            return min(last, suspect.last), False
        if suspect.first == suspect.last:
            return first, suspect.deaths >= DEATHS_OF_A_POISON
        return min(last, first + (suspect.last - first) // 2), False

    def begin(self, partition: int, epoch: int, first: int, last: int) -> None:
        """Mark the range as being worked on."""
        suspect = self._suspects.get(partition)
        same = suspect is not None and (suspect.epoch, suspect.first, suspect.last) == (epoch, first, last)
        halved = suspect is not None and suspect.epoch == epoch and suspect.first <= first and last <= suspect.last
        deaths = 0
        if suspect and same:
            deaths = suspect.deaths
        elif suspect and halved:
            # a part inherits the deaths of its whole, but for one: it is halved, or condemned, after one more
            most = DEATHS_OF_A_POISON if first == last else DEATHS_BEFORE_HALVING
            deaths = min(suspect.deaths, most - 1)
        self._write(partition, (epoch, first, last, deaths, 1))
        self._marked.add(partition)

    def end(self, partition: int, done: int) -> None:
        """Take the mark away; everything up to raw offset `done` is no longer suspected."""
        suspect = self._suspects.get(partition)
        if suspect is not None and done >= suspect.last:
            del self._suspects[partition]
        if partition in self._marked:
            self._write(partition, (0, 0, 0, 0, 0))
            self._marked.discard(partition)

    def stood_still(self, partition: int) -> None:
        """Let the mark stand, as a death would: what is marked took so long that the worker lost its lease."""
        self._marked.discard(partition)
        self._suspects.pop(partition, None)

    def close(self) -> None:
        """End in order: what stands marked was not deadly. Suspicions of before stay as they were."""
        for partition in self._marked:
            self._write(partition, (0, 0, 0, 0, 0))
        for partition, suspect in self._suspects.items():
            self._write(partition, (suspect.epoch, suspect.first, suspect.last, suspect.deaths - 1, 1))
        os.close(self._file)

    def _write(self, partition: int, slot: tuple[int, int, int, int, int]) -> None:
        os.pwrite(self._file, _SLOT.pack(*slot), partition * _SLOT.size)
