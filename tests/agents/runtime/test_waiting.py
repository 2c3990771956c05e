"""Frames that wait: which are taken together, and when there is no use in waiting for more."""

from contextvars import copy_context
from types import SimpleNamespace

import pytest

from penstock.agents.runtime.waiting import Arrival, Waiting
from penstock.codecs.frame import Frame, encode
from penstock.model.record import Kept


def frame(first: int, last: int, epoch: int = 0, *, genesis: bool = False, topic: str = "id") -> Frame:
    return Frame(topic, epoch, first, last, last, genesis, [Kept(n, 0, b"{}", {}) for n in range(first, last + 1)])


def arrival(offset: int, one: Frame) -> Arrival:
    event = SimpleNamespace(value=encode(one), message=SimpleNamespace(offset=offset))
    return Arrival(None, event, copy_context())


def taken(waiting: Waiting, *behind: Arrival) -> tuple[Frame, list[int]]:
    """What is taken with frame 0 to 1 at offset 7, and the offsets of the messages."""
    arrivals = [arrival(7, frame(0, 1, genesis=True))]
    for one in behind:
        waiting.put(one)
    joined = waiting.joined(arrivals, frame(0, 1, genesis=True))
    return joined, [one.offset for one in arrivals]


def test_what_follows_is_taken_as_one_that_names_the_input_and_the_start_of_the_first() -> None:
    joined, offsets = taken(Waiting(10, 10_000), arrival(8, frame(2, 2)), arrival(9, frame(3, 5)))
    assert (joined.first, joined.last, joined.input, joined.genesis) == (0, 5, 1, True)
    assert [entry.offset for entry in joined.entries] == [0, 1, 2, 3, 4, 5] and offsets == [7, 8, 9]


@pytest.mark.parametrize(
    "behind",
    [
        arrival(9, frame(2, 2)),
        arrival(8, frame(1, 2)),
        arrival(8, frame(3, 3)),
        arrival(8, frame(2, 2, epoch=1)),
        arrival(8, frame(2, 2, topic="other")),
        arrival(8, frame(2, 2, genesis=True)),
        arrival(8, frame(2, 6)),
    ],
    ids=["a message was skipped", "overlaps", "hole", "epoch", "topic", "genesis", "too many records"],
)
def test_what_does_not_follow_waits(behind: Arrival) -> None:
    waiting = Waiting(5, 10_000)
    joined, offsets = taken(waiting, behind, arrival(10, frame(7, 7)))
    assert (joined.last, offsets) == (1, [7])
    assert waiting.complete([behind], joined)


def test_no_more_bytes_than_a_frame_may_have_are_taken() -> None:
    size = len(encode(frame(2, 2)))
    joined, _ = taken(Waiting(100, len(encode(frame(0, 1))) + size), arrival(8, frame(2, 2)), arrival(9, frame(3, 3)))
    assert joined.last == 2


def test_a_frame_that_is_half_full_does_not_wait_for_more() -> None:
    waiting, mine = Waiting(8, 10_000), [arrival(0, frame(0, 3))]
    assert waiting.complete(mine, frame(0, 3))
    assert not waiting.complete(mine, frame(0, 2))
    assert Waiting(100, 2 * len(mine[0].data)).complete(mine, frame(0, 3))


async def test_who_waits_is_told_of_what_comes() -> None:
    waiting = Waiting(8, 10_000)
    one = arrival(0, frame(0, 3))
    waiting.put(one)
    assert await waiting.get() is one
