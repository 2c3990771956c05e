"""Messages as the C library of aiokafka reads them, without an object of Python's around each.

aiokafka copies every record into a dataclass that names its topic and partition as well; who reads whole partitions
knows those. A consumer asks for it with ``value_deserializer=plain``. The seam is the name `PartitionRecords` in
aiokafka's fetcher.
"""

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher


def plain(value: bytes | None) -> bytes | None:
    """Leaves a value as it is; it is never called, and marks the consumers whose records are plain."""
    return value


class _Records(fetcher.PartitionRecords):  # type: ignore[misc] # aiokafka ships no types
    def __iter__(self) -> Iterator[Any]:
        return iter(self._records_iterator)  # one call a record less than through `__next__`

    def _consumer_record(self, tp: Any, record: Any) -> Any:
        return record if self._value_deserializer is plain else super()._consumer_record(tp, record)


def install() -> None:
    """Let consumers in this process read so, where they ask for it."""
    fetcher.PartitionRecords = _Records
