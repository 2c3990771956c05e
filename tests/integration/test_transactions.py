"""Transactions in raw topics, and sources, which write theirs."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import confluent_kafka
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from penstock.agents.runtime.source import SourceTask
from penstock.model.component import Page, SourceConfig, SourceRecord, Unreadable
from penstock.model.errors import FencedError, SourceError

pytestmark = pytest.mark.integration


def _value(number: int) -> bytes:
    return json.dumps({"id": number}).encode()


def _ids(messages: list[Any]) -> list[int]:
    return [json.loads(message.value).get("data", json.loads(message.value))["id"] for message in messages]


def _transactions(rig: Any, topic: str, number: int, *, commit: bool, count: int = 5) -> None:
    producer = rig.producer(**{"transactional.id": f"{rig.name}-producer"})
    producer.init_transactions(20)
    producer.begin_transaction()
    for id in range(number, number + count):
        producer.produce(topic, _value(id), partition=id % 2)
    producer.flush(20)
    if commit:
        producer.commit_transaction(20)
    else:
        producer.abort_transaction(20)


async def test_aborted_records_never_come_out_and_markers_are_accounted_for(rig, make_raw) -> None:
    plan = await rig.ensure(rig.plan(raw={"partitions": 2}))
    topic, expected = plan.pipeline.raw_topic, []
    for number in range(0, 60, 10):
        commit = number % 20 == 0
        await asyncio.to_thread(_transactions, rig, topic, number, commit=commit)
        expected += range(number, number + 5) if commit else []
    # the last transaction was aborted: nothing but what it left, and markers, stands at the end of both partitions
    assert len(rig.read(topic, "read_uncommitted")) > len(expected)
    async with rig.working(plan):
        await rig.delivered(plan)
        assert {p: owed for p, (_, owed) in rig.positions(plan).items()} == rig.ends(topic)
        # and the same of what comes while it runs
        await asyncio.to_thread(_transactions, rig, topic, 100, commit=False)
        await asyncio.to_thread(_transactions, rig, topic, 110, commit=True)
        await asyncio.to_thread(_transactions, rig, topic, 120, commit=False)
        await rig.delivered(plan)
        expected += range(110, 115)
    assert sorted(_ids(rig.read(plan.pipeline.enriched_topic))) == sorted(expected)
    assert rig.read(plan.pipeline.dead_letter_topic) == []


async def test_a_raw_topic_with_nothing_but_markers_is_done(rig) -> None:
    plan = await rig.ensure(rig.plan(raw={"partitions": 2}))
    await asyncio.to_thread(_transactions, rig, plan.pipeline.raw_topic, 0, commit=False)
    await rig.run(plan)
    assert rig.read(plan.pipeline.enriched_topic) == []


class Numbers:
    """A source of numbers, which does as its script says: the name of a step, by the number of the call."""

    id = "numbers"

    def __init__(self, pages: int, script: dict[int, Callable[[], Any]] | None = None, size: int = 0) -> None:
        self._pages = pages
        self._script = script or {}
        self._blob = "x" * size
        self.calls = 0

    async def fetch(self, cursor: dict[str, Any] | None) -> Page:
        self.calls += 1
        if self.calls in self._script:
            await self._script[self.calls]()
        begin = cursor["next"] if cursor else 0
        records = [SourceRecord(_value(number), b"k%d" % (number % 3)) for number in range(begin, begin + 4)]
        return Page(records, {"next": begin + 4}, done=begin // 4 + 1 >= self._pages)

    async def close(self) -> None:
        pass


async def _fail() -> None:
    raise SourceError("the source broke off")


def _task(rig: Any, plan: Any, source: Any) -> SourceTask:
    return SourceTask(rig.cluster, plan, "numbers", "scripted", source, SourceConfig())


async def test_a_source_that_breaks_off_between_pages_neither_repeats_nor_skips(rig) -> None:
    plan = await rig.ensure(rig.plan(raw={"partitions": 2}))
    for broken_at in (3, 1, 2):
        with pytest.raises(SourceError):
            await _task(rig, plan, Numbers(9, {broken_at: _fail})).run(asyncio.Event(), until_done=True)
    await _task(rig, plan, Numbers(9)).run(asyncio.Event(), until_done=True)
    messages = rig.read(plan.pipeline.raw_topic)
    assert sorted(_ids(messages)) == list(range(36))
    for partition in (0, 1):
        by_key: dict[bytes, list[int]] = {}
        for message in messages:
            if message.partition == partition:
                by_key.setdefault(message.key, []).append(message.json["id"])
        assert all(ids == sorted(ids) for ids in by_key.values())


async def test_a_source_cut_off_while_it_writes_a_page_neither_repeats_nor_skips(rig) -> None:
    plan = await rig.ensure(rig.plan(raw={"partitions": 2}))
    fetched = asyncio.Event()

    async def tell() -> None:
        fetched.set()

    for _ in range(4):
        fetched.clear()
        task = asyncio.create_task(_task(rig, plan, Numbers(50, {2: tell})).run(asyncio.Event(), until_done=True))
        await asyncio.wait_for(fetched.wait(), 20)
        await asyncio.sleep(0)
        task.cancel()  # wherever it is: the page's transaction is open, or it is being committed
        with pytest.raises(asyncio.CancelledError):
            await task
    await _task(rig, plan, Numbers(8)).run(asyncio.Event(), until_done=True)
    ids = sorted(_ids(rig.read(plan.pipeline.raw_topic)))
    assert ids == list(range(len(ids)))
    assert len(ids) >= 32


async def test_of_two_processes_with_one_source_the_earlier_is_fenced(rig) -> None:
    plan = await rig.ensure(rig.plan(raw={"partitions": 2}))
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        await go_on.wait()

    earlier = asyncio.create_task(_task(rig, plan, Numbers(9, {3: wait})).run(asyncio.Event(), until_done=True))
    await asyncio.wait_for(reached.wait(), 20)
    await _task(rig, plan, Numbers(9)).run(asyncio.Event(), until_done=True)
    go_on.set()
    with pytest.raises(FencedError, match="numbers"):
        await earlier
    assert sorted(_ids(rig.read(plan.pipeline.raw_topic))) == list(range(36))


async def test_a_record_of_a_source_that_the_broker_refuses_is_set_aside_and_the_others_go_on(rig) -> None:
    rig.create(f"{rig.name}.raw", max_message_bytes="20000")
    plan = await rig.ensure(rig.plan())

    class Mixed(Numbers):
        async def fetch(self, cursor: dict[str, Any] | None) -> Page:
            large = SourceRecord(b'{"id":99,"blob":"%b"}' % b"".join(b"%x" % (n * 7919) for n in range(20_000)), b"k")
            page = await super().fetch(cursor)
            ragged = [Unreadable(b"?", "ragged"), Unreadable(b"!", "ragged")]
            return Page([page.records[0], large, *page.records[1:], *ragged], page.cursor, page.done)

    count = await _task(rig, plan, Mixed(1)).run(asyncio.Event(), until_done=True)
    assert sorted(_ids(rig.read(plan.pipeline.raw_topic))) == [0, 1, 2, 3]
    letters = rig.read(plan.pipeline.dead_letter_topic)
    assert sorted(letter.json["code"] for letter in letters) == ["ragged", "ragged", "too_large"]
    assert len({letter.key for letter in letters}) == 3  # each can be told from the others, and replayed
    assert (count.records, count.unreadable) == (4, 3)


async def test_a_source_that_does_not_hear_whether_its_page_was_committed_neither_repeats_nor_skips(
    rig, monkeypatch
) -> None:
    plan = await rig.ensure(rig.plan(raw={"partitions": 2}))
    commit, calls = AIOKafkaProducer.commit_transaction, []

    async def unheard(self: AIOKafkaProducer) -> None:
        calls.append(1)
        if len(calls) != 4:
            await commit(self)
        if len(calls) in (2, 4):
            raise KafkaConnectionError("injected")

    monkeypatch.setattr(AIOKafkaProducer, "commit_transaction", unheard)
    await _task(rig, plan, Numbers(6)).run(asyncio.Event(), until_done=True)
    assert sorted(_ids(rig.read(plan.pipeline.raw_topic))) == list(range(24))
    assert len(calls) == 7


async def test_what_others_leave_open_is_waited_for(rig, make_raw) -> None:
    plan = await rig.ensure(rig.plan())
    producer = rig.producer(**{"transactional.id": f"{rig.name}-open"})
    await asyncio.to_thread(producer.init_transactions, 20)
    producer.begin_transaction()
    producer.produce(plan.pipeline.raw_topic, _value(0), partition=0)
    await asyncio.to_thread(producer.flush, 20)
    rig.produce(plan.pipeline.raw_topic, [make_raw(_value(1))])
    async with rig.working(plan) as worker:
        await rig.until(worker.ready, "the worker")
        assert rig.read(plan.pipeline.enriched_topic) == []
        await asyncio.to_thread(producer.commit_transaction, 20)
        await rig.delivered(plan)
    assert _ids(rig.read(plan.pipeline.enriched_topic)) == [0, 1]
    assert isinstance(producer, confluent_kafka.Producer)
