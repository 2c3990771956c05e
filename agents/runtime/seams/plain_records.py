"""Messages as the C library of aiokafka reads them, unpacked when they are looked at and not before.

aiokafka unpacks all that a fetch brought and copies every record into a dataclass that names its topic and partition as
well. Who reads whole partitions knows those, and takes records one after the other: a few hundred fresh ones stay in
the processor's cache while they are worked on, thousands do not, which made up half of the cost of reading them.

A consumer asks for it with ``value_deserializer=plain`` and is given a `Packed` where others are given a record: one a
batch. What is checked of batches (sums, aborted transactions, markers) is aiokafka's. The seam is the name
`PartitionRecords` in aiokafka's fetcher.
"""

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher


def plain(value: bytes | None) -> bytes | None:
    """Leaves a value as it is; it is never called, and marks the consumers whose records are plain."""
    return value


class Packed:
    """A batch of records; iterate, once, for those that were asked for.

    A record has ``offset``, ``timestamp`` (milliseconds), ``key``, ``value`` and ``headers``, a list.

    Attributes
    ----------
    offset : int
        The last one that the batch stands for, whether or not a record of it is left.
    """

    __slots__ = ("_batch", "begin", "offset")

    def __init__(self, batch: Any) -> None:
        self._batch = batch
        self.offset: int = batch.next_offset - 1
        self.begin = 0

    def __iter__(self) -> Iterator[Any]:
        for record in self._batch:
            if record.offset >= self.begin:
                yield record


class _Sealed:
    """A batch that has one record for aiokafka: itself."""

    def __init__(self, batch: Any) -> None:
        self._batch = batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)  # what a control batch says

    def __iter__(self) -> Iterator[Packed]:
        yield Packed(self._batch)


class _SealedRecords:
    def __init__(self, records: Any) -> None:
        self._records = records

    def has_next(self) -> bool:
        return bool(self._records.has_next())

    def next_batch(self) -> _Sealed:
        return _Sealed(self._records.next_batch())


class _Records(fetcher.PartitionRecords):  # type: ignore[misc] # aiokafka ships no types
    def _unpack_records(self) -> Iterator[Any]:
        if self._value_deserializer is plain:
            self._records: Any = _SealedRecords(self._records)
        return super()._unpack_records()  # type: ignore[no-any-return]

    def _consumer_record(self, tp: Any, record: Any) -> Any:
        if not isinstance(record, Packed):
            return super()._consumer_record(tp, record)
        record.begin = self.next_fetch_offset
        return record


def install() -> None:
    """Let consumers in this process read so, where they ask for it."""
    fetcher.PartitionRecords = _Records
