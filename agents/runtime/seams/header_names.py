r"""Header names that are not UTF-8: Kafka takes any bytes, aiokafka's consumer stops at them for ever.

A record batch with such a name is read again by aiokafka's own reader in Python, byte by byte of the same batch, with
what is no UTF-8 written as ``\xff``. The seam is the name `MemoryRecords` in aiokafka's fetcher.
"""

import struct
from collections.abc import Iterator
from itertools import islice
from typing import Any, SupportsIndex

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

_LENGTH = struct.Struct(">q i")  # of each batch: its first offset, and how many bytes follow


class _Text(bytes):
    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


class _Buffer(bytearray):
    """Bytes whose parts are texts in any case."""

    def __getitem__(self, key: SupportsIndex | slice) -> Any:
        found = super().__getitem__(key)
        return _Text(found) if isinstance(key, slice) else found


class _Lenient(_DefaultRecordBatchPy):  # type: ignore[misc] # aiokafka ships no types
    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer: Any = _Buffer(self._buffer)


class _Batch:
    """One batch of records; everything but reading them is the fast reader's."""

    def __init__(self, batch: Any, data: memoryview) -> None:
        self._batch = batch
        self._data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        read = 0
        try:
            for record in self._batch:
                yield record
                read += 1
        except UnicodeDecodeError:
            yield from islice(_Lenient(self._data), read, None)

    def __next__(self) -> Any:
        return next(self._batch)


class _Records:
    """What one fetch brought of a partition, batch by batch."""

    def __init__(self, data: bytes) -> None:
        self._records = MemoryRecords(data)
        self._data = memoryview(data)
        self._position = 0

    def size_in_bytes(self) -> int:
        return int(self._records.size_in_bytes())

    def has_next(self) -> bool:
        return bool(self._records.has_next())

    def next_batch(self) -> _Batch:
        begin = self._position
        _, length = _LENGTH.unpack_from(self._data, begin)
        self._position = begin + _LENGTH.size + length
        return _Batch(self._records.next_batch(), self._data[begin : self._position])


def install() -> None:
    """Let every consumer in this process read so."""
    fetcher.MemoryRecords = _Records
