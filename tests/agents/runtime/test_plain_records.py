"""Records read without Python's own object around each are the records that aiokafka gives."""

from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition

from penstock.agents.runtime import cluster, plain_records
from penstock.agents.runtime.plain_records import plain

TP = TopicPartition("t", 3)
READ_COMMITTED = 1


def batch(first: int, values: list[bytes | None], producer: int = -1) -> bytes:
    made = DefaultRecordBatchBuilder(2, 0, int(producer >= 0), producer, 0, 0 if producer >= 0 else -1, 1 << 20)
    for number, value in enumerate(values):
        made.append(number, 1000 + number, b"k%d" % number, value, [("h", b"x"), ("n", None)])
    data = bytearray(made.build())
    data[:8] = first.to_bytes(8, "big")
    return bytes(data)


def records(data: bytes, fetch_offset: int, deserializer: Any, aborted: Any = ()) -> Any:
    assert cluster.plain_records is plain_records, "importing the cluster installs it"
    return fetcher.PartitionRecords(
        TP, fetcher.MemoryRecords(data), list(aborted), fetch_offset, None, deserializer, True, READ_COMMITTED
    )


def told(found: Any) -> list[Any]:
    return [(r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in found]


@pytest.mark.parametrize("fetch_offset", [0, 1, 2])
def test_they_are_those_of_aiokafka(fetch_offset: int) -> None:
    data = batch(0, [b"a", None, b"c"]) + batch(3, [b"d", b"e"])
    lean, usual = records(data, fetch_offset, plain), records(data, fetch_offset, None)
    first = list(lean)
    assert told(first) == told(usual) and [record.offset for record in first] == list(range(fetch_offset, 5))
    assert lean.next_fetch_offset == usual.next_fetch_offset == 5
    assert not hasattr(first[0], "topic"), "no object of Python's is made of them"


def test_what_was_aborted_is_left_out() -> None:
    data = batch(0, [b"a"], producer=7) + batch(1, [b"b"]) + batch(2, [b"c"], producer=8)
    assert [record.value for record in records(data, 0, plain, aborted=[(7, 0)])] == [b"b", b"c"]


def test_others_get_what_they_know() -> None:
    (record,) = records(batch(5, [b"a"]), 5, None)
    assert (record.topic, record.partition, record.offset) == ("t", 3, 5)


def test_a_part_is_taken_and_the_rest_later() -> None:
    found = records(batch(0, [b"a", b"b", b"c"]), 0, plain)
    taken = [next(iter(found)), next(iter(found))]
    assert [record.value for record in taken] == [b"a", b"b"] and found.next_fetch_offset == 2
    assert [record.value for record in found] == [b"c"]
