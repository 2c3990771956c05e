"""Records that are unpacked when they are looked at are the records that aiokafka gives."""

from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from penstock.agents.runtime import cluster
from penstock.agents.runtime.seams import plain_records
from penstock.agents.runtime.seams.plain_records import Packed, plain

TP = TopicPartition("t", 3)
READ_COMMITTED = 1
NONE, ZSTD = 0, 4
CONTROL = 0x20
ABORT = b"\x00\x00\x00\x00"  # version 0, type 0


def batch(
    first: int, values: list[bytes | None], producer: int = -1, compression: int = NONE, key: bytes = b"k"
) -> bytearray:
    transactional = producer >= 0
    made = DefaultRecordBatchBuilder(
        2, compression, int(transactional), producer, 0, 0 if transactional else -1, 1 << 20
    )
    for number, value in enumerate(values):
        made.append(number, 1000 + number, key, value, [("header", b"x"), ("n", None)])
    data = bytearray(made.build())
    data[:8] = first.to_bytes(8, "big")
    return data


def summed(data: bytearray) -> bytearray:
    data[17:21] = calc_crc32c(bytes(data[21:])).to_bytes(4, "big")
    return data


def marker(first: int, producer: int, key: bytes) -> bytearray:
    data = batch(first, [b""], producer, key=key)
    data[22] |= CONTROL
    return summed(data)


def records(data: bytes, fetch_offset: int, deserializer: Any, aborted: Any = ()) -> Any:
    assert cluster.plain_records is plain_records, "importing the cluster installs it"
    return fetcher.PartitionRecords(
        TP, fetcher.MemoryRecords(bytes(data)), list(aborted), fetch_offset, None, deserializer, True, READ_COMMITTED
    )


def told(found: Any) -> list[Any]:
    return [(r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in found]


def unpacked(found: Any) -> list[Any]:
    return [record for packed in found for record in packed]


@pytest.mark.parametrize("compression", [NONE, ZSTD])
@pytest.mark.parametrize("fetch_offset", range(3))
def test_they_are_those_of_aiokafka(fetch_offset: int, compression: int) -> None:
    data = batch(0, [b"a", None, b"c" * 99], compression=compression) + batch(3, [b"d", b"e"])
    lean, usual = records(data, fetch_offset, plain), records(data, fetch_offset, None)
    found, expected = told(unpacked(lean)), told(usual)
    assert found == expected and [record[0] for record in found] == list(range(fetch_offset, 5))
    assert lean.next_fetch_offset == usual.next_fetch_offset == 5


def test_nothing_is_unpacked_before_it_is_looked_at() -> None:
    found = list(records(batch(0, [b"a", b"b"]) + batch(2, [b"c"]), 1, plain))
    assert [(type(packed), packed.offset) for packed in found] == [(Packed, 1), (Packed, 2)]
    first = iter(found[0])
    assert next(first).value == b"b"
    assert [record.value for record in found[1]] == [b"c"]
    assert not list(first)


def test_what_was_aborted_is_left_out() -> None:
    data = (
        batch(0, [b"a"], producer=7)
        + batch(1, [b"b"])
        + marker(2, 7, ABORT)
        + batch(3, [b"c"], producer=7)
        + batch(4, [b"d"], producer=8)
    )
    found = records(data, 0, plain, aborted=[(7, 0)])
    assert [record.value for record in unpacked(found)] == [b"b", b"c", b"d"]
    assert found.next_fetch_offset == 5
    assert told(records(data, 0, None, aborted=[(7, 0)]))[0][3] == b"b"


def test_what_compaction_left_of_a_batch_is_stepped_over() -> None:
    data = batch(0, [b"a"])
    data[23:27] = (9).to_bytes(4, "big")  # the last offset of the batch stays when its records are gone
    found = records(summed(data) + batch(10, [b"b"]), 0, plain)
    packed = list(found)
    assert [each.offset for each in packed] == [9, 10]
    assert [record.offset for record in unpacked(packed)] == [0, 10] and found.next_fetch_offset == 11


def test_a_damaged_batch_is_no_batch() -> None:
    data = batch(0, [b"a"])
    data[-1] ^= 1
    with pytest.raises(CorruptRecordException):
        list(records(data, 0, plain))


def test_others_get_what_they_know() -> None:
    (record,) = records(batch(5, [b"a"]), 5, None)
    assert (record.topic, record.partition, record.offset) == ("t", 3, 5)


@pytest.mark.parametrize("deserializer", [plain, None])
def test_names_of_headers_that_are_not_utf8_come_in_their_place(deserializer: Any) -> None:
    data = batch(0, [b"a", b"b", b"c"])
    at = data.index(b"header", data.index(b"header") + 1)  # of the second record
    data[at : at + 6] = b"he\xffder"
    found = records(summed(data), 0, deserializer)
    read = [(r.offset, r.value, r.headers[0][0]) for r in (unpacked(found) if deserializer else found)]
    assert read == [(0, b"a", "header"), (1, b"b", "he\\xffder"), (2, b"c", "header")]
