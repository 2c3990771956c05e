"""Replaying dead letters and releasing quarantined records, on a real Kafka."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import ProducerFenced

from penstock.agents.runtime.messages import read_all
from penstock.agents.runtime.replay import Letter, read_letters, read_original, replay, select
from penstock.codecs.dead_letter import HEADER_SETTLED, DeadLetter, encode
from penstock.model.record import HEADER_ORIGIN, Outcome

pytestmark = pytest.mark.integration


async def write(made: Any, *letters: DeadLetter) -> None:
    """Letters, as the runtime writes them."""
    async with producing(made) as producer:
        for letter in letters:
            pipeline = made.plan.pipeline
            topic = pipeline.quarantine_topic if letter.outcome == "quarantined" else pipeline.dead_letter_topic
            partition = max(letter.partition, 0)
            await producer.send_and_wait(topic, encode(letter), key=letter.message_key, partition=partition)


class producing:  # noqa: N801 # reads as a verb
    def __init__(self, made: Any) -> None:
        self._producer = made.cluster.producer()

    async def __aenter__(self) -> Any:
        await self._producer.start()
        return self._producer

    async def __aexit__(self, *rest: object) -> None:
        await self._producer.stop()


def letter(made: Any, offset: int, *, stage: str = "tag", code: str = "stage", **given: Any) -> DeadLetter:
    outcome: Outcome = given.pop("outcome", "dead")
    pipeline, partition = made.plan.pipeline, given.pop("partition", offset % 2)
    return DeadLetter(
        id=given.pop("id", f"{pipeline.raw_topic}/{partition}/{offset}"),
        pipeline=pipeline.name,
        stage=stage,
        code=code,
        outcome=outcome,
        topic=pipeline.raw_topic,
        partition=partition,
        offset=offset,
        timestamp=0,
        failed_at=1000 + offset,
        **{"key": b"k%d" % offset, "value": b'{"n":%d}' % offset, "headers": [("h", b"\xff")], **given},
    )


async def ends(made: Any, isolation: str) -> dict[TopicPartition, int]:
    consumer = made.cluster.reader(isolation_level=isolation)
    await consumer.start()
    try:
        tps = [TopicPartition(made.plan.pipeline.raw_topic, partition) for partition in range(2)]
        return dict(await consumer.end_offsets(tps))
    finally:
        await consumer.stop()


async def raw(made: Any) -> list[Any]:
    """All that is committed; a broker answers a commit before it has written so into the partitions."""
    deadline = time.monotonic() + 30
    while await ends(made, "read_committed") != await ends(made, "read_uncommitted"):
        assert time.monotonic() < deadline
    pipeline = made.plan.pipeline
    return [m async for messages in read_all(made.cluster, pipeline.raw_topic, range(2)) for m in messages]


async def test_the_original_bytes_come_again_once(bench: Callable[..., Any]) -> None:
    made = bench()
    await made.ensure()
    await write(made, letter(made, 0), letter(made, 1), letter(made, 1), letter(made, 2, value=None, original="gone"))
    first = await replay(made.cluster, made.plan)
    assert (first.sent, first.before, first.gone, first.unknown) == (2, 0, 1, [])
    found = sorted(await raw(made), key=lambda message: message.key)
    assert [(m.key, m.value, m.partition) for m in found] == [(b"k0", b'{"n":0}', 0), (b"k1", b'{"n":1}', 1)]
    name = made.plan.pipeline.raw_topic
    assert list(found[1].headers) == [("h", b"\xff"), (HEADER_ORIGIN, f"{name}/1/1".encode())]

    again = await replay(made.cluster, made.plan)
    assert (again.sent, again.before, again.gone) == (0, 2, 1)
    assert len(await raw(made)) == 2
    assert (await replay(made.cluster, made.plan, again=True)).sent == 2
    assert len(await raw(made)) == 4


async def test_letters_are_one_for_each_key_and_know_their_replay(bench: Callable[..., Any]) -> None:
    made = bench()
    await made.ensure()
    one = letter(made, 1)
    await write(made, one, one, letter(made, 2, stage="license", code="other"))
    letters = await read_letters(made.cluster, made.plan)
    assert [(each.letter.offset, each.written, each.replayed_at) for each in letters] == [(1, 2, None), (2, 1, None)]
    assert [each.letter.value for each in letters] == [None, None]
    assert (await read_original(made.cluster, letters[0])).value == b'{"n":1}'

    await replay(made.cluster, made.plan, ids=[one.id])
    letters = await read_letters(made.cluster, made.plan)
    assert [each.replayed_at is not None for each in letters] == [True, False]
    await write(made, one)  # a worker that was stopped before the replay
    newest = {each.letter.offset: each for each in await read_letters(made.cluster, made.plan)}
    assert newest[1].replayed_at is not None and newest[1].written == 3
    assert (await replay(made.cluster, made.plan, ids=[one.id])).sent == 0
    await write(made, letter(made, 9, id=one.id))  # it failed again
    newest = {each.letter.offset: each for each in await read_letters(made.cluster, made.plan)}
    assert 1 not in newest and newest[9].replayed_at is None and newest[9].written == 4
    await write(made, one)
    newest = {each.letter.offset: each for each in await read_letters(made.cluster, made.plan)}
    assert newest[9].replayed_at is None, "the late one hides nothing"
    assert (await replay(made.cluster, made.plan, ids=[one.id])).sent == 1


async def test_a_source_that_reads_a_broken_row_again_writes_it_anew(bench: Callable[..., Any]) -> None:
    made = bench()
    await made.ensure()
    row = letter(made, -1, partition=-1, id="file:1", stage="source-csv")
    for _ in range(2):
        await write(made, row)
        assert (await replay(made.cluster, made.plan)).sent == 1
        assert (await replay(made.cluster, made.plan)).before == 1


async def test_what_is_not_settled_waits(bench: Callable[..., Any]) -> None:
    made = bench()
    await made.ensure()
    given = {"stage": "license", "code": "license_unknown", "outcome": "quarantined"}
    one, two = letter(made, 2, **given), letter(made, 4, **given)
    await write(made, one, two)
    async with producing(made) as producer:
        for at in (two.place, b"0/99"):
            await producer.send_and_wait(
                made.plan.pipeline.quarantine_topic, None, key=two.message_key, partition=0,
                headers=[(HEADER_SETTLED, at)],
            )  # fmt: skip
    letters = await read_letters(made.cluster, made.plan, quarantine=True)
    assert [(each.letter.offset, each.settled) for each in letters] == [(2, False), (4, True)]
    done = await replay(made.cluster, made.plan, quarantine=True, settled=True)
    assert (done.sent, done.before, done.gone) == (1, 0, 0)
    assert [message.value for message in await raw(made)] == [b'{"n":4}']
    await write(made, letter(made, 6, id=two.id, **given))
    letters = await read_letters(made.cluster, made.plan, quarantine=True)
    assert [(each.letter.offset, each.settled) for each in letters] == [(2, False), (6, False)], "it begins again"


async def test_selection(bench: Callable[..., Any]) -> None:
    made = bench()
    letters = [
        Letter(letter(made, n, stage=stage, code=code), "t", 0, n)
        for n, (stage, code) in enumerate([("tag", "a"), ("tag", "b"), ("license", "b")])
    ]
    assert [each.offset for each in select(letters, code="b")] == [1, 2]
    assert [each.offset for each in select(letters, stage="tag", code="b")] == [1]
    assert [each.offset for each in select(letters, ids=[letters[2].letter.id])] == [2]


async def test_an_id_that_no_letter_has_is_told(bench: Callable[..., Any]) -> None:
    made = bench()
    await made.ensure()
    assert (await replay(made.cluster, made.plan, ids=["x/0/1"])).unknown == ["x/0/1"]


async def test_letters_of_sources_go_by_key_or_in_turns(bench: Callable[..., Any]) -> None:
    made = bench()
    await made.ensure()
    from_source = [
        letter(made, -1, partition=-1, id=f"file:{n}", stage="source-csv", key=None, value=b"row %d" % n)
        for n in range(4)
    ]
    await write(made, *from_source)
    assert (await replay(made.cluster, made.plan)).sent == 4
    found = await raw(made)
    assert sorted(message.partition for message in found) == [0, 0, 1, 1]
    assert {dict(message.headers)[HEADER_ORIGIN] for message in found} == {b"file:0", b"file:1", b"file:2", b"file:3"}


async def test_release_from_quarantine_with_a_license(bench: Callable[..., Any]) -> None:
    made = bench()
    await made.ensure()
    await write(made, letter(made, 3, stage="license", code="license_missing", outcome="quarantined"))
    assert (await replay(made.cluster, made.plan)).sent == 0
    done = await replay(made.cluster, made.plan, quarantine=True, headers=[("penstock-license", b"MIT"), ("h", b"1")])
    assert done.sent == 1
    (message,) = await raw(made)
    assert dict(message.headers)["penstock-license"] == b"MIT" and dict(message.headers)["h"] == b"1"


async def test_a_replayed_record_keeps_its_first_id_to_the_end(bench: Callable[..., Any]) -> None:
    made = bench()
    await made.produce(b"{broken")
    await made.run()
    (found,) = await read_letters(made.cluster, made.plan)
    await replay(made.cluster, made.plan)
    result = await made.run()
    assert result.records_failed == 1
    (found_again,) = await read_letters(made.cluster, made.plan)
    assert found_again.letter.id == found.letter.id and found_again.letter.offset > found.letter.offset
    assert (found_again.written, found_again.replayed_at) == (2, None)


async def test_what_a_killed_replay_left_open_is_never_seen(bench: Callable[..., Any]) -> None:
    made = bench()
    await made.ensure()
    await write(made, letter(made, 0), letter(made, 1))
    pipeline = made.plan.pipeline
    killed = made.cluster.producer(transactional_id=f"{pipeline.name}.replay")
    await killed.start()
    await killed.begin_transaction()
    await killed.send_and_wait(pipeline.raw_topic, b"half done", partition=0)
    assert (await replay(made.cluster, made.plan)).sent == 2
    assert sorted(message.value for message in await raw(made)) == [b'{"n":0}', b'{"n":1}']
    with pytest.raises(ProducerFenced):
        await killed.send_and_wait(pipeline.raw_topic, b"late", partition=0)
        await killed.commit_transaction()
    await killed.stop()
